"""Logins: who gets in, who does not, why, and at what cost."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ftpsd.auth import passwords, refusals
from ftpsd.auth.account import Account, AccountsUnavailable, LoginResult
from ftpsd.auth.chain import Authenticator
from ftpsd.auth.pam import Pam, PamUnanswered, PamUnavailable
from ftpsd.auth.passwords import hash_password
from ftpsd.auth.selection import Selection
from ftpsd.auth.unix import Shadow
from ftpsd.errors import ConfigError
from ftpsd.reasons.codes import Code, Good
from ftpsd.settings.account_files import AccountFile
from ftpsd.settings.auth import AuthSettings
from ftpsd.settings.login_values import NamedPassword
from ftpsd.settings.model import AnonymousSection, Settings
from tests.auth.support import CHEAP, ImaginarySystem, account, replace, user_line, write

PEER = "client.example [192.0.2.7] to 127.0.0.1:21"


class ImaginaryPam(Pam):
    """Lets in who is in `good` (name → password); remembers whom it was asked about."""

    def __init__(self, good: dict[str, str]) -> None:
        self.good = good
        self.asked: list[str] = []
        self.hosts: set[str] = set()

    def check(self, name: str, password: str, host: str = "") -> tuple[bool, str]:
        self.asked.append(name)
        self.hosts.add(host)
        ok = self.good.get(name) == password
        return ok, "Success" if ok else "Authentication failure"


def no_pam(service: str) -> Pam:
    raise PamUnavailable(f"there is no PAM service '{service}'", "Set AuthPAMConfig, or AuthPAM off")


@pytest.fixture(autouse=True)
def _rules_of_this_machine_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "shell_is_valid", lambda shell: shell == "/bin/sh")
    monkeypatch.setattr(refusals, "listed_in_ftpusers", lambda name: name == "banned")


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The settings of all hashes that were computed."""
    passwords.stand_in()
    real, done = passwords.crypt, []

    def counted(password: bytes, setting: bytes) -> bytes | None:
        hashed = real(password, setting)
        if hashed is not None:
            done.append(setting)
        return hashed

    monkeypatch.setattr(passwords, "crypt", counted)
    return done


SYSTEM_USERS = (
    account("sys", source="system", uid=500), account("root", source="system", uid=0, gid=0, groups=(0,)),
    account("old", source="system"), account("gone", source="system"), account("blank", source="system"),
    account("both", source="system", uid=777), account("noshadow", source="system"),
)
SHADOWS = {
    "sys": Shadow(CHEAP), "root": Shadow(CHEAP), "old": Shadow(CHEAP, 19_000, 90, 30),
    "gone": Shadow(CHEAP, expires=19_000), "blank": Shadow(""),
    "both": Shadow(hash_password("system", "md5")),
}


def system() -> ImaginarySystem:
    return ImaginarySystem(*SYSTEM_USERS, shadows=SHADOWS)


def authenticator(
    tmp_path: Path, *lines: str, groups: tuple[str, ...] = (), pam: Callable[[str], Pam] = no_pam,
    notes: list[str] | None = None, **changes: Any,
) -> Authenticator:
    fields: dict[str, Any] = {"auth_pam": False, **changes}
    if lines:
        fields["auth_user_file"] = AccountFile(write(tmp_path / "users", *lines))
    if groups:
        fields["auth_group_file"] = AccountFile(write(tmp_path / "groups", *groups))
    note = notes.append if notes is not None else lambda text: None
    return Authenticator(AuthSettings(**fields), note=note, system=system(), pam=pam)


def log_in(chain_: Authenticator, user: str, password: str = "geheim") -> LoginResult:
    return chain_.check(chain_.lookup(user), password, PEER, user=user)


FILE_USERS = (
    user_line("alice"), user_line("locked", password="!" + CHEAP), user_line("star", password="*"),
    user_line("toor", uid=0), user_line("noshell", shell="/bin/false"), user_line("banned"),
    user_line("homeless", home=""), user_line("empty", password=""), user_line("both"),
    user_line("yescrypt", password=hash_password("geheim", "yescrypt", cost=1)),
)

OUTCOMES = [
    ("alice", "geheim", "login-ok", "USER alice: Login successful."),
    ("alice", "wrong", "login-wrong-password", "USER alice (Login failed): Incorrect password"),
    ("alice", "", "login-empty-password", "Refusing empty password from user 'alice'"),
    ("yescrypt", "geheim", "login-ok", "USER yescrypt: Login successful."),
    ("nobody there", "geheim", "login-unknown-user", f"USER nobody there: no such user found from {PEER}"),
    ("Alice", "geheim", "login-unknown-user", f"USER Alice: no such user found from {PEER}"),
    ("locked", "geheim", "login-wrong-password", "USER locked (Login failed): Incorrect password"),
    ("star", "*", "login-wrong-password", "USER star (Login failed): Incorrect password"),
    ("empty", "", "login-unknown-user", f"USER empty: no such user found from {PEER}"),
    ("toor", "geheim", "login-root-denied", "SECURITY VIOLATION: Root login attempted"),
    ("toor", "wrong", "login-root-denied", "SECURITY VIOLATION: Root login attempted"),
    ("noshell", "geheim", "login-invalid-shell", "USER noshell (Login failed): Invalid shell: '/bin/false'"),
    ("noshell", "wrong", "login-wrong-password", "USER noshell (Login failed): Incorrect password"),
    ("banned", "geheim", "login-ftpusers", "USER banned (Login failed): User in /etc/ftpusers"),
    ("homeless", "geheim", "login-no-home", 'error: user homeless home directory is NULL or ""'),
    ("sys", "geheim", "login-ok", "USER sys: Login successful."),
    ("sys", "wrong", "login-wrong-password", "USER sys (Login failed): Incorrect password"),
    ("root", "geheim", "login-root-denied", "SECURITY VIOLATION: Root login attempted"),
    ("old", "geheim", "login-password-expired", "USER old (Login failed): Password expired"),
    ("old", "wrong", "login-wrong-password", "USER old (Login failed): Incorrect password"),
    ("gone", "geheim", "login-account-expired", "USER gone (Login failed): Account disabled"),
    ("blank", "anything", "login-wrong-password", "USER blank (Login failed): Incorrect password"),
    ("blank", "", "login-empty-password", "Refusing empty password from user 'blank'"),
    ("noshadow", "geheim", "login-wrong-password", "USER noshadow (Login failed): Incorrect password"),
    ("both", "geheim", "login-ok", "USER both: Login successful."),
    ("both", "system", "login-wrong-password", "USER both (Login failed): Incorrect password"),
]


@pytest.mark.parametrize(("user", "password", "reason", "log"), OUTCOMES)
def test_outcomes(
    tmp_path: Path, hashes: list[bytes], user: str, password: str, reason: str, log: str,
) -> None:
    result = log_in(authenticator(tmp_path, *FILE_USERS), user, password)
    assert (result.reason, result.log, result.ok) == (reason, log, reason == "login-ok")
    assert password not in result.log or password in ("", "*")
    assert len(hashes) == 1, "the cost tells nobody who exists"


@pytest.mark.parametrize("user", ["alice", "nobody there", "locked", "star", "toor", "noshell", "banned"])
def test_known_and_unknown_users_cost_a_hash_of_the_same_kind(
    tmp_path: Path, hashes: list[bytes], user: str,
) -> None:
    log_in(authenticator(tmp_path, *FILE_USERS), user, "wrong")
    assert [setting[:15] for setting in hashes] == [b"$6$rounds=1000$"]


def test_who_vouched_is_known(tmp_path: Path) -> None:
    subject = authenticator(tmp_path, *FILE_USERS)
    assert log_in(subject, "alice").method == "mod_auth_file.c"
    assert log_in(subject, "sys").method == "mod_auth_unix.c"
    assert log_in(subject, "sys", "wrong").method == ""


@pytest.mark.parametrize(
    ("changes", "user", "reason"),
    [
        ({"root_login": True}, "toor", "login-ok"),
        ({"root_login": True}, "root", "login-ok"),
        ({"require_valid_shell": False}, "noshell", "login-ok"),
        ({"use_ftp_users": False}, "banned", "login-ok"),
    ])
def test_rules_can_be_switched_off(
    tmp_path: Path, changes: dict[str, Any], user: str, reason: str,
) -> None:
    assert log_in(authenticator(tmp_path, *FILE_USERS, **changes), user).reason == reason


def test_the_settings_of_the_login_replace_the_hosts(tmp_path: Path) -> None:
    subject = authenticator(tmp_path, *FILE_USERS)
    relaxed = AuthSettings(require_valid_shell=False)
    assert subject.check(subject.lookup("noshell"), "geheim", PEER, settings=relaxed).ok


class TestOrder:
    """AuthOrder: who supplies the account of "both", which the file and the system know."""

    @pytest.mark.parametrize(
        ("order", "both", "sys", "alice"),
        [
            ((), "file", "system", "file"),
            (("mod_auth_file.c",), "file", None, "file"),
            (("mod_auth_unix.c",), "system", "system", None),
            (("mod_auth_unix.c", "mod_auth_file.c"), "system", "system", "file"),
            (("mod_auth_file.c", "mod_auth_unix.c"), "file", "system", "file"),
            (("mod_auth_file.c*", "mod_auth_unix.c"), "file", None, "file"),
            (("mod_auth_unix.c*", "mod_auth_file.c"), "system", "system", None),
            (("mod_auth_pam.c*", "mod_auth_unix.c"), "system", "system", None),
            (("mod_auth_pam.c",), None, None, None),
        ])
    def test_sources(
        self, tmp_path: Path, order: tuple[str, ...], both: str | None, sys: str | None, alice: str | None,
    ) -> None:
        subject = authenticator(tmp_path, *FILE_USERS, auth_order=order)
        found = [subject.lookup(user) for user in ("both", "sys", "alice")]
        assert [account.source if account else None for account in found] == [both, sys, alice]

    def test_only_the_source_of_the_account_checks_its_password(self, tmp_path: Path) -> None:
        subject = authenticator(tmp_path, *FILE_USERS, auth_order=("mod_auth_unix.c", "mod_auth_file.c"))
        assert log_in(subject, "both", "system").ok
        assert not log_in(subject, "both", "geheim").ok


class TestPam:
    """PAM is asked first and need not be the last."""

    def make(self, tmp_path: Path, pam: ImaginaryPam, **changes: Any) -> Authenticator:
        return authenticator(tmp_path, *FILE_USERS, pam=lambda service: pam, auth_pam=True, **changes)

    def test_system_users_may_come_by_pam_or_by_shadow(self, tmp_path: Path) -> None:
        pam = ImaginaryPam({"sys": "from ldap"})
        notes: list[str] = []
        subject = self.make(tmp_path, pam, notes=notes)
        assert log_in(subject, "sys", "from ldap").method == "mod_auth_pam.c"
        assert log_in(subject, "sys", "geheim").method == "mod_auth_unix.c"
        assert not log_in(subject, "sys", "wrong").ok
        assert pam.asked == ["sys"] * 3
        assert [note for note in notes if "PAM" in note] == ["PAM(sys): Authentication failure"] * 2

    @pytest.mark.parametrize(("order", "password", "reason"), [
        ((), "geheim", Good.LOGIN_OK), ((), "wrong", Code.LOGIN_OVERLOAD),
        (("mod_auth_pam.c*", "mod_auth_unix.c"), "geheim", Code.LOGIN_OVERLOAD),
    ])
    def test_no_answer_of_pam_is_no_wrong_password(
        self, tmp_path: Path, order: tuple[str, ...], password: str, reason: Code | Good
    ) -> None:
        class Silent(ImaginaryPam):
            def check(self, name: str, password: str, host: str = "") -> tuple[bool, str]:
                raise PamUnanswered("a module has crashed")

        notes: list[str] = []
        subject = self.make(tmp_path, Silent({}), notes=notes, auth_order=order)
        result = log_in(subject, "sys", password)
        assert result.reason is reason
        assert "PAM(sys): a module has crashed" in notes
        assert ("a module has crashed" in result.log) is not result.ok

    def test_pam_hears_from_where_the_client_comes(self, tmp_path: Path) -> None:
        pam = ImaginaryPam({"sys": "geheim"})
        assert log_in(self.make(tmp_path, pam), "sys", "geheim").ok
        assert pam.hosts == {"client.example"}

    def test_users_of_the_file_are_not_asked_of_pam(self, tmp_path: Path) -> None:
        pam = ImaginaryPam({"both": "system", "alice": "other"})
        subject = self.make(tmp_path, pam)
        assert not log_in(subject, "both", "system").ok
        assert not log_in(subject, "alice", "other").ok
        assert log_in(subject, "alice").ok
        assert pam.asked == []

    def test_unless_the_order_says_so(self, tmp_path: Path) -> None:
        pam = ImaginaryPam({"alice": "other"})
        subject = self.make(tmp_path, pam, auth_order=("mod_auth_pam.c", "mod_auth_file.c"))
        assert log_in(subject, "alice", "other").method == "mod_auth_pam.c"
        assert log_in(subject, "alice", "geheim").method == "mod_auth_file.c"
        assert log_in(subject, "nobody", "geheim").reason == "login-unknown-user"
        assert pam.asked == ["alice", "alice", "nobody"]

    def test_a_final_no_is_final(self, tmp_path: Path) -> None:
        pam = ImaginaryPam({"sys": "from ldap"})
        subject = self.make(tmp_path, pam, auth_order=("mod_auth_pam.c*", "mod_auth_unix.c"))
        assert log_in(subject, "sys", "from ldap").ok
        assert log_in(subject, "sys", "geheim").reason == "login-wrong-password"

    def test_pam_decides_about_expiry_where_it_says_yes(self, tmp_path: Path) -> None:
        subject = self.make(tmp_path, ImaginaryPam({"old": "geheim"}))
        assert log_in(subject, "old").ok

    def test_hopeless_logins_do_not_bother_pam(self, tmp_path: Path) -> None:
        pam = ImaginaryPam({"root": "geheim", "blank": "anything", "sys": ""})
        subject = self.make(tmp_path, pam)
        assert log_in(subject, "root").reason == "login-root-denied"
        assert log_in(subject, "sys", "").reason == "login-empty-password"
        assert log_in(subject, "blank", "anything").reason == "login-wrong-password"
        assert pam.asked == []

    def test_without_a_file_unknown_users_cost_a_question_too(self, tmp_path: Path) -> None:
        pam = ImaginaryPam({})
        subject = authenticator(tmp_path, pam=lambda service: pam, auth_pam=True)
        log_in(subject, "nobody", "x")
        assert pam.asked == ["nobody"]

    def test_pam_that_is_missing_is_a_notice(self, tmp_path: Path) -> None:
        subject = authenticator(tmp_path, *FILE_USERS, auth_pam=True)
        notices = subject.prepare()
        assert notices[-1:] == (
            "notice: AuthPAM: there is no PAM service 'proftpd'; system users are checked without it. Set "
            "AuthPAMConfig, or AuthPAM off",)
        assert log_in(subject, "sys").ok

    @pytest.mark.parametrize("source", ["mod_auth_unix.c", "mod_auth_file.c"])
    def test_pam_that_is_missing_and_final_lets_nobody_in(self, tmp_path: Path, source: str) -> None:
        """With a `*` nothing but PAM counts: no hash takes its place, and the server does not start."""
        notes: list[str] = []
        subject = authenticator(
            tmp_path, *FILE_USERS, auth_pam=True, auth_order=("mod_auth_pam.c*", source), notes=notes)
        with pytest.raises(ConfigError, match="AuthOrder: there is no PAM service 'proftpd'; nobody could") as caught:
            subject.prepare()
        assert caught.value.remedy == "Set AuthPAMConfig, or AuthPAM off."
        assert log_in(subject, "both", "system" if source == "mod_auth_unix.c" else "geheim").reason == (
            "login-wrong-password")
        assert notes[0].startswith("PAM(both): there is no PAM service 'proftpd'")
        order = ("mod_auth_pam.c", source)
        assert log_in(authenticator(tmp_path, *FILE_USERS, auth_pam=True, auth_order=order), "sys").ok is (
            source == "mod_auth_unix.c")

    def test_an_empty_password_is_no_way_round_a_final_pam(self, tmp_path: Path) -> None:
        nothing = passwords.crypt(b"", b"$5$rounds=1000$x$")
        assert nothing is not None
        subject = authenticator(
            tmp_path, user_line("nil", password=nothing.decode()), auth_pam=True,
            pam=lambda service: ImaginaryPam({}), auth_order=("mod_auth_pam.c*", "mod_auth_file.c"),
            allow_empty_passwords=True)
        assert log_in(subject, "nil", "").reason == "login-wrong-password"

    @pytest.mark.parametrize("changes", [
        {"auth_pam": False}, {"auth_pam": True, "auth_order": ("mod_auth_file.c", "mod_auth_unix.c")},
        {"auth_pam": True, "auth_order": ("mod_auth_file.c",)}])
    def test_pam_that_nobody_wants_is_not_even_looked_for(
        self, tmp_path: Path, changes: dict[str, Any],
    ) -> None:
        assert "AuthPAM" not in " ".join(authenticator(tmp_path, *FILE_USERS, **changes).prepare())


class TestGroups:
    """Groups of a user of the AuthUserFile."""

    GROUPS = ("users:x:1001:", "staff:x:50:alice,bob", "web:x:52:alice", "other:x:53:bob", "again:x:50:alice")

    def test_primary_first_then_those_that_list_him(self, tmp_path: Path) -> None:
        found = authenticator(tmp_path, user_line("alice"), groups=self.GROUPS).lookup("alice")
        assert found is not None
        assert found.groups == (1001, 50, 52)
        assert found.group_names == ("users", "staff", "web", "again")

    def test_without_a_group_file_only_the_primary_one(self, tmp_path: Path) -> None:
        found = authenticator(tmp_path, user_line("alice", gid=4_000_000)).lookup("alice")
        assert found is not None
        assert (found.groups, found.group_names) == ((4_000_000,), ())

    def test_the_system_names_a_primary_group_that_the_file_does_not(self, tmp_path: Path) -> None:
        found = authenticator(tmp_path, user_line("alice", gid=0), groups=self.GROUPS).lookup("alice")
        assert found is not None
        assert found.groups == (0, 50, 52)
        assert found.group_names[0] == "root"

    def test_changes_of_the_group_file_count_at_the_next_login(self, tmp_path: Path) -> None:
        subject = authenticator(tmp_path, user_line("alice"), groups=self.GROUPS)
        subject.lookup("alice")
        replace(tmp_path / "groups", "new:x:99:alice")
        found = subject.lookup("alice")
        assert found is not None
        assert found.groups == (1001, 99)


    def test_a_group_file_that_cannot_be_read_lets_nobody_in(self, tmp_path: Path) -> None:
        """Between an editor's rename and its writing, say: rules about groups would not find their members."""
        notes: list[str] = []
        subject = authenticator(tmp_path, user_line("alice"), groups=self.GROUPS, notes=notes)
        subject.prepare()
        path = tmp_path / "groups"
        path.rename(tmp_path / "groups~")
        for user in ("alice", "sys", "nobody-there"):
            with pytest.raises(AccountsUnavailable) as caught:
                subject.lookup(user)
            assert (caught.value.code, caught.value.reason) == (530, Code.AUTH_FILE_UNUSABLE)
            assert caught.value.log == (
                f"AuthGroupFile '{path}' cannot be read, and nobody knows who is in which group",)
        assert notes[0] == f"error: unable to open AuthGroupFile file '{path}': No such file or directory"
        with pytest.raises(AccountsUnavailable):
            subject.with_group(account("ftp"), "web")
        assert subject.home_of("alice") == "/srv/ftp"
        (tmp_path / "groups~").rename(path)
        found = subject.lookup("alice")
        assert found is not None
        assert found.groups == (1001, 50, 52)

    def test_a_user_file_that_cannot_be_read_makes_nobody_unknown(self, tmp_path: Path) -> None:
        notes: list[str] = []
        subject = authenticator(tmp_path, user_line("alice"), notes=notes)
        subject.prepare()
        alice = subject.lookup("alice")
        path = tmp_path / "users"
        path.rename(tmp_path / "users~")
        for user in ("alice", "nobody-there"):
            with pytest.raises(AccountsUnavailable) as caught:
                subject.lookup(user)
            assert (caught.value.reason, caught.value.others) == (Code.AUTH_FILE_UNUSABLE, True)
            assert caught.value.log == (f"AuthUserFile '{path}' cannot be read",)
        assert log_in(subject, "sys").ok
        assert subject.home_of("alice") is None
        assert subject.check(alice, "geheim", PEER).reason == Code.AUTH_FILE_UNUSABLE
        assert notes[0] == f"error: unable to open AuthUserFile file '{path}': No such file or directory"
        (tmp_path / "users~").rename(path)
        assert log_in(subject, "alice").ok


class TestLists:
    """Lists that keep somebody out, and cannot be read."""

    @pytest.mark.parametrize("listing", ["shell_is_valid", "listed_in_ftpusers"])
    def test_nobody_passes_a_list_that_cannot_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: str,
    ) -> None:
        def broken(word: str) -> bool:
            raise OSError(errno.EMFILE, "Too many open files", "/etc/list")

        monkeypatch.setattr(refusals, listing, broken)
        result = log_in(authenticator(tmp_path, user_line("alice")), "alice")
        assert (result.ok, result.reason) == (False, Code.AUTH_FILE_UNUSABLE)
        assert result.log == "USER alice (Login failed): unable to read '/etc/list': Too many open files"
        assert not log_in(authenticator(tmp_path, user_line("alice")), "alice", "wrong").ok
        rule: dict[str, Any] = {"require_valid_shell" if listing == "shell_is_valid" else "use_ftp_users": False}
        assert log_in(authenticator(tmp_path, user_line("alice"), **rule), "alice").ok


class TestExpiry:
    """The last day of an account of the system ends every way in."""

    def test_without_a_password(self, tmp_path: Path) -> None:
        """A certificate."""
        subject = authenticator(tmp_path, *FILE_USERS)
        for user, reason in (("gone", Code.LOGIN_ACCOUNT_EXPIRED), ("old", Good.LOGIN_OK), ("sys", Good.LOGIN_OK)):
            result = subject.check_without_password(subject.lookup(user), PEER, user=user)
            assert result.reason == reason, user
        result = subject.check_without_password(subject.lookup("gone"), PEER, user="gone")
        assert result.log == "USER gone (Login failed): Account disabled"

    def test_an_anonymous_login_is_nobodys(self, tmp_path: Path) -> None:
        """The system's own accounts are often locked so."""
        subject = authenticator(tmp_path)
        section = AnonymousSection(root="~ftp", settings=Settings(auth=AuthSettings()), user="gone")
        assert subject.login(Selection("anonymous", "gone", section), "x@example.org", PEER).ok

    def test_a_password_of_the_configuration(self, tmp_path: Path) -> None:
        words = tuple(NamedPassword(user, CHEAP) for user in ("gone", "sys"))
        subject = authenticator(tmp_path, user_password=words)
        assert log_in(subject, "sys").ok
        assert log_in(subject, "gone").reason == Code.LOGIN_ACCOUNT_EXPIRED
        assert log_in(subject, "gone", "wrong").reason == Code.LOGIN_WRONG_PASSWORD

    def test_pam_has_looked_itself(self, tmp_path: Path) -> None:
        subject = authenticator(tmp_path, auth_pam=True, pam=lambda service: ImaginaryPam({"gone": "geheim"}))
        assert log_in(subject, "gone").ok

    def test_a_namesake_in_a_file_is_somebody_else(self, tmp_path: Path) -> None:
        assert log_in(authenticator(tmp_path, user_line("gone")), "gone").ok

    @pytest.mark.parametrize(("error", "ok"), [
        (FileNotFoundError(errno.ENOENT, "No such file", "/etc/shadow"), True),
        (PermissionError(errno.EACCES, "Permission denied", "/etc/shadow"), True),
        (OSError(errno.EMFILE, "Too many open files", "/etc/shadow"), False),
    ])
    def test_a_shadow_that_cannot_be_read(self, tmp_path: Path, error: OSError, ok: bool) -> None:
        class Unreadable(ImaginarySystem):
            def listed(self, name: str) -> Shadow | None:
                raise error

        subject = Authenticator(AuthSettings(auth_pam=False), system=Unreadable(*SYSTEM_USERS))
        result = subject.check_without_password(subject.lookup("sys"), PEER, user="sys")
        assert (result.ok, result.reason == Code.AUTH_FILE_UNUSABLE) == (ok, not ok)


def test_a_changed_password_counts_at_once(tmp_path: Path) -> None:
    subject = authenticator(tmp_path, user_line("alice"))
    assert log_in(subject, "alice", "geheim").ok
    replace(tmp_path / "users", user_line("alice", password=hash_password("neu", "md5")))
    assert not log_in(subject, "alice", "geheim").ok
    assert log_in(subject, "alice", "neu").ok
    replace(tmp_path / "users", user_line("bob"))
    assert log_in(subject, "alice", "neu").reason == "login-unknown-user"


def test_a_user_removed_between_user_and_pass_is_refused(tmp_path: Path) -> None:
    subject = authenticator(tmp_path, user_line("alice"), user_line("bob"))
    alice = subject.lookup("alice")
    replace(tmp_path / "users", user_line("bob"))
    assert subject.check(alice, "geheim", PEER).reason == "login-wrong-password"


def test_bad_lines_are_told_once_per_change(tmp_path: Path) -> None:
    notes: list[str] = []
    subject = authenticator(tmp_path, user_line("alice"), "rubbish", notes=notes)
    (notice,) = subject.prepare()
    assert notice.startswith(f"AuthUserFile: line 2 of '{tmp_path}/users' skipped")
    assert log_in(subject, "alice").ok
    assert notes == []
    replace(tmp_path / "users", "more rubbish", user_line("alice"))
    assert log_in(subject, "alice").ok
    assert len(notes) == 1


def test_files_that_others_could_read_stop_the_start(tmp_path: Path) -> None:
    subject = authenticator(tmp_path, user_line("alice"))
    (tmp_path / "users").chmod(0o644)
    with pytest.raises(ConfigError, match="world-readable"):
        subject.prepare()


def test_a_missing_group_file_stops_the_start(tmp_path: Path) -> None:
    subject = authenticator(tmp_path, user_line("alice"), groups=("staff:x:50:",))
    (tmp_path / "groups").unlink()
    with pytest.raises(ConfigError, match="AuthGroupFile"):
        subject.prepare()


def test_too_many_checks_at_once_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(password: bytes, setting: bytes) -> bytes | None:
        raise TimeoutError("too many passwords are being checked at the same time")

    subject = authenticator(tmp_path, user_line("alice"))
    monkeypatch.setattr(passwords, "crypt", busy)
    result = log_in(subject, "alice")
    assert (result.ok, result.reason) == (False, "login-overload")


def test_logins_at_the_same_time_while_the_file_changes(tmp_path: Path) -> None:
    lines = [user_line(f"u{n}", uid=2000 + n, password=hash_password(f"p{n}", "md5")) for n in range(20)]
    subject = authenticator(tmp_path, *lines)

    def attempt(n: int) -> tuple[bool, bool, int]:
        if n % 10 == 0:
            replace(tmp_path / f"users{n}", *lines)
            os.replace(tmp_path / f"users{n}", tmp_path / "users")
        good = log_in(subject, f"u{n % 20}", f"p{n % 20}")
        bad = log_in(subject, f"u{n % 20}", f"p{(n + 1) % 20}")
        return good.ok, bad.ok, good.account.uid if good.account else -1

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(attempt, range(200)))
    assert [ok for ok, _, _ in results] == [True] * 200
    assert not any(bad for _, bad, _ in results)
    assert [uid for _, _, uid in results] == [2000 + n % 20 for n in range(200)]


class TestAnonymous:
    """PASS after a USER that selected an <Anonymous> section."""

    def section(self, **auth: Any) -> AnonymousSection:
        settings = Settings(auth=AuthSettings(**auth))
        return AnonymousSection(root="~ftp", settings=settings, user="ftp", group="web")

    @pytest.fixture
    def subject(self, tmp_path: Path) -> Authenticator:
        return authenticator(
            tmp_path, user_line("ftp", shell="/bin/sh"), user_line("daemon", shell="/bin/false"),
            user_line("zero", uid=0), groups=("web:x:52:", "users:x:1001:"))

    @pytest.mark.parametrize("password", ["me@example.org", "", "anything at all", "x" * 5000])
    def test_any_password_will_do(self, subject: Authenticator, hashes: list[bytes], password: str) -> None:
        result = subject.login(Selection("anonymous", "ftp", self.section()), password, PEER)
        assert result.ok
        assert result.log == "ANON ftp: Login successful."
        assert hashes == []

    def test_the_group_of_the_section_is_the_primary_one(self, subject: Authenticator) -> None:
        result = subject.login(Selection("anonymous", "ftp", self.section()), "x", PEER)
        assert result.account is not None
        assert (result.account.gid, result.account.groups) == (52, (52, 1001))
        assert result.account.group_names == ("web", "users")

    def test_a_group_that_is_missing_changes_nothing(self, subject: Authenticator) -> None:
        found = account("ftp")
        assert subject.with_group(found, "no such group") is found

    def test_the_rules_of_the_section_hold(self, subject: Authenticator) -> None:
        strict, lax = self.section(), self.section(require_valid_shell=False, root_login=True)
        assert subject.login(Selection("d", "daemon", strict), "x", PEER).reason == "login-invalid-shell"
        assert subject.login(Selection("d", "daemon", lax), "x", PEER).ok
        assert subject.login(Selection("z", "zero", strict), "x", PEER).reason == "login-root-denied"
        assert subject.login(Selection("z", "zero", lax), "x", PEER).ok

    def test_a_section_that_wants_the_password(self, subject: Authenticator, hashes: list[bytes]) -> None:
        section = self.section(anon_require_password=True)
        assert subject.login(Selection("anonymous", "ftp", section), "geheim", PEER).ok
        refused = subject.login(Selection("anonymous", "ftp", section), "me@example.org", PEER)
        assert refused.log == "USER anonymous (Login failed): Incorrect password"
        assert len(hashes) == 2

    def test_a_user_who_does_not_exist(self, subject: Authenticator) -> None:
        result = subject.login(Selection("anonymous", "missing", self.section()), "x", PEER)
        assert result == LoginResult(
            False, None, Code.LOGIN_UNKNOWN_USER, f"USER missing: no such user found from {PEER}")


def test_login_goes_by_the_real_name_and_speaks_of_the_given_one(tmp_path: Path) -> None:
    subject = authenticator(tmp_path, user_line("alice"))
    assert subject.login(Selection("boss", "alice"), "geheim", PEER).log == "USER alice: Login successful."
    assert subject.login(Selection("boss", "alice"), "no", PEER).log == (
        "USER boss (Login failed): Incorrect password")


def test_home_of(tmp_path: Path) -> None:
    subject = authenticator(tmp_path, user_line("alice", home="/srv/alice"))
    assert subject.home_of("alice") == "/srv/alice"
    assert subject.home_of("nobody there") is None


def test_an_account_shows_no_hash(tmp_path: Path) -> None:
    found = authenticator(tmp_path, user_line("alice")).lookup("alice")
    assert isinstance(found, Account)
    assert CHEAP not in repr(found)


def test_file_options(tmp_path: Path) -> None:
    """AuthFileOptions: SyntaxCheck refuses broken lines, InsecurePerms allows what everybody may read."""
    lines = (user_line("alice"), "broken")
    (notice,) = authenticator(tmp_path, *lines).prepare()
    assert "line 2" in notice
    with pytest.raises(ConfigError, match="line 2"):
        authenticator(tmp_path, *lines, auth_file_options=frozenset({"SyntaxCheck"})).prepare()
    for options in ((), ("InsecurePerms",)):
        subject = authenticator(tmp_path, user_line("alice"), auth_file_options=frozenset(options))
        (tmp_path / "users").chmod(0o644)
        with pytest.raises(ConfigError, match="world-readable") if not options else contextlib.nullcontext():
            subject.prepare()

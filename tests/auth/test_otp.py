"""One-time passwords: the RFCs' values, that a code is good once, and where logins want one."""

from __future__ import annotations

import base64
import errno
import multiprocessing
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.auth import files, otp, passwords
from ftpsd.auth.account import AccountsUnavailable
from ftpsd.auth.chain import Authenticator
from ftpsd.auth.otp import Entry, QueriedTable, Table, next_counter
from ftpsd.cli import otp as program
from ftpsd.errors import ConfigError, FtpsdError
from ftpsd.reasons.codes import Code
from ftpsd.settings.account_files import AccountFile
from ftpsd.settings.auth import AuthSettings
from ftpsd.settings.otp import OTPSettings, OTPTable
from ftpsd.sql.errors import Failed, Unavailable
from tests.auth.support import ImaginarySystem, account, user_line, write

KEY = b"12345678901234567890"
B32 = base64.b32encode(KEY).decode()
PEER = "client.example [192.0.2.7] to 127.0.0.1:21"


def code(counter: int, key: bytes = KEY) -> str:
    return HOTP(key, 6, hashes.SHA1()).generate(counter).decode()


def silent(text: str) -> None:
    pytest.fail(text)


@pytest.mark.parametrize(("counter", "value"), list(enumerate(
    ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"])))
def test_hotp(counter: int, value: str) -> None:
    """RFC 4226 appendix D."""
    assert next_counter(Entry("a", KEY, counter), value, "hotp", 0) == counter + 1
    assert next_counter(Entry("a", KEY, counter + 1), value, "hotp", 0) is None
    assert next_counter(Entry("a", KEY, 0), value, "hotp", 0) == counter + 1


TIMES = [
    (59, "94287082", "46119246", "90693936"), (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"), (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"), (20000000000, "65353130", "77737706", "47863826"),
]


@pytest.mark.parametrize(("now", "sha1", "sha256", "sha512"), TIMES)
def test_totp(now: int, sha1: str, sha256: str, sha512: str) -> None:
    """RFC 6238 appendix B, the last six of its eight digits; its keys are as long as the hash."""
    for algorithm, value, size in (("totp", sha1, 20), ("totp-sha256", sha256, 32), ("totp-sha512", sha512, 64)):
        entry = Entry("a", (KEY * 4)[:size], 0)
        assert next_counter(entry, value[2:], algorithm, now) == now // 30 + 1
        assert next_counter(entry, value[2:], algorithm, now + 30) == now // 30 + 1
        assert next_counter(entry, value[2:], algorithm, now - 30) == now // 30 + 1
        assert next_counter(entry, value[2:], algorithm, now + 90) is None
        assert now < 90 or next_counter(entry, value[2:], algorithm, now - 90) is None
        assert next_counter(Entry("a", entry.secret, now // 30 + 1), value[2:], algorithm, now) is None


def test_codes_ahead() -> None:
    assert next_counter(Entry("a", KEY, 3), code(12), "hotp", 0) == 13
    assert next_counter(Entry("a", KEY, 3), code(13), "hotp", 0) is None


@settings(deadline=None)
@given(st.text(max_size=12) | st.sampled_from(["", "75522", "7552244", " 755224", "755224\n", "７５５２２４"]))
def test_nothing_else_is_a_code(text: str) -> None:
    assert text == "755224" or next_counter(Entry("a", KEY, 0), text, "hotp", 0) in (None, *range(2, 11))


@pytest.mark.parametrize(("text", "secret"), [
    (B32, KEY), (B32.lower(), KEY), ("GEZD GNBV-GY3T QOJQ GEZDGNBVGY3TQOJQ", KEY), ("", None), ("1", None), ("ä", None),
])
def test_secrets(text: str, secret: bytes | None) -> None:
    assert otp.decode_secret(text) == secret


def test_the_table() -> None:
    text = f"# codes\nalice:{B32}:7\nbob:{B32}\n\nbroken\ncarol:!!:0\ndave:{B32}:x\nalice:{B32}:9\n"
    found = otp.parse(text.encode(), "/t")
    assert {name: entry.counter for name, entry in found.by_name.items()} == {"alice": 7, "bob": 0}
    assert [line.split("'")[0] for line in found.problems] == ["line 5 of ", "line 6 of ", "line 7 of "]
    assert B32 not in repr(found)
    assert otp.set_counter(text.encode(), "bob", 3) == text.replace(f"bob:{B32}", f"bob:{B32}:3").encode()
    assert otp.set_counter(text.encode(), "nobody", 3) == text.encode()
    assert otp.without(text.encode(), "alice").count(b"alice") == 0
    assert otp.parse(otp.set_entry(b"x", Entry("eve", KEY, 0)), "/t").by_name["eve"].secret == KEY


def table(tmp_path: Path, *lines: str, algorithm: str = "hotp", now: float = 0.0) -> Table:
    return Table(write(tmp_path / "otp", *lines), algorithm, str(tmp_path / "lock"), clock=lambda: now)


def test_a_code_is_good_once(tmp_path: Path) -> None:
    subject = table(tmp_path, f"alice:{B32}:0", "# end")
    assert subject.accept("bob", code(0), silent) is None
    assert subject.accept("alice", "000000", silent) is False
    assert subject.accept("alice", code(2), silent) is True
    assert [subject.accept("alice", code(n), silent) for n in (2, 1, 0)] == [False, False, False]
    assert subject.accept("alice", code(3), silent) is True
    assert (tmp_path / "otp").read_text() == f"alice:{B32}:4\n# end\n"
    assert (tmp_path / "otp").stat().st_mode & 0o777 == 0o600


def test_a_time_code_is_good_once(tmp_path: Path) -> None:
    subject = table(tmp_path, f"alice:{B32}", algorithm="totp", now=3000.0)
    assert subject.accept("alice", code(99), silent) is True
    assert subject.accept("alice", code(99), silent) is False
    assert subject.accept("alice", code(101), silent) is True
    assert subject.accept("alice", code(100), silent) is False


def _try(path: str, start: Any, answers: Any) -> None:
    start.wait(30)
    answers.put(Table(path, "hotp").accept("alice", code(0), lambda text: None))


def test_only_one_process_gets_in_with_a_code(tmp_path: Path) -> None:
    path = write(tmp_path / "otp", f"alice:{B32}:0")
    context = multiprocessing.get_context("fork")
    start, answers = context.Event(), context.Queue()
    processes = [context.Process(target=_try, args=(path, start, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    start.set()
    found = [answers.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(30)
    assert sorted(found) == [False, False, False, True]


class Database:
    """Queries over rows in memory; `broken` ones fail."""

    def __init__(self, **rows: tuple[str | None, ...]) -> None:
        self.rows = rows
        self.broken = ""
        self.error = FtpsdError("it is away")

    def __contains__(self, name: str) -> bool:
        return name in ("get", "set")

    def place(self, name: str) -> str:
        return "accounts"

    def run(self, name: str, numbered: Sequence[str] = ()) -> list[tuple[str | None, ...]]:
        if name == self.broken:
            raise self.error
        user = numbered[0]
        if name == "set":
            self.rows[user] = (self.rows[user][0], numbered[1])
            return []
        return [self.rows[user]] if user in self.rows else []


def queried(database: Database, algorithm: str = "hotp", now: float = 0.0) -> QueriedTable:
    subject = QueriedTable(database, ("get", "set"), algorithm, clock=lambda: now)
    assert subject.prepare() == ()
    return subject


def test_a_code_from_a_database_is_good_once() -> None:
    database = Database(alice=(B32, "0"))
    subject = queried(database)
    assert (subject.lacks("alice", silent), subject.lacks("bob", silent)) == (False, True)
    assert subject.accept("bob", code(0), silent) is None
    assert subject.accept("alice", "000000", silent) is False
    assert subject.accept("alice", code(2), silent) is True
    assert [subject.accept("alice", code(n), silent) for n in (2, 1, 0)] == [False, False, False]
    assert database.rows == {"alice": (B32, "3")}


def test_hosts_that_share_a_table_take_turns() -> None:
    """While one of them has a code in hand no other accepts it."""
    second, notes = queried(Database(alice=(B32, "0"))), list[str]()
    second._turns._patience = 0.01

    class Asked(Database):
        def run(self, name: str, numbered: Sequence[str] = ()) -> list[tuple[str | None, ...]]:
            if name == "get":
                with pytest.raises(AccountsUnavailable):
                    second.accept("alice", code(0), notes.append)
            return super().run(name, numbered)

    first = queried(Asked(alice=(B32, "0")))
    try:
        assert first.accept("alice", code(0), silent) is True
        assert notes == ["error: AuthOTPTable: the table is busy"]
    finally:
        otp._locks.clear()


def test_a_time_code_from_a_database() -> None:
    """With a counter it is good once; where the query has none, until its time is over, as with mod_auth_otp."""
    counted, uncounted = queried(Database(alice=(B32, None)), "totp", 3000.0), Database(alice=(B32,))
    assert [counted.accept("alice", code(99), silent) for _ in range(2)] == [True, False]
    uncounted.run = lambda name, numbered=(): [(B32,)] if name == "get" else []  # type: ignore[method-assign]
    assert [queried(uncounted, "totp", 3000.0).accept("alice", code(99), silent) for _ in range(2)] == [True, True]


@pytest.mark.parametrize("row", [("!", "0"), (None, "0"), (B32, "x"), (B32,)])
def test_a_row_that_is_no_entry_lets_nobody_in(row: tuple[str | None, ...]) -> None:
    notes = list[str]()
    subject = queried(Database(alice=row))
    assert subject.accept("alice", code(0), notes.append) is False
    assert "does not return a secret" in notes[0]
    assert subject.lacks("alice", notes.append) is False


@pytest.mark.parametrize("broken", ["get", "set"])
@pytest.mark.parametrize(("error", "reason"), [
    (Unavailable("it is away"), Code.SQL_UNAVAILABLE), (Failed("it is away"), Code.SQL_STATEMENT_FAILED),
    (FtpsdError("it is away"), Code.AUTH_FILE_UNUSABLE),
])
def test_a_database_that_is_away_says_nothing_of_codes(broken: str, error: FtpsdError, reason: Code) -> None:
    database, notes = Database(alice=(B32, "0")), list[str]()
    database.broken, database.error = broken, error
    subject = queried(database)
    with pytest.raises(AccountsUnavailable) as caught:
        subject.accept("alice", code(0), notes.append)
    assert (caught.value.code, caught.value.reason) == (530, reason)
    assert notes == ["error: AuthOTPTable: it is away"]
    if broken == "get":
        with pytest.raises(AccountsUnavailable):
            subject.lacks("alice", notes.append)


@pytest.mark.parametrize(("queries", "words"), [
    (None, "sql: needs a database"), (Database(), "there is no SQLNamedQuery 'change'"),
])
def test_a_table_without_its_queries_stops_the_start(queries: Database | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        QueriedTable(queries, ("get", "change"), "hotp").prepare()


BROKEN = [f"alice:{B32[:-1]}!:0", f"alice:{B32}:x", "alice", f"alice {B32}:0", f"alice;{B32};0", "alice:"]


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_is_an_entry_that_nothing_fits(tmp_path: Path, line: str) -> None:
    subject = table(tmp_path, line, f"bob:{B32}:0")
    (note,) = subject.prepare()
    assert "no code is good for its user" in note
    assert subject.lacks("alice", silent) is False
    assert subject.accept("alice", code(0), silent) is False
    assert (subject.lacks("carol", silent), subject.accept("carol", code(0), silent)) == (True, None)
    write(tmp_path / "otp", line, f"alice:{B32}:0")
    notes: list[str] = []
    assert subject.accept("alice", code(0), notes.append) is True, "the next line of hers is good"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE, None])
def test_a_table_that_cannot_be_read_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int | None,
) -> None:
    def broken(path: str) -> tuple[bytes, Any]:
        raise OSError(number, os.strerror(number)) if number is not None else OSError("it keeps changing")

    subject, notes = table(tmp_path, f"alice:{B32}:0"), list[str]()
    monkeypatch.setattr(files, "read_whole", broken)
    for user in ("alice", "bob"):
        with pytest.raises(AccountsUnavailable) as caught:
            subject.lacks(user, notes.append)
        assert caught.value.log == (f"AuthOTPTable '{tmp_path}/otp' cannot be read",)
        with pytest.raises(AccountsUnavailable):
            subject.accept(user, code(0), notes.append)
    assert len(notes) == 4
    assert notes[0].startswith(f"error: unable to open AuthOTPTable file '{tmp_path}/otp': ")


def test_a_table_that_cannot_be_used_lets_nobody_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    with pytest.raises(AccountsUnavailable):
        Table(str(tmp_path / "none"), "hotp").accept("alice", code(0), notes.append)
    assert "unable to open AuthOTPTable" in notes[0]
    subject = table(tmp_path, f"alice:{B32}:0")
    monkeypatch.setattr(otp, "_LOCK_SECONDS", 0.05)
    with otp._locked(str(tmp_path / "lock")), pytest.raises(AccountsUnavailable):
        subject.accept("alice", code(0), notes.append)
    assert "has been locked for too long" in notes[1]
    assert subject.accept("alice", code(0), notes.append) is True


# ---- in the chain ------------------------------------------------------------------------------------


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Authenticator]:
    users = write(tmp_path / "users", user_line("alice"), user_line("bob"))
    (tmp_path / "otp").touch(mode=0o600)
    write(tmp_path / "otp", f"alice:{B32}:0", f"ghost:{B32}:0")

    def authenticator(*options: str, order: tuple[str, ...] = (), **changes: Any) -> Authenticator:
        rules = AuthSettings(
            auth_user_file=AccountFile(users), auth_pam=False, require_valid_shell=False, use_ftp_users=False,
            auth_order=order)
        codes = OTPSettings(
            engine=True, algorithm="hotp", table=OTPTable(str(tmp_path / "otp")), options=frozenset(options), **changes)
        chain = Authenticator(rules, system=ImaginarySystem(), otp=codes)
        assert chain.prepare() == ()
        return chain

    return authenticator


def tries(chain: Authenticator, user: str, *words: str) -> list[bool]:
    return [chain.check(chain.lookup(user), word, PEER, user=user).ok for word in words]


FILE = "mod_auth_file.c"


def test_a_code_in_place_of_a_password(make: Callable[..., Authenticator]) -> None:
    chain = make()
    words = (code(0), code(0), "geheim", code(1), "x", "")
    assert tries(chain, "alice", *words) == [True, False, True, True, False, False]
    assert chain.check(chain.lookup("alice"), code(2), PEER).method == "mod_auth_otp.c"
    assert tries(chain, "bob", "geheim", code(3)) == [True, False]
    assert tries(chain, "ghost", code(0)) == [False]


def test_only_codes(make: Callable[..., Authenticator], tmp_path: Path) -> None:
    chain = make(order=("mod_auth_otp.c*", FILE))
    assert tries(chain, "alice", "geheim", code(0)) == [False, True]
    assert tries(chain, "bob", "geheim") == [True]
    chain = make("RequireTableEntry", order=("mod_auth_otp.c*", FILE))
    assert tries(chain, "bob", "geheim") == [False]
    assert tries(chain, "alice", code(1)) == [True]
    assert tries(make(order=(FILE,)), "alice", code(2), "geheim") == [False, True]
    (tmp_path / "otp").unlink()
    assert tries(chain, "alice", "geheim") == [False]


def test_a_code_behind_the_password(make: Callable[..., Authenticator], tmp_path: Path) -> None:
    chain = make("AfterPassword", order=(FILE,))
    both = "geheim" + code(0)
    assert tries(chain, "alice", "geheim", code(0), both, both) == [False, False, True, False]
    assert tries(chain, "alice", "wrong" + code(1), "geheim" + code(1)) == [False, True]
    assert tries(chain, "bob", "geheim", "geheim" + code(0)) == [True, False]
    required = make("AfterPassword", "RequireTableEntry")
    assert tries(required, "bob", "geheim", "geheim" + code(0)) == [False, False]
    (tmp_path / "otp").unlink()
    assert tries(chain, "bob", "geheim") == [False]


@pytest.mark.parametrize(("options", "order"), [
    (("AfterPassword",), (FILE,)), (("AfterPassword",), ("mod_auth_otp.c", FILE)), ((), ("mod_auth_otp.c*", FILE)),
])
@pytest.mark.parametrize("how", ["unreadable", "broken"])
def test_the_second_factor_does_not_fall_with_its_table(
    make: Callable[..., Authenticator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...],
    order: tuple[str, ...], how: str,
) -> None:
    chain = make(*options, order=order)
    assert tries(chain, "alice", "geheim", "geheim" + code(0) if options else code(0)) == [False, True]
    if how == "broken":
        write(tmp_path / "otp", f"alice:{B32}!:0")
        assert tries(chain, "bob", "geheim") == [True]
    else:
        (tmp_path / "otp").touch()
        real = files.read_whole

        def broken(path: str) -> tuple[bytes, Any]:
            if path.endswith("otp"):
                raise OSError(errno.EMFILE, "Too many open files")
            return real(path)

        monkeypatch.setattr(files, "read_whole", broken)
        assert tries(chain, "bob", "geheim") == [False]
    assert tries(chain, "alice", "geheim", "geheim" + code(1), code(1)) == [False, False, False]


@pytest.mark.parametrize(("options", "order"), [
    ((), (FILE,)), ((), ()), (("AfterPassword",), ()), (("RequireTableEntry",), ("mod_auth_otp.c*", FILE)),
])
def test_a_table_that_cannot_be_read_is_no_wrong_password(
    make: Callable[..., Authenticator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...],
    order: tuple[str, ...],
) -> None:
    """Nobody knows whether it was right. Where no code is asked for, or another password will do, that one counts: a
    wrong one is wrong that cannot be a code.
    """
    chain = make(*options, order=order)
    (tmp_path / "otp").rename(tmp_path / "otp~")
    hashed: list[bytes] = []
    real = passwords.crypt

    def crypt(secret: bytes, setting: bytes) -> bytes | None:
        hashed.append(setting)
        return real(secret, setting)

    monkeypatch.setattr(passwords, "crypt", crypt)
    asked, alone = order != (FILE,) or bool(options), not options
    for user, word in (
        ("alice", "wrong"), ("alice", "geheim"), ("alice", "geheim" + code(0)), ("nobody-there", "x"),
        ("alice", code(0)), ("alice", "123456"), ("nobody-there", "123456"), ("alice", ""), ("alice", "1234567"),
    ):
        hashed.clear()
        result = chain.check(chain.lookup(user), word, PEER, user=user)
        assert result.ok is (alone and (user, word) == ("alice", "geheim")), (user, word)
        assert len(hashed) == 1, (user, word)
        if not result.ok and asked and (not alone or word in (code(0), "123456")):
            assert result.reason == Code.AUTH_FILE_UNUSABLE, (user, word)
            assert result.log == f"USER {user} (Login failed): AuthOTPTable '{tmp_path}/otp' cannot be read"
        elif not result.ok:
            assert result.reason in (
                Code.LOGIN_WRONG_PASSWORD, Code.LOGIN_UNKNOWN_USER, Code.LOGIN_EMPTY_PASSWORD), (user, word)
    assert chain.check(account("root", uid=0), "x", PEER).reason == Code.LOGIN_ROOT_DENIED


@pytest.mark.parametrize(("word", "reason"), [
    ("geheim" + code(0), Code.AUTH_FILE_UNUSABLE), ("wrong" + code(0), Code.LOGIN_WRONG_PASSWORD),
])
def test_a_wrong_password_before_a_code_is_wrong_without_the_table(
    make: Callable[..., Authenticator], tmp_path: Path, word: str, reason: Code
) -> None:
    """Where everybody needs a code."""
    chain = make("AfterPassword", "RequireTableEntry", order=(FILE,))
    (tmp_path / "otp").unlink()
    assert chain.check(chain.lookup("alice"), word, PEER).reason == reason


def test_an_empty_password_before_a_code(make: Callable[..., Authenticator], tmp_path: Path) -> None:
    chain = make("AfterPassword")
    write(tmp_path / "users", user_line("alice", password=passwords.crypt(b"", b"$5$rounds=1000$x$").decode()))  # type: ignore[union-attr]
    assert tries(chain, "alice", code(0)) == [False]


def test_one_hash_in_every_case(make: Callable[..., Authenticator], monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[bytes] = []
    real = passwords.crypt
    chains = [make(), make("AfterPassword"), make("RequireTableEntry", order=("mod_auth_otp.c*", FILE))]

    def crypt(secret: bytes, setting: bytes) -> bytes | None:
        counted.append(setting)
        return real(secret, setting)

    monkeypatch.setattr(passwords, "crypt", crypt)
    for chain in chains:
        for user in ("alice", "bob", "nobody-there", "ghost"):
            for word in ("geheim", "123456", "x"):
                counted.clear()
                tries(chain, user, word)
                assert len(counted) == 1, (user, word)


@pytest.mark.parametrize("options", [(), ("AfterPassword",), ("RequireTableEntry",)])
@pytest.mark.parametrize("order", [(), ("mod_auth_otp.c*", FILE)])
def test_a_table_in_a_database_is_asked_as_often_for_users_whom_nobody_knows(
    tmp_path: Path, options: tuple[str, ...], order: tuple[str, ...]
) -> None:
    """A query takes its time, which would tell who exists."""
    users = write(tmp_path / "users", user_line("alice"), user_line("bob"))
    rules = AuthSettings(
        auth_user_file=AccountFile(users), auth_pam=False, require_valid_shell=False, use_ftp_users=False,
        auth_order=order)
    database, asked = Database(alice=(B32, "0"), ghost=(B32, "0")), list[str]()
    run = database.run

    def counted(name: str, numbered: Sequence[str] = ()) -> list[tuple[str | None, ...]]:
        asked.append(name)
        return run(name, numbered)

    database.run = counted  # type: ignore[method-assign]
    codes = OTPSettings(
        engine=True, algorithm="hotp", table=OTPTable(queries=("get", "set")), options=frozenset(options))
    chain = Authenticator(rules, system=ImaginarySystem(), otp=codes, queries=database)
    assert chain.prepare() == ()
    for word in ("wrong", "wrong000000", code(0)):
        found = {}
        for user in ("alice", "bob", "nobody-there", "ghost"):
            if user == "alice" and word == code(0):
                continue
            asked.clear()
            assert tries(chain, user, word) == [False]
            found[user] = asked[:]
        assert len(set(map(tuple, found.values()))) == 1, found
    assert database.rows["ghost"] == (B32, "0"), "no code of somebody without an account is used up"


def test_a_table_that_others_can_read_stops_the_start(make: Callable[..., Authenticator], tmp_path: Path) -> None:
    (tmp_path / "otp").chmod(0o644)
    with pytest.raises(ConfigError, match="AuthOTPTable"):
        make()


def test_the_reason_of_a_wrong_code(make: Callable[..., Authenticator]) -> None:
    chain = make(order=("mod_auth_otp.c*", FILE))
    assert chain.check(chain.lookup("alice"), "000000", PEER).reason == Code.LOGIN_WRONG_PASSWORD


# ---- ftpsd otp ---------------------------------------------------------------------------------------


def test_enrolment(tmp_path: Path) -> None:
    path = str(tmp_path / "table")
    done = CliRunner().invoke(program.command, ["--file", path, "alice", "--issuer", "My files", "--algorithm", "hotp"])
    assert done.exit_code == 0, done.output
    first, second, link = done.output.splitlines()
    secret = second.split()[1]
    assert first == f"alice is in {path}"
    assert link == (
        f"otpauth://hotp/My%20files:alice?secret={secret}&issuer=My%20files&algorithm=SHA1&digits=6&counter=0")
    assert os.stat(path).st_mode & 0o777 == 0o600
    key = otp.decode_secret(secret)
    assert key is not None
    assert Table(path, "hotp").accept("alice", code(0, key), silent) is True
    again = CliRunner().invoke(program.command, ["--file", path, "alice"])
    assert "otpauth://totp/ftpsd:alice?" in again.output
    assert "period=30" in again.output
    assert Path(path).read_text().count("alice:") == 1
    gone = CliRunner().invoke(program.command, ["--file", path, "alice", "--delete"])
    assert gone.output == f"alice is not in {path} any more\n"
    assert Path(path).read_text() == ""
    gone = CliRunner().invoke(program.command, ["--file", path, "alice", "--delete"])
    assert (gone.exit_code, gone.output) == (1, f"Error: there is no 'alice' in {path}\n")
    assert CliRunner().invoke(program.command, ["--file", path, "a:b"]).exit_code == 1

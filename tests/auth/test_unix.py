"""System users, expiry, shells and /etc/ftpusers."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpsd.auth import unix
from ftpsd.auth.unix import Shadow, SystemUsers, listed_in_ftpusers, parse_shadow, shell_is_valid


def test_the_user_who_runs_the_tests_is_known_with_his_groups() -> None:
    me = pwd.getpwuid(os.getuid())
    account = SystemUsers().lookup(me.pw_name)
    assert account is not None
    assert (account.name, account.uid, account.gid) == (me.pw_name, me.pw_uid, me.pw_gid)
    assert (account.home, account.shell, account.source) == (me.pw_dir, me.pw_shell, "system")
    assert account.groups[0] == me.pw_gid
    assert set(account.groups) == set(os.getgrouplist(me.pw_name, me.pw_gid))
    assert len(set(account.groups)) == len(account.groups)
    assert grp.getgrgid(me.pw_gid).gr_name in account.group_names


@pytest.mark.parametrize("name", ["", "no such user", "a\0b", "\udcff", "x" * 5000, "root:", "ro\not"])
def test_names_that_nobody_has(name: str) -> None:
    assert SystemUsers().lookup(name) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a:$6$x$y:19000:0:90:7:30:20000:", Shadow("$6$x$y", 19000, 90, 30, 20000)),
        ("a:*:19000:0:99999:7:::", Shadow("*", 19000, 99999)),
        ("a:!::::::", Shadow("!")),
        ("a", Shadow("")),
        ("a:h:-1:0:x:7:0:-5:", Shadow("h")),
    ])
def test_lines_of_shadow(line: str, expected: Shadow) -> None:
    assert parse_shadow(line) == expected


@pytest.mark.parametrize(
    ("shadow", "today", "expected"),
    [
        (Shadow("h"), 20_000, None),
        (Shadow("h", 19_000, 90, 30), 19_119, None),
        (Shadow("h", 19_000, 90, 30), 19_121, "password"),
        # without days of grace ProFTPD lets a password that is too old pass
        (Shadow("h", 19_000, 90), 20_000, None),
        (Shadow("h", None, 90, 30), 20_000, None),
        (Shadow("h", expires=20_001), 20_000, None),
        (Shadow("h", expires=19_999), 20_000, "account"),
        (Shadow("h", 19_000, 90, 30, 19_000), 20_000, "password"),
    ])
def test_expiry(shadow: Shadow, today: int, expected: str | None) -> None:
    assert SystemUsers(clock=lambda: today * 86400.0).expiry(shadow) == expected


def test_shadow_comes_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "shadow"
    path.write_text("alicex:no:1::::::\nalice:$6$a$b:19000:0:90:7:30::\nalice:second:1::::::\n")
    users = SystemUsers(str(path))
    assert users.shadow("alice") == Shadow("$6$a$b", 19000, 90, 30)
    assert users.shadow("ali") is None
    assert "$6$" not in repr(users.shadow("alice"))


def test_without_a_shadow_line_the_field_of_passwd_counts(tmp_path: Path) -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    shadow = SystemUsers(str(tmp_path / "missing")).shadow(name)
    assert shadow == Shadow(pwd.getpwnam(name).pw_passwd)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read /etc/shadow")
def test_the_real_shadow_knows_root() -> None:
    shadow = SystemUsers().shadow("root")
    assert shadow is not None
    assert shadow.password != "x"


@pytest.mark.parametrize(
    ("shell", "valid"),
    [("/bin/sh", True), ("/usr/bin/tmux", True), ("/bin/false", False), ("", False), ("# comment", True),
     ("/bin", False), ("/bin/sh ", False)])
def test_shells(tmp_path: Path, shell: str, valid: bool) -> None:
    path = tmp_path / "shells"
    path.write_text("# comment\n\n/bin/sh\n   \n/usr/bin/tmux  \n")
    assert shell_is_valid(shell, str(path)) is valid


def test_without_a_list_of_shells_all_are_valid(tmp_path: Path) -> None:
    assert shell_is_valid("/bin/false", str(tmp_path / "missing"))


@pytest.mark.parametrize(
    ("name", "listed"), [("root", True), ("news", True), ("nobody", True), ("alice", False), ("", False),
                         ("# root", False), ("#root", False)])
def test_ftpusers(tmp_path: Path, name: str, listed: bool) -> None:
    path = tmp_path / "ftpusers"
    path.write_text("# list\nroot\n  news\n#root\n # root\nnobody")
    assert listed_in_ftpusers(name, str(path)) is listed


def test_without_ftpusers_nobody_is_listed(tmp_path: Path) -> None:
    assert not listed_in_ftpusers("root", str(tmp_path / "missing"))


@pytest.mark.parametrize("ask", [shell_is_valid, listed_in_ftpusers])
def test_a_list_that_cannot_be_read_says_nothing(tmp_path: Path, ask: Callable[[str, str], bool]) -> None:
    """Neither that all shells are valid, nor that nobody is listed. What is masked with /dev/null is not there."""
    with pytest.raises(OSError, match="Is a directory"):
        ask("x", str(tmp_path))
    (tmp_path / "masked").symlink_to("/dev/null")
    assert ask("x", str(tmp_path / "masked")) is ask("x", str(tmp_path / "missing"))


def test_the_last_day_of_an_account(tmp_path: Path) -> None:
    path = tmp_path / "shadow"
    path.write_text("alice:!h:::::::\ngone:!h:19000:0:99999:7::19999:\nzero:!h::::::0:\n")
    users = SystemUsers(str(path), clock=lambda: 20_000 * 86400.0)
    assert [users.account_expired(name) for name in ("alice", "gone", "zero", "nobody-there")] == [
        False, True, False, False]
    assert not SystemUsers(str(tmp_path / "missing")).account_expired("gone")
    with pytest.raises(IsADirectoryError):
        SystemUsers(str(tmp_path)).account_expired("gone")


def test_groups_by_name_and_number() -> None:
    entry = grp.getgrgid(os.getgid())
    assert unix.group_name(entry.gr_gid) == entry.gr_name
    assert unix.group_id(entry.gr_name) == entry.gr_gid
    assert unix.group_id("no such group") is None
    assert unix.group_id("a\0b") is None
    assert unix.group_name(2**40) is None


def test_groups_one_by_one() -> None:
    """AuthUnixOptions NoGetgrouplist: the same groups, found in another way."""
    for entry in pwd.getpwall()[:5]:
        quick, slow = SystemUsers().lookup(entry.pw_name), SystemUsers(one_by_one=True).lookup(entry.pw_name)
        assert quick is not None
        assert slow is not None
        assert set(quick.groups) == set(slow.groups)


def test_groups_one_by_one_asks_for_all_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    name = pwd.getpwuid(0).pw_name
    monkeypatch.setattr(grp, "getgrall", lambda: [grp.struct_group(("made-up", "x", 54321, [name]))])
    found = SystemUsers(one_by_one=True).lookup(name)
    assert found is not None
    assert 54321 in found.groups

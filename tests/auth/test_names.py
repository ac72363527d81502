"""Names for listings: where they come from, and that they stay known when files close."""

from __future__ import annotations

import grp
import os
import pwd
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ftpsd.auth import names as module
from ftpsd.auth.files import GroupFile, UserFile
from ftpsd.auth.names import MAX_CACHED, Names
from tests.auth.support import replace, user_line, write


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def subject(tmp_path: Path) -> Names:
    users = UserFile(
        write(tmp_path / "users", user_line("alice", uid=5001), user_line("shadowing", uid=5002)))
    groups = GroupFile(write(tmp_path / "groups", "staff:x:5050:"))
    passwd = write(tmp_path / "passwd", "sys:x:5002:5051::/:/s", "other:x:5003:5051::/:/s", "+::::::")
    group = write(tmp_path / "group", "sysgroup:x:5051:")
    made = Names(users, groups, passwd=passwd, group=group)
    made.refresh()
    return made


def test_the_own_file_comes_before_the_system(subject: Names) -> None:
    assert [subject.owner(uid) for uid in (5001, 5002, 5003)] == ["alice", "shadowing", "other"]
    assert [subject.group(gid) for gid in (5050, 5051)] == ["staff", "sysgroup"]


def test_who_is_in_no_file_is_asked_of_the_system() -> None:
    made = Names(passwd="/nonexistent", group="/nonexistent")
    made.refresh()
    assert made.owner(os.getuid()) == pwd.getpwuid(os.getuid()).pw_name
    assert made.group(os.getgid()) == grp.getgrgid(os.getgid()).gr_name


@pytest.mark.parametrize("number", [3_999_999_999, 2**32 - 1, 2**40])
def test_who_is_nowhere_stays_a_number(subject: Names, number: int) -> None:
    assert subject.owner(number) == str(number)
    assert subject.group(number) == str(number)


def test_names_stay_known_when_the_files_can_no_longer_be_read(subject: Names, tmp_path: Path) -> None:
    for name in ("users", "groups", "passwd", "group"):
        (tmp_path / name).unlink()
    assert (subject.owner(5001), subject.owner(5003), subject.group(5050)) == ("alice", "other", "staff")


def test_a_refresh_sees_changes_and_tells_of_bad_lines_of_the_own_files_only(
    subject: Names, tmp_path: Path,
) -> None:
    replace(tmp_path / "users", user_line("renamed", uid=5001), "rubbish")
    assert subject.owner(5001) == "alice"
    notes: list[str] = []
    subject.refresh(notes.append)
    assert subject.owner(5001) == "renamed"
    assert len(notes) == 1
    assert notes[0].startswith("AuthUserFile: line 2")


def test_answers_of_the_system_are_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def ask(uid: int) -> str | None:
        asked.append(uid)
        return f"user{uid}" if uid % 2 else None

    monkeypatch.setattr(module, "_user_name", ask)
    clock = Clock()
    made = Names(passwd="/nonexistent", group="/nonexistent", clock=clock)
    assert [made.owner(uid) for uid in (1, 2, 1, 2)] == ["user1", "2", "user1", "2"]
    assert asked == [1, 2]
    clock.now = 61
    assert made.owner(2) == "2"
    assert asked == [1, 2, 2]


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_user_name", lambda uid: None)
    made = Names(passwd="/nonexistent", group="/nonexistent", clock=Clock())
    for uid in range(MAX_CACHED + 100):
        made.owner(uid)
    assert len(made._user_cache._known) == MAX_CACHED
    assert made.owner(0) == "0"


def test_many_threads_at_once(subject: Names) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(subject.owner, [5001, 5003, 4_000_000] * 200))
    assert found == ["alice", "other", "4000000"] * 200

"""The BanTable: a file that processes share, that outlives them, and that may be torn anywhere."""

from __future__ import annotations

import errno
import os
import signal
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.access.bans import Ban, Kind
from ftpsd.errors import ConfigError
from ftpsd.guard import bantable
from ftpsd.guard.bantable import BanTable
from ftpsd.settings.bans import BanRule

HERE, THERE = b"here...1", b"there..2"
RULE = BanRule("MaxLoginAttempts", 3, 60, 600)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "ban.tab")


@pytest.fixture
def table(path: str) -> Iterator[BanTable]:
    table = BanTable.open(path)
    yield table
    table.close()


def test_bans_are_kept(table: BanTable, path: str) -> None:
    bans = [
        Ban(Kind.USER, "bob", reason="why", message="what"), Ban(Kind.HOST, "192.0.2.1", HERE, 500.0),
        Ban(Kind.PAIR, "ü\udcff@::1", THERE, 1.5, "x" * 100),
    ]
    for ban in bans:
        assert table.add(ban, 1.0) is ban
    table.close()
    again = BanTable.open(path)
    assert again.read() == (3, bans)
    again.close()
    again.close()


def test_banned_is_banned(table: BanTable) -> None:
    first, longer, there = (Ban(Kind.USER, "bob", HERE, 10.0), Ban(Kind.USER, "bob", HERE, 99.0),
                            Ban(Kind.USER, "bob", THERE, 99.0))
    assert table.add(first, 5.0) is first
    assert table.add(longer, 5.0) == first
    assert table.add(there, 5.0) is there
    assert table.add(longer, 10.0) is longer
    assert [ban.expires for ban in table.read()[1]] == [99.0, 99.0]


def test_bans_are_lifted(table: BanTable) -> None:
    for ban in (Ban(Kind.USER, "a", HERE), Ban(Kind.USER, "a", THERE), Ban(Kind.USER, "b"), Ban(Kind.HOST, "a")):
        table.add(ban, 1.0)
    before = table.generation
    assert table.remove(Kind.USER, "a", HERE) == [Ban(Kind.USER, "a", HERE)]
    assert table.generation == before + 1
    assert table.remove(Kind.USER, "a", HERE) == []
    assert table.generation == before + 1
    assert [ban.name for ban in table.remove(Kind.USER, None, None)] == ["a", "b"]
    assert table.read()[1] == [Ban(Kind.HOST, "a")]


def test_of_bans_that_were_lifted_others_are_still_to_be_told(table: BanTable, path: str) -> None:
    bans = [Ban(Kind.HOST, name, HERE, expires) for name, expires in (("a", 500.0), ("b", 600.0), ("c", 0.0))]
    for ban in bans:
        table.add(ban, 1.0)
    assert table.remove(Kind.HOST, None, None, owe=True) == bans
    again = BanTable.open(path)
    assert again.read()[1] == []
    assert again.owed(1.0) == bans[:2]  # what an administrator has made for good is nobody else's
    assert again.owed(550.0) == [bans[1]]
    again.add(bans[0], 1.0)  # banned anew: that was owed before, and is
    again.paid([bans[1]])
    assert again.owed(1.0) == [bans[0]]
    assert again.read()[1] == [bans[0]]
    again.paid(bans)
    assert again.owed(1.0) == []
    assert again.read()[1] == [bans[0]]
    again.close()


def test_a_full_table_is_paid_at_once(table: BanTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ban is looked for, not compared with all that were lifted: everybody else waits for the table."""
    compared = 0

    class Lifted(Ban):
        __hash__ = Ban.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return isinstance(other, Ban) and (self.name, self.expires) == (other.name, other.expires)

    monkeypatch.setattr(bantable, "BANS", 64)
    for number in range(64):
        table.add(Ban(Kind.HOST, str(number), HERE, 500.0), 1.0)
    lifted = [Lifted(ban.kind, ban.name, ban.server, ban.expires) for ban in
              table.remove(Kind.HOST, None, None, owe=True)]
    table.paid(lifted)
    assert table.owed(1.0) == []
    assert compared <= 2 * 64


def test_what_others_are_to_be_told_makes_room(table: BanTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bantable, "BANS", 2)
    table.add(Ban(Kind.HOST, "a", HERE, 500.0), 1.0)
    table.remove(Kind.HOST, "a", None, owe=True)
    for name in "bc":
        table.add(Ban(Kind.HOST, name, HERE, 500.0), 1.0)
    assert [ban.name for ban in table.read()[1]] == ["c", "b"]
    assert table.owed(1.0) == []


def test_a_name_that_is_too_long_is_not_cut(table: BanTable) -> None:
    with pytest.raises(ValueError, match="longer"):
        table.add(Ban(Kind.USER, "ü" * 225), 1.0)
    assert table.add(Ban(Kind.USER, "ü" * 224), 1.0)
    assert table.read()[1][0].name == "ü" * 224


def test_a_full_table_forgets_what_would_end_first(table: BanTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bantable, "BANS", 3)
    for name, expires in (("for good", 0.0), ("late", 900.0), ("early", 500.0), ("new", 700.0)):
        assert table.add(Ban(Kind.USER, name, expires=expires), 1.0)
    assert [ban.name for ban in table.read()[1]] == ["for good", "late", "new"]


def test_what_happens_is_counted_within_its_time(table: BanTable) -> None:
    counts = [table.count(RULE, "192.0.2.1", HERE, now) for now in (100.0, 120.0, 159.9, 160.0)]
    assert [(one.count, one.expires) for one in counts] == [(1, 160.0), (2, 160.0), (3, 160.0), (1, 220.0)]
    assert table.count(RULE, "192.0.2.1", THERE, 160.0).count == 1
    assert table.count(RULE._replace(event="RootLogin"), "192.0.2.1", HERE, 160.0).count == 1
    assert sorted((one.event, one.source, one.server) for one in table.counted(160.0)) == [
        ("MaxLoginAttempts", "192.0.2.1", HERE), ("MaxLoginAttempts", "192.0.2.1", THERE),
        ("RootLogin", "192.0.2.1", HERE)]
    assert table.counted(220.0) == []


def test_a_full_bucket_forgets_the_oldest_counter(table: BanTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bantable, "COUNTERS", 8)
    for number in range(9):
        assert table.count(RULE, f"192.0.2.{number}", HERE, 100.0 + number).count == 1
    assert table.count(RULE, "192.0.2.8", HERE, 110.0).count == 2
    assert table.count(RULE, "192.0.2.0", HERE, 110.0).count == 1


def test_processes_count_together(table: BanTable, path: str) -> None:
    children = []
    for _ in range(3):
        pid = os.fork()
        if not pid:
            for _ in range(60):
                table.count(RULE, "192.0.2.1", HERE, 100.0)
            table.add(Ban(Kind.USER, str(os.getpid())), 1.0)
            os._exit(0)
        children.append(pid)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    assert table.count(RULE, "192.0.2.1", HERE, 100.0).count == 181
    assert table.generation == 3
    assert {int(ban.name) for ban in table.read()[1]} == set(children)


def test_torn_records_are_none(table: BanTable, path: str) -> None:
    table.add(Ban(Kind.USER, "bob"), 1.0)
    table.add(Ban(Kind.USER, "eve"), 1.0)
    table.count(RULE, "192.0.2.1", HERE, 100.0)
    data = bytearray(Path(path).read_bytes())
    data[4096 + 30] ^= 1
    at = data.index(b"192.0.2.1")
    data[at] ^= 1
    Path(path).write_bytes(data)
    assert [ban.name for ban in table.read()[1]] == ["eve"]
    assert table.counted(100.0) == []
    assert table.count(RULE, "192.0.2.1", HERE, 100.0).count == 1


def test_a_kind_that_nobody_knows_is_none(table: BanTable, path: str) -> None:
    table.add(Ban(Kind.USER, "bob"), 1.0)
    data = bytearray(Path(path).read_bytes())
    record = bytearray(data[4100 : 4096 + 1024])
    size = bantable._BAN.size
    record[0] = 9
    data[4096 : 4096 + 4 + size] = struct.pack("<I", zlib.crc32(record[:size])) + record[:size]
    Path(path).write_bytes(data)
    assert table.read()[1] == []


@pytest.mark.parametrize(("make", "words"), [
    (lambda path: path.write_bytes(b"something else"), "something else"),
    (lambda path: path.mkdir(), "Is a directory"),
    (lambda path: path.symlink_to("/dev/null"), "symbolic links"),
    (lambda path: os.mkfifo(path), "is no file"),
])
def test_what_is_no_ban_table_is_left_alone(tmp_path: Path, make: object, words: str) -> None:
    path = tmp_path / "ban.tab"
    assert callable(make)
    make(path)
    with pytest.raises(ConfigError, match=words) as caught:
        BanTable.open(str(path))
    assert caught.value.directive == "BanTable"
    assert caught.value.remedy


def test_an_empty_file_becomes_one(path: str) -> None:
    Path(path).touch()
    BanTable.open(path).close()
    table = BanTable.open(path)
    assert table.read() == (0, [])
    table.close()


def test_a_lock_that_somebody_keeps_ends_the_wait(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bantable, "PATIENCE", 0.05)
    table = BanTable.open(path)
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        with table._turns.held():
            os.write(writing, b"x")
            time.sleep(30)
        os._exit(0)
    os.read(reading, 1)
    try:
        with pytest.raises(TimeoutError, match="busy"):
            table.count(RULE, "x", HERE, 1.0)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert table.count(RULE, "x", HERE, 1.0).count == 1
    table.close()
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_table_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ban.tab"
    BanTable.open(str(path)).close()
    path.chmod(mode)
    with pytest.raises(ConfigError, match="others may write to it"):
        BanTable.open(str(path))


def test_a_table_has_its_whole_place_on_the_disk(table: BanTable, path: str) -> None:
    whole = os.stat(path).st_size
    assert os.stat(path).st_blocks * 512 >= whole, "who writes into a hole of a full disk is killed"
    table.close()
    os.truncate(path, 4096)
    os.truncate(path, whole)
    again = BanTable.open(path)
    assert os.stat(path).st_blocks * 512 >= whole
    assert again.read() == (0, [])
    again.close()


def test_a_full_disk(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, offset: int, length: int) -> None:
        os.ftruncate(fd, 100)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        BanTable.open(path)
    monkeypatch.undo()
    BanTable.open(path).close()

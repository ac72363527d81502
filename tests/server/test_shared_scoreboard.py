"""The scoreboard that processes without a supervisor share (ServerType inetd): made, found, refused, cleaned."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from ftpsd.server import layout
from ftpsd.server.process import is_running, process_start
from ftpsd.server.scoreboard import Scoreboard, record_lock
from ftpsd.server.slot import Slot

PEER = ("192.0.2.7", 4711)


_children: set[int] = set()


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    yield
    for pid in list(_children):
        end(pid)


def in_child(act: Callable[[], object]) -> int:
    """Runs `act` in a forked process that then waits for a signal, with what `act` has returned; its pid."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            kept = act()
            os.write(writer, b"+")
            signal.pause()
            del kept
        finally:
            os._exit(0)
    _children.add(pid)
    os.close(writer)
    assert os.read(reader, 1) == b"+"
    os.close(reader)
    return pid


def end(pid: int) -> None:
    _children.discard(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def claim(path: str) -> Slot:
    """A session that stays on the scoreboard for as long as its process lives."""
    slot = Scoreboard.join(path).acquire(PEER)
    assert slot is not None
    return slot


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "scoreboard")


def test_who_joins_sees_who_is_there(path: str) -> None:
    child = in_child(lambda: claim(path))
    try:
        mine = Scoreboard.join(path)
        assert [entry.pid for entry in mine.entries()] == [child]
        assert mine.supervisor[0] == 0
        slot = mine.acquire(("192.0.2.8", 1))
        assert slot is not None
        reader = Scoreboard.open(path)
        assert [entry.peer for entry in reader.entries()] == ["192.0.2.7", "192.0.2.8"]
        reader.close()
        mine.close()
    finally:
        end(child)


def test_the_dead_leave_their_places(path: str) -> None:
    children = [in_child(lambda: claim(path)) for _ in range(3)]
    for child in children[:2]:
        end(child)
    reader = Scoreboard.open(path)
    assert reader.count == 3, "nobody has cleaned up"
    assert [entry.pid for entry in reader.entries()] == [children[2]], "and yet nobody is shown who is dead"
    Scoreboard.join(path).close()
    assert reader.count == 1
    reader.close()
    end(children[2])


def test_another_process_with_the_number_of_a_dead_one_is_not_it(path: str) -> None:
    board = Scoreboard.join(path)
    assert board.acquire(PEER) is not None
    start = process_start(os.getpid())
    assert start is not None
    fields = (0, os.getpid(), start + 1, 0, 0, 0, 0, 0, 0, b"", b"", b"", b"")
    layout.SLOT.pack_into(board.memory, layout.SLOTS_AT, *fields)
    assert board.entries() == []
    Scoreboard.join(path).close()
    assert board.count == 0
    board.close()
    assert is_running(os.getpid(), start)
    assert is_running(os.getpid(), 0)
    assert not is_running(os.getpid(), start + 1)


@pytest.mark.parametrize("content", [b"ProFTPD's own", bytes(layout.FILE_SIZE), b"FTPSDSB1" + bytes(100)])
def test_what_is_no_scoreboard_is_replaced_and_left_to_who_has_it(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    with open(path, "rb") as theirs:
        board = Scoreboard.join(path)
        assert board.acquire(PEER) is not None
        assert theirs.read() == content
    other = Scoreboard.join(path)
    assert len(other.entries()) == 1
    for each in (board, other):
        each.close()


def test_the_scoreboard_of_a_server_that_lives_is_its_own(path: str) -> None:
    supervisor = in_child(lambda: Scoreboard.create(path))
    with pytest.raises(ValueError, match=f"the server with process id {supervisor} has it"):
        Scoreboard.join(path)
    end(supervisor)
    Scoreboard.join(path).close()
    reader = Scoreboard.open(path)
    assert reader.supervisor[0] == 0
    reader.close()


def test_a_server_takes_the_place_of_the_shared_one(path: str) -> None:
    shared = Scoreboard.join(path)
    own = Scoreboard.create(path)
    assert shared.acquire(PEER) is not None
    assert own.entries() == []
    own.close(remove=True)
    shared.close()
    assert not Path(path).exists()


def test_what_others_could_write_to_is_refused(path: str, tmp_path: Path) -> None:
    Scoreboard.join(path).close()
    assert stat.S_IMODE(os.stat(path).st_mode) & 0o022 == 0
    os.chmod(path, 0o666)
    with pytest.raises(ValueError, match="others may write to it"):
        Scoreboard.join(path)
    os.symlink(path, link := str(tmp_path / "link"))
    with pytest.raises(OSError, match="symbolic link"):
        Scoreboard.join(link)
    os.mkfifo(pipe := str(tmp_path / "pipe"))
    with pytest.raises(ValueError, match="it is no file"):
        Scoreboard.join(pipe)
    with pytest.raises(FileNotFoundError):
        Scoreboard.join("/nonexistent/scoreboard")


def _held(path: str) -> int:
    board = Scoreboard.join(path)
    assert board.acquire(PEER) is not None
    return os.stat(path).st_ino


def test_many_that_come_first_make_one(path: str) -> None:
    with ProcessPoolExecutor(4) as pool:
        assert len(set(pool.map(_held, [path] * 16))) == 1


def test_nobody_waits_while_many_are_looked_at(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who joins looks at everybody who is on: claims go on meanwhile, until there is a place to be freed."""
    board = Scoreboard.join(path)
    kept = [board.acquire(PEER) for _ in range(3)]
    dead = in_child(lambda: claim(path))
    end(dead)
    looks: list[tuple[int, bool]] = []

    def looked(pid: int, start: int) -> bool:
        with ProcessPoolExecutor(1) as pool:
            looks.append((pid, pool.submit(_claims, path).result()))
        return is_running(pid, start)

    monkeypatch.setattr("ftpsd.server.scoreboard.is_running", looked)
    board._reap_ended()
    assert looks == [(os.getpid(), True)] * len(kept) + [(dead, True), (dead, False)]
    assert board.count == len(kept)
    board.close()


def _claims(path: str) -> bool:
    """Whether a process could claim a place at once."""
    with open(path, "r+b") as file:
        return record_lock(file.fileno(), 0, 0.0)


def test_nobody_else_may_read_what_locks_are_on(path: str) -> None:
    """A shared lock needs no more than reading, and would keep every client out."""
    Path(path).touch(0o644)
    board = Scoreboard.join(path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    board.close()
    os.chmod(path, 0o644)
    Scoreboard.join(path).close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_new_server_has_its_scoreboard_before_anybody_finds_it(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, seen = os.rename, list[str]()

    def renamed(old: str, new: str) -> None:
        rename(old, new)
        child = in_child(lambda: _refused(path))
        seen.append("nobody has joined")
        end(child)

    monkeypatch.setattr(os, "rename", renamed)
    Scoreboard.create(path).close(remove=True)
    assert seen == ["nobody has joined"]


def _refused(path: str) -> None:
    with pytest.raises(ValueError, match="has it"):
        Scoreboard.join(path)

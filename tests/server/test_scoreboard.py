"""Slots: claimed, shown, freed; from several processes, and after their death."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ftpsd.access.occupancy import Holding, Standing
from ftpsd.ftp.phase import Phase
from ftpsd.server import layout, process
from ftpsd.server.scoreboard import CLAIM_DEADLINE, Scoreboard, WorkerRow, record_lock
from ftpsd.server.slot import Slot
from ftpsd.settings.values import Rate

PATIENCE = 20


@pytest.fixture
def board() -> Iterator[Scoreboard]:
    made = Scoreboard.create()
    yield made
    made.close()


def test_slot_is_shown_until_released(board: Scoreboard) -> None:
    slot = board.acquire(("192.0.2.7", 4711), ("2001:db8::1", 21))
    assert slot is not None
    slot.update(user="alice", command="RETR file", phase=Phase.SENDING, bytes=1 << 40)
    (entry,) = board.entries()
    assert (entry.peer, entry.peer_port) == ("192.0.2.7", 4711)
    assert (entry.local, entry.local_port) == ("2001:db8::1", 21)
    assert (entry.user, entry.command, entry.phase) == ("alice", "RETR file", Phase.SENDING)
    assert entry.bytes == 1 << 40
    assert entry.pid == os.getpid()
    assert entry.process_start == process.process_start(os.getpid())
    assert 0 < entry.opened <= entry.changed
    slot.release()
    assert board.entries() == []
    assert board.count == 0


def test_an_update_leaves_what_it_does_not_name(board: Scoreboard) -> None:
    slot = board.acquire()
    assert slot is not None
    slot.update(user="alice", bytes=7)
    slot.update(command="NOOP")
    (entry,) = board.entries()
    assert (entry.user, entry.command, entry.bytes, entry.phase) == ("alice", "NOOP", 7, Phase.CONNECTED)


def test_a_description_is_no_activity(board: Scoreboard) -> None:
    slot = board.acquire()
    assert slot is not None
    slot.update(user="alice", command="RETR file")
    before = board.entries()[0]
    slot.describe(
        session="0123456789ab", peer_name="host.example.org", client_class="local", server="Test Server",
        protocol="ftps", location="/in/" + "é" * 100)
    (entry,) = board.entries()
    assert (entry.session, entry.peer_name, entry.client_class) == ("0123456789ab", "host.example.org", "local")
    assert (entry.server, entry.protocol) == ("Test Server", "ftps")
    assert entry.location == "/in/" + "é" * 78
    assert (entry.user, entry.command, entry.changed) == ("alice", "RETR file", before.changed)
    slot.describe(location="/")
    assert board.entries()[0].location == "/"
    slot.release()
    slot.describe(server="a ghost")
    assert board.acquire() is not None
    (entry,) = board.entries()
    assert (entry.index, entry.server, entry.location, entry.size) == (slot.index, "", "", 0)


def test_a_transfer_shows_its_progress(board: Scoreboard) -> None:
    slot = board.acquire()
    assert slot is not None
    slot.transfer(Phase.SENDING, 1 << 40)
    progress = slot.progress
    assert progress is not None
    (entry,) = board.entries()
    assert (entry.phase, entry.transferred, entry.size) == (Phase.SENDING, 0, 1 << 40)
    progress[:] = (1 << 33).to_bytes(8, "little")
    assert board.entries()[0].transferred == 1 << 33
    slot.transfer(Phase.RECEIVING, 0)
    (entry,) = board.entries()
    assert (entry.phase, entry.transferred, entry.size) == (Phase.RECEIVING, 0, 0)
    slot.release()
    slot.transfer(Phase.SENDING, 7)
    assert slot.progress is None
    progress.release()
    assert board.acquire() is not None
    assert board.entries()[0].size == 0


def test_a_released_slot_belongs_to_the_next(board: Scoreboard) -> None:
    first = board.acquire()
    assert first is not None
    first.release()
    second = board.acquire()
    assert second is not None
    first.update(user="a ghost")
    first.release()
    (entry,) = board.entries()
    assert entry.user == ""


@pytest.mark.parametrize(
    ("given", "shown"),
    [("é" * 40, "é" * 32), ("x" * 63 + "é", "x" * 63 + "\ufffd"), ("\udcff", "\ufffd"), ("", "")],
)
def test_long_and_odd_names_are_cut(board: Scoreboard, given: str, shown: str) -> None:
    slot = board.acquire()
    assert slot is not None
    slot.update(user=given)
    assert board.entries()[0].user == shown


def test_limit(board: Scoreboard) -> None:
    assert board.limit == layout.SLOTS
    board.limit = 2
    first, second = board.acquire(), board.acquire()
    assert first is not None
    assert second is not None
    assert board.acquire() is None
    second.release()
    assert board.acquire() is not None
    board.limit = 3
    assert board.acquire() is not None
    board.limit = 10**9
    assert board.limit == layout.SLOTS


def _claim(board: Scoreboard, attempts: int, counted: multiprocessing.SimpleQueue[int]) -> None:
    counted.put(sum(board.acquire() is not None for _ in range(attempts)))


@pytest.mark.parametrize("limit", [150, 0])
def test_processes_never_claim_the_same_slot_nor_exceed_the_limit(board: Scoreboard, limit: int) -> None:
    board.limit = limit
    context = multiprocessing.get_context("fork")
    counted = context.SimpleQueue()
    children = [context.Process(target=_claim, args=(board, 60, counted)) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE)
        assert child.exitcode == 0
    claimed = sum(counted.get() for _ in children)
    assert claimed == (limit or 240)
    assert board.count == claimed
    assert len(board.entries()) == claimed


def test_slots_of_a_dead_process_are_reaped(board: Scoreboard) -> None:
    mine = board.acquire()
    assert mine is not None
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        for _ in range(5):
            board.acquire()
        record_lock(board._locks, 0, CLAIM_DEADLINE)
        os.write(writer, b"+")
        signal.pause()
    os.read(reader, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(reader)
    os.close(writer)
    assert board.count == 6
    assert board.reap(pid) == 5
    assert [entry.pid for entry in board.entries()] == [os.getpid()]
    assert board.acquire() is not None, "the lock of the dead process is gone"


def test_workers_and_least_load(board: Scoreboard) -> None:
    assert board.free_rows(3) == (0, 1, 2)
    board.set_worker(0, WorkerRow(10, True, 5, 9))
    board.set_worker(1, WorkerRow(11, True, 3, 3))
    board.set_worker(2, WorkerRow(12, False, 0, 3))
    assert board.worker(0) == WorkerRow(10, True, 5, 9)
    assert board.free_rows(2) == (3, 4)
    assert board.least_loaded((0, 1, 2)) == 3
    board.count_worker(0, 2, 1 << 40)
    assert board.worker(0) == WorkerRow(10, True, 2, 1 << 40)
    assert board.least_loaded((0, 1, 2)) == 2
    assert board.least_loaded((2,)) is None
    board.clear_worker(1)
    assert board.free_rows(1) == (1,)
    assert board.free_rows(2, {1, 4}) == (3, 5)


def test_who_may_read_it_keeps_nobody_out(tmp_path: Path) -> None:
    """ftpwho may be anybody's; so may a shared lock on the file."""
    board = Scoreboard.create(path := str(tmp_path / "scoreboard"))
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with open(path, "rb") as file:
                fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 3)
                os.write(writer, b"+")
                signal.pause()
        finally:
            os._exit(1)
    assert os.read(reader, 1) == b"+"
    try:
        slot = board.acquire()
        assert slot is not None
        with board.taking():
            pass
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for fd in (reader, writer):
            os.close(fd)
    board.close()


def test_file_is_replaced_not_shortened(tmp_path: Path) -> None:
    path = str(tmp_path / "scoreboard")
    first = Scoreboard.create(path)
    assert first.acquire() is not None
    second = Scoreboard.create(path)
    assert first.count == 1
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644
    reader = Scoreboard.open(path)
    assert reader.count == 0
    first.close(remove=True)
    assert os.path.exists(path), "the second one's file stays"
    second.close(remove=True)
    assert os.listdir(tmp_path) == []
    reader.close()


@pytest.mark.parametrize("content", [b"", b"x" * 100])
def test_another_file_is_not_a_scoreboard(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "scoreboard"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a scoreboard"):
        Scoreboard.open(str(path))


def test_process_start() -> None:
    assert process.process_start(os.getpid()) == process.process_start(os.getpid())
    assert process.process_start(2**22 + 1) is None


HOLDING = Holding(Standing.LOGGED_IN, b"h" * 8, b"a" * 8, b"u" * 8)


def test_what_is_held_is_seen_until_it_is_given_back(board: Scoreboard) -> None:
    first, second = board.acquire(), board.acquire()
    assert first is not None
    assert second is not None
    taken = HOLDING._replace(command=b"c" * 8)
    assert first.take(taken, lambda others: "no" if others else None) is None
    assert second.take(HOLDING, lambda others: others[0]) == taken
    first.give_back_transfer()
    assert second.take(HOLDING, lambda others: others[0]) == HOLDING
    first.give_back()
    assert second.take(HOLDING, lambda others: others or None) is None
    second.release()
    third = board.acquire()
    assert third is not None
    assert third.take(HOLDING, lambda others: others or None) is None


def test_what_a_dead_process_holds_does_not_count(board: Scoreboard) -> None:
    slot = board.acquire()
    assert slot is not None
    pid = os.fork()
    if pid == 0:
        theirs = board.acquire()
        assert theirs is not None
        theirs.hold(HOLDING)
        assert record_lock(board._locks, 1, 1.0)
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert len(board.holdings(slot.index)) == 1
    assert slot.take(HOLDING, lambda others: "full" if others else None) is None, "not reaped, but dead"
    os.waitpid(pid, 0)


def test_one_at_a_time_is_counted(board: Scoreboard) -> None:
    slots = [board.acquire() for _ in range(30)]

    def take(slot: Slot | None) -> str | None:
        assert slot is not None
        return slot.take(HOLDING, lambda others: "full" if len(others) >= 7 else None)

    with ThreadPoolExecutor(30) as pool:
        assert sorted(map(str, pool.map(take, slots))) == ["None"] * 7 + ["full"] * 23


def test_the_rate_of_connections(board: Scoreboard) -> None:
    board.rate = Rate(2, 60)
    slots = [board.acquire() for _ in range(3)]
    assert [slot is not None for slot in slots] == [True, True, False]
    assert board.denied == "MaxConnectionRate (2/60 secs) reached"
    board.rate = None
    assert board.acquire() is not None


def _full(fd: int, offset: int, length: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_refuses_what_it_has_no_place_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "board")
    board = Scoreboard.create(path)
    before = os.stat(path).st_blocks
    monkeypatch.setattr(os, "posix_fallocate", _full)
    slots = [board.acquire() for _ in range(65)]
    assert None not in slots[:64]
    assert slots[64] is None
    assert board.denied == f"ScoreboardFile {path}: No space left on device"
    assert os.stat(path).st_blocks == before, "what slots lie in was there before"
    monkeypatch.undo()
    assert all(board.acquire() is not None for _ in range(65))
    assert os.stat(path).st_blocks > before
    board.close()


def test_none_is_made_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", _full)
    with pytest.raises(OSError, match="No space left"):
        Scoreboard.create(str(tmp_path / "board"))
    assert list(tmp_path.iterdir()) == []

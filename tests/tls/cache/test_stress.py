"""200,000 operations of four processes on one segment, while holders of its lock are killed.

FTPSD_STRESS_OPERATIONS is another number; `make stress` runs ten times as many.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import struct
import time
from pathlib import Path

import pytest

from ftpsd.native._openssl import SharedCache
from ftpsd.testing.stores import value_of
from ftpsd.tls.cache.shared import SMALLEST, open_segment

OPERATIONS = int(os.environ.get("FTPSD_STRESS_OPERATIONS", "200000"))
PROCESSES = 4
KEYS = 60
LOCK_SECONDS = 10.0
LONGEST = 600.0
_COUNT = struct.Struct("=Q")


class Crew:
    """Processes that work on the segment of a file; each counts its operations in memory that all see."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._counts = mmap.mmap(-1, PROCESSES * _COUNT.size)
        self.pids = [self._fork(number) for number in range(PROCESSES)]

    def done(self) -> int:
        """Operations in all."""
        return sum(_COUNT.unpack_from(self._counts, number * _COUNT.size)[0] for number in range(PROCESSES))

    def _fork(self, number: int) -> int:
        pid = os.fork()
        if pid == 0:
            os._exit(self._work(number))
        return pid

    def _work(self, number: int) -> int:
        """In a child: does not end before it is killed, unless it finds something wrong."""
        try:
            store = open_segment(self._path, directive="test")
            rng, at = random.Random(os.getpid()), number * _COUNT.size
            count = _COUNT.unpack_from(self._counts, at)[0]
            while operate(store.memory, rng):
                count += 1
                _COUNT.pack_into(self._counts, at, count)
            return 2
        except BaseException:
            return 3

    def replace(self, number: int) -> None:
        """Kills one and starts another in its place."""
        os.kill(self.pids[number], signal.SIGKILL)
        _, status = os.waitpid(self.pids[number], 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "it found something wrong"
        self.pids[number] = self._fork(number)

    def end(self) -> None:
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def operate(memory: SharedCache, rng: random.Random) -> bool:
    """One operation; False: it found something that nobody has stored."""
    number = rng.randrange(KEYS)
    key, now = b"key %d" % number, time.time()
    kind = rng.random()
    if kind < 0.45:
        return memory.store(key, value_of(number, 50 + 37 * number), now + 100, now, LOCK_SECONDS)
    if kind < 0.95:
        return memory.fetch(key, now, LOCK_SECONDS) in (None, value_of(number, 50 + 37 * number))
    if kind < 0.99:
        memory.delete(key, LOCK_SECONDS)
    else:
        memory.sweep(now, LOCK_SECONDS)
    return True


def is_locked(memory: SharedCache) -> bool:
    """Whether somebody holds the lock at this moment."""
    try:
        memory.fetch(b"key 0", time.time(), 0.0)
    except TimeoutError:
        return True
    return False


@pytest.mark.timeout(LONGEST + 60)
def test_operations_while_holders_are_killed(tmp_path: Path) -> None:
    path = str(tmp_path / "cache")
    store = open_segment(path, SMALLEST, directive="test")
    crew, rng, holders, kills = Crew(path), random.Random(11), 0, 0
    try:
        deadline = time.monotonic() + LONGEST
        while crew.done() < OPERATIONS:
            assert time.monotonic() < deadline, f"{crew.done()} operations in {LONGEST} s"
            time.sleep(rng.random() * 0.004)
            number = rng.randrange(PROCESSES)
            os.kill(crew.pids[number], signal.SIGSTOP)
            time.sleep(0.0005)  # who else holds it, lets go
            held = is_locked(store.memory)
            if held or rng.random() < 0.05:
                crew.replace(number)
                kills += 1
                holders += held
            else:
                os.kill(crew.pids[number], signal.SIGCONT)
        crew.end()
        assert holders >= 3, f"{kills} killed, {holders} of them held the lock"
        check(store.memory)
    finally:
        store.remove()
    print(f"{crew.done()} operations, {kills} processes killed, {holders} of them held the lock")


def check(memory: SharedCache) -> None:
    """Nobody holds the lock, and what is there is what was stored."""
    now = time.time()
    assert memory.store(b"last", b"x", now + 60, now, 0.5)
    assert memory.fetch(b"last", now, 0.5) == b"x"
    found = memory.entries(0.5)
    assert len(found) == memory.facts().entries
    for key, value, _ in found:
        number = int(key[4:]) if key != b"last" else -1
        assert value == (value_of(number, 50 + 37 * number) if number >= 0 else b"x")

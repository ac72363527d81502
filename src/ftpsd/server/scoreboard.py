"""The scoreboard: who is on, in a file mapped by the supervisor and every worker.

Theory
------
A session claims one slot when it is accepted, keeps it up to date and frees it at its end. Nobody may
hold a lock when he dies, so there is none that outlives its holder. Nor may anybody else hold one, and whoever may
read a file can (a shared lock is in the way of ours): so locks are on a file that has no name, or on one that only the
server may read:

* *Claim* (accept loops only): under an advisory record lock of the kernel (`fcntl.lockf`), which belongs to
  the process and vanishes with it. Inside: count the busy slots against the limit, find the first free
  byte in the state map, write the owner (pid and start time of the process) into the slot, and only then
  set the byte. A death before that last store leaves the slot free.
* *Update and free* (the one session thread that owns the slot): no lock. A sequence number, odd while a
  record is being written, lets readers in other processes notice a torn read and try again.
* *Reap* (supervisor, after `waitpid`): frees the slots that the dead process owned. It only turns busy
  bytes of a dead owner into free ones, so it cannot collide with a claim.
* *Join* (processes of one session each, ServerType inetd, which have no supervisor): the file is made, or found, under
  a record lock of its own and stays, for nobody else to read; who joins frees the slots of the dead. A supervisor holds
  a record lock on its scoreboard as long as it lives, so that nobody joins that, and nobody takes what a dead one left
  for a living one's. (Record locks go when their process closes any descriptor of the file, also the one that a mapping
  has.)
* *Take* (session threads whose login, connection or transfer is bounded): under a record lock of its own, so that
  accept loops never wait for it, and a lock of the process, as a record lock belongs to all its threads. What others
  hold (`access.occupancy`) is counted from the slots; what a process held that has died counts no more, reaped or not.

What lies where: `server.layout`. The file is sparse and slots are claimed from the front, so memory follows the peak
of sessions. Where slots lie is allocated before the first of them is claimed: who writes into a hole of a file system
that is full is killed (SIGBUS).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import itertools
import mmap
import os
import stat
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ftpsd.access.occupancy import Holding, Standing
from ftpsd.ftp.phase import Phase
from ftpsd.server.layout import (
    ACCEPTING,
    ARRIVALS,
    ARRIVALS_AT,
    DESCRIPTION,
    DESCRIPTION_AT,
    FILE_SIZE,
    HEADER,
    HOLDING,
    HOLDING_AT,
    LIMIT,
    LIMIT_AT,
    MAGIC,
    MAP_AT,
    PULSE,
    RATE,
    RATE_AT,
    ROW_SIZE,
    SEQUENCE,
    SEQUENCE_AT,
    SERVED,
    SESSIONS,
    SLOT,
    SLOT_SIZE,
    SLOTS,
    SLOTS_AT,
    SPACE,
    SPACE_AT,
    WARNINGS_AT,
    WARNINGS_SIZE,
    WORKER,
    WORKERS,
    WORKERS_AT,
    pack_text,
    unpack_text,
)
from ftpsd.server.process import has_ended, is_running, process_start
from ftpsd.server.slot import Slot
from ftpsd.settings.values import Rate
from ftpsd.sql import turns

CLAIM_DEADLINE = 0.5
"""Seconds that a claim waits for another worker's claim (which takes microseconds) before it gives up."""

TAKE_DEADLINE = 5.0
"""Seconds that a session waits for its turn to be counted; each takes a millisecond where a thousand are on."""

JOIN_DEADLINE = 5.0
"""Seconds that a process waits for others that join (which takes milliseconds)."""

_CLAIM_LOCK, _TAKE_LOCK, _JOIN_LOCK, _LIFE_LOCK = range(4)
_AT_ONCE = 64
"""Slots that are allocated together."""
_READ_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One session as a reader sees it. Times are seconds since the epoch, `bytes` those transferred.

    `location` is the working directory, `transferred` and `size` (0: unknown) are bytes of the transfer under way,
    `thread` is the number that the session's lines in the logs have.
    Texts are what clients and their name servers said, less what did not fit: escape them before you show them.
    """

    index: int
    pid: int
    process_start: int
    opened: float
    changed: float
    bytes: int
    phase: Phase
    peer: str
    peer_port: int
    local: str
    local_port: int
    user: str
    command: str
    session: str = ""
    protocol: str = ""
    client_class: str = ""
    server: str = ""
    location: str = ""
    peer_name: str = ""
    transferred: int = 0
    size: int = 0
    thread: int = 0


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """What a worker shows of itself: `sessions` now and `served` in all."""

    pid: int
    accepting: bool
    sessions: int
    served: int


class Scoreboard:
    """The mapped file. Made by `create()` (supervisor, before it forks), `join()` (processes without a supervisor) or
    `open()` (readers)."""

    def __init__(self, fd: int, memory: mmap.mmap, path: str | None, locks: int | None = None) -> None:
        """`locks`: the descriptor that record locks are on (None: `fd`)."""
        self._fd = fd
        self._locks = fd if locks is None else locks
        self.memory = memory
        whole = memoryview(memory)
        self.words, self.counts, self.times = whole.cast("I"), whole.cast("Q"), whole.cast("d")
        """The same memory as numbers of 4 and 8 bytes and as times: what every command writes."""
        self.path = path
        self._owner: tuple[int, int] = (0, 0)
        self._turn = threading.Lock()
        self.denied = ""
        """Why the last claim got nothing, for the log."""

    @classmethod
    def create(cls, path: str | None = None) -> Scoreboard:
        """A new, empty scoreboard at `path` (None: in anonymous memory). Raises `OSError`.

        An existing file is replaced by a rename, never shortened: another server may have it mapped.
        """
        if path is None:
            fd = os.memfd_create("ftpsd-scoreboard", os.MFD_CLOEXEC)
            return cls._fill(fd, None, os.getpid())
        return cls._replace(path, os.getpid())

    @classmethod
    def _replace(cls, path: str, owner: int) -> Scoreboard:
        """A new one at `path`. Everybody may read a supervisor's (`owner`), whose locks are elsewhere."""
        mode = 0o644 if owner else 0o600
        draft = f"{path}.{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        locks = fd
        try:
            os.fchmod(fd, mode)
            if owner:
                locks = os.memfd_create("ftpsd-scoreboard-locks", os.MFD_CLOEXEC)
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _LIFE_LOCK)  # before anybody else finds it
            board = cls._fill(fd, path, owner, locks)
            os.rename(draft, path)
        except OSError:
            for each in {fd, locks}:
                os.close(each)
            os.unlink(draft)
            raise
        return board

    @classmethod
    def join(cls, path: str) -> Scoreboard:
        """The scoreboard at `path` that processes without a supervisor share; made where there is none, or what a
        dead server or another program left. What dead processes had on it is freed.

        Raises `OSError`, `ValueError` when it cannot be shared: a server that lives has it, or others may write to it.
        """
        deadline = time.monotonic() + JOIN_DEADLINE
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
            try:
                board = cls._joined(fd, path, deadline)
            except BaseException:
                os.close(fd)
                raise
            if board is not None:
                if board._fd != fd:
                    os.close(fd)
                board._reap_ended()
                return board
            os.close(fd)

    @classmethod
    def _joined(cls, fd: int, path: str, deadline: float) -> Scoreboard | None:
        """The scoreboard over `fd`, or over a new file at `path`; None: somebody else has put another one there."""
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no file")
        if found.st_mode & 0o022 or found.st_uid not in (0, os.geteuid()):
            raise ValueError("others may write to it")
        if not record_lock(fd, _JOIN_LOCK, deadline - time.monotonic()):
            raise TimeoutError(errno.ETIMEDOUT, "others have locked it")
        try:
            if not _is_at(fd, path):
                return None
            size = os.fstat(fd).st_size
            if size == 0:
                os.fchmod(fd, 0o600)
                return cls._fill(fd, path, 0)
            if size == FILE_SIZE:
                magic, *_, owner, _ = HEADER.unpack(os.pread(fd, HEADER.size, 0))
                if magic == MAGIC and owner == 0:
                    os.fchmod(fd, 0o600)
                    return cls(fd, mmap.mmap(fd, FILE_SIZE), path)
                if magic == MAGIC and not record_lock(fd, _LIFE_LOCK, 0.0):
                    raise ValueError(f"the server with process id {owner} has it")
            return cls._replace(path, 0)
        finally:
            fcntl.lockf(fd, fcntl.LOCK_UN)

    @classmethod
    def _fill(cls, fd: int, path: str | None, owner: int, locks: int | None = None) -> Scoreboard:
        os.ftruncate(fd, FILE_SIZE)
        os.posix_fallocate(fd, 0, SLOTS_AT + _AT_ONCE * SLOT_SIZE)
        memory = mmap.mmap(fd, FILE_SIZE)
        SPACE.pack_into(memory, SPACE_AT, _AT_ONCE)
        HEADER.pack_into(memory, 0, MAGIC, SLOTS, SLOT_SIZE, WORKERS, 0, owner, time.time())
        return cls(fd, memory, path, locks)

    @classmethod
    def open(cls, path: str) -> Scoreboard:
        """Somebody else's scoreboard, read only. Raises `OSError`, `ValueError` when it is not one."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.fstat(fd).st_size != FILE_SIZE:
                raise ValueError(f"'{path}' is not a scoreboard of this version of ftpsd")
            memory = mmap.mmap(fd, FILE_SIZE, prot=mmap.PROT_READ)
        except BaseException:
            os.close(fd)
            raise
        if memory[: len(MAGIC)] != MAGIC:
            memory.close()
            os.close(fd)
            raise ValueError(f"'{path}' is not a scoreboard of this version of ftpsd")
        return cls(fd, memory, path)

    @property
    def limit(self) -> int:
        """Most sessions at a time (MaxInstances); never more than `SLOTS`."""
        (limit,) = LIMIT.unpack_from(self.memory, LIMIT_AT)
        return min(int(limit), SLOTS) or SLOTS

    @limit.setter
    def limit(self, limit: int) -> None:
        LIMIT.pack_into(self.memory, LIMIT_AT, max(0, min(limit, SLOTS)))

    @property
    def rate(self) -> Rate | None:
        """Most new sessions in a time (MaxConnectionRate)."""
        number, seconds = RATE.unpack_from(self.memory, RATE_AT)
        return Rate(number, seconds) if number else None

    @rate.setter
    def rate(self, rate: Rate | None) -> None:
        RATE.pack_into(self.memory, RATE_AT, *(rate or (0, 0)))

    @property
    def supervisor(self) -> tuple[int, float]:
        """The process whose scoreboard it is (0: no one's, who joins has it), and when it was made (seconds since the
        epoch)."""
        *_, pid, started = HEADER.unpack_from(self.memory)
        return int(pid), float(started)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever looks should know of the server: its certificates' ends."""
        data = self.memory[WARNINGS_AT : WARNINGS_AT + WARNINGS_SIZE].rstrip(b"\0")
        return tuple(data.decode("utf-8", "replace").split("\n")) if data else ()

    @warnings.setter
    def warnings(self, lines: Sequence[str]) -> None:
        """What does not fit is left out. For the supervisor."""
        data = "\n".join(line.replace("\n", " ") for line in lines).encode("utf-8", "replace")[:WARNINGS_SIZE]
        self.memory[WARNINGS_AT : WARNINGS_AT + WARNINGS_SIZE] = data.ljust(WARNINGS_SIZE, b"\0")

    @property
    def count(self) -> int:
        """Sessions now."""
        states = self.memory[MAP_AT : MAP_AT + SLOTS]
        return states.count(1, 0, states.rfind(1) + 1)

    def acquire(
        self, peer: tuple[str, int] = ("", 0), local: tuple[str, int] = ("", 0), *, patience: float = CLAIM_DEADLINE,
    ) -> Slot | None:
        """Claim a slot for a connection from `peer` at `local` (address, port); None when it is full, or others claim
        for longer than `patience` (seconds).

        For one thread per process: the accept loop. The slot must be released by `Slot.release()`.
        """
        if not record_lock(self._locks, _CLAIM_LOCK, patience):
            self.denied = "the scoreboard is locked"
            return None
        try:
            index = self.memory.find(b"\0", MAP_AT, MAP_AT + SLOTS)
            if index < 0 or self._is_full(index - MAP_AT):
                self.denied = f"MaxInstances ({self.limit}) reached"
                return None
            if self._too_fast():
                return None
            index -= MAP_AT
            if not self._has_space(index):
                return None
            self._write(index, peer, local)
            self.memory[MAP_AT + index] = 1
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, _CLAIM_LOCK)
        return Slot(self, index)

    def _is_full(self, free: int) -> bool:
        """Whether MaxInstances sessions are on, where `free` is the first free slot."""
        limit = self.limit
        return limit < SLOTS and (free >= limit or self.count >= limit)

    def _has_space(self, index: int) -> bool:
        """Whether slot `index` can be written to."""
        (there,) = SPACE.unpack_from(self.memory, SPACE_AT)
        if index < there:
            return True
        more = (index - there) // _AT_ONCE * _AT_ONCE + _AT_ONCE
        try:
            os.posix_fallocate(self._fd, SLOTS_AT + there * SLOT_SIZE, more * SLOT_SIZE)
        except OSError as error:
            self.denied = f"ScoreboardFile {self.path or 'in memory'}: {error.strerror}"
            return False
        SPACE.pack_into(self.memory, SPACE_AT, there + more)
        return True

    def _too_fast(self) -> bool:
        """MaxConnectionRate: a time of `seconds` begins with the first connection after the last one's end."""
        rate = self.rate
        if rate is None:
            return False
        now = time.monotonic()
        arrived, since = ARRIVALS.unpack_from(self.memory, ARRIVALS_AT)
        if not since <= now < since + rate.seconds:
            arrived, since = 0, now
        ARRIVALS.pack_into(self.memory, ARRIVALS_AT, arrived + 1, since)
        plural = "" if rate.seconds == 1 else "s"
        self.denied = f"MaxConnectionRate ({rate.number}/{rate.seconds} sec{plural}) reached"
        return bool(arrived >= rate.number)

    @contextlib.contextmanager
    def taking(self) -> Iterator[None]:
        """The right to be counted, which one session of all processes has at a time. Raises `TimeoutError`."""
        deadline = time.monotonic() + TAKE_DEADLINE
        if not self._turn.acquire(timeout=TAKE_DEADLINE):
            raise TimeoutError("too many sessions want to be counted")
        try:
            if not record_lock(self._locks, _TAKE_LOCK, deadline - time.monotonic()):
                raise TimeoutError("too many sessions want to be counted")
            try:
                yield
            finally:
                fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, _TAKE_LOCK)
        finally:
            self._turn.release()

    def holdings(self, without: int, *, living: bool = False) -> list[Holding]:
        """What all slots but `without` hold; `living`: less what a process held that is dead and not reaped yet."""
        found: list[Holding] = []
        ended = functools.lru_cache(has_ended)
        for index in self._busy():
            at = SLOTS_AT + index * SLOT_SIZE
            standing, *keys = HOLDING.unpack_from(self.memory, at + HOLDING_AT)
            if index == without or standing == Standing.NOT_COUNTED:
                continue
            if living:
                (pid,) = SEQUENCE.unpack_from(self.memory, at + 4)
                if ended(pid):
                    continue
            found.append(Holding(Standing(standing), *keys))
        return found

    def _write(self, index: int, peer: tuple[str, int], local: tuple[str, int]) -> None:
        now = time.time()
        pid, start = self._identity()
        SLOT.pack_into(
            self.memory, SLOTS_AT + index * SLOT_SIZE,
            0, pid, start, now, now, 0, Phase.CONNECTED, peer[1], local[1],
            pack_text(peer[0], 46), pack_text(local[0], 46), b"", b"",
        )
        DESCRIPTION.pack_into(
            self.memory, SLOTS_AT + index * SLOT_SIZE + DESCRIPTION_AT, b"", b"", b"", b"", b"", b"", 0, 0, 0)
        HOLDING.pack_into(self.memory, SLOTS_AT + index * SLOT_SIZE + HOLDING_AT, 0, b"", b"", b"", b"", b"")

    def _identity(self) -> tuple[int, int]:
        pid = os.getpid()
        if self._owner[0] != pid:
            self._owner = (pid, process_start(pid) or 0)
        return self._owner

    def reap(self, pid: int) -> int:
        """Free every slot of the dead process `pid`; how many there were."""
        freed = 0
        for index in self._busy():
            (owner,) = SEQUENCE.unpack_from(self.memory, SLOTS_AT + index * SLOT_SIZE + 4)
            if owner == pid:
                self.memory[MAP_AT + index] = 0
                freed += 1
        return freed

    def _reap_ended(self) -> None:
        """Free the slots of processes that have ended and whom nobody reaps; another one may have their number now."""
        ended = self._ended(self._busy())  # mostly nobody's; all of them are looked at without the lock
        if not ended or not record_lock(self._locks, _CLAIM_LOCK, CLAIM_DEADLINE):
            return
        try:
            for index in self._ended(ended):  # again: one that another has freed may be a living one's now
                self.memory[MAP_AT + index] = 0
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, _CLAIM_LOCK)

    def _ended(self, indices: Iterable[int]) -> list[int]:
        """Those slots whose processes have ended."""
        found: list[int] = []
        for index in indices:
            _, pid, start, *_ = SLOT.unpack_from(self.memory, SLOTS_AT + index * SLOT_SIZE)
            if not is_running(pid, start):
                found.append(index)
        return found

    def entries(self) -> list[Entry]:
        """Everybody who is on. An entry that changes while it is read is read again."""
        found = [entry for index in self._busy() if (entry := self._read(index)) is not None]
        if self.supervisor[0]:
            return found
        return [entry for entry in found if is_running(entry.pid, entry.process_start)]

    def _busy(self) -> list[int]:
        return [index for index, state in enumerate(self.memory[MAP_AT : MAP_AT + SLOTS]) if state]

    def _read(self, index: int) -> Entry | None:
        at = SLOTS_AT + index * SLOT_SIZE
        for _ in range(_READ_ATTEMPTS):
            record = bytes(self.memory[at : at + SLOT_SIZE])
            (after,) = SEQUENCE.unpack_from(self.memory, at + SEQUENCE_AT)
            fields = SLOT.unpack_from(record)
            if fields[0] == after and not after & 1:
                break
            time.sleep(0)
        if not self.memory[MAP_AT + index]:
            return None
        _, pid, start, opened, changed, count, phase, peer_port, local_port, *texts = fields
        peer, local, user, command = (unpack_text(raw) for raw in texts)
        *more, transferred, size, thread = DESCRIPTION.unpack_from(record, DESCRIPTION_AT)
        session, protocol, client_class, server, location, peer_name = (unpack_text(raw) for raw in more)
        return Entry(
            index, pid, start, opened, changed, count, _phase(phase), peer, peer_port, local, local_port, user,
            command, session, protocol, client_class, server, location, peer_name, transferred, size, thread,
        )

    def worker(self, row: int) -> WorkerRow:
        """What row `row` of the worker table shows."""
        pid, accepting, sessions, _, served = WORKER.unpack_from(
            self.memory, WORKERS_AT + row * ROW_SIZE
        )
        return WorkerRow(pid, bool(accepting), sessions, served)

    def set_worker(self, row: int, shown: WorkerRow) -> None:
        """Fill row `row` (the worker itself; the supervisor clears it after the worker's death)."""
        WORKER.pack_into(
            self.memory, WORKERS_AT + row * ROW_SIZE,
            shown.pid, shown.accepting, shown.sessions, 0, shown.served,
        )

    def count_worker(self, row: int, sessions: int, served: int) -> None:
        """Show only how many sessions the worker in `row` has and has had."""
        at = WORKERS_AT + row * ROW_SIZE >> 2
        self.words[at + SESSIONS] = sessions
        self.counts[at + SERVED >> 1] = served

    def pulse(self, row: int) -> int:
        """The number of the last `Ping` that the worker in `row` has answered."""
        (number,) = PULSE.unpack_from(self.memory, WORKERS_AT + row * ROW_SIZE + WORKER.size)
        return int(number)

    def set_pulse(self, row: int, number: int) -> None:
        """The worker answers."""
        PULSE.pack_into(self.memory, WORKERS_AT + row * ROW_SIZE + WORKER.size, number)

    def clear_worker(self, row: int) -> None:
        """Nobody is in `row`."""
        self.set_worker(row, WorkerRow(0, False, 0, 0))

    def free_rows(self, count: int, taken: Collection[int] = ()) -> tuple[int, ...]:
        """`count` rows without a worker; fewer when the table is full. For the supervisor, which knows rows that are
        `taken`, whatever they show."""
        free = (row for row in range(WORKERS) if row not in taken and not self.worker(row).pid)
        return tuple(itertools.islice(free, count))

    def least_loaded(self, rows: Iterable[int]) -> int | None:
        """Fewest sessions of any accepting worker among `rows`; None without one."""
        words, least = self.words, None
        for row in rows:
            at = WORKERS_AT + row * ROW_SIZE >> 2
            if words[at + ACCEPTING] and (least is None or words[at + SESSIONS] < least):
                least = words[at + SESSIONS]
        return least

    def close(self, *, remove: bool = False) -> None:
        """Unmap it; with `remove` its file is deleted too, if it still is this one."""
        if remove and self.path is not None:
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(self.path), os.fstat(self._fd)):
                    os.unlink(self.path)
        for view in (self.words, self.counts, self.times):
            view.release()
        self.memory.close()
        if self._locks != self._fd:
            os.close(self._locks)
        os.close(self._fd)


def record_lock(fd: int, which: int, patience: float) -> bool:
    """Whether the record lock `which` was to be had within `patience` seconds (0: at once)."""
    try:
        turns.record_lock(fd, patience, length=1, start=which)
    except OSError:
        return False
    return True


def _is_at(fd: int, path: str) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(fd))
    except FileNotFoundError:
        return False


def _phase(number: int) -> Phase:
    return Phase(number) if number in Phase._value2member_map_ else Phase.CONNECTED

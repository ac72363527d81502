"""The scoreboard: who is on, in a file mapped by the supervisor and every worker.

Theory
------
A session claims one slot when it is accepted, keeps it up to date and frees it at its end. Nobody may
hold a lock when he dies, so there is none that outlives its holder:

* *Claim* (accept loops only): under an advisory record lock of the kernel (`fcntl.lockf`), which belongs to
  the process and vanishes with it. Inside: count the busy slots against the limit, find the first free
  byte in the state map, write the owner (pid and start time of the process) into the slot, and only then
  set the byte. A death before that last store leaves the slot free.
* *Update and free* (the one session thread that owns the slot): no lock. A sequence number, odd while a
  record is being written, lets readers in other processes notice a torn read and try again.
* *Reap* (supervisor, after `waitpid`): frees the slots that the dead process owned. It only turns busy
  bytes of a dead owner into free ones, so it cannot collide with a claim.
* *Take* (session threads whose login, connection or transfer is bounded): under a record lock of its own, so that
  accept loops never wait for it, and a lock of the process, as a record lock belongs to all its threads. What others
  hold (`access.occupancy`) is counted from the slots; what a process held that has died counts no more, reaped or not.

Layout (the machine's byte order, packed):

====================  ========================================================================
offset                what
====================  ========================================================================
0                     header: magic, slot count, slot size, worker rows, limit, pid, started
4096                  worker rows: pid, accepting, sessions now, sessions in all, pulse
4096 + rows           state map, one byte per slot: 0 free, 1 busy
… + slots             the slots: `_SLOT` below
====================  ========================================================================

The file is sparse and slots are claimed from the front, so memory follows the peak of sessions. Where slots lie is
allocated before the first of them is claimed: who writes into a hole of a file system that is full is killed (SIGBUS).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import itertools
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ftpsd.access.occupancy import KEY_SIZE, NOTHING, Holding, Shown, Standing
from ftpsd.ftp.phase import Phase
from ftpsd.server.process import has_ended, process_start
from ftpsd.settings.values import Rate

Verdict = TypeVar("Verdict")

MAGIC = b"FTPSDSB3"
SLOTS = 32_768
WORKERS = 1_024
CLAIM_DEADLINE = 0.5
"""Seconds that a claim waits for another worker's claim (which takes microseconds) before it gives up."""

TAKE_DEADLINE = 5.0
"""Seconds that a session waits for its turn to be counted; each takes a millisecond where a thousand are on."""

_HEADER = struct.Struct("=8sIIIIId")
_LIMIT = struct.Struct("=I")
_LIMIT_AT = 8 + 3 * 4
# MaxConnectionRate: number, seconds; connections since, the moment (monotonic clock)
_RATE = struct.Struct("=II")
_RATE_AT = 64
_ARRIVALS = struct.Struct("=Qd")
_ARRIVALS_AT = _RATE_AT + _RATE.size
# Slots whose place in the file is allocated
_SPACE = struct.Struct("=I")
_SPACE_AT = _ARRIVALS_AT + _ARRIVALS.size
# What whoever looks should know: UTF-8, a line each, zeros behind it
_WARNINGS_AT, _WARNINGS_SIZE = 512, 2048
_CLAIM_LOCK, _TAKE_LOCK = 0, 1
_WORKER = struct.Struct("=IIIIQ")
_ACCEPTING, _SESSIONS, _SERVED = 1, 2, 4
"""Which word of a worker's row."""
_PULSE = struct.Struct("=Q")
_ROW_SIZE = 32
_WORKERS_AT = 4096
_MAP_AT = _WORKERS_AT + WORKERS * _ROW_SIZE
_SLOTS_AT = _MAP_AT + SLOTS
_SLOT_SIZE = 1024
_SIZE = _SLOTS_AT + SLOTS * _SLOT_SIZE
_AT_ONCE = 64
"""Slots that are allocated together."""

# sequence, pid, process start, opened, changed, bytes, phase, ports, addresses, user, command
_SLOT = struct.Struct("=IIQddQBxHH46s46s64s160s")
_SEQUENCE = struct.Struct("=I")
_CHANGED = struct.Struct("=d")
_SEQUENCE_AT, _OPENED_AT, _CHANGED_AT, _BYTES_AT, _PHASE_AT = 0, 16, 24, 32, 40
_USER_AT, _COMMAND_AT = 138, 202
_USER_SIZE, _COMMAND_SIZE = 64, 160
# What is written seldom: session id, protocol, class, server name, directory, name of the peer, then the transfer
# under way: its bytes so far and in all, and the thread.
_DESCRIPTION = struct.Struct("=16s8s32s64s160s64sQQI")
_DESCRIPTION_AT = 384
_PART_SIZES = (16, 8, 32, 64, 160, 64)
_PARTS = tuple(zip(itertools.accumulate(_PART_SIZES, initial=_DESCRIPTION_AT), _PART_SIZES, strict=False))
"""Where each of its texts begins, and how long it may be."""
_TRANSFERRED_AT = _DESCRIPTION_AT + sum(_PART_SIZES)
_SIZE_AT = _TRANSFERRED_AT + 8
_THREAD_AT = _SIZE_AT + 8
# What limits count: standing, then the keys of host, address, user, class and command.
_HOLDING = struct.Struct(f"=B7x{KEY_SIZE}s{KEY_SIZE}s{KEY_SIZE}s{KEY_SIZE}s{KEY_SIZE}s")
_HOLDING_AT = 768
_HELD_COMMAND_AT = _HOLDING_AT + 8 + 4 * KEY_SIZE
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


class Slot:
    """A session's place on the scoreboard. Written by the session's thread alone; safe after `release()`."""

    def __init__(self, board: Scoreboard, index: int) -> None:
        self._board = board
        self._index = index
        self._at = _SLOTS_AT + index * _SLOT_SIZE
        self._sequence = 0
        self._held = True

    def update(
        self, *, user: str | None = None, command: str | None = None, phase: int | None = None,
        bytes: int | None = None,
    ) -> None:
        """Show a new user, command line (without secrets), `Phase` or count of bytes; None leaves it."""
        if not self._held:
            return
        board, at = self._board, self._at
        memory = board.memory
        # The fields are read before the number turns odd: nothing can fail while it is.
        shown = None if command is None else _field(command, _COMMAND_SIZE)
        name = None if user is None else _field(user, _USER_SIZE)
        sequence = (self._sequence + 1) & 0xFFFF_FFFF | 1
        board.words[at + _SEQUENCE_AT >> 2] = sequence
        if shown is not None:
            memory[at + _COMMAND_AT : at + _COMMAND_AT + _COMMAND_SIZE] = shown
        if name is not None:
            memory[at + _USER_AT : at + _USER_AT + _USER_SIZE] = name
        if phase is not None:
            memory[at + _PHASE_AT] = phase
        if bytes is not None:
            board.counts[at + _BYTES_AT >> 3] = bytes
        board.times[at + _CHANGED_AT >> 3] = time.time()
        board.words[at + _SEQUENCE_AT >> 2] = self._sequence = sequence + 1 & 0xFFFF_FFFF

    def describe(
        self, *, session: str | None = None, peer_name: str | None = None, client_class: str | None = None,
        server: str | None = None, protocol: str | None = None, location: str | None = None,
        thread: int | None = None,
    ) -> None:
        """Show more about the session; None leaves it. Unlike `update()` it does not count as activity."""
        shown: list[tuple[int, bytes]] = []
        given = (session, protocol, client_class, server, location, peer_name)
        for (offset, size), text in zip(_PARTS, given, strict=True):
            if text is not None:
                shown.append((offset, _field(text, size)))
        if not self._held:
            return
        board, at = self._board, self._at
        sequence = (self._sequence + 1) & 0xFFFF_FFFF | 1
        board.words[at + _SEQUENCE_AT >> 2] = sequence
        for offset, field in shown:
            board.memory[at + offset : at + offset + len(field)] = field
        if thread is not None:
            board.words[at + _THREAD_AT >> 2] = thread
        board.words[at + _SEQUENCE_AT >> 2] = self._sequence = sequence + 1 & 0xFFFF_FFFF

    def transfer(self, phase: int, size: int) -> None:
        """A transfer of `size` bytes (0: unknown) begins; `phase` says in which direction."""
        if not self._held:
            return
        board, at = self._board, self._at
        sequence = (self._sequence + 1) & 0xFFFF_FFFF | 1
        board.words[at + _SEQUENCE_AT >> 2] = sequence
        board.memory[at + _PHASE_AT] = phase
        board.counts[at + _TRANSFERRED_AT >> 3] = 0
        board.counts[at + _SIZE_AT >> 3] = size
        board.times[at + _CHANGED_AT >> 3] = time.time()
        board.words[at + _SEQUENCE_AT >> 2] = self._sequence = sequence + 1 & 0xFFFF_FFFF

    @property
    def progress(self) -> memoryview | None:
        """Eight bytes in which whoever moves the bytes of the transfer counts them; needs no sequence number."""
        start = self._at + _TRANSFERRED_AT
        return memoryview(self._board.memory)[start : start + 8] if self._held else None

    @property
    def opened(self) -> float:
        """When it was claimed, in seconds since the epoch: with `index` it names one session."""
        (opened,) = _CHANGED.unpack_from(self._board.memory, self._at + _OPENED_AT)
        return float(opened)

    @property
    def index(self) -> int:
        """Its number on the scoreboard; others may have it after `release()`."""
        return self._index

    def everybody(self) -> list[Shown]:
        """All sessions that are on, this one too."""
        return [
            Shown(entry.index, entry.user, entry.server, entry.peer, entry.opened, entry.command)
            for entry in self._board.entries()
        ]

    def take(self, holding: Holding, judge: Callable[[Sequence[Holding]], Verdict | None]) -> Verdict | None:
        """Have `holding` unless `judge`, told what all others hold, objects; his objection.

        Raises `TimeoutError` when too many want something at the same time.
        """
        with self._board.taking():
            verdict = judge(self._board.holdings(self._index))
            if verdict is not None:
                verdict = judge(self._board.holdings(self._index, living=True))
            if verdict is None:
                self.hold(holding)
        return verdict

    def hold(self, holding: Holding) -> None:
        """Have `holding`, without anybody being asked: for what nothing bounds."""
        if self._held:
            _HOLDING.pack_into(self._board.memory, self._at + _HOLDING_AT, *holding)

    def give_back_transfer(self) -> None:
        """The transfer that was taken is over."""
        if self._held:
            at = self._at + _HELD_COMMAND_AT
            self._board.memory[at : at + KEY_SIZE] = NOTHING

    def give_back(self) -> None:
        """Hold nothing any more: the session is at its end."""
        if self._held:
            self._board.memory[self._at + _HOLDING_AT] = Standing.NOT_COUNTED

    def release(self) -> None:
        """Free the slot. More calls do nothing."""
        if self._held:
            self._held = False
            self._board.memory[_MAP_AT + self._index] = 0


class Scoreboard:
    """The mapped file. Made by `create()` (supervisor, before it forks) or `open()` (readers)."""

    def __init__(self, fd: int, memory: mmap.mmap, path: str | None) -> None:
        self._fd = fd
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
            return cls._fill(fd, None)
        draft = f"{path}.{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            os.fchmod(fd, 0o644)
            board = cls._fill(fd, path)
            os.rename(draft, path)
        except OSError:
            os.close(fd)
            os.unlink(draft)
            raise
        return board

    @classmethod
    def _fill(cls, fd: int, path: str | None) -> Scoreboard:
        os.ftruncate(fd, _SIZE)
        os.posix_fallocate(fd, 0, _SLOTS_AT + _AT_ONCE * _SLOT_SIZE)
        memory = mmap.mmap(fd, _SIZE)
        _HEADER.pack_into(memory, 0, MAGIC, SLOTS, _SLOT_SIZE, WORKERS, 0, os.getpid(), time.time())
        _SPACE.pack_into(memory, _SPACE_AT, _AT_ONCE)
        return cls(fd, memory, path)

    @classmethod
    def open(cls, path: str) -> Scoreboard:
        """Somebody else's scoreboard, read only. Raises `OSError`, `ValueError` when it is not one."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.fstat(fd).st_size != _SIZE:
                raise ValueError(f"'{path}' is not a scoreboard of this version of ftpsd")
            memory = mmap.mmap(fd, _SIZE, prot=mmap.PROT_READ)
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
        (limit,) = _LIMIT.unpack_from(self.memory, _LIMIT_AT)
        return min(int(limit), SLOTS) or SLOTS

    @limit.setter
    def limit(self, limit: int) -> None:
        _LIMIT.pack_into(self.memory, _LIMIT_AT, max(0, min(limit, SLOTS)))

    @property
    def rate(self) -> Rate | None:
        """Most new sessions in a time (MaxConnectionRate)."""
        number, seconds = _RATE.unpack_from(self.memory, _RATE_AT)
        return Rate(number, seconds) if number else None

    @rate.setter
    def rate(self, rate: Rate | None) -> None:
        _RATE.pack_into(self.memory, _RATE_AT, *(rate or (0, 0)))

    @property
    def supervisor(self) -> tuple[int, float]:
        """The process whose scoreboard it is, and when it was made (seconds since the epoch)."""
        *_, pid, started = _HEADER.unpack_from(self.memory)
        return int(pid), float(started)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever looks should know of the server: its certificates' ends."""
        data = self.memory[_WARNINGS_AT : _WARNINGS_AT + _WARNINGS_SIZE].rstrip(b"\0")
        return tuple(data.decode("utf-8", "replace").split("\n")) if data else ()

    @warnings.setter
    def warnings(self, lines: Sequence[str]) -> None:
        """What does not fit is left out. For the supervisor."""
        data = "\n".join(line.replace("\n", " ") for line in lines).encode("utf-8", "replace")[:_WARNINGS_SIZE]
        self.memory[_WARNINGS_AT : _WARNINGS_AT + _WARNINGS_SIZE] = data.ljust(_WARNINGS_SIZE, b"\0")

    @property
    def count(self) -> int:
        """Sessions now."""
        states = self.memory[_MAP_AT : _MAP_AT + SLOTS]
        return states.count(1, 0, states.rfind(1) + 1)

    def acquire(self, peer: tuple[str, int] = ("", 0), local: tuple[str, int] = ("", 0)) -> Slot | None:
        """Claim a slot for a connection from `peer` at `local` (address, port); None when it is full.

        For one thread per process: the accept loop. The slot must be released by `Slot.release()`.
        """
        if not self._lock(_CLAIM_LOCK, CLAIM_DEADLINE):
            self.denied = "the scoreboard is locked"
            return None
        try:
            index = self.memory.find(b"\0", _MAP_AT, _MAP_AT + SLOTS)
            if index < 0 or self._is_full(index - _MAP_AT):
                self.denied = f"MaxInstances ({self.limit}) reached"
                return None
            if self._too_fast():
                return None
            index -= _MAP_AT
            if not self._has_space(index):
                return None
            self._write(index, peer, local)
            self.memory[_MAP_AT + index] = 1
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, _CLAIM_LOCK)
        return Slot(self, index)

    def _is_full(self, free: int) -> bool:
        """Whether MaxInstances sessions are on, where `free` is the first free slot."""
        limit = self.limit
        return limit < SLOTS and (free >= limit or self.count >= limit)

    def _has_space(self, index: int) -> bool:
        """Whether slot `index` can be written to."""
        (there,) = _SPACE.unpack_from(self.memory, _SPACE_AT)
        if index < there:
            return True
        more = (index - there) // _AT_ONCE * _AT_ONCE + _AT_ONCE
        try:
            os.posix_fallocate(self._fd, _SLOTS_AT + there * _SLOT_SIZE, more * _SLOT_SIZE)
        except OSError as error:
            self.denied = f"ScoreboardFile {self.path or 'in memory'}: {error.strerror}"
            return False
        _SPACE.pack_into(self.memory, _SPACE_AT, there + more)
        return True

    def _too_fast(self) -> bool:
        """MaxConnectionRate: a time of `seconds` begins with the first connection after the last one's end."""
        rate = self.rate
        if rate is None:
            return False
        now = time.monotonic()
        arrived, since = _ARRIVALS.unpack_from(self.memory, _ARRIVALS_AT)
        if not since <= now < since + rate.seconds:
            arrived, since = 0, now
        _ARRIVALS.pack_into(self.memory, _ARRIVALS_AT, arrived + 1, since)
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
            if not self._lock(_TAKE_LOCK, deadline - time.monotonic()):
                raise TimeoutError("too many sessions want to be counted")
            try:
                yield
            finally:
                fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, _TAKE_LOCK)
        finally:
            self._turn.release()

    def holdings(self, without: int, *, living: bool = False) -> list[Holding]:
        """What all slots but `without` hold; `living`: less what a process held that is dead and not reaped yet."""
        found: list[Holding] = []
        ended = functools.lru_cache(has_ended)
        for index in self._busy():
            at = _SLOTS_AT + index * _SLOT_SIZE
            standing, *keys = _HOLDING.unpack_from(self.memory, at + _HOLDING_AT)
            if index == without or standing == Standing.NOT_COUNTED:
                continue
            if living:
                (pid,) = _SEQUENCE.unpack_from(self.memory, at + 4)
                if ended(pid):
                    continue
            found.append(Holding(Standing(standing), *keys))
        return found

    def _write(self, index: int, peer: tuple[str, int], local: tuple[str, int]) -> None:
        now = time.time()
        pid, start = self._identity()
        _SLOT.pack_into(
            self.memory, _SLOTS_AT + index * _SLOT_SIZE,
            0, pid, start, now, now, 0, Phase.CONNECTED, peer[1], local[1],
            _field(peer[0], 46), _field(local[0], 46), b"", b"",
        )
        _DESCRIPTION.pack_into(
            self.memory, _SLOTS_AT + index * _SLOT_SIZE + _DESCRIPTION_AT, b"", b"", b"", b"", b"", b"", 0, 0, 0)
        _HOLDING.pack_into(self.memory, _SLOTS_AT + index * _SLOT_SIZE + _HOLDING_AT, 0, b"", b"", b"", b"", b"")

    def _identity(self) -> tuple[int, int]:
        pid = os.getpid()
        if self._owner[0] != pid:
            self._owner = (pid, process_start(pid) or 0)
        return self._owner

    def _lock(self, which: int, patience: float) -> bool:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, which)
                return True
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES) or time.monotonic() > deadline:
                    return False
                time.sleep(0.0002)

    def reap(self, pid: int) -> int:
        """Free every slot of the dead process `pid`; how many there were."""
        freed = 0
        for index in self._busy():
            (owner,) = _SEQUENCE.unpack_from(self.memory, _SLOTS_AT + index * _SLOT_SIZE + 4)
            if owner == pid:
                self.memory[_MAP_AT + index] = 0
                freed += 1
        return freed

    def entries(self) -> list[Entry]:
        """Everybody who is on. An entry that changes while it is read is read again."""
        return [entry for index in self._busy() if (entry := self._read(index)) is not None]

    def _busy(self) -> list[int]:
        return [index for index, state in enumerate(self.memory[_MAP_AT : _MAP_AT + SLOTS]) if state]

    def _read(self, index: int) -> Entry | None:
        at = _SLOTS_AT + index * _SLOT_SIZE
        for _ in range(_READ_ATTEMPTS):
            record = bytes(self.memory[at : at + _SLOT_SIZE])
            (after,) = _SEQUENCE.unpack_from(self.memory, at + _SEQUENCE_AT)
            fields = _SLOT.unpack_from(record)
            if fields[0] == after and not after & 1:
                break
            time.sleep(0)
        if not self.memory[_MAP_AT + index]:
            return None
        _, pid, start, opened, changed, count, phase, peer_port, local_port, *texts = fields
        peer, local, user, command = (_text(raw) for raw in texts)
        *more, transferred, size, thread = _DESCRIPTION.unpack_from(record, _DESCRIPTION_AT)
        session, protocol, client_class, server, location, peer_name = (_text(raw) for raw in more)
        return Entry(
            index, pid, start, opened, changed, count, _phase(phase), peer, peer_port, local, local_port, user,
            command, session, protocol, client_class, server, location, peer_name, transferred, size, thread,
        )

    def worker(self, row: int) -> WorkerRow:
        """What row `row` of the worker table shows."""
        pid, accepting, sessions, _, served = _WORKER.unpack_from(
            self.memory, _WORKERS_AT + row * _ROW_SIZE
        )
        return WorkerRow(pid, bool(accepting), sessions, served)

    def set_worker(self, row: int, shown: WorkerRow) -> None:
        """Fill row `row` (the worker itself; the supervisor clears it after the worker's death)."""
        _WORKER.pack_into(
            self.memory, _WORKERS_AT + row * _ROW_SIZE,
            shown.pid, shown.accepting, shown.sessions, 0, shown.served,
        )

    def count_worker(self, row: int, sessions: int, served: int) -> None:
        """Show only how many sessions the worker in `row` has and has had."""
        at = _WORKERS_AT + row * _ROW_SIZE >> 2
        self.words[at + _SESSIONS] = sessions
        self.counts[at + _SERVED >> 1] = served

    def pulse(self, row: int) -> int:
        """The number of the last `Ping` that the worker in `row` has answered."""
        (number,) = _PULSE.unpack_from(self.memory, _WORKERS_AT + row * _ROW_SIZE + _WORKER.size)
        return int(number)

    def set_pulse(self, row: int, number: int) -> None:
        """The worker answers."""
        _PULSE.pack_into(self.memory, _WORKERS_AT + row * _ROW_SIZE + _WORKER.size, number)

    def clear_worker(self, row: int) -> None:
        """Nobody is in `row`."""
        self.set_worker(row, WorkerRow(0, False, 0, 0))

    def free_rows(self, count: int) -> tuple[int, ...]:
        """`count` rows without a worker; fewer when the table is full. For the supervisor."""
        free = (row for row in range(WORKERS) if not self.worker(row).pid)
        return tuple(itertools.islice(free, count))

    def least_loaded(self, rows: Iterable[int]) -> int | None:
        """Fewest sessions of any accepting worker among `rows`; None without one."""
        words, least = self.words, None
        for row in rows:
            at = _WORKERS_AT + row * _ROW_SIZE >> 2
            if words[at + _ACCEPTING] and (least is None or words[at + _SESSIONS] < least):
                least = words[at + _SESSIONS]
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
        os.close(self._fd)


def _phase(number: int) -> Phase:
    return Phase(number) if number in Phase._value2member_map_ else Phase.CONNECTED


def _field(text: str, size: int) -> bytes:
    return text.encode("utf-8", "surrogateescape")[:size].ljust(size, b"\0")


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode("utf-8", "replace")

"""`internal:` and `shm:/file=PATH[&size=N]`: caches in memory that processes share, see native/ossl_cache.h.

`internal` is the memory of one server: made by the supervisor, inherited by its workers, gone with them.

`shm` is a System V segment that a file names: every ftpsd that names the same file uses it. One with OCSP responses
outlives them; one with sessions goes with its last user, as its secrets are of no use to anybody then. The file holds
the segment's number and 16 random bytes that stand in the segment, too, so that the segment that has the number after a
reboot is not mistaken for ours. Nothing else is ever written to the file: sessions are secrets and do not belong on a
disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from typing import ClassVar

from ftpsd.errors import ConfigError
from ftpsd.native._openssl import CACHE_SMALLEST_SIZE, SharedCache
from ftpsd.tls import directories
from ftpsd.tls.cache.base import CacheError, Counters, Statistics, Status, Store

INTERNAL_SIZE = 8 * 1024 * 1024
"""Bytes of `internal`. The kernel gives memory as far as it is used."""

SHM_SIZE = 1536 * 1024
"""Bytes of a segment when `size` is not written."""

SMALLEST = CACHE_SMALLEST_SIZE
"""A smaller `size` is ignored, as in mod_tls_shmcache."""

_COUNTERS = ("hits", "misses", "stored", "deleted", "expired", "evicted", "errors", "too_large")
"""As in ossl_cache.h."""

_HEADING = "ftpsd cache in shared memory"
_FORM = re.compile(_HEADING + r"\nsegment (\d{1,10})\nmark ([0-9a-f]{32})\n")
_LONGEST = 4096
_LOCK_SECONDS = 5.0


class SharedCounters(Counters):
    """Counters for all processes, in the cache's own memory."""

    def __init__(self, memory: SharedCache) -> None:
        super().__init__()
        self._memory = memory

    def add(self, name: str, count: int = 1) -> None:
        self._memory.count(_COUNTERS.index(name), count)

    def snapshot(self) -> Statistics:
        return Statistics(**dict(zip(_COUNTERS, self._memory.facts().counters, strict=True)))


class SharedStore(Store):
    """A cache in shared memory. TLS connections use `memory` without a detour through Python."""

    kind: ClassVar[str] = "internal"

    def __init__(
        self, memory: SharedCache, *, note: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(max_entry=memory.entry_max, note=note, clock=clock, counters=SharedCounters(memory))
        self.memory = memory

    @property
    def name(self) -> str:
        return "internal cache"

    def _fetch(self, key: bytes, deadline: float) -> bytes | None:
        return self.memory.fetch(key, self.clock(), _left(deadline))

    def _store(self, key: bytes, value: bytes, expires: float, deadline: float) -> bool:
        return self.memory.store(key, value, expires, self.clock(), _left(deadline))

    def _delete(self, key: bytes, deadline: float) -> bool:
        return self.memory.delete(key, _left(deadline))

    def _expire(self, deadline: float) -> int:
        return self.memory.sweep(self.clock(), _left(deadline))

    def _clear(self, deadline: float) -> int:
        return self.memory.sweep(self.clock(), _left(deadline), all=True)

    def _remove(self, deadline: float) -> None:
        self.memory.remove(_left(deadline))

    def _status(self, deadline: float) -> Status:
        facts = self.memory.facts()
        return Status(self.counters.snapshot(), entries=facts.entries, size=facts.size, created=facts.created)

    def _entries(self, deadline: float) -> list[tuple[bytes, bytes, float]]:
        return self.memory.entries(_left(deadline))


class SegmentStore(SharedStore):
    """The segment that a file names; made by `open_segment`. `lasting`: it stays when nobody uses it any more."""

    kind: ClassVar[str] = "shm"

    def __init__(
        self, path: str, memory: SharedCache, *, lasting: bool, note: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(memory, note=note, clock=clock)
        self.path = path
        self._lasting = lasting

    @property
    def name(self) -> str:
        return f"shm cache {self.path}"

    def close(self) -> None:
        """Leaves the segment to others. Without any, it goes, unless it is to last and holds something."""
        with contextlib.suppress(OSError, CacheError), _locked(self.path, create=False) as fd:
            facts = self.memory.facts()
            if facts.attached <= 1 and not (self._lasting and facts.entries):
                self.memory.remove(_LOCK_SECONDS)
                self._unlink(fd)

    def _remove(self, deadline: float) -> None:
        super()._remove(deadline)
        with contextlib.suppress(FileNotFoundError), _locked(self.path, create=False) as fd:
            self._unlink(fd)

    def _unlink(self, fd: int) -> None:
        """The file, if it names our segment. It is locked."""
        named = _FORM.fullmatch(_read(fd))
        if named is not None and int(named[1]) == self.memory.segment:
            os.unlink(self.path)

    def _status(self, deadline: float) -> Status:
        facts = self.memory.facts()
        return Status(
            self.counters.snapshot(), entries=facts.entries, size=facts.size, created=facts.created,
            details=(("Shared memory segment ID", str(self.memory.segment)),
                     ("Shared memory attach count", str(max(facts.attached, 0)))),
        )


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def open_segment(
    path: str, size: int = 0, *, directive: str, lasting: bool = True,
    note: Callable[[str], None] = lambda text: None, clock: Callable[[], float] = time.time,
) -> SegmentStore:
    """The cache that the file `path` names, with `size` bytes (0: `SHM_SIZE`) when there is none yet.

    Raises `ConfigError`.
    """
    if too_small(size):
        note(f"{directive}: {too_small(size)}")
        size = 0
    try:
        directories.make(os.path.dirname(path))
        with _locked(path, create=True) as fd:
            memory = _join(path, _read(fd), size, directive, note) or _found(fd, size or SHM_SIZE)
    except (OSError, CacheError) as error:
        raise _unusable(path, directive, error) from None
    return SegmentStore(path, memory, lasting=lasting, note=note, clock=clock)


def too_small(size: int) -> str:
    """What is to be said of a cache of `size` bytes (0: none are named); "": nothing."""
    return f"a cache of {size} bytes is too small, it has {SHM_SIZE}" if 0 < size < SMALLEST else ""


def check_file(path: str, directive: str) -> None:
    """Whether `open_segment` takes the file, which is made if it is missing. Raises `ConfigError`."""
    try:
        with contextlib.suppress(FileNotFoundError), _locked(path, create=False):
            pass
    except (OSError, CacheError) as error:
        raise _unusable(path, directive, error) from None


def _unusable(path: str, directive: str, error: OSError | CacheError) -> ConfigError:
    text = error.strerror if isinstance(error, OSError) else str(error)
    return ConfigError(
        f"unable to use '{path}': {text}", directive=directive,
        remedy="Name a file of its own, in a directory that only the server can write to.")


@contextlib.contextmanager
def _locked(path: str, *, create: bool) -> Iterator[int]:
    """The file, which no other process that asks may use meanwhile. Raises `OSError`, `CacheError`."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    fd = os.open(path, flags, 0o600)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise CacheError("it is no ordinary file")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or found.st_uid not in (0, os.geteuid()):
            raise CacheError("others could write to it")
        deadline = time.monotonic() + _LOCK_SECONDS
        while not _try_lock(fd):
            if time.monotonic() > deadline:
                raise CacheError("another process has locked it")
            time.sleep(0.01)
        yield fd
    finally:
        os.close(fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(fd: int) -> str:
    return os.pread(fd, _LONGEST, 0).decode("ascii", "replace")


def _join(
    path: str, text: str, size: int, directive: str, note: Callable[[str], None],
) -> SharedCache | None:
    """The segment that the file names; None: a new one is to be made. Raises `CacheError`."""
    if not text:
        return None
    named = _FORM.fullmatch(text)
    if named is None:
        raise CacheError("it holds something else")
    try:
        memory = SharedCache(join=int(named[1]), nonce=bytes.fromhex(named[2]))
    except (OSError, OverflowError):
        return None
    facts = memory.facts()
    if facts.removed:
        return None
    if size in (0, facts.size):
        return memory
    if facts.attached <= 1:
        memory.remove(_LOCK_SECONDS)
        return None
    note(f"{directive}: the cache of '{path}' is in use and keeps its {facts.size} bytes; `tls sesscache remove` and a"
         " reload make a new one")
    return memory


def _found(fd: int, size: int) -> SharedCache:
    mark = secrets.token_bytes(16)
    memory = SharedCache(size, segment=True, nonce=mark)
    text = f"{_HEADING}\nsegment {memory.segment}\nmark {mark.hex()}\n"
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, text.encode(), 0)
    except OSError:
        memory.remove(_LOCK_SECONDS)
        raise
    return memory

"""The interface of every cache: bytes under a key, for a while.

Theory
------
A cache is a help, never a need. Without it a handshake is a full one and an OCSP response is asked for again;
nobody is refused. So what a connection calls (`fetch`, `store`, `delete`) never raises and takes no longer than its
`timeout`: a backend that fails is reported once, left alone for a while (`Outage`), and meanwhile there is nothing
in it. What an administrator calls (`expire`, `clear`, `remove`, `forget`, `status`) raises `CacheError`, because there
the reason is the answer.

What comes out of a cache was written by somebody else, perhaps by another version, perhaps by an enemy who can write
to memcached. A backend returns only what has good bounds, a good checksum and the key that was asked for; anything
else is dropped and counted as an error. What the bytes *mean* is the caller's to check.

A cache has a bound. When it is full, what was stored first goes first, except in memcached and Redis, which have
rules of their own (the least recently used, by default; Redis: maxmemory-policy).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from ftpsd.errors import FtpsdError
from ftpsd.tls.cache.outage import Outage

Result = TypeVar("Result")

TIMEOUT = 0.5
"""Seconds that an operation of a connection may take, where nothing else is said."""

PATIENCE = 5.0
"""Seconds that an operation of an administrator may take."""

LONGEST_KEY = 64
"""Bytes."""


class CacheError(FtpsdError):
    """The backend cannot do that now; the text says why."""


class Busy(CacheError):
    """We ask too much at the moment: no fault of the backend."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What happened since the cache was made, in all processes that the backend can tell of.

    `errors`: entries that were none and questions that were not answered; `evicted`: to make room.
    """

    hits: int = 0
    misses: int = 0
    stored: int = 0
    deleted: int = 0
    expired: int = 0
    evicted: int = 0
    errors: int = 0
    too_large: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a cache.

    `entries` it holds and `capacity`, at most (None: the backend does not say); `size` in bytes; `created`:
    seconds since the epoch; `details`: what only this kind has, as (name, value) for people.
    """

    statistics: Statistics
    entries: int | None = None
    capacity: int | None = None
    size: int | None = None
    created: float | None = None
    details: tuple[tuple[str, str], ...] = ()


class Counters:
    """The numbers of `Statistics`, of this process; a backend may have a better place for them."""

    def __init__(self) -> None:
        self._values: dict[str, int] = {}

    def add(self, name: str, count: int = 1) -> None:
        """`name` is a field of `Statistics`."""
        self._values[name] = self._values.get(name, 0) + count

    def snapshot(self) -> Statistics:
        return Statistics(**self._values)


class Store(ABC):
    """A cache. Keys have 1 to `LONGEST_KEY` bytes; times are seconds since the epoch, timeouts seconds.

    Made in the supervisor and copied into workers by fork; `start` is called in each worker before its sessions,
    `close` at the end of either. Safe for threads.

    A backend implements what begins with one underscore. It raises `CacheError` or `OSError` when it cannot answer
    before `deadline` (monotonic seconds), and counts `errors` for entries that it drops.
    """

    kind: ClassVar[str]
    """The word before the colon in TLSSessionCache: `shm`, `redis` …"""

    distant: ClassVar[bool] = False
    """Whether other machines are asked, so that even an administrator's question may take its time."""

    def __init__(
        self, *, max_entry: int, note: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.time, counters: Counters | None = None,
    ) -> None:
        """`max_entry`: bytes of the largest value; `note` gets what the log should say."""
        self.max_entry = max_entry
        self.clock = clock
        self.counters = counters or Counters()
        self.timeout = TIMEOUT
        self.note = note
        self._outage = Outage()

    # ---- for connections

    def fetch(self, key: bytes, *, timeout: float | None = None) -> bytes | None:
        """What was stored under `key`; None: nothing, or it has expired, or the backend does not answer."""
        found = self._try(lambda deadline: self._fetch(key, deadline), timeout)
        self.counters.add("misses" if found is None else "hits")
        return found

    def store(self, key: bytes, value: bytes, expires: float, *, timeout: float | None = None) -> bool:
        """Keeps `value` until `expires`, in place of what was there; whether it did."""
        if not 0 < len(key) <= LONGEST_KEY:
            raise ValueError(f"a key has 1 to {LONGEST_KEY} bytes")
        if len(value) > self.max_entry:
            self.counters.add("too_large")
            return False
        if expires <= self.clock():
            return False
        stored = self._try(lambda deadline: self._store(key, value, expires, deadline), timeout) or False
        self.counters.add("stored", int(stored))
        return stored

    def delete(self, key: bytes, *, timeout: float | None = None) -> bool:
        """Forgets what was stored under `key`; whether there was something."""
        deleted = self._try(lambda deadline: self._delete(key, deadline), timeout) or False
        self.counters.add("deleted", int(deleted))
        return deleted

    def _try(self, operation: Callable[[float], Result], timeout: float | None) -> Result | None:
        return self._attempt(operation, timeout) if self._outage.may_ask() else None

    def _attempt(self, operation: Callable[[float], Result], timeout: float | None) -> Result | None:
        try:
            result = operation(time.monotonic() + (self.timeout if timeout is None else timeout))
        except (CacheError, OSError) as error:
            self.counters.add("errors")
            if not isinstance(error, Busy) and self._outage.failed():
                self.note(f"{self.name}: {error}; handshakes do without it until it answers again")
            return None
        if self._outage.worked():
            self.note(f"{self.name}: it answers again")
        return result

    # ---- for administrators

    def expire(self, *, timeout: float = PATIENCE) -> int:
        """Forgets what has expired; how many entries."""
        expired = self._demand(self._expire, timeout)
        self.counters.add("expired", expired)
        return expired

    def clear(self, *, timeout: float = PATIENCE) -> int | None:
        """Forgets everything; how many entries (None: the backend cannot count them)."""
        return self._demand(self._clear, timeout)

    def remove(self, *, timeout: float = PATIENCE) -> None:
        """Takes the backend's memory or files away. From then on, in every process, the cache keeps nothing."""
        self._demand(self._remove, timeout)

    def forget(self, keys: Sequence[bytes], *, timeout: float = PATIENCE) -> None:
        """Forgets what was stored under these keys, as far as there is something."""
        self._demand(lambda deadline: self._forget(keys, deadline), timeout)

    def status(self, *, timeout: float = PATIENCE) -> Status:
        return self._demand(self._status, timeout)

    def entries(self, *, timeout: float = PATIENCE) -> list[tuple[bytes, bytes, float]]:
        """Everything that is there, as (key, value, expires), oldest first. Not for memcached, which cannot tell."""
        return self._demand(self._entries, timeout)

    def _demand(self, operation: Callable[[float], Result], timeout: float) -> Result:
        try:
            return operation(time.monotonic() + timeout)
        except (CacheError, OSError) as error:
            text = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
            raise CacheError(f"{self.name}: {text}") from None

    # ---- its life

    def start(self) -> None:
        """In a worker, before its first session."""
        self._outage = Outage()

    def close(self) -> None:
        """Gives back what this process has of the cache; what is in it stays, where others use it."""
        return None

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is, for people: `shm cache /var/run/ftpsd/sessions`."""

    # ---- for backends

    @abstractmethod
    def _fetch(self, key: bytes, deadline: float) -> bytes | None: ...

    @abstractmethod
    def _store(self, key: bytes, value: bytes, expires: float, deadline: float) -> bool: ...

    @abstractmethod
    def _delete(self, key: bytes, deadline: float) -> bool: ...

    def _forget(self, keys: Sequence[bytes], deadline: float) -> None:
        for key in keys:
            if time.monotonic() > deadline:
                raise CacheError("it takes too long")
            self._delete(key, deadline)

    @abstractmethod
    def _expire(self, deadline: float) -> int: ...

    @abstractmethod
    def _clear(self, deadline: float) -> int | None: ...

    @abstractmethod
    def _remove(self, deadline: float) -> None: ...

    @abstractmethod
    def _status(self, deadline: float) -> Status: ...

    @abstractmethod
    def _entries(self, deadline: float) -> list[tuple[bytes, bytes, float]]: ...

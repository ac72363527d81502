"""The way of log entries to Redis: a bounded queue, and one thread of a worker that empties it.

Theory
------
No session waits for Redis: it leaves its entry in the queue and goes on. What the queue has no room for (`MOST_WAITING`
entries, `MOST_BYTES`) is counted and lost. The thread takes entries in order, `MOST_AT_ONCE` of them with one question,
which has a deadline: as long as RedisTimeouts says for connecting and for an answer. The library's own time limits hold
for each read, so a server that sends a byte now and then would never exceed them; hence the library works in a thread
of its own (`Errands`), and when the deadline comes its connection is cut.

Nothing is sent twice. While Redis cannot be reached the entries stay where they are, and it is asked again after a
pause (`Outage`). Entries that were sent, and not answered, are lost: nobody knows what became of them.

All that is said once: that Redis is away, that it is back, that entries are lost, and in the end how many.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ftpsd.reasons.codes import Code
from ftpsd.settings.remote import Timeouts
from ftpsd.tls.cache.base import CacheError
from ftpsd.tls.cache.errands import Errands
from ftpsd.tls.cache.outage import Outage
from ftpsd.tls.cache.remote import close_client, reason_of

MOST_WAITING = 4096
MOST_BYTES = 4 * 1024 * 1024
"""Keys and texts in the queue."""

MOST_AT_ONCE = 128
"""Entries that are sent with one question."""

LAST_MOMENT = 0.5
"""Seconds of a worker's last one in which entries are still written."""

_RETRY = 0.1
"""Seconds between two looks at whether the pause of an outage is over."""

Report = Callable[[str, "Code | None"], None]
"""Hears a line for the system log, and its reason where something is wrong."""


class Entry(NamedTuple):
    """What is appended to the list called `key`."""

    key: bytes
    text: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.key) + len(self.text)


class NotSent(CacheError):
    """Redis cannot be reached: the entries are still ours."""


class _Job:
    """Entries on their way: either they are sent or given up, whoever is first."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self._lock = threading.Lock()
        self._decided = False

    def begin(self) -> bool:
        """Before anything is sent; False: they have been given up."""
        return self._decide()

    def give_up(self) -> bool:
        """Nobody waits any more; False: they have been sent, or may have been."""
        return self._decide()

    def _decide(self) -> bool:
        with self._lock:
            first, self._decided = not self._decided, True
            return first


class Courier:
    """Appends entries to lists. Only one thread may have it do so at a time."""

    def __init__(self, connect: Callable[[], Any], timeouts: Timeouts) -> None:
        """`connect` makes a client of the library."""
        self._connect = connect
        self._patience = timeouts.connect + timeouts.io
        self._errands = Errands(self._leave, threads=1)
        self._client: Any = None

    def start(self) -> None:
        """In a worker, by a thread with its rights."""
        self._errands.start()

    def stop(self) -> None:
        self._errands.stop()

    def push(self, entries: Sequence[Entry]) -> list[tuple[str, int]]:
        """What Redis refused: why, and how many entries. Raises `NotSent`, `CacheError`."""
        job = _Job(entries)
        try:
            return self._errands.run(partial(self._carry_out, job), time.monotonic() + self._patience)
        except NotSent:
            raise
        except CacheError as error:
            unsent = job.give_up()
            self._cut()
            if unsent:
                raise NotSent(str(error)) from None
            raise

    def _cut(self) -> None:
        """Ends what the library may still be doing."""
        client = self._client
        if client is not None:
            client.connection_pool.disconnect()

    # -- in the thread of the library

    def _carry_out(self, job: _Job) -> list[tuple[str, int]]:
        client = self._ready()
        lists: dict[bytes, list[bytes]] = {}
        for key, text in job.entries:
            lists.setdefault(key, []).append(text)
        if not job.begin():
            raise NotSent("no answer in time")
        try:
            with client.pipeline(transaction=False) as pipe:
                for key, texts in lists.items():
                    pipe.rpush(key, *texts)
                answers = pipe.execute(raise_on_error=False)
        except Exception as error:  # whatever the library and the network raise
            self._leave()
            raise CacheError(reason_of(error)) from None
        return [
            (reason_of(answer), len(texts)) for answer, texts in zip(answers, lists.values(), strict=True)
            if isinstance(answer, Exception)
        ]

    def _ready(self) -> Any:
        """A client that is connected; a broken connection would cost the entries. Raises `NotSent`."""
        if self._client is not None:
            with contextlib.suppress(NotSent):  # the server has closed an idle connection
                return self._tried()
        try:
            self._client = self._connect()
        except Exception as error:
            raise NotSent(reason_of(error)) from None
        return self._tried()

    def _tried(self) -> Any:
        try:
            self._client.ping()
        except Exception as error:
            self._leave()
            raise NotSent(reason_of(error)) from None
        return self._client

    def _leave(self) -> None:
        client, self._client = self._client, None
        close_client(client)


class Shipper:
    """The queue and its thread. Made before the fork, started in a worker. Safe for threads."""

    def __init__(self, courier: Courier, name: str, report: Report) -> None:
        """`name`: Redis, for people."""
        self._courier = courier
        self._name = name
        self._report = report
        self._waiting: deque[Entry] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._lost = 0
        self._overflowing = False
        self._refusing = False
        self._outage = Outage()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """By a thread with the rights of the worker."""
        self._outage = Outage()
        self._courier.start()
        self._thread = threading.Thread(target=self._serve, name="redis-log", daemon=True)
        self._thread.start()

    def ship(self, entry: Entry) -> None:
        """Has the entry written, some time. Does not wait, does not raise."""
        with self._changed:
            room = len(self._waiting) < MOST_WAITING and self._bytes + entry.size <= MOST_BYTES
            if room and not self._closing:
                self._waiting.append(entry)
                self._bytes += entry.size
                self._changed.notify()
                return
            self._lost += 1
            known, self._overflowing = self._overflowing, True
        if not known:
            bound = f"{MOST_WAITING} entries or {MOST_BYTES} bytes"
            self._report(f"{self._name} is slower than the log: {bound} wait, more are lost", Code.REDIS_LOG_LOST)

    def settle(self, seconds: float) -> None:
        """Waits so long until everything is written, or Redis is away."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._outage.lasts, seconds)

    def close(self) -> None:
        """Ends the thread; what waits has LAST_MOMENT to be written."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(LAST_MOMENT)
        with self._changed:
            self._lost += len(self._waiting)
            self._waiting.clear()
        self._courier.stop()
        self._tell_losses()

    # -- in the thread

    def _serve(self) -> None:
        while batch := self._next():
            if self._outage.may_ask():
                self._deliver(batch)
            else:
                self._pause()

    def _next(self) -> list[Entry]:
        """The first entries, which stay in the queue; []: it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            if self._closing and self._outage.lasts:
                return []
            return list(itertools.islice(self._waiting, MOST_AT_ONCE))

    def _pause(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, _RETRY)

    def _deliver(self, batch: list[Entry]) -> None:
        try:
            refused = self._courier.push(batch)
        except NotSent as error:
            self._away(str(error), "entries wait")
        except CacheError as error:
            self._done(batch, lost=len(batch))
            self._away(str(error), "entries are lost")
        else:
            self._done(batch, lost=sum(count for _, count in refused))
            if self._outage.worked():
                self._report(f"{self._name} answers again", None)
            self._note_refusal(refused)
            if not self._waiting:
                self._tell_losses()

    def _done(self, batch: list[Entry], *, lost: int) -> None:
        with self._changed:
            for entry in batch:
                if self._waiting:  # `close` may have cleared it
                    self._waiting.popleft()
                    self._bytes -= entry.size
            self._lost += lost
            self._changed.notify_all()

    def _away(self, why: str, consequence: str) -> None:
        failed = self._outage.failed()
        with self._changed:
            self._changed.notify_all()
        if failed:
            self._report(f"{self._name} does not answer: {why}; {consequence}", Code.REDIS_LOG_UNREACHABLE)

    def _note_refusal(self, refused: list[tuple[str, int]]) -> None:
        if refused and not self._refusing:
            self._report(f"{self._name} refuses entries: {refused[0][0]}", Code.REDIS_LOG_LOST)
        self._refusing = bool(refused)

    def _tell_losses(self) -> None:
        with self._changed:
            lost, self._lost, self._overflowing = self._lost, 0, False
        if lost:
            self._report(f"{self._name}: {lost} entries were lost", Code.REDIS_LOG_LOST)

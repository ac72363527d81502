"""Host names of clients (UseReverseDNS), with a deadline.

The resolver can take half a minute to give up, and a session must not wait for that before its greeting:
look-ups run in a few threads of their own, a session waits `PATIENCE` seconds at most, counted from the first
question for its address, and goes on with the address. Nor may slow answers for some clients slow down others: when
every thread has been busy for longer than that, or too many look-ups wait, a session gives up at once. That there is
no name is remembered too, for a shorter time.

A name counts only when it leads back to the address (otherwise whoever owns the reverse zone could pick any name).
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

PATIENCE = 3.0
"""Seconds that a session waits for a name."""

THREADS = 8
MOST_WAITING = 64
"""Look-ups that may wait for a thread."""
_REMEMBERED = 4096
_NAME_LIFE = 600.0
_FAILURE_LIFE = 60.0
"""Seconds for which a name, or that there is none, is remembered."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A look-up that is under way: since when (monotonic seconds), and where the answer will be."""

    address: str
    since: float
    answer: Future[str]


class HostNames:
    """Looks up and remembers names; safe for threads. Answers are the address where there is no name.

    `resolve` and `clock` (monotonic seconds) are for tests.
    """

    def __init__(
        self, resolve: Callable[[str], str] | None = None, clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve = resolve if resolve is not None else look_up
        self._clock = clock
        self._questions: queue.Queue[_Question | None] = queue.Queue(MOST_WAITING)
        self._asked: dict[str, _Question] = {}
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._busy: dict[int, float] = {}
        self._lock = threading.Lock()
        self._running = False

    def start(self) -> None:
        """In the worker, after the fork and before any session: the threads keep the rights of this one."""
        self._running = True
        for number in range(THREADS):
            threading.Thread(target=self._serve, args=(number,), name=f"names-{number}", daemon=True).start()

    def stop(self) -> None:
        """Ends the threads as they become free; does not wait."""
        self._running = False
        with contextlib.suppress(queue.Empty):
            while True:
                self._questions.get_nowait()
        with contextlib.suppress(queue.Full):
            for _ in range(THREADS):
                self._questions.put_nowait(None)

    def forget(self) -> None:
        """Forgets all names, and that there were none."""
        with self._lock:
            self._known.clear()

    def of(self, address: str) -> str:
        """The name of `address`, or the address itself."""
        if not self._running:
            return address
        with self._lock:
            known = self._known.get(address)
            if known is not None and known[1] > self._clock():
                return known[0]
            question = self._asked.get(address) or self._ask(address)
        if question is None:
            return address
        left = question.since + PATIENCE - self._clock()
        try:
            return question.answer.result(max(0.0, left))
        except TimeoutError:
            return address

    def _ask(self, address: str) -> _Question | None:
        """Called with the lock held; None when there is no prospect of an answer in time."""
        now = self._clock()
        if len(self._busy) == THREADS and max(self._busy.values()) + PATIENCE <= now:
            return None
        question = _Question(address, now, Future())
        try:
            self._questions.put_nowait(question)
        except queue.Full:
            return None
        self._asked[address] = question
        return question

    def _serve(self, number: int) -> None:
        while (question := self._questions.get()) is not None:
            with self._lock:
                self._busy[number] = self._clock()
            name = question.address
            try:
                name = self._resolve(question.address)
            except OSError:
                pass
            finally:
                self._answer(number, question, name)

    def _answer(self, number: int, question: _Question, name: str) -> None:
        address = question.address
        life = _NAME_LIFE if name != address else _FAILURE_LIFE
        with self._lock:
            del self._busy[number]
            self._asked.pop(address, None)
            self._known[address] = (name, self._clock() + life)
            self._known.move_to_end(address)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        question.answer.set_result(name)


def look_up(address: str) -> str:
    """The name that belongs to `address` in both directions, or the address."""
    try:
        name = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    except (OSError, UnicodeError):
        return address
    return name if address in found else address

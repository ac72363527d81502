"""Threads that talk to servers for others, who wait no longer than they want to.

Sessions do not talk to Redis themselves: a client library may look up names, open sockets and files, and import
modules, and a session's thread may have neither the time nor (after login) the right to do so. These threads keep the
rights of the worker, and whoever has waited long enough goes on without an answer. The errand is run to its end in the
background, and bounded by the library's own timeouts.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from ftpsd.tls.cache.base import Busy, CacheError

Result = TypeVar("Result")

THREADS = 4
MOST_WAITING = 64
"""Errands that may wait for a thread; more are not taken on."""


class Errands:
    """Before `start`, errands are run at once by whoever has them (the supervisor, which has no threads)."""

    def __init__(self, farewell: Callable[[], object] = lambda: None, *, threads: int = THREADS) -> None:
        """`farewell` is the last that each thread does."""
        self._farewell = farewell
        self._count = threads
        self._queue: queue.Queue[tuple[Future[Any], Callable[[], Any]] | None] = queue.Queue(MOST_WAITING)
        self._running = False

    def start(self) -> None:
        """In a worker."""
        self._running = True
        for number in range(self._count):
            threading.Thread(target=self._serve, name=f"cache-{number}", daemon=True).start()

    def stop(self) -> None:
        """Ends the threads as they become free; does not wait."""
        if not self._running:
            return
        self._running = False
        try:
            for _ in range(self._count):
                self._queue.put_nowait(None)
        except queue.Full:
            pass

    def run(self, errand: Callable[[], Result], deadline: float) -> Result:
        """What the errand returns. Raises what it raises, `CacheError` after `deadline` (monotonic
        seconds), `Busy`."""
        if not self._running:
            return errand()
        answer: Future[Result] = Future()
        try:
            self._queue.put_nowait((answer, errand))
        except queue.Full:
            raise Busy("too many questions wait for an answer") from None
        try:
            return answer.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            answer.cancel()
            raise CacheError("no answer in time") from None

    def send(self, errand: Callable[[], object]) -> bool:
        """Runs the errand for nobody; False: there is no thread for it. What it raises is lost."""
        if not self._running:
            return False
        try:
            self._queue.put_nowait((Future(), errand))
        except queue.Full:
            return False
        return True

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            answer, errand = job
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(errand())
            except BaseException as error:
                answer.set_exception(error)
        self._farewell()

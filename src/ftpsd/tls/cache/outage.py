"""When a backend that failed is tried again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
"""Seconds for which a backend is left alone after a failure; doubled at each failure in a row."""


class Outage:
    """Whether a backend may be asked, from what became of earlier questions. Safe for threads.

    After a pause one caller is let through; the others wait for what becomes of its question.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pause = 0.0
        self._until = 0.0

    @property
    def lasts(self) -> bool:
        """Whether the last question failed."""
        return self._pause > 0

    def may_ask(self) -> bool:
        if not self._pause:
            return True
        with self._lock:
            now = self._clock()
            if now < self._until:
                return False
            self._until = now + self._pause
            return True

    def failed(self) -> bool:
        """A question failed; whether this is the beginning of an outage."""
        with self._lock:
            begins = not self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE) or FIRST_PAUSE
            self._until = self._clock() + self._pause
            return begins

    def worked(self) -> bool:
        """A question was answered; whether that ended an outage."""
        if not self._pause:
            return False
        with self._lock:
            ends, self._pause = self._pause > 0, 0.0
            return ends

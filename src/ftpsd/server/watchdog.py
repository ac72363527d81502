"""Tells the service manager that all is well (WatchdogSec=), as long as it is.

It is well while the supervisor's loop turns, which is why this is called at all, and while some worker's accept loop
does: each is asked to show a number on the scoreboard.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from ftpsd.server.notify import Notifier
from ftpsd.server.orders import Ping
from ftpsd.settings import Configuration

if TYPE_CHECKING:
    from ftpsd.server.supervisor import Supervisor

_BEATS = 3
"""How often in an interval we say so: one that comes late or without an answer does no harm."""


class Watchdog:
    """An `Attendant` of the supervisor. `interval`: seconds after which the service manager gives us up."""

    def __init__(self, supervisor: Supervisor, notifier: Notifier, interval: float) -> None:
        self._supervisor = supervisor
        self._notifier = notifier
        self._pause = interval / _BEATS
        self._next = time.monotonic()
        self._number = 0
        self._silent = False

    def interests(self) -> Mapping[int, int]:
        """See `Attendant`."""
        return {}

    def due(self) -> float | None:
        """See `Attendant`."""
        return self._next

    def attend(self, ready: Collection[int]) -> None:
        """See `Attendant`."""
        self._next = time.monotonic() + self._pause
        if self._well():
            self._silent = False
            self._notifier.well()
        elif not self._silent:
            self._silent = True
            self._supervisor.journal.say("no worker answers: the service manager's watchdog may restart the server")
        self._number += 1
        self._supervisor.command(Ping(self._number))

    def _well(self) -> bool:
        """Some worker has answered one of the last two questions (the first are too young)."""
        if self._number < 2 or self._supervisor.ending:
            return True
        board = self._supervisor.board
        return any(self._number - 1 <= board.pulse(row) <= self._number for row in self._supervisor.rows)

    def follow(self, configuration: Configuration) -> None:
        """See `Attendant`. New workers have answered nothing yet."""
        self._number = 0

    def leave(self) -> None:
        """See `Attendant`."""

    def close(self) -> None:
        """See `Attendant`."""

"""Watches ShutMessageFile for the supervisor and tells the workers when doors close, when sessions end, and that they
are open again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from ftpsd.access.closing import Closing, Stage, parse
from ftpsd.server.journal import Journal
from ftpsd.server.orders import Close, Order
from ftpsd.settings import Configuration

INTERVAL = 2.0
"""Seconds between two looks at the file."""

_JUST_AFTER = 0.001
_LONGEST = 16_384
_Look = tuple[int, int, int, int]


class Master(Protocol):
    """The supervisor, or what stands for it in a process of one session."""

    @property
    def journal(self) -> Journal:
        """The server's log."""

    def command(self, order: Order) -> None:
        """Have it carried out wherever sessions are."""


class ClosingWatch:
    """An `Attendant` of the supervisor."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._path: str | None = None
        self._seen: _Look | None = None
        self._closing: Closing | None = None
        self._stage = Stage.OPEN
        self._next = time.monotonic()

    def interests(self) -> Mapping[int, int]:
        """See `Attendant`."""
        return {}

    def due(self) -> float | None:
        """See `Attendant`."""
        return None if self._path is None else self._next

    def follow(self, configuration: Configuration) -> None:
        """See `Attendant`."""
        self._path = configuration.server.shut_message_file
        self._look()

    def attend(self, ready: Collection[int]) -> None:
        """See `Attendant`."""
        self._look()

    def leave(self) -> None:
        """See `Attendant`."""

    def close(self) -> None:
        """See `Attendant`."""

    def _look(self) -> None:
        self._next = time.monotonic() + INTERVAL
        seen = None if self._path is None else _look_at(self._path)
        changed, self._seen = seen != self._seen, seen
        if changed:
            self._closing = None if seen is None or self._path is None else self._read(self._path)
        now = datetime.now()
        stage = Stage.OPEN if self._closing is None else self._closing.stage(now)
        if stage is not self._stage or (changed and stage is not Stage.OPEN):
            self._enter(stage)
        if self._closing is not None:
            change = self._closing.next_change(now)
            if change is not None:
                self._next = min(self._next, time.monotonic() + change + _JUST_AFTER)

    def _read(self, path: str) -> Closing | None:
        """What the file says; where that is nothing, nobody new comes in until it is gone."""
        try:
            with open(path, "rb") as file:
                return parse(file.read(_LONGEST).decode("utf-8", "replace"))
        except OSError as error:
            self._master.journal.say(f"ShutMessageFile {path}: {error.strerror}")
            return None
        except ValueError as error:
            self._master.journal.say(f"ShutMessageFile {path}: {error}; new connections are turned away")
            return Closing.unknown()

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        shown = "" if self._closing is None else self._closing.told(datetime.now())
        self._master.journal.say({
            Stage.OPEN: "the shutdown is called off: connections are accepted again",
            Stage.DENYING: f"shutdown announced ({shown}): new connections are turned away",
            Stage.DISCONNECTING: f"shutdown ({shown}): sessions are ended, new connections are turned away",
        }[stage])
        text = "" if self._closing is None else self._closing.text()
        self._master.command(Close(int(stage), text))


def _look_at(path: str) -> _Look | None:
    """What tells one state of a file from another; None: it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size

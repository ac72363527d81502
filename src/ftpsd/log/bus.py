"""From events to sinks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Protocol

from ftpsd.log.events import Event, Origin


class Sink(Protocol):
    """Something that listens. `emit` may be called from any thread."""

    def emit(self, event: Event, origin: Origin) -> None: ...

    def close(self) -> None: ...


class EventLog:
    """Hands every event to every sink.

    A sink that fails never fails a session: its failures are counted in `failures`, and the first one of
    each sink is said once on standard error.
    """

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._sinks = tuple(sinks)
        self._lock = threading.Lock()
        self._reported: set[int] = set()
        self.failures = 0

    @property
    def sinks(self) -> tuple[Sink, ...]:
        return self._sinks

    def emit(self, event: Event, origin: Origin = Origin()) -> None:  # noqa: B008 - frozen
        for sink in self._sinks:
            try:
                sink.emit(event, origin)
            except Exception as error:
                self._failed(sink, error)

    def _failed(self, sink: Sink, error: Exception) -> None:
        with self._lock:
            self.failures += 1
            first = id(sink) not in self._reported
            self._reported.add(id(sink))
        if first:
            try:
                print(f"ftpsd: cannot write to {sink}: {error}", file=sys.stderr)
            except (OSError, ValueError):
                pass

    def bind(self, origin: Origin) -> SessionLog:
        return SessionLog(self, origin)

    def replace(self, sinks: Sequence[Sink]) -> None:
        """Swaps the sinks (after a reload) and closes the old ones."""
        old, self._sinks = self._sinks, tuple(sinks)
        for sink in old:
            if sink not in self._sinks:
                sink.close()

    def close(self) -> None:
        self.replace(())


class SessionLog:
    """The log of one session: events get its origin."""

    def __init__(self, log: EventLog, origin: Origin) -> None:
        self._log = log
        self.origin = origin

    def emit(self, event: Event) -> None:
        self._log.emit(event, self.origin)

    def set_user(self, user: str) -> None:
        self.origin = self.origin.with_user(user)

    def set_origin(self, origin: Origin) -> None:
        """After HOST or SNI moved the session to another host."""
        self.origin = origin

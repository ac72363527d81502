"""From events to sinks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ftpsd.log.events import Event, Origin, SessionClosed
from ftpsd.log.repeats import Repeats
from ftpsd.settings.logging import LoggingSettings

_SERVER = Origin()


class Sink(Protocol):
    """Something that listens. `emit` may be called from any thread.

    `capped`: a session's repeated events beyond a bound are kept from it (`repeats`); sinks that count want
    them. `hears`: the kinds of events that it does anything about; None: all. Events that nobody hears are not
    even made (`SessionLog.hears`), so what a sink names here is what it costs.
    """

    @property
    def capped(self) -> bool: ...

    @property
    def hears(self) -> frozenset[type[Event]] | None: ...

    def emit(self, event: Event, origin: Origin) -> None:
        """Takes notice of an event. May raise; the bus copes."""

    def reopen(self) -> list[str]:
        """Log files were moved away: open new ones; returns notices about what could not be."""

    def close(self) -> None:
        """Gives back what it holds; more than once is harmless."""


@runtime_checkable
class Adjustable(Protocol):
    """A sink with debugging messages."""

    def set_debug_level(self, level: int) -> None:
        """Takes messages up to `level` from now on."""


class _Audiences(dict[type[Event], tuple[Sink, ...]]):
    """Who of some sinks hears a kind of event; found out when it is asked for the first time."""

    def __init__(self, sinks: tuple[Sink, ...]) -> None:
        super().__init__()
        self._sinks = sinks

    def __missing__(self, kind: type[Event]) -> tuple[Sink, ...]:
        found = self[kind] = tuple(sink for sink in self._sinks if sink.hears is None or kind in sink.hears)
        return found


class EventLog:
    """Hands every event to every sink.

    A sink that fails never fails a session: failures are counted in `failures`, and the first of each sink
    is said on standard error.
    """

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._sinks = tuple(sinks)
        self.audiences = _Audiences(self._sinks)
        """The sinks that hear events of a kind. Made anew when the sinks change, or what they hear."""
        self._lock = threading.Lock()
        self._reported: set[int] = set()
        self.failures = 0

    @property
    def sinks(self) -> tuple[Sink, ...]:
        return self._sinks

    def emit(self, event: Event, origin: Origin = _SERVER, *, repeated: bool = False) -> None:
        """Tells the sinks that hear such events; a `repeated` one only those that are not capped."""
        for sink in self.audiences[type(event)]:
            if repeated and sink.capped:
                continue
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
            why = (error.strerror if isinstance(error, OSError) else None) or error
            try:
                print(f"ftpsd: cannot write to {sink}: {why}", file=sys.stderr)
            except (OSError, ValueError):
                pass

    def bind(self, origin: Origin) -> SessionLog:
        """The log of one session."""
        return SessionLog(self, origin)

    def replace(self, sinks: Sequence[Sink]) -> None:
        """Swaps the sinks and closes the old ones."""
        old, self._sinks = self._sinks, tuple(sinks)
        self.audiences = _Audiences(self._sinks)
        for sink in old:
            if sink not in self._sinks:
                sink.close()

    def add(self, sink: Sink) -> None:
        """One more."""
        self.replace((*self._sinks, sink))

    def remove(self, sink: Sink) -> None:
        """One less; it is closed."""
        self.replace([each for each in self._sinks if each is not sink])

    def set_debug_level(self, level: int) -> None:
        """Debugging messages up to `level` from now on, whatever DebugLevel says."""
        for sink in self._sinks:
            if isinstance(sink, Adjustable):
                sink.set_debug_level(level)
        self.audiences = _Audiences(self._sinks)

    def reopen(self) -> list[str]:
        """Log files were moved away: all sinks write to new ones. A file that cannot be had keeps the old."""
        notices = [text for sink in self._sinks for text in sink.reopen()]
        return list(dict.fromkeys(notices))

    def close(self) -> None:
        self.replace(())


class SessionLog:
    """The log of one session, used by its thread.

    Events get its origin, which follows logins and handshakes.
    """

    def __init__(self, log: EventLog, origin: Origin) -> None:
        self._log = log
        self._repeats = Repeats()
        self.origin = origin

    def hears(self, kind: type[Event]) -> bool:
        """Whether any sink does anything about events of this kind: those of every command are made only then."""
        return self._log.audiences[kind] != ()

    def emit(self, event: Event) -> None:
        if isinstance(event, SessionClosed):
            summary = self._repeats.summary()
            if summary is not None:
                self._log.emit(summary, self.origin)
        self.origin = self.origin.after(event)
        if self._log.audiences[type(event)]:
            self._log.emit(event, self.origin, repeated=not self._repeats.admits(event))

    def set_origin(self, origin: Origin) -> None:
        """HOST or SNI moved the session to another host."""
        self.origin = origin

    def enter(self, user: str, logging: LoggingSettings) -> None:
        """The login: its name, and its own logging settings (<Anonymous>, <IfUser>).

        TransferLog, WtmpLog, SyslogLevel.
        """
        self.origin = self.origin._replace(user=user, logging=logging)

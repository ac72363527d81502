"""EventLog: what happened, one JSON object per line, for whoever reads logs by machine.

Every object has `time` (RFC 3339), `event` (the kind) and, of a session, `session`, `peer`, `peer_port`, `server`,
`thread` (the number in the other logs), `user`, `tls`. The rest are the event's own fields; `reason` is the code that
`ftpsd explain` knows. Commands and replies are not among the events: ExtendedLog has them. Pure ASCII, so nothing that
a client sends forges a line.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from ftpsd.log import events
from ftpsd.log.events import Event, Level, Origin
from ftpsd.log.files import LogFile, LogFiles
from ftpsd.log.formats import utf8
from ftpsd.log.identity import writer_id
from ftpsd.log.jsontext import json_text
from ftpsd.log.writers import Clock, FileSink

TOLD: frozenset[type[Event]] = frozenset({
    events.SessionOpened, events.SessionClosed, events.CommandDenied, events.HandshakeSucceeded,
    events.ClientCertificate, events.HandshakeFailed, events.DataConnectionRefused, events.LoginSucceeded,
    events.LoginFailed, events.LoginAttemptsExceeded, events.TransferEnded, events.HostileInput, events.TimedOut,
    events.Notice, events.TLSNote, events.FileDeleted,
})

_SINKS_OWN = "tls"
"""A field that says which log an event's lines go to; in the object it is whether the session is under TLS."""


def entry(event: Event, origin: Origin, now: float) -> dict[str, Any]:
    """The members of the object of an event that happened at `now` (seconds since the epoch)."""
    found: dict[str, Any] = {"time": _moment(now), "event": event.kind}
    if origin.peer:
        found |= {
            "session": origin.session_id, "peer": origin.peer, "peer_port": origin.port, "server": origin.server_name,
            "thread": writer_id(), "tls": origin.secure,
        }
        found |= {"user": utf8(origin.user)} if origin.user else {}
    for field in dataclasses.fields(event):
        value = _plain(getattr(event, field.name))
        if value not in ("", [], None) and field.name != _SINKS_OWN:
            found[field.name] = value
    return found


def _moment(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    match value:
        case str():
            return utf8(str(value))
        case Level():
            return value.name.lower()
        case tuple():
            return [_plain(item) for item in value]
        case float():
            return round(value, 6)
        case events.Counters():
            return dataclasses.asdict(value)
    return value


class EventLogSink(FileSink):
    """Writes the events to one file, or to standard output."""

    def __init__(self, files: LogFiles, file: LogFile, clock: Clock) -> None:
        super().__init__(files, clock)
        self._file = file

    def __str__(self) -> str:
        return "EventLog"

    @property
    def hears(self) -> frozenset[type[Event]]:
        return TOLD

    def emit(self, event: Event, origin: Origin) -> None:
        self._file.write(json_text(entry(event, origin, self._clock())))

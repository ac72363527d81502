"""TLSOptions EnableDiags: every TLS message and state in the TLSLog, and counters at the session's end.

OpenSSL's callbacks hang on the context, which all sessions of a host share; whose they are is known by the
thread, because a session is one thread and its connections are driven by no other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from ftpsd.native._openssl import Connection, Context
from ftpsd.tls import messages

OPTION = "EnableDiags"
ENABLED = "TLSOption EnableDiags enabled, setting diagnostics callback"


@dataclass
class Diagnosis:
    """What is told to the log of one session, and its counters. `note` takes the lines of one event."""

    note: Callable[[tuple[str, ...]], None]
    attempted: int = 0
    established: int = 0
    renegotiated: int = 0
    resumed: int = 0
    _renegotiations: WeakKeyDictionary[Connection, int] = field(default_factory=WeakKeyDictionary)

    def statistics(self, context: Context) -> tuple[str, ...]:
        """The counters; those of the cache are the host's."""
        totals = context.statistics()
        counted = {
            "sessions attempted": self.attempted, "sessions established": self.established,
            "sessions renegotiated": self.renegotiated, "sessions resumed": self.resumed,
            "sessions in cache": totals["sessions"], "session cache hits": totals["resumed_by_id"],
            "session cache misses": totals["misses"], "session cache timeouts": totals["timeouts"],
            "session cache size exceeded": 0,
        }
        return tuple(f"[stat]: SSL/TLS {name}: {count}" for name, count in counted.items())

    def count(self, connection: Connection, where: int) -> None:
        """Counts handshakes that begin and end."""
        if where & messages.START and not connection.handshake_done:
            self.attempted += 1
        elif where & messages.DONE and connection.handshake_done:
            done = self._renegotiations.get(connection, -1)
            if done < 0:
                self.established += 1
                self.resumed += connection.resumed
            self.renegotiated += connection.renegotiations - max(done, 0)
            self._renegotiations[connection] = connection.renegotiations


_threads = threading.local()


def attend(diagnosis: Diagnosis | None) -> None:
    """The connections of this thread are `diagnosis`'s from now on."""
    _threads.diagnosis = diagnosis


def attended() -> bool:
    """Whether the connections of this thread are anybody's."""
    return getattr(_threads, "diagnosis", None) is not None


def enable(context: Context) -> None:
    """Has the context report on its connections."""
    context.set_info_callback(_on_state)
    context.set_message_callback(_on_message)


def disable(context: Context) -> None:
    """The context reports no more."""
    context.set_info_callback(None)
    context.set_message_callback(None)


def _on_state(connection: Connection, where: int, value: int, state: str) -> None:
    diagnosis: Diagnosis | None = getattr(_threads, "diagnosis", None)
    if diagnosis is None:
        return
    diagnosis.count(connection, where)
    line = messages.state_line(where, value, state)
    if line is not None:
        diagnosis.note((line,))


def _on_message(connection: Connection, sent: bool, version: int, kind: int, data: bytes) -> None:
    diagnosis: Diagnosis | None = getattr(_threads, "diagnosis", None)
    if diagnosis is None:
        return
    lines = messages.message_lines(sent, version, kind, data)
    if lines:
        diagnosis.note(lines)

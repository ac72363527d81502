"""From events to counters (MetricsAddress)."""

from __future__ import annotations

import importlib

from ftpsd.errors import ConfigError, installing
from ftpsd.log import events
from ftpsd.log.events import Event, Origin
from ftpsd.metrics.series import cell
from ftpsd.metrics.tally import Tally

COUNTED: frozenset[type[Event]] = frozenset({
    events.SessionOpened, events.SessionClosed, events.LoginSucceeded, events.LoginFailed, events.HandshakeSucceeded,
    events.HandshakeFailed, events.DataConnectionRefused, events.CommandDenied, events.HostileInput,
    events.TransferEnded, events.FileDeleted,
})
_DIRECTIONS = {"in": "upload", "out": "download"}


class CountingSink:
    """Counts what happens; hears every repetition."""

    capped = False
    hears: frozenset[type[Event]] | None = COUNTED

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def __str__(self) -> str:
        return "metrics"

    def emit(self, event: Event, origin: Origin) -> None:
        add = self._tally.add
        match event:
            case events.SessionOpened():
                add(cell("ftpsd_sessions_opened"))
            case events.SessionClosed():
                add(cell("ftpsd_sessions_closed", event.reason))
                add(cell("ftpsd_commands"), event.counters.commands)
            case events.LoginSucceeded():
                add(cell("ftpsd_logins", event.method))
            case events.LoginFailed():
                add(cell("ftpsd_login_failures", event.reason))
            case events.HandshakeSucceeded():
                add(cell("ftpsd_tls_handshakes", event.version, "yes" if event.resumed else "no"))
            case events.HandshakeFailed():
                add(cell("ftpsd_tls_handshake_failures", event.channel, event.reason))
            case events.DataConnectionRefused():
                add(cell("ftpsd_data_connections_refused", event.reason))
            case events.CommandDenied():
                add(cell("ftpsd_commands_denied", event.reason))
            case events.HostileInput():
                add(cell("ftpsd_foreign_protocols", event.protocol))
            case events.TransferEnded():
                self._transfer(event)
            case events.FileDeleted():
                add(cell("ftpsd_files_deleted"))

    def _transfer(self, event: events.TransferEnded) -> None:
        add, direction = self._tally.add, _DIRECTIONS[event.direction]
        add(cell("ftpsd_transfers", direction, "complete" if event.complete else "incomplete"))
        add(cell("ftpsd_transfer_bytes", direction), event.transferred)
        self._tally.observe(cell("ftpsd_transfer_seconds", direction), "ftpsd_transfer_seconds", event.seconds)
        if not event.complete:
            add(cell("ftpsd_transfer_failures", direction, event.reason))

    def reopen(self) -> list[str]:
        """There is no file."""
        return []

    def close(self) -> None:
        """The counters go on after this configuration."""


def sink(tally: Tally) -> CountingSink:
    """A sink that counts. Before the fork; raises `ConfigError` where the exporter's library is missing."""
    check_library()
    tally.open()
    return CountingSink(tally)


def check_library() -> None:
    """Raises `ConfigError` where MetricsAddress lacks the exporter's library."""
    try:
        importlib.import_module("ftpsd.metrics.exposition")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"needs a library that is not installed: {error.name}", directive="MetricsAddress",
            remedy=f"Install it ({installing('metrics')}), or take the line out.",
        ) from None

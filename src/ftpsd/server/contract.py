"""What the server asks of a service: the only thing that it knows about FTP.

`ftpsd.session.service.Service` is the one that serves files; tests put another in its place.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Protocol

from ftpsd.server.scoreboard import Slot
from ftpsd.settings import Configuration


class Service(Protocol):
    """Serves sessions of one configuration. One object per configuration, copied into workers by fork."""

    notices: list[str]

    def prepare(self) -> None:
        """In the supervisor, before it forks: certificates, logs, users. No threads; raises `ConfigError`."""

    def start_worker(self) -> None:
        """In a worker, once, before the first session."""

    def serve(self, sock: socket.socket, slot: Slot) -> None:
        """A whole session in the calling thread; closes `sock`, does not raise."""

    def stop(self) -> None:
        """The worker has been asked to end: every session is told and closed. Does not wait for them."""

    def reopen_logs(self) -> None:
        """Log files were moved away: write to new ones."""

    def close(self) -> None:
        """Nobody needs this service in this process any more: give back what `prepare()` opened."""


ServiceFactory = Callable[[Configuration], Service]

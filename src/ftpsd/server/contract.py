"""What the server asks of a service: the only thing that it knows about FTP.

`ftpsd.session.service.Service` is the one that serves files; tests put another in its place.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from ftpsd.access.closing import Closing, Stage
from ftpsd.server.slot import Slot
from ftpsd.settings import Configuration
from ftpsd.tls.live.facts import Served


class Service(Protocol):
    """Serves sessions of one configuration. One object per configuration, copied into workers by fork.

    What the administrator wants changed at once (`set_debug_level` …) comes to every copy: to those of the workers,
    and to the supervisor's, of which later workers are made.
    """

    notices: list[str]

    def prepare(self) -> None:
        """In the supervisor, before it forks: certificates, logs, users. No threads; raises `ConfigError`."""

    def start_worker(self) -> None:
        """In a worker, once, before the first session."""

    def serve(self, sock: socket.socket, slot: Slot) -> None:
        """A whole session in the calling thread; closes `sock`, does not raise."""

    def stop(self) -> None:
        """The worker has been asked to end: every session is told and closed. Does not wait for them."""

    def dismiss(self, slots: Collection[Slot], text: str) -> None:
        """End the sessions that have these slots; `text` is for their clients. Does not wait for them."""

    def announce(self, closing: Closing | None, stage: Stage) -> None:
        """A shutdown was announced and has come to `stage` (DISCONNECTING ends all sessions); None: it was called
        off."""

    def trace(self, kind: str, name: str, seconds: float, fd: int) -> None:
        """In a worker: write into the pipe `fd`, and close it in the end, what the sessions of a user, host or
        session do."""

    def certificates(self) -> Sequence[Served]:
        """What it serves since `prepare`."""

    def set_debug_level(self, level: int) -> None:
        """DebugLevel is `level` (0 to 10) from now on, for everybody."""

    def forget_names(self) -> None:
        """DNS names that are remembered may be wrong now."""

    def reopen_logs(self) -> None:
        """Log files were moved away: write to new ones."""

    def settle(self, seconds: float) -> None:
        """There are no sessions any more: wait so long for what they have left to be written elsewhere."""

    def close(self) -> None:
        """Nobody needs this service in this process any more: give back what `prepare()` opened."""


class Attendant(Protocol):
    """Something that the supervisor's loop attends to beside its signals: a socket, or a moment that comes.

    Nothing here may wait, as everything else waits meanwhile.
    """

    def interests(self) -> Mapping[int, int]:
        """Descriptors to watch and for what (select.POLLIN, select.POLLOUT)."""

    def due(self) -> float | None:
        """When `attend` wants to be called in any case, on the monotonic clock; None: only for a descriptor."""

    def attend(self, ready: Collection[int]) -> None:
        """These descriptors are ready, or it is due."""

    def follow(self, configuration: Configuration) -> None:
        """Another configuration is served now (or the first one)."""

    def leave(self) -> None:
        """In a new worker: close what belongs to the supervisor."""

    def close(self) -> None:
        """The server ends."""


ServiceFactory = Callable[[Configuration], Service]

"""Joins stapling (`tls.stapling`) to the service: its rights, its words in the logs, its life in a worker."""

from __future__ import annotations

from collections.abc import Iterable

from ftpsd.log import events
from ftpsd.log.bus import EventLog
from ftpsd.log.events import Level, Origin
from ftpsd.settings.model import Configuration
from ftpsd.tls.contexts import HostTLS
from ftpsd.tls.stapling import setup
from ftpsd.tls.stapling.setup import Stapling
from ftpsd.tls.stapling.shelf import Shelf
from ftpsd.tls.stapling.stapler import Rights, Stapler, Voice
from ftpsd.vfs import rights


class Staples:
    """The stapling of a service. `shelf` outlives it."""

    def __init__(self, configuration: Configuration, shelf: Shelf, log: EventLog) -> None:
        self._configuration = configuration
        self._log = log
        self._stapler: Stapler | None = None
        cache = configuration.hosts[0].settings.tls.stapling_cache
        self.shared = Stapling(shelf, by_default=cache is not None)

    def prepare(self, hosts: Iterable[HostTLS]) -> None:
        """Once the TLS of all hosts has been built with `shared`. Raises `ConfigError`."""
        wanted = setup.once(stapled for host in hosts for stapled in host.stapled)
        store = setup.open_store(self._configuration.hosts[0].settings.tls.stapling_cache, self._warn)
        server = self._configuration.server
        uid, gid = rights.resolve_worker(server.user, server.group)
        self._stapler = Stapler(
            wanted, Voice(self._note, self._warn), store,
            Rights(lambda: rights.as_worker(uid, gid), rights.privileged),
        )

    def start_worker(self) -> None:
        """See `Stapler.start`."""
        if self._stapler is not None:
            self._stapler.start()

    def close(self) -> None:
        if self._stapler is not None:
            self._stapler.stop()

    def _note(self, host: int, lines: tuple[str, ...]) -> None:
        name = next(one.settings.core.server_name for one in self._configuration.hosts if one.id == host)
        self._log.emit(events.TLSNote(*lines), Origin(server_name=name, host_id=host))

    def _warn(self, text: str) -> None:
        self._log.emit(events.Notice(text, Level.WARNING))

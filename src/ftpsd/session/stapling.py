"""Joins stapling (`tls.stapling`) to the service: its rights, its words in the logs, its life in a worker."""

from __future__ import annotations

from collections.abc import Iterable

from ftpsd.log import events
from ftpsd.log.bus import EventLog
from ftpsd.log.events import Level, Origin
from ftpsd.settings.model import Configuration
from ftpsd.settings.values import SessionCache
from ftpsd.tls.cache.base import Store
from ftpsd.tls.cache.opening import Stores
from ftpsd.tls.contexts import HostTLS
from ftpsd.tls.stapling import setup
from ftpsd.tls.stapling.setup import Stapling
from ftpsd.tls.stapling.shelf import Shelf
from ftpsd.tls.stapling.stapler import Rights, Stapler, Voice
from ftpsd.vfs import rights


class Staples:
    """The stapling of a service. `shelf` and `stores` outlive it."""

    def __init__(self, configuration: Configuration, shelf: Shelf, stores: Stores, log: EventLog) -> None:
        self._configuration = configuration
        self._stores = stores
        self._log = log
        self._stapler: Stapler | None = None
        self.store: Store | None = None
        """TLSStaplingCache."""
        self.shared = Stapling(shelf, by_default=self._cache is not None)

    @property
    def _cache(self) -> SessionCache | None:
        return self._configuration.hosts[0].settings.tls.stapling_cache

    def prepare(self, hosts: Iterable[HostTLS]) -> None:
        """Once the TLS of all hosts has been built with `shared`. Raises `ConfigError`."""
        wanted = setup.once(stapled for host in hosts for stapled in host.stapled)
        if self._cache is not None:
            servers = self._configuration.hosts[0].settings.remote
            self.store = self._stores.lease(
                self._cache, "responses", "TLSStaplingCache", self._warn, servers=servers)
        server = self._configuration.server
        uid, gid = rights.resolve_worker(server.user, server.group)
        self._stapler = Stapler(
            wanted, Voice(self._note, self._warn), self.store,
            Rights(lambda: rights.as_worker(uid, gid), rights.privileged),
        )

    def start_worker(self) -> None:
        """See `Stapler.start`."""
        if self.store is not None:
            self.store.note = self._warn
            self.store.start()
        if self._stapler is not None:
            self._stapler.start()

    def close(self) -> None:
        if self._stapler is not None:
            self._stapler.stop()
        if self.store is not None:
            self._stores.release(self.store)
            self.store = None

    def _note(self, host: int, lines: tuple[str, ...]) -> None:
        name = next(one.settings.core.server_name for one in self._configuration.hosts if one.id == host)
        self._log.emit(events.TLSNote(*lines), Origin(server_name=name, host_id=host))

    def _warn(self, text: str) -> None:
        self._log.emit(events.Notice(text, Level.WARNING))

"""From a configuration to databases. Hosts that name the same one share it."""

from __future__ import annotations

from dataclasses import replace

from ftpsd.settings.model import Configuration, Host
from ftpsd.settings.sql import SQLSettings
from ftpsd.settings.sql_parsers import MAIN, ConnectInfo
from ftpsd.settings.sql_rules import connections, every_query
from ftpsd.sql.database import Database, Report
from ftpsd.sql.queries import NamedQueries


def open_host(host: Host, loaded: tuple[str, ...]) -> NamedQueries | None:
    """The databases of one host, for a look; None: it has none. Raises `ConfigError`."""
    return Databases(Configuration((host,), loaded=loaded), lambda text, reason: None).of(host)


class Databases:
    """All databases of a configuration."""

    def __init__(self, configuration: Configuration, report: Report) -> None:
        """Imports libraries where a database is configured, connects to nothing. Raises `ConfigError`."""
        self._report = report
        self._all: dict[tuple[object, ...], Database] = {}
        self._hosts: dict[int, NamedQueries] = {}
        for host in configuration.hosts:
            sql = host.settings.sql
            found = connections(sql, configuration.loaded)
            if found:
                opened = {name: self._database(info, sql) for name, info in found.items()}
                self._hosts[host.id] = NamedQueries(opened, every_query(host), report)

    def of(self, host: Host) -> NamedQueries | None:
        """The queries of a host; None: it has no database."""
        return self._hosts.get(host.id)

    def _database(self, info: ConnectInfo, sql: SQLSettings) -> Database:
        reconnects = "NoReconnect" not in sql.options
        key = (replace(info, name=MAIN), sql.timeouts, sql.keep_alive, reconnects)
        if key not in self._all:
            self._all[key] = Database(
                info, sql.timeouts, self._report, keep_alive=sql.keep_alive, reconnects=reconnects)
        return self._all[key]

    def start(self) -> None:
        """In a worker, with its rights: threads begin to serve."""
        for database in self._all.values():
            database.start()

    def settle(self, seconds: float) -> None:
        """Waits for what is to be written to logs, so long for each database; see `Database.settle`."""
        for database in self._all.values():
            database.settle(seconds)

    def close(self) -> None:
        """Lets the threads end; does not wait."""
        for database in self._all.values():
            database.stop()

"""The three databases: how SQLAlchemy reaches each, and how a statement is given up that takes too long.

Libraries are imported here when a database is configured, before the fork; nothing connects before the first question
in a worker. Connections commit every statement by itself.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import socket
import sqlite3
from abc import ABC, abstractmethod
from typing import Any, ClassVar
from urllib.parse import quote

from ftpsd.errors import ConfigError, installing
from ftpsd.settings.sql_parsers import MYSQL, POSTGRES, SQLITE, ConnectInfo, Timeouts

_MYSQL_SOCKET = "/run/mysqld/mysqld.sock"


class Driver(ABC):
    """One kind of database."""

    backend: ClassVar[str]
    url: ClassVar[str]
    place: ClassVar[str] = "%s"
    """How a parameter is written."""

    modules: ClassVar[tuple[str, ...]]
    """What is imported."""

    extras: ClassVar[str]
    """What of ftpsd's extras brings it, with commas between."""

    def __init__(self, info: ConnectInfo, timeouts: Timeouts) -> None:
        self.info = info
        self.timeouts = timeouts

    def engine(self) -> Any:
        """SQLAlchemy's engine. Raises `ConfigError` where a library is missing."""
        try:
            sqlalchemy = importlib.import_module("sqlalchemy")
            pool = importlib.import_module("sqlalchemy.pool")
            for name in self.modules:
                importlib.import_module(name)
        except ImportError as error:
            raise ConfigError(
                f"the database '{self.info}' cannot be used: {error}", directive="SQLConnectInfo",
                remedy=f"Install it: {installing(self.extras)}") from None
        return sqlalchemy.create_engine(
            self.url, creator=self.connect, poolclass=pool.NullPool, isolation_level="AUTOCOMMIT",
            hide_parameters=True)

    @abstractmethod
    def connect(self) -> Any:
        """A connection of the DB-API."""

    @abstractmethod
    def abandon(self, connection: Any) -> None:
        """Called by another thread than that which waits for `connection`: it is to wait no longer."""


class SQLite(Driver):
    """A file, with the standard library."""

    backend = SQLITE
    url = "sqlite+pysqlite://"
    place = "?"
    modules = ("sqlite3",)
    extras = "sql"

    def connect(self) -> Any:
        """A file that is missing is not made."""
        return sqlite3.connect(
            f"file:{quote(self.info.database)}?mode=rw", uri=True, timeout=self.timeouts.query,
            check_same_thread=False)

    def abandon(self, connection: Any) -> None:
        connection.interrupt()


class Postgres(Driver):
    """PostgreSQL, with psycopg."""

    backend = POSTGRES
    url = "postgresql+psycopg://"
    modules = ("psycopg",)
    extras = "sql,postgres"

    def connect(self) -> Any:
        psycopg = importlib.import_module("psycopg")
        info, tls = self.info, self.info.tls
        options: dict[str, Any] = {
            "host": info.host.strip("[]") or "localhost", "dbname": info.database, "user": info.user or None,
            "password": info.password or None, "port": info.port or None, "application_name": "ftpsd",
            "connect_timeout": max(2, round(self.timeouts.connect)), "client_encoding": "UTF8",
        }
        if tls is not None:
            options |= {
                "sslmode": "verify-full" if tls.authority else "require", "sslrootcert": tls.authority or None,
                "sslcert": tls.certificate or None, "sslkey": tls.key or None,
            }
        connection = psycopg.connect(
            **{name: value for name, value in options.items() if value is not None}, prepare_threshold=None)
        connection.autocommit = True
        connection.execute(f"SET statement_timeout = {round(self.timeouts.query * 1000)}")
        return connection

    def abandon(self, connection: Any) -> None:
        """Its socket is shut down, which wakes the thread that waits for it."""
        _shut(connection.fileno())


class MySQL(Driver):
    """MySQL and MariaDB, with PyMySQL."""

    backend = MYSQL
    url = "mysql+pymysql://"
    modules = ("pymysql",)
    extras = "sql,mysql"

    def connect(self) -> Any:
        pymysql = importlib.import_module("pymysql")
        info, tls = self.info, self.info.tls
        options: dict[str, Any] = {
            "database": info.database, "user": info.user or None, "password": info.password,
            "connect_timeout": max(1, round(self.timeouts.connect)), "read_timeout": max(1, round(self.timeouts.query)),
            "write_timeout": max(1, round(self.timeouts.query)), "charset": "utf8mb4",
        }
        path = info.host if info.host.startswith("/") else ""
        if info.host in ("", "localhost") and not info.port and os.path.exists(_MYSQL_SOCKET):
            path = _MYSQL_SOCKET  # what every other client of MySQL understands by localhost
        if path:
            options["unix_socket"] = path
        else:
            options |= {"host": info.host.strip("[]") or "localhost", "port": info.port or 3306}
        if tls is not None:
            options["ssl"] = {
                key: value for key, value in (
                    ("ca", tls.authority), ("cert", tls.certificate), ("key", tls.key), ("cipher", tls.ciphers),
                ) if value
            }
        return (_encrypted(pymysql) if tls is not None and not path else pymysql.connect)(**options)

    def abandon(self, connection: Any) -> None:
        """PyMySQL's own timeouts do it."""


@functools.cache
def _encrypted(pymysql: Any) -> Any:
    """Connections that tell nothing, neither name nor password, to a server without TLS. Before its version 1.2 the
    driver goes on in clear where the server (or who stands between) offers none.
    """

    class Encrypted(pymysql.connections.Connection):  # type: ignore[misc]
        def _request_authentication(self) -> None:
            if not self.server_capabilities & pymysql.constants.CLIENT.SSL:
                raise pymysql.err.OperationalError(
                    pymysql.constants.CR.CR_SSL_CONNECTION_ERROR,
                    "SQLConnectInfo wants TLS (ssl-…), and the server offers none")
            super()._request_authentication()

    return Encrypted


def _shut(descriptor: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as sock:
        sock.shutdown(socket.SHUT_RDWR)


_DRIVERS: dict[str, type[Driver]] = {driver.backend: driver for driver in (SQLite, Postgres, MySQL)}


def driver_for(info: ConnectInfo, timeouts: Timeouts) -> Driver:
    """The driver of a database. Raises `ConfigError` for what it cannot do."""
    if info.tls is not None and info.tls.ciphers and info.backend != MYSQL:
        raise ConfigError(
            "ssl-ciphers is for MySQL alone", directive="SQLConnectInfo",
            remedy="Take it out; PostgreSQL's server says which ciphers there are.")
    return _DRIVERS[info.backend](info, timeouts)

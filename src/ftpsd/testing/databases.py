"""Databases for tests: SQLite files, and servers of the system's packages: PostgreSQL, MariaDB."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ftpsd.testing.daemons import START_SECONDS, Daemon, need

_NOBODY = 65534


@dataclass(frozen=True)
class TestDatabase:
    """An empty database. `words` are the arguments of SQLConnectInfo, `backend` that of SQLBackend."""

    __test__ = False

    backend: str
    words: str
    _run: Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
    stop: Callable[[], None] | None = None
    """Takes the server away as a failure of its machine would; None: there is none."""
    start: Callable[[], None] | None = None

    def run(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Runs one statement, places are `?`; returns its rows."""
        return self._run(sql, parameters)

    def script(self, sql: str) -> None:
        """Runs statements with `;` between them."""
        for statement in filter(str.strip, sql.split(";")):
            self._run(statement, ())


def sqlite(path: Path) -> TestDatabase:
    """A new SQLite file."""

    def run(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    run("CREATE TABLE made_by_tests (x INTEGER)", ())
    path.chmod(0o600)
    return TestDatabase("sqlite3", str(path), run)


class _Postmaster(Daemon):
    def _try_start(self) -> bool:
        """It accepts connections before it serves them."""
        return super()._try_start() and self._serves()

    def _serves(self) -> bool:
        import psycopg

        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                psycopg.connect(
                    host="127.0.0.1", port=self.port, dbname="postgres", user="ftpsd", connect_timeout=5).close()
                return True
            except psycopg.OperationalError:
                time.sleep(0.02)
        return False

    def stop(self) -> None:
        """At once; but the cluster is left so that the next start finds nobody in it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
            self._process = None


class Postgres:
    """A PostgreSQL server on a port of loopback, its cluster in `directory`, which becomes an ordinary user's."""

    def __init__(self, directory: Path) -> None:
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        program = found[-1] if found else shutil.which("initdb")
        if program is None:
            pytest.skip("PostgreSQL's server is not installed")
        pytest.importorskip("psycopg")
        before = _as_ordinary_user(directory)
        data = str(directory / "cluster")
        subprocess.run(
            [*before, program, "-D", data, "-U", "ftpsd", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
            check=True, capture_output=True, timeout=120, cwd="/")
        command = [*before, str(Path(program).parent / "postgres"), "-D", data, "-p", "{port}"]
        for setting in (
            "fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1",
            "unix_socket_directories=", "max_connections=60", "shared_buffers=4MB", "autovacuum=off",
        ):
            command += ["-c", setting]
        self._daemon = _Postmaster(command, directory)
        self._made = 0

    @property
    def port(self) -> int:
        return self._daemon.port

    def database(self, encoding: str = "UTF8") -> TestDatabase:
        """A new database, empty."""
        self._made += 1
        name = f"ftpsd{self._made}"
        self._run("postgres", f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'", ())
        return TestDatabase(
            "postgres", f"{name}@127.0.0.1:{self.port} ftpsd anything",
            lambda sql, parameters: self._run(name, sql, parameters), self.stop, self.start)

    def _run(self, name: str, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=name, user="ftpsd", autocommit=True, connect_timeout=10,
        ) as connection:
            cursor = connection.execute(sql.replace("%", "%%").replace("?", "%s").encode(), parameters or ())
            return cursor.fetchall() if cursor.description is not None else []

    def stop(self) -> None:
        """At once, with all its processes."""
        self._daemon.stop()

    def start(self) -> None:
        self._daemon.start()


class MariaDB:
    """A MariaDB server on a port of loopback that lets everybody in, its files in `directory`."""

    def __init__(self, directory: Path) -> None:
        need("mariadbd")
        pytest.importorskip("pymysql")
        (directory / "data").mkdir()
        before = _as_ordinary_user(directory, directory / "data")
        self._daemon = Daemon(
            [*before, need("mariadbd"), "--no-defaults", f"--datadir={directory}/data", "--bind-address=127.0.0.1",
             "--port={port}", "--skip-grant-tables", "--skip-networking=0", f"--socket={directory}/socket",
             f"--pid-file={directory}/pid", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=8M",
             "--innodb-log-file-size=4M", "--skip-name-resolve"], directory)
        self._made = 0

    def database(self) -> TestDatabase:
        """A new database, empty."""
        self._made += 1
        name = f"ftpsd{self._made}"
        self._run("", f"CREATE DATABASE {name} CHARACTER SET utf8mb4", ())
        return TestDatabase(
            "mysql", f"{name}@127.0.0.1:{self._daemon.port} ftpsd anything",
            lambda sql, parameters: self._run(name, sql, parameters), self.stop, self._daemon.start)

    def _run(self, name: str, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        import pymysql

        connection = pymysql.connect(
            host="127.0.0.1", port=self._daemon.port, database=name or None, user="ftpsd", autocommit=True,
            connect_timeout=10, charset="utf8mb4")
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql.replace("%", "%%").replace("?", "%s"), tuple(parameters))
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def stop(self) -> None:
        """At once."""
        self._daemon.stop()


def _as_ordinary_user(*directories: Path) -> list[str]:
    """What is put before programs that do not run as root; gives `directories` to that user."""
    if os.getuid() != 0:
        return []
    for directory in directories:
        os.chown(directory, _NOBODY, _NOBODY)
    return [need("setpriv"), f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A server, in a directory that its user can reach (pytest's own is closed to others)."""
    with tempfile.TemporaryDirectory(prefix="ftpsd-postgres-", ignore_cleanup_errors=True) as directory:
        server = Postgres(Path(directory))
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def mariadb() -> Iterator[MariaDB]:
    """As `postgres`."""
    with tempfile.TemporaryDirectory(prefix="ftpsd-mariadb-", ignore_cleanup_errors=True) as directory:
        server = MariaDB(Path(directory))
        try:
            yield server
        finally:
            server.stop()

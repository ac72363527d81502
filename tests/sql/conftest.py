"""One suite for all databases: `database` is an SQLite file, then a database of PostgreSQL, then of MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.testing import databases
from ftpsd.testing.databases import MariaDB, Postgres, TestDatabase

BACKENDS = ("sqlite3", "postgres", "mysql")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with databases.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDB]:
    with databases.mariadb() as server:
        yield server


def empty(request: pytest.FixtureRequest, backend: str, directory: Path) -> TestDatabase:
    """An empty database of a kind."""
    pytest.importorskip("sqlalchemy")
    if backend == "sqlite3":
        return databases.sqlite(directory / "test.db")
    server = request.getfixturevalue("postgres_server" if backend == "postgres" else "mariadb_server")
    assert isinstance(server, Postgres | MariaDB)
    return server.database()


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> TestDatabase:
    """An empty database."""
    return empty(request, request.param, tmp_path)

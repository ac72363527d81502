"""One suite for all databases: `database` is an SQLite file, then a database of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.testing import databases
from ftpsd.testing.databases import Postgres, TestDatabase

BACKENDS = ("sqlite3", "postgres")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with databases.postgres() as server:
        yield server


def empty(request: pytest.FixtureRequest, backend: str, directory: Path) -> TestDatabase:
    """An empty database of a kind."""
    pytest.importorskip("sqlalchemy")
    if backend == "sqlite3":
        return databases.sqlite(directory / "test.db")
    server = request.getfixturevalue("postgres_server")
    assert isinstance(server, Postgres)
    return server.database()


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> TestDatabase:
    """An empty database."""
    return empty(request, request.param, tmp_path)

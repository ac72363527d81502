"""Named queries on a database of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ftpsd.reasons.codes import Code
from ftpsd.settings.logformat import Field
from ftpsd.sql.queries import NamedQueries
from ftpsd.sql.setup import Databases
from ftpsd.sql.statements import Value
from ftpsd.testing.databases import TestDatabase
from tests.settings.support import configuration


@dataclass
class Said:
    """What was reported."""

    lines: list[tuple[str, Code | None]] = field(default_factory=list)

    def __call__(self, text: str, reason: Code | None) -> None:
        self.lines.append((text, reason))

    @property
    def reasons(self) -> list[Code | None]:
        return [reason for _, reason in self.lines]


@dataclass
class Told:
    """Variables with these values by the names of their keys."""

    known: dict[str, Value]

    def value(self, field: Field) -> Value:
        return self.known.get(field.label)

    def shown(self, field: Field) -> str:
        value = self.known.get(field.label)
        return "-" if value is None else str(value)


@contextmanager
def opened(
    database: TestDatabase, directives: str = "", *, running: bool = True,
) -> Iterator[tuple[NamedQueries, Said]]:
    """The queries of a host with this database, and what they report."""
    said = Said()
    found = configuration(
        f"SQLBackend {database.backend}\nSQLConnectInfo {database.words}\nSQLAuthTypes Crypt Plaintext\n{directives}\n")
    databases = Databases(found, said)
    if running:
        databases.start()
    try:
        queries = databases.of(found.hosts[0])
        assert queries is not None
        yield queries, said
    finally:
        databases.close()

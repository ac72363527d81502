"""Tables in databases: what is asked of whoever runs SQLNamedQuery directives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from ftpsd.errors import ConfigError


class Queries(Protocol):
    """The SQLNamedQuery directives of a host (`sql.queries.NamedQueries`)."""

    def run(self, name: str, numbered: Sequence[str] = ()) -> list[tuple[str | None, ...]]:
        """The rows of a query, with values for %{0} …. Raises `FtpsdError`."""

    def place(self, name: str) -> str:
        """What the database of a query that there is is called."""

    def __contains__(self, name: str) -> bool: ...


def check_queries(names: Iterable[str], queries: Queries | None, directive: str) -> None:
    """Whether they are there. Raises `ConfigError`."""
    if queries is None:
        raise ConfigError(
            "sql: needs a database", directive=directive, remedy="Write SQLConnectInfo and its kin, or file:/path.")
    for name in names:
        if name not in queries:
            raise ConfigError(
                f"there is no SQLNamedQuery '{name}'", directive=directive,
                remedy=f"Write SQLNamedQuery {name}, in the same host or in <Global>.")

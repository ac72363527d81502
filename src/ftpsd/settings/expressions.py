"""Conditions about who a client is: expressions of names, and rules about where he comes from."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expression:
    """The condition of <IfUser>, AllowUser and the like: names that AND or OR joins, or a regular expression."""

    operator: str
    """`and`, `or` or `regex`."""
    names: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    negated: bool = False
    """The regular expression must not match (for names each has its own `!`)."""

    def holds(self, present: Collection[str]) -> bool:
        """Whether a session with the names `present` (one user, or its groups or classes) is meant."""
        if self.pattern is not None:
            return any(self.pattern.search(name) for name in present) is not self.negated
        results = (
            (name[1:] not in present) if name.startswith("!") else (name in present) for name in self.names
        )
        return all(results) if self.operator == "and" else any(results)


@dataclass(frozen=True, slots=True)
class ClassRule:
    """One word of a `From`, Allow or Deny line: address, CIDR block, name (`.example.org`, with wildcards), `all` or
    `none`."""

    pattern: str
    negated: bool = False

"""Conditions about who a client is: expressions of names, and rules about where he comes from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ftpsd.settings.regexes import Regex


@dataclass(frozen=True, slots=True)
class Expression:
    """The condition of <IfUser>, AllowUser and the like: names that AND or OR joins, or a regular expression."""

    operator: str
    """`and`, `or` or `regex`."""
    names: tuple[str, ...] = ()
    pattern: Regex | None = None
    negated: bool = False
    """The regular expression must not match (for names each has its own `!`)."""

    def holds(self, present: Collection[str], *, in_doubt: bool = False) -> bool:
        """Whether a session with the names `present` (one user, or its groups or classes) is meant; `in_doubt`, where
        a regular expression takes too long to say."""
        if self.pattern is not None:
            found = in_doubt is not self.negated
            return any(self.pattern.fits(name, in_doubt=found) for name in present) is not self.negated
        results = (
            (name[1:] not in present) if name.startswith("!") else (name in present) for name in self.names
        )
        return all(results) if self.operator == "and" else any(results)

    def __str__(self) -> str:
        if self.pattern is not None:
            return f"regex {'!' if self.negated else ''}{self.pattern.pattern}"
        return f" {self.operator} ".join(self.names)


@dataclass(frozen=True, slots=True)
class Whom:
    """For whom a line is that ends in `user|group|class expression`; `kind` is the first of these words."""

    kind: str
    expression: Expression

    def holds(self, user: str, groups: Collection[str], classes: Collection[str]) -> bool:
        """Whether it is for this user, of these groups, from an address of these classes."""
        present = {"user": (user,), "group": groups, "class": classes}
        return self.expression.holds(present[self.kind])

    def __str__(self) -> str:
        return f"{self.kind} {self.expression}"


@dataclass(frozen=True, slots=True)
class ClassRule:
    """One word of a `From`, Allow or Deny line: address, CIDR block, name (`.example.org`, with wildcards), `all` or
    `none`."""

    pattern: str
    negated: bool = False

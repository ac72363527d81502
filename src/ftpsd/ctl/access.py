"""Who may use the control socket, and for what. Pure: names have become numbers before.

As in ProFTPD: of the lines that name an action the last one for users and the last one for groups count, and one of
them has to allow it. A line that denies some allows all others. What no line names is denied, to root too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ftpsd.settings.controls import ALL, EVERYBODY
from ftpsd.settings.values import ControlsACL

Number = Callable[[str, str], int | None]
"""The id of a `user` or `group` (first) with that name (second); None: there is none."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as the kernel knows it: ids of the user and of all its groups, and names."""

    pid: int
    uid: int
    gids: frozenset[int]
    user: str
    group: str

    def __str__(self) -> str:
        return f"{self.user}/{self.group}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A `ControlsACL` whose names are ids."""

    actions: tuple[str, ...]
    allow: bool
    kind: str
    everybody: bool
    ids: frozenset[int]

    def concerns(self, action: str) -> bool:
        """Whether the rule is about `action`."""
        return action in self.actions or ALL in self.actions

    def grants(self, peer: Peer) -> bool:
        """Whether the rule lets `peer` do what it is about."""
        theirs = {peer.uid} if self.kind == "user" else peer.gids
        return (self.everybody or bool(self.ids & theirs)) is self.allow


def resolve(acls: Iterable[ControlsACL], number: Number) -> tuple[tuple[Rule, ...], list[str]]:
    """Rules, and the names (`user 'x'`) that nobody has."""
    rules: list[Rule] = []
    unknown: list[str] = []
    for acl in acls:
        names = [name for name in acl.names if name != EVERYBODY]
        found = {name: number(acl.kind, name) for name in names}
        unknown += [f"{acl.kind} '{name}'" for name, each in found.items() if each is None]
        ids = frozenset(each for each in found.values() if each is not None)
        rules.append(Rule(acl.actions, acl.allow, acl.kind, EVERYBODY in acl.names, ids))
    return tuple(rules), unknown


def allowed(rules: Iterable[Rule], action: str, peer: Peer) -> bool:
    """Whether `peer` may do `action`."""
    last = {rule.kind: rule for rule in rules if rule.concerns(action)}
    return any(rule.grants(peer) for rule in last.values())


def may_connect(rules: Iterable[Rule], owners: Iterable[int], groups: Iterable[int], peer: Peer) -> bool:
    """Whether `peer` may connect: as ControlsSocketACL says, or without it one of the `owners` (uids), or `groups`."""
    rules = tuple(rules)
    if rules:
        return allowed(rules, ALL, peer)
    return peer.uid in owners or not peer.gids.isdisjoint(groups)

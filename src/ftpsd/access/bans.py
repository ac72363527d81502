"""Bans: whom one keeps away, for what one is made, and what the banned are told. Pure.

A ban is for an address (or block, or name by reverse DNS), a user, a class, or a user from one address, and for one
host of the server or all. BanOnEvent makes them: each event has those who are banned for it (`kind_of`), counted by
host. Events are ProFTPD's; most are what a session says when it refuses something or ends (`events_of`), so that any
reason code can be counted as well.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from ftpsd.reasons.codes import Code
from ftpsd.settings.bans import CLASS_EVENTS, PAIR_EVENTS, USER_EVENTS, BanRule

EVERY_SERVER = b"\0" * 8
"""The server of a ban that counts at all hosts."""

NEVER = 0.0
"""When a ban ends that lasts until it is lifted."""

USUAL = "Access denied"
"""What a banned client hears where neither the rule nor BanMessage has words for it."""


class Kind(IntEnum):
    """Whom a ban is for; the numbers stand in ban tables."""

    USER = 1
    HOST = 2
    CLASS = 3
    PAIR = 4

    @property
    def word(self) -> str:
        """As logs and ftpdctl call it."""
        return ("user", "host", "class", "user@host")[self - 1]


KINDS: Mapping[str, Kind] = {kind.word: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Ban:
    """`server`: digest of the host for which it counts; `expires`: seconds since the epoch, or NEVER."""

    kind: Kind
    name: str
    server: bytes = EVERY_SERVER
    expires: float = NEVER
    reason: str = ""
    message: str = ""

    def counts(self, server: bytes, now: float, *, any_server: bool = False) -> bool:
        """Whether it is in force at that host."""
        if self.expires != NEVER and self.expires <= now:
            return False
        return any_server or self.server in (EVERY_SERVER, server)

    def same(self, other: Ban) -> bool:
        """Whether it keeps the same one away from the same place."""
        return (self.kind, self.name, self.server) == (other.kind, other.name, other.server)


@dataclass(frozen=True, slots=True)
class Suspect:
    """Who may be banned: `host` the client's address, `name` its name by reverse DNS, `user` None before USER.

    `account`: what the account is called that `user` logs in to, when that is known: directories and databases know
    users by other spellings, too, and who is banned under one is under all.
    """

    host: str
    name: str | None = None
    user: str | None = None
    classes: frozenset[str] = frozenset()
    account: str | None = None

    def names(self, kind: Kind) -> tuple[str, ...]:
        """What a ban of that kind may call the client."""
        match kind:
            case Kind.USER:
                return self._users
            case Kind.CLASS:
                return tuple(sorted(self.classes))
            case Kind.PAIR:
                return tuple(f"{user}@{self.host}" for user in self._users)
        return (self.host,) if self.name is None else (self.host, self.name.lower())

    @property
    def _users(self) -> tuple[str, ...]:
        """The account's name before what was sent: it is that which is counted."""
        return tuple(dict.fromkeys(user for user in (self.account, self.user) if user is not None))


_OF_CODES: Mapping[Code, tuple[str, ...]] = {
    Code.FOREIGN_PROTOCOL: ("BadProtocol",),
    Code.COMMAND_UNKNOWN: ("UnhandledCommand",),
    Code.LOGIN_EMPTY_PASSWORD: ("EmptyPassword",),
    Code.LOGIN_ROOT_DENIED: ("RootLogin",),
    Code.LOGIN_CERTIFICATE_NEEDED: (str(Code.LOGIN_WRONG_PASSWORD),),  # to its client it is one
    Code.LOGIN_PASSWORD_REJECTED: ("AnonRejectPasswords",),
    Code.LOGIN_ATTEMPTS_EXCEEDED: ("MaxLoginAttempts", "MaxLoginAttemptsFromUser"),
    Code.LIMIT_CLIENTS_PER_CLASS: ("MaxClientsPerClass",),
    Code.LIMIT_CLIENTS_PER_HOST: ("MaxClientsPerHost",),
    Code.LIMIT_CLIENTS_PER_USER: ("MaxClientsPerUser",),
    Code.LIMIT_HOSTS_PER_USER: ("MaxHostsPerUser",),
    Code.LIMIT_CONNECTIONS_PER_HOST: ("MaxConnectionsPerHost",),
    Code.TIMEOUT_IDLE: ("TimeoutIdle",),
    Code.TIMEOUT_LOGIN: ("TimeoutLogin",),
    Code.TIMEOUT_NO_TRANSFER: ("TimeoutNoTransfer",),
}


def events_of(code: str) -> tuple[str, ...]:
    """The events that something with this reason code is; the code itself is one."""
    known = _OF_CODES.get(code, ()) if isinstance(code, Code) else ()
    return (*known, str(code))


def kind_of(event: str) -> Kind:
    """Who is banned for an event."""
    if event in USER_EVENTS:
        return Kind.USER
    if event in CLASS_EVENTS:
        return Kind.CLASS
    return Kind.PAIR if event in PAIR_EVENTS else Kind.HOST


def rules_for(rules: Iterable[BanRule], events: Iterable[str]) -> list[BanRule]:
    """The rules about any of these events."""
    wanted = frozenset(events)
    return [rule for rule in rules if rule.meant in wanted]


def block(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The block of addresses that the name of a host ban is; None: it is one address or a name."""
    if "/" not in name:
        return None
    try:
        return ipaddress.ip_network(name)
    except ValueError:
        return None


def canonical_host(text: str) -> str | None:
    """An address or block of addresses as bans write it; None: it is neither."""
    try:
        if "/" in text:
            return str(ipaddress.ip_network(text, strict=False))
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def told(message: str, suspect: Suspect) -> str:
    """A message with its variables, for one client: %a address, %c class, %u user."""
    values = {
        "%a": suspect.host, "%c": ",".join(sorted(suspect.classes)) or "(none)", "%u": suspect.user or "(none)",
    }
    parts, rest = [], message
    while rest:
        found = values.get(rest[:2])
        parts.append(rest[:1] if found is None else found)
        rest = rest[1 if found is None else 2:]
    return "".join(parts)

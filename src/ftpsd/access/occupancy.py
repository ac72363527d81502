"""How many may be in at a time: MaxClients and its kin, MaxConnectionsPerHost, MaxTransfersPer….

Theory
------
What a session holds (`Holding`) stands on the scoreboard. Whoever wants more is judged, under the scoreboard's lock,
by what all the others hold at that moment, and what he gets is written down before the lock is let go. So two who want
the last place never both see it free, and neither sees the other's wish: at most the limit is in, and somebody is in
as long as anybody wants to be. Nobody counts but who holds; a session gives back what it holds before it says
good-bye, so that a client who has heard that may come back at once.

Names and addresses are held as digests: they have one length and nothing of them can be cut off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from ftpsd.reasons.codes import Code
from ftpsd.settings.bounds import BoundSettings
from ftpsd.settings.model import Host
from ftpsd.settings.values import Bound, TransferBound

KEY_SIZE = 8
NOTHING = b"\0" * KEY_SIZE


class Standing(IntEnum):
    """How far a session has come."""

    NOT_COUNTED = 0
    CONNECTED = 1
    LOGGED_IN = 2


class Holding(NamedTuple):
    """What one session holds. The keys are `key()` of what they are called after, `command` that of a transfer."""

    standing: Standing
    host: bytes
    address: bytes
    user: bytes = NOTHING
    client_class: bytes = NOTHING
    command: bytes = NOTHING


class Shown(NamedTuple):
    """What another session shows of itself; `opened` in seconds since the epoch, texts as clients gave them."""

    slot: int
    user: str
    server: str
    peer: str
    opened: float
    command: str
    classes: str = ""
    """The names of its classes, with commas between."""


@lru_cache(maxsize=1024, typed=True)
def key(*parts: object) -> bytes:
    """A digest that stands for `parts`; never NOTHING for all that matters."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogateescape"), digest_size=KEY_SIZE).digest()


def host_key(host: Host) -> bytes:
    """What stands for a host where sessions of all hosts are counted."""
    return key(host.addresses, host.settings.core.port, host.names)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """The limit that is reached: the directive (and its class), the number, what the client and the log are told."""

    directive: str
    bound: Bound
    reason: Code
    usual: str

    @property
    def text(self) -> str:
        """For the client."""
        return (self.bound.message or self.usual).replace("%m", str(self.bound.most))

    @property
    def log(self) -> str:
        """For the log, as ProFTPD words it."""
        return f"{self.directive} {self.bound.most}"


Judge = Callable[[Sequence[Holding]], "Exceeded | None"]


def _clients(whose: str) -> str:
    return f"Sorry, the maximum number of clients (%m) {whose} are already connected."


def judge_connection(bound: Bound, me: Holding) -> Judge:
    """MaxConnectionsPerHost."""
    usual = "Sorry, the maximum number of connections (%m) for your host are already connected."

    def judge(others: Sequence[Holding]) -> Exceeded | None:
        there = sum(one.host == me.host and one.address == me.address for one in others)
        if there < bound.most:
            return None
        return Exceeded("MaxConnectionsPerHost", bound, Code.LIMIT_CONNECTIONS_PER_HOST, usual)

    return judge


def judge_login(bounds: BoundSettings, me: Holding, *, client_class: str | None, anonymous: bool) -> Judge | None:
    """The bounds on logins in ProFTPD's order; None where there is none.

    An anonymous login counts those of the same user alone, an ordinary one everybody.
    """
    per_class = next((one.bound for one in bounds.max_clients_per_class if one.key == client_class), None)
    if not any((per_class, bounds.max_clients_per_host, bounds.max_clients_per_user, bounds.max_clients,
                bounds.max_hosts_per_user)):
        return None

    def judge(others: Sequence[Holding]) -> Exceeded | None:
        here = [one for one in others if one.standing is Standing.LOGGED_IN and one.host == me.host]
        counted = [one for one in here if not anonymous or one.user == me.user]
        mine = [one for one in here if one.user == me.user]
        table = (
            (f"MaxClientsPerClass {client_class}", per_class, Code.LIMIT_CLIENTS_PER_CLASS,
             sum(one.client_class == me.client_class for one in here), _clients("from your class")),
            ("MaxClientsPerHost", bounds.max_clients_per_host, Code.LIMIT_CLIENTS_PER_HOST,
             sum(one.address == me.address for one in counted), _clients("from your host")),
            ("MaxClientsPerUser", bounds.max_clients_per_user, Code.LIMIT_CLIENTS_PER_USER, len(mine),
             _clients("for this user")),
            ("MaxClients", bounds.max_clients, Code.LIMIT_CLIENTS, len(counted),
             "Sorry, the maximum number of allowed clients (%m) are already connected."),
            ("MaxHostsPerUser", bounds.max_hosts_per_user, Code.LIMIT_HOSTS_PER_USER,
             len({one.address for one in mine} - {me.address}),
             "Sorry, the maximum number of hosts (%m) for this user are already connected."),
        )
        return _first(table)

    return judge


def _first(table: Iterable[tuple[str, Bound | None, Code, int, str]]) -> Exceeded | None:
    """The first line whose bound has been reached by the others."""
    for directive, bound, reason, there, usual in table:
        if bound is not None and there >= bound.most:
            return Exceeded(directive, bound, reason, usual)
    return None


def judge_transfer(bounds: BoundSettings, me: Holding, command: str) -> Judge | None:
    """MaxTransfersPerHost and MaxTransfersPerUser, for a transfer with `command`; None where there is none."""
    per_host = _of_command(bounds.max_transfers_per_host, command)
    per_user = _of_command(bounds.max_transfers_per_user, command)
    if per_host is None and per_user is None:
        return None

    def judge(others: Sequence[Holding]) -> Exceeded | None:
        busy = [one for one in others if one.host == me.host and one.command == me.command]
        whose = "Sorry, the maximum number of data transfers (%m) from {} are currently being used."
        return _first((
            ("MaxTransfersPerHost", per_host, Code.LIMIT_TRANSFERS_PER_HOST,
             sum(one.address == me.address for one in busy), whose.format("your host")),
            ("MaxTransfersPerUser", per_user, Code.LIMIT_TRANSFERS_PER_USER,
             sum(one.user == me.user for one in busy), whose.format("this user")),
        ))

    return judge


def _of_command(bounds: Iterable[TransferBound], command: str) -> Bound | None:
    return next((one.bound for one in bounds if command in one.commands), None)

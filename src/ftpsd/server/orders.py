"""What the supervisor tells its workers while they run: one datagram per order, small enough to be sent whole."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from ftpsd.access import closing
from ftpsd.server.contract import Service

LONGEST = 65_536
"""Bytes of an order."""

_PLACES = 1000
"""Sessions in one `Dismiss`."""


@dataclass(frozen=True, slots=True)
class Order:
    """Base: `name` says on the wire which one it is.

    `standing`: it holds for services of later configurations too; `until_restart`: but not beyond a restart.
    """

    name: ClassVar[str]
    standing: ClassVar[bool] = False
    until_restart: ClassVar[bool] = False

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Order:
        """The order with these fields, as JSON has them."""
        return cls(**fields)

    def carry_out(self, service: Service) -> None:
        """Do it, in this process. Orders that concern single sessions are for workers alone: here they do nothing."""


@dataclass(frozen=True, slots=True)
class Dismiss(Order):
    """Sessions end: those at `places` of the scoreboard (number, opened at); clients are told 421 and `text`."""

    name: ClassVar[str] = "dismiss"
    places: tuple[tuple[int, float], ...] = ()
    text: str = ""

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Dismiss:
        return cls(tuple((int(index), float(opened)) for index, opened in fields["places"]), str(fields["text"]))

    def parts(self) -> Iterator[Dismiss]:
        """The same as orders of bounded size."""
        for start in range(0, len(self.places), _PLACES):
            yield Dismiss(self.places[start : start + _PLACES], self.text)


@dataclass(frozen=True, slots=True)
class Watch(Order):
    """What the sessions of `user`, `host` or `session` (kind) `target` do goes into the pipe that comes with this."""

    name: ClassVar[str] = "watch"
    kind: str = ""
    target: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ping(Order):
    """A worker shows on the scoreboard that its loop turns, by this number."""

    name: ClassVar[str] = "ping"
    number: int = 0


@dataclass(frozen=True, slots=True)
class DebugLevel(Order):
    """DebugLevel is `level` for everybody from now on."""

    name: ClassVar[str] = "debug"
    standing: ClassVar[bool] = True
    until_restart: ClassVar[bool] = True
    level: int = 0

    def carry_out(self, service: Service) -> None:
        service.set_debug_level(self.level)


@dataclass(frozen=True, slots=True)
class ForgetNames(Order):
    """What is remembered of DNS names is forgotten."""

    name: ClassVar[str] = "forget-names"

    def carry_out(self, service: Service) -> None:
        service.forget_names()


@dataclass(frozen=True, slots=True)
class Close(Order):
    """An announced shutdown has come to `stage`; `text` is the file that announces it, "": it is not there any more."""

    name: ClassVar[str] = "close"
    standing: ClassVar[bool] = True
    stage: int = 0
    text: str = ""

    def carry_out(self, service: Service) -> None:
        service.announce(closing.parse(self.text) if self.text else None, closing.Stage(self.stage))


KINDS: Mapping[str, type[Order]] = {kind.name: kind for kind in (Dismiss, Watch, Ping, DebugLevel, ForgetNames, Close)}


def encode(order: Order) -> bytes:
    """An order as a datagram."""
    return json.dumps([order.name, asdict(order)]).encode()


def decode(data: bytes) -> Order:
    """The order in a datagram. Raises `ValueError` for anything else."""
    try:
        name, fields = json.loads(data)
        return KINDS[name].read(fields)
    except (LookupError, TypeError) as error:
        raise ValueError(f"not an order: {error!r}") from None


def channel() -> tuple[socket.socket, socket.socket]:
    """Two ends for datagrams, the supervisor's and a worker's. Neither ever waits."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends

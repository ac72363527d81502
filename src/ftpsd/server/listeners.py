"""Which sockets a configuration listens on, and keeping them open across reloads.

`plan()` decides (pure): with SocketBindTight off, every address of the machine on each port that some
server uses; with it on, exactly the addresses of DefaultAddress and <VirtualHost>. Servers that share an
address and port share the socket; which of them a connection belongs to is decided after `accept`.
IPv4 and IPv6 have a socket each (IPV6_V6ONLY), so that no IPv4-mapped address is ever seen.
`Listeners` acts: an endpoint that an earlier configuration had open keeps its descriptor.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftpsd.errors import ConfigError, Location
from ftpsd.settings import Configuration
from ftpsd.settings.addresses import canonical

EVERY_IPV4 = "0.0.0.0"
EVERY_IPV6 = "::"


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """An IP address (or every one of a family) and a port; `location`: the Port or server that asks."""

    address: str
    port: int
    backlog: int = field(default=128, compare=False)
    location: Location | None = field(default=None, compare=False)
    reuse_port: bool = field(default=False, compare=False)

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    def __str__(self) -> str:
        where = f"[{self.address}]" if ":" in self.address else self.address
        return f"{where}:{self.port}"


def plan(configuration: Configuration, *, ipv6: bool | None = None) -> tuple[Endpoint, ...]:
    """The endpoints of a configuration, sorted. `Port 0` has none; a wildcard swallows its addresses.

    `ipv6` overrides UseIPv6 (options -4 and -6).
    """
    server = configuration.server
    with_ipv6 = server.use_ipv6 if ipv6 is None else ipv6
    wildcards = (EVERY_IPV4, EVERY_IPV6) if with_ipv6 else (EVERY_IPV4,)
    wanted: dict[Endpoint, None] = {}
    for host in configuration.hosts:
        port = host.settings.core.port
        if port == 0:
            continue
        own = (host.resolved or host.addresses) if server.socket_bind_tight else ()
        for text in own or wildcards:
            address = canonical(text)
            if ":" in address and not with_ipv6:
                continue
            where = host.origin("core", "port") or host.location
            reuse = bool(host.settings.transfer.socket_options.reuse_port)
            wanted.setdefault(Endpoint(address, port, server.tcp_backlog, where, reuse))
    return tuple(sorted(end for end in wanted if not _swallowed(end, wanted)))


def _swallowed(endpoint: Endpoint, wanted: Mapping[Endpoint, None]) -> bool:
    wildcard = EVERY_IPV6 if ":" in endpoint.address else EVERY_IPV4
    return endpoint.address != wildcard and Endpoint(wildcard, endpoint.port) in wanted


@dataclass(slots=True)
class Listeners:
    """Open listening sockets by endpoint. `given`: they came from the service manager and never change."""

    sockets: dict[Endpoint, socket.socket] = field(default_factory=dict)
    given: bool = False

    @classmethod
    def from_sockets(cls, sockets: Iterable[socket.socket]) -> Listeners:
        """Listeners over sockets that somebody else has bound."""
        opened = {Endpoint(*sock.getsockname()[:2]): sock for sock in sockets}
        return cls(opened, given=True)

    def changed_to(self, endpoints: Iterable[Endpoint]) -> tuple[Listeners, tuple[str, ...]]:
        """Listeners for `endpoints` and notices about them.

        Sockets that both have are shared between the two objects; `self` stays as it is. Raises
        `ConfigError`, and then nothing is left open that was not before.
        """
        wanted = tuple(endpoints)
        if self.given:
            return self, tuple(self._missing(wanted))
        after = Listeners()
        notices: list[str] = []
        try:
            for endpoint in wanted:
                sock = self.sockets.get(endpoint) or self._open(endpoint, wanted, notices)
                if sock is not None:
                    after.sockets[endpoint] = sock
        except ConfigError:
            after.close_all_but(self)
            raise
        return after, tuple(notices)

    def _missing(self, wanted: Iterable[Endpoint]) -> Iterable[str]:
        ports = {endpoint.port for endpoint in self.sockets}
        for port in sorted({endpoint.port for endpoint in wanted} - ports):
            yield f"no socket for port {port} among those passed by LISTEN_FDS: nobody listens there"
        for endpoint in wanted:
            if endpoint.port in ports and not self._covered(endpoint):
                yield (f"no socket for {endpoint.address} port {endpoint.port} among those passed by LISTEN_FDS:"
                       " nobody listens there")

    def _covered(self, endpoint: Endpoint) -> bool:
        """Whether connections to it arrive here. Which of all addresses it has, the service manager says."""
        everywhere = {EVERY_IPV4, EVERY_IPV6}
        there = {each.address for each in self.sockets if each.port == endpoint.port}
        return endpoint.address in {*there, *everywhere} or EVERY_IPV6 in there or (
            EVERY_IPV4 in there and ":" not in endpoint.address)

    def _open(
        self, endpoint: Endpoint, wanted: Sequence[Endpoint], notices: list[str]
    ) -> socket.socket | None:
        try:
            return listen(endpoint)
        except OSError as error:
            pair = Endpoint(EVERY_IPV4, endpoint.port)
            if error.errno in _NO_IPV6 and endpoint.address == EVERY_IPV6 and pair in wanted:
                notices.append(f"this machine has no IPv6: port {endpoint.port} is served over IPv4 only")
                return None
            own = any(ours.port == endpoint.port and ours not in wanted for ours in self.sockets)
            raise ConfigError(
                f"unable to bind to {endpoint.address} port {endpoint.port}: {error.strerror}",
                location=endpoint.location, remedy=_remedy(error, endpoint, own),
            ) from None

    def close_all_but(self, kept: Listeners) -> None:
        """Close the sockets that `kept` does not have."""
        for endpoint, sock in self.sockets.items():
            if kept.sockets.get(endpoint) is not sock:
                sock.close()

    def close(self) -> None:
        """Close every socket."""
        self.close_all_but(Listeners())


_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


def listen(endpoint: Endpoint) -> socket.socket:
    """A non-blocking listening socket. Raises `OSError`."""
    sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if endpoint.reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if endpoint.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(_numeric(endpoint))
        sock.listen(endpoint.backlog)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _numeric(endpoint: Endpoint) -> Any:
    """The socket address; a link-local one keeps its interface."""
    kind, numeric = socket.SOCK_STREAM, socket.AI_NUMERICHOST | socket.AI_PASSIVE
    return socket.getaddrinfo(endpoint.address, endpoint.port, endpoint.family, kind, 0, numeric)[0][4]


def _remedy(error: OSError, endpoint: Endpoint, own: bool) -> str:
    if error.errno == errno.EADDRINUSE and own:
        return "a reload cannot change between every address and single addresses of a port: restart ftpsd"
    if error.errno == errno.EADDRINUSE:
        return (
            f"another program listens there (`ss -ltnp sport = :{endpoint.port}` shows it): "
            "stop it, or choose another Port"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return "ports below 1024 are for root: start ftpsd as root, or choose a Port from 1024 on"
    if error.errno == errno.EADDRNOTAVAIL:
        return "no interface of this machine has that address: mend DefaultAddress or <VirtualHost>"
    return "choose another Port or address"

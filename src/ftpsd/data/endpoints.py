"""Where the next data connection comes from: a passive listener (PASV, EPSV) or an active target (PORT,
EPRT).

Passive ports are drawn at random (RFC 2577 section 8): a port that can be foretold can be stolen. One
listener per session, closed as soon as the client's connection is in; a connection from any host but the
control connection's peer (and those that AllowForeignAddress is for) is closed unseen and the listener waits on.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import random
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from ftpsd.ftp.addresses import is_link_local, same_host
from ftpsd.native import _system
from ftpsd.reasons.codes import Code
from ftpsd.reasons.system import EXHAUSTED

_SMALL_RANGE = 64
_LISTEN_BACKLOG = 2
_STREAM = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
_IP_BIND_ADDRESS_NO_PORT = 24
"""ip(7): the port is chosen in connect(), among all that are free towards that peer."""


def reset_at_close(sock: socket.socket) -> None:
    """Closing throws away what is on the way and sends RST (SO_LINGER), where the socket still is one."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class NoPassivePort(Exception):
    """Every port of PassivePorts is taken (`taken`), or the system gave none: `words` for the client."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.taken = cause.errno == errno.EADDRINUSE
        self.words = "no passive port is free" if self.taken else cause.strerror or str(cause)
        self.reason = Code.SERVER_EXHAUSTED if cause.errno in EXHAUSTED else Code.PASSIVE_PORTS_EXHAUSTED


@dataclass(frozen=True, slots=True)
class SocketTuning:
    """Options of a session's sockets (SocketOptions, TCPNoDelay).

    Buffers and segment in bytes, `idle` and `interval` of keep-alive in seconds; 0 and None: the kernel's.
    """

    receive: int = 0
    send: int = 0
    segment: int = 0
    no_delay: bool = True
    keepalive: bool = True
    idle: int | None = None
    count: int | None = None
    interval: int | None = None
    options: tuple[tuple[int, int, int], ...] = field(init=False, compare=False, repr=False)
    """(level, option, value) of each option to be set."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", _options(self))

    def apply(self, sock: socket.socket) -> None:
        """Sets the options; an accepted socket has its listener's. Raises `OSError`."""
        for level, option, value in self.options:
            sock.setsockopt(level, option, value)


def _options(tuning: SocketTuning) -> tuple[tuple[int, int, int], ...]:
    options = [
        (socket.SOL_SOCKET, option, value)
        for option, value in ((socket.SO_RCVBUF, tuning.receive), (socket.SO_SNDBUF, tuning.send)) if value
    ]
    options.append((socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(tuning.keepalive)))
    options.append((socket.IPPROTO_TCP, socket.TCP_NODELAY, int(tuning.no_delay)))
    options += [
        (socket.IPPROTO_TCP, option, setting)
        for option, setting in (
            (socket.TCP_MAXSEG, tuning.segment), (socket.TCP_KEEPIDLE, tuning.idle),
            (socket.TCP_KEEPCNT, tuning.count), (socket.TCP_KEEPINTVL, tuning.interval),
        ) if setting
    ]
    return tuple(options)


class DataSocket:
    """A connected, non-blocking TCP socket as a descriptor.

    The standard library's object for one that was accepted costs a system call and nine others; `library` makes it
    for what is asked seldom.
    """

    __slots__ = ("_library", "_six", "descriptor")

    def __init__(self, descriptor: int, *, six: bool) -> None:
        """`six`: its addresses are of IPv6."""
        self.descriptor = descriptor
        self._six = six
        self._library: socket.socket | None = None

    @classmethod
    def of(cls, sock: socket.socket) -> DataSocket:
        """The same for a socket of the standard library, which is used no more."""
        six = sock.family == socket.AF_INET6
        return cls(sock.detach(), six=six)

    def fileno(self) -> int:
        """The descriptor; -1 once it is closed."""
        return self.descriptor

    @property
    def library(self) -> socket.socket:
        """The same socket as the standard library's object; it is closed with this one."""
        if self._library is None:
            family = socket.AF_INET6 if self._six else socket.AF_INET
            self._library = socket.socket(family, _STREAM, 0, self.descriptor)
        return self._library

    def close(self) -> None:
        """Closes it; more than once is harmless."""
        fd, self.descriptor = self.descriptor, -1
        if self._library is not None:
            self._library.close()
        elif fd >= 0:
            os.close(fd)


_RANDOM = random.SystemRandom()
_USUAL_PORTS = (32768, 60999)
_PORT_RANGE, _RESERVED = "/proc/sys/net/ipv4/ip_local_port_range", "/proc/sys/net/ipv4/ip_local_reserved_ports"


@cache
def ephemeral_ports() -> tuple[int, int]:
    """The ports that the system gives to whoever wants any; (0, 0): it is to choose itself.

    Asked once, before sessions with a user's rights (and without /proc perhaps) begin. Where the administrator has
    reserved ports among them, only the kernel's own choice leaves those out.
    """
    try:
        with open(_RESERVED) as file:
            if file.read().strip():
                return 0, 0
        with open(_PORT_RANGE) as file:
            low, high = (int(word) for word in file.read().split())
    except (OSError, ValueError):
        return _USUAL_PORTS
    return (low, high) if 1024 <= low <= high else (0, 0)


@cache
def _anywhere() -> Sequence[tuple[int, int]]:
    """The ranges to draw a port from, one after the other, where PassivePorts does not say."""
    return ephemeral_ports(), (0, 0)


def _ranges(low: int, high: int) -> Sequence[tuple[int, int]]:
    """The same for PassivePorts; of a small one every port once, so that none is missed."""
    if high - low >= _SMALL_RANGE:
        return ((low, high),)
    order = [(port, port) for port in range(low, high + 1)]
    _RANDOM.shuffle(order)
    return order


class Stranger(NamedTuple):
    """Who was turned away at a passive port; `fault`: for what else than being at another address than the client."""

    address: str
    fault: str = ""
    reason: Code = Code.DATA_FOREIGN_PEER


class PassiveListener:
    """A listening socket for one data connection from `peer`."""

    patience = math.inf
    """When a connection that is not let in yet has had time enough (monotonic seconds)."""

    came_from: str | None = None
    """The client's address where it is not the one that the connection comes from."""

    def __init__(
        self, local: str, peer: str, ports: tuple[int, int] | None, tuning: SocketTuning,
        allows: Callable[[str], bool] | None = None,
    ) -> None:
        """Binds on address `local` (a link-local one has its scope, `fe80::1%2`), in the range `ports` (PassivePorts)
        when given.

        `peer` is the only address that is let in, beside those that `allows` says are good (AllowForeignAddress).

        Raises `NoPassivePort`.
        """
        self.peer = peer
        self._allows = allows
        self.announced: str | None = None
        """The address that the client was told (PASV); None: none (EPSV)."""
        self.descriptor, self.port = _bound(local, ports, tuning.options)
        """`descriptor` is -1 once it is closed."""
        self.awaited = self.descriptor
        """What has input when `accept` has something to do."""

    def accept(self) -> tuple[DataSocket | None, Stranger | None]:
        """(the client's connection or None, a stranger that was turned away or None).

        Raises `OSError` when the connection waits and cannot be had (no descriptor is left): whoever polls
        would find the listener ready for ever.
        """
        fd, address = self._next()
        if fd < 0:
            return None, None
        if address != self.peer and not same_host(address, self.peer) and not self._allowed(address):
            os.close(fd)
            return None, Stranger(address)
        return DataSocket(fd, six=":" in address), None

    def _next(self) -> tuple[int, str]:
        """Descriptor (-1: there is none) and address of a connection that waits. Raises `OSError` as `accept`."""
        try:
            return _system.accept(self.descriptor)
        except (BlockingIOError, InterruptedError, ConnectionError):
            return -1, ""
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
            return -1, ""

    def _allowed(self, address: str) -> bool:
        return self._allows is not None and self._allows(address)

    def close(self) -> None:
        fd, self.descriptor = self.descriptor, -1
        if fd >= 0:
            os.close(fd)


def _bound(local: str, ports: tuple[int, int] | None, options: tuple[tuple[int, int, int], ...]) -> tuple[int, int]:
    """(descriptor, port) of a listener in the range `ports`. Raises `NoPassivePort`."""
    last = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    for low, high in _anywhere() if ports is None else _ranges(*ports):
        try:
            return _system.listen(local, low, high, options, _LISTEN_BACKLOG)
        except OSError as error:
            last = error
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                break
    raise NoPassivePort(last)


@dataclass(frozen=True, slots=True)
class ActiveTarget:
    """The address and port that PORT or EPRT named, already judged by `ftp.addresses.check_active`.

    `origin` is the local port that it is connected from where the system allows that; 0: any. `scope` is that of
    link-local addresses (0: none is known).
    """

    host: str
    port: int
    local: str
    origin: int = 0
    scope: int = 0

    def connect(self, tuning: SocketTuning) -> DataSocket:
        """A socket whose non-blocking connect is under way, from the control connection's local address.

        Raises `OSError`.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            tuning.apply(sock)
            if (":" in self.local) == (":" in self.host):
                self._bind(sock)
            result = sock.connect_ex(self._address(self.host, self.port))
            if result not in (0, errno.EINPROGRESS):
                raise OSError(result, os.strerror(result))
        except BaseException:
            sock.close()
            raise
        return DataSocket.of(sock)

    def _bind(self, sock: socket.socket) -> None:
        if self.origin:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                sock.bind(self._address(self.local, self.origin))
                return
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind(self._address(self.local, 0))

    def _address(self, host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """As sockets take it."""
        return (host, port, 0, self.scope) if self.scope and is_link_local(host) else (host, port)

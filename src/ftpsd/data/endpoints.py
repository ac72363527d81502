"""Where the next data connection comes from: a passive listener (PASV, EPSV) or an active target (PORT,
EPRT).

Passive ports are drawn at random (RFC 2577 section 8): a port that can be foretold can be stolen. One
listener per session, closed as soon as the client's connection is in; a connection from any host but the
control connection's peer is closed unseen and the listener waits on.
"""

from __future__ import annotations

import errno
import os
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from ftpsd.ftp.addresses import same_host

_PORT_TRIES = 64
_LISTEN_BACKLOG = 2
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class NoPassivePort(Exception):
    """Every port of PassivePorts is taken (or none could be bound)."""


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

    def apply(self, sock: socket.socket) -> None:
        """Sets the options; an accepted socket has its listener's. Raises `OSError`."""
        for option, value in ((socket.SO_RCVBUF, self.receive), (socket.SO_SNDBUF, self.send)):
            if value:
                sock.setsockopt(socket.SOL_SOCKET, option, value)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, self.keepalive)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, self.no_delay)
        for option, setting in (
            (socket.TCP_MAXSEG, self.segment), (socket.TCP_KEEPIDLE, self.idle),
            (socket.TCP_KEEPCNT, self.count), (socket.TCP_KEEPINTVL, self.interval),
        ):
            if setting:
                sock.setsockopt(socket.IPPROTO_TCP, option, setting)


def _candidates(ports: tuple[int, int] | None, chooser: random.Random) -> Iterator[int]:
    if ports is None:
        yield 0
        return
    low, high = ports
    if high - low < _PORT_TRIES:
        order = list(range(low, high + 1))
        chooser.shuffle(order)
        yield from order
        return
    for _ in range(_PORT_TRIES):
        yield chooser.randint(low, high)


_RANDOM = random.SystemRandom()


class PassiveListener:
    """A listening socket for one data connection from `peer`."""

    def __init__(
        self, local: str, peer: str | None, ports: tuple[int, int] | None, tuning: SocketTuning
    ) -> None:
        """Binds on address `local`, in the range `ports` (PassivePorts) when given.

        `peer` is the only address that is let in; None: any is (AllowForeignAddress).

        Raises `NoPassivePort`.
        """
        self.peer = peer
        self._tuning = tuning
        self._socket = self._bind(local, ports)
        self.port: int = self._socket.getsockname()[1]

    def _bind(self, local: str, ports: tuple[int, int] | None) -> socket.socket:
        family = socket.AF_INET6 if ":" in local else socket.AF_INET
        last: OSError | None = None
        for port in _candidates(ports, _RANDOM):
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._tuning.apply(sock)
                sock.bind((local, port))
                sock.listen(_LISTEN_BACKLOG)
            except OSError as error:
                sock.close()
                last = error
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    break
            else:
                return sock
        raise NoPassivePort(str(last))

    def fileno(self) -> int:
        return self._socket.fileno()

    def accept(self) -> tuple[socket.socket | None, str | None]:
        """(the client's connection or None, the address of a stranger that was turned away or None).

        Raises `OSError` when the connection waits and cannot be had (no descriptor is left): whoever polls
        would find the listener ready for ever.
        """
        try:
            sock, address = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return None, None
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise
            return None, None
        if self.peer is not None and not same_host(address[0], self.peer):
            sock.close()
            return None, str(address[0])
        sock.setblocking(False)
        return sock, None

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True, slots=True)
class ActiveTarget:
    """The address and port that PORT or EPRT named, already judged by `ftp.addresses.check_active`."""

    host: str
    port: int
    local: str

    def connect(self, tuning: SocketTuning) -> socket.socket:
        """A socket whose non-blocking connect is under way, from the control connection's local address.

        Raises `OSError`.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            tuning.apply(sock)
            if (":" in self.local) == (":" in self.host):
                sock.bind((self.local, 0))
            result = sock.connect_ex((self.host, self.port))
            if result not in (0, errno.EINPROGRESS):
                raise OSError(result, os.strerror(result))
        except BaseException:
            sock.close()
            raise
        return sock

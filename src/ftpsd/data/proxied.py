"""Connections that a proxy hands on: the header before everything else, read to its last byte and not one further.

What follows the header may be in the same segment, and is the first command's or TLS's: so what has come is looked at
(MSG_PEEK) before the bytes of the header, and these alone, are taken.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable

from ftpsd.data.endpoints import DataSocket, PassiveListener, SocketTuning, Stranger
from ftpsd.ftp import proxyheader
from ftpsd.ftp.addresses import same_host
from ftpsd.ftp.proxyheader import Header, WrongHeader
from ftpsd.reasons.codes import Code
from ftpsd.settings.proxy import ProxySettings

_LOOK = socket.MSG_PEEK | socket.MSG_DONTWAIT


class NoHeader(Exception):
    """The connection ended before its header did. `silent`: before its first byte, as looks at the server's health do.
    """

    def __init__(self, *, silent: bool) -> None:
        super().__init__("the connection ended in the middle of the header")
        self.silent = silent


class HeaderReader:
    """Reads the header of one connection."""

    def __init__(self, sock: socket.socket, versions: frozenset[int]) -> None:
        self._socket = sock
        self._versions = versions
        self._taken = b""

    @property
    def begun(self) -> bool:
        """Whether a byte has come."""
        return bool(self._taken)

    def step(self) -> Header | None:
        """Takes what has come of the header, without waiting; None: there is more to come.

        Raises `WrongHeader` and `NoHeader`; then nothing more may be read from the connection.
        """
        while True:
            try:
                seen = self._socket.recv(proxyheader.LONGEST, _LOOK)
                header = proxyheader.read(self._taken + seen, self._versions) if seen else None
                mine = len(seen) if header is None else header.length - len(self._taken)
                taken = self._socket.recv(mine, socket.MSG_DONTWAIT) if seen else b""
            except BlockingIOError:
                return None
            except OSError:  # it may be reset at any moment
                taken = b""
            if not taken:
                raise NoHeader(silent=not self._taken)
            self._taken += taken
            if header is not None:
                return header


class ProxiedListener(PassiveListener):
    """A listening socket for one data connection that a proxy hands on: its header has to tell of `peer`.

    One connection at a time is asked for its header, the others wait for their turn.
    """

    def __init__(
        self, local: str, peer: str, ports: tuple[int, int] | None, tuning: SocketTuning,
        allows: Callable[[str], bool] | None, proxies: ProxySettings,
    ) -> None:
        """As `PassiveListener`. Raises `NoPassivePort`."""
        super().__init__(local, peer, ports, tuning, allows)
        self._proxies = proxies
        self._candidate: DataSocket | None = None
        self._reader: HeaderReader | None = None
        self._proxy = ""

    def accept(self) -> tuple[DataSocket | None, Stranger | None]:
        """As `PassiveListener.accept`. Who sends no header, or none that can be, is a stranger, too; looks at the
        server's health are not worth a word.
        """
        if self._candidate is None:
            fd, address = self._next()
            if fd < 0:
                return None, None
            if not self._proxies.trusts(address):
                os.close(fd)
                return None, Stranger(address)
            self._ask(DataSocket(fd, six=":" in address), address)
        return self._listen_to()

    def _ask(self, sock: DataSocket, address: str) -> None:
        self._candidate, self._proxy = sock, address
        self._reader = HeaderReader(sock.library, self._proxies.versions)
        self.awaited, self.patience = sock.descriptor, time.monotonic() + self._proxies.timeout

    def _listen_to(self) -> tuple[DataSocket | None, Stranger | None]:
        assert self._reader is not None
        try:
            header = self._reader.step()
        except WrongHeader as error:
            return self._dismiss(Stranger(self._proxy, f"wrong PROXY header: {error}", Code.PROXY_HEADER_WRONG))
        except NoHeader as error:
            return self._dismiss(None if error.silent else self._without(str(error)))
        if header is None:
            late = time.monotonic() >= self.patience
            return self._dismiss(self._without("none came in time")) if late else (None, None)
        if self._proxies.ignore:
            return self._judge(self._proxy)
        address = self._proxy if header.source is None else header.source.host
        if same_host(address, self._proxy) and not same_host(address, self.peer):  # the proxy looks whether we live
            return self._dismiss(None)
        return self._judge(address)

    def _judge(self, address: str) -> tuple[DataSocket | None, Stranger | None]:
        if not same_host(address, self.peer) and not self._allowed(address):
            return self._dismiss(Stranger(address))
        sock = self._candidate
        self.came_from, self._candidate, self.patience = address, None, math.inf
        return sock, None

    def _without(self, why: str) -> Stranger:
        return Stranger(self._proxy, f"no PROXY header: {why}", Code.PROXY_HEADER_MISSING)

    def _dismiss(self, stranger: Stranger | None) -> tuple[None, Stranger | None]:
        assert self._candidate is not None
        self._candidate.close()
        self._candidate = self._reader = None
        self.awaited, self.patience = self.descriptor, math.inf
        return None, stranger

    def close(self) -> None:
        if self._candidate is not None:
            self._dismiss(None)
        super().close()

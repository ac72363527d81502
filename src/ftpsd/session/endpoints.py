"""The two ends of a control connection."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from ftpsd.ftp.addresses import one_spelling


@dataclass(frozen=True, slots=True)
class Ends:
    """Addresses and ports; IPv4-mapped addresses are written as IPv4, scopes are cut off.

    `scope` is the number of the interface through which the peer is reached where the addresses are link-local ones of
    IPv6, which mean nothing without it (RFC 4007 section 6); else 0.
    """

    peer: str
    peer_port: int
    local: str
    local_port: int
    scope: int = 0
    wire: Ends | None = None
    """The ends of the socket where they are others: a proxy hands the connection on and has told of these."""
    announced: str | None = None
    """The address that the client connected to at the proxy, where that counts (UseProxiedServerAddress)."""

    @property
    def own(self) -> Ends:
        """The ends of the socket: what further sockets are bound to."""
        return self.wire or self

    @classmethod
    def of(cls, sock: socket.socket) -> Ends:
        """The ends of a connected socket. Raises `OSError` when the peer is gone already."""
        peer, local = sock.getpeername(), sock.getsockname()
        scope = int(local[3]) if len(local) > 3 else 0
        return cls(one_spelling(peer[0]), int(peer[1]), one_spelling(local[0]), int(local[1]), scope)

"""The two ends of a control connection."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from ftpsd.ftp.addresses import one_spelling


@dataclass(frozen=True, slots=True)
class Ends:
    """Addresses and ports; IPv4-mapped addresses are written as IPv4, scopes are cut off."""

    peer: str
    peer_port: int
    local: str
    local_port: int

    @classmethod
    def of(cls, sock: socket.socket) -> Ends:
        """The ends of a connected socket. Raises `OSError` when the peer is gone already."""
        peer, local = sock.getpeername(), sock.getsockname()
        return cls(one_spelling(peer[0]), int(peer[1]), one_spelling(local[0]), int(local[1]))

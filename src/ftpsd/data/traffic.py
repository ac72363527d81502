"""How many bytes a TCP connection has carried, those of TLS included: the kernel counts them (TCP_INFO, tcp(7))."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
import termios

_SIZE = 216
_RECEIVED, _NOT_SENT, _SENT = 128, 144, 200
"""Offsets in `struct tcp_info`: bytes_received, notsent_bytes, bytes_sent and bytes_retrans behind it."""
_PEER_HAS_ENDED = frozenset({8, 9, 11})
"""States CLOSE_WAIT, LAST_ACK, CLOSING (the first byte): the peer's FIN was counted as a byte received."""


def carried(sock: socket.socket) -> tuple[int, int]:
    """(bytes read, bytes given to the kernel to be sent); (0, 0) where the kernel does not tell."""
    unread = array.array("i", [0])
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
        fcntl.ioctl(sock, termios.FIONREAD, unread)
    except OSError:
        return 0, 0
    if len(info) < _SIZE:
        return 0, 0
    (received,) = struct.unpack_from("=Q", info, _RECEIVED)
    (waiting,) = struct.unpack_from("=I", info, _NOT_SENT)
    sent, again = struct.unpack_from("=QQ", info, _SENT)
    return received - (info[0] in _PEER_HAS_ENDED) - unread[0], sent - again + waiting

"""How many bytes a TCP connection has carried, those of TLS included: the kernel counts them (TCP_INFO, tcp(7))."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
import termios

_SIZE = 216
_ATTEMPTS = 3
_RECEIVED, _NOT_SENT, _SENT = 128, 144, 200
"""Offsets in `struct tcp_info`: bytes_received, notsent_bytes, bytes_sent and bytes_retrans behind it."""
_PEER_HAS_ENDED = frozenset({6, 7, 8, 9, 11})
"""States TIME_WAIT, CLOSE, CLOSE_WAIT, LAST_ACK, CLOSING (the first byte): the peer's FIN was counted as a byte."""


def carried(sock: socket.socket) -> tuple[int, int]:
    """(bytes read, bytes given to the kernel to be sent); (0, 0) where the kernel does not tell."""
    try:
        unread = _unread(sock)
        for _ in range(_ATTEMPTS):
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
            before, unread = unread, _unread(sock)
            if before == unread:
                break  # nothing has come in between
    except OSError:
        return 0, 0
    if len(info) < _SIZE:
        return 0, 0
    (received,) = struct.unpack_from("=Q", info, _RECEIVED)
    (waiting,) = struct.unpack_from("=I", info, _NOT_SENT)
    sent, again = struct.unpack_from("=QQ", info, _SENT)
    return received - (info[0] in _PEER_HAS_ENDED) - unread, sent - again + waiting


def _unread(sock: socket.socket) -> int:
    """Bytes that have arrived and that nobody has read."""
    number = array.array("i", [0])
    fcntl.ioctl(sock, termios.FIONREAD, number)
    return number[0]

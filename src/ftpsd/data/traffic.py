"""How many bytes a TCP connection has carried, those of TLS included: the kernel counts them (TCP_INFO, tcp(7)).

It counts the peer's FIN as a byte, and reads the state, which tells whether there was one, before it takes the lock
under which the counters are read: a FIN that arrives just then is counted in an answer that says ESTABLISHED. An
answer counts only when the next one has the same state, and as many bytes were unread before it as behind it.
"""

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
        before, info = _unread(sock), _info(sock)
        for _ in range(_ATTEMPTS):
            unread, later = _unread(sock), _info(sock)
            if before == unread and info[:1] == later[:1]:
                break  # nothing has come in between
            before, info = unread, later
    except OSError:
        return 0, 0
    if len(info) < _SIZE:
        return 0, 0
    (received,) = struct.unpack_from("=Q", info, _RECEIVED)
    (waiting,) = struct.unpack_from("=I", info, _NOT_SENT)
    sent, again = struct.unpack_from("=QQ", info, _SENT)
    return received - (info[0] in _PEER_HAS_ENDED) - unread, sent - again + waiting


def _info(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)


def _unread(sock: socket.socket) -> int:
    """Bytes that have arrived and that nobody has read."""
    number = array.array("i", [0])
    fcntl.ioctl(sock, termios.FIONREAD, number)
    return number[0]

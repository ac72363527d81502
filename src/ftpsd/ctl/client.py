"""The other end of the control socket: one request, one answer, one deadline for both."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from ftpsd.ctl.protocol import OK, REQUEST, RESPONSE, Decoder, Message, ProtocolError, encode
from ftpsd.errors import FtpsdError

PATIENCE = 60.0
"""Seconds; a restart may take the server a while."""

_CHUNK = 65_536
_QUEUE_INTERVAL = 0.02
"""Seconds between looks whether the queue of a busy server has room."""


class Unreachable(FtpsdError):
    """No server answers at the control socket; the text says why, in ftpdctl's words."""


def ask(path: str, words: Sequence[str], *, patience: float = PATIENCE, fd: int | None = None) -> Message:
    """The answer to the action `words` of the server at the socket `path`, which may use `fd`. Raises `Unreachable`."""
    deadline = time.monotonic() + patience
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            _connect(sock, path, deadline)
        except OSError as error:
            text = error.strerror or str(error)
            raise Unreachable(f"error contacting server using '{path}': {text}") from None
        try:
            sock.settimeout(max(deadline - time.monotonic(), _QUEUE_INTERVAL))
            request = encode(OK, words, REQUEST)
            sent = socket.send_fds(sock, [request], [] if fd is None else [fd])
            if sent < len(request):  # even nothing cannot be sent to a server that has answered and gone
                sock.sendall(request[sent:])
            return _receive(sock, deadline)
        except TimeoutError:
            raise Unreachable(f"error receiving response: none within {patience:g} seconds") from None
        except (OSError, ProtocolError) as error:
            raise Unreachable(f"error receiving response: {getattr(error, 'strerror', None) or error}") from None


def _connect(sock: socket.socket, path: str, deadline: float) -> None:
    """A socket with a time limit is not let wait for a place in the server's queue (EAGAIN): it has to ask again."""
    sock.setblocking(False)
    while True:
        try:
            sock.connect(path)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_QUEUE_INTERVAL)
        else:
            return


def _receive(sock: socket.socket, deadline: float) -> Message:
    decoder = Decoder(RESPONSE)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)
        data = sock.recv(_CHUNK)
        if not data:
            raise ProtocolError("the server closed the connection")
        message = decoder.feed(data)
        if message is not None:
            return message

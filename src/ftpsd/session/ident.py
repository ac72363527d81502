"""Who the client's host says the client is (RFC 1413, IdentLookups). Only logs repeat it."""

from __future__ import annotations

import re
import socket
import time

from ftpsd.ftp.addresses import scoped
from ftpsd.session.endpoints import Ends

PORT = 113

LONGEST_WAIT = 60.0
"""Seconds that a look-up may take where TimeoutIdent sets no bound."""

_LONGEST = 1024
_ANSWER = re.compile(rb"\s*\d+\s*,\s*\d+\s*:\s*USERID\s*:[^:]*:\s*([^\r\n\0]{1,512})", re.IGNORECASE)


def ask(ends: Ends, timeout: float) -> str | None:
    """The user that the peer's ident server (at `PORT`) names for this connection; None when it names none.

    Waits `timeout` seconds at most, all in all; 0 seconds means `LONGEST_WAIT`.
    """
    timeout = timeout or LONGEST_WAIT
    deadline = time.monotonic() + timeout
    try:
        peer, own = scoped(ends.peer, ends.scope), ends.own
        here = (own.local, 0, 0, own.scope) if own.scope else (own.local, 0)
        with socket.create_connection((peer, PORT), timeout, here) as sock:
            sock.sendall(f"{ends.peer_port}, {ends.local_port}\r\n".encode())
            return parse(_line(sock, deadline))
    except OSError:
        return None


def _line(sock: socket.socket, deadline: float) -> bytes:
    answer = b""
    while b"\n" not in answer and len(answer) < _LONGEST:
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        piece = sock.recv(_LONGEST)
        if not piece:
            break
        answer += piece
    return answer


def parse(answer: bytes) -> str | None:
    """The user id of an answer (`6193, 23 : USERID : UNIX : joe`)."""
    found = _ANSWER.match(answer)
    return found[1].decode("utf-8", "replace").strip() if found is not None else None

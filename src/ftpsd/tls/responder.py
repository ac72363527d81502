"""Asking an OCSP responder over HTTP (RFC 6960 appendix A), with a deadline that holds for all of it.

A name server or responder that does not answer must not keep the caller: the exchange runs in a thread of its
own, and when the deadline has passed its socket is shut down under it. No lock is held meanwhile, redirects
are not followed, and no proxy of the environment is used: the answer is signed, its way does not matter.
"""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401 (getaddrinfo wants it later, when files may be out of reach)
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ftpsd.errors import FtpsdError

LARGEST_RESPONSE = 128 * 1024
"""Bytes; responses have a few thousand."""
_MOST_AT_ONCE = threading.BoundedSemaphore(64)


class Unreachable(FtpsdError):
    """The responder gave no answer in time, or none that is one."""


@dataclass(slots=True)
class _Exchange:
    """What the thread of one exchange shares with its caller. `sock`: what is to be shut down when `over` is set; the
    connection forgets its own when the responder is going to close it."""

    connection: http.client.HTTPConnection
    deadline: float
    context: ssl.SSLContext | None = None
    done: threading.Event = field(default_factory=threading.Event)
    sock: socket.socket | None = None
    over: bool = False
    answer: bytes = b""
    problem: str = ""


def ask(url: str, request: bytes, timeout: float, *, https: bool = False) -> bytes:
    """The responder's answer (DER) to the DER `request`; raises `Unreachable`, after `timeout` seconds at
    the latest.

    With `https` the address may be such a one; the system's authorities must vouch for its certificate then.
    """
    deadline = time.monotonic() + timeout
    scheme, host, port, path = _target(url)
    if scheme not in ("http", "https" if https else "http"):
        raise Unreachable("only http:// is supported")
    if not _MOST_AT_ONCE.acquire(timeout=timeout):
        raise Unreachable("too many requests are under way")
    try:
        context = ssl.create_default_context() if scheme == "https" else None
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        if context is not None:  # the Host header names no port that is the usual one
            connection.default_port = http.client.HTTPS_PORT
        exchange = _Exchange(connection, deadline, context)
        threading.Thread(target=_run, args=(exchange, path, request), daemon=True, name="ocsp").start()
    except BaseException as error:
        _MOST_AT_ONCE.release()
        if isinstance(error, (RuntimeError, OSError, ValueError, http.client.HTTPException)):
            raise Unreachable(str(error)) from None
        raise
    if not exchange.done.wait(max(0.0, deadline - time.monotonic())):
        _interrupt(exchange)
        raise Unreachable("timed out")
    if exchange.problem:
        raise Unreachable(exchange.problem)
    return exchange.answer


def _target(url: str) -> tuple[str, str, int, str]:
    """(scheme, host, port, path with its query)."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise Unreachable(str(error)) from None
    if not parts.hostname:
        raise Unreachable("the address has no host")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or not (path + parts.hostname).isprintable() or " " in path + parts.hostname:
        raise Unreachable("the address has strange characters")
    return parts.scheme, parts.hostname, port, path


def _interrupt(exchange: _Exchange) -> None:
    """Ends what the thread waits for; the thread closes the socket."""
    exchange.over = True
    sock = exchange.sock
    if sock is not None:
        with contextlib.suppress(OSError, ValueError):
            sock.shutdown(socket.SHUT_RDWR)


def _hold(exchange: _Exchange, sock: socket.socket) -> None:
    exchange.sock = sock
    if exchange.over:  # the caller has gone without having seen it
        raise TimeoutError(110, "timed out")


def _connect(exchange: _Exchange) -> None:
    """Gives the connection its socket, before the deadline. Raises `OSError`."""
    connection = exchange.connection
    problem = OSError("the host has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        connection.host, connection.port, type=socket.SOCK_STREAM
    ):
        left = exchange.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(110, "timed out")
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(left)
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            problem = error
            continue
        connection.sock = sock
        _hold(exchange, sock)
        return
    raise problem


def _secure(exchange: _Exchange, context: ssl.SSLContext) -> None:
    connection = exchange.connection
    assert exchange.sock is not None
    secured = context.wrap_socket(exchange.sock, server_hostname=connection.host, do_handshake_on_connect=False)
    connection.sock = secured
    _hold(exchange, secured)
    secured.do_handshake()


def _run(exchange: _Exchange, path: str, request: bytes) -> None:
    connection = exchange.connection
    response: http.client.HTTPResponse | None = None
    try:
        _connect(exchange)
        if exchange.context is not None:
            _secure(exchange, exchange.context)
        headers = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
        connection.request("POST", path, request, headers)
        response = connection.getresponse()
        answer = response.read(LARGEST_RESPONSE + 1)
        if response.status != 200:
            exchange.problem = f"HTTP status {response.status}"
        elif len(answer) > LARGEST_RESPONSE:
            exchange.problem = "the response is too large"
        exchange.answer = answer
    except OSError as error:
        exchange.problem = error.strerror or str(error) or type(error).__name__
    except http.client.HTTPException as error:
        exchange.problem = f"not HTTP: {error or type(error).__name__}"
    except Exception as error:  # whatever it is, the caller is to hear of it
        exchange.problem = repr(error)
    finally:
        if response is not None:
            response.close()
        connection.close()
        _MOST_AT_ONCE.release()
        exchange.done.set()

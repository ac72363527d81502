"""The exporter: a few words of HTTP in the supervisor's loop, for Prometheus (MetricsAddress).

A client has one request and a deadline for each half of it; the connection is closed behind the answer (RFC 9112
section 9.6). It tells nothing that a client of the server sent but numbers; whoever may connect may read it, so the
address should be one that only the monitoring reaches.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ftpsd.metrics.gauges import Gauge
from ftpsd.metrics.tally import Tally
from ftpsd.reasons.system import EXHAUSTED
from ftpsd.settings import Configuration
from ftpsd.settings.values import HostPort

PATIENCE = 5.0
"""Seconds that a client has to send its request, and then to take the answer."""

REST = 1.0
"""Seconds without a look for new clients where there is no descriptor for one: the supervisor would never sleep."""

MOST_CLIENTS = 16
LONGEST_REQUEST = 8192
"""Bytes."""

_CHUNK = 65_536
_PAGES = ("/", "/metrics")


@dataclass(slots=True)
class _Client:
    sock: socket.socket
    deadline: float
    request: bytearray = field(default_factory=bytearray)
    answer: memoryview | None = None


class Exporter:
    """An `Attendant` (server/contract.py) of the supervisor.

    `gauges` tell what is so at the moment; `say` writes a line to the server's log.
    """

    def __init__(
        self, tally: Tally, gauges: Callable[[], Iterable[Gauge]], say: Callable[[str], object],
    ) -> None:
        self._tally = tally
        self._gauges = gauges
        self._say = say
        self._wanted: HostPort | None = None
        self._listener: socket.socket | None = None
        self._clients: dict[int, _Client] = {}
        self._failed = False
        self._rests_until = 0.0
        """Monotonic seconds; 0: it does not."""

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens; None: nowhere."""
        if self._listener is None:
            return None
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    # ---- for the supervisor

    def interests(self) -> Mapping[int, int]:
        """See `Attendant`."""
        watched = {
            fd: select.POLLIN if client.answer is None else select.POLLOUT for fd, client in self._clients.items()
        }
        if self._rests_until <= time.monotonic():
            self._rests_until = 0.0
        if self._listener is not None and len(self._clients) < MOST_CLIENTS and not self._rests_until:
            watched[self._listener.fileno()] = select.POLLIN
        return watched

    def due(self) -> float | None:
        """See `Attendant`."""
        moments = [client.deadline for client in self._clients.values()]
        if self._rests_until:
            moments.append(self._rests_until)
        return min(moments, default=None)

    def attend(self, ready: Collection[int]) -> None:
        """See `Attendant`."""
        for fd in ready:
            client = self._clients.get(fd)
            if client is not None:
                self._serve(client)
            elif self._listener is not None and fd == self._listener.fileno():
                self._accept(self._listener)
        now = time.monotonic()
        for client in [each for each in self._clients.values() if each.deadline <= now]:
            self._drop(client)

    def follow(self, configuration: Configuration) -> None:
        """See `Attendant`."""
        self._failed = False
        wanted = configuration.server.metrics_address
        if wanted == self._wanted and (self._listener is not None or wanted is None):
            return
        self._close_listener()
        self._wanted = wanted
        if wanted is not None:
            try:
                self._listener = _listen(wanted)
            except OSError as error:
                self._say(f"MetricsAddress {wanted}: {error.strerror or error}; there is no exporter")

    def leave(self) -> None:
        """See `Attendant`."""
        for client in self._clients.values():
            client.sock.close()
        if self._listener is not None:
            self._listener.close()

    def close(self) -> None:
        """See `Attendant`."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._close_listener()

    # ---- clients

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._rests_until = time.monotonic() + REST
            return
        sock.setblocking(False)
        self._clients[sock.fileno()] = _Client(sock, time.monotonic() + PATIENCE)

    def _serve(self, client: _Client) -> None:
        try:
            if client.answer is None:
                self._read(client)
            if client.answer is not None:
                self._write(client)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)

    def _read(self, client: _Client) -> None:
        data = client.sock.recv(_CHUNK)
        client.request += data
        ended = b"\r\n\r\n" in client.request or b"\n\n" in client.request
        if not data or (not ended and len(client.request) > LONGEST_REQUEST):
            raise ConnectionError
        if ended:
            client.answer = memoryview(self._answered(bytes(client.request)))
            client.deadline = time.monotonic() + PATIENCE

    def _write(self, client: _Client) -> None:
        assert client.answer is not None
        client.answer = client.answer[client.sock.send(client.answer[:_CHUNK]):]
        if not client.answer:
            with contextlib.suppress(OSError):
                client.sock.shutdown(socket.SHUT_WR)
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        del self._clients[client.sock.fileno()]
        client.sock.close()

    def _answered(self, request: bytes) -> bytes:
        """What fails is told once, and again only after the next reload: who may connect could fill the log."""
        try:
            return self._answer(request)
        except Exception:
            if not self._failed:
                self._failed = True
                self._say(f"MetricsAddress: a defect in ftpsd, please report it:\n{traceback.format_exc()}")
            return _response("500 Internal Server Error", b"See the server's log.\n")

    def _answer(self, request: bytes) -> bytes:
        from ftpsd.metrics import exposition

        head = request.decode("latin-1").splitlines()
        method, _, rest = head[0].partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return _response("405 Method Not Allowed", b"Only GET.\n", more="Allow: GET, HEAD\r\n")
        if path not in _PAGES:
            return _response("404 Not Found", b"The metrics are at /metrics.\n")
        accept = next((line.partition(":")[2] for line in head[1:] if line.lower().startswith("accept:")), "")
        body, content_type = exposition.page(self._tally.totals(), self._gauges(), accept)
        return _response("200 OK", body, content_type, head_only=method == "HEAD")


def _response(
    status: str, body: bytes, content_type: str = "text/plain; charset=utf-8", *, more: str = "",
    head_only: bool = False,
) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\nX-Content-Type-Options: nosniff\r\n{more}\r\n"
    )
    return head.encode() + (b"" if head_only else body)


def _listen(wanted: HostPort) -> socket.socket:
    family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(wanted)
        listener.listen(MOST_CLIENTS)
    except OSError:
        listener.close()
        raise
    return listener

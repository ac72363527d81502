"""Connections of a probe: counted, watched, each wait with its deadline; in clear, under TLS, and in clear again."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from dataclasses import dataclass, field
from typing import Protocol

from ftpsd.data.endpoints import reset_at_close
from ftpsd.diag.probe.facts import Ending, Handshake
from ftpsd.errors import FtpsdError
from ftpsd.tls.client import Connection, Credential, Offer, OpenSSLError, Session, TLSError, context

CHUNK = 16384
_HANDSHAKE, _CERTIFICATE_REQUEST = 22, b"\x0d"


class ProbeError(FtpsdError):
    """The server did not do what a step needs; the text says what it did."""


class Unreachable(ProbeError):
    """No connection. `kind`: "refused", "timeout" or "other"."""

    def __init__(self, text: str, kind: str = "other") -> None:
        super().__init__(text)
        self.kind = kind


class Ended(ProbeError):
    """The server ended the connection, or says nothing more."""

    def __init__(self, text: str, ending: Ending) -> None:
        super().__init__(text)
        self.ending: Ending = ending


class TooMany(ProbeError):
    """The bound on connections is reached."""


class Observer(Protocol):
    """Who wants to know what goes over the wire (`--trace`)."""

    def connected(self, number: int, local: tuple[str, int], remote: tuple[str, int]) -> None: ...
    def text(self, number: int, sent: bool, data: bytes, private: bool) -> None: ...
    def message(self, number: int, sent: bool, version: int, kind: int, data: bytes) -> None: ...
    def ended(self, number: int, sent: bool) -> None: ...


@dataclass
class Wires:
    """Makes connections: at most `most`, `timeout` seconds for each wait. `authorities` is PEM, b"": the system's.
    `shut`: no further ones can be had.
    """

    timeout: float = 10.0
    most: int = 150
    authorities: bytes = b""
    credential: Credential | None = None
    observer: Observer | None = None
    count: int = 0
    shut: bool = False
    open: list[Wire] = field(default_factory=list)

    def connect(self, address: str, port: int, *, timeout: float | None = None) -> Wire:
        """Raises `Unreachable` and `TooMany`."""
        self._claim()
        try:
            sock = socket.create_connection((address, port), timeout or self.timeout)
        except TimeoutError:
            raise Unreachable("no answer: something on the way drops the packets", "timeout") from None
        except ConnectionRefusedError:
            raise Unreachable("connection refused: nothing listens there", "refused") from None
        except OSError as error:
            raise Unreachable(error.strerror or str(error)) from None
        return self._wire(sock)

    def accepted(self, sock: socket.socket) -> Wire:
        """A connection that the server made. Raises `TooMany`."""
        self._claim()
        return self._wire(sock)

    def _claim(self) -> None:
        if self.count >= self.most:
            raise TooMany(f"{self.most} connections are enough")
        self.count += 1

    def _wire(self, sock: socket.socket) -> Wire:
        wire = Wire(self, sock, self.count)
        self.open.append(wire)
        if self.observer is not None:
            self.observer.connected(wire.number, sock.getsockname()[:2], sock.getpeername()[:2])
        return wire

    def close(self) -> None:
        """Closes what is left open."""
        for wire in list(self.open):
            wire.close()


class Wire:
    """One connection."""

    def __init__(self, wires: Wires, sock: socket.socket, number: int) -> None:
        sock.setblocking(False)
        self.number = number
        self.tls: Connection | None = None
        self.certificate_requested = False
        self._wires = wires
        self._socket = sock
        self.peer: str = sock.getpeername()[0]
        self.local: str = sock.getsockname()[0]
        self.family = sock.family

    @property
    def timeout(self) -> float:
        return self._wires.timeout

    # -- TLS

    def secure(self, offer: Offer, *, name: str = "", session: Session | None = None, verify: str = "") -> Handshake:
        """A handshake: SNI `name`, resuming `session`; the certificate is verified for the name or address `verify`, if
        there is one.
        """
        start = time.monotonic()
        try:
            trusted = self._wires.authorities if verify else None
            made = context(offer, authorities=trusted, credential=self._wires.credential, watch=self._watch)
            tls = Connection(made, self._socket.fileno(), server=False)
            if name:
                tls.set_server_name(name)
            if verify:
                tls.set_verify_host(verify)
            if offer.status:
                tls.request_status()
            if session is not None:
                tls.set_session(session)
        except OpenSSLError as error:
            return Handshake(error=_words(error), kind="protocol")
        try:
            tls.handshake(self.timeout)
        except TLSError as error:
            return Handshake(
                error=_words(error), kind=error.kind, alert=alert_of(tls), seconds=time.monotonic() - start)
        self.tls = tls
        return Handshake(
            version=tls.version, cipher=tls.cipher, resumed=tls.resumed, alpn=tls.alpn.decode("ascii", "replace"),
            leaf=tls.peer_certificate or b"", seconds=time.monotonic() - start)

    def _watch(self, _: Connection, sent: bool, version: int, kind: int, data: bytes) -> None:
        if not sent and kind == _HANDSHAKE and data[:1] == _CERTIFICATE_REQUEST:
            self.certificate_requested = True
        if self._wires.observer is not None:
            self._wires.observer.message(self.number, sent, version, kind, data)

    def unsecure(self) -> Ending:
        """close_notify both ways, then in clear again (CCC)."""
        assert self.tls is not None
        try:
            done = self.tls.shutdown(self.timeout, wait_peer=True)
        except TLSError as error:
            return "reset" if error.kind == "reset" else "fin"
        self.tls = None
        return "notify" if done else "timeout"

    # -- bytes

    def write(self, data: bytes, *, shown: bytes | None = None) -> None:
        """All of it; `shown` stands for it in the trace. Raises `Ended`."""
        if self._socket.fileno() < 0:
            raise Ended("the connection is closed", "fin")
        if self._wires.observer is not None:
            self._wires.observer.text(self.number, True, data if shown is None else shown, self.tls is not None)
        try:
            if self.tls is not None:
                self.tls.write(data, self.timeout)
            else:
                self._send(data)
        except (TLSError, OSError) as error:
            raise Ended(f"the server took nothing more: {_words(error)}", "reset") from None

    def _send(self, data: bytes) -> None:
        deadline = time.monotonic() + self.timeout
        view = memoryview(data)
        while view:
            self._wait(select.POLLOUT, deadline)
            view = view[self._socket.send(view):]

    def read(self, size: int = CHUNK, *, timeout: float | None = None) -> bytes:
        """Some bytes; raises `Ended`, whose `ending` says how ("timeout": nothing came)."""
        if self._socket.fileno() < 0:
            raise Ended("the connection is closed", "fin")
        patience = self.timeout if timeout is None else timeout
        data = self._read_tls(size, patience) if self.tls is not None else self._read_plain(size, patience)
        if self._wires.observer is not None:
            self._wires.observer.text(self.number, False, data, self.tls is not None)
        return data

    def _read_tls(self, size: int, timeout: float) -> bytes:
        assert self.tls is not None
        try:
            data = self.tls.read(size, timeout)
        except TLSError as error:
            raise _ended(error) from None
        if not data:
            raise Ended("the server closed the connection", "notify")
        return data

    def _read_plain(self, size: int, timeout: float) -> bytes:
        try:
            self._wait(select.POLLIN, time.monotonic() + timeout)
            data = self._socket.recv(size)
        except TimeoutError:
            raise Ended(f"the server says nothing for {timeout:g} s", "timeout") from None
        except OSError as error:
            raise Ended(f"the server broke the connection: {error.strerror}", "reset") from None
        if not data:
            if self._wires.observer is not None:
                self._wires.observer.ended(self.number, False)
            raise Ended("the server closed the connection", "fin")
        return data

    def _wait(self, events: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._socket, events)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError

    def quiet(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        if self.tls is not None and self.tls.has_pending():
            return False
        try:
            self._wait(select.POLLIN, time.monotonic() + seconds)
        except TimeoutError:
            return True
        return False

    # -- the end

    def finish(self) -> None:
        """Our side ends: close_notify, then FIN."""
        if self.tls is not None:
            self.tls.close_notify()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self, *, reset: bool = False) -> None:
        """Closes without waiting; may be called again."""
        if self not in self._wires.open:
            return
        self._wires.open.remove(self)
        if reset:
            reset_at_close(self._socket)
        else:
            self.finish()
        self.tls = None
        self._socket.close()
        if self._wires.observer is not None:
            self._wires.observer.ended(self.number, True)


def alert_of(tls: Connection | None) -> str:
    """What the server said in its last alert; "": nothing, or something that OpenSSL has no words for."""
    alert = tls.alert_received if tls is not None else None
    return alert[1] if alert is not None and alert[1] != "unknown" else ""


def _ended(error: TLSError) -> Ended:
    endings: dict[str, Ending] = {"timeout": "timeout", "eof": "fin", "closed": "notify"}
    texts = {
        "timeout": "the server says nothing", "eof": "the server closed the connection without close_notify",
        "closed": "the server closed the connection",
    }
    text = texts.get(error.kind, f"the server broke the connection: {_words(error)}")
    return Ended(text, endings.get(error.kind, "reset"))


def _words(error: BaseException) -> str:
    """The reason that OpenSSL gives, without its numbers and function names."""
    if isinstance(error, TLSError) and error.kind in ("eof", "closed", "reset", "timeout"):
        return {
            "eof": "the server closed the connection", "closed": "the server closed the connection",
            "reset": "the server reset the connection", "timeout": "the server did not answer in time",
        }[error.kind]
    if isinstance(error, OpenSSLError):
        reasons = [entry.reason for entry in error.queue if entry.reason]
        return reasons[0] if reasons else str(error)
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__

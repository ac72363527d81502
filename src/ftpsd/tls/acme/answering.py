"""Proves to an ACME server that names are ours: a listener that answers its questions while an order runs.

HTTP-01 asks over HTTP for `/.well-known/acme-challenge/TOKEN` (RFC 8555 section 8.3); TLS-ALPN-01 shakes hands for the
protocol `acme-tls/1` and looks at the certificate (RFC 8737). Both ask from anywhere, so anybody may connect: a few
at a time, for a few seconds, and nothing else is answered.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ftpsd.reasons.codes import Code
from ftpsd.tls.acme.errors import AcmeError

Kind = Literal["http-01", "tls-alpn-01"]
PORTS: Mapping[Kind, int] = {"http-01": 80, "tls-alpn-01": 443}
"""Where ACME servers ask; others only reach it when something passes their questions on."""

PATIENCE = 5.0
"""Seconds that a connection may last."""

MOST_CONNECTIONS = 32
_LONGEST_REQUEST = 8192
_PREFIX = "/.well-known/acme-challenge/"
_PROTOCOL = "acme-tls/1"
_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")


@dataclass(slots=True)
class Answers:
    """What is answered: for HTTP-01 by token, for TLS-ALPN-01 by name."""

    kind: Kind
    texts: dict[str, str] = field(default_factory=dict)
    contexts: dict[str, ssl.SSLContext] = field(default_factory=dict)

    def add(self, name: str, token: str, authorization: str) -> None:
        """The key authorization that proves `name`."""
        if self.kind == "http-01":
            self.texts[token] = authorization
        else:
            self.contexts[name.lower()] = _context(name, authorization)

    def serve(self, sock: socket.socket) -> None:
        """One connection."""
        sock.settimeout(PATIENCE)
        if self.kind == "http-01":
            self._http(sock)
        else:
            self._handshake(sock)

    def _http(self, sock: socket.socket) -> None:
        request, deadline = b"", time.monotonic() + PATIENCE
        while b"\n\r\n" not in request and b"\n\n" not in request:
            sock.settimeout(max(0.001, deadline - time.monotonic()))  # for all of it: bytes that drip do not help
            chunk = sock.recv(_LONGEST_REQUEST - len(request))
            if not chunk:
                return
            request += chunk
        words = request.split(b"\n", 1)[0].decode("latin-1").split()
        path = words[1] if len(words) > 1 and words[0] == "GET" else ""
        found = self.texts.get(path.removeprefix(_PREFIX)) if path.startswith(_PREFIX) else None
        status, body = ("404 Not Found", b"") if found is None else ("200 OK", found.encode())
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n"
        sock.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)

    def _handshake(self, sock: socket.socket) -> None:
        context = next(iter(self.contexts.values()), None)
        if context is None:
            return
        context.sni_callback = self._choose
        with context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=True) as connection:
            with contextlib.suppress(OSError):
                connection.unwrap()

    def _choose(
        self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext,
    ) -> int | None:
        found = self.contexts.get((name or "").lower())
        if found is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = found
        return None


def _context(name: str, authorization: str) -> ssl.SSLContext:
    """Shakes hands for `acme-tls/1` with the certificate that RFC 8737 section 3 describes."""
    key = ec.generate_private_key(ec.SECP256R1())
    digest = hashlib.sha256(authorization.encode()).digest()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ACME challenge")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.UnrecognizedExtension(_IDENTIFIER, b"\x04\x20" + digest), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([_PROTOCOL])
    fd, path = tempfile.mkstemp()
    try:
        with open(fd, "wb") as file:
            file.write(pem)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
    return context


@contextlib.contextmanager
def answering(answers: Answers, address: str, port: int) -> Iterator[None]:
    """Answers on `address` ("": all) for the time of the block. Raises `AcmeError` where that cannot be."""
    listener = _listen(answers.kind, address, port)
    room = threading.BoundedSemaphore(MOST_CONNECTIONS)
    loop = threading.Thread(target=_accept, args=(listener, answers, room), name="acme-answers", daemon=True)
    loop.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        loop.join(PATIENCE)


def _listen(kind: Kind, address: str, port: int) -> socket.socket:
    try:
        if not address and socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family)
    except OSError as error:
        raise AcmeError(
            Code.ACME_PORT, f"unable to listen on {address or 'all addresses'}, port {port}: {_why(error)}",
            f"Who has the port ({PORTS[kind]} is where ACME servers ask) can pass their questions on to another one:"
            f" ACMEChallenge {kind} 127.0.0.1:PORT. Ports below 1024 need root.") from None


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def _accept(listener: socket.socket, answers: Answers, room: threading.BoundedSemaphore) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        if not room.acquire(blocking=False):
            sock.close()
            continue
        threading.Thread(target=_serve, args=(sock, answers, room), daemon=True).start()


def _serve(sock: socket.socket, answers: Answers, room: threading.BoundedSemaphore) -> None:
    try:
        with sock, contextlib.suppress(OSError, ValueError):
            answers.serve(sock)
    finally:
        room.release()

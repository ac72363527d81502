"""Throw-away certificates and connected pairs of TLS connections for the tests of the native floor."""

from __future__ import annotations

import datetime
import functools
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from ftpsd.native._openssl import Connection, Context, Session, SharedCache, TLSError, give_way_to, wait_readable

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey | ed25519.Ed25519PrivateKey
KeyKind = Literal["rsa", "ec", "dsa", "ed25519"]
TIMEOUT = 20.0
TLS12 = "TLSv1.2"
TLS13 = "TLSv1.3"


@dataclass(frozen=True)
class Credential:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def key_pem(self, password: bytes | None = None) -> bytes:
        protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password is not None:
            protection = serialization.BestAvailableEncryption(password)
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
        )


def make_key(kind: KeyKind) -> PrivateKey:
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if kind == "dsa":
        return dsa.generate_private_key(2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def issue(
    name: str, issuer: Credential | None = None, *, ca: bool = False, kind: KeyKind = "ec"
) -> Credential:
    """A certificate for `name`, self-signed without `issuer`."""
    key = make_key(kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    )
    signer = issuer.key if issuer else key
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Credential(builder.sign(signer, digest), key)


@functools.cache
def root() -> Credential:
    return issue("test root", ca=True)


@functools.cache
def leaf(kind: KeyKind = "ec") -> Credential:
    return issue(f"server {kind}", root(), kind=kind)


@functools.cache
def client_leaf() -> Credential:
    return issue("client", root())


def server_context(*kinds: KeyKind, protocols: tuple[str, ...] = (TLS12, TLS13)) -> Context:
    context = Context()
    for kind in kinds or ("ec",):
        context.use_certificate(leaf(kind).pem)
        context.use_private_key(leaf(kind).key_pem())
    context.set_protocols(protocols)
    context.use_cache(SharedCache(1 << 18))
    return context


def session_count(context: Context) -> int:
    """How many sessions its cache has."""
    return context.statistics()["sessions"]


def client_context(protocol: str | None = None) -> Context:
    context = Context(server=False)
    context.set_protocols([protocol] if protocol else [TLS12, TLS13])
    return context


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected TCP sockets on loopback, non-blocking."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    near.setblocking(False)
    far.setblocking(False)
    for sock in (near, far):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return near, far


@dataclass
class Pair:
    """Both ends of one TLS connection; `errors` holds what the handshake raised on (server, client)."""

    server: Connection
    client: Connection
    server_socket: socket.socket
    client_socket: socket.socket
    errors: tuple[TLSError | None, TLSError | None] = (None, None)

    def close(self) -> None:
        self.server_socket.close()
        self.client_socket.close()

    def send_to_client(self, data: bytes) -> bytes:
        """Server writes, client reads (and with it takes in tickets)."""
        self.server.write(data, TIMEOUT)
        return read_exactly(self.client, len(data))

    def send_to_server(self, data: bytes) -> bytes:
        self.client.write(data, TIMEOUT)
        return read_exactly(self.server, len(data))


def read_exactly(connection: Connection, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        piece = connection.read(size - len(parts), TIMEOUT)
        assert piece, "close_notify came early"
        parts += piece
    return bytes(parts)


def _step(connection: Connection) -> tuple[bool, TLSError | None]:
    try:
        return connection.handshake_step() == "done", None
    except TLSError as error:
        return True, error


def shake(server: Connection, client: Connection) -> tuple[TLSError | None, TLSError | None]:
    """Both handshakes in one thread; what each side raised."""
    ends: dict[Connection, TLSError | None] = {}
    until = time.monotonic() + TIMEOUT
    while len(ends) < 2:
        assert time.monotonic() < until, "the handshake hangs"
        for connection in (client, server):
            if connection not in ends:
                done, error = _step(connection)
                if done:
                    ends[connection] = error
        waiting = [end.fileno() for end in (server, client) if end not in ends]
        if len(waiting) == 1 and any(ends.values()):
            wait_readable(waiting, 0.05)
            other = server if client in ends else client
            done, error = _step(other)
            ends[other] = error if done else TLSError("left alone", kind="timeout")
    return ends[server], ends[client]


def connect(
    server: Context, client: Context, *, session: Session | None = None, control: Connection | None = None,
    identity: bytes = b"", server_name: str | None = None, verify_host: str | None = None, status: bool = False,
) -> Pair:
    """A pair after its handshake attempt; with `control` the server's end is that connection's data end."""
    near, far = socket_pair()
    role: Literal["control", "data"] = "control" if control is None else "data"
    accepted = Connection(server, far.fileno(), role=role, identity=identity, control=control)
    offered = Connection(client, near.fileno(), server=False)
    if session is not None:
        offered.set_session(session)
    if status:
        offered.request_status()
    if server_name is not None:
        offered.set_server_name(server_name)
    if verify_host is not None:
        offered.set_verify_host(verify_host)
    pair = Pair(accepted, offered, far, near)
    pair.errors = shake(accepted, offered)
    return pair


@contextmanager
def connected(
    server: Context, client: Context, *, session: Session | None = None, control: Connection | None = None,
    identity: bytes = b"", server_name: str | None = None, status: bool = False,
) -> Iterator[Pair]:
    """A pair whose handshake succeeded on both sides."""
    pair = connect(
        server, client, session=session, control=control, identity=identity, server_name=server_name, status=status,
    )
    try:
        assert pair.errors == (None, None)
        yield pair
    finally:
        pair.close()


def newest_session(pair: Pair) -> Session:
    """The client's session after it took in everything that the server had sent."""
    pair.send_to_client(b"x")
    session = pair.client.get_session()
    assert session is not None
    return session


@contextmanager
def command_waiting(waits: bool) -> Iterator[None]:
    """What moves much in this process sees a control connection on which, if it `waits`, a command is not read."""
    session, client = socket.socketpair()
    with session, client, select.epoll() as commands:
        commands.register(session, select.EPOLLIN)
        if waits:
            client.send(b"NOOP\r\n")
        give_way_to(commands.fileno())
        try:
            yield
        finally:
            give_way_to(-1)


@functools.cache
def renegotiation_is_told(version: str) -> bool:
    """Whether a client that offers this version only says that its renegotiations would be secure: OpenSSL 3.0 does
    under TLS 1.3, too, which has none; 3.5 does not."""
    with connected(server_context(), client_context(version)) as pair:
        return pair.server.secure_renegotiation

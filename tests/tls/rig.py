"""What the tests of this room share: a hierarchy as in the seeds, hosts over it, both ends of a connection.

    Root ── ServerCA ── the server's certificates
      └──── ClientCA ── the client's
"""

from __future__ import annotations

import functools
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ftpsd.errors import Location
from ftpsd.native._openssl import Connection, Context, Session, wait_readable
from ftpsd.settings.model import Host, Settings
from ftpsd.settings.tls import TLSSettings
from ftpsd.testing.ca import Authority
from ftpsd.tls import contexts
from ftpsd.tls.channel import ControlChannel, HandshakeReport
from ftpsd.tls.contexts import HostTLS
from ftpsd.tls.data import DataTLS

T = TypeVar("T")

VERSIONS = ("TLSv1.2", "TLSv1.3")
TIMEOUT = 20.0
LOCATION = Location("/etc/ftpsd.conf", 7)


@dataclass(frozen=True)
class Hierarchy:
    """The authorities above."""

    root: Authority
    server_ca: Authority
    client_ca: Authority


@functools.cache
def hierarchy() -> Hierarchy:
    """One per process."""
    root = Authority.create("Root")
    return Hierarchy(root, root.intermediate("ServerCA"), root.intermediate("ClientCA"))


@dataclass(frozen=True)
class Files:
    """PEM files in a directory of the test's."""

    directory: Path

    def write(self, name: str, *parts: bytes) -> str:
        path = self.directory / name
        path.write_bytes(b"".join(parts))
        path.chmod(0o600)
        return str(path)

    @property
    def certificate(self) -> str:
        leaf = hierarchy().server_ca.leaf("server", kind="p256")
        return self.write("server.pem", leaf.certificate_pem, leaf.key_pem())

    @property
    def rsa_certificate(self) -> str:
        leaf = hierarchy().server_ca.leaf("server", kind="rsa")
        return self.write("server-rsa.pem", leaf.certificate_pem, leaf.key_pem())

    @property
    def chain(self) -> str:
        return self.write("chain.pem", hierarchy().server_ca.pem)

    @property
    def authorities(self) -> str:
        return self.write("ca.pem", hierarchy().client_ca.pem, hierarchy().root.pem)


def host_of(settings: TLSSettings, **fields: object) -> Host:
    """A host with these TLS settings."""
    base = Settings()
    named = replace(base, core=replace(base.core, server_name="Test"), tls=replace(settings, engine=True))
    return replace(Host(settings=named, location=LOCATION), **fields)  # type: ignore[arg-type]


def build(files: Files, **settings: object) -> HostTLS:
    """The TLS of a host with an EC certificate, its chain and `settings`."""
    tls = TLSSettings(ec_certificate_file=files.certificate, certificate_chain_file=files.chain)
    return contexts.build(host_of(replace(tls, **settings)))  # type: ignore[arg-type]


def client_context(
    version: str | None = None, *, certificate: bool = False, name: str = "client",
    trust: Authority | None = None,
) -> Context:
    """A client that trusts Root; with `certificate` it has one of ClientCA for `name`."""
    context = Context(server=False)
    context.add_trusted((trust or hierarchy().root).pem)
    context.set_verify("require", 5)
    if version is not None:
        if version in ("TLSv1", "TLSv1.1"):
            context.set_security_level(0)
            context.set_ciphers("ALL")
        context.set_protocols([version])
    if certificate:
        leaf = hierarchy().client_ca.leaf(name, kind="p256")
        context.use_certificate(leaf.certificate_pem)
        context.use_private_key(leaf.key_pem())
        context.add_chain_certificate(leaf.chain_pem)
    return context


@contextmanager
def background(function: Callable[[], T]) -> Iterator[Future[T]]:
    """`function` in a thread that has ended when the block has."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(function)


class Pair:
    """Both ends of a control connection, and of its data connections."""

    def __init__(self, host: HostTLS, identity: bytes = b"i" * 32) -> None:
        server, self.client_socket = socket.socketpair()
        self.client_socket.setblocking(False)
        self.host = host
        self.identity = identity
        self.channel = ControlChannel(server)
        self._sockets = [self.client_socket]
        self.client: Connection | None = None

    def close(self) -> None:
        self.channel.close()
        for sock in self._sockets:
            sock.close()

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def tls(self) -> Connection:
        """The client's TLS."""
        assert self.client is not None
        return self.client

    def start_tls(
        self, context: Context, session: Session | None = None, timeout: float = TIMEOUT
    ) -> HandshakeReport:
        """The handshake on both sides, tickets included."""
        client = Connection(context, self.client_socket.fileno(), server=False)
        if session is not None:
            client.set_session(session)
        with background(lambda: client.handshake(TIMEOUT)) as done:
            report = self.channel.start_tls(self.host, timeout, self.identity)
            done.result(TIMEOUT)
        self.client = client
        assert self.exchange(b"220 ready\r\n") == b"220 ready\r\n"
        return report

    def newest_session(self) -> Session:
        """What a client offers on its next connections."""
        sessions = self.tls.take_sessions()
        session = sessions[-1] if sessions else self.tls.get_session()
        assert session is not None
        return session

    def exchange(self, reply: bytes) -> bytes:
        """Sends `reply` from server to client and returns what the client reads."""
        self.channel.send(reply, TIMEOUT)
        return self.tls.read(4096, TIMEOUT)

    def connect_data(self, context: Context, session: Session | None) -> tuple[DataTLS, Connection]:
        """A data connection with its handshake done on both sides."""
        server, client_socket = socket.socketpair()
        client_socket.setblocking(False)
        self._sockets += [server, client_socket]
        data = DataTLS(server, self.host, self.channel)
        client = Connection(context, client_socket.fileno(), server=False)
        if session is not None:
            client.set_session(session)
        shake(data, client)
        return data, client


def shake(data: DataTLS, client: Connection) -> None:
    """Steps both sides in turn until the handshake is done on both."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        done = (data.handshake_step() == "done", client.handshake_step() == "done")
        if all(done):
            return
        waiting = [data.connection.fileno()] if not done[0] else []
        waiting += [client.fileno()] if not done[1] else []
        wait_readable(waiting, TIMEOUT)
    raise AssertionError("the handshake does not end")

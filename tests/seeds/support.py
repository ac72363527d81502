"""What the seeds' tests share: configurations of others, old clients, s_client, lftp, raw handshakes."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpsd.testing.ca import Authority, Files, Identity
from ftpsd.testing.client import DataConnection, ScriptedClient, client_context
from ftpsd.testing.configs import ServerConfig, ServerFiles
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, ServerFault, start_ftpsd
from tests.clients.base import Link, run

BASE = {"User", "Group", "PidFile", "ScoreboardFile", "AuthUserFile", "AuthGroupFile", "AuthOrder",
        "RequireValidShell", "DefaultRoot", "SystemLog", "UseReverseDNS", "Port", "DefaultAddress"}
NO_REUSE = "TLSOptions NoSessionReuseRequired"
REUSE_REFUSED = (
    "client did not reuse SSL session, rejecting data connection"
    " (see the NoSessionReuseRequired TLSOptions parameter)"
)
UNABLE_DATA = (
    "Unable to build data connection: TLS session of the control connection was not reused [data-not-resumed]"
)
SECONDS = 20.0


@dataclass(frozen=True)
class Written(ServerConfig):
    """A configuration of others, with what a test server needs in front of it."""

    body: str = ""

    def text(self, files: ServerFiles) -> str:
        """The base lines that the body does not have itself, then the body (PORT: the server's)."""
        own = re.sub(r"<VirtualHost.*?</VirtualHost>", "", self.body, flags=re.DOTALL)
        named = {line.split()[0] for line in own.splitlines() if line.split()}
        base = [line for line in self._server(files) if line.split()[0] in BASE - named]
        return "\n".join([*base, self.body.replace("PORT", str(self.port))]) + "\n"


@contextlib.contextmanager
def serving(
    body: str, files: ServerFiles, certificates: Certificates, *, arguments: tuple[str, ...] = (),
    address: str = "127.0.0.1",
) -> Iterator[RunningServer]:
    """A server with this configuration; address 0.0.0.0 for several hosts, told apart by DefaultAddress."""
    config = Written(certificates.server, body=body, address=address)
    server = start_ftpsd(config, files, certificates.authority_file, arguments=arguments)
    try:
        yield server
    finally:
        server.stop()


def refusal(
    config: ServerConfig, files: ServerFiles, authority: Path, *, arguments: tuple[str, ...] = ()
) -> str:
    """What ftpsd says when it refuses to start with this configuration."""
    with pytest.raises(ServerFault) as caught:
        start_ftpsd(config, files, authority, arguments=arguments).stop()
    assert "ended with" in str(caught.value)
    return str(caught.value)


def old_client(authority: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client of twenty years ago: one obsolete protocol version, security level 0."""
    context = client_context(authority)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSVersion"):
        context.minimum_version = context.maximum_version = version
    return context


def trusting(server: RunningServer, authority: Path) -> ssl.SSLContext:
    """A client that knows no other authority than this one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    return context


def showing(server: RunningServer, identity: Files, version: str | None = None) -> ssl.SSLContext:
    """A client with a certificate of its own (and its chain)."""
    context = client_context(server.authority, version=version)
    bundle = identity.certificate
    if identity.chain is not None:
        bundle = identity.certificate.with_suffix(".bundle.pem")
        bundle.write_bytes(identity.certificate.read_bytes() + identity.chain.read_bytes())
    context.load_cert_chain(bundle, identity.key)
    return context


def refused_transfer(client: ScriptedClient, command: str, connection: DataConnection | None = None) -> str:
    """A transfer without the session's resumption: 150, then the text of the 425."""
    connection = connection or client.data()
    client.expect(150, command)
    with contextlib.suppress(OSError):
        stream = connection.handshake(reuse=False)
        stream.write(b"x") if command.startswith("STOR") else stream.read_all()
    connection.close("fin")
    return client.expect(425).text


def failed_auth(server: RunningServer, context: ssl.SSLContext | None) -> None:
    """AUTH TLS and a handshake that cannot succeed; `None` sends an end of file instead."""
    with server.client(tls=False) as client:
        client.connect()
        client.expect(234, "AUTH TLS")
        if context is None:
            client.control.socket.shutdown(socket.SHUT_WR)
        else:
            with contextlib.suppress(OSError):
                client.control.start_tls(context, name=client.name)
        with contextlib.suppress(OSError):
            while client.control.socket.recv(4096):
                pass


def in_order(lines: Sequence[str], *texts: str) -> None:
    """The log has lines with these texts, one after the other."""
    rest = iter(lines)
    for text in texts:
        assert any(text in line for line in rest), f"no {text!r} (in this order) in\n" + "\n".join(lines)


def s_client(server: RunningServer, work: Path, *more: str, text: str = "QUIT\n") -> str:
    """What `openssl s_client -connect … -starttls ftp` prints, both of its streams."""
    command = [
        "openssl", "s_client", "-connect", f"{server.address}:{server.port}", "-starttls", "ftp", *more,
    ]
    done = run(command, work, text=text, check=False)
    return done.stdout + done.stderr


def flag(version: str) -> str:
    """s_client's option for a TLS version."""
    return {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}[version]


def link(server: RunningServer, *, implicit: bool = False) -> Link:
    """How a command line client reaches the server."""
    return Link("localhost", server.port, server.authority, implicit=implicit)


def lftp(server: RunningServer, work: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """A script of lftp's language."""
    if shutil.which("lftp") is None:
        pytest.skip("lftp is not installed (package lftp)")
    settings = [
        "set cmd:fail-exit yes", "set net:max-retries 1", "set net:timeout 10",
        "set net:reconnect-interval-base 1", f"set ssl:ca-file {server.authority}",
    ]
    return run(["lftp", "--norc"], work, text="\n".join([*settings, *lines, "bye"]) + "\n", check=False)


@dataclass(frozen=True)
class Hierarchy:
    """The seeds' picture: MyRootCA, MyServerCA and certA on one side, TheirRootCA and cert1 on the other."""

    my_root: Authority
    my_server_ca: Authority
    cert_a: Identity
    cert_b: Identity
    their_root: Authority
    their_client_ca: Authority
    cert_1: Identity

    @classmethod
    def create(cls) -> Hierarchy:
        """A fresh one."""
        my_root = Authority.create("MyRootCA")
        my_server_ca = my_root.intermediate("MyServerCA")
        their_root = Authority.create("TheirRootCA")
        their_client_ca = their_root.intermediate("TheirClientCA")
        return cls(
            my_root, my_server_ca, my_server_ca.leaf("localhost", kind="rsa"), my_server_ca.leaf("certB"),
            their_root, their_client_ca, their_client_ca.leaf("cert1"),
        )

"""The pytest plugin `ftpsd.testing.plugin`: servers, certificates and TLS versions as fixtures.

    def test_download(ftps_server, tls_version):
        server = ftps_server(tls=["TLSRequired on"])
        server.give("hello.txt", b"hello")
        with server.client(tls_version).begin() as client:
            assert client.retrieve("RETR hello.txt") == b"hello"

Every server is stopped with its test; the test fails when the server does not end in time, leaves a
process behind, writes a traceback or logs a panic. With `FTPSD_TEST_SERVER=proftpd` in the environment
`ftps_server` starts a real ProFTPD, to see whether a test is right.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from ftpsd.testing.ca import Authority, Files
    from ftpsd.testing.configs import User
    from ftpsd.testing.server import RunningServer


@dataclass(frozen=True)
class Certificates:
    """The run's throw-away CA: root, the server's certificate, and a client's."""

    authority: Authority
    authority_file: Path
    server: Files
    client: Files


class ServerFactory(Protocol):
    """Starts a server; see `ServerConfig` for the meaning of the arguments."""

    def __call__(
        self, *, tls: Sequence[str] = ("TLSRequired on",), directives: Sequence[str] = (),
        sections: str = "", users: Sequence[User] | None = None, address: str = "127.0.0.1",
        certificate: Files | None = None, without_tls: bool = False, arguments: tuple[str, ...] = (),
    ) -> RunningServer: ...


@pytest.fixture(scope="session")
def ftps_certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A root, an intermediate, and leaves for the server (with chain) and for a client."""
    from ftpsd.testing.ca import Authority

    directory = tmp_path_factory.mktemp("certificates")
    root = Authority.create()
    intermediate = root.intermediate()
    return Certificates(
        authority=root,
        authority_file=root.write(directory / "root.pem"),
        server=intermediate.leaf("localhost").write(directory, "server"),
        client=root.leaf("alice", alternatives=("alice@example.org",)).write(directory, "client"),
    )


@pytest.fixture
def ftps_server(ftps_certificates: Certificates) -> Iterator[ServerFactory]:
    """Starts ftpsd as often as asked; all end with the test."""
    kind = os.environ.get("FTPSD_TEST_SERVER", "ftpsd")
    with contextlib.ExitStack() as stack:
        yield _factory(kind, ftps_certificates, stack)


@pytest.fixture
def proftpd_server(ftps_certificates: Certificates) -> Iterator[ServerFactory]:
    """Starts the real ProFTPD of Debian's packages; skips where it is not installed or not possible."""
    need_proftpd()
    with contextlib.ExitStack() as stack:
        yield _factory("proftpd", ftps_certificates, stack)


@pytest.fixture(params=["TLSv1.2", "TLSv1.3"])
def tls_version(request: pytest.FixtureRequest) -> str:
    """Runs the test under TLS 1.2 and under TLS 1.3."""
    return str(request.param)


def need_proftpd() -> None:
    """Skips where there is no ProFTPD, or nobody who may start it."""
    from ftpsd.testing.configs import MODULES
    from ftpsd.testing.server import PROFTPD

    if not (PROFTPD.exists() and (MODULES / "mod_tls.so").exists()):
        pytest.skip("proftpd with mod_tls is not installed (packages proftpd-core, proftpd-mod-crypto)")
    if os.getuid() != 0:
        pytest.skip("a real ProFTPD needs root for DefaultRoot")


def _factory(kind: str, certificates: Certificates, stack: contextlib.ExitStack) -> ServerFactory:
    from ftpsd.testing.configs import ServerConfig, User
    from ftpsd.testing.server import server_directory, start_ftpsd, start_proftpd

    def start(
        *, tls: Sequence[str] = ("TLSRequired on",), directives: Sequence[str] = (), sections: str = "",
        users: Sequence[User] | None = None, address: str = "127.0.0.1", certificate: Files | None = None,
        without_tls: bool = False, arguments: tuple[str, ...] = (),
    ) -> RunningServer:
        config = ServerConfig(
            certificate=None if without_tls else certificate or certificates.server,
            address=address, users=(User(),) if users is None else users, tls=tls,
            directives=directives, sections=sections,
        )
        files = stack.enter_context(server_directory())
        if kind == "proftpd":
            need_proftpd()
            server = start_proftpd(config, files, certificates.authority_file)
        else:
            server = start_ftpsd(config, files, certificates.authority_file, arguments=arguments)
        stack.callback(server.stop)
        return server

    return start

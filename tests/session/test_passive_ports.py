"""A range of PassivePorts with fewer ports than sessions: whoever finds every port taken waits for one."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ftpsd.session.handlers import transfer
from ftpsd.testing.client import parse_pasv
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.ports import free_port
from tests.session.inprocess import InProcess, one_session

VERSIONS = ("TLSv1.2", "TLSv1.3")
SESSIONS, FILES = 8, 5


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_take_turns_with_one_port(ftps_server: ServerFactory, version: str) -> None:
    port = free_port()
    server = ftps_server(directives=[f"PassivePorts {port} {port}"])
    content = b"x" * 10_000
    (server.home() / "f").write_bytes(content)

    def files(number: int) -> list[bytes]:
        with server.client(version).begin() as client:
            assert client.store(f"STOR of{number}", content).code == 226
            return [client.retrieve(f"RETR {name}") for name in ("f", f"of{number}") for _ in range(FILES)]

    with ThreadPoolExecutor(SESSIONS) as threads:
        for got in threads.map(files, range(SESSIONS)):
            assert got == [content] * (2 * FILES)


def test_the_port_of_a_session_that_ends_is_the_next_ones(ftps_server: ServerFactory) -> None:
    port = free_port()
    server = ftps_server(directives=[f"PassivePorts {port} {port}"])
    with server.client("TLSv1.3").begin() as second:
        with server.client("TLSv1.3").begin() as first:
            assert parse_pasv(first.expect(227, "PASV").text)[1] == port
            second.send_line("PASV")
            assert not second.has_input
        assert parse_pasv(second.expect(227).text)[1] == port


@contextlib.contextmanager
def _port_taken() -> Iterator[InProcess]:
    """A session, logged in without TLS, whose only port somebody else listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with one_session([f"PassivePorts {port} {port}", "TLSEngine off"], tls=()) as served:
            served.client.read_reply()
            served.client.login()
            yield served


def test_the_wait_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PORT_PATIENCE", 0.1)
    with _port_taken() as served:
        refused = served.client.expect(425, "EPSV")
        assert refused.text == "Unable to build data connection: no passive port is free [passive-ports-exhausted]"
        served.client.expect(200, "NOOP")


def test_a_client_that_leaves_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PORT_PATIENCE", 3600.0)
    with _port_taken() as served:
        served.client.send_line("PASV")
        served.session()
        served.client.close("rst")

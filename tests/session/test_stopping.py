"""Clients are told when the server ends (421), whatever their session is doing."""

from __future__ import annotations

import signal
import threading
from datetime import datetime

import pytest

from ftpsd.access.closing import Stage, plan
from ftpsd.session import ident
from ftpsd.session.endpoints import Ends
from ftpsd.testing.plugin import Certificates, ServerFactory
from tests.session.inprocess import DEADLINE, one_session


def test_an_idle_session_is_told(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server()
    with server.client(tls_version).begin() as client:
        server.signal(signal.SIGTERM)
        assert client.expect(421).text.startswith("Service shutting down")
        client.expect_end()


def test_a_session_without_tls_is_told(ftps_server: ServerFactory) -> None:
    server = ftps_server(without_tls=True)
    with server.client(tls=False) as client:
        client.connect()
        server.signal(signal.SIGTERM)
        client.expect(421)
        client.expect_end()


def test_a_session_that_waits_for_its_data_connection_is_told(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server()
    with server.client(tls_version).begin() as client:
        client.expect(229, "EPSV")
        client.send_line("LIST")
        client.expect(200, "NOOP")  # is answered while the session waits
        server.signal(signal.SIGTERM)
        client.expect(421)
        client.expect_end()


@pytest.mark.parametrize("command", ["RETR file", "STOR other"])
def test_a_transfer_that_the_server_ends_is_not_one_that_the_client_aborted(
    ftps_server: ServerFactory, tls_version: str, command: str
) -> None:
    server = ftps_server()
    server.give("file", b"x" * 50_000_000)
    with server.client(tls_version).begin() as client:
        connection = client.data()
        client.send_line(command)
        client.expect(150)
        stream = connection.handshake()
        if command.startswith("STOR"):
            stream.write(b"x")
        client.expect(200, "NOOP")  # the transfer runs
        server.signal(signal.SIGTERM)
        client.expect(426)
        client.expect(421)
        client.expect_end()
    assert server.files.transfer_log.read_text().rstrip().endswith(" i")


@pytest.mark.parametrize("version", [None, "TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("stage", [Stage.DENYING, Stage.DISCONNECTING])
def test_a_session_that_is_still_opening_hears_of_a_shutdown(
    ftps_certificates: Certificates, monkeypatch: pytest.MonkeyPatch, version: str | None, stage: Stage,
) -> None:
    """It came in before the doors were closed; an ident server may keep it for a minute. (Under implicit TLS, too.)"""
    asked, answered = threading.Event(), threading.Event()

    def ask(ends: Ends, timeout: float) -> None:
        asked.set()
        answered.wait(DEADLINE)

    monkeypatch.setattr(ident, "ask", ask)
    certificates = None if version is None else ftps_certificates
    tls = ("TLSRequired on", "TLSOptions UseImplicitSSL")
    with one_session(["IdentLookups on"], certificates=certificates, version=version, tls=tls) as served:
        assert asked.wait(DEADLINE)
        closing = plan("now", datetime.now(), deny=10, disconnect=5, message="at %s")
        served.service.announce(closing, stage)
        answered.set()
        served.client.connect(implicit=version is not None)
        if stage is Stage.DENYING:
            served.client.expect(200, "NOOP")
            served.service.announce(closing, Stage.DISCONNECTING)
        assert served.client.expect(421).text.startswith("FTP server shutting down - at ")
        served.client.expect_end()

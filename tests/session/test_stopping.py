"""Clients are told when the server ends (421), whatever their session is doing."""

from __future__ import annotations

import signal

import pytest

from ftpsd.testing.plugin import ServerFactory


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

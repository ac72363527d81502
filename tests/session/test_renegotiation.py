"""TLSRenegotiate and AllowClientRenegotiations on real sessions (semantics.md 2.14)."""

from __future__ import annotations

import os
import random
import socket
import ssl
import time

import pytest

from ftpsd.native._openssl import Connection, Context, TLSError
from ftpsd.testing.client import ConnectionEnded, ScriptedClient
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer

KIB = 1024
ALLOWED = "TLSOptions AllowClientRenegotiations"
CONTROL_UPDATE = "requesting TLS key updates on control channel (1 sec renegotiation interval)"
CONTROL_REQUEST = "requesting TLS renegotiation on control channel (1 sec renegotiation interval)"
CONTROL_DONE = "control channel TLS session renegotiated"
WARNING = "warning: client-initiated session renegotiation detected, aborting connection"
SOME = random.Random(5).randbytes(3_000_000)


def start(ftps_server: ServerFactory, *tls: str) -> RunningServer:
    server = ftps_server(tls=["TLSRequired on", *tls])
    server.give("some", SOME)
    return server


def refusing(server: RunningServer) -> ssl.SSLContext:
    """A client that does not renegotiate, whoever asks."""
    context = server.context("TLSv1.2")
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


def logged(server: RunningServer, text: str) -> int:
    return sum(text in line for line in server.tls_log())


def noops_until(server: RunningServer, client: ScriptedClient, text: str) -> None:
    """Talks until the log has `text`: requests go along with replies."""
    deadline = time.monotonic() + 10
    while not logged(server, text):
        assert time.monotonic() < deadline, server.report()
        client.expect(200, "NOOP")
        time.sleep(0.05)


def test_control_connection_gets_new_keys(ftps_server: ServerFactory, tls_version: str) -> None:
    server = start(ftps_server, "TLSRenegotiate ctrl 1 timeout 20", ALLOWED)
    with server.client(tls_version).begin() as client:
        request = CONTROL_UPDATE if tls_version == "TLSv1.3" else CONTROL_REQUEST
        noops_until(server, client, request)
        if tls_version == "TLSv1.2":
            noops_until(server, client, CONTROL_DONE)
        assert client.retrieve("RETR some") == SOME
        client.store("STOR up", b"x" * 100_000)
        client.quit()


def test_old_control_connection_is_left_alone_without_the_option(ftps_server: ServerFactory) -> None:
    server = start(ftps_server, "TLSRenegotiate ctrl 1 timeout 1")
    with server.client("TLSv1.2").begin() as client:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            client.expect(200, "NOOP")
            time.sleep(0.1)
        client.quit()
    assert not logged(server, "requesting")


@pytest.mark.parametrize("required", ["on", "off"])
def test_a_client_that_does_not_answer(ftps_server: ServerFactory, required: str) -> None:
    server = start(ftps_server, f"TLSRenegotiate ctrl 1 timeout 1 required {required}", ALLOWED)
    with server.client("TLSv1.2").begin() as client:
        noops_until(server, client, CONTROL_REQUEST)
        if required == "off":
            time.sleep(1.2)
            client.expect(200, "NOOP")
            assert client.retrieve("RETR some") == SOME
            client.quit()
            assert not logged(server, "timed out")
            return
        server.wait_for_log("shutting down control channel TLS session")
        with pytest.raises((ConnectionEnded, ssl.SSLError)):
            client.command("NOOP")
    lines = server.tls_log()
    first = next(i for i, line in enumerate(lines) if "shutting down control channel TLS session" in line)
    assert lines[first - 1].endswith("requested TLS renegotiation timed out on control channel")


def test_a_client_that_declines(ftps_server: ServerFactory) -> None:
    server = start(ftps_server, "TLSRenegotiate ctrl 1", ALLOWED)
    with server.client(context=refusing(server)).begin() as client:
        with pytest.raises((ConnectionEnded, ssl.SSLError)):
            noops_until(server, client, "the end that comes first")
    server.wait_for_log("client declined the requested TLS renegotiation, disconnecting")


def test_the_clock_stands_still_while_a_transfer_runs(ftps_server: ServerFactory) -> None:
    server = start(ftps_server, "TLSRenegotiate ctrl 1 timeout 1", ALLOWED)
    with server.client("TLSv1.2").begin() as client:
        time.sleep(1.1)
        client.expect(200, "NOOP")
        client.expect(200, "TYPE I")
        connection = client.data()
        client.expect(150, "STOR up")
        stream = connection.handshake()
        time.sleep(1.5)
        stream.write(b"late")
        connection.close()
        client.expect(226)
        noops_until(server, client, CONTROL_DONE)
        client.quit()


def test_downloads_get_new_keys(ftps_server: ServerFactory, tls_version: str) -> None:
    server = start(ftps_server, "TLSRenegotiate data 512")
    with server.client(tls_version).begin() as client:
        assert client.retrieve("RETR some") == SOME
        client.store("STOR up", SOME)
        os.truncate(server.give("large"), 32_000_000)
        assert len(client.retrieve("RETR large")) == 32_000_000
        client.quit()
    update = tls_version == "TLSv1.3"
    what = "key updates" if update else "renegotiation"
    assert logged(server, f"requesting TLS {what} on data channel (512 KB data limit)") >= 2
    assert update or logged(server, "data channel TLS session renegotiated") >= 2


def test_new_keys_do_not_come_faster_than_clients_bear_it(ftps_server: ServerFactory) -> None:
    """GnuTLS (lftp, FileZilla) breaks off at the ninth key update within a second."""
    server = start(ftps_server, "TLSRenegotiate data 64")
    os.truncate(server.give("large"), 32_000_000)
    with server.client("TLSv1.3").begin() as client:
        began = time.monotonic()
        assert len(client.retrieve("RETR large")) == 32_000_000
        seconds = time.monotonic() - began
        client.quit()
    assert 1 <= logged(server, "requesting TLS key updates on data channel") <= 1 + 2 * seconds


def native_context(version: str) -> Context:
    context = Context(server=False)
    context.set_protocols([version])
    context.set_options(renegotiation=True)
    return context


def native(sock: socket.socket, version: str) -> Connection:
    """TLS that can do what Python's cannot: renegotiate, and read while it writes."""
    sock.setblocking(False)
    connection = Connection(native_context(version), sock.fileno(), server=False)
    connection.handshake(10)
    return connection


def native_upload(server: RunningServer, version: str, chunks: int) -> None:
    """An upload whose client reads all the while."""
    with server.client(version).begin() as client:
        data = client.data().establish()
        client.expect(150, "STOR up")
        stream = native(data.socket, version)
        for _ in range(chunks):
            stream.write(bytes(65536), 10)
            assert stream.read_available(100) is None
        stream.shutdown(10, wait_peer=False)
        client.expect(226)
        data.socket.close()
        assert client.expect(213, "SIZE up").text == str(chunks * 65536)
        client.quit()


def test_uploads_get_new_keys_where_required_on_is_written(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = start(
        ftps_server, "TLSRenegotiate data 512 required on timeout 10", "TLSOptions NoSessionReuseRequired")
    native_upload(server, tls_version, 160)
    what = "key updates" if tls_version == "TLSv1.3" else "renegotiation"
    assert logged(server, f"requesting TLS {what} on data channel (512 KB data limit)")
    assert tls_version == "TLSv1.3" or logged(server, "data channel TLS session renegotiated")


def test_uploads_are_left_alone_otherwise(ftps_server: ServerFactory, tls_version: str) -> None:
    server = start(ftps_server, "TLSRenegotiate data 512 timeout 1", "TLSOptions NoSessionReuseRequired")
    native_upload(server, tls_version, 40)
    assert not logged(server, "requesting")


@pytest.mark.parametrize("required", ["on", "off"])
def test_a_download_to_a_client_that_does_not_answer(ftps_server: ServerFactory, required: str) -> None:
    server = start(ftps_server, f"TLSRenegotiate data 256 timeout 1 required {required}")
    large = server.give("large")
    os.truncate(large, 64_000_000)
    with server.client("TLSv1.2").begin() as client:
        connection = client.data()
        client.expect(150, "RETR large")
        stream = connection.handshake()
        server.wait_for_log("requesting TLS renegotiation on data channel (256 KB data limit)")
        time.sleep(1.5)
        if required == "off":
            assert len(stream.read_all()) == 64_000_000
            connection.close()
            client.expect(226)
            client.quit()
            return
        with pytest.raises((ssl.SSLError, ConnectionError)):
            stream.read_all()
        connection.close("rst")
        client.expect(426)
        client.quit()
    assert logged(server, "requested TLS renegotiation timed out on data channel")
    assert logged(server, "shutting down data channel TLS session")


def started_by_the_client(server: RunningServer) -> None:
    with socket.create_connection((server.address, server.port), 10) as sock:
        assert sock.recv(4096).startswith(b"220")
        sock.sendall(b"AUTH TLS\r\n")
        assert sock.recv(4096).startswith(b"234")
        client = native(sock, "TLSv1.2")
        client.renegotiate()
        client.write(b"NOOP\r\n", 10)
        reply = client.read(4096, 10)
        assert reply.startswith(b"200"), reply
        assert client.renegotiations == 1


@pytest.mark.parametrize("lines", [[ALLOWED], ["TLSRenegotiate required off"]])
def test_clients_may_renegotiate_where_that_is_allowed(
    ftps_server: ServerFactory, lines: list[str]
) -> None:
    started_by_the_client(ftps_server(tls=["TLSRequired off", *lines]))


@pytest.mark.parametrize("lines", [[], ["TLSRenegotiate none"], ["TLSRenegotiate ctrl 3600"]])
def test_a_client_that_renegotiates_unasked_is_cut_off(ftps_server: ServerFactory, lines: list[str]) -> None:
    server = ftps_server(tls=["TLSRequired off", *lines])
    with pytest.raises(TLSError):
        started_by_the_client(server)
    server.wait_for_log(WARNING)


def test_faq_very_large_upload_then_listing(ftps_server: ServerFactory, tls_version: str) -> None:
    """The session's lifetime (1 s here) passes while an upload runs; the listing after it still works."""
    server = ftps_server(
        tls=["TLSRequired on", "TLSSessionTickets off"], directives=["TLSSessionCache internal:1"])
    with server.client(tls_version).begin() as client:
        connection = client.data()
        client.expect(150, "STOR large")
        stream = connection.handshake()
        for _ in range(5):
            stream.write(bytes(65536))
            time.sleep(0.6)
        connection.close()
        client.expect(226)
        assert b"large" in client.retrieve("LIST")
        client.quit()


def test_faq_very_large_upload_with_the_configuration_of_the_faq(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server(
        tls=["TLSRequired on", "TLSRenegotiate ctrl 1 timeout 3", ALLOWED],
        directives=["TLSSessionCache internal: 2"])
    with server.client(tls_version).begin() as client:
        connection = client.data()
        client.expect(150, "STOR large")
        stream = connection.handshake()
        for _ in range(5):
            stream.write(bytes(65536))
            time.sleep(0.6)
        connection.close()
        client.expect(226)
        client.expect(200, "NOOP")
        assert b"large" in client.retrieve("LIST")
        client.quit()
    assert logged(server, "on control channel (1 sec renegotiation interval)")

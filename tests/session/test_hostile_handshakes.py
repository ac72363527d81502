"""Hostile handshakes and data connections on a server that runs (security.md 5.1): each ends by its timer or at once,
without work, and its client has got nothing.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpsd.testing.client import DataConnection, ScriptedClient, parse_epsv
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.session.test_hostile import workers

UNABLE = "Unable to build data connection:"
DRIPS = 20


def hello(size: int) -> bytes:
    """The records of a ClientHello of that many bytes, of which OpenSSL minds nothing before it is whole."""
    message = b"\x01" + struct.pack(">I", size)[1:] + b"\x03\x03" + bytes(size)
    parts = (message[at:at + 16384] for at in range(0, len(message), 16384))
    return b"".join(b"\x16\x03\x01" + struct.pack(">H", len(part)) + part for part in parts)


def after_auth(server: RunningServer) -> socket.socket:
    sock = socket.create_connection((server.address, server.port), 20)
    with sock.makefile("rb") as lines:
        assert lines.readline().startswith(b"220")
        sock.sendall(b"AUTH TLS\r\n")
        assert lines.readline().startswith(b"234")
    return sock


def work(server: RunningServer) -> float:
    """Seconds of processor time of the worker."""
    worker = workers(server)[0]
    fields = Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def drip(sock: socket.socket, data: bytes, seconds: float) -> float:
    """Sends a byte now and then until the other side ends the connection; how long that took."""
    began = time.monotonic()
    for byte in data:
        if time.monotonic() - began > seconds:
            break
        try:
            sock.send(bytes([byte]))
        except OSError:
            break
        if select.select([sock], [], [], 0.05)[0]:
            break
    return time.monotonic() - began


def test_hellos_that_come_byte_by_byte_end_by_the_timer(ftps_server: ServerFactory) -> None:
    """The time is that of the whole handshake, not of each byte; and many of them are no work."""
    server = ftps_server(tls=["TLSTimeoutHandshake 1"], directives=["Workers 1"])
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(contextlib.closing(after_auth(server))) for _ in range(DRIPS)]
        before = work(server)
        assert 0.8 < drip(socks[0], hello(16000), 15) < 10
        for sock in socks:
            sock.settimeout(15)
            assert sock.recv(200).startswith((b"421 TLS handshake failed [handshake-timeout]", b"\x15\x03"))
        assert work(server) - before < 2
    server.wait_for_log("TLS negotiation timed out (1 seconds)")
    with server.client("TLSv1.3").begin() as client:
        client.expect(257, "PWD")


@pytest.mark.parametrize("size", [16000, 100_000, 16_000_000])
def test_hellos_that_are_too_large_are_refused_and_not_kept(ftps_server: ServerFactory, size: int) -> None:
    server = ftps_server(tls=["TLSTimeoutHandshake 5"], directives=["Workers 1"])
    with after_auth(server) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(hello(size))
        sock.settimeout(15)
        said = b""
        with contextlib.suppress(ConnectionError):
            while data := sock.recv(1000):
                said += data
    assert b"421 TLS handshake failed" in said or (size > 1_000_000 and said[:1] in (b"", b"\x15"))
    peak = next(line for line in Path(f"/proc/{workers(server)[0]}/status").read_text().splitlines() if "VmHWM" in line)
    assert int(peak.split()[1]) < 200_000, "KiB"
    with server.client("TLSv1.2").begin() as client:
        client.expect(257, "PWD")


def test_a_handshake_of_a_data_connection_that_drips_ends_by_the_timer(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server(tls=["TLSTimeoutHandshake 1"])
    with server.client(tls_version).begin() as client:
        port = parse_epsv(client.expect(229, "EPSV").text)
        with socket.create_connection((server.address, port), 20) as sock:
            client.expect(150, "STOR up")
            assert 0.8 < drip(sock, hello(16000), 15) < 10
        assert client.expect(425).text == f"{UNABLE} TLS handshake failed [handshake-timeout]"
        client.expect(200, "NOOP")
    assert not list(server.home().iterdir())


def test_bytes_in_clear_before_the_handshake_are_no_upload(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server()
    with server.client(tls_version).begin() as client:
        connection = client.data()
        assert connection.stream is not None
        client.expect(150, "STOR up")
        connection.stream.write_raw(b"not from whom it seems\r\n")
        assert client.expect(425).text == f"{UNABLE} TLS handshake failed [not-tls]"
        connection.close("rst")
        client.expect(200, "NOOP")
    assert not list(server.home().iterdir())


def in_clear(thief: DataConnection) -> bytes:
    assert thief.stream is not None
    thief.stream.write_raw(b"GET / HTTP/1.0\r\n\r\n")
    return b""


def with_no_session(thief: DataConnection) -> bytes:
    return thief.handshake(reuse=False).read_all()


def with_a_session_of_its_own(thief: DataConnection) -> bytes:
    return thief.handshake().read_all()


@pytest.mark.parametrize(("way", "why"), [
    (in_clear, "TLS handshake failed [not-tls]"),
    (with_no_session, "TLS session of the control connection was not reused [data-not-resumed]"),
    (with_a_session_of_its_own, "TLS session of another control connection was reused [data-wrong-session]"),
])
def test_whoever_is_first_at_the_passive_port_from_the_clients_address_gets_nothing(
    ftps_server: ServerFactory, tls_version: str, way: Callable[[DataConnection], bytes], why: str
) -> None:
    """Behind one NAT, say. He has taken the place of the client, whom the refusal tells; and nothing else is harmed."""
    server = ftps_server()
    server.give("secret.txt", b"for alice")
    with server.client(tls_version).begin() as client, server.client(tls_version).begin() as other:
        thief = other.connect_data(server.address, parse_epsv(client.expect(229, "EPSV").text))
        client.expect(150, "RETR secret.txt")
        got = b""
        with contextlib.suppress(OSError):
            got = way(thief)
        assert got == b""
        assert client.expect(425).text == f"{UNABLE} {why}"
        thief.close("rst")
        assert client.retrieve("RETR secret.txt") == b"for alice"


def test_epsv_all_outlives_transfers_that_fail(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server()
    with server.client(tls_version).begin() as client:
        client.expect(200, "EPSV ALL")
        for fails in (_refused, _broken, _without_data):
            fails(client)
            for command in ("PASV", "PORT 127,0,0,1,200,200", "EPRT |1|127.0.0.1|51400|"):
                assert client.expect(500, command).text.endswith("EPSV ALL in effect")
        client.store("STOR up", b"x")
        client.expect(500, "PASV")


def _refused(client: ScriptedClient) -> None:
    connection = client.data()
    client.expect(550, "RETR missing")
    connection.close("fin")


def _broken(client: ScriptedClient) -> None:
    connection = client.data()
    client.expect(150, "STOR up")
    connection.close("rst")
    client.expect(425)


def _without_data(client: ScriptedClient) -> None:
    client.expect(425, "LIST")


def test_names_with_line_ends_forge_no_lines(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server()
    for name in ("a\r\nType=file;Size=1; forged", "b\nforged", "c\rforged", "plain"):
        (server.home() / name).write_bytes(b"")
    with server.client(tls_version).begin() as client:
        for command in ("MLSD", "NLST", "LIST", "LIST -R"):
            lines = client.retrieve(command).split(b"\r\n")
            assert not any(b"\n" in line or b"\r" in line for line in lines), command
            assert not any(line.endswith(b"; forged") and line.startswith(b"Type") for line in lines), command
            assert any(line.endswith(b"plain") for line in lines), command
        assert not [line for line in client.expect(212, "STAT .").lines if line.startswith(("Type", "forged"))]

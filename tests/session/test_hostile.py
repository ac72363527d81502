"""What a hostile client tries (DESIGN.md 5.3, security.md)."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.testing.client import parse_epsv, parse_pasv
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from ftpsd.testing.wire import Stream


@pytest.mark.parametrize("injected", [b"USER alice\r\nPASS secret\r\n", b"NOOP\r\n", b"X" * 3000])
def test_bytes_sent_behind_auth_in_clear_are_never_commands(
    ftps_server: ServerFactory, tls_version: str, injected: bytes
) -> None:
    server = ftps_server(tls=["TLSRequired off"])
    with server.client(tls_version) as client:
        client.connect()
        client.send(b"AUTH TLS\r\n" + injected)
        client.expect(234)
        client.handshake()
        assert client.login().code == 230
        client.expect(257, "PWD")


def test_a_user_named_in_clear_does_not_outlive_auth(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(tls=["TLSRequired off"])
    with server.client(tls_version) as client:
        client.connect()
        client.expect(331, "USER mallory")
        client.auth()
        client.expect(503, "PASS secret")
        assert client.login().code == 230


def test_bytes_between_the_234_and_the_client_hello_end_the_session(ftps_server: ServerFactory) -> None:
    server = ftps_server()
    with server.client() as client:
        client.connect()
        client.expect(234, "AUTH TLS")
        client.send(b"USER alice\r\n")
        assert client.expect(421).text == "TLS handshake failed [not-tls]"
        client.expect_end()
    server.wait_for_log("TLS/TLS-C negotiation failed on control channel")


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"POST / HTTP/1.0", b"EHLO x", b"\x16\x03\x01\x02\x00"])
@pytest.mark.parametrize("secured", [False, True])
def test_another_protocol_ends_the_session(ftps_server: ServerFactory, line: bytes, secured: bool) -> None:
    server = ftps_server(tls=["TLSRequired off"])
    with server.client("TLSv1.3") as client:
        client.connect()
        if secured:
            client.auth()
        client.send(line + b"\r\nUSER alice\r\nPASS secret\r\n")
        client.expect_end()


@pytest.mark.parametrize("command", [
    "PORT 127,0,0,1,3,255", "PORT 10,0,0,1,200,200", "PORT 127,0,0,2,200,200", "EPRT |1|127.0.0.1|1023|",
    "EPRT |1|127.0.0.2|51400|", "EPRT |2|::1|51400|", "PORT 1,2,3", "EPRT |1|localhost|51400|",
])
def test_a_foreign_address_or_a_low_port_is_refused(ftps_server: ServerFactory, command: str) -> None:
    server = ftps_server()
    with server.client("TLSv1.3").begin() as client:
        assert client.command(command).code in (500, 501, 522)
        client.expect(425, "LIST")


@pytest.mark.parametrize("command", ["EPRT |1|0.0.0.0|{port}|", "EPRT |1|127.0.0.1|{port}|"])
def test_the_unspecified_address_is_the_control_peer(ftps_server: ServerFactory, command: str) -> None:
    server = ftps_server()
    with socket.create_server(("127.0.0.1", 0)) as listener, server.client("TLSv1.3").begin() as client:
        listener.settimeout(10)
        client.expect(200, command.format(port=listener.getsockname()[1]))
        client.expect(150, "LIST")
        stream = Stream(listener.accept()[0])
        assert client.context is not None
        stream.start_tls(client.context, session=client.next_session())
        stream.read_all()
        stream.close()
        client.expect(226)


def test_a_stranger_at_the_passive_port_is_turned_away_and_the_client_served(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server()
    server.give("hello.txt", b"hello")
    with server.client(tls_version).begin() as client:
        port = parse_epsv(client.expect(229, "EPSV").text)
        with socket.create_connection(("127.0.0.1", port), 5, source_address=("127.0.0.9", 0)) as thief:
            thief.settimeout(10)
            assert thief.recv(1) == b""
        connection = client.connect_data("127.0.0.1", port)
        client.expect(150, "RETR hello.txt")
        assert connection.handshake().read_all() == b"hello"
        connection.close()
        client.expect(226)


def test_the_listener_closes_as_soon_as_the_client_is_there(ftps_server: ServerFactory) -> None:
    server = ftps_server()
    with server.client("TLSv1.3").begin() as client:
        host, port = parse_pasv(client.expect(227, "PASV").text)
        connection = client.connect_data(host, port)
        client.expect(200, "NOOP")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, port), 5)
        connection.close("fin")


def test_many_pasv_hold_one_port_and_are_unpredictable(ftps_server: ServerFactory) -> None:
    server = ftps_server()
    with server.client("TLSv1.3").begin() as client:
        ports = [parse_pasv(client.expect(227, "PASV").text)[1] for _ in range(1000)]
        listening = _listening(workers(server))
    assert [port for port in listening if port in ports] == [ports[-1]]
    assert len(set(ports)) > 500
    steps = {second - first for first, second in itertools.pairwise(ports)}
    assert len(steps) > 300


def workers(server: RunningServer) -> list[int]:
    supervisor = server.process.pid
    return [int(pid) for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()]


def _listening(processes: list[int]) -> list[int]:
    """The ports of all listening IPv4 sockets that the processes hold, however other servers use these numbers."""
    own = {link for pid in processes for link in _links(Path(f"/proc/{pid}/fd"))}
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own]


def _links(directory: Path) -> Iterator[str]:
    for entry in directory.iterdir():
        with contextlib.suppress(OSError):
            yield os.readlink(entry)


@pytest.mark.parametrize("line", [
    b"CWD " + b"a" * 1_000_000, b"\x00" * 100, b"CWD \x00", b"\xff\xff\xff\xff", b"CWD \xff\xfe\xfd",
    b"RETR " + b"../" * 300 + b"etc/passwd", b"STAT " + b"*" * 400, b"NLST " + b"{a,b}" * 80,
    b"MLST " + b"x" * 4000, b"SITE CHMOD 777 ../../../etc/passwd", b"REST -1", b"REST 99999999999999999999999",
    b"TYPE A\rTYPE I", b"MFMT 99999999999999 x", b"OPTS MLST " + b"size;" * 500,
])
def test_odd_lines_are_answered_and_the_session_goes_on(ftps_server: ServerFactory, line: bytes) -> None:
    server = ftps_server()
    with server.client("TLSv1.3").begin() as client:
        client.send(line + b"\r\n")
        reply = client.read_reply()
        assert 200 <= reply.code < 560
        assert "internal" not in reply.text
        client.expect(200, "NOOP")
    assert not any("defect" in text for text in server.system_log())


@pytest.mark.parametrize("path", [
    "../../../../etc/passwd", "/../../etc/passwd", "//etc/passwd", "a/../../../etc/passwd", "up/passwd",
    "abs/passwd",
])
def test_no_path_leads_out_of_the_jail(ftps_server: ServerFactory, path: str) -> None:
    server = ftps_server()
    (server.home() / "up").symlink_to("../../../../../../etc")
    (server.home() / "abs").symlink_to("/etc")
    with server.client("TLSv1.3").begin() as client:
        connection = client.data()
        client.expect(550, f"RETR {path}")
        connection.close("fin")
        client.expect(550, f"SIZE {path}")
        client.expect(550, f"MDTM {path}")


def test_names_that_try_to_forge_replies_or_log_lines_do_not(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=["DebugLevel 5"])
    evil = "x\x1b[2J\r221 Goodbye"
    (server.home() / evil).write_bytes(b"")
    with server.client("TLSv1.3").begin() as client:
        listing = client.retrieve("LIST")
        assert listing.count(b"\n") == 1
        assert b"\x1b" not in listing
        client.send(b"CWD \x1b[31mred\r\x00\r\n")
        assert client.read_reply().code == 550
        client.expect(200, "NOOP")
    assert "\x1b" not in "\n".join(server.system_log() + server.tls_log())


def test_a_flood_of_commands_during_a_transfer_is_bounded(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=["Workers 1"])
    with server.client("TLSv1.3", timeout=20).begin() as client:
        connection = client.data()
        client.expect(150, "STOR up")
        stream = connection.handshake()
        stream.write(b"x" * 1000)
        flood = b"PWD\r\n" * 200
        client.control.timeout = 0.5

        def pour() -> None:
            for _ in range(20_000):
                client.send(flood)

        with pytest.raises(TimeoutError):
            pour()
        worker = workers(server)[0]
        ticks = int(Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()[11])
        assert ticks < 10 * os.sysconf("SC_CLK_TCK")
        stream.close("rst")


def test_failed_logins_are_counted_and_end_the_session(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=["MaxLoginAttempts 3"])
    with server.client("TLSv1.3") as client:
        client.connect()
        client.auth()
        for name in ("alice", "nobody-here", "alice"):
            assert client.expect(331, f"USER {name}").text == f"Password required for {name}"
            assert client.expect(530, "PASS wrong").text == "Login incorrect."
        client.expect_end()


def test_secrets_are_in_no_log(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=["DebugLevel 10", "Trace DEFAULT:20"])
    with server.client("TLSv1.3") as client:
        client.connect()
        client.auth()
        client.expect(331, "USER alice")
        client.expect(530, "PASS hunter2-is-wrong")
        client.login()
        client.quit()
    text = "\n".join(server.system_log() + server.tls_log()) + server.files.stderr.read_text()
    assert "hunter2" not in text
    assert "PASS secret" not in text

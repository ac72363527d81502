"""The seeds' questions about data connections: reuse, protection, directories that cannot be seen, speed."""

from __future__ import annotations

import shutil
import ssl
import time
from pathlib import Path

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.clients.base import run
from tests.clients.command_line import curl_cannot_clear
from tests.seeds.support import (
    NO_REUSE,
    REUSE_REFUSED,
    UNABLE_DATA,
    in_order,
    lftp,
    link,
    refused_transfer,
)

PROT_REFUSED = "PROT: unwilling to accept security parameter (C), declining"


@pytest.mark.parametrize("command", ["STOR up.txt", "RETR hello.txt", "LIST"])
def test_i_cannot_upload_or_download_files_or_list_directories_425(
    ftps_server: ServerFactory, tls_version: str, command: str
) -> None:
    server = ftps_server(tls=["TLSRequired on"])
    server.give("hello.txt", b"hello")
    with server.client(tls_version).begin() as client:
        assert refused_transfer(client, command) == UNABLE_DATA
        client.quit()
    in_order(server.tls_log(), REUSE_REFUSED)


def test_425_cure_no_session_reuse_required(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(tls=["TLSRequired on", NO_REUSE])
    server.give("hello.txt", b"hello")
    with server.client(tls_version).begin() as client:
        for command in ("RETR hello.txt", "LIST"):
            connection = client.data()
            client.expect(150, command)
            assert b"hello" in connection.handshake(reuse=False).read_all()
            connection.close()
            client.expect(226)
    assert not any("did not reuse" in line for line in server.tls_log())


def test_425_does_not_come_to_a_client_that_resumes(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(tls=["TLSRequired on"])
    with server.client(tls_version).begin() as client:
        client.store("STOR hello.txt", b"hello")
        assert client.retrieve("RETR hello.txt") == b"hello"
        assert b"hello.txt" in client.retrieve("LIST")


def reply_codes(server: RunningServer, version: str) -> dict[str, int]:
    """What a login in clear, and LIST under TLS without and with PROT P, are answered."""
    codes = {}
    with server.client(tls=False) as client:
        client.connect()
        codes["USER in clear"] = client.command("USER alice").code
    with server.client(version) as client:
        client.connect()
        client.auth()
        codes["USER under TLS"] = client.command("USER alice").code
        client.expect(230, "PASS secret")
        client.data()
        codes["LIST in clear"] = client.command("LIST").code
        if codes["LIST in clear"] == 150:
            client.expect(226)
        codes["PROT P"] = client.command("PROT P").code
    return codes


@pytest.mark.parametrize(("required", "codes"), [
    ("on", (550, 331, 522, 200)), ("off", (331, 331, 150, 200)), ("data", (331, 331, 522, 200)),
    ("ctrl", (550, 331, 150, 200)), ("auth+data", (550, 331, 522, 200)), ("!data", (331, 331, 150, 534)),
])
def test_does_ftps_protect_both_the_control_connection_and_the_data_connections(
    ftps_server: ServerFactory, tls_version: str, required: str, codes: tuple[int, ...]
) -> None:
    server = ftps_server(tls=[f"TLSRequired {required}", NO_REUSE])
    found = reply_codes(server, tls_version)
    assert tuple(found.values()) == codes, found


def test_i_can_login_but_cannot_see_directories_because_the_client_asks_for_prot_c(
    ftps_server: ServerFactory, tmp_path: Path
) -> None:
    """lftp that is told not to protect data; `TLSRequired on` refuses, `TLSRequired auth` is the cure."""
    settings = [
        "set ftp:ssl-force yes", "set ftp:ssl-protect-data no", "set ftp:ssl-protect-list no",
        "set ftp:ssl-data-use-keys no",
    ]
    strict = ftps_server(tls=["TLSRequired on"])
    opening = f"open -u alice,secret ftp://localhost:{strict.port}"
    done = lftp(strict, tmp_path, *settings, opening, "cls")
    assert done.returncode != 0
    assert PROT_REFUSED in strict.wait_for_log("PROT: ")
    for cure in ("TLSRequired auth", "TLSRequired !data"):
        lenient = ftps_server(tls=[cure])
        lenient.give("hello.txt", b"hello")
        opening = f"open -u alice,secret ftp://localhost:{lenient.port}"
        done = lftp(lenient, tmp_path, *settings, opening, "cls")
        assert "hello.txt" in done.stdout, done.stderr
        assert any("connection accepted" in line for line in lenient.tls_log())


@pytest.mark.parametrize(
    ("required", "code"), [("on", 534), ("auth+data", 534), ("auth", 200), ("!data", 200)])
def test_i_can_login_but_cannot_see_directories_prot_c_reply(
    ftps_server: ServerFactory, tls_version: str, required: str, code: int
) -> None:
    server = ftps_server(tls=[f"TLSRequired {required}"])
    with server.client(tls_version) as client:
        client.connect()
        client.auth()
        client.login()
        client.expect(200, "PBSZ 0")
        client.expect(code, "PROT C")
    assert any(PROT_REFUSED in line for line in server.tls_log()) == (code == 534)


def test_i_can_login_but_cannot_see_directories_for_want_of_reuse(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server()
    with server.client(tls_version).begin() as client:
        assert refused_transfer(client, "LIST") == UNABLE_DATA
        assert client.retrieve("LIST") == b"", "the session goes on, and resumption is all that was missing"
    in_order(server.tls_log(), REUSE_REFUSED)


def test_after_uploading_a_very_large_file_my_next_directory_listing_fails(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    """An upload longer than the lifetime of sessions (1 s): the listing after it works nevertheless."""
    server = ftps_server(tls=["TLSRequired on"], directives=["TLSSessionCache internal: 1"])
    with server.client(tls_version).begin() as client:
        with client.transfer("STOR large") as stream:
            for _ in range(4):
                stream.write(bytes(65536))
                time.sleep(0.6)
        assert b"large" in client.retrieve("LIST")
    assert not any("did not reuse" in line for line in server.tls_log())


def test_after_uploading_a_very_large_file_with_the_configuration_of_the_answer(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server(
        tls=["TLSRequired on", "TLSRenegotiate ctrl 1500 timeout 300"],
        directives=["TLSSessionCache internal: 1800"])
    with server.client(tls_version).begin() as client:
        client.store("STOR large", bytes(5_000_000))
        assert b"large" in client.retrieve("LIST")


def read_all_raw(client: ScriptedClient, command: str) -> tuple[bytes, bytes]:
    """A download whose TLS we do ourselves: what came over the wire, and what it means."""
    stream = client.data().establish()
    client.expect(150, command)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    assert client.context is not None
    tls = client.context.wrap_bio(incoming, outgoing, server_hostname="localhost",
                                  session=client.next_session())
    raw, plain = bytearray(), bytearray()
    shaken = False
    while True:
        try:
            if not shaken:
                tls.do_handshake()
                shaken = True
            while piece := tls.read(65536):
                plain += piece
            break
        except ssl.SSLWantReadError:
            stream.socket.sendall(outgoing.read())
            data = stream.socket.recv(1 << 20)
            raw += data
            incoming.write(data)
        except ssl.SSLZeroReturnError:
            break
    stream.socket.close()
    client.expect(226)
    return bytes(raw), bytes(plain)


def record_sizes(raw: bytes) -> list[int]:
    """The sizes of the application data records (RFC 8446 5.1) in a stream of TLS."""
    sizes, at = [], 0
    while at + 5 <= len(raw):
        length = int.from_bytes(raw[at + 3:at + 5], "big")
        if raw[at] == 23:
            sizes.append(length)
        at += 5 + length
    return sizes


def test_sometimes_my_encrypted_transfers_are_slow(ftps_server: ServerFactory, tls_version: str) -> None:
    """No buffer size to be tuned at build time: downloads come in TLS records of the full 16 KiB."""
    server = ftps_server(tls=["TLSRequired on"])
    content = bytes(range(256)) * 16384
    server.give("big.bin", content)
    with server.client(tls_version).begin() as client:
        raw, plain = read_all_raw(client, "RETR big.bin")
    assert plain == content
    full = [size for size in record_sizes(raw) if size >= 16384]
    assert len(full) == len(content) // 16384


@pytest.mark.parametrize("prot", ["C", "P"])
def test_sessions_through_my_firewall_no_longer_work_cure_passive_ports(
    ftps_server: ServerFactory, tls_version: str, prot: str
) -> None:
    server = ftps_server(tls=["TLSRequired auth"], directives=["PassivePorts 42000 42199"])
    server.give("hello.txt", b"hello")
    with server.client(tls_version).begin() as client:
        client.protect("C" if prot == "C" else "P")
        for mode in ("EPSV", "PASV"):
            connection = client.data("EPSV" if mode == "EPSV" else "PASV")
            port = connection.establish().socket.getpeername()[1]
            assert 42000 <= port <= 42199
            connection.close("fin")


def test_sessions_through_my_firewall_no_longer_work_cure_ccc(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    """After CCC the 227 is there for a firewall to read; USER and PASS were not."""
    server = ftps_server(tls=["TLSRequired auth+data"])
    server.give("hello.txt", b"hello")
    with server.client(tls_version).begin() as client:
        client.clear_control()
        assert client.control.tls is None, "from here on the client itself reads clear text"
        assert client.retrieve("RETR hello.txt", mode="PASV") == b"hello"
        client.store("STOR up.txt", b"up", mode="PORT")
        client.expect(534, "AUTH TLS")
    assert (server.home() / "up.txt").read_bytes() == b"up"
    in_order(server.tls_log(), "received CCC, clearing control channel protection")


def test_sessions_through_my_firewall_ccc_needs_auth_data(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired on"])
    with server.client().begin() as client:
        client.expect(534, "CCC")
    in_order(server.tls_log(), "CCC: unwilling to accept security parameters")


@pytest.mark.parametrize("mode", ["passive", "active"])
def test_sessions_through_my_firewall_ccc_with_curl(
    ftps_server: ServerFactory, tmp_path: Path, mode: str
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed (package curl)")
    if reason := curl_cannot_clear():
        pytest.skip(reason)
    server = ftps_server(tls=["TLSRequired auth+data"])
    server.give("hello.txt", b"hello")
    command = [
        "curl", "-sS", "--ssl-reqd", "--ftp-ssl-ccc-mode", mode, "--cacert", str(server.authority), "-u",
        "alice:secret", "--max-time", "20", f"ftp://{link(server).netloc}/hello.txt",
    ]
    assert run(command, tmp_path).stdout == "hello"
    assert server.wait_for_log("received CCC, clearing control channel protection")


def test_the_server_listens_for_nobody_in_clear_on_a_private_data_connection(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    """The client that "appears to hang": it sends plain data where TLS was agreed, and is told so."""
    server = ftps_server()
    with server.client(tls_version).begin() as client:
        stream = client.data().establish()
        client.expect(150, "STOR plain.txt")
        stream.write(b"plain text, no handshake")
        client.expect(425)
        client.quit()
    assert not (server.home() / "plain.txt").exists()

"""The end of an upload is a value (DESIGN.md 5.1): 226 only when all of it is there, and a rule for the
rest.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer

DATA = bytes(range(256)) * 400


def begin_upload(server: RunningServer, version: str, name: str = "up.bin"):  # type: ignore[no-untyped-def]  # noqa: ANN201
    client = server.client(version).begin()
    connection = client.data()
    client.expect(150, f"STOR {name}")
    stream = connection.handshake()
    return client, connection, stream


@pytest.mark.parametrize(("ending", "code"), [("rst", 426), ("fin", 426), ("notify", 226)])
def test_only_close_notify_makes_an_upload_complete(
    ftps_server: ServerFactory, tls_version: str, ending: str, code: int
) -> None:
    server = ftps_server()
    client, connection, stream = begin_upload(server, tls_version)
    stream.write(DATA)
    connection.close(ending)
    client.expect(code)
    if code == 226:
        assert (server.home() / "up.bin").read_bytes() == DATA
    client.quit()


def test_a_record_cut_in_the_middle_is_never_226(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(directives=["UploadEnd lenient"])
    client, connection, stream = begin_upload(server, tls_version)
    stream.write(DATA)
    stream.write_raw(b"\x17\x03\x03\x01\x00partial")
    connection.close("fin")
    client.expect(426)


def test_a_client_that_closes_its_half_and_reads_on_sees_no_error(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server(directives=["UploadEnd lenient"])
    client, connection, stream = begin_upload(server, tls_version)
    stream.write(DATA)
    stream.socket.shutdown(socket.SHUT_WR)
    assert stream.read_all() == b"", "close_notify, and no alert before it"
    client.expect(226)
    connection.close("fin")


@pytest.mark.parametrize(("policy", "code"), [("strict", 426), ("observed", 226), ("lenient", 226)])
def test_clients_that_never_send_close_notify(
    ftps_server: ServerFactory, tls_version: str, policy: str, code: int
) -> None:
    server = ftps_server(directives=[f"UploadEnd {policy}"])
    with server.client(tls_version).begin() as client:
        client.retrieve("LIST", ending="fin")
        connection = client.data()
        client.expect(150, "STOR up.bin")
        stream = connection.handshake()
        stream.write(DATA)
        connection.close("fin")
        client.expect(code)
        assert (server.home() / "up.bin").read_bytes() == DATA


@pytest.mark.parametrize(("directives", "kept"), [
    ([], True), (["DeleteAbortedStores on"], False), (["HiddenStores on"], False),
    (["HiddenStores on", "DeleteAbortedStores off"], True),
])
def test_the_fate_of_a_partial_file(
    ftps_server: ServerFactory, tls_version: str, directives: list[str], kept: bool
) -> None:
    server = ftps_server(directives=directives)
    old = server.give("up.bin", b"old") if "HiddenStores on" in directives else None
    client, connection, stream = begin_upload(server, tls_version)
    stream.write(DATA)
    connection.close("rst")
    client.expect(426)
    left = sorted(path.name for path in server.home().iterdir())
    if old is not None:
        assert old.read_bytes() == b"old"
        assert left == ([".in.up.bin.", "up.bin"] if kept else ["up.bin"])
    else:
        assert left == (["up.bin"] if kept else [])
    client.quit()


@pytest.mark.parametrize("overwrite", ["on", "off"])
def test_a_hidden_file_that_is_there_is_named(ftps_server: ServerFactory, tls_version: str, overwrite: str) -> None:
    """As in ProFTPD: somebody uploads, or a server was killed; of the file itself there is nothing to say."""
    server = ftps_server(directives=["HiddenStores on", f"AllowOverwrite {overwrite}"])
    server.give("sub/.in.up.bin.", b"half")
    with server.client(tls_version).begin() as client:
        client.expect(250, "CWD sub")
        for name in ("up.bin", "/sub/up.bin"):
            connection = client.data()
            reply = client.command(f"STOR {name}")
            connection.close("fin")
            text = f"550 {name}: Temporary hidden file /sub/.in.up.bin. already exists"
            assert str(reply).startswith(text)
    assert [path.name for path in (server.home() / "sub").iterdir()] == [".in.up.bin."]


def test_hidden_stores_show_the_file_only_when_it_is_complete(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server(directives=["HiddenStores on"])
    client, connection, stream = begin_upload(server, tls_version)
    stream.write(DATA)
    client.expect(200, "NOOP")
    assert not (server.home() / "up.bin").exists()
    connection.close()
    client.expect(226)
    assert (server.home() / "up.bin").read_bytes() == DATA


def test_a_client_that_closes_without_reading_loses_no_byte(ftps_server: ServerFactory) -> None:
    """A TLS 1.3 client that only writes: unread tickets would make its kernel send RST (clients.md 1)."""
    server = ftps_server()
    for size in (0, 1, 100, 70_000, 3_000_000):
        with server.client("TLSv1.3").begin() as client:
            connection = client.data()
            client.expect(150, "STOR up.bin")
            stream = connection.handshake()
            stream.write(b"z" * size)
            connection.close("notify-nowait")
            client.expect(226)
            assert (server.home() / "up.bin").stat().st_size == size


def test_abor_ends_an_upload_with_426_and_226(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server()
    client, connection, stream = begin_upload(server, tls_version)
    stream.write(DATA)
    client.expect(426, "ABOR")
    client.expect(226)
    client.expect(257, "PWD")
    connection.close("rst")
    client.store("STOR again.bin", DATA)
    client.expect(226, "ABOR")
    client.quit()


@pytest.mark.parametrize("urgent", [b"\xff\xf4\xff\xf2", b"\xff\xf4", b""])
def test_abor_in_clear_with_telnet_synch(ftps_server: ServerFactory, urgent: bytes) -> None:
    server = ftps_server(without_tls=True)
    with server.client(tls=False).begin() as client:
        connection = client.data()
        client.expect(150, "STOR up.bin")
        connection.establish().write(DATA)
        sock = client.control.socket
        if urgent:
            sock.send(urgent[:-1])
            sock.send(urgent[-1:], socket.MSG_OOB)
        client.send(b"ABOR\r\n")
        client.expect(426)
        client.expect(226)
        client.expect(257, "PWD")


def test_stat_and_noop_during_a_transfer(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server()
    client, connection, stream = begin_upload(server, tls_version)
    stream.write(DATA)
    client.expect(200, "NOOP")
    status = client.expect(211, "STAT")
    assert any("bytes so far" in line for line in status.lines)
    client.send_line("PWD")
    connection.close()
    client.expect(226)
    client.expect(257)
    client.quit()


def test_a_vanished_client_leaves_its_partial_file_and_no_session(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server(directives=["DeleteAbortedStores on"])
    client, _connection, stream = begin_upload(server, tls_version)
    stream.write(DATA)
    linger = struct.pack("ii", 1, 0)
    for sock in (client.control.socket, stream.socket):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        sock.close()
    server.wait_for_log("FTP session closed", log="system")
    assert not (server.home() / "up.bin").exists()


def test_a_stalled_upload_ends_by_its_timer(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(directives=["TimeoutStalled 1"])
    client, _connection, stream = begin_upload(server, tls_version)
    stream.write(DATA)
    client.expect(426)
    client.expect(421)
    client.expect_end()


@pytest.mark.root
def test_a_full_disk_is_452_and_the_session_goes_on(
    ftps_server: ServerFactory, tls_version: str, small_disk: Path
) -> None:
    server = ftps_server(directives=[f"DefaultRoot {small_disk}", "DeleteAbortedStores on"])
    client, connection, stream = begin_upload(server, tls_version)
    try:
        for _ in range(40):
            stream.write(DATA)
    except OSError:
        pass
    assert client.expect(452).text == "Transfer aborted. No space left on device"
    connection.close("rst")
    assert list(small_disk.iterdir()) == []
    client.quit()


def test_rest_and_appe_continue_where_the_upload_broke_off(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server()
    client, connection, stream = begin_upload(server, tls_version)
    stream.write(DATA[:5000])
    connection.close("rst")
    client.expect(426)
    size = int(client.expect(213, "SIZE up.bin").text)
    client.expect(350, f"REST {size}")
    client.store("STOR up.bin", DATA[size:60_000])
    client.store("APPE up.bin", DATA[60_000:])
    assert (server.home() / "up.bin").read_bytes() == DATA
    client.quit()


def test_a_refused_data_connection_leaves_the_old_file_alone(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server()
    old = server.give("up.bin", b"precious")
    with server.client(tls_version).begin() as client:
        connection = client.data()
        client.expect(150, "STOR up.bin")
        connection.handshake(reuse=False)
        client.expect(425)
        connection = client.data()
        client.expect(150, "STOR new.bin")
        connection.handshake(reuse=False)
        client.expect(425)
    assert old.read_bytes() == b"precious"
    assert not (server.home() / "new.bin").exists()

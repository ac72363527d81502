"""Limits in number, size and pace at work: their replies, and that they hold across workers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ftpsd.testing.client import ConnectionEnded, ScriptedClient, UnexpectedReply, parse_epsv
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse

USERS = (User("alice"), User("bob", gid=4001))
SORRY = "530 Sorry, the maximum number of "
HOSTS = {
    "clients": "MaxClients 1",
    "message": 'MaxClients 1 "Only %m of us"',
    "host": "MaxClientsPerHost 1",
    "user": "MaxClientsPerUser 1",
    "class": "MaxClientsPerClass loc 1\nMaxClientsPerClass other 9",
    "hosts": "MaxHostsPerUser 1",
    "connections": "MaxConnectionsPerHost 1",
    "some": "<IfUser bob>\nMaxClientsPerUser 1\n</IfUser>",
    "password": "MaxPasswordSize 5",
    "rate": "MaxCommandRate 4 2",
    "faster": "MaxCommandRate 10 2",
    "faster and shorter": "MaxCommandRate 10 2\nTimeoutSession 60",
    "store": "AllowOverwrite on\nAllowStoreRestart on\nMaxStoreFileSize 20 B\nMaxStoreFileSize * user bob",
    "huge": "AllowOverwrite on\nMaxStoreFileSize 8388608 Tb",
    "hidden": "HiddenStores on\nAllowOverwrite on\nMaxStoreFileSize 20 B",
    "retrieve": "AllowForeignAddress on\nMaxRetrieveFileSize 20 B\nMaxRetrieveFileSize 1 Kb group staff",
    "per host": 'MaxTransfersPerHost STOR,RETR 1',
    "per user": 'AllowOverwrite on\nMaxTransfersPerUser STOR 1 "%m is enough"',
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per limit, two workers."""
    sections = "<Class loc>\nFrom 127.0.0.0/8\n</Class>\n"
    with serving(ftps_certificates, HOSTS, users=USERS, directives=("Workers 2",), sections=sections) as running:
        yield running


@pytest.mark.parametrize(("name", "second", "answer"), [
    ("clients", "bob", SORRY + "allowed clients (1) are already connected."),
    ("message", "bob", "530 Only 1 of us"),
    ("host", "bob", SORRY + "clients (1) from your host are already connected."),
    ("user", "alice", SORRY + "clients (1) for this user are already connected."),
    ("user", "bob", "230 User bob logged in"),
    ("class", "bob", SORRY + "clients (1) from your class are already connected."),
    ("hosts", "alice", "230 User alice logged in"),
    ("some", "alice", "230 User alice logged in"),
])
def test_the_second_login(hosts: Hosts, name: str, second: str, answer: str) -> None:
    first = hosts.logged_in(name)
    late = hosts.connected(name)
    late.expect(331, f"USER {second}")
    assert str(late.command("PASS secret")) == answer
    if answer.startswith("530"):
        late.expect_end()
    else:
        late.quit()
    first.quit()
    again = hosts.logged_in(name)
    again.quit()


def test_a_wrong_password_is_not_told_that_it_is_full(hosts: Hosts) -> None:
    first = hosts.logged_in("clients")
    late = hosts.connected("clients")
    late.expect(331, "USER bob")
    assert str(late.command("PASS wrong")) == "530 Login incorrect."
    late.quit()
    first.quit()


def test_connections(hosts: Hosts) -> None:
    first = hosts.connected("connections")
    late = hosts.client("connections")
    with pytest.raises(UnexpectedReply, match=r"530 Sorry, the maximum number of connections \(1\) for your host are"):
        late.connect()
    late.expect_end()
    first.quit()
    hosts.connected("connections").quit()


def test_long_passwords_are_wrong(hosts: Hosts) -> None:
    client = hosts.connected("password")
    client.expect(331, "USER alice")
    assert str(client.command("PASS secret")) == "530 Login incorrect."
    client.quit()


def test_commands_beyond_the_rate_wait(hosts: Hosts) -> None:
    began = time.monotonic()
    client = hosts.logged_in("rate")
    for _ in range(5):
        client.expect(200, "NOOP")
    assert 1.2 < time.monotonic() - began < 4
    client.close()


def test_a_client_that_sends_nothing_more_is_not_faster(hosts: Hosts) -> None:
    client = hosts.logged_in("rate")
    began = time.monotonic()
    client.send(b"NOOP\r\n" * 10)
    client.control.socket.shutdown(socket.SHUT_WR)
    for _ in range(10):
        client.expect(200)
    assert time.monotonic() - began > 3
    client.expect_end()


@pytest.mark.parametrize("version", [None, "TLSv1.2", "TLSv1.3"])
def test_commands_beyond_the_rate_wait_for_the_end_of_a_transfer(
    hosts: Hosts, version: str | None
) -> None:
    """Answered there they would be without bound; and the data waits for nobody."""
    with hosts.server.give("huge.bin").open("r+b") as stream:
        stream.truncate(20_000_000)
    client = hosts.client("faster", version).begin()
    connection = client.data()
    client.expect(150, "RETR huge.bin")
    data = connection.handshake() if version is not None else connection.establish()
    assert data.read(1000)
    time.sleep(0.5)  # some may come at once
    client.send(b"NOOP\r\n" * 20)
    client.expect(200)
    while data.read():
        pass
    data.close()
    codes = [client.read_reply().code for _ in range(20)]
    assert codes.count(200) == 19
    assert codes.index(226) < 10
    client.quit()


@pytest.mark.parametrize("version", [None, "TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize(("name", "connected"), [("faster", True), ("faster and shorter", True), ("faster", False)])
def test_commands_beyond_the_rate_are_answered_in_their_time_within_a_transfer(
    hosts: Hosts, version: str | None, name: str, connected: bool
) -> None:
    """Although the client sends nothing more, whether the data connection stands already or is still to come."""
    with hosts.server.give("huge.bin").open("r+b") as stream:
        stream.truncate(20_000_000)
    client = hosts.client(name, version).begin()
    port = parse_epsv(client.expect(229, "EPSV").text)
    began = time.monotonic()
    if not connected:
        client.send(b"RETR huge.bin\r\n")
    else:
        connection = client.connect_data(client.host, port)
        client.expect(150, "RETR huge.bin")
        data = connection.handshake() if version is not None else connection.establish()
        assert data.read(1000)
    client.send(b"NOOP\r\n" * 14 + b"PWD\r\n")
    for _ in range(14):
        client.expect(200)
    assert time.monotonic() - began > 0.9
    if not connected:
        connection = client.connect_data(client.host, port)
        client.expect(150)
        data = connection.handshake() if version is not None else connection.establish()
    while data.read():
        pass
    data.close()
    client.expect(226)
    client.expect(257)
    client.quit()


def test_abor_is_not_bound_to_the_rate(hosts: Hosts) -> None:
    with hosts.server.give("huge.bin").open("r+b") as stream:
        stream.truncate(20_000_000)
    client = hosts.client("rate").begin()
    connection = client.data()
    client.expect(150, "RETR huge.bin")
    assert connection.establish().read(1000)
    began = time.monotonic()
    client.send(b"NOOP\r\nNOOP\r\nNOOP\r\nABOR\r\n")
    while (reply := client.read_reply()).code == 200:
        pass
    assert reply.code == 426
    client.expect(226)
    assert time.monotonic() - began < 1
    client.close()


def test_uploads_that_grow_too_large(hosts: Hosts) -> None:
    client = hosts.logged_in("store")
    client.expect(200, "TYPE I")
    path = hosts.server.home() / "up"
    converse(client, """
        > STOR up => 150 BINARY: up; 226 Transfer complete
        > APPE up => 150 BINARY: up; 552 Transfer aborted. File too large
        REST 10 => 350 Restarting at 10. Send STORE or RETRIEVE to initiate transfer
        > STOR up => 150 BINARY: up; 552 Transfer aborted. File too large
    """, data=b"0123456789abcdef")
    assert path.read_bytes() == b"01234567890123456789"
    converse(client, "> STOR up => 150 BINARY: up; 226 Transfer complete", data=b"x" * 20)
    converse(client, "> STOR up => 150 BINARY: up; 552 Transfer aborted. File too large", data=b"y" * 21)
    assert path.read_bytes() == b"y" * 20
    client.quit()
    other = hosts.logged_in("store", "bob")
    converse(other, "> STOR up => 150 ASCII: up; 226 Transfer complete", data=b"x" * 2000)
    other.quit()


def test_a_bound_beyond_what_a_file_can_have(hosts: Hosts) -> None:
    client = hosts.logged_in("huge")
    converse(client, "> STOR huge => 150 ASCII: huge; 226 Transfer complete", data=b"x" * 20)
    assert (hosts.server.home() / "huge").stat().st_size == 20
    client.quit()


def test_a_hidden_upload_that_is_too_large_leaves_nothing(hosts: Hosts) -> None:
    client = hosts.logged_in("hidden")
    converse(client, "> STOR fresh => 150 ASCII: fresh; 552 Transfer aborted. File too large", data=b"x" * 100_000)
    assert not [name for name in os.listdir(hosts.server.home()) if "fresh" in name]
    client.quit()


def test_downloads_that_are_too_large(hosts: Hosts) -> None:
    hosts.server.give("small", b"x" * 20)
    hosts.server.give("large", b"x" * 21)
    client = hosts.logged_in("retrieve")
    client.expect(200, "TYPE I")
    converse(client, """
        < RETR small => 150 BINARY: small (20 bytes); 226 Transfer complete
        < RETR large => 150 BINARY: large (21 bytes); 426 Transfer aborted. Operation not permitted
        NOOP => 200 NOOP command successful
    """)
    client.quit()


def test_a_download_that_is_too_large_has_a_clean_end(hosts: Hosts, tls_version: str) -> None:
    """Clients that meet a broken TLS connection (Python's ftplib) tell of that, and leave the 426 unread."""
    hosts.server.give("large", b"x" * 21)
    client = hosts.client("retrieve", tls_version).begin()
    for _ in range(2):
        connection = client.data()
        client.expect(150, "RETR large")
        assert connection.handshake().read_all() == b""
        connection.close()
        client.expect(426)
    client.quit()


def test_another_server_does_not_take_a_download_that_is_too_large_for_an_empty_one(hosts: Hosts) -> None:
    hosts.server.give("large", b"x" * 21)
    client = hosts.logged_in("retrieve")
    with socket.create_server(("127.0.0.99", 0)) as listener:
        port = listener.getsockname()[1]
        client.expect(200, f"PORT 127,0,0,99,{port // 256},{port % 256}")
        client.expect(150, "RETR large")
        accepted, _ = listener.accept()
    with accepted, pytest.raises(ConnectionResetError):
        accepted.recv(1)
    client.expect(426)
    client.quit()


def test_simultaneous_transfers(hosts: Hosts) -> None:
    for name, words in (
        ("per host", "Sorry, the maximum number of data transfers (1) from your host are currently being used."),
        ("per user", "1 is enough"),
    ):
        first, second = hosts.logged_in(name), hosts.logged_in(name)
        connection = first.data()
        first.expect(150, f"STOR {name[4:]}-a")
        refused = second.data()
        assert str(second.command(f"STOR {name[4:]}-b")) == f"451 {words}"
        refused.close("fin")
        stream = connection.establish()
        stream.write(b"x")
        connection.close()
        assert first.read_reply().code == 226
        assert second.store(f"STOR {name[4:]}-b", b"x").code == 226
        first.quit()
        second.quit()


LIMIT = 12


def _enter(server: RunningServer) -> ScriptedClient | None:
    """A client that is in, or None: it was refused, by the limit."""
    client = server.client()
    client.connect()
    client.expect(331, "USER alice")
    reply = client.command("PASS secret")
    assert reply.code in (230, 530), reply
    return client if reply.code == 230 else None


@pytest.mark.parametrize("killed", [False, True], ids=["who quits", "who dies"])
def test_exactly_as_many_as_may_across_workers(ftps_server: ServerFactory, killed: bool) -> None:
    """Never more than the limit, none refused wrongly after others left or their worker was killed."""
    server = ftps_server(tls=("TLSRequired off",), directives=("Workers 4", f"MaxClients {LIMIT}"))
    with ThreadPoolExecutor(40) as pool:
        clients = list(pool.map(lambda _: _enter(server), range(40)))
        inside = [client for client in clients if client is not None]
        assert len(inside) == LIMIT
        if killed:
            victim = server.worker_of(inside[0].control.socket.getsockname()[1])
            os.kill(victim, signal.SIGKILL)
            left = [client for client in inside if _dropped(client)]
        else:
            left = inside[:5]
            for client in left:
                client.quit()
        assert left
        again = list(pool.map(lambda _: _enter(server), range(len(left))))
        assert None not in again
        assert _enter(server) is None


def _dropped(client: ScriptedClient) -> bool:
    with contextlib.suppress(ConnectionEnded, ConnectionError):
        client.expect(200, "NOOP")
        return False
    return True

"""Commands while a transfer runs: STAT and NOOP are answered, ABOR ends it, all others wait their turn."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.wire import Stream
from tests.session.hosts import Hosts, serving

SIZE = 20_000_000


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """A server with a file that does not fit into any buffer on the way."""
    with serving(ftps_certificates, {"home": ""}) as running:
        with running.server.give("huge.bin").open("r+b") as stream:
            stream.truncate(SIZE)
        running.server.give("file.txt", b"hello")
        yield running


@pytest.fixture(params=[None, "TLSv1.2", "TLSv1.3"])
def client(hosts: Hosts, request: pytest.FixtureRequest) -> Iterator[ScriptedClient]:
    """A client that is logged in, in clear or under TLS."""
    with hosts.client("home", request.param) as connected:
        yield connected.begin()


def begin(client: ScriptedClient, command: str = "RETR huge.bin") -> Stream:
    """A transfer under way: some bytes have come, most are still to come."""
    connection = client.data()
    client.expect(150, command)
    stream = connection.handshake() if client.private_data else connection.establish()
    if command.startswith("RETR"):
        assert stream.read(1000)
    return stream


def everything(stream: Stream) -> int:
    """Reads to the end, which must be a clean one; the number of bytes."""
    size = 0
    while chunk := stream.read():
        size += len(chunk)
    stream.close()
    return size


def test_stat_and_noop_are_answered_meanwhile(client: ScriptedClient) -> None:
    stream = begin(client)
    status = client.expect(211, "STAT")
    assert any("Data connection in use: " in line for line in status.lines)
    assert client.expect(200, "NOOP").text.startswith("NOOP")
    assert everything(stream) > SIZE - 1_000_000
    client.expect(226)
    assert client.expect(211, "STAT").lines[-2].strip() == "No data connection"


def test_others_wait_for_the_end_in_order(client: ScriptedClient) -> None:
    stream = begin(client)
    client.send(b"PWD\r\nSIZE file.txt\r\nXYZZY\r\n")
    client.expect(200, "NOOP")
    client.send(b"TYPE A\r\n")
    assert everything(stream) > 0
    assert [client.read_reply().code for _ in range(5)] == [226, 257, 213, 500, 200]


def test_quit_waits_for_the_end(client: ScriptedClient) -> None:
    stream = begin(client)
    client.send(b"QUIT\r\n")
    assert everything(stream) > SIZE - 1_000_000
    client.expect(226)
    client.expect(221)
    client.expect_end()


@pytest.mark.parametrize("words", [
    b"ABOR\r\n", b"\xff\xf4\xff\xf2ABOR\r\n", b"abor\r\n", b"PWD\r\nABOR\r\n",
])
@pytest.mark.parametrize("command", ["RETR huge.bin", "STOR up.bin"])
def test_abor(client: ScriptedClient, command: str, words: bytes) -> None:
    stream = begin(client, command)
    if command.startswith("STOR"):
        stream.write(b"x" * 1000)
    client.send(words)
    assert client.expect(426).text.startswith("Transfer aborted.")
    assert client.expect(226).text == "Abort successful"
    if words.startswith(b"PWD"):
        client.expect(257)
    stream.close("rst")
    assert client.retrieve("RETR file.txt") == b"hello"


MANY = b"SYST\r\n" * 300
"""More commands than anybody sends at once."""


@pytest.mark.parametrize("command", ["RETR huge.bin", "STOR up.bin"])
def test_abor_behind_many_others(client: ScriptedClient, command: str) -> None:
    stream = begin(client, command)
    client.send(MANY + b"\xff\xf4\xff\xf2ABOR\r\n")
    assert client.expect(426).text.startswith("Transfer aborted.")
    assert client.expect(226).text == "Abort successful"
    stream.close("rst")
    assert {client.read_reply().code for _ in range(300)} == {215}
    client.expect(257, "PWD")


@pytest.mark.parametrize("together", [True, False])
def test_abor_behind_many_others_without_data_connection(client: ScriptedClient, together: bool) -> None:
    client.expect(229, "EPSV")
    if together:
        client.send(b"RETR file.txt\r\n" + MANY + b"ABOR\r\n")
    else:
        client.send(b"RETR file.txt\r\n" + MANY)
        client.expect(200, "NOOP")  # it waits for the connection by now
        client.send(b"ABOR\r\n")
    client.expect(426)
    assert client.expect(226).text == "Abort successful"
    assert {client.read_reply().code for _ in range(300)} == {215}
    client.expect(257, "PWD")


def test_commands_that_wait_have_a_bound(client: ScriptedClient) -> None:
    """What is beyond it is read later, and nothing of it is lost."""
    stream = begin(client)
    client.send(b"SYST\r\n" * 3000)
    assert everything(stream) > SIZE - 1_000_000
    client.expect(226)
    assert {client.read_reply().code for _ in range(3000)} == {215}


@pytest.mark.parametrize("command", ["LIST nothere", "LIST"])
def test_abor_of_a_listing_without_data_connection(client: ScriptedClient, command: str) -> None:
    client.expect(227, "PASV")
    client.send(command.encode() + b"\r\n")
    client.send(b"ABOR\r\n")
    client.expect(426)
    assert client.expect(226).text == "Abort successful"
    client.expect(200, "NOOP")


def test_abor_twice_and_after_the_end(client: ScriptedClient) -> None:
    """A second one finds nothing to abort, and the next command finds the session in order."""
    stream = begin(client)
    client.send(b"ABOR\r\nABOR\r\n")
    assert [client.read_reply().code for _ in range(3)] == [426, 226, 226]
    stream.close("rst")
    assert client.retrieve("RETR file.txt") == b"hello"
    assert client.expect(226, "ABOR").text == "Abort successful"
    client.expect(229, "EPSV")
    client.expect(226, "ABOR")
    client.expect(425, "RETR file.txt")  # ABOR takes back what EPSV announced
    client.expect(257, "PWD")


def test_abor_with_a_synch_as_urgent_data(hosts: Hosts) -> None:
    """Telnet's IP, then DM as urgent data, then ABOR (RFC 959 section 4.1.3), in clear."""
    with hosts.client("home").begin() as client:
        for _ in range(2):
            stream = begin(client)
            client.control.socket.send(b"\xff\xf4\xff")
            client.control.socket.send(b"\xf2", socket.MSG_OOB)
            client.send(b"ABOR\r\n")
            client.expect(426)
            client.expect(226)
            stream.close("rst")
            assert client.retrieve("RETR file.txt") == b"hello"


def test_a_client_that_resets_the_data_connection(client: ScriptedClient) -> None:
    stream = begin(client)
    stream.close("rst")
    assert client.expect(426).text.startswith("Transfer aborted.")
    assert client.retrieve("RETR file.txt") == b"hello"

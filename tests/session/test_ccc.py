"""CCC: the control connection goes back to clear, with every kind of client (clients.md 5), and what then holds."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse

HOSTS = {"off": "TLSRequired off", "auth+data": "TLSRequired auth+data", "on": "TLSRequired on"}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """Hosts that allow CCC, and one that does not."""
    with serving(ftps_certificates, HOSTS, tls=()) as running:
        running.server.give("file.txt", b"hello")
        yield running


def answers_close_notify(client: ScriptedClient) -> None:
    """close_notify both ways, as RFC 4217 has it."""
    client.clear_control()


def waits_for_close_notify(client: ScriptedClient) -> None:
    """Takes the server's close_notify and sends none."""
    client.clear_control(notify=False)


def goes_on_at_once(client: ScriptedClient) -> None:
    """Sends the next command in clear as soon as the 200 is there, without any close_notify."""
    client.expect(200, "CCC")
    client.control.tls = None
    assert client.expect(257, "PWD").text == '"/" is the current directory'


def sends_close_notify_and_command_together(client: ScriptedClient) -> None:
    """close_notify and the next command in one segment."""
    client.expect(200, "CCC")
    stream = client.control
    assert stream.tls is not None
    with pytest.raises(ssl.SSLWantReadError):
        stream.tls.unwrap()
    stream.write_raw(stream._outgoing.read() + b"PWD\r\n")
    client._buffer += stream.end_tls()
    client.expect(257)


HABITS = (
    answers_close_notify, waits_for_close_notify, goes_on_at_once, sends_close_notify_and_command_together,
)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.__name__)
def test_after_ccc(hosts: Hosts, version: str, habit: Callable[[ScriptedClient], None]) -> None:
    with hosts.client("off", version).begin() as client:
        assert client.retrieve("RETR file.txt") == b"hello"
        habit(client)
        assert client.control.tls is None
        converse(client, """
            PWD => 257 "/" is the current directory
            CCC => 533 CCC not allowed on insecure control connection [control-not-protected]
            AUTH TLS => 534 Unwilling to accept security parameters [auth-after-ccc]
            PBSZ 0 => 503 PBSZ not allowed on insecure control connection [control-not-protected]
            PASV => 227 Entering Passive Mode (127,0,0,2,PORT).
            PROT C => 200 Protection set to Clear
        """)
        client.private_data = False
        assert client.retrieve("RETR file.txt") == b"hello"
        client.expect(200, "PROT P")
        connection = client.data()
        client.expect(150, "RETR file.txt")
        stream = connection.handshake(reuse=False)
        assert not stream.resumed
        assert stream.read_all() == b"hello"
        connection.close()
        client.expect(226)
        client.quit()
    hosts.server.wait_for_log("received CCC, clearing control channel protection")
    hosts.server.wait_for_log("Unwilling to accept AUTH after CCC for this session")


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_prot_keeps_its_value(hosts: Hosts, version: str) -> None:
    with hosts.client("auth+data", version).begin() as client:
        client.clear_control()
        assert client.private_data
        assert client.retrieve("RETR file.txt") == b"hello"
        converse(client, "PROT C => 534 Unwilling to accept security parameters [prot-refused]")
        client.store("STOR up", b"hello")
        client.quit()


def test_commands_behind_ccc_in_one_burst_were_protected_and_are_answered_in_clear(hosts: Hosts) -> None:
    with hosts.client("off", "TLSv1.3").begin() as client:
        client.send(b"CCC\r\nPWD\r\n")
        client.expect(200)
        client._buffer += client.control.end_tls()
        client.expect(257)
        converse(client, "NOOP => 200 NOOP command successful")


def test_where_ccc_is_refused(hosts: Hosts) -> None:
    with hosts.client("on", "TLSv1.3").begin() as client:
        converse(client, """
            CCC => 534 Unwilling to accept security parameters [ccc-refused]
            NOOP => 200 NOOP command successful
        """)
        assert client.control.version == "TLSv1.3"
    with hosts.client("off", "TLSv1.3") as client:
        client.connect()
        client.auth()
        converse(client, "CCC => 530 Please login with USER and PASS")
    hosts.server.wait_for_log(
        "CCC: unwilling to accept security parameters: TLSRequired setting does not allow for unprotected "
        "control channel")

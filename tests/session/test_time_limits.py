"""The timers of a session, with values of a second or little more, side by side so that they pass at the same time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving

HOSTS = {
    "idle": "TimeoutIdle 1",
    "login": "TimeoutLogin 1",
    "no transfer": "TimeoutNoTransfer 1",
    "longer idle": "TimeoutIdle 3",
    "longer no transfer": "TimeoutNoTransfer 3",
    "session": "TimeoutSession 2",  # a busy machine may need more than a second for a login
    "session of the user": "TimeoutSession 3600\nTimeoutSession 2 user alice\nTimeoutSession 3600 class far",
    "session of another": "TimeoutSession 3600\nTimeoutSession 1 user bob",
    "stalled": "TimeoutStalled 1",
    "linger": "TimeoutLinger 1",
    "none": "TimeoutIdle 0\nTimeoutLogin 0\nTimeoutNoTransfer 0\nTimeoutSession 0",
    "anonymous": """
        <Anonymous ~alice>
          User alice
          TimeoutIdle 1
        </Anonymous>
    """,
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per timer."""
    with serving(ftps_certificates, HOSTS) as running:
        running.server.give("big.bin", b"x" * 10_000_000)
        yield running


def ended(client: ScriptedClient, text: str) -> None:
    assert client.expect(421).text == text
    client.expect_end()


@pytest.mark.parametrize("version", [None, "TLSv1.3"])
def test_timers_end_the_session_and_say_why(hosts: Hosts, version: str | None) -> None:
    begin = time.monotonic()
    clients = {}
    for name in ("idle", "login", "no transfer", "session", "session of the user", "anonymous"):
        client = clients[name] = hosts.client(name, version)
        client.connect()
        if version is not None:
            client.auth()
        if name == "anonymous":
            client.expect(331, "USER alice")
            client.expect(230, "PASS me@example.org")
        elif name != "login":
            client.login()
    ended(clients["login"], "Login timeout (1 second): closing control connection")
    ended(clients["idle"], "Idle timeout (1 seconds): closing control connection")
    ended(clients["no transfer"], "No transfer timeout (1 seconds): closing control connection")
    for name in ("session", "session of the user"):
        ended(clients[name], "Session Timeout (2 seconds): closing control connection")
    ended(clients["anonymous"], "Idle timeout (1 seconds): closing control connection")
    assert time.monotonic() - begin >= 1


def test_what_a_timer_counts_from(hosts: Hosts) -> None:
    """Commands feed the idle timer and no other, transfers feed that of transfers, and none that of sessions."""
    names = ("longer idle", "longer no transfer", "session", "session of another", "none")
    clients = {name: hosts.logged_in(name) for name in names}
    begin = time.monotonic()
    alive = dict.fromkeys(names, True)
    while time.monotonic() - begin < 3.6:
        time.sleep(0.2)
        for name, client in clients.items():
            if not alive[name]:
                continue
            alive[name] = client.command("NOOP").code == 200
        if alive["longer no transfer"]:
            clients["longer no transfer"].retrieve("NLST")
    assert alive == {"longer idle": True, "longer no transfer": True, "session": False, "session of another": True,
                     "none": True}


def test_noop_does_not_feed_the_timer_of_transfers(hosts: Hosts) -> None:
    begin = time.monotonic()  # before the server's clock, not after it
    with hosts.logged_in("no transfer") as client:
        while (reply := client.command("NOOP")).code == 200:
            assert time.monotonic() - begin < 10
            time.sleep(0.1)
        assert reply.text.startswith("No transfer timeout (1 seconds)")
        assert time.monotonic() - begin >= 0.9


@pytest.mark.parametrize("command", ["RETR big.bin", "STOR up"])
def test_a_transfer_that_stalls(hosts: Hosts, command: str) -> None:
    with hosts.logged_in("stalled") as client:
        connection = client.data()
        begin = time.monotonic()
        client.expect(150, command)
        assert client.expect(426).text == "Transfer aborted. Data connection stalled [data-stalled]"
        assert time.monotonic() - begin >= 0.9
        assert client.expect(421).text == "Data transfer stall timeout: 1 seconds"
        client.expect_end()
        connection.close("rst")


@pytest.mark.parametrize("command", ["RETR big.bin", "STOR up"])
def test_a_client_that_never_stops_sending_commands_hides_no_stall(hosts: Hosts, command: str) -> None:
    """In clear, where a test can send and read at the same time."""
    with hosts.logged_in("stalled") as client:
        connection = client.data()
        client.expect(150, command)
        control, begin = client.control.socket, time.monotonic()

        def flood() -> None:
            with contextlib.suppress(OSError):
                while time.monotonic() - begin < 10:
                    control.send(b"NOOP\r\n" * 10_000)

        flooding = threading.Thread(target=flood)
        flooding.start()
        with contextlib.suppress(ConnectionError):  # commands that nobody reads any more reset the connection
            while control.recv(65536):
                pass
        took = time.monotonic() - begin
        flooding.join()
        assert 0.9 <= took < 10, "not as long as the flood"
        connection.close("rst")


def test_a_transfer_that_crawls_is_no_stall_and_feeds_the_idle_timer(hosts: Hosts) -> None:
    for name in ("stalled", "idle"):
        with hosts.logged_in(name) as client, client.transfer("STOR crawl") as stream:
            for _ in range(6):
                stream.write(b"x")
                time.sleep(0.25)


@pytest.mark.parametrize("version", [None, "TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("command", ["RETR big.bin", "STOR up"])
def test_the_end_of_a_session_comes_in_the_middle_of_a_transfer(
    hosts: Hosts, version: str | None, command: str
) -> None:
    with hosts.client("session", version).begin() as client:
        connection = client.data()
        client.expect(150, command)
        if version is not None:
            connection.handshake()
        assert client.expect(426).text == "Transfer aborted. Data connection closed [transfer-cut]"
        ended(client, "Session Timeout (2 seconds): closing control connection")
        connection.close("rst")


@pytest.mark.parametrize("version", [None, "TLSv1.3"])
def test_the_end_of_a_session_comes_while_it_waits_for_a_data_connection(
    hosts: Hosts, version: str | None
) -> None:
    with hosts.client("session", version).begin() as client:
        client.expect(229, "EPSV")
        begin = time.monotonic()
        client.expect(425, "LIST")
        ended(client, "Session Timeout (2 seconds): closing control connection")
        assert time.monotonic() - begin < 8


@pytest.mark.parametrize("version", [None, "TLSv1.2", "TLSv1.3"])
def test_a_client_that_never_closes_a_finished_download_does_not_keep_its_connection(
    hosts: Hosts, version: str | None
) -> None:
    """The end comes while the server waits for the next command; a byte then is answered with a reset."""
    with hosts.client("linger", version).begin() as client:
        connection = client.data()
        client.expect(150, "NLST")
        stream = connection.handshake() if version is not None else connection.establish()
        begin = time.monotonic()
        assert stream.read_all()
        client.expect(226)
        with pytest.raises((ConnectionError, TimeoutError)):  # noqa: PT012
            while time.monotonic() - begin < 8:
                stream.socket.send(b"x")
                time.sleep(0.1)
        assert 0.5 < time.monotonic() - begin < 8
        client.expect(200, "NOOP")


@pytest.mark.parametrize("version", [None, "TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("name", ["login", "session"])
def test_a_line_that_never_ends_keeps_no_timer_from_its_time(hosts: Hosts, version: str | None, name: str) -> None:
    """Before the login, and beside an upload."""
    client = hosts.client(name, version)
    if name == "login":
        client.connect()
        if version is not None:
            client.auth()
    else:
        connection = client.begin().data()
        client.expect(150, "STOR up")
        if version is not None:
            connection.handshake()
    begin = time.monotonic()
    with pytest.raises(OSError):  # noqa: PT012
        while time.monotonic() - begin < 15:
            client.control.write(b"x" * 1_000_000)
    client.close("rst")

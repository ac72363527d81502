"""What configurations say about connections: addresses told and believed, sockets, ident, long lines."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from ftpsd.data.channel import Stage
from ftpsd.session import foreign, ident
from ftpsd.session.endpoints import Ends
from ftpsd.testing.client import ScriptedClient, parse_pasv
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.ports import free_port
from tests.server.harness import until
from tests.session.hosts import Hosts, serving
from tests.session.inprocess import InProcess, one_session
from tests.session.talk import converse

HOSTS = {
    "masked": "MasqueradeAddress 192.0.2.7",
    "masked by name": "MasqueradeAddress localhost",
    "masked by interface": "MasqueradeAddress lo",
    "foreign": "AllowForeignAddress on",
    "mirrors": "AllowForeignAddress mirrors",
    "no class": "AllowForeignAddress nowhere",
    "home": "",
    "ports": "PassivePorts 40000 40999",
    "short lines": "CommandBufferSize 512",
}

MIRRORS = "<Class all>\nFrom all\n</Class>\n<Class mirrors>\nFrom 127.0.0.96/30 !127.0.0.98\nSatisfy all\n</Class>\n"
"""Of the class are 127.0.0.96, 97 and 99, though they are of the first one, too."""


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per setting."""
    with serving(ftps_certificates, HOSTS, sections=MIRRORS) as running:
        running.server.give("file.txt", b"hello\n")
        yield running


def test_the_address_that_pasv_tells(hosts: Hosts) -> None:
    for host, told in (
        ("masked", "192.0.2.7"), ("masked by name", "127.0.0.1"), ("masked by interface", "127.0.0.1"), ("home", None),
    ):
        with hosts.logged_in(host) as client:
            own = hosts.config.address_of(host)
            address, port = parse_pasv(client.expect(227, "PASV").text)
            assert address == (told or own)
            connection = client.connect_data(own, port)
            client.expect(150, "RETR file.txt")
            assert connection.establish().read_all() == b"hello\r\n"
            client.expect(226)
            assert client.retrieve("NLST", mode="EPSV") == b"file.txt\r\n"


def test_foreign_addresses_where_they_are_allowed(hosts: Hosts) -> None:
    """Both ways: the data connection of another host is let in, and another host is connected to."""
    with hosts.logged_in("foreign") as client:
        address, port = parse_pasv(client.expect(227, "PASV").text)
        with socket.create_connection((address, port), 5, source_address=("127.0.0.99", 0)) as other:
            other.settimeout(10)
            client.expect(150, "RETR file.txt")
            assert other.recv(100) == b"hello\r\n"
            client.expect(226)
        with socket.create_server(("127.0.0.98", 0)) as listener:
            listener.settimeout(10)
            port = listener.getsockname()[1]
            client.expect(200, f"PORT 127,0,0,98,{port // 256},{port % 256}")
            client.expect(150, "RETR file.txt")
            accepted, peer = listener.accept()
            with accepted:
                assert peer[0] == hosts.config.address_of("foreign")
                assert accepted.recv(100) == b"hello\r\n"
            client.expect(226)
        assert client.command("PORT 127,0,0,98,3,255").code == 500  # a low port is refused all the same


def test_foreign_addresses_where_they_are_not(hosts: Hosts) -> None:
    with hosts.logged_in("home") as client:
        address, port = parse_pasv(client.expect(227, "PASV").text)
        with socket.create_connection((address, port), 5, source_address=("127.0.0.99", 0)) as other:
            other.settimeout(10)
            assert other.recv(1) == b""
        assert client.command("PORT 127,0,0,98,200,200").code == 500
        assert client.command("EPRT |1|127.0.0.98|51400|").code == 500


def _passive_from(client: ScriptedClient, source: str) -> bytes:
    """What comes over a data connection from `source`; b"": it is closed, and the client's own is still good."""
    address, port = parse_pasv(client.expect(227, "PASV").text)
    with socket.create_connection((address, port), 5, source_address=(source, 0)) as other:
        other.settimeout(10)
        client.send_line("RETR file.txt")
        found = other.recv(100)
    if not found:
        connection = client.connect_data(address, port)
        assert connection.establish().read_all() == b"hello\r\n"
    client.expect(150)
    client.expect(226)
    return found


def test_foreign_addresses_of_a_class(hosts: Hosts) -> None:
    """It is the other address that must be of the class; the client's own is good without."""
    with hosts.logged_in("mirrors") as client:
        assert _passive_from(client, "127.0.0.99") == b"hello\r\n"
        assert _passive_from(client, "127.0.0.98") == b""
        assert hosts.server.wait_for_log("<Class mirrors> is without it [data-foreign-peer]", log="system")
        for word, code in (
            ("PORT 127,0,0,97,200,200", 200), ("PORT 127,0,0,98,200,200", 500), ("PORT 127,0,0,97,3,255", 500),
            ("PORT 127,0,0,100,200,200", 500), ("EPRT |1|127.0.0.97|51400|", 200), ("EPRT |1|127.0.0.98|51400|", 500),
            ("EPRT |2|::ffff:127.0.0.97|51400|", 200), ("EPRT |2|::1|51400|", 500), ("EPRT |1|127.0.0.97|22|", 500),
            ("PORT 127,0,0,1,200,200", 200), ("EPRT |1|127.0.0.1|51400|", 200),
        ):
            assert client.command(word).code == code, word
        with socket.create_server(("127.0.0.97", 0)) as listener:
            listener.settimeout(10)
            port = listener.getsockname()[1]
            client.expect(200, f"PORT 127,0,0,97,{port // 256},{port % 256}")
            client.expect(150, "RETR file.txt")
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(10)
                assert accepted.recv(100) == b"hello\r\n"
            client.expect(226)


def test_foreign_addresses_of_a_class_that_is_not_there(hosts: Hosts) -> None:
    with hosts.logged_in("no class") as client:
        assert _passive_from(client, "127.0.0.99") == b""
        assert client.command("PORT 127,0,0,97,200,200").code == 500
        client.expect(200, "PORT 127,0,0,1,200,200")


@contextlib.contextmanager
def asking_for_names(monkeypatch: pytest.MonkeyPatch, reverse: str = "on") -> Iterator[tuple[InProcess, list[str]]]:
    """A login where a class of names may be connected to; 127.0.0.97 is of it. And the addresses whose names were
    asked for."""
    directives = [
        "AllowForeignAddress sites", f"UseReverseDNS {reverse}", "<Class sites>", "From .example.org", "</Class>"]
    asked: list[str] = []

    def name_of(address: str) -> str:
        asked.append(address)
        return {"127.0.0.97": "a.example.org"}.get(address, address)

    with one_session(directives) as served:
        served.client.connect()
        served.client.login()
        monkeypatch.setattr(served.service.names, "of", name_of)
        yield served, asked
        served.client.quit()


@pytest.mark.parametrize("reverse", ["on", "off"])
def test_foreign_addresses_of_a_class_by_name(reverse: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked up where the class has some and UseReverseDNS is on, and only of those who are foreign."""
    with asking_for_names(monkeypatch, reverse) as (served, asked):
        good = {host: served.client.command(f"PORT 127,0,0,{host},200,200").code == 200 for host in (1, 97, 98)}
    assert good == {1: True, 97: reverse == "on", 98: False}
    assert asked == (["127.0.0.97", "127.0.0.98"] if reverse == "on" else [])


def test_who_has_waited_for_a_name_in_vain_asks_for_none_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one client could keep all threads busy that look names up."""
    with asking_for_names(monkeypatch) as (served, asked):
        monkeypatch.setattr(foreign, "_SLOW", 0.0)
        served.client.expect(200, "PORT 127,0,0,97,200,200")
        assert served.client.command("PORT 127,0,0,98,200,200").code == 500
        assert served.client.command("PORT 127,0,0,97,200,200").code == 500
        assert asked == ["127.0.0.97", "127.0.0.98"]
        served.session().marks.no_names_until = 0.0
        served.client.expect(200, "PORT 127,0,0,97,200,200")


def test_passive_ports_are_within_their_range_and_drawn_at_random(hosts: Hosts) -> None:
    with hosts.logged_in("ports") as client:
        ports = [parse_pasv(client.expect(227, "PASV").text)[1] for _ in range(40)]
    assert all(40000 <= port <= 40999 for port in ports)
    assert len(set(ports)) > 20


def test_long_lines(hosts: Hosts) -> None:
    with hosts.logged_in("short lines") as client:
        name = "a" * 500
        client.expect(550, f"CWD {name}")
        assert client.command(f"CWD {name}{name}").text == "Command line too long"
        converse(client, 'PWD => 257 "/" is the current directory')
    with hosts.logged_in("home") as client:
        client.expect(550, f"CWD {'a' * 2000}")
        assert client.command(f"CWD {'a' * 5000}").code == 500
        client.expect(200, "NOOP")


def test_a_data_connection_does_not_need_a_command_to_be_taken_up() -> None:
    with one_session() as served:
        served.client.connect()
        served.client.login()
        served.client.data()
        channel = served.session().data
        assert channel is not None
        until(lambda: channel.stage is Stage.CONNECTED, "the connection is taken up")
        assert not served.session().hasty, "it has not shaken hands"
        served.client.quit()


def test_socket_options_reach_control_and_data_sockets() -> None:
    options = "SocketOptions rcvbuf 32768 sndbuf 65536 maxseg 1200 keepalive 100:7:13"
    with one_session([options, "TCPNoDelay off"]) as served:
        client = served.client
        client.connect()
        client.login()
        session = served.session()
        session.hasty = True  # a connection is taken up when it comes
        client.data()
        client.expect(200, "NOOP")
        assert session.data is not None
        assert session.data.socket is not None
        for sock in (session.control._socket, session.data.socket.library):
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * 32768  # the kernel doubles them
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * 65536
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 100
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 7
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 13
        client.quit()


def test_sockets_as_the_kernel_has_them() -> None:
    with one_session(["SocketOptions keepalive off"]) as served:
        served.client.connect()
        sock = served.session().control._socket
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


@contextlib.contextmanager
def ident_server(monkeypatch: pytest.MonkeyPatch, answer: str) -> Iterator[list[str]]:
    """An ident server on 127.0.0.1 (RFC 1413); yields the questions. `{}` in the answer is the question."""
    questions: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(ident, "PORT", listener.getsockname()[1])

        def serve() -> None:
            listener.settimeout(10)
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(10)
                questions.append(accepted.recv(1000).decode().strip())
                accepted.sendall(answer.format(questions[0]).encode())
                accepted.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield questions
        thread.join(10)


def test_the_client_s_ident_is_asked_and_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    with ident_server(monkeypatch, "{} : USERID : UNIX : joe user\r\n") as questions:
        line, port = _logged_upload("IdentLookups on", "TimeoutIdent 10")
    assert line.endswith(" r alice ftp 1 joe_user c\n")
    assert re.fullmatch(rf"\d+\s*,\s*{port}", questions[0])


def test_the_transfer_log_says_that_an_ident_server_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in ProFTPD: the method is 1 where one is asked, whatever it says, and 0 where none is."""
    with ident_server(monkeypatch, "{} : ERROR : NO-USER\r\n"):
        assert _logged_upload("IdentLookups on")[0].endswith(" ftp 1 * c\n")
    assert _logged_upload("IdentLookups off")[0].endswith(" ftp 0 * c\n")


def _logged_upload(*directives: str) -> tuple[str, int]:
    """What the TransferLog says of an upload, and the port of the server."""
    with one_session(list(directives)) as served:
        client = served.client
        client.connect()
        client.login()
        client.store("STOR up", b"hello")
        client.quit()
        log = served.service.configuration.hosts[0].settings.logging.transfer_log
        assert log is not None
        with open(log, encoding="utf-8") as stream:
            return stream.read(), client.port


@pytest.mark.parametrize(("answer", "found"), [
    ("{} : USERID : UNIX : joe\r\n", "joe"),
    ("{}:USERID:OTHER:a b\r\n", "a b"),
    ("{} : ERROR : NO-USER\r\n", None),
    ("nonsense\r\n", None),
    ("", None),
])
def test_answers_of_ident_servers(
    monkeypatch: pytest.MonkeyPatch, answer: str, found: str | None
) -> None:
    with ident_server(monkeypatch, answer):
        assert ident.ask(Ends("127.0.0.1", 4711, "127.0.0.1", 21), 0.5) == found


def test_an_ident_server_that_is_not_there_or_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends("127.0.0.1", 4711, "127.0.0.1", 21)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(ident, "PORT", listener.getsockname()[1])
        begin = time.monotonic()
        assert ident.ask(ends, 0.2) is None
        assert time.monotonic() - begin < 5
    assert ident.ask(ends, 5) is None


def test_hosts_on_ports_of_their_own() -> None:
    with one_session(host='ServerName "other"\nDisplayConnect /nowhere') as served:
        assert "(other)" in served.client.connect().text
        served.client.quit()


def test_data_connections_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftpsd.session.transfer.CONNECT_TIMEOUT", 0.2)
    refused, timed_out = (f"425 Unable to build data connection: {text}" for text in (
        "Connection refused [active-refused]", "Connection timed out [data-not-connected]"))
    port = free_port()
    with one_session() as served:
        client = served.client
        client.connect()
        client.login()
        client.expect(200, f"PORT 127,0,0,1,{port // 256},{port % 256}")
        converse(client, f"LIST => {refused}")
        client.expect(229, "EPSV")
        converse(client, f"STOR up => {timed_out}\nDELE up => 550 up: No such file or directory")
        assert client.retrieve("NLST") == b""
        client.quit()


@pytest.mark.parametrize("version", [None, "TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("aborting", [b"ABOR\r\n", b"\xff\xf4\xff\xf2ABOR\r\n", b"PWD\r\nABOR\r\n"])
def test_abor_in_one_burst_with_the_transfer(hosts: Hosts, version: str | None, aborting: bytes) -> None:
    """Whether the data connection stands already or is still awaited; the other commands keep their turn."""
    with hosts.client("home", version).begin() as client:
        for connected in (True, False):
            connection = client.data() if connected else None
            if connection is None:
                client.expect(229, "EPSV")
            client.send(b"RETR file.txt\r\n" + aborting)
            client.expect(426)
            client.expect(226)
            if aborting.startswith(b"PWD"):
                client.expect(257)
            if connection is not None:
                connection.close("fin")
        assert client.retrieve("RETR file.txt") == b"hello\n"
        client.quit()

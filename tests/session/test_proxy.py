"""The PROXY protocol at work: who the client is for everything that asks, and what is not believed."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from datetime import datetime

import pytest

from ftpsd.access.closing import Stage, plan
from ftpsd.ftp.proxyheader import SIGNATURE
from ftpsd.server.scoreboard import Scoreboard
from ftpsd.testing.client import ConnectionEnded, Mode, UnexpectedReply, parse_epsv
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer
from ftpsd.testing.wire import OPERATION_SECONDS
from tests.server.harness import until
from tests.session.hosts import Hosts, serving
from tests.session.inprocess import one_session, system_log
from tests.session.proxies import DATAGRAM, LOCAL, Proxied, one, two

CLIENT, OTHER = "127.0.0.5", "127.0.0.6"
"""Whose connections the proxy hands on; they are addresses of this machine, for active mode."""

MODES: tuple[Mode, ...] = ("EPSV", "PASV", "PORT", "EPRT")
HEADERS = {"v1": one(CLIENT), "v2": two(CLIENT), "mapped": two(f"::ffff:{CLIENT}")}
ON = ("ProxyProtocolEngine on", "ProxyProtocolTrust 127.0.0.1")
DATA = (*ON, "ProxyProtocolData on", "ProxyProtocolTimeout 1")
HOSTS = {
    "plain": "\n".join(DATA),
    "first version": "\n".join((*ON, "ProxyProtocolVersion haproxyV1")),
    "second version": "\n".join((*ON, "ProxyProtocolVersion haproxyV2")),
    "ignoring": "\n".join((*ON, "ProxyProtocolIgnore on")),
    "ignoring data": "\n".join((*DATA, "ProxyProtocolIgnore on")),
    "no data": "\n".join(ON),
    "foreign": "\n".join((*ON, "AllowForeignAddress proxies")),
    "others": "ProxyProtocolEngine on\nProxyProtocolTrust 127.0.0.9 10.0.0.0/8 ::1",
    "off": "",
    "masquerade": "\n".join((*DATA, "MasqueradeAddress 203.0.113.9")),
    "address": "\n".join((*DATA, "ProxyProtocolOptions UseProxiedServerAddress")),
    "chosen": "ServerIdent on \"the chosen one\"",
    "limited": "\n".join((*ON, "<Limit LOGIN>", f"Deny from {OTHER}", "</Limit>")),
    "class": "\n".join((*ON, "<IfClass inside>", 'AccessGrantMsg "from inside"', "</IfClass>")),
    "few": "\n".join((*ON, "MaxConnectionsPerHost 1")),
    "bans": "\n".join((
        *ON, "BanEngine on", "MaxLoginAttempts 1", "BanOnEvent MaxLoginAttempts 1/00:10:00 01:00:00")),
    "logged": "\n".join((
        *ON, "ExtendedLog @HOME@/../who ALL who")),
}
SECTIONS = f"<Class inside>\nFrom {CLIENT}\n</Class>\n<Class proxies>\nFrom 127.0.0.1\n</Class>\n"
DIRECTIVES = (
    "Workers 2", "BanTable @HOME@/ban.tab", "BanLog @HOME@/ban.log",
    'LogFormat who "%a %L %V %{note:mod_proxy_protocol.authority} %m"')


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    with serving(ftps_certificates, HOSTS, directives=DIRECTIVES, sections=SECTIONS) as running:
        yield running


def client(hosts: Hosts, name: str, header: bytes = HEADERS["v2"], *, data: bytes = b"") -> Proxied:
    found = Proxied(hosts.config.address_of(name), hosts.server.port, header=header, data_header=data)
    hosts.server.clients.append(found)
    return found


def exchange(through: Proxied, mode: Mode) -> None:
    content = bytes(range(256)) * 400
    through.store("STOR up.bin", content, mode=mode)
    assert through.retrieve("RETR up.bin", mode=mode) == content
    assert b"up.bin" in through.retrieve("NLST", mode=mode)
    assert content == through.retrieve("RETR up.bin", mode=mode)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("kind", HEADERS)
def test_files_move_both_ways_in_every_mode(
    ftps_server: ServerFactory, tls_version: str, kind: str, implicit: bool,
) -> None:
    server = ftps_server(tls=["TLSRequired on", *(["TLSOptions UseImplicitSSL"] if implicit else [])], directives=DATA)
    header, single_use = HEADERS[kind], tls_version == "TLSv1.3"
    for mode in MODES:
        through = Proxied(
            server.address, server.port, context=server.context(tls_version), header=header, single_use=single_use,
            data_header=header if mode in ("EPSV", "PASV") else b"")
        server.clients.append(through)
        through.begin(implicit=implicit)
        exchange(through, mode)
        through.quit()
    log = "\n".join(server.system_log())
    assert f"({CLIENT}[{CLIENT}])" in log
    assert "(127.0.0.1[127.0.0.1])" not in log
    assert CLIENT in server.files.transfer_log.read_text()
    assert "127.0.0.1" not in server.files.transfer_log.read_text()


def test_what_follows_in_the_same_segment_is_tls_or_the_first_command(
    ftps_server: ServerFactory, tls_version: str, hosts: Hosts,
) -> None:
    through = client(hosts, "plain", HEADERS["v1"] + b"USER alice\r\nPASS secret\r\n")
    through.connect()
    through.expect(331)
    through.expect(230)
    server = ftps_server(tls=["TLSRequired on", "TLSOptions UseImplicitSSL"], directives=ON)
    through = Proxied(server.address, server.port, context=server.context(tls_version))
    server.clients.append(through)
    through.control.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    through.control.write_raw(HEADERS["v2"])
    assert through.context is not None
    through.control.begin_tls(through.context)
    through.control.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
    through.control.finish_tls()
    through.expect(220)
    through.login()


def greeted(hosts: Hosts, name: str, header: bytes) -> bool:
    try:
        client(hosts, name, header).connect()
    except (UnexpectedReply, ConnectionEnded):
        return False
    return True


def test_only_the_version_that_is_wanted(hosts: Hosts) -> None:
    found = [greeted(hosts, f"{name} version", HEADERS[kind]) for name in ("first", "second") for kind in ("v1", "v2")]
    assert found == [True, False, False, True]


def said(hosts: Hosts, pattern: str) -> str:
    def find() -> str:
        return next((line for line in hosts.server.system_log() if re.search(pattern, line)), "")

    until(lambda: bool(find()), pattern)
    return find()


@pytest.mark.parametrize(("name", "data"), [("ignoring", b""), ("ignoring data", two("192.0.2.78"))])
def test_ignored_headers_are_read_all_the_same(hosts: Hosts, name: str, data: bytes) -> None:
    through = client(hosts, name, two("192.0.2.77"), data=data)
    through.connect()
    through.login()
    through.store("STOR own.bin", b"data")
    assert "192.0.2.77" not in "\n".join(hosts.server.system_log())


# -- who the client is

def test_limits_by_address(hosts: Hosts) -> None:
    assert greeted(hosts, "limited", two(CLIENT))
    assert not greeted(hosts, "limited", two(OTHER))


def test_classes(hosts: Hosts) -> None:
    for address, words in ((CLIENT, "from inside"), (OTHER, "User alice logged in")):
        through = client(hosts, "class", two(address))
        through.connect()
        assert through.login().text == words


def test_limits_in_number_count_clients_not_the_proxy(hosts: Hosts) -> None:
    with client(hosts, "few", two(CLIENT)) as first, client(hosts, "few", two(OTHER)) as second:
        first.connect()
        second.connect()
        assert not greeted(hosts, "few", one(CLIENT))


def test_bans_are_the_clients_not_the_proxys(hosts: Hosts) -> None:
    with client(hosts, "bans", two(CLIENT)) as guesser:
        guesser.connect()
        guesser.expect(331, "USER alice")
        guesser.send_line("PASS wrong")
        guesser.read_reply()
    until(lambda: not greeted(hosts, "bans", two(CLIENT)), "the ban")
    assert greeted(hosts, "bans", two(OTHER))
    assert greeted(hosts, "bans", LOCAL)


def test_the_scoreboard_and_logs(hosts: Hosts) -> None:
    with client(hosts, "logged", two(CLIENT, 4711, tlvs=b"\2\0\3sni")) as through:
        through.connect()
        through.login()
        board = Scoreboard.open(str(hosts.server.files.directory / "scoreboard"))
        own = hosts.config.address_of("logged")
        assert [(each.peer, each.peer_port, each.local, each.local_port) for each in board.entries()
                if each.local == own] == [(CLIENT, 4711, own, hosts.server.port)]
        board.close()
        through.expect(200, "NOOP")
    who = hosts.server.files.directory / "who"
    until(lambda: "NOOP" in who.read_text(), "the entry")
    assert who.read_text().splitlines()[-1] == f"{CLIENT} {own} {own} sni NOOP"


# -- virtual hosts and addresses

def test_the_address_at_the_proxy_chooses_the_host_where_it_is_to(hosts: Hosts) -> None:
    chosen, port = hosts.config.address_of("chosen"), hosts.server.port
    assert client(hosts, "address", two(CLIENT, at=chosen, at_port=port)).expect(220).text == "the chosen one"
    assert client(hosts, "plain", two(CLIENT, at=chosen, at_port=port)).expect(220).text != "the chosen one"
    with client(hosts, "address", two(CLIENT, at=chosen, at_port=1)) as through:
        assert through.expect(220).text != "the chosen one"


def test_what_pasv_tells(hosts: Hosts) -> None:
    for name, told in (("plain", hosts.config.address_of("plain")), ("masquerade", "203.0.113.9")):
        through = client(hosts, name, two(CLIENT))
        through.connect()
        through.login()
        assert through.expect(227, "PASV").text.startswith(f"Entering Passive Mode ({told.replace('.', ',')},")
    chosen = hosts.config.address_of("address").replace(".", ",")
    here = {"at": hosts.config.address_of("address"), "at_port": hosts.server.port}
    through = client(hosts, "address", two(CLIENT, at=str(here["at"]), at_port=hosts.server.port))
    through.connect()
    through.login()
    assert f"({chosen}," in through.expect(227, "PASV").text


def test_a_client_of_ipv6_behind_a_proxy_of_ipv4(hosts: Hosts) -> None:
    header = two("2001:db8::7")
    through = client(hosts, "plain", header, data=header)
    through.connect()
    through.login()
    through.expect(500, "PASV")
    assert through.expect(522, "EPSV 1").text.endswith("use (2)")
    through.expect(229, "EPSV 2")
    through.store("STOR six.bin", b"data")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_a_proxy_of_ipv6(ftps_server: ServerFactory, tls_version: str) -> None:
    """Whose clients have one or the other: PASV is for those of IPv4, where there is an address to tell them."""
    directives = ("ProxyProtocolEngine on", "ProxyProtocolTrust ::1", "ProxyProtocolData on")
    plain = ftps_server(directives=directives, address="::1")
    told = ftps_server(directives=(*directives, "MasqueradeAddress 203.0.113.9"), address="::1")
    for server, source, family, code in (
            (plain, "2001:db8::7", 2, 500), (plain, "192.0.2.7", 1, 500),
            (told, "2001:db8::7", 2, 500), (told, "192.0.2.7", 1, 227)):
        header = two(source)
        with Proxied(
            "::1", server.port, context=server.context(tls_version), header=header, data_header=header,
        ) as through:
            through.begin()
            assert through.store("STOR up.bin", b"data").code == 226
            assert through.command("PASV").code == code
            through.expect(229, f"EPSV {family}")
            through.expect(522, f"EPSV {3 - family}")
            through.quit()


# -- data connections

def transfer_refused(through: Proxied) -> bool:
    """Whether the server turns away who connects for a transfer. (The client is waited for still.)"""
    through.connect()
    through.login()
    connection = through.data()
    assert connection.stream is not None
    through.send_line("NLST")
    connection.stream.socket.settimeout(OPERATION_SECONDS)
    try:
        return connection.stream.socket.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(("data", "words"), [
    (two(OTHER), f"data connection from {OTHER} refused: the control connection is from {CLIENT}"),
    (two("2001:db8::7"), "data connection from 2001:db8::7 refused"),
    (DATAGRAM, "data connection from 127.0.0.1 refused: wrong PROXY header: it tells of datagrams"),
    (b"\x16\x03\x01", "wrong PROXY header: a TLS handshake came in its place"),
    (b"", r"data connection from 127.0.0.1 refused: no PROXY header: none came in time"),
    (two(CLIENT)[:20], r"no PROXY header: none came in time"),
])
def test_a_data_connection_for_somebody_else_or_for_nobody(hosts: Hosts, data: bytes, words: str) -> None:
    through = client(hosts, "plain", two(CLIENT), data=data)
    assert transfer_refused(through)
    said(hosts, re.escape(words))


def test_without_ProxyProtocolData_proxies_are_strangers_and_the_log_says_why(hosts: Hosts) -> None:
    assert transfer_refused(client(hosts, "no data", two(CLIENT)))
    line = said(hosts, "ProxyProtocolData")
    assert f"data connection from 127.0.0.1 refused: the control connection is from {CLIENT}" in line


def test_AllowForeignAddress_is_for_proxies_without_headers_too(hosts: Hosts) -> None:
    through = client(hosts, "foreign", two(CLIENT))
    through.connect()
    through.login()
    through.expect(200, "TYPE I")
    exchange(through, "EPSV")


# -- what is not believed

def refused_to_the_end(client: Proxied) -> None:
    """Each line is answered with 500, and the connection ends."""
    while True:
        try:
            assert client.read_reply().code == 500
        except ConnectionEnded:
            return


def test_a_header_from_elsewhere_is_not_believed(hosts: Hosts) -> None:
    for name in ("others", "off"):
        for header in (one("192.0.2.66"), two("192.0.2.66")):
            through = client(hosts, name, header)
            through.connect()
            refused_to_the_end(through)
    assert said(hosts, "client sent a PROXY header").endswith("[proxy-header-unexpected]")
    assert "192.0.2.66" not in "\n".join(hosts.server.system_log())


def test_others_than_proxies_are_served_as_what_they_are(hosts: Hosts) -> None:
    through = client(hosts, "others", b"")
    through.connect()
    through.login()
    through.expect(257, "PWD")
    assert "226" in str(through.store("STOR own.bin", b"data"))


@pytest.mark.parametrize("second", [one("192.0.2.67"), two("192.0.2.67")])
def test_a_second_header_is_none(hosts: Hosts, second: bytes) -> None:
    through = client(hosts, "plain", HEADERS["v2"] + second)
    through.connect()
    refused_to_the_end(through)
    assert "192.0.2.67" not in "\n".join(hosts.server.system_log())


@pytest.mark.parametrize(("start", "code"), [
    (b"USER alice\r\n", "proxy-header-wrong"),
    (b"PROXY " + b"x" * 200, "proxy-header-wrong"),
    (SIGNATURE + struct.pack("!BBH", 0x21, 0x11, 65535) + bytes(65535), "proxy-header-wrong"),
    (DATAGRAM, "proxy-header-wrong"),
    (b"PROXY TCP4 0.0.0.0 127.0.0.1 1 1\r\n", "proxy-header-wrong"),
    (b"\x16\x03\x01\x02\x00", "proxy-header-wrong"),
    (b"", "proxy-header-missing"),
    (b"PROXY TCP4 ", "proxy-header-missing"),
    (two(CLIENT)[:-1], "proxy-header-missing"),
])
def test_a_proxy_has_to_say_for_whom_it_connects(hosts: Hosts, start: bytes, code: str) -> None:
    through = client(hosts, "plain", b"")
    if start:
        through.control.write_raw(start)
    try:
        assert through.read_reply().text == f"PROXY header expected, closing control connection [{code}]"
        through.expect_end()
    except ConnectionEnded:  # bytes lay unread, and the reset was faster than the reply
        assert len(start) > 200
    said(hosts, rf"PROXY header from 127\.0\.0\.1.* \[{code}\]$")


# -- looks at the server's health

OWN = b"the connection's own ends"


def looking(address: tuple[str, int], header: bytes) -> socket.socket:
    check = socket.create_connection(address, 5)
    check.sendall(one(*check.getsockname()) if header == OWN else header)
    return check


def test_looks_at_the_servers_health_leave_no_trace(ftps_server: ServerFactory) -> None:
    server = ftps_server(without_tls=True, directives=(*ON, "MaxConnectionsPerHost 1"), sections="ExtendedLog BASE/all")
    address, board = (server.address, server.port), Scoreboard.open(str(server.files.directory / "scoreboard"))
    for header in (b"", LOCAL, b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x21\0\0\0", OWN):
        for words in (b"", b"QUIT\r\n"):
            with looking(address, header) as check:
                if header:
                    assert check.recv(100) == b"220 FTP server ready\r\n"
                    if words:
                        check.sendall(words)
                        assert check.recv(100) == b"221 Goodbye.\r\n"
                if not (header and words):
                    check.shutdown(socket.SHUT_WR)
                assert check.recv(100) == b""
        with looking(address, header) as check:
            check.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until(lambda: not board.count, "the end of all looks")
    board.close()
    assert [line for line in server.system_log() if "STARTUP" not in line] == []
    with Proxied(server.address, server.port, header=LOCAL) as own:
        own.connect()
        own.expect(200, "NOOP")
        own.quit()
    server.wait_for_log("FTP session closed", log="system")
    assert len(server.system_log()) == 3
    entries = (server.files.directory / "all").read_text().splitlines()
    assert [re.findall('"(.*)"', line)[0] for line in entries] == ["NOOP", "QUIT"]


def test_looks_at_the_health_of_implicit_tls(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSOptions UseImplicitSSL"], directives=ON)
    for header in (b"", LOCAL):
        with socket.create_connection((server.address, server.port), 5) as check:
            check.sendall(header)
            check.shutdown(socket.SHUT_WR)
            assert check.recv(100) == b""
    through = Proxied(server.address, server.port, context=server.context(tls_version), header=LOCAL)
    server.clients.append(through)
    through.begin(implicit=True)
    through.quit()
    server.wait_for_log("FTP session closed", log="system")
    assert len([line for line in server.system_log() if "FTP session opened" in line]) == 1
    assert not [line for line in server.tls_log() if "failed" in line]


def test_the_server_stops_while_headers_are_awaited(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=(*ON, "ProxyProtocolTimeout 600"))
    with socket.create_connection((server.address, server.port), 5) as silent:
        silent.sendall(b"PROXY")
        _answers(server)
        server.stop()
        assert server.process.returncode == 0


def _answers(server: RunningServer) -> None:
    """A connection behind the silent one has its session: nobody waits for another's header."""
    with Proxied(server.address, server.port, header=two(CLIENT)) as through:
        through.connect()


@pytest.mark.parametrize("at_port", [1, 0])
def test_an_address_at_the_proxy_that_is_no_hosts_is_told_and_changes_no_host(hosts: Hosts, at_port: int) -> None:
    """However that port is another host's, which has no address that it could be."""
    header = two(CLIENT, at="203.0.113.10", at_port=at_port or hosts.server.port)
    through = client(hosts, "address", header, data=header)
    through.connect()
    through.login()
    assert "(203,0,113,10," in through.expect(227, "PASV").text
    through.store("STOR told.bin", b"data", mode="PASV")


def test_data_connections_come_as_the_control_connection_did_at_another_host(ftps_server: ServerFactory) -> None:
    """That host need not say it, as ProFTPD's take nothing over from server config."""
    sections = (
        "<VirtualHost 127.0.0.1>\nPort @PORT@\nServerAlias two.example\nAuthUserFile BASE/passwd\n"
        "AuthGroupFile BASE/group\nAuthOrder mod_auth_file.c\nRequireValidShell off\nDefaultRoot ~\nAllowOverwrite on\n"
        "</VirtualHost>\n")
    server = ftps_server(without_tls=True, directives=(*DATA, "ServerAlias one.example"), sections=sections)
    header = two(CLIENT)
    through = Proxied(server.address, server.port, header=header, data_header=header)
    server.clients.append(through)
    through.connect()
    through.expect(220, "HOST two.example")
    through.login()
    through.store("STOR meant.bin", b"data")


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n"])
def test_looks_at_the_health_of_a_server_that_is_shut_down_hear_so(header: bytes) -> None:
    with one_session(ON, tls=()) as served:
        closing = plan("now", datetime.now(), deny=10, disconnect=5, message="at %s")
        served.service.announce(closing, Stage.DENYING)
        served.client.control.write_raw(header)
        assert served.client.read_reply().code == 500
        served.client.expect_end()
        assert "connection refused" not in system_log(served)


def test_a_silent_connection_at_the_passive_port_keeps_no_handshake_waiting(
    ftps_server: ServerFactory, tls_version: str,
) -> None:
    """Clients that shake hands before they send their command would wait for ever."""
    server = ftps_server(directives=DATA)
    header = two(CLIENT)
    through = Proxied(
        server.address, server.port, context=server.context(tls_version), header=header, data_header=header,
        single_use=tls_version == "TLSv1.3")
    server.clients.append(through)
    through.begin()
    port = parse_epsv(through.expect(229, "EPSV").text)
    with socket.create_connection((server.address, port), 5):
        connection = through.connect_data(server.address, port)
        connection.handshake()
        through.send_line("STOR late.bin")
        through.expect(150)
        connection.establish().write(b"data")
        connection.close()
        through.expect(226)


def test_implicit_tls_that_is_off_is_greeted(ftps_server: ServerFactory) -> None:
    server = ftps_server(without_tls=True, directives=(*ON, "TLSOptions UseImplicitSSL"))
    with looking((server.address, server.port), LOCAL) as check:
        assert check.recv(100) == b"220 FTP server ready\r\n"

"""Bans in sessions: what makes them, whom they keep away, that they hold across workers and restarts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.access.bans import EVERY_SERVER, Kind
from ftpsd.guard.bantable import BanTable
from ftpsd.session import ident
from ftpsd.session.endpoints import Ends
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import ServerConfig, ServerFiles, User
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from tests.server.harness import children
from tests.session.hosts import Hosts, serving
from tests.session.inprocess import DEADLINE, one_session

USERS = (User("alice"), User("bob", gid=4001))
RULE = "1/00:10:00 01:00:00"
HOSTS = {
    "attempts": 'MaxLoginAttempts 2\nBanOnEvent MaxLoginAttempts 2/00:10:00 01:00:00\nBanMessage "%a, %u, %c: no"',
    "pair": f'MaxLoginAttempts 1\nBanOnEvent MaxLoginAttemptsFromUser {RULE} "not you, %u"',
    "unknown": 'BanOnEvent UnhandledCommand 3/00:10:00 01:00:00 "speak FTP"',
    "protocol": f"BanOnEvent BadProtocol {RULE}",
    "raw": "BanOnEvent core.unhandled-command 3/00:10:00 01:00:00",
    "raw login": f"BanOnEvent mod_auth.max-login-attempts {RULE}\nMaxLoginAttempts 1",
    "failed handshakes": "BanOnEvent mod_tls.ctrl-handshake-failed 2/00:10:00 01:00:00",
    "empty": f"BanOnEvent EmptyPassword {RULE}",
    "rate": "BanOnEvent ClientConnectRate 3/00:10:00 01:00:00",
    "logins": "BanOnEvent LoginRate 2/00:10:00 01:00:00",
    "commands": f"MaxCommandRate 5 2\nBanOnEvent MaxCommandRate {RULE}",
    "connections": f"MaxConnectionsPerHost 1\nBanOnEvent MaxConnectionsPerHost {RULE}",
    "clients": f"MaxClientsPerUser 1\nBanOnEvent MaxClientsPerUser {RULE}",
    "class": f"MaxClientsPerClass loc 1\nBanOnEvent MaxClientsPerClass {RULE}",
    "idle": f"TimeoutLogin 1\nBanOnEvent TimeoutLogin {RULE}",
    "handshakes": "BanOnEvent TLSHandshake 3/00:10:00 01:00:00",
    "code": f"<Directory /*>\n<Limit DELE>\nDenyAll\n</Limit>\n</Directory>\nBanOnEvent limit-denied {RULE}",
    "wrong": f"BanOnEvent login-wrong-password {RULE}",
    "anonymous": f"BanOnEvent AnonRejectPasswords {RULE}\n<Anonymous @HOME@/alice>\nUser alice\n"
    "UserAlias anonymous alice\nAnonRejectPasswords ^evil$\n</Anonymous>",
    "exempt": f"BanOnEvent UnhandledCommand {RULE}\n<IfClass loc>\nBanEngine off\n</IfClass>",
    "off": f"BanEngine off\nBanOnEvent UnhandledCommand {RULE}",
    "elsewhere": "",
    "tables": (
        'WrapEngine on\nWrapOptions CheckOnConnect\nWrapTables file:@HOME@/nothing builtin:all\nWrapDenyMsg "not you"\n'
        "BanOnEvent mod_wrap.connection-denied 2/00:10:00 01:00:00"),
    "meanwhile": f'BanOnEvent UnhandledCommand {RULE} "banned"',
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per rule, two workers, one table."""
    directives = ("Workers 2", "BanTable @HOME@/ban.tab", "BanLog @HOME@/ban.log")
    sections = "<Class loc>\nFrom 127.0.0.0/8\n</Class>\n"
    with serving(
        ftps_certificates, HOSTS, users=USERS, directives=directives, shared=("BanEngine on",), sections=sections,
    ) as running:
        yield running


def refused(hosts: Hosts, name: str) -> str:
    """What a new connection is told instead of a greeting."""
    client = hosts.client(name)
    reply = str(client.read_reply())
    client.expect_end()
    return reply


def said(client: ScriptedClient, line: str) -> str:
    return str(client.command(line))


def logged(hosts: Hosts) -> str:
    return (hosts.server.files.directory / "homes" / "ban.log").read_text()


def fail(client: ScriptedClient, user: str, password: str = "wrong") -> str:
    client.expect(331, f"USER {user}")
    return said(client, f"PASS {password}")


def test_failed_logins_ban_the_address(hosts: Hosts) -> None:
    other = hosts.logged_in("attempts")
    for _ in range(2):
        client = hosts.connected("attempts")
        assert [fail(client, "alice") for _ in range(2)] == ["530 Login incorrect."] * 2
        client.expect_end()
    assert refused(hosts, "attempts") == "530 127.0.0.1, (none), loc: no"
    assert said(other, "NOOP") == "421 127.0.0.1, alice, loc: no"
    other.expect_end()
    hosts.connected("elsewhere").quit()
    text = logged(hosts)
    assert "]: added MaxLoginAttempts-triggered autoban for host '127.0.0.1'\n" in text
    assert "]: MaxLoginAttempts autoban threshold reached, ending session\n" in text
    assert "]: login from host '127.0.0.1' denied due to host ban\n" in text
    assert "mod_ban/0.8[" in text
    hosts.server.wait_for_log("mod_ban/0.8: Login denied: host '127.0.0.1' banned", log="system")


def test_a_user_is_banned_from_one_address(hosts: Hosts) -> None:
    client = hosts.connected("pair")
    assert fail(client, "alice") == "530 Login incorrect."
    client = hosts.connected("pair")
    assert fail(client, "alice", "secret") == "530 not you, alice"
    client.expect_end()
    hosts.logged_in("pair", "bob").quit()


def test_unknown_commands(hosts: Hosts) -> None:
    client = hosts.connected("unknown")
    assert [said(client, "FOO")[:3] for _ in range(3)] == ["500", "500", "421"]
    client.expect_end()
    assert refused(hosts, "unknown") == "530 speak FTP"


def test_other_protocols(hosts: Hosts) -> None:
    client = hosts.connected("protocol")
    client.send_line("GET / HTTP/1.0")
    client.expect_end()
    assert refused(hosts, "protocol") == "530 Access denied"


def test_empty_passwords(hosts: Hosts) -> None:
    client = hosts.connected("empty")
    assert fail(client, "alice", "") == "421 Access denied"
    assert refused(hosts, "empty") == "530 Access denied"


def test_too_many_connections_in_a_time(hosts: Hosts) -> None:
    for _ in range(2):
        hosts.connected("rate").quit()
    assert refused(hosts, "rate") == "530 Access denied"


def test_too_many_logins_in_a_time(hosts: Hosts) -> None:
    hosts.logged_in("logins").quit()
    client = hosts.connected("logins")
    assert fail(client, "alice", "secret") == "421 Access denied"


def test_too_many_commands_in_a_time(hosts: Hosts) -> None:
    client = hosts.connected("commands")
    answers = [said(client, "NOOP") for _ in range(6)]
    assert answers == ["200 NOOP command successful"] * 5 + ["421 Access denied"]


def test_too_many_connections(hosts: Hosts) -> None:
    first = hosts.connected("connections")
    assert refused(hosts, "connections").startswith("530 Sorry, the maximum number of connections (1)")
    assert refused(hosts, "connections") == "530 Access denied"
    assert said(first, "NOOP") == "421 Access denied"


@pytest.mark.parametrize(("name", "kind"), [("clients", "user"), ("class", "class")])
def test_too_many_clients(hosts: Hosts, name: str, kind: str) -> None:
    first = hosts.logged_in(name)
    second = hosts.connected(name)
    assert fail(second, "alice", "secret").startswith("530 Sorry, the maximum number of clients (1)")
    assert said(first, "NOOP") == "421 Access denied"
    if kind == "class":
        assert refused(hosts, name) == "530 Access denied"
        return
    assert fail(hosts.connected(name), "alice", "secret") == "530 Access denied"
    hosts.logged_in(name, "bob").quit()


def test_who_does_not_log_in_in_time(hosts: Hosts) -> None:
    client = hosts.connected("idle")
    assert str(client.read_reply()).startswith("421 Login timeout")
    assert refused(hosts, "idle") == "530 Access denied"


def test_handshakes(hosts: Hosts) -> None:
    for version in ("TLSv1.2", "TLSv1.3"):
        client = hosts.client("handshakes", version)
        client.connect()
        client.auth()
        client.quit()
    client = hosts.client("handshakes")
    client.connect()
    client.expect(234, "AUTH TLS")
    assert str(client.read_reply()) == "421 Access denied"
    assert refused(hosts, "handshakes") == "530 Access denied"


def test_rejected_passwords(hosts: Hosts) -> None:
    assert fail(hosts.connected("anonymous"), "anonymous", "evil") == "421 Access denied"
    assert refused(hosts, "anonymous") == "530 Access denied"


@pytest.mark.parametrize("name", ["code", "wrong"])
def test_any_reason_code_is_an_event(hosts: Hosts, name: str) -> None:
    if name == "code":
        assert said(hosts.logged_in(name), "DELE x") == "421 Access denied"
    else:
        assert fail(hosts.connected(name), "nobody") == "530 Login incorrect."
        assert fail(hosts.connected(name), "alice") == "421 Access denied"
    assert refused(hosts, name) == "530 Access denied"


def test_who_is_turned_away_by_access_tables_at_once(hosts: Hosts) -> None:
    (hosts.server.files.directory / "homes" / "nothing").write_text("")
    assert [refused(hosts, "tables") for _ in range(3)] == ["530 not you", "530 not you", "530 Access denied"]


@pytest.mark.parametrize("name", ["exempt", "off"])
def test_whom_bans_do_not_concern(hosts: Hosts, name: str) -> None:
    client = hosts.connected(name)
    for _ in range(3):
        assert said(client, "FOO") == "500 FOO not understood"


def _start(certificates: Certificates, files: ServerFiles, *, workers: int = 4) -> RunningServer:
    config = ServerConfig(certificate=certificates.server, tls=("TLSRequired off",), directives=(
        f"Workers {workers}", "MaxLoginAttempts 1", "BanEngine on", f"BanTable {files.directory}/ban.tab",
        "BanOptions MatchAnyServer", "BanOnEvent MaxLoginAttempts 3/00:10:00 01:00:00"))
    return start_ftpsd(config, files, certificates.authority_file)


def _banned(server: RunningServer) -> bool:
    with server.client(tls=False) as client:
        return str(client.read_reply()) == "530 Access denied"


def test_bans_hold_across_workers_and_survive_restarts(ftps_certificates: Certificates) -> None:
    with server_directory() as files:
        server = _start(ftps_certificates, files)
        try:
            for _ in range(3):
                client = server.client(tls=False)
                client.connect()
                fail(client, "alice")
                client.expect_end()
            assert all(_banned(server) for _ in range(12))
            os.kill(children(server.process.pid)[0], signal.SIGKILL)
            assert all(_banned(server) for _ in range(6))
            server.signal(signal.SIGHUP)
            server.wait_for_log("received SIGHUP", log="system")
            assert all(_banned(server) for _ in range(6))
        finally:
            server.stop()
        (files.directory / "notify").unlink()
        again = _start(ftps_certificates, files, workers=1)
        try:
            assert _banned(again)
            table = BanTable.open(f"{files.directory}/ban.tab")
            assert len(table.remove(Kind.HOST, None, None)) == 1
            table.close()
            assert not _banned(again)
        finally:
            again.stop()


def test_a_ban_that_is_made_while_a_session_opens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An ident server may take its time; meanwhile the client is banned."""
    asked, answered = threading.Event(), threading.Event()

    def ask(ends: Ends, timeout: float) -> None:
        asked.set()
        answered.wait(DEADLINE)

    monkeypatch.setattr(ident, "ask", ask)
    with one_session(("BanEngine on", f"BanTable {tmp_path}/ban.tab", "IdentLookups on")) as served:
        assert asked.wait(DEADLINE)
        bans = served.service.bans
        assert bans is not None
        assert bans.ban(Kind.HOST, "127.0.0.1", EVERY_SERVER, by="root", seconds=60, tell=lambda text: None)
        answered.set()
        served.client.connect()
        assert said(served.client, "NOOP") == "421 Access denied"
        served.client.expect_end()


def test_a_host_that_bans_is_not_reached_by_its_name(ftps_certificates: Certificates) -> None:
    """A ban at one host counts there whichever way one comes: HOST ends the session."""
    with server_directory() as files:
        named = (
            "<VirtualHost 127.0.0.1>\nPort @PORT@\nServerAlias strict.example.org\nBanEngine on\n"
            "BanOnEvent UnhandledCommand 1/00:10:00 01:00:00\nMaxLoginAttempts 1\n</VirtualHost>")
        config = ServerConfig(
            certificate=ftps_certificates.server, tls=("TLSRequired off",), sections=named,
            directives=(f"BanTable {files.directory}/ban.tab", "Workers 1"))
        server = start_ftpsd(config, files, ftps_certificates.authority_file)
        try:
            client = server.client(tls=False)
            client.connect()
            client.expect(220, "HOST strict.example.org")
            assert said(client, "FOO") == "421 Access denied"
            client = server.client(tls=False)
            client.connect()
            assert said(client, "HOST strict.example.org") == "530 Access denied"
            client.expect_end()
        finally:
            server.stop()


@pytest.mark.parametrize(("own", "banned"), [("", True), ("BanEngine off\n", False)])
def test_what_server_config_says_of_bans_protects_virtual_hosts(
    ftps_certificates: Certificates, own: str, banned: bool,
) -> None:
    with server_directory() as files:
        beside = f"<VirtualHost 127.0.0.2>\nPort @PORT@\n{own}MaxLoginAttempts 1\n</VirtualHost>"
        config = ServerConfig(
            certificate=ftps_certificates.server, tls=("TLSRequired off",), sections=beside, address="0.0.0.0",
            directives=(
                "DefaultAddress 127.0.0.1", f"BanTable {files.directory}/ban.tab", "BanEngine on", "Workers 1",
                "BanMessage banned", "BanOnEvent MaxLoginAttempts 1/00:10:00 01:00:00"))
        server = start_ftpsd(config, files, ftps_certificates.authority_file)
        try:
            client = ScriptedClient("127.0.0.2", server.port)
            client.connect()
            client.expect(331, "USER nobody")
            client.expect(530, "PASS wrong")
            client.close("fin")
            client = ScriptedClient("127.0.0.2", server.port)
            assert str(client.read_reply()).startswith("530 banned" if banned else "220 ")
            client.close("fin")
        finally:
            server.stop()


def test_a_ban_is_noticed_within_a_transfer(hosts: Hosts) -> None:
    with hosts.server.give("huge.bin").open("r+b") as stream:
        stream.truncate(20_000_000)
    client, other = hosts.client("meanwhile").begin(), hosts.connected("meanwhile")
    connection = client.data()
    client.expect(150, "RETR huge.bin")
    assert connection.establish().read(1000)
    other.expect(421, "XYZZY")
    client.send(b"NOOP\r\n")
    client.expect(426)
    assert str(client.read_reply()) == "421 banned"
    client.expect_end()
    connection.close("rst")


def test_events_by_the_names_that_proftpd_gives_them(hosts: Hosts) -> None:
    with hosts.connected("raw") as client:
        for _ in range(2):
            client.expect(500, "NONSENSE")
        client.expect(421, "NONSENSE")
    with hosts.client("raw") as client:
        client.expect(530)
    with hosts.connected("raw login") as client:
        client.expect(331, "USER alice")
        client.expect(530, "PASS wrong")
    with hosts.client("raw login") as client:
        client.expect(530)


def test_failed_handshakes_count(hosts: Hosts) -> None:
    """What comes is TLS of no version."""
    for _ in range(2):
        with hosts.connected("failed handshakes") as client:
            client.expect(234, "AUTH TLS")
            client.send(b"no TLS at all\r\n")
            client.expect(421)
    with hosts.client("failed handshakes") as client:
        client.expect(530)

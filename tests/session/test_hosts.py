"""Several hosts, classes, users, groups and directories, each with settings of its own (above all TLSRequired)."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.wire import Stream
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse

USERS = (User("alice"), User("bob", gid=4001), User("carol", gid=4002))
NEEDED = "550 SSL/TLS required on the control channel [tls-required-control]"
HOSTS = {
    "open": "TLSRequired off",
    "closed": "TLSRequired on",
    "no tls": "TLSEngine off",
    "class": """
        TLSRequired off
        <IfClass near>
          TLSRequired on
        </IfClass>
        <IfClass far>
          TLSRequired off
          AccessGrantMsg "from afar"
        </IfClass>
    """,
    "per user": """
        TLSRequired on
        TLSOptions AllowPerUser
        <IfUser bob>
          TLSRequired off
          AccessGrantMsg "In clear, %u"
        </IfUser>
        <Anonymous ~carol>
          User carol
          UserAlias anonymous carol
          TLSRequired off
        </Anonymous>
    """,
    "group": """
        TLSRequired off
        TLSOptions AllowPerUser
        <IfGroup bob>
          TLSRequired on
          DefaultRoot ~/sub
        </IfGroup>
    """,
    "login": """
        TLSRequired off
        <IfUser !bob>
          AccessGrantMsg "not bob"
          TimeoutIdle 77
        </IfUser>
        <IfUser regex ^b>
          AccessGrantMsg "begins with b"
        </IfUser>
        <IfAuthenticated>
          DefaultChdir sub
          TLSRequired data
        </IfAuthenticated>
    """,
    "own user": "User daemon\nGroup daemon",
    "directory": """
        TLSRequired off
        <Directory ~/sub>
          TLSRequired data
        </Directory>
        <Directory ~/sub/open>
          TLSRequired off
        </Directory>
    """,
}
CLASSES = "<Class near>\nFrom 127.0.0.50\n</Class>\n<Class far>\nFrom 192.0.2.0/24\n</Class>\n"


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """The hosts, with a directory `sub` in every home."""
    with serving(ftps_certificates, HOSTS, users=USERS, tls=(), sections=CLASSES) as running:
        for user in ("alice", "bob", "carol"):
            running.server.give("sub/open/file", b"hello", user=user)
            running.server.give("sub/file", b"hello", user=user)
        yield running


def test_hosts_are_told_apart_by_address(hosts: Hosts) -> None:
    with hosts.client("open") as client:
        assert "(open)" in client.connect().text
        converse(client, "NOOP => 200 NOOP command successful")
    with hosts.client("closed") as client:
        assert "(closed)" in client.connect().text
        converse(client, f"""
            NOOP => {NEEDED}
            USER alice => {NEEDED}
            PBSZ 0 => {NEEDED}
            OPTS UTF8 ON => {NEEDED}
            XYZZY => {NEEDED}
            SYST => 215 UNIX Type: L8
            CLNT x => 200 OK
            QUIT => 221 Goodbye.
        """)
    with hosts.client("no tls") as client:
        assert "(no tls)" in client.connect().text
        assert "AUTH" not in str(client.command("FEAT"))
        converse(client, """
            AUTH TLS => 500 AUTH not understood
            PBSZ 0 => 500 PBSZ not understood
            CCC => 530 Please login with USER and PASS
            USER alice => 331 Password required for alice
        """)


def test_a_connection_to_an_address_of_nobody_s(hosts: Hosts) -> None:
    """Server config answers, as in ProFTPD: DefaultAddress may be the public address of a server behind NAT."""
    with ScriptedClient("127.0.0.200", hosts.server.port) as client:
        assert client.connect().text == "ftpsd Server (Test Server) [127.0.0.200]"


@pytest.mark.parametrize(("source", "reply"), [
    ("127.0.0.1", "200 NOOP command successful"), ("127.0.0.50", NEEDED), ("127.0.0.51", "200 NOOP command successful"),
])
def test_classes_count_from_the_first_command_on(hosts: Hosts, source: str, reply: str) -> None:
    address = (hosts.config.address_of("class"), hosts.server.port)
    with socket.create_connection(address, 5, source_address=(source, 0)) as sock:
        stream = Stream(sock)
        assert stream.read().startswith(b"220 ")
        stream.write(b"NOOP\r\n")
        assert stream.read().decode().strip() == reply


def test_whether_tls_is_needed_may_depend_on_the_user(hosts: Hosts) -> None:
    """AllowPerUser: nothing is refused before the login; then it ends up under its own configuration."""
    for user, password, granted in (
        ("bob", "secret", "In clear, bob"),
        ("anonymous", "me@example.org", "Anonymous access granted, restrictions apply"),
    ):
        with hosts.connected("per user") as client:
            client.expect(200, "NOOP")
            client.expect(331, f"USER {user}")
            assert client.expect(230, f"PASS {password}").text == granted
            assert client.retrieve("RETR sub/file") == b"hello"
    with hosts.connected("per user") as client:
        client.expect(331, "USER alice")
        assert client.expect(530, "PASS secret").text == "Login incorrect."
        client.expect_end()
    hosts.server.wait_for_log("SSL/TLS required but absent on control channel, disconnecting")
    with hosts.connected("per user") as client:  # a wrong password is only that
        client.expect(331, "USER alice")
        client.expect(530, "PASS wrong")
        client.expect(200, "NOOP")


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_who_needs_tls_and_has_it(hosts: Hosts, version: str) -> None:
    with hosts.client("per user", version) as client:
        client.connect()
        client.auth()
        client.login()
        converse(client, """
            LIST => 522 SSL/TLS required on the data channel [tls-required-data]
            PROT C => 534 Unwilling to accept security parameters [prot-refused]
            CCC => 534 Unwilling to accept security parameters [ccc-refused]
        """)
        client.protect()
        assert client.retrieve("RETR sub/file") == b"hello"
    with hosts.client("per user", version) as client:
        client.connect()
        client.auth()
        client.login("bob")
        client.protect("C")
        assert client.retrieve("RETR sub/file") == b"hello"


def test_auth_after_a_login_in_clear_is_for_those_with_allow_per_user(hosts: Hosts) -> None:
    with hosts.client("per user", "TLSv1.3") as client:
        client.connect()
        client.login("bob")
        client.auth()
        client.protect()
        assert client.retrieve("RETR sub/file") == b"hello"
    with hosts.client("open", "TLSv1.3") as client:
        client.connect()
        client.login("bob")
        assert client.expect(534, "AUTH TLS").text == "Unwilling to accept security parameters [auth-after-login]"


def test_groups(hosts: Hosts) -> None:
    with hosts.logged_in("group") as client:
        assert client.retrieve("NLST") == b"sub\r\n"
    with hosts.connected("group") as client:
        client.expect(331, "USER bob")
        client.expect(530, "PASS secret")
        client.expect_end()
    with hosts.client("group", "TLSv1.3").begin(user="bob") as client:
        assert client.retrieve("NLST") == b"file\r\nopen\r\n"


def test_settings_of_a_login(hosts: Hosts) -> None:
    for user, granted in (("alice", "not bob"), ("bob", "begins with b")):
        with hosts.connected("login") as client:
            converse(client, f"""
                USER {user} => 331 Password required for {user}
                PASS secret => 230 {granted}
                PWD => 257 "/sub" is the current directory
                LIST => 522 SSL/TLS required on the data channel [tls-required-data]
            """)


def test_a_directory_may_demand_protected_data(hosts: Hosts) -> None:
    """Rule 5 of semantics.md 2.2: the current directory decides, not the path that the command names."""
    denied = "522 SSL/TLS required on the data channel [tls-required-data]"
    with hosts.client("directory", "TLSv1.3") as client:
        client.connect()
        client.auth()
        client.login()
        client.expect(200, "TYPE I")
        assert client.retrieve("RETR sub/file") == b"hello"
        client.expect(250, "CWD sub")
        commands = ("LIST", "NLST", "MLSD", "RETR file", "RETR /sub/open/file", "STOR new", "STOU", "APPE file")
        converse(client, "\n".join(f"{command} => {denied}" for command in commands))
        converse(client, """
            SIZE file => 213 5
            CWD open => 250 CWD command successful
        """)
        assert client.retrieve("RETR ../file") == b"hello"
        client.expect(250, "CWD ..")
        client.protect()
        assert client.retrieve("RETR file") == b"hello"
    hosts.server.wait_for_log("LIST command denied by TLSRequired in directory '/sub'")


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="needs root: changing users")
def test_who_a_session_is_before_login(hosts: Hosts) -> None:
    for name, user in (("own user", "daemon"), ("open", "nobody")):
        with hosts.connected(name) as client:
            expected = pwd.getpwnam(user)
            client.expect(331, "USER alice")
            client.expect(530, "PASS wrong")
            line = [line for line in hosts.server.system_log() if "(Login failed)" in line][-1]
            thread = int(line.partition("ftpsd[")[2].partition("]")[0])
            status = Path(f"/proc/{thread}/status").read_text()
            uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()
            gids = next(line for line in status.splitlines() if line.startswith("Gid:")).split()
            assert (uids[2], gids[2]) == (str(expected.pw_uid), str(expected.pw_gid))

"""Who gets in, where he finds himself, and what he is told."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse

USERS = (
    User("alice"), User("bob", gid=4001), User("noshell", shell="/bin/no-such-shell"), User("rooty", uid=0),
    User("nohome"), User("guest", password="guest-secret"),
)
HOSTS = {
    "plain": "",
    "two attempts": "MaxLoginAttempts 2",
    "two attempts, own words": 'MaxLoginAttempts 2\nAccessDenyMsg "No, %u"\nAccessGrantMsg "Yes, %u"',
    "alias": "UserAlias carol alice\nUserAlias dave nobody-there",
    "everybody is alice": "UserAlias * alice",
    "shells": "RequireValidShell on",
    "root": "RootLogin on",
    "no jail": "DefaultRoot /",
    "jail by group": "DefaultRoot ~/sub bob\nDefaultRoot ~/sub/deep !bob",
    "below the home": "DefaultChdir sub",
    "below the home by group": "DefaultChdir sub/deep bob\nDefaultChdir sub !bob",
    "nowhere": "DefaultRoot /nowhere-at-all",
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per way to configure logins."""
    with serving(ftps_certificates, HOSTS, users=USERS) as running:
        for user in ("alice", "bob"):
            running.server.give("sub/deep/file", b"x", user=user)
        (running.server.home("nohome")).rmdir()
        yield running


ORDER = """
    PASS secret => 503 Login with USER first
    PWD => 530 Please login with USER and PASS
    USER => 500 USER: command requires a parameter
    USER alice => 331 Password required for alice
    NOOP => 200 NOOP command successful
    PASS secret => 230 User alice logged in
    USER alice => 230 User alice logged in
    USER bob => 501 Reauthentication not supported
    PASS secret => 503 You are already logged in
    REIN => 502 REIN command not implemented
    PWD => 257 "/" is the current directory
    QUIT => 221 Goodbye.
"""
FAILURES = """
    USER alice => 331 Password required for alice
    PASS wrong => 530 Login incorrect.
    PASS secret => 503 Login with USER first
    USER nobody-there => 331 Password required for nobody-there
    PASS secret => 530 Login incorrect.
    USER alice => 331 Password required for alice
    USER bob => 331 Password required for bob
    USER alice => 331 Password required for alice
    PASS => 530 Login incorrect.
    USER rooty => 331 Password required for rooty
    PASS secret => 530 Login incorrect.
    USER anonymous => 331 Password required for anonymous
    PASS me@example.org => 530 Login incorrect.
    USER alice => 331 Password required for alice
    PASS secret => 230 User alice logged in
    PWD => 257 "/" is the current directory
"""


def test_order_and_repetition(hosts: Hosts) -> None:
    with hosts.connected("plain") as client:
        converse(client, ORDER)
        client.expect_end()


def test_failures_look_alike_and_a_later_login_works(hosts: Hosts) -> None:
    with hosts.connected("plain") as client:
        converse(client, FAILURES)
    logged = "\n".join(hosts.server.system_log())
    assert "USER alice: Login successful." in logged
    assert "nobody-there: no such user found" in logged


def test_a_name_that_is_too_long_is_refused(hosts: Hosts) -> None:
    with hosts.connected("plain") as client:
        assert client.command("USER " + "a" * 257).code == 501
        client.expect(331, "USER " + "a" * 256)


def test_attempts_are_counted(hosts: Hosts) -> None:
    with hosts.connected("two attempts") as client:
        converse(client, """
            USER alice => 331 Password required for alice
            PASS x => 530 Login incorrect.
            USER alice => 331 Password required for alice
            PASS x => 530 Login incorrect.
        """)
        client.expect_end()
    with hosts.connected("two attempts") as client:
        converse(client, """
            USER alice => 331 Password required for alice
            PASS x => 530 Login incorrect.
            USER alice => 331 Password required for alice
            PASS secret => 230 User alice logged in
        """)


def test_the_words_of_the_administrator(hosts: Hosts) -> None:
    with hosts.connected("two attempts, own words") as client:
        converse(client, """
            USER alice => 331 Password required for alice
            PASS secret => 230 Yes, alice
        """)
    with hosts.connected("two attempts, own words") as client:
        converse(client, """
            USER bob => 331 Password required for bob
            PASS x => 530 No, bob
            USER %n => 331 Password required for %n
            PASS x => 530 No, %n
        """)
        client.expect_end()


def test_aliases(hosts: Hosts) -> None:
    with hosts.connected("alias") as client:
        converse(client, """
            USER dave => 331 Password required for dave
            PASS secret => 530 Login incorrect.
            USER carol => 331 Password required for carol
            PASS secret => 230 User carol logged in
            PWD => 257 "/" is the current directory
            CWD sub => 250 CWD command successful
            USER carol => 230 User carol logged in
            USER alice => 501 Reauthentication not supported
        """)
    with hosts.connected("everybody is alice") as client:
        converse(client, """
            USER whoever => 331 Password required for whoever
            PASS secret => 230 User whoever logged in
        """)


def test_shells_and_root(hosts: Hosts) -> None:
    with hosts.logged_in("plain", "noshell") as client:
        client.expect(257, "PWD")
    with hosts.connected("shells") as client:
        converse(client, """
            USER noshell => 331 Password required for noshell
            PASS secret => 530 Login incorrect.
            USER alice => 331 Password required for alice
            PASS secret => 230 User alice logged in
        """)
    with hosts.logged_in("root", "rooty") as client:
        client.expect(257, "PWD")


@pytest.mark.parametrize(("host", "user"), [("plain", "nohome"), ("nowhere", "alice")])
def test_a_login_without_a_place_ends_the_session(hosts: Hosts, host: str, user: str) -> None:
    with hosts.connected(host) as client:
        client.expect(331, f"USER {user}")
        assert client.expect(530, "PASS secret").text == "Login incorrect."
        client.expect_end()


def test_where_a_session_begins(hosts: Hosts) -> None:
    home = str(hosts.server.home())
    cases = (
        ("no jail", "alice", home), ("jail by group", "alice", "/"), ("jail by group", "bob", "/"),
        ("below the home", "alice", "/sub"), ("below the home by group", "alice", "/sub"),
        ("below the home by group", "bob", "/sub/deep"),
    )
    for host, user, expected in cases:
        with hosts.logged_in(host, user) as client:
            assert client.expect(257, "PWD").text == f'"{expected}" is the current directory', (host, user)
    with hosts.logged_in("no jail") as client:
        client.expect(250, "CWD ..")
        assert client.expect(257, "PWD").text == f'"{os.path.dirname(home)}" is the current directory'
    with hosts.logged_in("jail by group") as client:
        assert client.retrieve("NLST") == b"file\r\n"
    with hosts.logged_in("jail by group", "bob") as client:
        assert client.retrieve("NLST") == b"deep\r\n"


def test_the_tilde_is_the_home_where_the_root_is_above_it(hosts: Hosts) -> None:
    home = hosts.server.home("alice")
    with hosts.logged_in("no jail") as client:
        converse(client, f"""
            CWD / => 250 CWD command successful
            CWD ~/sub => 250 CWD command successful
            PWD => 257 "{home}/sub" is the current directory
            CWD ~ => 250 CWD command successful
            PWD => 257 "{home}" is the current directory
        """)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_login_under_tls(hosts: Hosts, version: str) -> None:
    with hosts.client("plain", version) as client:
        client.connect()
        client.auth()
        converse(client, ORDER)

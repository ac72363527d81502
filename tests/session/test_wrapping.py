"""Access tables in sessions: who is let in, what he is told, what the log says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving

USERS = (User("alice"), User("bob", gid=4001))
FILES = {
    "nobody": "ALL: ALL\n", "me": "proftpd: 127.0.0.0/8 EXCEPT 127.0.0.99\n", "nothing": "",
    "others": "sshd: ALL\nALL: 192.0.2.\n", "ftpd": "ftpd: 127.\n", "option": "ALL: ALL: ALLOW\n",
}
_BOTH = 'WrapDenyMsg "Not from there, %u"\nWrapAllowMsg "Welcome, %u"'
HOSTS = {
    "denied": "WrapTables file:@HOME@/nothing file:@HOME@/nobody",
    "message": f"WrapTables file:@HOME@/none file:@HOME@/nobody\n{_BOTH}",
    "allowed": f"WrapTables file:@HOME@/me builtin:all\n{_BOTH}",
    "others": "WrapTables file:@HOME@/others builtin:all",
    "service": "WrapServiceName ftpd\nWrapTables file:@HOME@/ftpd builtin:all",
    "option": "WrapTables file:@HOME@/nothing file:@HOME@/option",
    "users": "WrapUserTables bob file:@HOME@/nothing builtin:all\nWrapAllowMsg hello",
    "groups": "WrapGroupTables !staff file:@HOME@/nothing builtin:all\nWrapTables builtin:all builtin:all",
    "own": "WrapTables file:~/deny.tab builtin:all",
    "named": "WrapTables file:@HOME@/%U.tab builtin:all",
    "alias": "UserAlias al alice\nUserAlias robert bob\nWrapTables file:@HOME@/nothing file:@HOME@/%U.deny\n"
    'WrapDenyMsg "Not from there, %u"',
    "connect": f"WrapOptions CheckOnConnect\nWrapTables file:@HOME@/nothing builtin:all\n{_BOTH}",
    "connect allowed": f"WrapOptions CheckOnConnect\nWrapTables file:@HOME@/me builtin:all\n{_BOTH}",
    "anonymous": "WrapTables builtin:all builtin:all\n<Anonymous @HOME@/alice>\nUser alice\nUserAlias anonymous alice\n"
    "WrapTables file:@HOME@/nothing builtin:all\n</Anonymous>",
    "off": "WrapEngine off\nWrapTables file:@HOME@/nothing builtin:all",
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    with serving(
        ftps_certificates, HOSTS, users=USERS, shared=("WrapEngine on", "WrapLog @HOME@/wrap.log"),
        directives=("Workers 1",),
    ) as running:
        homes = running.server.files.directory / "homes"
        for name, text in FILES.items():
            (homes / name).write_text(text)
        (homes / "alice.tab").write_text("ALL: 127.0.0.1\n")
        (homes / "alice.deny").write_text("ALL: ALL\n")
        running.server.give("deny.tab", b"ALL: 127.0.0.1\n")
        yield running


def login(hosts: Hosts, name: str, user: str = "alice", password: str = "secret") -> str:
    client = hosts.connected(name)
    client.expect(331, f"USER {user}")
    reply = client.command(f"PASS {password}")
    if reply.code == 530:
        client.expect_end()
    return " / ".join((str(reply.code), *(line.strip() for line in reply.lines)))


_IN = "230 / User {} logged in"


@pytest.mark.parametrize(("name", "user", "reply"), [
    ("denied", "alice", "530 / Access denied"), ("denied", "nobody-knows", "530 / Access denied"),
    ("message", "alice", "530 / Not from there, alice"),
    ("allowed", "alice", "230 / Welcome, alice / User alice logged in"), ("others", "alice", "530 / Access denied"),
    ("service", "alice", _IN.format("alice")), ("option", "alice", _IN.format("alice")),
    ("users", "alice", "230 / hello / User alice logged in"), ("users", "bob", "530 / Access denied"),
    ("own", "alice", _IN.format("alice")), ("own", "bob", "530 / Access denied"),
    ("named", "alice", _IN.format("alice")), ("named", "bob", "530 / Access denied"),
    ("alias", "alice", "530 / Not from there, alice"), ("alias", "al", "530 / Not from there, al"),
    ("alias", "robert", _IN.format("robert")),
    ("connect allowed", "alice", "230 / Welcome, alice / User alice logged in"), ("off", "alice", _IN.format("alice")),
    ("anonymous", "alice", "530 / Access denied"), ("anonymous", "anonymous", "530 / Access denied"),
    ("anonymous", "bob", _IN.format("bob")), ("groups", "alice", "530 / Access denied"),
])
def test_who_is_let_in(hosts: Hosts, name: str, user: str, reply: str) -> None:
    assert login(hosts, name, user) == reply


def test_who_is_turned_away_at_once(hosts: Hosts) -> None:
    client = hosts.client("connect")
    assert str(client.read_reply()) == "530 Not from there, unknown"
    client.expect_end()


def test_a_wrong_password_is_wrong_wherever_it_comes_from(hosts: Hosts) -> None:
    client = hosts.connected("allowed")
    client.expect(331, "USER alice")
    assert str(client.command("PASS wrong")) == "530 Login incorrect."


def test_what_the_log_says(hosts: Hosts) -> None:
    login(hosts, "users", "bob")
    log = (hosts.server.files.directory / "homes" / "wrap.log").read_text()
    homes = hosts.server.files.directory / "homes"
    for line in (
        "matched WrapUserTables expression for user 'bob'", f"using 'file:{homes}/nothing' for allow table",
        "using 'builtin:all' for deny table", "looking under service name 'proftpd'",
        "refused connection from bob@127.0.0.1",
    ):
        assert f"]: {line}\n" in log
    assert "mod_wrap2/2.0.7[" in log
    hosts.server.wait_for_log("USER bob (Login failed): access tables deny login [wrap-denied]", log="system")


def test_a_table_counts_as_soon_as_it_is_written(hosts: Hosts) -> None:
    table = hosts.server.files.directory / "homes" / "nothing"
    try:
        assert login(hosts, "users", "bob") == "530 / Access denied"
        table.write_text("ALL: 127.\n")
        assert login(hosts, "users", "bob") == "230 / hello / User bob logged in"
    finally:
        table.write_text("")

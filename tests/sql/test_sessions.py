"""Whole sessions of users whose accounts lie in a database."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import User, hash_password
from ftpsd.testing.databases import TestDatabase
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse
from tests.sql.conftest import BACKENDS, empty

UID, GID = User().uid, User().gid
TABLES = """
    CREATE TABLE users (
        userid VARCHAR(30) NOT NULL UNIQUE,
        passwd VARCHAR(120),
        uid INTEGER,
        gid INTEGER,
        homedir VARCHAR(255),
        shell VARCHAR(255)
    );
    CREATE INDEX users_userid_idx ON users (userid);
    CREATE TABLE groups (
        groupname VARCHAR(30) NOT NULL,
        gid INTEGER NOT NULL,
        members VARCHAR(255)
    );
    CREATE INDEX groups_gid_idx ON groups (gid);
    CREATE TABLE owners (id INTEGER, owner VARCHAR(30), salt VARCHAR(40));
    CREATE TABLE history (what VARCHAR(60), who VARCHAR(60), path VARCHAR(400), size INTEGER, more VARCHAR(120));
    CREATE TABLE counts (userid VARCHAR(30), n INTEGER)
"""
EVERYWHERE = (
    "AuthOrder mod_sql.c mod_auth_file.c", "SQLAuthTypes Crypt Plaintext", "SQLMinID 1", "DefaultRoot ~",
    """SQLNamedQuery log INSERT "'%m', '%U', '%f', %b, '%{protocol} %s'" history""",
    """SQLNamedQuery event INSERT "'event', '%U', '', 0, ''" history""",
    """SQLNamedQuery count UPDATE "n = n + 1 WHERE userid = '%u'" counts""",
    """SQLNamedQuery times SELECT "n FROM counts WHERE userid = '%u'" """,
    """SQLNamedQuery user FREEFORM "SELECT userid, passwd, uid, gid, homedir, shell FROM users WHERE userid = '%U'" """,
    """SQLNamedQuery by-id SELECT "userid, passwd, uid, gid, homedir, shell FROM users WHERE uid = %{0}" """,
    """SQLNamedQuery group SELECT "groupname, gid, members FROM groups WHERE groupname = '%{0}'" """,
    """SQLNamedQuery group-id SELECT "groupname, gid, members FROM groups WHERE gid = %{0}" """,
    """SQLNamedQuery member SELECT "groupname, gid, members FROM groups WHERE members LIKE '%%%{0}%%'" """,
    """SQLNamedQuery key SELECT "id FROM owners WHERE owner = '%{0}'" """,
    """SQLNamedQuery noted INSERT "'key', '%u', '%{note:sql.group-primary-key}', %{note:sql.user-primary-key}, ''" """
    "history",
)
HOSTS = {
    "plain": "",
    "implicit": "TLSOptions UseImplicitSSL",
    "custom": "SQLUserInfo custom:/user/by-id\nSQLGroupInfo custom:/group/group-id/member",
    "where": "SQLUserWhereClause \"gid = {gid} AND userid <> '%U%a'\"\nSQLGroupWhereClause \"groupname <> 'crew'\"",
    "no groups": "SQLAuthenticate users",
    "groups decide": "<Limit LOGIN>\nDenyGroup staff\n</Limit>",
    "jail by group": "DefaultRoot ~/sub crew\nDefaultRoot ~",
    "ids": "SQLMinID 60000\nSQLDefaultUID {uid}\nSQLDefaultGID {gid}\nSQLDefaultHomedir @HOME@/alice",
    "off": "SQLEngine off",
    "log only": "SQLEngine log\nSQLLog PASS,ERR_PASS log",
    "log": "SQLLog PASS,RETR,STOR,DELE,ERR_DELE,EXIT log\nSQLLog PASS count\nSQLLogOnEvent mod_auth.max-login-attempts"
           " event\nMaxLoginAttempts 1",
    "events": "SQLNamedQuery own INSERT \"'more', '%U', '', 0, ''\" history\nSQLLogOnEvent core.exit own\n"
              "SQLLogOnEvent core.unhandled-command own",
    "banned": "BanEngine on\nBanOnEvent UnhandledCommand 2/00:10:00 00:00:01\nSQLLogOnEvent HostBanned own\n"
              "SQLNamedQuery own INSERT \"'ban', '%U', '', 0, ''\" history",
    "for a user": "<IfUser alice>\nSQLLog NOOP log\n</IfUser>\n<IfAuthenticated>\nSQLLog PWD log\n</IfAuthenticated>",
    "info": 'SQLShowInfo PASS 230 "%u, you were here %{times} times"\nSQLShowInfo NOOP 214 "%{times}"',
    "keys": "SQLUserPrimaryKey custom:/key\nSQLGroupPrimaryKey gid\nSQLLog PASS noted",
    "anonymous": "<Anonymous @HOME@/alice>\nUser alice\nUserAlias anonymous alice\nSQLEngine off\n</Anonymous>",
    "normalized": "SQLOptions UseNormalizedGroupSchema",
}


@dataclass
class Sql:
    """A server and its database."""

    hosts: Hosts
    database: TestDatabase

    def history(self, count: int, what: str = "%") -> list[tuple[object, ...]]:
        """The rows of the table of logs, as soon as there are so many."""
        deadline = time.monotonic() + 20
        query = "SELECT what, who, path, size, more FROM history WHERE what LIKE ?"
        while len(rows := self.database.run(query, what)) < count:
            assert time.monotonic() < deadline, rows
            time.sleep(0.02)
        return sorted(rows, key=str)

    def logged_in(self, host: str, user: str = "alice", password: str = "secret") -> ScriptedClient:
        return self.hosts.logged_in(host, user, password)


@pytest.fixture(scope="module", params=BACKENDS)
def sql(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ftps_certificates: Certificates,
) -> Iterator[Sql]:
    database = empty(request, request.param, tmp_path_factory.mktemp("sql"))
    database.script(TABLES)
    connection = f"SQLBackend {database.backend}\nSQLConnectInfo {database.words}".splitlines()
    hosts = {name: text.replace("{uid}", str(UID)).replace("{gid}", str(GID)) for name, text in HOSTS.items()}
    users = (User("alice", password="file secret"), User("carol"))
    bans = ("BanTable @HOME@/../bans",)
    with serving(ftps_certificates, hosts, users=users, shared=(*connection, *EVERYWHERE), directives=bans) as running:
        for number, (name, password) in enumerate((
            ("alice", hash_password("secret")), ("bob", "plain'); DROP TABLE users; --"), ("o'hara", "secret"),
            ("carol", None), ("per%cent", "secret"), ("back\\slash", "secret"), ("nobodys-home", "secret"),
        )):
            home = str(running.server.home("alice"))
            database.run(
                "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)", name, password, UID, GID,
                None if name == "nobodys-home" else home, "/bin/sh")
            database.run("INSERT INTO owners VALUES (?, ?, ?)", 100 + number, name, "salt")
            database.run("INSERT INTO counts VALUES (?, ?)", name, 7)
        for name, gid, members in (
            ("people", GID, ""), ("crew", 54321, "bob,alice"), ("crew", 54321, "carol"), ("staff", 54322, "zoe, bob"),
            ("wild", 54323, "zz,percent,xx"),
        ):
            database.run("INSERT INTO groups VALUES (?, ?, ?)", name, gid, members)
        running.server.give("sub/file", b"x" * 10, user="alice")
        running.server.give("file", b"y" * 20, user="alice")
        yield Sql(running, database)


IN = """
    PWD => 257 "/" is the current directory
    < RETR file => 150 BINARY: file (20 bytes); 226 Transfer complete
"""


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("host", ["plain", "custom"])
def test_a_session_over_tls(sql: Sql, host: str, version: str) -> None:
    with sql.hosts.client(host, version).begin() as client:
        client.command("TYPE I")
        converse(client, IN)


@pytest.mark.parametrize(("host", "user", "password"), [
    ("plain", "alice", "secret"), ("plain", "bob", "plain'); DROP TABLE users; --"), ("plain", "o'hara", "secret"),
    ("plain", "carol", "secret"), ("plain", "per%cent", "secret"), ("plain", "back\\slash", "secret"),
    ("custom", "o'hara", "secret"), ("where", "alice", "secret"), ("no groups", "alice", "secret"),
    ("groups decide", "alice", "secret"), ("ids", "nobodys-home", "secret"), ("off", "alice", "file secret"),
    ("log only", "alice", "file secret"), ("anonymous", "anonymous", "me@example.org"),
])
def test_who_gets_in(sql: Sql, host: str, user: str, password: str) -> None:
    with sql.logged_in(host, user, password) as client:
        assert client.command("PWD").code == 257


@pytest.mark.parametrize(("host", "user", "password"), [
    ("plain", "alice", "wrong"), ("plain", "alice", "file secret"), ("plain", "nobody", "secret"),
    ("plain", "' OR 1=1 --", "secret"), ("plain", "alice' --", "secret"), ("plain", "%", "secret"),
    ("plain", "_lice", "secret"), ("plain", "nobodys-home", "secret"), ("plain", "alice", ""),
    ("plain", "alice\\' OR ''='", "secret"), ("custom", "' UNION SELECT 'x','secret',1,1,'/','' --", "secret"),
    ("groups decide", "bob", "plain'); DROP TABLE users; --"), ("off", "alice", "secret"), ("off", "bob", "secret"),
    ("log only", "o'hara", "secret"), ("plain", "carol", "file secret"),
])
def test_who_does_not(sql: Sql, host: str, user: str, password: str) -> None:
    with sql.hosts.connected(host) as client:
        assert client.command(f"USER {user}").code == 331
        reply = client.command(f"PASS {password}")
        assert (reply.code, reply.text) == (530, "Login incorrect.")


@pytest.mark.parametrize(("host", "there"), [
    ("plain", "file"), ("jail by group", "../nowhere"),
])
def test_groups_of_the_database_choose_the_root(sql: Sql, host: str, there: str) -> None:
    with sql.logged_in(host) as client:
        assert client.command("SIZE file" if host == "plain" else "MLST file").code in (213, 250, 550)
        assert client.command("CWD sub").code == (250 if host == "plain" else 550)


def test_names_of_a_listing(sql: Sql) -> None:
    with sql.logged_in("plain") as client:
        listed = client.retrieve("LIST").decode()
    assert " people " in listed
    assert any(f" {name} " in listed for name in ("alice", "bob", "o'hara", "carol", "per%cent"))


@pytest.mark.root
def test_ids_that_are_too_low(sql: Sql) -> None:
    with sql.logged_in("ids") as client:
        client.command("TYPE I")
        client.store("STOR made", b"x")
    status = os.stat(sql.hosts.server.home("alice") / "made")
    assert (status.st_uid, status.st_gid) == (UID, GID)


def test_what_is_logged(sql: Sql) -> None:
    sql.database.run("DELETE FROM history")
    hostile = "new'); DELETE FROM history; --"
    with sql.logged_in("log") as client:
        client.command("TYPE I")
        client.store(f"STOR {hostile}", b"12345")
        assert client.command("DELE nowhere").code == 550
        assert client.command(f"DELE {hostile}").code == 250
        client.command("QUIT")
    home = str(sql.hosts.server.home("alice"))
    rows = sql.history(5)
    assert rows == sorted([
        ("PASS", "alice", "-", 0, "ftp 230"), ("STOR", "alice", f"{home}/{hostile}", 5, "ftp 226"),
        ("DELE", "alice", f"{home}/nowhere", 0, "ftp 550"), ("DELE", "alice", f"{home}/{hostile}", 5, "ftp 250"),
        ("EXIT", "alice", "-", 0, "ftp -"),
    ], key=str)
    assert sql.database.run("SELECT n FROM counts WHERE userid = 'alice'") == [(8,)]
    sql.database.run("UPDATE counts SET n = 7")


def test_an_event_is_logged(sql: Sql) -> None:
    sql.database.run("DELETE FROM history")
    with sql.hosts.connected("log") as client:
        client.command("USER ev'il")
        assert client.command("PASS x").code == 530
    assert sql.history(1, "event")[0][:2] == ("event", "ev'il")


def test_a_failed_login_is_logged_where_only_logs_are_wanted(sql: Sql) -> None:
    sql.database.run("DELETE FROM history")
    with sql.hosts.connected("log only") as client:
        client.command("USER mal\\'ory")
        client.command("PASS x")
    assert sql.history(1, "PASS") == [("PASS", "mal\\'ory", "-", 0, "ftp 530")]


def test_a_line_behind_the_reply(sql: Sql) -> None:
    with sql.hosts.connected("info") as client:
        converse(client, """
            USER alice => 331 Password required for alice
            PASS secret => 230 alice, you were here 7 times / User alice logged in
            NOOP => 200 7 / NOOP command successful
            PWD => 257 "/" is the current directory
        """)


def test_primary_keys(sql: Sql) -> None:
    sql.database.run("DELETE FROM history")
    with sql.logged_in("keys"):
        assert sql.history(1, "key") == [("key", "alice", str(GID), 100, "")]


def test_nothing_has_become_part_of_a_statement(sql: Sql) -> None:
    assert sql.database.run("SELECT count(*) FROM users") == [(7,)]


def test_an_outage_bans_nobody(ftps_certificates: Certificates, tmp_path: Path) -> None:
    """Yet tries are bounded, also where an access table wants to know the account first."""
    pytest.importorskip("sqlalchemy")
    away = (
        f"SQLConnectInfo {tmp_path}/gone.db\nSQLTimeouts 300 300\nMaxLoginAttempts 2\n"
        "BanEngine on\nBanOnEvent MaxLoginAttempts 1/00:10:00 01:00:00")
    hosts = {"plain": away, "wrapped": f"{away}\nWrapEngine on\nWrapTables file:/nonexistent file:/nonexistent"}
    directives = ("BanTable @HOME@/ban.tab", "AuthOrder mod_sql.c mod_auth_file.c")
    with serving(ftps_certificates, hosts, directives=directives[:1], shared=directives[1:]) as running:
        for name in ("plain", "wrapped", "plain", "wrapped"):
            with running.connected(name) as client:
                for _ in range(2):
                    client.expect(331, "USER alice")
                    assert str(client.command("PASS secret")) == "530 Login incorrect."
                client.expect_end()
        log = running.server.files.system_log.read_text()
    assert log.count("[sql-unavailable]") >= 8
    assert "Maximum login attempts" not in log


def test_nobody_waits_for_a_database_that_is_away(
    ftps_certificates: Certificates, tmp_path: Path,
) -> None:
    pytest.importorskip("sqlalchemy")
    away = f"SQLConnectInfo {tmp_path}/gone.db\nSQLTimeouts 300 300\nSQLAuthTypes Crypt\nSQLLogFile @HOME@/../sql.log"
    hosts = {"strict": away, "lenient": f"{away}\nSQLOptions NoDisconnectOnError"}
    order = ("AuthOrder mod_sql.c mod_auth_file.c",)
    with serving(ftps_certificates, hosts, shared=order) as running:
        began = time.monotonic()
        for _ in range(3):
            with running.connected("strict") as client:
                client.command("USER alice")
                reply = client.command("PASS secret")
                assert (reply.code, reply.text) == (530, "Login incorrect.")
        with running.logged_in("lenient"):
            pass
        assert time.monotonic() - began < 20
        log = running.server.files.system_log.read_text()
        own = (running.server.files.directory / "sql.log").read_text()
    for text in (log, own):
        assert 1 <= text.count("does not answer: unable to open database file") <= 4
    assert "[sql-unavailable]" in own
    assert log.count("USER alice (Login failed): ") == 3


def test_more_events(sql: Sql) -> None:
    with sql.logged_in("events") as client:
        client.expect(500, "NONSENSE")
        client.quit()
    assert [row[:2] for row in sql.history(2, "more")] == [("more", "alice")] * 2


def test_a_ban_is_an_event(sql: Sql) -> None:
    with sql.logged_in("banned") as client:
        client.expect(500, "NONSENSE")
        client.expect(421, "NONSENSE")
    assert [row[:2] for row in sql.history(1, "ban")] == [("ban", "alice")]


def test_commands_of_some_users(sql: Sql) -> None:
    """SQLLog in <IfUser> and <IfAuthenticated>."""
    for user in ("alice", "carol"):
        with sql.logged_in("for a user", user) as client:
            client.expect(200, "NOOP")
            client.expect(257, "PWD")
            client.quit()
    assert [row[1] for row in sql.history(2, "PWD")] == ["alice", "carol"]
    assert [row[1] for row in sql.history(1, "NOOP")] == ["alice"]

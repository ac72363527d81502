"""Directives around logins: aliases, configured passwords, homes that are made, delays, files that are shown."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import sqlite3
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.auth import passwords
from ftpsd.auth.account import AccountsUnavailable, LoginResult
from ftpsd.auth.chain import Authenticator
from ftpsd.auth.sqlaccounts import SqlAccounts
from ftpsd.reasons.codes import Code, Good
from ftpsd.session import entering, lastlog, loop
from ftpsd.session.state import Session
from ftpsd.sql.errors import Unavailable
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import User, hash_password
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving
from tests.session.inprocess import InProcess, one_session, system_log
from tests.session.talk import converse

OTHER = hash_password("other")
USERS = (
    User("alice"), User("bob", gid=4001), User("carol", password="carols"), User("void", password=""),
    User("nohome"),
)
ANONYMOUS = "<Anonymous @HOME@/alice>\nUser alice\n%s\n</Anonymous>"
HOSTS = {
    "alias only": "AuthAliasOnly on\nUserAlias wonder alice",
    "section alias only": ANONYMOUS % "AuthAliasOnly on\nUserAlias ftp alice",
    "using alias": ANONYMOUS % "AnonRequirePassword on\nAuthUsingAlias on\nUserAlias carol alice\nUserAlias dave alice",
    "reject": ANONYMOUS % ("UserAlias ftp alice\n" + r"AnonRejectPasswords @evil\.org$"),
    "want": ANONYMOUS % "UserAlias ftp alice\nAnonRejectPasswords !^[A-Z0-9]+@[A-Z]+$ [NC]",
    "no empty": ANONYMOUS % "UserAlias ftp alice\nAllowEmptyPasswords off",
    "anonymous": ANONYMOUS % "UserAlias ftp alice",
    "robots": ANONYMOUS % "UserAlias ftp alice\nAnonAllowRobots on",
    "anonymous group": "AnonymousGroup bob",
    "anonymous group, directories": """
        AnonymousGroup bob
        <Directory ~/private>
          <Limit ALL>
            DenyAll
          </Limit>
        </Directory>
        <Directory @HOME@/bob/absolute>
          <Limit WRITE>
            DenyAll
          </Limit>
        </Directory>
        <Directory /inside>
          <Limit ALL>
            DenyAll
          </Limit>
        </Directory>
        <IfGroup bob>
          <Directory ~/group>
            HideFiles ^hidden$
          </Directory>
        </IfGroup>
    """,
    "user password": f"UserPassword alice {OTHER}\nUserPassword nobody-there {OTHER}",
    "group password": f"GroupPassword bob {OTHER}",
    "empty": "AllowEmptyPasswords on",
    "plain": "",
    "homes": "CreateHome on 750 dirmode 755",
    "shown": "DisplayFileTransfer thanks.msg",
    "shown, absolute": "DisplayFileTransfer @HOME@/thanks",
    "cdpath": "CDPath /sub\nCDPath /sub/deep",
    "cdpath, limited": "CDPath /sub\n<Directory @HOME@/alice/sub/deep>\n<Limit CWD>\nDenyAll\n</Limit>\n</Directory>",
    "delays": "DelayOnEvent Connect 100ms\nDelayOnEvent USER 150\nDelayOnEvent PASS 200-210ms\n"
              "DelayOnEvent FailedLogin 300ms",
    "processor": "RLimitCPU session 0",
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per directive."""
    with serving(ftps_certificates, HOSTS, users=USERS) as running:
        running.server.give("sub/deep/file", b"x")
        running.server.give("thanks.msg", b"thank you, %u\n")
        (running.server.files.directory / "homes" / "thanks").write_text("bye\n")
        for path in ("private/file", "absolute/file", "inside/file", "group/file", "group/hidden"):
            running.server.give(path, b"x", user="bob")
        running.server.home("nohome").rmdir()
        (running.server.files.directory / "homes").chmod(0o755)
        yield running


GRANTED, WRONG = "230 User {} logged in", "530 Login incorrect."
ANONYMOUSLY = "230 Anonymous access granted, restrictions apply"


@pytest.mark.parametrize(("host", "user", "password", "answer"), [
    ("alias only", "wonder", "secret", GRANTED),
    ("alias only", "alice", "secret", WRONG),
    ("alias only", "bob", "secret", WRONG),
    ("section alias only", "ftp", "x@y", ANONYMOUSLY),
    ("section alias only", "alice", "x@y", WRONG),
    ("section alias only", "alice", "secret", GRANTED),
    ("using alias", "carol", "carols", ANONYMOUSLY),
    ("using alias", "carol", "secret", WRONG),
    ("using alias", "dave", "secret", WRONG),
    ("using alias", "alice", "secret", ANONYMOUSLY),
    ("reject", "ftp", "me@evil.org", WRONG),
    ("reject", "ftp", "me@evil.org.uk", ANONYMOUSLY),
    ("want", "ftp", "me@HERE", ANONYMOUSLY),
    ("want", "ftp", "me", WRONG),
    ("no empty", "ftp", "", WRONG),
    ("no empty", "ftp", "x", ANONYMOUSLY),
    ("anonymous", "ftp", "", ANONYMOUSLY),
    ("anonymous group", "bob", "secret", ANONYMOUSLY),
    ("anonymous group", "bob", "wrong", WRONG),
    ("anonymous group", "alice", "secret", GRANTED),
    ("user password", "alice", "other", GRANTED),
    ("user password", "alice", "secret", WRONG),
    ("user password", "bob", "secret", GRANTED),
    ("user password", "nobody-there", "other", WRONG),
    ("group password", "bob", "other", GRANTED),
    ("group password", "bob", "secret", WRONG),
    ("group password", "alice", "secret", GRANTED),
    ("empty", "void", "", GRANTED),
    ("empty", "alice", "", WRONG),
    ("plain", "void", "", WRONG),
])
def test_logins(hosts: Hosts, host: str, user: str, password: str, answer: str) -> None:
    with hosts.connected(host) as client:
        client.expect(331, f"USER {user}")
        assert str(client.command(f"PASS {password}")) == answer.format(user)
        if answer == ANONYMOUSLY:
            client.expect(257, "PWD")


def test_an_alias_is_wanted_says_the_log(hosts: Hosts) -> None:
    for host, user in (("alias only", "alice"), ("want", "ftp")):
        with hosts.connected(host) as client:
            client.expect(331, f"USER {user}")
            client.expect(530, "PASS secret")
    logged = "\n".join(hosts.server.system_log())
    assert "USER alice: user is not a UserAlias from" in logged
    assert "ANON ftp: AnonRejectPasswords denies login" in logged


def test_a_member_of_an_anonymous_group_stays_in_his_home(hosts: Hosts) -> None:
    with hosts.logged_in("anonymous group", "bob") as client:
        converse(client, """
            CWD /../../.. => 250 CWD command successful
            PWD => 257 "/" is the current directory
        """)


def test_directories_of_the_host_hold_for_members_of_an_anonymous_group(hosts: Hosts) -> None:
    """Their paths are those of the machine, whatever the root is."""
    with hosts.logged_in("anonymous group, directories", "bob") as client:
        client.expect(200, "TYPE I")
        assert client.retrieve("RETR absolute/file") == b"x"
        assert client.retrieve("RETR inside/file") == b"x"
        assert client.retrieve("NLST group") == b"group/file\r\n"
        converse(client, """
            < RETR private/file => 550 private/file: Operation not permitted [limit-denied]
            < NLST private => 450 private: No such file or directory
            CWD private => 550 private: No such file or directory
            > STOR absolute/new => 550 absolute/new: Operation not permitted [limit-denied]
            DELE absolute/file => 550 absolute/file: Operation not permitted [limit-denied]
        """)


@pytest.mark.parametrize(("outcomes", "cause"), [
    ((Code.LOGIN_OVERLOAD, Code.LOGIN_OVERLOAD), Code.LOGIN_OVERLOAD),
    ((Code.LOGIN_WRONG_PASSWORD, Code.SQL_UNAVAILABLE), Code.SQL_UNAVAILABLE),
    ((Code.SQL_UNAVAILABLE, Code.LOGIN_WRONG_PASSWORD), Code.LOGIN_WRONG_PASSWORD),
    ((Code.LOGIN_WRONG_PASSWORD, Code.LOGIN_WRONG_PASSWORD), Code.LOGIN_ATTEMPTS_EXCEEDED),
])
def test_where_a_password_could_not_be_checked_the_session_ends_as_usual_but_nobody_is_to_blame(
    outcomes: tuple[Code, ...], cause: Code, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, ends, run = iter(outcomes), list[str](), loop.run

    def until_its_end(session: Session) -> Code | Good:
        ended = run(session)
        ends.append(ended)
        return ended

    monkeypatch.setattr(loop, "run", until_its_end)
    monkeypatch.setattr(entering, "check", lambda *_: LoginResult(False, None, next(waiting), "no"))
    with one_session(("MaxLoginAttempts 2",)) as served:
        served.client.connect()
        for _ in outcomes:
            served.client.expect(331, "USER alice")
            assert str(served.client.command("PASS secret")) == "530 Login incorrect."
        served.client.expect_end()
        exceeded = "Maximum login attempts (2) exceeded" in system_log(served)
    assert ends == [cause]
    assert exceeded is (cause is Code.LOGIN_ATTEMPTS_EXCEEDED)


@pytest.mark.parametrize("rule", ["", "AnonymousGroup users", "WrapEngine on"])
@pytest.mark.parametrize(("others", "hashes"), [(True, 1), (False, 0)])
def test_who_may_be_known_to_a_source_that_is_away_costs_a_hash_where_others_log_in(
    others: bool, hashes: int, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the time would tell who has his account elsewhere."""
    counted, crypt = list[bytes](), passwords.crypt

    def noting(secret: bytes, setting: bytes) -> bytes | None:
        counted.append(setting)
        return crypt(secret, setting)

    def away(*_: object, **__: object) -> None:
        raise AccountsUnavailable(Code.DIRECTORY_UNREACHABLE, "no LDAP server answers", others=others)

    with one_session((rule,)) as served:
        monkeypatch.setattr(passwords, "crypt", noting)
        monkeypatch.setattr(Authenticator, "lookup", away)
        served.client.connect()
        served.client.expect(331, "USER dora")
        assert str(served.client.command("PASS secret")) == "530 Login incorrect."
        assert "no LDAP server answers [directory-unreachable]" in system_log(served)
    assert len(counted) == hashes


def test_a_row_that_cannot_be_used_costs_a_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the time would tell that there is such a user. No other source is asked about him."""
    with one_session(_database(tmp_path)) as served:
        counted, crypt = list[bytes](), passwords.crypt

        def noting(secret: bytes, setting: bytes) -> bytes | None:
            counted.append(setting)
            return crypt(secret, setting)

        monkeypatch.setattr(passwords, "crypt", noting)
        served.client.connect()
        for number, name in enumerate(("nobody-there", "alice"), 1):
            served.client.expect(331, f"USER {name}")
            assert str(served.client.command("PASS secret")) == "530 Login incorrect."
            assert len(counted) == number
        assert "SQLUserInfo: the name, uid or gid of a user is none" in system_log(served)


def test_access_tables_ask_no_database_for_anonymous_logins_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()

    def away(_: object, name: str, *__: object) -> None:
        asked.append(name)
        raise Unavailable("away")

    monkeypatch.setattr(SqlAccounts, "lookup", away)
    section = ("<Anonymous ~>", "User alice", "UserAlias ftp alice", "SQLEngine off", "</Anonymous>")
    with one_session((*_database(tmp_path), "WrapEngine on", *section)) as served:
        served.client.connect()
        served.client.expect(331, "USER ftp")
        served.client.expect(230, "PASS me@example.org")
    assert asked == []


def _database(directory: Path) -> tuple[str, ...]:
    """Where alice has an id that is none."""
    pytest.importorskip("sqlalchemy")
    path = directory / "ftp.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE users (userid, passwd, uid, gid, homedir, shell);"
            "CREATE TABLE groups (groupname, gid, members);"
            f"INSERT INTO users VALUES ('alice', '{hash_password('secret')}', 'x', '1000', '/', '/bin/sh');")
    return ("SQLBackend sqlite3", f"SQLConnectInfo {path}", "SQLAuthTypes Crypt", "AuthOrder mod_sql.c mod_auth_file.c")


def _without_accounts(served: InProcess) -> None:
    """The AuthUserFile is away from now on; the system's users are not."""
    file = served.service.configuration.hosts[0].settings.auth.auth_user_file
    assert file is not None
    os.unlink(file.path)


SYSTEM = pwd.getpwuid(1).pw_name
FILE_FIRST = "AuthOrder mod_auth_file.c mod_auth_unix.c"


def test_user_is_answered_alike_while_a_source_is_away() -> None:
    """Also where its answer hangs on who it is."""
    with one_session(("IfSessionOptions PerUnauthenticatedUser", FILE_FIRST)) as served:
        _without_accounts(served)
        served.client.connect()
        for name in (SYSTEM, "alice", "nobody-there"):
            assert str(served.client.command(f"USER {name}")) == f"331 Password required for {name}"
        assert str(served.client.command("PASS secret")) == "530 Login incorrect."
        assert "AuthUserFile" in system_log(served)


@pytest.mark.parametrize("rule", ["", "AnonymousGroup users"])
@pytest.mark.parametrize("name", [SYSTEM, "alice", "nobody-there"])
def test_access_tables_hold_for_everybody_while_a_source_is_away(rule: str, name: str) -> None:
    """Who is refused hears the same whether another source knows him or not."""
    tables = ("WrapEngine on", "WrapTables file:/nonexistent/allow builtin:all", "WrapDenyMsg \"Not from there\"")
    with one_session((FILE_FIRST, rule, *tables)) as served:
        _without_accounts(served)
        served.client.connect()
        served.client.expect(331, f"USER {name}")
        assert str(served.client.command("PASS secret")) == "530 Not from there"
        served.client.expect_end()


def test_a_missing_home_is_made(hosts: Hosts) -> None:
    home = hosts.server.home("nohome")
    with hosts.connected("plain") as client:
        client.expect(331, "USER nohome")
        client.expect(530, "PASS secret")
    assert not home.exists()
    with hosts.logged_in("homes", "nohome") as client:
        converse(client, '> STOR up => 150 ASCII: up; 226 Transfer complete')
    assert home.stat().st_mode & 0o7777 == 0o750
    assert home.stat().st_uid == next(user.uid for user in USERS if user.name == "nohome")
    assert [path.name for path in home.parent.iterdir() if path.name.startswith(".")] == []


def test_robots(hosts: Hosts) -> None:
    with hosts.logged_in("anonymous", "ftp", "x@y") as client:
        client.expect(200, "TYPE I")
        assert client.retrieve("RETR robots.txt") == b"User-agent: *\nDisallow: /\n"
        converse(client, """
            RETR robots.txt => 425 Unable to build data connection: no PASV, EPSV, PORT or EPRT command came before
            RETR sub/robots.txt => 550 sub/robots.txt: No such file or directory
            REST 5 => 350 Restarting at 5. Send STORE or RETRIEVE to initiate transfer
            RETR robots.txt => 550 robots.txt: No such file or directory
        """)
    hosts.server.give("ROBOTS.TXT", b"mine")
    with hosts.logged_in("anonymous", "ftp", "x@y") as client:
        client.expect(200, "TYPE I")
        assert client.retrieve("RETR ROBOTS.TXT") == b"mine"
    for host, user in (("robots", "ftp"), ("plain", "alice")):
        with hosts.logged_in(host, user) as client:
            client.expect(550, "RETR robots.txt")


def test_a_file_is_shown_after_transfers(hosts: Hosts) -> None:
    with hosts.logged_in("shown") as client:
        converse(client, """
            > STOR up => 150 ASCII: up; 226 thank you, alice / Transfer complete
            < RETR up => 150 ASCII: up (12 bytes); 226 thank you, alice / Transfer complete
            CWD sub => 250 CWD command successful
            > STOR up => 150 ASCII: up; 226 Transfer complete
        """)
    with hosts.logged_in("shown, absolute") as client:
        converse(client, "> STOR up => 150 ASCII: up; 226 bye / Transfer complete")


def test_cdpath(hosts: Hosts) -> None:
    with hosts.logged_in("plain") as client:
        client.expect(550, "CWD deep")
    with hosts.logged_in("cdpath") as client:
        converse(client, """
            CWD deep => 250 CWD command successful
            PWD => 257 "/sub/deep" is the current directory
            CWD nowhere => 550 nowhere: No such file or directory
            CWD /sub => 250 CWD command successful
            PWD => 257 "/sub" is the current directory
        """)
    with hosts.logged_in("cdpath, limited") as client:
        client.expect(550, "CWD deep")
        client.expect(257, "PWD")


def _seconds(client: ScriptedClient, code: int, command: str) -> float:
    began = time.monotonic()
    client.expect(code, command)
    return time.monotonic() - began


def test_delays(hosts: Hosts) -> None:
    began = time.monotonic()
    with hosts.connected("delays") as client:
        assert time.monotonic() - began > 0.1
        assert _seconds(client, 331, "USER alice") >= 0.15
        assert _seconds(client, 530, "PASS wrong") >= 0.5
        client.expect(331, "USER alice")
        assert _seconds(client, 230, "PASS secret") >= 0.2
        assert min(_seconds(client, 200, "NOOP") for _ in range(10)) < 0.15


@pytest.mark.parametrize("version", [None, "TLSv1.2", "TLSv1.3"])
def test_delays_of_a_client_that_sends_nothing_more(hosts: Hosts, version: str | None) -> None:
    """Half a connection is no way around them, and its replies come."""
    with hosts.client("delays", version) as client:
        client.connect()
        if version is not None:
            client.auth()
        began = time.monotonic()
        client.send(b"USER alice\r\nPASS wrong\r\n")
        client.control.socket.shutdown(socket.SHUT_WR)
        client.expect(331)
        client.expect(530)
        assert time.monotonic() - began >= 0.65


@pytest.mark.parametrize("ending", ["stop", "reset"])
def test_a_delay_ends_with_the_server_and_with_the_connection(ending: str) -> None:
    with one_session(("DelayOnEvent USER 60s",)) as served:
        client = served.client
        client.connect()
        session = served.session()
        client.send(b"USER alice\r\n")
        client.control.socket.shutdown(socket.SHUT_WR)
        if ending == "stop":
            session.end_soon()
            client.expect(421)
        else:
            client.close("rst")


def test_processor_time_of_a_session(hosts: Hosts) -> None:
    with hosts.connected("processor") as client:
        client.expect(421, "NOOP")
        client.expect_end()


def test_lastlog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lastlog"
    path.touch()
    monkeypatch.setattr(lastlog, "PATH", str(path))
    user = User()
    with one_session(("UseLastlog on",), users=(user,)) as served:
        served.client.connect()
        served.client.login("alice", "secret")
    record = path.read_bytes()[user.uid * 292:]
    moment, line, host = struct.unpack("=i32s256s", record)
    assert abs(moment - time.time()) < 60
    assert line.startswith(b"ftpd")
    assert host.rstrip(b"\0") == b"127.0.0.1"


def test_lastlog_that_is_not_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "target"
    target.touch()
    os.symlink(target, tmp_path / "lastlog")
    monkeypatch.setattr(lastlog, "PATH", str(tmp_path / "lastlog"))
    with one_session(("UseLastlog on", "DebugLevel 5")) as served:
        served.client.connect()
        served.client.login("alice", "secret")
        assert "UseLastlog: unable to write" in system_log(served)
    assert target.read_bytes() == b""


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="takes on another user's rights")
@pytest.mark.parametrize(("mode", "code"), [(0o755, 530), (0o1777, 230)])
def test_a_home_that_the_user_makes_himself(mode: int, code: int) -> None:
    """NoRootPrivs: where he may not write there is no home, and so no login; the log says why."""
    with one_session(("CreateHome on 711 NoRootPrivs",), users=(User("zoe", uid=4100, gid=4100),)) as served:
        passwd = served.service.configuration.hosts[0].settings.auth.auth_user_file
        assert passwd is not None
        homes = Path(passwd.path).parent / "homes"
        (homes / "zoe").rmdir()
        homes.chmod(mode)
        served.client.connect()
        served.client.expect(331, "USER zoe")
        served.client.expect(code, "PASS secret")
        assert ("CreateHome: cannot make" in system_log(served)) is (code == 530)
        assert (homes / "zoe").exists() is (code == 230)
        if code == 230:
            made = (homes / "zoe").stat()
            assert (made.st_uid, made.st_gid, made.st_mode & 0o7777) == (4100, 4100, 0o711)

"""Named queries on real databases."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from ftpsd.auth import sqlpasswords
from ftpsd.errors import ConfigError
from ftpsd.reasons.codes import Code
from ftpsd.settings.sql_parsers import MYSQL, Timeouts, connect_info
from ftpsd.sql import database as database_module
from ftpsd.sql.drivers import driver_for
from ftpsd.sql.errors import Failed, Unavailable
from ftpsd.sql.queries import calling
from ftpsd.sql.statements import NOTHING
from ftpsd.testing.ca import Authority, Files
from ftpsd.testing.databases import Postgres, TestDatabase
from tests.sql.support import Told, opened

HOSTILE = (
    "o'hara", 'double "quoted"', "back\\slash", "'; DROP TABLE notes; --", "per%cent %s %(p)s ?", "new\nline\r\n",
    "\\'; --", ":colon ::int", "$1 $$", "ünïcödé ☃", "\x01\x7f",
)


@pytest.fixture(params=[True, False], ids=["threads", "alone"])
def running(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_what_goes_in_comes_out(database: TestDatabase, running: bool) -> None:
    database.run("CREATE TABLE notes (who VARCHAR(200), size INTEGER)")
    directives = """
        SQLNamedQuery put INSERT "'<%{0}>', %{1}" notes
        SQLNamedQuery get SELECT "who, size FROM notes WHERE who = '<%{0}>' AND size = %{1}"
        SQLNamedQuery count SELECT "count(*) FROM notes"
        SQLNamedQuery shrink UPDATE "size = size - %{1} WHERE who = '<%{0}>'" notes
    """
    with opened(database, directives, running=running) as (queries, said):
        for size, name in enumerate(HOSTILE):
            assert queries.run("put", (name, str(size))) == []
            assert queries.run("get", (name, str(size))) == [(f"<{name}>", str(size))]
        queries.run("shrink", (HOSTILE[0], "7"))
        assert queries.run("get", (HOSTILE[0], "-7")) == [(f"<{HOSTILE[0]}>", "-7")]
        assert queries.run("count") == [(str(len(HOSTILE)),)]
    assert not said.lines


def test_what_no_database_takes_is_written_as_text(database: TestDatabase) -> None:
    database.run("CREATE TABLE notes (who VARCHAR(200))")
    with opened(database, """SQLNamedQuery put FREEFORM "INSERT INTO notes (who) VALUES ('%u/%f')" """) as (queries, _):
        queries.run("put", values=Told({"user": "nul\0", "file": "latin-\udce9"}))
    assert database.run("SELECT who FROM notes") == [("nul\\x00/latin-\\xe9",)]


@pytest.mark.parametrize(("encoding", "found"), [("LATIN1", None), ("SQL_ASCII", [])])
def test_a_name_that_the_database_has_no_letters_for_is_no_outage(
    postgres_server: Postgres, encoding: str, found: list[tuple[str]] | None
) -> None:
    """Whoever logs in chooses the name: others would be refused until somebody asks again."""
    database = postgres_server.database(encoding)
    database.run("CREATE TABLE notes (who VARCHAR(200))")
    with opened(database, """SQLNamedQuery put INSERT "'%{0}'" notes
    SQLNamedQuery get SELECT "who FROM notes WHERE who = '%{0}'"
    """) as (queries, said):
        queries.run("put", ("müller",))
        if found is None:
            with pytest.raises(Failed):
                queries.run("get", ("名前",))
        else:
            assert queries.run("get", ("名前",)) == found
        assert queries.run("get", ("müller",)) == [("müller",)]
        assert Code.SQL_UNAVAILABLE not in said.reasons


def test_a_text_that_cannot_be_read_is_no_outage(postgres_server: Postgres) -> None:
    database = postgres_server.database("SQL_ASCII")
    database.run("CREATE TABLE notes (who VARCHAR(200))")
    database.run("INSERT INTO notes VALUES (E'm\\374ller')")
    with opened(database, """SQLNamedQuery all SELECT "who FROM notes"
    SQLNamedQuery count SELECT "count(*) FROM notes" """) as (queries, said):
        with pytest.raises(Failed):
            queries.run("all")
        assert queries.run("count") == [("1",)]
        assert Code.SQL_UNAVAILABLE not in said.reasons


def test_variables_without_a_value(database: TestDatabase) -> None:
    database.run("CREATE TABLE notes (a VARCHAR(20), b INTEGER)")
    with opened(database, """SQLNamedQuery put INSERT "'%u', %b" notes""") as (queries, _):
        queries.run("put")
        queries.run("put", values=Told({"user": "joe", "bytes_sent": 5}))
    assert database.run("SELECT a, b FROM notes ORDER BY a") == [("-", None), ("joe", 5)]


def test_the_session_whose_thread_asks_is_known(database: TestDatabase) -> None:
    calling(Told({"remote_ip": "192.0.2.7"}))
    try:
        with opened(database, """SQLNamedQuery ip SELECT "'%a'" """) as (queries, _):
            assert queries.run("ip") == [("192.0.2.7",)]
    finally:
        calling(NOTHING)


def test_a_statement_that_the_database_refuses_is_said_once(database: TestDatabase) -> None:
    with opened(database, 'SQLNamedQuery bad SELECT "thing FROM nowhere"') as (queries, said):
        for _ in range(3):
            with pytest.raises(Failed, match="nowhere"):
                queries.run("bad")
        with pytest.raises(Failed, match="no SQLNamedQuery 'other'"):
            queries.run("other")
        assert said.reasons == [Code.SQL_STATEMENT_FAILED]
        assert said.lines[0][0].startswith("SQL query 'bad' failed: ")
        assert "bad" in queries
        assert "other" not in queries


def test_a_parameter_that_nobody_gives(database: TestDatabase) -> None:
    with opened(database, """SQLNamedQuery two SELECT "'%{1}'" """) as (queries, _):
        with pytest.raises(Failed, match=r"%\{1\}"):
            queries.run("two", ("one",))


def test_nobody_waits_for_the_log_and_it_keeps_its_order(database: TestDatabase) -> None:
    database.run("CREATE TABLE notes (n INTEGER)")
    with opened(database, """SQLNamedQuery put INSERT "%{0}" notes\nSQLNamedQuery all SELECT "n FROM notes"
    """) as (queries, said):
        for number in range(50):
            queries.send("put", (number,))
        deadline = time.monotonic() + 20
        while len(queries.run("all")) < 50 and time.monotonic() < deadline:
            time.sleep(0.02)
        if database.backend == "sqlite3":
            assert [row[0] for row in queries.run("all")] == [str(number) for number in range(50)]
        assert len(queries.run("all")) == 50
    assert not said.lines


@pytest.mark.parametrize(("word", "heard"), [(True, 0), (False, 1)], ids=["lenient", "strict"])
def test_who_hears_of_a_log_that_fails(database: TestDatabase, word: bool, heard: int) -> None:
    database.run("CREATE TABLE done (x INTEGER)")
    with opened(database, """SQLNamedQuery bad INSERT "1" nowhere\nSQLNamedQuery good INSERT "1" done
    SQLNamedQuery look SELECT "x FROM done" """) as (queries, said):
        queries.send("bad", lenient=word)
        queries.send("bad", lenient=word)
        queries.send("good")
        deadline = time.monotonic() + 20
        while not queries.run("look") and time.monotonic() < deadline:
            time.sleep(0.02)
        assert said.reasons == [Code.SQL_STATEMENT_FAILED] * heard


def test_many_ask_at_once(database: TestDatabase) -> None:
    with opened(database, 'SQLNamedQuery echo SELECT "%{0} + 0"') as (queries, _):
        found: list[str | None] = []

        def ask(number: int) -> None:
            found.append(queries.run("echo", (number,))[0][0])

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(map(int, filter(None, found))) == list(range(40))


def test_a_file_that_is_missing_is_an_outage_and_not_made(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    path = tmp_path / "no.db"
    missing = TestDatabase("sqlite3", str(path), lambda sql, parameters: [])
    with opened(missing, 'SQLNamedQuery one SELECT "1"') as (queries, said):
        for _ in range(3):
            with pytest.raises(Unavailable):
                queries.run("one")
        assert said.reasons == [Code.SQL_UNAVAILABLE]
        assert "unable to open" in said.lines[0][0]
        assert not path.exists()


def test_an_outage_is_said_when_it_begins_and_when_it_ends(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ftpsd.tls.cache.outage.FIRST_PAUSE", 0.1)
    if database.stop is None or database.start is None:
        pytest.skip("a file has no server that could go away")
    with opened(database, 'SQLNamedQuery one SELECT "1"\nSQLTimeouts 2000 1000') as (queries, said):
        assert queries.run("one") == [("1",)]
        database.stop()
        try:
            began = time.monotonic()
            for _ in range(5):
                with pytest.raises(Unavailable):
                    queries.run("one")
            assert time.monotonic() - began < 10
            assert said.reasons == [Code.SQL_UNAVAILABLE]
        finally:
            database.start()
        deadline = time.monotonic() + 30
        while len(said.lines) < 2 and time.monotonic() < deadline:
            try:
                queries.run("one")
            except Unavailable:
                time.sleep(0.05)
        assert said.lines[1][0].endswith("answers again")
        assert queries.run("one") == [("1",)]


def test_a_statement_that_takes_too_long_is_given_up(database: TestDatabase) -> None:
    slow = {
        "sqlite3": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 500000000)"
                   " SELECT max(x) FROM n",
        "postgres": "SELECT pg_sleep(60)", "mysql": "SELECT SLEEP(60)",
    }[database.backend]
    with opened(
        database, f'SQLNamedQuery slow FREEFORM "{slow}"\nSQLNamedQuery one SELECT "1"\nSQLTimeouts 300 300',
    ) as (queries, said):
        began = time.monotonic()
        with pytest.raises(Unavailable):
            queries.run("slow")
        assert time.monotonic() - began < 10
        assert said.reasons == [Code.SQL_UNAVAILABLE]
        deadline = time.monotonic() + 30
        while len(said.lines) < 2 and time.monotonic() < deadline:
            try:
                queries.run("one")
            except Unavailable:
                time.sleep(0.05)
        assert said.reasons == [Code.SQL_UNAVAILABLE, None]


def test_the_log_outlives_an_outage(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    if database.stop is None or database.start is None:
        pytest.skip("a file has no server that could go away")
    database.run("CREATE TABLE notes (n INTEGER)")
    database.stop()
    try:
        with opened(database, """SQLNamedQuery put INSERT "%{0}" notes""") as (queries, said):
            queries.send("put", (1,))
            queries.send("put", (2,))
            deadline = time.monotonic() + 20
            while not said.lines and time.monotonic() < deadline:
                time.sleep(0.02)
            database.start()
            while time.monotonic() < deadline + 20 and len(database.run("SELECT n FROM notes")) < 2:
                time.sleep(0.05)
            assert sorted(database.run("SELECT n FROM notes")) == [(1,), (2,)]
    finally:
        if said.reasons == []:
            database.start()


def test_too_much_for_the_log_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sqlalchemy")
    monkeypatch.setattr(database_module, "MOST_LATE", 5)
    path = tmp_path / "no.db"
    missing = TestDatabase("sqlite3", str(path), lambda sql, parameters: [])
    with opened(missing, """SQLNamedQuery put INSERT "%{0}" notes""", running=False) as (queries, said):
        for number in range(20):
            queries.send("put", (number,), lenient=True)
        assert said.reasons == [Code.SQL_LOG_DROPPED]


def test_connections_that_are_idle_are_closed(database: TestDatabase) -> None:
    if database.backend != "postgres":
        pytest.skip("only a server can be asked who is connected")
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ftpsd' AND datname = current_database()"
    words = database.words
    for policy, left in (("PERCALL", 0), ("1", 0), ("PERSESSION", 1)):
        object.__setattr__(database, "words", f"{words} {policy}")
        with opened(database, 'SQLNamedQuery one SELECT "1"') as (queries, _):
            queries.run("one")
            deadline = time.monotonic() + 10
            while database.run(count) != [(left,)] and time.monotonic() < deadline:
                time.sleep(0.05)
            assert database.run(count) == [(left,)], policy
        deadline = time.monotonic() + 10
        while database.run(count) != [(0,)] and time.monotonic() < deadline:
            time.sleep(0.05)
    object.__setattr__(database, "words", words)


def test_keep_alive_speaks_on_idle_connections(database: TestDatabase) -> None:
    database.run("CREATE TABLE beats (n INTEGER)")
    with opened(
        database, 'SQLKeepAlive 1 "INSERT INTO beats VALUES (1)"\nSQLNamedQuery one SELECT "1"',
    ) as (queries, _):
        queries.run("one")
        deadline = time.monotonic() + 15
        while not database.run("SELECT n FROM beats") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert database.run("SELECT n FROM beats")


def test_hosts_share_a_database(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    from ftpsd.sql.setup import Databases
    from tests.settings.support import configuration

    path = tmp_path / "x.db"
    found = configuration(
        f"<Global>\nSQLConnectInfo {path}\nSQLAuthTypes Crypt\nSQLNamedConnectInfo more sqlite3 {path}\n</Global>\n"
        "<VirtualHost 127.0.0.2>\n</VirtualHost>\n<VirtualHost 127.0.0.3>\nSQLEngine off\n</VirtualHost>")
    databases = Databases(found, lambda text, reason: None)
    first, second = (databases.of(host) for host in found.hosts[:2])
    assert first is not None
    assert second is not None
    assert len({id(one) for queries in (first, second) for one in queries.databases.values()}) == 1
    assert databases.of(found.hosts[2]) is None


def test_a_library_that_is_missing_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    pytest.importorskip("sqlalchemy")
    monkeypatch.setitem(sys.modules, "pymysql", None)
    mysql = TestDatabase("mysql", "ftp@127.0.0.1", lambda sql, parameters: [])
    with pytest.raises(ConfigError, match="cannot be used"), opened(mysql):
        pass


def test_ciphers_are_for_mysql(database: TestDatabase) -> None:
    other = TestDatabase("postgres", "ftp@127.0.0.1 u p ssl-ciphers:HIGH", lambda sql, parameters: [])
    with pytest.raises(ConfigError, match="MySQL alone"), opened(other):
        pass


class FakeMySQL:
    """A server that says yes to one client; with a certificate it offers TLS. `clear` and `heard`: what came in clear
    after its greeting, and within TLS.
    """

    CAPABILITIES = 0x00FFF7FF  # of MySQL 8, but for CLIENT_SSL
    SSL = 0x800

    def __init__(self, files: Files | None = None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        self.clear: list[bytes] = []
        self.heard: list[bytes] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if files is not None else None
        if self.context is not None and files is not None:
            self.context.minimum_version = self.context.maximum_version = version
            self.context.load_cert_chain(files.certificate, files.key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"localhost:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        able = self.CAPABILITIES | (self.SSL if self.context is not None else 0)
        greeting = (
            b"\x0a8.0.0-test\0\1\0\0\0saltsalt\0" + (able & 0xFFFF).to_bytes(2, "little") + b"\x2d\x02\0"
            + (able >> 16).to_bytes(2, "little") + b"\x15" + bytes(10) + b"saltsaltsalt\0mysql_native_password\0")
        connection, _ = self.listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            connection.sendall(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
            if self.context is None:
                self.clear.append(connection.recv(4096))
                return
            self.clear.append(connection.recv(36))
            with self.context.wrap_socket(connection, server_side=True) as secured:
                while packet := secured.recv(4096):
                    self.heard.append(packet)
                    secured.sendall(b"\7\0\0" + bytes([packet[3] + 1]) + b"\0\0\0\2\0\0\0")

    def close(self) -> None:
        self.thread.join(20)
        self.listener.close()
        assert not self.thread.is_alive()


@pytest.mark.parametrize("old", [False, True])
def test_a_mysql_without_tls_is_told_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: bool) -> None:
    """Also with a driver (before 1.2) to which TLS is but a wish."""
    pymysql = pytest.importorskip("pymysql")
    pytest.importorskip("sqlalchemy")
    if old:
        wish = property(lambda self: False, lambda self, value: None)
        monkeypatch.setattr(pymysql.connections.Connection, "_ssl_required", wish, raising=False)
    server = FakeMySQL()
    words = f"ftp@{server.address} joe secret ssl-ca:{Authority.create().write(tmp_path / 'ca.pem')}"
    with opened(
        TestDatabase("mysql", words, lambda sql, parameters: []), 'SQLNamedQuery q SELECT "1"', running=False,
    ) as (queries, said):
        with pytest.raises(Unavailable, match="the server offers none"):
            queries.run("q")
        assert said.reasons == [Code.SQL_UNAVAILABLE]
    server.close()
    assert server.clear in ([], [b""])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_mysql_with_tls_is_told_there_alone(tmp_path: Path, version: ssl.TLSVersion) -> None:
    pytest.importorskip("pymysql")
    authority = Authority.create()
    server = FakeMySQL(authority.leaf("localhost").write(tmp_path, "db"), version)
    info = connect_info(f"ftp@{server.address} joe secret ssl-ca:{authority.write(tmp_path / 'ca.pem')}".split())
    driver_for(dataclasses.replace(info, backend=MYSQL), Timeouts()).connect().close()
    server.close()
    assert b"joe" in server.heard[0]
    assert len(server.clear[0]) == 36
    assert b"joe" not in server.clear[0]


def test_passwords_of_mysql(database: TestDatabase) -> None:
    if database.backend != "mysql":
        pytest.skip("PASSWORD() is MySQL's")
    stored = str(database.run("SELECT PASSWORD('it''s secret')")[0][0])
    assert sqlpasswords.mysql(b"it's secret", stored)
    assert not sqlpasswords.mysql(b"its secret", stored)

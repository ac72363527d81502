"""Access tables and quota tables in a database, with the queries that mod_wrap2_sql and mod_quotatab_sql document."""

from __future__ import annotations

import base64
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.guard.quotas import QuotaTables
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import ServerConfig, User
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, ServerFault, server_directory, start_ftpsd

pytest.importorskip("sqlalchemy")

SCHEMA = """
CREATE TABLE wrapallow (name VARCHAR(30), allowed VARCHAR(255) NOT NULL, options VARCHAR(255));
CREATE TABLE wrapdeny (name VARCHAR(30), denied VARCHAR(255) NOT NULL, options VARCHAR(255));
CREATE TABLE quotalimits (name, quota_type, per_session, limit_type, bytes_in_avail FLOAT, bytes_out_avail FLOAT,
    bytes_xfer_avail FLOAT, files_in_avail INT, files_out_avail INT, files_xfer_avail INT);
CREATE TABLE quotatallies (name, quota_type, bytes_in_used FLOAT, bytes_out_used FLOAT, bytes_xfer_used FLOAT,
    files_in_used INT, files_out_used INT, files_xfer_used INT);
CREATE TABLE auth_otp (user VARCHAR(30), secret VARCHAR(80), counter BIGINT);
INSERT INTO wrapallow VALUES ('', '192.0.2.1, 127.0.0.0/8', NULL);
INSERT INTO wrapdeny VALUES ('', 'ALL', NULL), ('bob', 'ALL', NULL);
INSERT INTO quotalimits VALUES ('alice', 'user', 'false', 'hard', 1000, 0, 0, 3, 0, 0);
INSERT INTO quotalimits VALUES ('', 'all', 'true', 'soft', 100, 0, 0, 0, 0, 0);
"""
QUERIES = (
    "SQLNamedQuery get-allowed SELECT \"allowed FROM wrapallow WHERE name = '%{0}'\"",
    "SQLNamedQuery get-denied SELECT \"denied FROM wrapdeny WHERE name = '%{0}'\"",
    'SQLNamedQuery get-quota-limit SELECT "name, quota_type, per_session, limit_type, bytes_in_avail, bytes_out_avail,'
    " bytes_xfer_avail, files_in_avail, files_out_avail, files_xfer_avail FROM quotalimits"
    " WHERE name = '%{0}' AND quota_type = '%{1}'\"",
    'SQLNamedQuery get-quota-tally SELECT "name, quota_type, bytes_in_used, bytes_out_used, bytes_xfer_used,'
    " files_in_used, files_out_used, files_xfer_used FROM quotatallies WHERE name = '%{0}' AND quota_type = '%{1}'\"",
    'SQLNamedQuery update-quota-tally UPDATE "bytes_in_used = bytes_in_used + %{0}, bytes_out_used = bytes_out_used +'
    " %{1}, bytes_xfer_used = bytes_xfer_used + %{2}, files_in_used = files_in_used + %{3}, files_out_used ="
    " files_out_used + %{4}, files_xfer_used = files_xfer_used + %{5} WHERE name = '%{6}' AND quota_type = '%{7}'\""
    " quotatallies",
    'SQLNamedQuery insert-quota-tally INSERT "%{0}, %{1}, %{2}, %{3}, %{4}, %{5}, %{6}, %{7}" quotatallies',
)
TABLES = (
    "WrapEngine on", "WrapTables sql:/get-allowed sql:/get-denied",
    "WrapUserTables bob sql:/get-allowed sql:/get-denied", "QuotaEngine on", "QuotaLimitTable sql:/get-quota-limit",
    "QuotaTallyTable sql:/get-quota-tally/update-quota-tally/insert-quota-tally",
)


@contextlib.contextmanager
def running(certificates: Certificates, *directives: str) -> Iterator[tuple[RunningServer, Path]]:
    with server_directory() as files:
        path = files.directory / "ftp.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.executescript(SCHEMA)
        config = ServerConfig(
            certificate=certificates.server, users=(User("alice"), User("bob"), User("carl")), tls=("TLSRequired off",),
            directives=("Workers 2", "SQLBackend sqlite3", f"SQLConnectInfo {path}", "SQLEngine log", *directives))
        server = start_ftpsd(config, files, certificates.authority_file)
        try:
            yield server, path
        finally:
            server.stop()


def login(server: RunningServer, user: str) -> ScriptedClient:
    client = server.client(tls=False)
    client.connect()
    client.login(user)
    client.expect(200, "TYPE I")
    return client


def store(client: ScriptedClient, name: str, size: int) -> int:
    connection = client.data()
    first = client.command(f"STOR {name}")
    if first.code == 150:
        with contextlib.suppress(OSError):
            connection.establish().write(b"x" * size)
        connection.close("fin")
        return client.read_reply().code
    connection.close("fin")
    return first.code


def asked(path: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def test_tables_of_a_database(ftps_certificates: Certificates) -> None:
    with running(ftps_certificates, *QUERIES, *TABLES, "UserAlias robert bob") as (server, path):
        client = login(server, "alice")
        assert [store(client, "a", 600), store(client, "b", 401), store(client, "b", 400)] == [226, 552, 226]
        assert asked(path, "SELECT * FROM quotatallies") == [("alice", "user", 1000.0, 0.0, 0.0, 2, 0, 0)]
        assert store(client, "c", 1) == 552
        client.expect(250, "DELE a")
        assert asked(path, "SELECT bytes_in_used, files_in_used FROM quotatallies") == [(400.0, 1)]
        client.quit()
        carl = login(server, "carl")
        assert [store(carl, "a", 150), store(carl, "b", 1)] == [226, 552]
        assert asked(path, "SELECT count(*) FROM quotatallies") == [(1,)]
        carl.quit()
        for user in ("bob", "robert"):
            client = server.client(tls=False)
            client.connect()
            client.expect(331, f"USER {user}")
            assert str(client.command("PASS secret")) == "530 Access denied"
        client = server.client(tls=False)
        client.connect()
        client.expect(331, "USER x' OR '1'='1")
        assert client.command("PASS secret").code == 530


def test_a_database_that_breaks_refuses_what_counts(ftps_certificates: Certificates) -> None:
    with running(ftps_certificates, *QUERIES, *TABLES) as (server, path):
        client = login(server, "alice")
        assert store(client, "a", 10) == 226
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("DROP TABLE quotatallies")
            database.execute("DROP TABLE wrapdeny")
            database.commit()
        assert store(client, "b", 10) == 451
        assert not (server.home() / "b").exists()
        login(server, "carl").quit()
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("DELETE FROM wrapallow")
            database.commit()
        client = server.client(tls=False)
        client.connect()
        client.expect(331, "USER carl")
        assert str(client.command("PASS secret")) == "530 Access denied"


@pytest.mark.parametrize(("directives", "words"), [
    (("WrapEngine on", "WrapTables sql:/none builtin:all"), "WrapTables: there is no SQLNamedQuery 'none'"),
    (("QuotaEngine on", "QuotaLimitTable sql:/none", "QuotaTallyTable sql:/a/b/c"),
     "QuotaLimitTable: there is no SQLNamedQuery 'none'"),
])
def test_queries_have_to_be_there(ftps_certificates: Certificates, directives: tuple[str, ...], words: str) -> None:
    with pytest.raises(ServerFault, match=words), running(ftps_certificates, *directives):
        pass


def test_a_database_has_to_be_configured() -> None:
    from ftpsd.errors import ConfigError
    from tests.settings.support import configuration

    text = "QuotaEngine on\nQuotaLimitTable sql:/a\nQuotaTallyTable sql:/a/b/c"
    tables = QuotaTables()
    with pytest.raises(ConfigError, match="needs a database"):
        tables.open(configuration(text), lambda host: None)
    tables.close()


OTP = (
    "SQLNamedQuery get-user-hotp SELECT \"secret, counter FROM auth_otp WHERE user = '%{0}'\"",
    "SQLNamedQuery update-user-hotp UPDATE \"counter = %{1} WHERE user = '%{0}'\" auth_otp",
    "AuthOTPEngine on", "AuthOTPAlgorithm hotp", "AuthOTPTable sql:/get-user-hotp/update-user-hotp",
    "AuthOrder mod_auth_otp.c mod_auth_file.c",
)


def test_one_time_passwords(ftps_certificates: Certificates) -> None:
    """As mod_auth_otp's own tests have it: a code is good once, in whichever worker; bob has none."""
    secret = base64.b32encode(b"12345678901234567890").decode()
    codes = ["755224", "287082"]  # RFC 4226 appendix D

    def attempt(server: RunningServer, user: str, password: str) -> int:
        client = server.client(tls=False)
        client.connect()
        client.expect(331, f"USER {user}")
        code = client.command(f"PASS {password}").code
        client.close()
        return code

    with running(ftps_certificates, *OTP) as (server, path), contextlib.closing(sqlite3.connect(path)) as database:
        with database:
            database.execute("INSERT INTO auth_otp VALUES ('alice', ?, 0)", (secret,))
        assert [attempt(server, "alice", code) for code in (codes[0], codes[0], codes[1])] == [230, 530, 230]
        assert database.execute("SELECT counter FROM auth_otp").fetchall() == [(2,)]
        assert [attempt(server, user, "secret") for user in ("alice", "bob")] == [230, 230]


def test_one_time_passwords_need_their_queries(ftps_certificates: Certificates) -> None:
    with pytest.raises(ServerFault, match="there is no SQLNamedQuery 'update-user-hotp'"), running(
            ftps_certificates, OTP[0], *OTP[2:]):
        pass

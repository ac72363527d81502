"""`ftpsd check` asks the database."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ftpsd.diag import whatif
from ftpsd.diag.question import understand
from ftpsd.reasons.codes import Code
from ftpsd.testing import databases
from tests.diag.test_looks import codes
from tests.diag.world import World, examine
from tests.settings.support import configuration

BASE = "Include @/base.conf\nInclude @/tls.conf\nSQLAuthTypes Crypt\nSQLTimeouts 500 500\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("databases"))


def found(world: World, directives: str) -> list[str]:
    pytest.importorskip("sqlalchemy")
    return [line for line in examine(BASE + directives, world)[1] if f"[{Code.DIRECTIVE_DIFFERS}]" not in line]


def test_one_that_is_not_there(world: World, tmp_path: Path) -> None:
    lines = found(world, f"SQLConnectInfo {tmp_path}/no.db\n")
    assert codes(lines) == [Code.SQL_UNAVAILABLE]
    assert "unable to open database file" in lines[0]


def test_one_that_answers_nobody(world: World) -> None:
    began = time.monotonic()
    pytest.importorskip("psycopg")
    assert codes(found(world, "SQLBackend postgres\nSQLConnectInfo ftp@127.0.0.1:1\n")) == [Code.SQL_UNAVAILABLE]
    assert time.monotonic() - began < 10


def test_tables_and_columns(world: World, tmp_path: Path) -> None:
    database = databases.sqlite(tmp_path / "x.db")
    connect = f"SQLConnectInfo {database.words}\nSQLNamedConnectInfo more sqlite3 {database.words}\n"
    assert codes(found(world, connect)) == [Code.SQL_STATEMENT_FAILED]
    database.run("CREATE TABLE users (userid, passwd, uid, gid, homedir, shell)")
    assert codes(found(world, connect)) == [Code.SQL_STATEMENT_FAILED]
    database.run("CREATE TABLE groups (groupname, gid, members)")
    assert found(world, connect) == []
    wrong = found(world, f"{connect}SQLUserInfo users userid passwd uid gid home shell\n")
    assert codes(wrong) == [Code.SQL_STATEMENT_FAILED]
    assert "no such column: home" in wrong[0]
    assert found(world, f"{connect}SQLUserInfo users userid passwd uid gid home shell\nSQLEngine log\n") == []


def test_users_of_a_database_are_foretold(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    database = databases.sqlite(tmp_path / "x.db")
    database.run("CREATE TABLE users (userid, passwd, uid, gid, homedir, shell)")
    database.run("CREATE TABLE groups (groupname, gid, members)")
    database.run("INSERT INTO users VALUES ('joe', 'x', 2000, 2000, '/', '/bin/sh')")
    text = f"SQLConnectInfo {database.words}\nSQLAuthTypes Crypt\nRequireValidShell off\nUseFtpUsers off\nPort 2121\n"
    for directives, allowed in (("", True), ("SQLEngine log\n", False), ("SQLUserInfo nowhere a b c d e f\n", False)):
        steps = whatif.answer(configuration(text + directives), understand("user joe tls=no PWD"))
        assert whatif.allowed(steps) is allowed
    for directives, allowed in (("", True), ("SQLEngine off\n", False)):
        section = f"<Anonymous /srv>\nUser joe\nUserAlias guest joe\nRequireValidShell off\n{directives}</Anonymous>\n"
        steps = whatif.answer(configuration(text + section), understand("user guest tls=no PWD"))
        assert whatif.allowed(steps) is allowed
    assert steps[-1].code is Code.LOGIN_UNKNOWN_USER

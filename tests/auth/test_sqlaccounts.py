"""Accounts and groups of a database, as the chain sees them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ftpsd.auth import refusals
from ftpsd.auth.account import AccountsUnavailable
from ftpsd.auth.chain import Authenticator
from ftpsd.auth.pam import Pam, PamUnavailable
from ftpsd.auth.sqlaccounts import SqlAccounts, _Names
from ftpsd.reasons.codes import Code
from ftpsd.settings.account_files import AccountFile
from ftpsd.settings.auth import AuthSettings
from ftpsd.sql.setup import Databases
from ftpsd.testing import databases
from ftpsd.testing.databases import TestDatabase
from tests.auth.support import ImaginarySystem, account, user_line, write
from tests.settings.support import configuration

PEER = "client.example [192.0.2.7] to 127.0.0.1:21"


@pytest.fixture(autouse=True)
def _rules_of_this_machine_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "shell_is_valid", lambda shell: True)
    monkeypatch.setattr(refusals, "listed_in_ftpusers", lambda name: False)


@pytest.fixture
def database(tmp_path: Path) -> TestDatabase:
    pytest.importorskip("sqlalchemy")
    found = databases.sqlite(tmp_path / "users.db")
    found.script("""
        CREATE TABLE users (userid, passwd, uid, gid, homedir, shell);
        CREATE TABLE groups (groupname, gid, members)
    """)
    rows = (
        ("joe", "secret", 2000, 3000, "/home/joe", "/bin/sh"), ("low", "secret", 5, 6, None, None),
        ("NUL", None, 2001, 3000, "/home/nul", ""), ("odd", "secret", "x", 3000, "/", ""),
        ("high", "secret", 2**32, 3000, "/", ""), ("both", None, 2002, 3000, "/", ""),
        ("sys", None, 2003, 3000, "/", ""),
        ("homeless", "secret", 2004, 3000, "", ""),
    )
    for row in rows:
        found.run("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)", *row)
    for group in (("people", 3000, ""), ("crew", 3001, "joe"), ("crew2", 3002, "a,joe,b"), ("not", 3003, "joey,ajoe"),
                  ("Case", 3004, "JOE"), ("space", 3005, "x, joe")):
        found.run("INSERT INTO groups VALUES (?, ?, ?)", *group)
    return found


@contextmanager
def opened(
    database: TestDatabase, directives: str = "", *, needed: bool = True, **fields: Any,
) -> Iterator[Authenticator]:
    found = configuration(f"SQLConnectInfo {database.words}\nSQLAuthTypes Plaintext\n{directives}")
    said: list[str] = []
    opened = Databases(found, lambda text, reason: said.append(text))
    settings = found.hosts[0].settings
    queries = opened.of(found.hosts[0])
    assert queries is not None

    def no_pam(service: str) -> Pam:
        raise PamUnavailable("none")

    yield Authenticator(
        AuthSettings(**fields), system=ImaginarySystem(account("sys", source="system")), pam=no_pam,
        sql=SqlAccounts(settings.sql, settings.sql_passwords, queries), sql_needed=needed)


def test_an_account(database: TestDatabase) -> None:
    with opened(database) as chain_:
        joe = chain_.lookup("joe")
    assert joe is not None
    assert (joe.uid, joe.gid, joe.home, joe.shell, joe.source) == (2000, 3000, "/home/joe", "/bin/sh", "sql")
    assert joe.groups == (3000, 3001, 3002, 3005)
    assert joe.group_names == ("people", "crew", "crew2", "space")


@pytest.mark.parametrize("name", ["", "nobody", "jo%", "_oe", "joe'--", "joe\0", "\udce9", "JOE"])
def test_nobody(database: TestDatabase, name: str) -> None:
    with opened(database) as chain_:
        assert chain_.lookup(name) is None


def test_ids_that_are_too_low_or_missing(database: TestDatabase) -> None:
    with opened(database, "SQLDefaultUID 7000\nSQLDefaultGID 7001\nSQLDefaultHomedir /srv") as chain_:
        low = chain_.lookup("low")
    assert low is not None
    assert (low.uid, low.gid, low.home, low.shell) == (7000, 7001, "/srv", "")


@pytest.mark.parametrize("name", ["odd", "high"])
def test_ids_that_are_none_refuse_the_login(database: TestDatabase, name: str) -> None:
    with opened(database) as chain_, pytest.raises(AccountsUnavailable) as caught:
        chain_.lookup(name)
    assert caught.value.reason is Code.SQL_STATEMENT_FAILED


@pytest.mark.parametrize(("name", "password", "ok", "reason"), [
    ("joe", "secret", True, ""), ("joe", "wrong", False, Code.LOGIN_WRONG_PASSWORD),
    ("joe", "", False, Code.LOGIN_EMPTY_PASSWORD), ("nobody", "secret", False, Code.LOGIN_UNKNOWN_USER),
    ("homeless", "secret", False, Code.LOGIN_NO_HOME), ("NUL", "secret", False, Code.LOGIN_WRONG_PASSWORD),
])
def test_logins(database: TestDatabase, name: str, password: str, ok: bool, reason: Code) -> None:
    with opened(database, auth_order=("mod_sql.c",)) as chain_:
        chain_.prepare()
        result = chain_.check(chain_.lookup(name), password, PEER, user=name)
    assert result.ok is ok
    assert ok or result.reason is reason
    assert result.method == ("mod_sql.c" if ok else "")


def test_a_password_that_lies_elsewhere(database: TestDatabase, tmp_path: Path) -> None:
    path = write(tmp_path / "passwd", user_line("both"))
    with opened(database, auth_order=("mod_sql.c", "mod_auth_file.c"), auth_user_file=AccountFile(path)) as chain_:
        good, bad = (chain_.check(chain_.lookup("both"), word, PEER) for word in ("geheim", "wrong"))
    assert good.ok
    assert good.account is not None
    assert (good.account.source, good.account.uid, good.method) == ("sql", 2002, "mod_auth_file.c")
    assert bad.reason is Code.LOGIN_WRONG_PASSWORD


def test_a_final_source_is_the_last_for_passwords_too(database: TestDatabase, tmp_path: Path) -> None:
    """Behind `mod_sql.c*` nobody else is asked, whether for an account or for the password of one."""
    path = write(tmp_path / "passwd", user_line("both"))
    for order, ok in (
        (("mod_sql.c*", "mod_auth_file.c"), False), (("mod_sql.c", "mod_auth_unix.c*", "mod_auth_file.c"), False),
        (("mod_auth_unix.c", "mod_sql.c", "mod_auth_file.c*"), True),
    ):
        with opened(database, auth_order=order, auth_user_file=AccountFile(path)) as chain_:
            result = chain_.check(chain_.lookup("both"), "geheim", PEER)
            assert (result.ok, result.account is not None) == (ok, True), order


def test_a_password_of_the_system(database: TestDatabase) -> None:
    with opened(database, auth_order=("mod_sql.c", "mod_auth_unix.c")) as chain_:
        assert not chain_.check(chain_.lookup("sys"), "anything", PEER).ok


def test_groups_of_a_file_where_the_database_has_none(database: TestDatabase, tmp_path: Path) -> None:
    path = write(tmp_path / "group", "listed:x:4000:joe\n")
    with opened(database, "SQLAuthenticate users", auth_group_file=AccountFile(path)) as chain_:
        joe = chain_.lookup("joe")
    assert joe is not None
    assert 4000 in joe.groups
    with opened(database, auth_group_file=AccountFile(path)) as chain_:
        joe = chain_.lookup("joe")
    assert joe is not None
    assert 4000 not in joe.groups


def test_where_the_database_stands_in_the_order(database: TestDatabase, tmp_path: Path) -> None:
    path = write(tmp_path / "passwd", user_line("joe"))
    for order, source in (((), "sql"), (("mod_auth_file.c", "mod_sql.c"), "file"), (("mod_auth_file.c",), "file")):
        with opened(database, auth_order=order, auth_user_file=AccountFile(path)) as chain_:
            joe = chain_.lookup("joe")
        assert joe is not None
        assert joe.source == source
    with opened(database, auth_order=("mod_sql.c*", "mod_auth_unix.c")) as chain_:
        assert chain_.lookup("nobody") is None
        assert chain_.lookup("joe", sql=False) is None


def test_a_database_that_fails(database: TestDatabase, tmp_path: Path) -> None:
    path = write(tmp_path / "passwd", user_line("joe"))
    wrong = "SQLUserInfo nowhere a b c d e f"
    with opened(database, wrong, auth_user_file=AccountFile(path)) as chain_:
        with pytest.raises(AccountsUnavailable):
            chain_.lookup("joe")
        assert chain_.home_of("joe") is None
    order = ("mod_auth_file.c", "mod_sql.c")
    with opened(database, wrong, auth_order=order, auth_user_file=AccountFile(path)) as chain_:
        joe = chain_.lookup("joe")
        assert joe is not None
        with pytest.raises(AccountsUnavailable) as caught:
            chain_.lookup("nobody")
    assert caught.value.others, "joe logs in meanwhile, at the cost of a hash"
    with opened(database, wrong, auth_order=order[::-1], auth_user_file=AccountFile(path)) as chain_:
        with pytest.raises(AccountsUnavailable) as caught:
            chain_.lookup("nobody")
    assert not caught.value.others
    with opened(database, wrong, needed=False, auth_user_file=AccountFile(path)) as chain_:
        joe = chain_.lookup("joe")
    assert joe is not None
    assert joe.source == "file"


def test_names_of_owners(database: TestDatabase) -> None:
    for word in ("on", "off"):
        with opened(database, f"SQLNegativeCache {word}") as chain_:
            names = chain_.names
            assert (names.owner(2000), names.group(3001), names.uid("joe"), names.gid("crew")) == (
                "joe", "crew", 2000, 3001)
            assert names.owner(987654) == "987654"


@pytest.mark.parametrize(("forever", "asked"), [(False, 2), (True, 1)])
def test_how_long_it_is_remembered_that_an_id_is_nobodys(forever: bool, asked: int) -> None:
    now, calls = [0.0], list[int]()
    names = _Names(forever=forever, clock=lambda: now[0])
    for moment in (0.0, 30.0, 90.0):
        now[0] = moment
        assert names.get(("user", 1), lambda: calls.append(1)) is None
    assert len(calls) == asked


def test_custom_queries(database: TestDatabase) -> None:
    directives = """
        SQLNamedQuery u SELECT "userid, passwd, uid, gid, homedir, shell FROM users WHERE userid = '%U' AND '%u' <> ''"
        SQLNamedQuery i SELECT "userid, passwd, uid, gid, homedir, shell FROM users WHERE uid = %{0}"
        SQLNamedQuery g SELECT "groupname, gid, members FROM groups WHERE groupname = '%{0}'"
        SQLNamedQuery gi SELECT "groupname, gid, members FROM groups WHERE gid = %{0}"
        SQLNamedQuery m SELECT "groupname, gid, '%{0}' FROM groups WHERE members LIKE '%%%{0}%%'"
        SQLUserInfo custom:/u/i
        SQLGroupInfo custom:/g/gi/m
    """
    with opened(database, directives) as chain_:
        joe = chain_.lookup("joe")
        assert joe is not None
        assert joe.group_names[:3] == ("people", "crew", "crew2")
        assert chain_.names.owner(2000) == "joe"
        assert chain_.names.gid("crew") == 3001


def test_a_custom_query_with_other_columns(database: TestDatabase) -> None:
    directives = """SQLNamedQuery u SELECT "userid, passwd FROM users WHERE userid = '%U'"\nSQLUserInfo custom:/u"""
    with opened(database, directives) as chain_, pytest.raises(AccountsUnavailable):
        chain_.lookup("joe")

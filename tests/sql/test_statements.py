"""Statements and their parameters, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.settings import sql_template
from ftpsd.settings.sql_parsers import GroupColumns, UserColumns
from ftpsd.sql import statements
from ftpsd.sql.errors import Failed
from ftpsd.sql.statements import NOTHING, Value, bind, render
from tests.sql.support import Told


def made(
    written: str, numbered: tuple[Value, ...] = (), place: str = "?", **known: Value,
) -> tuple[str, tuple[Value, ...]]:
    statement = render(sql_template.parse(written), place)
    return statement.sql, bind(statement, numbered, Told(known))


@pytest.mark.parametrize(("written", "numbered", "expected"), [
    ("a = '%{0}'", ("x'y",), ("a = ?", ("x'y",))),
    ("a = %{0}", ("12",), ("a = ?", (12,))),
    ("a = '%{0}'", ("12",), ("a = ?", ("12",))),
    ("a = %{0}", ("012",), ("a = ?", ("012",))),
    ("a = %{0}", ("1; DROP TABLE x",), ("a = ?", ("1; DROP TABLE x",))),
    ("a = %{0}", (None,), ("a = ?", (None,))),
    ("a = '%{0}'", (None,), ("a = ?", ("",))),
    ("a LIKE '%%%{0}'", ("\0",), ("a LIKE ?", ("%\\x00",))),
    ("a = '%u' AND b = %u", (), ("a = ? AND b = ?", ("joe", "joe"))),
    ("a = '%h' AND b = %h", (), ("a = ? AND b = ?", ("-", None))),
])
def test_binding(written: str, numbered: tuple[Value, ...], expected: tuple[str, tuple[Value, ...]]) -> None:
    assert made(written, numbered, user="joe") == expected


def test_percent_signs_are_doubled_for_drivers_that_want_it() -> None:
    assert made("a % 2 = %{0} AND b LIKE '%%'", (1,), "%s") == ("a %% 2 = %s AND b LIKE '%%'", (1,))


def test_a_number_that_nobody_gives() -> None:
    with pytest.raises(Failed):
        made("%{1}", ("x",))


@given(st.text(max_size=30))
def test_no_value_becomes_part_of_a_statement(value: str) -> None:
    sql, parameters = made("SELECT 1 WHERE a = '%{0}' AND b = %{0} AND c LIKE '%%%{0}%%'", (value,))
    assert sql == "SELECT 1 WHERE a = ? AND b = ? AND c LIKE ?"
    assert all("\0" not in str(each) for each in parameters)


@given(st.text(max_size=30))
def test_what_is_storable_is_utf8(value: str) -> None:
    statements.storable(value).encode()


@pytest.mark.parametrize(("name", "may"), [("joe", True), ("", False), ("a\0", False), ("\udce9", False), ("é", True)])
def test_names_that_a_database_can_have(name: str, may: bool) -> None:
    assert statements.askable(name) is may


def test_statements_of_accounts() -> None:
    columns = UserColumns(home=None, shell=None)
    more = sql_template.parse("active = 1 OR host = '%v'")
    statement = render(statements.user_by_name(columns, more), "?")
    assert statement.sql == (
        "SELECT userid, passwd, uid, gid, NULL, NULL FROM users WHERE (userid = ?) AND (active = 1 OR host = ?)")
    assert bind(statement, ("joe",), Told({"server_name": "it's"})) == ("joe", "it's")
    by_id = statements.user_by_id(columns, None)
    assert by_id is not None
    assert render(by_id, "?").sql.endswith("FROM users WHERE (uid = ?)")
    assert statements.user_by_id(UserColumns(uid=None), None) is None


def test_statements_of_groups() -> None:
    columns = GroupColumns()
    normalized = render(statements.groups_of(columns, None, normalized=True), "?")
    assert normalized.sql == "SELECT groupname, gid, members FROM groups WHERE (members = ?)"
    listed = render(statements.groups_of(columns, None, normalized=False), "?")
    assert listed.sql.count("LIKE ? ESCAPE '!'") == 6
    assert bind(listed, ("a_b", statements.for_like("a_b")), NOTHING)[:3] == ("a_b", "a!_b,%", "%,a!_b")
    assert render(statements.group_by_name(columns, None), "?").sql.endswith("WHERE (groupname = ?)")
    assert render(statements.group_by_id(columns, None), "?").sql.endswith("WHERE (gid = ?)")


@pytest.mark.parametrize(("name", "pattern"), [("joe", "joe"), ("50%_!", "50!%!_!!")])
def test_patterns_that_fit_one_name(name: str, pattern: str) -> None:
    assert statements.for_like(name) == pattern


def test_members() -> None:
    assert statements.members_of("naomi, priscilla,,gertrude ") == {"naomi", "priscilla", "gertrude"}
    assert statements.members_of(None) == frozenset()

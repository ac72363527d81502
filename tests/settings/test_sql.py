"""mod_sql's directives: templates that no value can leave, connections, and what must fit together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.settings import sql_template
from ftpsd.settings.arguments import ArgumentError
from ftpsd.settings.logformat import Field
from ftpsd.settings.sql import SQLSettings
from ftpsd.settings.sql_parsers import Policy, Trigger
from ftpsd.settings.sql_rules import connections
from ftpsd.settings.sql_template import Bound, Numbered, Result, Template
from tests.settings.support import configuration, failure, main_host

USER = Field("user")


def quoted(*parts: str | Field | Numbered | Result) -> Bound:
    return Bound(parts, quoted=True)


def bare(part: Field | Numbered) -> Bound:
    return Bound((part,), quoted=False)


@pytest.mark.parametrize(("written", "pieces"), [
    ("userid = '%u'", ("userid = ", quoted(USER))),
    ("userid='%U' AND active", ("userid=", quoted(Field("original_user")), " AND active")),
    ("'%u@%h'", (quoted(USER, "@", Field("remote_dns")),)),
    ("now(), '%f', %b", ("now(), ", quoted(Field("file")), ", ", bare(Field("bytes_sent")))),
    ("uid = %{0}", ("uid = ", bare(Numbered(0)))),
    ("m LIKE '%%,%{0},%%'", ("m LIKE ", quoted("%,", Numbered(0), ",%"))),
    ("m LIKE '%,%{12},%'", ("m LIKE ", quoted("%,", Numbered(12), ",%"))),
    ("'it''s %u'", (quoted("it's ", USER),)),
    ("'no variable''s here' = x", ("'no variable''s here' = x",)),
    ("'%%'", ("'%'",)),
    ("a % b", ("a % b",)),
    ("a %% b", ("a % b",)),
    ("100%", ("100%",)),
    ('"%u"', (quoted(USER),)),
    ('"column" = 1', ('"column" = 1',)),
    ("'open %u", ("'open ", bare(USER))),
    ("%{env:HOME}", (bare(Field("env", "HOME")),)),
    ("'%{note:sql.user-primary-key}'", (quoted(Field("note", "sql.user-primary-key")),)),
    ("cwd='%d'", ("cwd=", quoted(Field("dir_name")))),
    ("'%{time:%Y-%m-%d}'", (quoted(Field("time", "%Y-%m-%d")),)),
    ("x::int = ':a' AND ? \\:", ("x::int = ':a' AND ? \\:",)),
    ("", ()),
])
def test_templates(written: str, pieces: tuple[str | Bound, ...]) -> None:
    assert sql_template.parse(written) == Template(pieces)


@pytest.mark.parametrize("written", ["%{nonsense}", "'%{nonsense}'", "a = '%q'", "nul \0"])
def test_templates_that_are_none(written: str) -> None:
    with pytest.raises(ArgumentError):
        sql_template.parse(written)


@given(st.text(alphabet="'\"%u{0}\\ =,ab:?", max_size=40))
def test_text_of_a_template_has_balanced_quotes_where_it_had_them(written: str) -> None:
    """What stands around a parameter never begins or ends a literal that the administrator did not write."""
    try:
        template = sql_template.parse(written)
    except ArgumentError:
        return
    text = "".join(piece if isinstance(piece, str) else "?" for piece in template.pieces)
    assert text.count("'") <= written.count("'")
    if written.count("'") % 2 == 0 and '"' not in written:
        assert text.count("'") % 2 == 0


def test_parts_of_a_shown_line() -> None:
    assert sql_template.parts_of("%{count} times, %u", results=True) == (Result("count"), " times, ", USER)


@pytest.mark.parametrize(("words", "expected"), [
    ("ftp", ("ftp", "", 0, "", "")), ("ftp@db.example.org", ("ftp", "db.example.org", 0, "", "")),
    ("ftp@10.0.0.1:33 joe pw", ("ftp", "10.0.0.1", 33, "joe", "pw")),
    ("ftp:3000 admin", ("ftp", "", 3000, "admin", "")),
    ("ftp@[::1]:5432", ("ftp", "::1", 5432, "", "")), ("ftp@/run/postgresql", ("ftp", "/run/postgresql", 0, "", "")),
])
def test_connections_as_they_are_written(words: str, expected: tuple[str, str, int, str, str]) -> None:
    info = main_host(f"SQLBackend postgres\nSQLAuthTypes Crypt\nSQLConnectInfo {words}").settings.sql.connect_info
    assert info is not None
    assert (info.database, info.host, info.port, info.user, info.password) == expected
    assert "pw" not in repr(info)


@pytest.mark.parametrize(("word", "policy"), [
    ("PERSESSION", Policy()), ("perconnection", Policy()), ("PERCALL", Policy(each=True)), ("30", Policy(30)),
])
def test_policies(word: str, policy: Policy) -> None:
    host = main_host(f"SQLBackend mysql\nSQLAuthTypes Crypt\nSQLConnectInfo ftp@h u p {word} ssl-ca:/ca.pem")
    info = host.settings.sql.connect_info
    assert info is not None
    assert info.policy == policy
    assert info.tls is not None
    assert info.tls.authority == "/ca.pem"


@pytest.mark.parametrize(("text", "backend"), [
    ("SQLConnectInfo /x.db", "sqlite3"), ("SQLBackend postgres\nSQLConnectInfo x", "postgres"),
    ("LoadModule mod_sql.c\nLoadModule mod_sql_mysql.c\nSQLConnectInfo x", "mysql"),
    ("LoadModule mod_sql_mysql.c\nSQLBackend postgresql\nSQLConnectInfo x", "postgres"),
])
def test_which_kind_of_database(text: str, backend: str) -> None:
    found = configuration(f"SQLAuthTypes Crypt\n{text}")
    assert connections(found.hosts[0].settings.sql, found.loaded)["default"].backend == backend


@pytest.mark.parametrize(("text", "words"), [
    ("SQLConnectInfo ftp@host\nSQLAuthTypes Crypt", "which kind of database?"),
    ("SQLBackend mysql\nSQLConnectInfo /x.db\nSQLAuthTypes Crypt", "'/x.db' is no database of mysql"),
    ("SQLConnectInfo /x.db\nSQLAuthTypes MD5", "MD5 needs mod_sql_passwd on line 2"),
    ("SQLConnectInfo /x.db\nSQLAuthTypes Backend", "sqlite3 has no passwords of its own"),
    ("SQLConnectInfo /x.db\nSQLPasswordEngine on\nSQLAuthTypes PBKDF2", "PBKDF2 of what?"),
    ("SQLConnectInfo /x.db\nSQLPasswordEngine on\nSQLPasswordPBKDF2 sha1 1 1\nSQLAuthTypes PBKDF2",
     "PBKDF2 without a salt"),
    ("SQLConnectInfo /x.db\nSQLAuthTypes Crypt\nSQLLog PASS gone", "SQLLog: no query named 'gone' on line 3"),
    ('SQLConnectInfo /x.db\nSQLAuthTypes Crypt\nSQLNamedQuery q SELECT "1"\nSQLLog PASS q', "'q' is of type SELECT"),
    ('SQLConnectInfo /x.db\nSQLAuthTypes Crypt\nSQLNamedQuery q UPDATE "a = 1" t\nSQLUserInfo custom:/q',
     "SQLUserInfo: the query 'q' is of type UPDATE"),
    ('SQLConnectInfo /x.db\nSQLAuthTypes Crypt\nSQLNamedQuery q SELECT "1" logdb', "no connection named 'logdb'"),
    ('SQLConnectInfo /x.db\nSQLAuthTypes Crypt\nSQLShowInfo PASS 230 "%{gone}"', "SQLShowInfo: no query named 'gone'"),
])
def test_what_must_fit_together(text: str, words: str) -> None:
    assert words in failure(text)


READ_OTHERWISE = [
    r"a = 'it\'s %u'", r"a = 'x\' OR b = '%u'", r"a = 'x\\\' OR b = '%u' OR c = '", r"a = 'x\'' y' OR b = '%u'",
    r'a = "x\" OR b = "%u"', "a = 'x%u", "a = 'it's %u'", "a = 1 /* it's */ OR b = '%u' OR c = 'x'", "a = 1 /* %u */",
    "a = 1 # %u", "a = 1 -- '%u'", "`a'b` = '%u' OR `c'd` = 1", "`%u` = 1", "a = 1 /* %u",
]
READ_ALIKE = [
    "a = 'it''s %u'", r"a = 'x\\' OR b = '%u'", r"a = 'x\n' OR b = '%u'", r"a = 'x\"y' OR b = '%u'", "a = 'x--%u'",
    "a = 1 /* one */ AND `b` = '%u'", "a = '/*%u*/'", "a = '#%u' AND b = 1--1 AND c = '%u'", "a LIKE '%%,%{0},%%'",
    "a = '' AND b = %u", "a = '\"%u\"'",
]


def in_quotes(written: str) -> str:
    """As it stands in a configuration."""
    escaped = written.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@pytest.mark.parametrize(("directive", "head"), [
    ("SQLUserWhereClause", "SQLUserWhereClause: "), ("SQLGroupWhereClause", "SQLGroupWhereClause: "),
    ("SQLNamedQuery q FREEFORM", "SQLNamedQuery: q: "), ("SQLNamedQuery q SELECT", "SQLNamedQuery: q: "),
])
@pytest.mark.parametrize("written", READ_OTHERWISE)
def test_what_mysql_reads_otherwise(directive: str, head: str, written: str) -> None:
    """Its driver writes values into the text: behind such a place they would not be values any more."""
    lines = f"SQLAuthTypes Crypt\nSQLConnectInfo {{}}\n{directive} "
    found = failure("SQLBackend mysql\n" + lines.format("ftp@host") + in_quotes(written))
    assert found.startswith(f"fatal: {head}MySQL would read the quotes of ")
    assert "on line 4 of" in found
    assert "Write '' for a quote" in found
    for text in ("SQLBackend postgres\n" + lines.format("ftp@host"), lines.format("/x.db")):
        assert configuration(text + in_quotes(written)).hosts


@pytest.mark.parametrize("written", READ_ALIKE)
def test_what_mysql_reads_alike(written: str) -> None:
    assert configuration(
        "SQLBackend mysql\nSQLAuthTypes Crypt\nSQLConnectInfo ftp@host\n"
        f"SQLNamedQuery q SELECT {in_quotes(written)}").hosts


def test_queries_of_another_connection_are_read_as_that_does() -> None:
    text = (
        "SQLAuthTypes Crypt\nSQLConnectInfo /x.db\nSQLNamedConnectInfo other mysql ftp@host\n"
        "SQLNamedQuery q SELECT " + in_quotes(r"'it\'s %u'"))
    assert configuration(text).hosts
    assert "q: MySQL would read" in failure(f"{text} other")


def test_passwords_of_no_type_are_noted() -> None:
    notices = configuration("SQLConnectInfo /x.db").notices
    assert any("on line 1 of '/etc/main.conf' without SQLAuthTypes" in text for text in notices)


@pytest.mark.parametrize("text", [
    "SQLEngine off\nSQLConnectInfo ftp@host", "SQLEngine log\nSQLConnectInfo /x.db",
    "SQLAuthenticate groups\nSQLConnectInfo /x.db",
    "SQLConnectInfo /x.db\nSQLUserInfo u n NULL uid gid home shell",
])
def test_what_needs_no_passwords(text: str) -> None:
    assert not any("SQLAuthTypes" in notice for notice in configuration(text).notices)


@pytest.mark.parametrize(("command", "succeeded", "fires"), [
    ("PASS", True, True), ("PASS", False, False), ("RETR", False, True), ("RETR", True, False), ("EXIT", True, False),
    ("SITE CHMOD", True, True), ("SITE UTIME", True, False),
])
def test_triggers(command: str, succeeded: bool, fires: bool) -> None:
    trigger = Trigger(frozenset({"PASS", "SITE_CHMOD"}), frozenset({"RETR"}))
    assert trigger.fires(command, succeeded) is fires
    assert Trigger(frozenset("*"), frozenset()).fires(command, True) is (command != "EXIT")


@pytest.mark.parametrize(("settings", "lowest"), [
    (SQLSettings(), (999, 999)), (SQLSettings(min_id=5), (5, 5)), (SQLSettings(min_id=5, min_user_gid=7), (5, 7)),
    (SQLSettings(min_user_uid=0), (0, 999)),
])
def test_lowest_ids(settings: SQLSettings, lowest: tuple[int, int]) -> None:
    assert settings.lowest() == lowest

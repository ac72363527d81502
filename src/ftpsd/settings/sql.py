"""mod_sql: accounts, groups and logs in an SQL database."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ftpsd.settings import sql_parsers as grammar
from ftpsd.settings.arguments import Boolean, Integer, OptionalPath, Path, Special
from ftpsd.settings.declaration import CONNECTION, HOST, Combine, Context
from ftpsd.settings.declaration import directive as _directive
from ftpsd.settings.event_names import ALIASES
from ftpsd.settings.sql_parsers import (
    CommandLog,
    ConnectInfo,
    EventLog,
    GroupColumns,
    GroupQueries,
    Info,
    KeepAlive,
    Lookups,
    NamedQuery,
    PrimaryKey,
    Timeouts,
    UserColumns,
    UserQueries,
)
from ftpsd.settings.sql_template import Template

directive = partial(_directive, module="mod_sql")
MOST_ID = 2**32 - 2


@dataclass(frozen=True, slots=True)
class SQLSettings:
    """A database with accounts, groups and logs; without SQLConnectInfo there is none."""

    engine: frozenset[str] = directive(
        "SQLEngine", Special("on|off|auth|log", grammar.engine), frozenset({"auth", "log"}),
        contexts=HOST | Context.ANONYMOUS, good=("on", "off", "auth", "LOG"), bad=("", "maybe"), default_text="on",
        doc="Whether the database is used: for accounts (auth), for logs (log), for both (on).",
    )
    backend: str | None = directive(
        "SQLBackend", Special("mysql|postgres|sqlite3", grammar.backend), None, good=("postgres", "mysql", "sqlite3"),
        bad=("", "oracle"), default_text="of the mod_sql_… that LoadModule names; sqlite3 for a path",
        doc="What kind of database SQLConnectInfo means.",
    )
    connect_info: ConnectInfo | None = directive(
        "SQLConnectInfo", Special(
            "database[@host][:port] [user [password [policy]]] [ssl-ca:/path] [ssl-cert:/path] [ssl-key:/path]"
            " [ssl-ciphers:list]", grammar.connect_info), None, secret=True,
        good=("ftp@localhost proftpd secret", "ftp@10.0.0.1:5432 proftpd secret 30",
              "ftp@/run/postgresql", 'ftp@db.example.org ftpd "" PERCALL ssl-ca:/etc/ftpd/ca.pem'),
        bad=("", "a@b:99999", "a b c SOMETIMES", "ftp@host ssl-ca:ca.pem", "ftp ssl-key:/k", "a b c 1 2"),
        doc="The database: its name, host and port, or the path of an SQLite file; user and password. Policy:"
        " PERSESSION and PERCONNECTION keep connections open, a number closes those that were idle for so many seconds,"
        " PERCALL closes each after its statement. With ssl-ca the server's certificate is verified, its name too.",
        differs="connections belong to the workers, not to sessions, and policies say when idle ones are closed; an"
        " unknown policy is an error",
    )
    named_connections: tuple[ConnectInfo, ...] = directive(
        "SQLNamedConnectInfo", Special("name backend database[@host][:port] [user …]", grammar.named_connect_info), (),
        combine=Combine.BY_KEY, secret=True,
        good=("logdb mysql log@10.0.0.1 ftpd secret", "log sqlite3 /var/lib/ftp/log.db"),
        bad=("", "logdb log@host", "default mysql ftp@host"),
        doc="Another database, by a name that SQLNamedQuery may give.",
    )
    timeouts: Timeouts = directive(
        "SQLTimeouts", Special("connect query", grammar.timeouts), Timeouts(), module="mod_ftpsd",
        good=("3000 5000", "500 500"), bad=("", "500", "0 500", "500 90000", "soon 1"), default_text="3000 5000",
        doc="Milliseconds for connecting to a database, and for each statement. A login waits no longer than both"
        " together. ftpsd's own.",
    )
    keep_alive: KeepAlive | None = directive(
        "SQLKeepAlive", Special('seconds ["statement"]', grammar.keep_alive), None, good=("30", '30 "SELECT 2"'),
        bad=("", "0", "often"), doc="After so many idle seconds a statement (SELECT 1) is run on each connection.",
    )
    authenticate: Lookups = directive(
        "SQLAuthenticate", Special("on|off|[users] [groups] [userset[fast]] [groupset[fast]]", grammar.authenticate),
        Lookups(), good=("on", "off", "users", "users groups groupsetfast"), bad=("", "passwords", "users*"),
        default_text="on",
        doc="Whether users and groups are looked up in the database. userset and groupset may be said and mean"
        " nothing: ftpsd never needs the list of all.",
    )
    auth_types: tuple[str, ...] = directive(
        "SQLAuthTypes", Special("type …", grammar.auth_types), (), good=("Crypt", "crypt Plaintext", "PBKDF2 OpenSSL"),
        bad=("", "rot13"), default_text="none",
        doc="What a password in the database may be; tried in this order. Crypt: every hash of crypt(3), yescrypt and"
        " bcrypt too, and $argon2…$; Bcrypt: only $2…; OpenSSL: {digest}base64; Plaintext: itself; Empty: an empty one"
        " fits everything; Backend: MySQL's PASSWORD(). Argon2, MD5, PBKDF2, Scrypt, SHA1, SHA256, SHA512, Sodium and"
        " SSHA need SQLPasswordEngine.",
    )
    user_info: UserColumns | UserQueries = directive(
        "SQLUserInfo", Special("table userid passwd uid gid homedir shell|custom:/by-name[/by-id]", grammar.user_info),
        UserColumns(), good=("ftpuser userid passwd uid gid homedir NULL", "custom:/get-user/get-by-uid"),
        bad=("", "users userid", "custom:/", "users userid passwd uid gid homedir shell;", "custom:/a/b/c/d/e"),
        default_text="users userid passwd uid gid homedir shell",
        doc="Table and columns of the accounts, NULL for a column that there is none of; or SELECT queries that return"
        " these six columns for the user %U and for the uid %{0}. An account whose password is NULL has it in another"
        " source of AuthOrder.",
    )
    group_info: GroupColumns | GroupQueries = directive(
        "SQLGroupInfo", Special("table groupname gid members|custom:/by-name/by-id/by-member", grammar.group_info),
        GroupColumns(), good=("ftpgroup groupname gid members", "custom:/a/b/c", "custom:/a/b/c/d/e"),
        bad=("", "groups", "custom:/a"), default_text="groups groupname gid members",
        doc="Table and columns of the groups (members: names with commas between them), or SELECT queries that return"
        " these three columns for the group %{0}, the gid %{0} and the groups of the user %{0}.",
    )
    user_where: Template | None = directive(
        "SQLUserWhereClause", Special('"condition"', grammar.where_clause), None,
        good=('"active = 1"', '"host = \'%V\' AND expires > now()"'), bad=("", '"a = %{nonsense}"'),
        default_text="none", doc="A further condition on every account.",
    )
    group_where: Template | None = directive(
        "SQLGroupWhereClause", Special('"condition"', grammar.where_clause), None, good=('"active = 1"',), bad=("",),
        default_text="none", doc="A further condition on every group.",
    )
    user_primary_key: PrimaryKey | None = directive(
        "SQLUserPrimaryKey", Special("column|custom:/query", grammar.primary_key), None, good=("id", "custom:/get-key"),
        bad=("", "a b", "custom:/a/b"), default_text="none",
        doc="What %{note:sql.user-primary-key} is after a login: a column of the account, or what a query returns.",
    )
    group_primary_key: PrimaryKey | None = directive(
        "SQLGroupPrimaryKey", Special("column|custom:/query", grammar.primary_key), None,
        good=("id", "custom:/get-key"), bad=("", "a b"), default_text="none",
        doc="What %{note:sql.group-primary-key} is after a login, of the user's primary group.",
    )
    min_id: int | None = directive(
        "SQLMinID", Integer(0, MOST_ID), None, good=("500",), bad=("-1", "many"), default_text="999",
        doc="SQLMinUserUID and SQLMinUserGID at once, where they are not said.",
    )
    min_user_uid: int | None = directive(
        "SQLMinUserUID", Integer(0, MOST_ID), None, good=("500",), bad=("-1", ""), default_text="999",
        doc="A lower uid of an account counts as SQLDefaultUID.",
    )
    min_user_gid: int | None = directive(
        "SQLMinUserGID", Integer(0, MOST_ID), None, good=("500",), bad=("-1", ""), default_text="999",
        doc="A lower gid of an account counts as SQLDefaultGID.",
    )
    default_uid: int = directive(
        "SQLDefaultUID", Integer(0, MOST_ID), 65533, good=("1000",), bad=("-1", "ftp"),
        doc="uid of accounts that have none, or one that is too low.",
    )
    default_gid: int = directive(
        "SQLDefaultGID", Integer(0, MOST_ID), 65533, good=("1000",), bad=("-1", "ftp"),
        doc="gid of accounts that have none, or one that is too low.",
    )
    default_homedir: str | None = directive(
        "SQLDefaultHomedir", Path(), None, good=("/srv/ftp",), bad=("home", ""), default_text="none",
        doc="Home of accounts without one.",
    )
    negative_cache: bool = directive(
        "SQLNegativeCache", Boolean(), False, good=("on", "off"), bad=("maybe",),
        doc="Listings: that the database does not know a uid or gid is remembered until the next reload, not for a"
        " minute.",
    )
    options: frozenset[str] = directive(
        "SQLOptions", Special("option …", grammar.options), frozenset(), combine=Combine.UNION, default_text="none",
        good=("NoDisconnectOnError", "useNormalizedGroupSchema NoReconnect"), bad=("", "Everything"),
        doc="NoDisconnectOnError: where the database fails, the other sources of AuthOrder are asked; else the login is"
        " refused. UseNormalizedGroupSchema: a row of the groups has one member. NoReconnect: a connection is not"
        " tried before it is used again. IgnoreConfigFile: ~/.my.cnf and the like are never read anyway.",
    )
    named_queries: tuple[NamedQuery, ...] = directive(
        "SQLNamedQuery", Special('name SELECT|INSERT|UPDATE|FREEFORM "text" [table] [connection]', grammar.named_query),
        (), contexts=CONNECTION, combine=Combine.BY_KEY,
        good=('count SELECT "count FROM users WHERE userid = \'%u\'"', 'log INSERT "now(), \'%u\'" accesslog',
              'up UPDATE "count = count + 1 WHERE userid = \'%u\'" users',
              'free FREEFORM "INSERT INTO log (who) VALUES (\'%u@%h\')" logdb'),
        bad=("", "count", 'count SELECT "%{nonsense}"', 'log INSERT "1"', 'x DELETE "FROM users"'),
        doc="A statement by a name. Variables are LogFormat's; each is bound, never pasted, and quotes around it are"
        " taken away. docs/sql.md has more.",
    )
    logs: tuple[CommandLog, ...] = directive(
        "SQLLog", Special("command,… query [IGNORE_ERRORS]", grammar.command_log), (), contexts=CONNECTION,
        combine=Combine.APPEND, good=("PASS,ERR_PASS log", "* log IGNORE_ERRORS", "EXIT log"),
        bad=("", "PASS", "PASS log SOMETIMES", "A;B log"),
        doc="Run a query after each of these commands that succeeded (ERR_: that failed); EXIT is the end of a"
        " session.",
        differs="no session waits for it or ends because of it",
    )
    event_logs: tuple[EventLog, ...] = directive(
        "SQLLogOnEvent", Special("event query [IGNORE_ERRORS]", grammar.event_log), (), combine=Combine.APPEND,
        good=("mod_auth.max-login-attempts log",), bad=("", "mod_auth.max-login-attempts", "no.such-event log"),
        doc=f"Run a query when something happens: {', '.join(grammar.EVENTS)}. Also by the names"
        f" {', '.join(ALIASES)}.",
    )
    infos: tuple[Info, ...] = directive(
        "SQLShowInfo", Special('command,… code "text"', grammar.show_info), (), contexts=CONNECTION,
        combine=Combine.APPEND,
        good=('PASS 230 "You have been here %{count} times, %u"',), bad=("", "PASS 230", 'PASS 99 "x"'),
        doc="A line of text in the reply to a command; %{name} is what the SELECT query of that name returns, and"
        " where that is nothing the line is left out. It stands behind the reply, but before it at PASS and where the"
        " code is another.",
        differs="a line with another code is part of the reply, not a reply of its own",
    )
    log_file: str | None = directive(
        "SQLLogFile", OptionalPath(), None, good=("/var/log/ftpd-sql.log", "none"), bad=("sql.log",),
        default_text="none", doc="File for messages about databases: connections, outages, statements that fail.",
    )

    def lowest(self) -> tuple[int, int]:
        """The lowest uid and gid that an account may have."""
        common = 999 if self.min_id is None else self.min_id
        uid = common if self.min_user_uid is None else self.min_user_uid
        return uid, common if self.min_user_gid is None else self.min_user_gid

"""Values and grammars of mod_sql's directives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ftpsd.settings import sql_template
from ftpsd.settings.arguments import (
    ArgumentError,
    NotSupported,
    absolute_path,
    boolean,
    host_or_address,
    want,
    whole_number,
)
from ftpsd.settings.event_names import ALIASES, LOGGED, is_a_name
from ftpsd.settings.sql_template import Part, Template

SQLITE, POSTGRES, MYSQL = "sqlite3", "postgres", "mysql"
BACKENDS = (MYSQL, POSTGRES, SQLITE)
_SPELLINGS = {"sqlite": SQLITE, "postgresql": POSTGRES, "mariadb": MYSQL} | {name: name for name in BACKENDS}

MAIN = "default"
"""Name of the connection that SQLConnectInfo describes."""

CUSTOM = "custom:/"


@dataclass(frozen=True, slots=True)
class Policy:
    """When a connection is closed: after `idle` seconds without a question (0: never); `each`: after every one."""

    idle: int = 0
    each: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseTLS:
    """TLS towards a database: files (PEM) of its authority, our certificate and key, cipher list; "": not said."""

    authority: str = ""
    certificate: str = ""
    key: str = ""
    ciphers: str = ""


@dataclass(frozen=True, slots=True)
class ConnectInfo:
    """A database: `database` is a name, or SQLite's file. `host` may be the directory of a local socket (/…).

    `backend` "": as SQLBackend says. `tls` None: in clear.
    """

    database: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    policy: Policy = Policy()
    tls: DatabaseTLS | None = None
    backend: str = ""
    name: str = MAIN

    @property
    def key(self) -> str:
        return self.name

    def __str__(self) -> str:
        place = f"@{self.host}" if self.host else ""
        return f"{self.database}{place}" + (f":{self.port}" if self.port else "")


Kind = Literal["SELECT", "INSERT", "UPDATE", "FREEFORM"]
KINDS: tuple[Kind, ...] = ("SELECT", "INSERT", "UPDATE", "FREEFORM")


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """SQLNamedQuery: a whole statement by its name, for one connection."""

    name: str
    kind: Kind
    template: Template
    connection: str = MAIN

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class UserColumns:
    """SQLUserInfo: a table and its columns; None: NULL was written, there is no such column."""

    table: str = "users"
    name: str = "userid"
    password: str | None = "passwd"
    uid: str | None = "uid"
    gid: str | None = "gid"
    home: str | None = "homedir"
    shell: str | None = "shell"


@dataclass(frozen=True, slots=True)
class UserQueries:
    """SQLUserInfo custom: names of queries for a user by name and by uid ("": there is none)."""

    by_name: str
    by_id: str = ""


@dataclass(frozen=True, slots=True)
class GroupColumns:
    """SQLGroupInfo: a table and its columns."""

    table: str = "groups"
    name: str = "groupname"
    gid: str = "gid"
    members: str = "members"


@dataclass(frozen=True, slots=True)
class GroupQueries:
    """SQLGroupInfo custom: names of queries for a group by name, by gid, and for the groups of a member."""

    by_name: str
    by_id: str
    by_member: str


@dataclass(frozen=True, slots=True)
class PrimaryKey:
    """SQLUserPrimaryKey, SQLGroupPrimaryKey: a `column` of the table, or the name of a `query`."""

    column: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Which commands: those that succeeded and those that did not, by name, `*` for all."""

    succeeded: frozenset[str]
    failed: frozenset[str]

    def fires(self, command: str, succeeded: bool) -> bool:
        """Whether a command is meant (`SITE CHMOD` also by SITE and by SITE_CHMOD)."""
        wanted = self.succeeded if succeeded else self.failed
        if not wanted:
            return False
        if command in ("EXIT", "CONNECT"):
            return command in wanted
        return "*" in wanted or not wanted.isdisjoint({command, command.replace(" ", "_"), command.partition(" ")[0]})


@dataclass(frozen=True, slots=True)
class CommandLog:
    """SQLLog. `lenient` (IGNORE_ERRORS): a statement that fails is no news."""

    trigger: Trigger
    query: str
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class EventLog:
    """SQLLogOnEvent; `event` is a name of `EVENTS`."""

    event: str
    query: str
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Info:
    """SQLShowInfo: a line of text behind the reply to a command."""

    trigger: Trigger
    code: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """SQLKeepAlive: seconds between statements on an idle connection."""

    interval: int
    statement: str = "SELECT 1"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """SQLTimeouts, in seconds."""

    connect: float = 3.0
    query: float = 5.0


EVENTS = LOGGED
"""Events that SQLLogOnEvent knows, by ProFTPD's names."""

_AUTH_TYPES = (
    "Argon2", "Backend", "Bcrypt", "Crypt", "Empty", "MD5", "OpenSSL", "PBKDF2", "Plaintext", "Scrypt", "SHA1",
    "SHA256", "SHA512", "Sodium", "SSHA",
)
OF_PASSWD = frozenset({"Argon2", "MD5", "PBKDF2", "Scrypt", "SHA1", "SHA256", "SHA512", "SSHA", "Sodium"})
"""Those of SQLAuthTypes that need SQLPasswordEngine."""


def ratios(words: Sequence[str]) -> tuple[str, ...]:
    """`on`, `off` or four columns."""
    if len(words) not in (1, 4) or (len(words) == 1 and boolean(words[0]) is None):
        raise ArgumentError("requires a boolean or 4 field names", remedy="Write on, off or four columns.")
    return tuple(words)


def backend(words: Sequence[str]) -> str:
    """`mysql`, `postgres` or `sqlite3`."""
    want(words, 1, 1)
    found = _SPELLINGS.get(words[0].lower())
    if found is None:
        raise ArgumentError(f"unknown SQL backend '{words[0]}'", remedy=f"It is one of {', '.join(BACKENDS)}.")
    return found


_TLS_WORDS = {"ssl-ca:": "authority", "ssl-cert:": "certificate", "ssl-key:": "key", "ssl-ciphers:": "ciphers"}


def _without_tls(words: Sequence[str]) -> tuple[list[str], DatabaseTLS | None]:
    rest: list[str] = []
    said: dict[str, str] = {}
    for word in words:
        prefix = next((one for one in _TLS_WORDS if word.lower().startswith(one)), None)
        if prefix is None:
            rest.append(word)
        else:
            value = word[len(prefix):]
            said[_TLS_WORDS[prefix]] = value if prefix == "ssl-ciphers:" else absolute_path(value)
    if "key" in said and "certificate" not in said:
        raise ArgumentError("a key without a certificate", remedy="Add ssl-cert:/path.")
    return rest, DatabaseTLS(**said) if said else None


def _policy(word: str) -> Policy:
    """ProFTPD takes every word that it does not know for PERSESSION; here that is an error."""
    name = word.upper()
    if name in ("PERSESSION", "PERCONNECTION", "PERCONN"):
        return Policy()
    if name == "PERCALL":
        return Policy(each=True)
    try:
        return Policy(idle=whole_number(word))
    except ArgumentError:
        raise ArgumentError(
            f"unknown connection policy '{word}'",
            remedy="It is PERSESSION, PERCONNECTION, PERCALL or a number of seconds.") from None


def _place(word: str) -> tuple[str, str, int]:
    """Database, host and port of `database[@host][:port]`, or SQLite's path."""
    if word.startswith("/") and "@" not in word:
        return absolute_path(word), "", 0
    match = re.fullmatch(r"([^@:]+)(?:@(\[[^]]*\]|[^:]*))?(?::([0-9]{1,5}))?", word)
    if match is None or "\0" in word:
        raise ArgumentError(
            f"badly formatted database '{word}'", remedy="Write database@host:port, or the path of an SQLite file.")
    host = match[2] or ""
    if host and not host.startswith("/"):
        host = host_or_address(host)
    port = int(match[3] or 0)
    if port > 65535 or (match[3] and not port):
        raise ArgumentError(f"'{match[3]}' is not a valid port")
    return match[1], host, port


def connect_info(words: Sequence[str]) -> ConnectInfo:
    """`database[@host][:port] [user [password [policy]]] [ssl-ca:/path] …`."""
    rest, tls = _without_tls(words)
    want(rest, 1, 4)
    database, host, port = _place(rest[0])
    user, password = (*rest[1:3], "", "")[:2]
    policy = _policy(rest[3]) if len(rest) == 4 else Policy()
    return ConnectInfo(database, host, port, user, password, policy, tls)


def named_connect_info(words: Sequence[str]) -> tuple[ConnectInfo, ...]:
    """`name backend` and then as `connect_info`."""
    want(words, 3)
    info = connect_info(words[2:])
    if words[0] == MAIN:
        raise ArgumentError(f"'{MAIN}' is the connection of SQLConnectInfo", remedy="Take another name.")
    return (ConnectInfo(
        info.database, info.host, info.port, info.user, info.password, info.policy, info.tls, backend(words[1:2]),
        words[0]),)


def named_query(words: Sequence[str]) -> tuple[NamedQuery, ...]:
    """`name SELECT|FREEFORM "text" [connection]` or `name INSERT|UPDATE "text" table [connection]`."""
    want(words, 3, 5)
    name, kind = words[0], next((one for one in KINDS if one == words[1].upper()), None)
    if kind is None:
        raise ArgumentError(f"unknown query type '{words[1]}'", remedy=f"It is one of {', '.join(KINDS)}.")
    body = sql_template.parse(words[2])
    if kind in ("SELECT", "FREEFORM"):
        want(words, 3, 4)
        head = sql_template.text("SELECT ") if kind == "SELECT" else Template(())
        return (NamedQuery(name, kind, head + body, words[3] if len(words) == 4 else MAIN),)
    if len(words) < 4:
        raise ArgumentError(f"{kind} needs a table", remedy=f'Write {name} {kind} "…" table.')
    table = identifier(words[3])
    connection = words[4] if len(words) == 5 else MAIN
    if kind == "UPDATE":
        template = sql_template.text(f"UPDATE {table} SET ") + body
    else:
        template = sql_template.text(f"INSERT INTO {table} VALUES (") + body + sql_template.text(")")
    return (NamedQuery(name, kind, template, connection),)


def identifier(word: str) -> str:
    """A table, a column or an expression in its place, as it stands in the statement."""
    if not word or re.search(r"[\0;%]|--", word):
        raise ArgumentError(f"'{word}' is not the name of a table or column")
    return word


def _nullable(word: str) -> str | None:
    return None if word.upper() == "NULL" else identifier(word)


def _queries(word: str, least: int, most: int) -> list[str]:
    names = word[len(CUSTOM):].split("/")
    if not least <= len(names) <= most or not all(names):
        raise ArgumentError(f"badly formatted parameter '{word}'", remedy="Write custom:/query/query …")
    return names


def user_info(words: Sequence[str]) -> UserColumns | UserQueries:
    """`table userid passwd uid gid homedir shell`, or `custom:/by-name[/by-id[/names[/all]]]`.

    The last two are for looking at all users, which is never done here.
    """
    if len(words) == 1 and words[0].startswith(CUSTOM):
        return UserQueries(*_queries(words[0], 1, 4)[:2])
    want(words, 7, 7)
    return UserColumns(identifier(words[0]), identifier(words[1]), *map(_nullable, words[2:]))


def group_info(words: Sequence[str]) -> GroupColumns | GroupQueries:
    """`table groupname gid members`, or `custom:/by-name/by-id/by-member[/names[/all]]`."""
    if len(words) == 1 and words[0].startswith(CUSTOM):
        return GroupQueries(*_queries(words[0], 3, 5)[:3])
    want(words, 4, 4)
    return GroupColumns(*map(identifier, words))


def primary_key(words: Sequence[str]) -> PrimaryKey:
    """`column` or `custom:/query`."""
    want(words, 1, 1)
    if words[0].startswith(CUSTOM):
        return PrimaryKey(query=_queries(words[0], 1, 1)[0])
    return PrimaryKey(identifier(words[0]))


def where_clause(words: Sequence[str]) -> Template:
    """A condition, with variables."""
    want(words, 1, 1)
    if not words[0].strip():
        raise ArgumentError("parameter must not be empty")
    return sql_template.parse(words[0])


@dataclass(frozen=True, slots=True)
class Lookups:
    """SQLAuthenticate: what is looked up in the database."""

    users: bool = True
    groups: bool = True


_SETS = frozenset({"userset", "usersetfast", "groupset", "groupsetfast"})


def authenticate(words: Sequence[str]) -> Lookups:
    """`on`, `off`, or some of `users groups userset[fast] groupset[fast]`."""
    want(words, 1, 4)
    if len(words) == 1 and boolean(words[0]) is not None:
        on = bool(boolean(words[0]))
        return Lookups(on, on)
    named = [word.lower() for word in words]
    for word, lowered in zip(words, named, strict=True):
        if lowered.rstrip("*") in ("users", "groups") and lowered.endswith("*"):
            raise ArgumentError(f"'{word}' is no longer known", remedy="Write AuthOrder mod_sql.c* for that.")
        if lowered not in _SETS | {"users", "groups"}:
            raise ArgumentError(f"unknown parameter '{word}'", remedy="Write on, off, or: users groups.")
    return Lookups("users" in named, "groups" in named)


def auth_types(words: Sequence[str]) -> tuple[str, ...]:
    """Names of `_AUTH_TYPES` in any case, in the order in which they are tried."""
    want(words, 1)
    known = {name.lower(): name for name in _AUTH_TYPES}
    found = []
    for word in words:
        if word.lower() not in known:
            raise ArgumentError(f"unknown SQLAuthType '{word}'", remedy=f"There are {', '.join(_AUTH_TYPES)}.")
        found.append(known[word.lower()])
    return tuple(dict.fromkeys(found))


def engine(words: Sequence[str]) -> frozenset[str]:
    """`on` (accounts and logs), `off`, `auth` or `log`."""
    want(words, 1, 1)
    word = words[0].lower()
    if word in ("auth", "log"):
        return frozenset({word})
    on = boolean(word)
    if on is None:
        raise ArgumentError(f"unknown SQLEngine '{words[0]}'", remedy="Write on, off, auth or log.")
    return frozenset({"auth", "log"}) if on else frozenset()


def options(words: Sequence[str]) -> frozenset[str]:
    """Names of `SQL_OPTIONS` in any case."""
    want(words, 1)
    known = {name.lower(): name for name in SQL_OPTIONS}
    for word in words:
        if word.lower() not in known:
            raise ArgumentError(f"unknown SQLOption '{word}'", remedy=f"There are {', '.join(SQL_OPTIONS)}.")
    return frozenset(known[word.lower()] for word in words)


SQL_OPTIONS = ("IgnoreConfigFile", "NoDisconnectOnError", "NoReconnect", "UseNormalizedGroupSchema")


def _trigger(word: str) -> Trigger:
    names = [name.upper() for name in word.split(",")]
    if not all(re.fullmatch(r"(ERR_)?(\*|[A-Z][A-Z_]*)", name) for name in names):
        raise ArgumentError(f"badly formatted commands '{word}'", remedy="Write RETR,STOR,ERR_STOR, or *,ERR_*.")
    failed = frozenset(name[4:] for name in names if name.startswith("ERR_"))
    return Trigger(frozenset(name for name in names if not name.startswith("ERR_")), failed)


def _lenient(words: Sequence[str]) -> bool:
    if len(words) == 3 and words[2].upper() != "IGNORE_ERRORS":
        raise ArgumentError(f"unknown parameter '{words[2]}'", remedy="Write IGNORE_ERRORS, or nothing.")
    return len(words) == 3


def command_log(words: Sequence[str]) -> tuple[CommandLog, ...]:
    """`commands query [IGNORE_ERRORS]`."""
    want(words, 2, 3)
    return (CommandLog(_trigger(words[0]), words[1], _lenient(words)),)


def event_log(words: Sequence[str]) -> tuple[EventLog, ...]:
    """`event query [IGNORE_ERRORS]`."""
    want(words, 2, 3)
    names = {alias.lower(): name for alias, name in ALIASES.items()}
    event = names.get(words[0].lower(), words[0])
    if not is_a_name(event):
        raise NotSupported(
            f"the event '{words[0]}'", remedy=f"There are {', '.join(EVENTS)}; {', '.join(ALIASES)}.")
    return (EventLog(event, words[1], _lenient(words)),)


def show_info(words: Sequence[str]) -> tuple[Info, ...]:
    """`commands code "text"`."""
    want(words, 3, 3)
    code = whole_number(words[1], "reply code")
    if not 100 <= code <= 599:
        raise ArgumentError(f"'{words[1]}' is not a valid reply code")
    return (Info(_trigger(words[0]), code, sql_template.parts_of(words[2], results=True)),)


def keep_alive(words: Sequence[str]) -> KeepAlive:
    """`seconds ["statement"]`."""
    want(words, 1, 2)
    interval = whole_number(words[0], "number of seconds")
    if not 1 <= interval <= 86400:
        raise ArgumentError("the interval must be between 1 and 86400 seconds")
    return KeepAlive(interval, *words[1:])


def timeouts(words: Sequence[str]) -> Timeouts:
    """`connect query`, in milliseconds."""
    want(words, 2, 2)
    found = [whole_number(word, "number of milliseconds") for word in words]
    if not all(50 <= millis <= 60_000 for millis in found):
        raise ArgumentError("a timeout must be between 50 and 60000 milliseconds")
    return Timeouts(found[0] / 1000, found[1] / 1000)

"""Access tables: who may log in from where, in the language of hosts_access(5) (mod_wrap2)."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ftpsd.settings.arguments import ArgumentError, Boolean, NotSupported, OptionalPath, Special, Text, want
from ftpsd.settings.declaration import HOST, Combine, Context, directive
from ftpsd.settings.expressions import Expression
from ftpsd.settings.sections import expression

CHECK_ON_CONNECT = "CheckOnConnect"
Source = Literal["file", "sql", "builtin"]


class WrapTable(NamedTuple):
    """Where rules come from: `info` is a path (which may begin with `~` and hold %U), or the names of queries; "" for
    the table that everybody is in.
    """

    source: Source
    info: str

    @property
    def queries(self) -> tuple[str, ...]:
        """The SQLNamedQuery for clients, and the one for options."""
        return tuple(filter(None, self.info.split("/")))

    def __str__(self) -> str:
        return f"{self.source}:{self.info or 'all'}"


class WrapTables(NamedTuple):
    """A pair of tables."""

    allow: WrapTable
    deny: WrapTable


class WrapFor(NamedTuple):
    """A pair of tables for users, or for members of groups."""

    whom: Expression
    tables: WrapTables


def _table(word: str) -> WrapTable:
    source, colon, info = word.partition(":")
    if not colon:
        raise ArgumentError(f"bad table parameter: '{word}'", remedy="Write file:/path, sql:/query or builtin:all.")
    match source.lower():
        case "file":
            if not info.startswith(("/", "~")):
                raise ArgumentError(
                    f"table relative paths are forbidden: '{info}'", remedy="Write an absolute path, or ~/path.")
            return WrapTable("file", info)
        case "sql":
            table = WrapTable("sql", info)
            if not 1 <= len(table.queries) <= 2:
                raise ArgumentError(f"bad table parameter: '{word}'", remedy="Write sql:/query or sql:/query/options.")
            return table
        case "builtin":
            if info.lower() != "all":
                raise ArgumentError(f"unknown builtin parameter: '{info}'", remedy="Write builtin:all.")
            return WrapTable("builtin", "")
    raise ArgumentError(f"unsupported table source type: '{source}'", remedy="It is file, sql or builtin.")


def tables(words: Sequence[str]) -> WrapTables:
    """`source:info source:info`."""
    want(words, 2, 2)
    return WrapTables(_table(words[0]), _table(words[1]))


def _tables_for(kind: str) -> Callable[[Sequence[str]], tuple[WrapFor, ...]]:
    def parse(words: Sequence[str]) -> tuple[WrapFor, ...]:
        want(words, 3, 3)
        return (WrapFor(expression(kind, (words[0],)), tables(words[1:])),)

    return parse


def options(words: Sequence[str]) -> frozenset[str]:
    """`CheckOnConnect`."""
    want(words, 1)
    for word in words:
        if word.lower() == "checkallnames":
            raise NotSupported("CheckAllNames", remedy="Take it out: the one name that leads back counts.")
        if word.lower() != CHECK_ON_CONNECT.lower():
            raise ArgumentError(f"unknown WrapOption '{word}'", remedy=f"It is {CHECK_ON_CONNECT}.")
    return frozenset({CHECK_ON_CONNECT})


_WHERE = HOST | Context.ANONYMOUS
_SYNTAX = "source:info source:info"
_BAD = ("", "file:/a", "file:a file:b", "redis:x redis:y", "file:/a builtin:none", "file:/a sql:", "a b")


@dataclass(frozen=True, slots=True)
class WrapSettings:
    """Tables of clients. None: there is none."""

    engine: bool = directive(
        "WrapEngine", Boolean(), False, module="mod_wrap2", good=("on", "off"), bad=("", "maybe"),
        doc="Whether access tables are asked.",
    )
    tables: WrapTables | None = directive(
        "WrapTables", Special(_SYNTAX, tables), None, contexts=_WHERE, module="mod_wrap2",
        good=(
            "file:/etc/hosts.allow file:/etc/hosts.deny", "file:~/allow builtin:all", "sql:/allowed sql:/denied/opts"),
        bad=_BAD,
        doc="The allow table and the deny table for all users. Whom the allow table names is let in, else whom the deny"
        " table names is not, else he is let in. file:PATH is in the language of hosts_access(5); in a path `~` is the"
        " user's home and %U his name. sql:/QUERY is a SQLNamedQuery that returns clients. builtin:all is everybody.",
        differs="CIDR blocks of IPv4 (192.0.2.0/24) are understood, and the options ALLOW and DENY. A deny table that"
        " is there and cannot be read lets nobody in.",
    )
    user_tables: tuple[WrapFor, ...] = directive(
        "WrapUserTables", Special(f"user-expression {_SYNTAX}", _tables_for("user")), (), contexts=_WHERE,
        module="mod_wrap2", combine=Combine.APPEND, good=("alice,bob file:~/allow builtin:all",),
        bad=("", "alice", "file:/a file:/b", "alice file:/a file:b"),
        doc="Tables for certain users, in place of WrapTables. The first line that fits counts.",
    )
    group_tables: tuple[WrapFor, ...] = directive(
        "WrapGroupTables", Special(f"group-expression {_SYNTAX}", _tables_for("group")), (), contexts=_WHERE,
        module="mod_wrap2", combine=Combine.APPEND, good=("staff,!guests file:/etc/ftpd.staff builtin:all",),
        bad=("", "staff", "staff file:/a file:b"),
        doc="Tables for members of groups, where no WrapUserTables fits.",
    )
    options: frozenset[str] = directive(
        "WrapOptions", Special("option …", options), frozenset(), module="mod_wrap2", good=(CHECK_ON_CONNECT,),
        bad=("", "CheckNothing", "CheckAllNames"), default_text="none",
        doc="CheckOnConnect: WrapTables are asked when a client connects, too, before he has said who he is.",
        differs="CheckAllNames is refused: a client has one name, which leads back to his address.",
    )
    service_name: str = directive(
        "WrapServiceName", Text("name"), "proftpd", module="mod_wrap2", good=("ftpd",), bad=("", "a b"),
        doc="The service that the rules of a table must name to count.",
    )
    allow_message: str | None = directive(
        "WrapAllowMsg", Text('"message"'), None, contexts=_WHERE, module="mod_wrap2",
        good=('"Welcome, %u"',), bad=("", "two words"), default_text="none",
        doc="What who was let in is told as he logs in; %u is his name.",
    )
    deny_message: str | None = directive(
        "WrapDenyMsg", Text('"message"'), None, contexts=_WHERE, module="mod_wrap2",
        good=('"Not from there, %u"',), bad=("", "two words"), default_text="Access denied",
        doc="What who was not let in is told; %u is his name.",
    )
    log: str | None = directive(
        "WrapLog", OptionalPath(), None, contexts=HOST, module="mod_wrap2", good=("/var/log/ftpsd-wrap.log", "none"),
        bad=("", "wrap.log"), doc="File that says which tables and rules have decided.",
    )

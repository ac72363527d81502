"""Access tables as they are when they are asked: files and the answers of databases.

A table is read anew for each login, as people (and programs that watch logs) edit hosts.deny while the server runs.
One that is not there is empty. A deny table that is there and cannot be had lets nobody in: who may read it decides
nothing then. Files of a user (`~`) are read with his rights, all others with the server's.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ftpsd.access.wrap import Verdict, WrapClient, WrapRule, decide, malformed, parse, unknown_options, words
from ftpsd.errors import FtpsdError
from ftpsd.settings.wrap import WrapTable, WrapTables
from ftpsd.sql.wanted import Queries

LARGEST = 4 << 20
"""Bytes of a file."""

EVERYBODY = WrapRule(("ALL",), ("ALL",))

Tell = Callable[[str], None]
Reader = Callable[[], contextlib.AbstractContextManager[None]]
"""Has the rights for the block with which a file is read."""


class Unreadable(Exception):
    """A table is there and cannot be read."""


@dataclass(frozen=True, slots=True)
class Whom:
    """Who logs in: `user` is what the account is called (%U), `home` None where that is not known, `name` what queries
    are asked for (user, group or nothing).

    `as_user` gives a file of his the reader that he is, `as_server` all others.
    """

    user: str = ""
    home: str | None = None
    home_of: Callable[[str], str | None] = lambda name: None
    name: str = ""
    as_user: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    as_server: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext


def judge(
    tables: WrapTables, service: str, client: WrapClient, whom: Whom, tell: Tell, queries: Queries | None = None,
) -> Verdict:
    """Whether the tables let a client in. What is wrong with them is told."""
    tell(f"using '{tables.allow}' for allow table")
    tell(f"using '{tables.deny}' for deny table")
    tell(f"looking under service name '{service}'")
    try:
        allow = list(_rules(tables.allow, whom, tell, queries))
    except Unreadable as error:
        tell(f"error opening allow table: {error}")
        allow = []
    try:
        deny = list(_rules(tables.deny, whom, tell, queries))
    except Unreadable as error:
        tell(f"error opening deny table: {error}; nobody is let in whom the allow table does not name")
        deny = [EVERYBODY]
    return decide(allow, deny, service, client)


def _rules(table: WrapTable, whom: Whom, tell: Tell, queries: Queries | None) -> Iterator[WrapRule]:
    if table.source == "builtin":
        yield EVERYBODY
        return
    if table.source == "sql":
        yield from _asked(table, whom, queries)
        return
    path = _path(table.info, whom)
    if path is None:
        return
    reader = whom.as_user if table.info.startswith("~/") else whom.as_server
    text = _read(path, reader)
    if text is None:
        tell(f"error opening table '{path}': No such file or directory")
        return
    rules, wrong = parse(text)
    for complaint in wrong:
        tell(f"file '{path}': {complaint}")
    for rule in rules:
        yield _included(rule, path, reader, tell)


def _included(rule: WrapRule, path: str, reader: Reader, tell: Tell) -> WrapRule:
    """A client that is a path stands for the words in that file, which is read with the same rights as the table.

    Complains about what can fit nobody.
    """
    clients: list[str] = []
    for word in rule.clients:
        if not word.startswith("/"):
            clients.append(word)
            continue
        text = _read(word, reader)
        if text is None:
            tell(f"error opening include file '{word}': No such file or directory")
        clients += words(text or "")
    whole = replace(rule, clients=tuple(clients))
    for bad in malformed(whole):
        tell(f"file '{path}': '{bad}' at line {rule.line} can be nobody")
    for option in unknown_options(whole):
        tell(f"file '{path}': option '{option}' at line {rule.line} has no effect")
    return whole


def _path(written: str, whom: Whom) -> str | None:
    """The path of a file; None: it depends on a home that nobody has."""
    if "%U" in written:
        if "/" in whom.user or whom.user in ("", ".", ".."):
            return None
        written = written.replace("%U", whom.user)
    if not written.startswith("~"):
        return written
    name, slash, rest = written[1:].partition("/")
    home = whom.home_of(name) if name else whom.home
    return f"{home}{slash}{rest}" if home is not None else None


def _read(path: str, reader: Reader) -> str | None:
    """The text of a file; None: there is none. Raises `Unreadable`."""
    try:
        with reader():
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(fd, "rb") as stream:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(f"'{path}' is no file")
            if status.st_size > LARGEST:
                raise Unreadable(f"'{path}' is larger than {LARGEST} bytes")
            return stream.read(LARGEST).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreadable(f"'{path}': {error.strerror or error}") from None


def _asked(table: WrapTable, whom: Whom, queries: Queries | None) -> Iterator[WrapRule]:
    """The clients that a query returns, in any number of rows, and the options of another one."""
    if queries is None:
        raise Unreadable("no database is configured")
    clients, options = (_answer(queries, name, whom) if name else () for name in (*table.queries, "")[:2])
    if clients:
        yield WrapRule(("ALL",), clients, options)


def _answer(queries: Queries, name: str, whom: Whom) -> tuple[str, ...]:
    try:
        rows = queries.run(name, (whom.name,))
    except FtpsdError as error:
        raise Unreadable(f"query '{name}': {error}") from None
    return tuple(word for row in rows for value in row if value for word in words(value))

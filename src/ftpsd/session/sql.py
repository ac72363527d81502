"""What a session has to do with databases: SQLLog, SQLShowInfo, SQLLogOnEvent, and what variables mean in a query.

A session has a `SqlSession` only where its host has a database. Statements of logs go into the database's queue, so no
session waits for them; SQLShowInfo needs an answer and waits, for as long as SQLTimeouts says.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ftpsd.access.bans import events_of
from ftpsd.ftp.commands import Command
from ftpsd.ftp.parsing import parse_site
from ftpsd.ftp.replies import Reply
from ftpsd.log import events, formats
from ftpsd.log.events import Event, Level, Origin
from ftpsd.log.record import Record
from ftpsd.reasons.codes import Code, Good
from ftpsd.session.journal import Journal
from ftpsd.settings.event_names import BANNED_FOR
from ftpsd.settings.logformat import Field
from ftpsd.settings.sql import SQLSettings
from ftpsd.settings.sql_parsers import Info
from ftpsd.settings.sql_template import Numbered, Part, Result
from ftpsd.sql.errors import SqlError
from ftpsd.sql.queries import NamedQueries, calling, present
from ftpsd.sql.statements import Value

if TYPE_CHECKING:
    from ftpsd.auth.account import Account
    from ftpsd.session.state import Session

_BYTES = "bytes_sent"
"""`%b` counts, so it is 0 where nothing was moved."""


class RecordValues:
    """What LogFormat's variables mean for one command."""

    def __init__(self, record: Record, origin: Origin, now: float) -> None:
        self._record = record
        self._origin = origin
        self._now = now

    def value(self, field: Field) -> Value:
        found = formats.meaning(field)(self._record, self._origin, self._now)
        if found is None:
            return 0 if field.key == _BYTES else None
        if isinstance(found, str) or type(found) is int:
            return found
        return self.shown(field)

    def shown(self, field: Field) -> str:
        if field.key == _BYTES:
            return str(self.value(field))
        return formats.plain(field)(self._record, self._origin, self._now)


class SessionValues:
    """The same between commands: what is known of a session at the moment."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def _now(self) -> RecordValues:
        record = Journal(self._session).moment()
        return RecordValues(record, self._session.log.origin, time.time())

    def value(self, field: Field) -> Value:
        return self._now().value(field)

    def shown(self, field: Field) -> str:
        return self._now().shown(field)


class SqlSession:
    """The SQL of one session."""

    def __init__(self, session: Session, queries: NamedQueries) -> None:
        self._session = session
        self.queries = queries
        calling(SessionValues(session))

    @property
    def _settings(self) -> SQLSettings:
        return self._session.settings.sql

    def logs(self, record: Record) -> bool:
        """Whether some SQLLog wants the record of a command."""
        sql = self._settings
        return "log" in sql.engine and any(
            log.trigger.fires(record.command, _succeeded(record)) for log in sql.logs)

    def log(self, record: Record) -> None:
        """Has the statements run that SQLLog wants for a command."""
        values = RecordValues(record, self._session.log.origin, time.time())
        for log in self._settings.logs:
            if log.trigger.fires(record.command, _succeeded(record)):
                try:
                    self.queries.send(log.query, (), values, lenient=log.lenient)
                except SqlError as error:
                    self._session.log.emit(events.Notice(f"SQLLog {log.query}: {error}", Level.ERR))

    def entered(self, account: Account) -> Mapping[str, str]:
        """The login: session notes with primary keys. Empty where there are none, or the database does not say."""
        accounts = self._session.runtime.authenticator.sql
        if accounts is None or account.source != "sql":
            return {}
        try:
            return accounts.primary_keys(account)
        except SqlError:
            return {}

    def shown(self, command: Command, reply: Reply) -> Reply:
        """`reply` with the lines that SQLShowInfo adds: behind it, but before those of a login and of another code.

        (ProFTPD sends a line with another code as a reply of its own, which no client expects.)
        """
        sql = self._settings
        if "log" not in sql.engine or not sql.infos:
            return reply
        name = _name(command)
        before, behind = list[str](), list[str]()
        for info in sql.infos:
            line = self._line(info) if info.trigger.fires(name, reply.positive) else None
            if line is not None:
                (behind if info.code == reply.code and name != "PASS" else before).append(line)
        return Reply(reply.code, *before, *reply.lines, *behind) if before or behind else reply

    def _line(self, info: Info) -> str | None:
        """The line; None where a query in it has no result."""
        shown = [self._shown(part) for part in info.parts]
        return None if None in shown else "".join(filter(None, shown))

    def _shown(self, part: Part) -> str | None:
        match part:
            case Result():
                return self._first(part.query)
            case Field():
                return SessionValues(self._session).shown(part)
            case Numbered():
                return ""
        return part

    def _first(self, query: str) -> str | None:
        try:
            rows = self.queries.run(query)
        except SqlError:
            return None
        return rows[0][0] if rows and rows[0] else None


def _succeeded(record: Record) -> bool:
    return record.code == 0 or record.succeeded


def _name(command: Command) -> str:
    spec = command.spec
    if spec is not None and spec.name == "SITE" and parse_site(command.argument)[0] is not None:
        return f"SITE {command.argument.split(' ')[0].upper()}"
    return command.name


_NAMES = {counted: name for name, counted in BANNED_FOR.items()}


def name_of(reason: Code | Good | None) -> str:
    """ProFTPD's name of the event that something is refused for this reason; "": it is none."""
    if not isinstance(reason, Code):
        return ""
    return next((_NAMES[event] for event in events_of(reason) if event in _NAMES), "")


def names_of(event: Event) -> tuple[str, ...]:
    """ProFTPD's names of an event."""
    name = ""
    match event:
        case events.LoginAttemptsExceeded():
            name = "mod_auth.max-login-attempts"
        case events.SessionClosed():
            name = name_of(event.reason)
            return (name, "core.exit") if name.startswith("core.timeout-") else ("core.exit",)
        case events.LoginFailed() | events.CommandDenied():
            name = name_of(event.reason)
        case events.HostileInput():
            name = "core.bad-protocol"
        case events.Happened():
            name = event.name
        case events.HandshakeSucceeded(channel="control"):
            name = "mod_tls.ctrl-handshake"
        case events.HandshakeFailed():
            name = "mod_tls.ctrl-handshake-failed" if event.channel == "control" else "mod_tls.data-handshake-failed"
    return (name,) if name else ()


class EventSink:
    """SQLLogOnEvent."""

    capped = False
    hears: frozenset[type[Event]] | None = frozenset({
        events.LoginAttemptsExceeded, events.SessionClosed, events.HandshakeSucceeded, events.HandshakeFailed,
        events.LoginFailed, events.CommandDenied, events.HostileInput, events.Happened,
    })

    def __init__(self, hosts: Mapping[int, tuple[SQLSettings, NamedQueries]]) -> None:
        self._hosts = hosts

    def __str__(self) -> str:
        return "SQLLogOnEvent"

    def emit(self, event: Event, origin: Origin) -> None:
        found, names = self._hosts.get(origin.host_id), names_of(event)
        if found is None or not names:
            return
        settings, queries = found
        for log in settings.event_logs:
            if log.event in names:
                queries.send(log.query, (), _EventValues(event), lenient=log.lenient)

    def reopen(self) -> list[str]:
        return []

    def close(self) -> None:
        """The databases are closed by whoever opened them."""


class _EventValues:
    """What variables mean when something happens to the session whose thread this is."""

    def __init__(self, event: Event) -> None:
        reason: Code | Good | None = getattr(event, "reason", None)
        self._reason = str(reason) if reason is not None else ""

    def value(self, field: Field) -> Value:
        return self._reason if field.key == "session_end_reason" else present().value(field)

    def shown(self, field: Field) -> str:
        return self._reason if field.key == "session_end_reason" else present().shown(field)

"""Access tables in a session: asked at PASS, before the password, and with WrapOptions CheckOnConnect at once.

Of WrapUserTables the first that means the user counts, else of WrapGroupTables the first that means his groups, else
WrapTables. Who is refused hears the same whether there is such a user or not.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ftpsd.access.wrap import WrapClient
from ftpsd.auth.account import Account, AccountsUnavailable
from ftpsd.auth.selection import Selection
from ftpsd.errors import SessionEnded
from ftpsd.guard.wraptables import Whom, judge
from ftpsd.log import events
from ftpsd.log.bus import EventLog, SessionLog
from ftpsd.log.events import Origin
from ftpsd.reasons.codes import Code
from ftpsd.session.endpoints import Ends
from ftpsd.settings.wrap import CHECK_ON_CONNECT, WrapSettings, WrapTables
from ftpsd.sql.wanted import Queries
from ftpsd.vfs import rights

if TYPE_CHECKING:
    from ftpsd.session.state import Session

USUAL = "Access denied"


def at_connect(
    wrap: WrapSettings, log: EventLog, host: int, ends: Ends, name: str | None, queries: Queries | None = None,
) -> str | None:
    """What a client is told that WrapTables turn away as it connects to a host; None: they do not."""
    if not wrap.engine or CHECK_ON_CONNECT not in wrap.options or wrap.tables is None:
        return None
    client = WrapClient(ends.peer, name, None, ends.local)
    own = log.bind(Origin(host_id=host))
    if _let_in(wrap, wrap.tables, client, Whom(as_server=rights.privileged), "", own, queries):
        return None
    text = f"Connection from {name or ends.peer} [{ends.peer}] refused by access tables"
    own.emit(events.Notice(text, reason=Code.WRAP_DENIED))
    return _words(wrap.deny_message or USUAL, "unknown")


def check(session: Session, chosen: Selection) -> None:
    """At PASS, or where a certificate takes its place. Raises `SessionEnded` (530), `AccountsUnavailable`.

    Tables go by the account's name: directories, databases and UserAlias know it by other spellings, too. Where others
    log in while a source of accounts is away, the tables are first asked about whom nobody knows, as about strangers.
    """
    silent: AccountsUnavailable | None = None
    wrap = (chosen.anonymous.settings if chosen.anonymous is not None else session.settings).wrap
    with rights.privileged():
        try:
            account = session.runtime.authenticator.lookup(chosen.name, sql=chosen.in_database)
        except AccountsUnavailable as error:
            if not error.others:
                raise
            account, silent = None, error
    user = account.name if account is not None else chosen.name
    tables, asked = _tables(wrap, chosen, user, account, _teller(session.log))
    name = session.peer_name if session.peer_name != session.peer else None
    client = WrapClient(session.peer, name, session.log.origin.ident or None, session.ends.local)
    whom = Whom(
        user, account.home if account is not None else None, session.runtime.authenticator.home_of, asked,
        as_user=functools.partial(_acting_as, account), as_server=rights.privileged)
    if not _let_in(wrap, tables, client, whom, chosen.user, session.log, session.runtime.queries):
        text = "access tables deny login"
        session.log.emit(events.LoginFailed(chosen.user, Code.WRAP_DENIED, session.login.attempts + 1, text))
        raise SessionEnded(Code.WRAP_DENIED, 530, _words(wrap.deny_message or USUAL, chosen.user))
    if silent is not None:
        raise silent


def welcome(session: Session) -> list[str]:
    """What WrapAllowMsg says to who has logged in."""
    wrap = session.settings.wrap
    if not wrap.engine or wrap.allow_message is None:
        return []
    return [_words(wrap.allow_message, session.user_name)]


def _tables(
    wrap: WrapSettings, chosen: Selection, user: str, account: Account | None, tell: Callable[[str], None],
) -> tuple[WrapTables | None, str]:
    """The tables that are asked, and for whom a database is."""
    for line in wrap.user_tables:
        if line.whom.holds((user,)):
            tell(f"matched WrapUserTables expression for user '{chosen.user}'")
            return line.tables, user
    groups = account.group_names if account is not None else ()
    for line in wrap.group_tables:
        if line.whom.holds(groups):
            tell(f"matched WrapGroupTables expression for user '{chosen.user}'")
            return line.tables, groups[0] if groups else ""
    return wrap.tables, ""


def _let_in(
    wrap: WrapSettings, tables: WrapTables | None, client: WrapClient, whom: Whom, sent: str, log: SessionLog,
    queries: Queries | None,
) -> bool:
    """`sent` is the name that USER gave, for the log."""
    tell = _teller(log)
    if tables is None:
        tell("no tables configured, allowing connection")
        return True
    verdict = judge(tables, wrap.service_name, client, whom, tell, queries)
    if verdict.rule is not None and verdict.rule.line:
        tell(f"client matches the rule at line {verdict.rule.line}")
    who = f"{sent}@{client.name or client.address}"
    tell(f"{'allowed' if verdict.allowed else 'refused'} connection from {who}")
    return verdict.allowed


@contextlib.contextmanager
def _acting_as(account: Account | None) -> Iterator[None]:
    """The rights of the user for the block."""
    assert account is not None
    with rights.privileged(), rights.acting_as(account.uid, account.gid, account.groups):
        yield


def _teller(log: SessionLog) -> Callable[[str], None]:
    """Writes into the WrapLog."""
    return lambda text: log.emit(events.ModuleNote("wrap", text))


def _words(message: str, user: str) -> str:
    return message.replace("%u", user)

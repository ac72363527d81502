"""Bans in a session: who is turned away, what counts against him, and when his session ends for it.

What a session says of itself is what counts (`access.bans.events_of`): why it refused a command or a login, and why it
ended. Who is banned meanwhile, by another session or an administrator, goes with his next command. Without BanEngine
a session has no `bans`, and nothing here is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ftpsd.access.bans import USUAL, Ban, Kind, Suspect, events_of, told
from ftpsd.access.occupancy import host_key
from ftpsd.auth.account import Account
from ftpsd.errors import SessionEnded
from ftpsd.guard.bans import Bans
from ftpsd.log import events
from ftpsd.log.bus import EventLog, SessionLog
from ftpsd.log.events import Origin
from ftpsd.log.identity import MODULES
from ftpsd.reasons.codes import Code, Good
from ftpsd.settings.model import Host, Settings

if TYPE_CHECKING:
    from ftpsd.session.state import Session

_AUTOBAN = " autoban "
AT_CONNECT = (Kind.HOST, Kind.CLASS)
AT_LOGIN = (Kind.USER, Kind.PAIR)


def at_connect(
    bans: Bans, log: EventLog, host: Host, settings: Settings, suspect: Suspect, origin: Origin,
) -> str | None:
    """What a client is told who may not connect, or has done so too often; None: he may. `origin`: of his events."""
    server, own = host_key(host), log.bind(Origin(host_id=host.id))
    ban = bans.find(suspect, server, AT_CONNECT, _teller(own), ask=True)
    if ban is None:
        log.emit(events.Happened("mod_ban.client-connect-rate"), origin)
        ban = bans.happened(("ClientConnectRate",), settings.bans.rules, suspect, server, _teller(own))
        _made(log, origin, ban)
    if ban is None:
        return None
    _denied(own, ban)
    return _words(ban, settings, suspect)


def refused_at_connect(
    bans: Bans, log: EventLog, host: Host, settings: Settings, suspect: Suspect, origin: Origin, reason: Code,
) -> None:
    """A client has been refused before it had a session."""
    own = log.bind(Origin(host_id=host.id))
    _made(log, origin, bans.happened(events_of(reason), settings.bans.rules, suspect, host_key(host), _teller(own)))


def _made(log: EventLog, origin: Origin, ban: Ban | None) -> None:
    """A client who has no session yet is banned for what he did, if not by an administrator who was faster."""
    if ban is not None and _AUTOBAN in ban.reason:
        log.emit(events.Happened(f"mod_ban.ban-{ban.kind.word}"), origin)


def check_host(session: Session) -> None:
    """The session has come to another host (HOST, SNI). Raises `SessionEnded` (530)."""
    _check(session, AT_CONNECT, 530)


def check_login(session: Session) -> None:
    """Somebody wants to log in under the name that USER has given. Raises `SessionEnded` (530)."""
    _check(session, AT_LOGIN, 530)


def check_account(session: Session, account: Account) -> None:
    """The password was right, and it is this account's. Raises `SessionEnded` (530)."""
    _check(session, AT_LOGIN, 530, account=account)


def look_again(session: Session) -> None:
    """Bans have been made or lifted since the session looked. Raises `SessionEnded` (421)."""
    if session.bans is not None:
        session.ban_generation = session.bans.generation
    _check(session, (*AT_CONNECT, *AT_LOGIN) if session.login.done else AT_CONNECT, 421, ask=False)


def note(session: Session, happened: Iterable[str]) -> None:
    """These events count against the client. Raises `SessionEnded` (421) when that makes a ban."""
    ban = _count(session, happened)
    if ban is not None:
        raise SessionEnded(Code.BANNED, 421, _words(ban, session.settings, suspect_of(session)))


def refused(session: Session, reason: Code) -> None:
    """A command or login was refused. Raises as `note`."""
    note(session, events_of(reason))


def ended(session: Session, reason: Code | Good) -> None:
    """The session ends, and its client has not been told yet: who comes back may be banned by then."""
    if isinstance(reason, Code) and reason is not Code.BANNED:
        _count(session, events_of(reason))


def count(session: Session, event: str) -> None:
    """This event counts against the client, whose session ends anyway."""
    if session.bans is not None:
        _count(session, (event,))


def suspect_of(session: Session, account: Account | None = None) -> Suspect:
    """Who the client is; `account` is whom he is about to become."""
    name = session.peer_name if session.peer_name != session.peer else None
    own = account or session.login.account
    return Suspect(
        session.peer, name, session.login.named, session.classes, account=own.name if own is not None else None)


def _count(session: Session, happened: Iterable[str]) -> Ban | None:
    assert session.bans is not None
    rules = session.settings.bans.rules
    if not rules:
        return None
    ban = session.bans.happened(happened, rules, suspect_of(session), host_key(session.host), _teller(session.log))
    if ban is not None:
        event, autoban, _ = ban.reason.partition(_AUTOBAN)
        if not autoban:  # an administrator was faster
            _denied(session.log, ban)
            return ban
        session.log.emit(events.Happened(f"mod_ban.ban-{ban.kind.word}"))
        text = "autoban threshold reached, ending session"
        session.log.emit(events.ModuleNote("ban", f"{event} {text}"))
        session.log.emit(events.Notice(f"{MODULES['ban']}: {text}", reason=Code.BANNED))
    return ban


def _check(
    session: Session, kinds: tuple[Kind, ...], code: int, *, ask: bool = True, account: Account | None = None,
) -> None:
    if session.bans is None:
        return
    suspect = suspect_of(session, account)
    ban = session.bans.find(suspect, host_key(session.host), kinds, _teller(session.log), ask=ask)
    if ban is not None:
        _denied(session.log, ban)
        raise SessionEnded(Code.BANNED, code, _words(ban, session.settings, suspect))


def _teller(log: SessionLog) -> Callable[[str], None]:
    """Writes into the BanLog."""
    return lambda text: log.emit(events.ModuleNote("ban", text))


def _denied(log: SessionLog, ban: Ban) -> None:
    word = ban.kind.word
    log.emit(events.ModuleNote("ban", f"login from {word} '{ban.name}' denied due to {word} ban"))
    log.emit(events.Notice(f"{MODULES['ban']}: Login denied: {word} '{ban.name}' banned", reason=Code.BANNED))


def _words(ban: Ban, settings: Settings, suspect: Suspect) -> str:
    return told(ban.message or settings.bans.message or USUAL, suspect)

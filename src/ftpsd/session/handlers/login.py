"""HOST, USER, PASS and QUIT."""

from __future__ import annotations

import ipaddress

from ftpsd.auth import outages
from ftpsd.auth.account import AccountsUnavailable, LoginResult
from ftpsd.auth.selection import Selection, select
from ftpsd.errors import Refusal, SessionEnded
from ftpsd.ftp import replies
from ftpsd.ftp.commands import Command
from ftpsd.ftp.replies import Reply
from ftpsd.log import events
from ftpsd.reasons.codes import Code, Good
from ftpsd.session import banning, bounds, delays, display, entering, permission, quotas, vouching, wrapping
from ftpsd.session.state import Session
from ftpsd.vfs import rights

_UNCHECKED = frozenset({
    Code.SQL_UNAVAILABLE, Code.SQL_STATEMENT_FAILED, Code.LOGIN_OVERLOAD, Code.AUTH_FILE_UNUSABLE,
    Code.DIRECTORY_UNREACHABLE,
})
"""Why the server could not decide about a login: nothing that its client has done."""


def host(session: Session, command: Command) -> Reply:
    """HOST (RFC 7151): the virtual host of that name, before login and before TLS (or as SNI said)."""
    name = command.argument
    if len(command.words) != 1:
        raise Refusal(500, "'HOST' not understood", Code.SYNTAX)
    if session.login.done or (session.tls.mechanism and session.server_name is None):
        raise Refusal(503, "Bad sequence of commands", Code.HOST_TOO_LATE)
    if permission.denied(session, command):
        raise Refusal(504, f"{name}: Permission denied", Code.LIMIT_DENIED)
    if _is_literal(name):
        return Reply(220, "HOST command successful")
    unknown = Refusal(504, f"{name}: Unknown hostname provided", Code.HOST_UNKNOWN)
    if session.server_name is not None and session.server_name.lower() != name.lower():
        session.note_tls(f"HOST '{name}' does not match SNI '{session.server_name}'")
        raise unknown
    found = session.service.host_named(session, name)
    if found is None:
        raise unknown
    session.host_sent = name
    if found.id != session.host.id:  # USER was for the other host, by whose <IfUser> a password was let come
        session.login.user = None
    session.service.move(session, found)
    return display.greeting(session)


def _is_literal(name: str) -> bool:
    """Whether HOST names an address (RFC 7151 section 3.1: IPv6 in brackets), which chooses nothing."""
    if name.startswith("["):
        try:
            ipaddress.IPv6Address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            raise Refusal(501, f"{name}: Invalid IPv6 address provided", Code.SYNTAX) from None
        return True
    if ":" in name:
        raise Refusal(501, f"{name}: Invalid hostname provided", Code.SYNTAX)
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def user(session: Session, command: Command) -> Reply:
    """USER: the same 331 for known and unknown names (RFC 2577 section 6)."""
    delays.delay(session, "USER")
    name = command.argument
    if session.login.done:
        if name == session.login.user:
            return replies.logged_in(name)
        raise Refusal(501, "Reauthentication not supported", Code.REAUTHENTICATION)
    if len(name) > entering.LONGEST_NAME:
        raise Refusal(501, "Login name too long", Code.LOGIN_NAME_TOO_LONG)
    session.login.user = session.login.named = name
    session.slot.update(user=name)
    chosen = select(session.host, name)
    if entering.PER_UNAUTHENTICATED in session.settings.auth.if_session_options:
        entering.foresee(session, chosen)
    if not chosen.needs_password:
        return replies.ANONYMOUS_PASSWORD
    vouched = vouching.result(session, chosen)
    if vouched is None:
        return _wanted(session, name)
    try:
        chosen = _admitted(session, chosen)
    except AccountsUnavailable as error:
        session.login.user = None
        return _failed(session, chosen, outages.result(error, name))
    session.login.vouched = True
    with rights.privileged():
        return _enter(session, chosen, vouched, "certificate", 232)


def _admitted(session: Session, chosen: Selection) -> Selection:
    """What every login goes through, however its user proves who he is: AnonymousGroup, bans, access tables.

    Raises `AccountsUnavailable`, `SessionEnded` (530). Where others log in while a source is away, whom nobody knows
    goes through the same as they do, and is refused then.
    """
    silent: AccountsUnavailable | None = None
    try:
        chosen = entering.as_anonymous(session, chosen)
    except AccountsUnavailable as error:
        if not error.others:
            raise
        silent = error
    if session.bans is not None:
        banning.check_login(session)
    if (chosen.anonymous.settings if chosen.anonymous is not None else session.settings).wrap.engine:
        wrapping.check(session, chosen)
    if silent is not None:
        raise silent
    return chosen


def _wanted(session: Session, name: str) -> Reply:
    """331; where one-time passwords are used it says so, the same for everybody."""
    otp = session.settings.otp
    if otp.engine and not otp.options & {"FTPStandardResponse", "StandardResponse"}:
        return replies.code_required(name)
    return replies.password_required(name)


def pass_(session: Session, command: Command) -> Reply:
    """PASS: checks, and on success takes on the user's rights for good (`entering.enter`)."""
    delays.delay(session, "PASS")
    name = session.login.user
    if session.login.done:
        if session.login.vouched and name is not None:  # clients that do not know 232 go on with PASS
            session.login.vouched = False
            return replies.logged_in(name)
        return replies.ALREADY_LOGGED_IN
    if name is None:
        return replies.USER_FIRST
    session.login.user = None
    chosen = select(session.host, name)
    silent: AccountsUnavailable | None = None
    try:
        chosen = _admitted(session, chosen)
    except AccountsUnavailable as error:
        silent = error
    too_long = bounds.check_password_size(session, command.argument)
    if too_long is not None:
        text = f"USER {name} (Login failed): {too_long}"
        return _failed(session, chosen, LoginResult(False, None, Code.LOGIN_PASSWORD_TOO_LONG, text))
    with rights.privileged():  # once, from the accounts to the moment when the rights are those of the user
        result = (
            entering.check(session, chosen, command.argument) if silent is None
            else entering.unanswered(session, chosen, command.argument, silent))
        if session.settings.tls.user_logins:
            result = vouching.demanded(session, chosen, result)
        if result.ok and chosen.anonymous is not None:
            email = "" if chosen.needs_password else command.argument  # a password that is one stands in no log
            return _enter(session, chosen, result, "anonymous", 230, email=email)
        if result.ok:
            return _enter(session, chosen, result, "password", 230)
    return _failed(session, chosen, result)


def _enter(
    session: Session, chosen: Selection, result: LoginResult, method: str, code: int, email: str = ""
) -> Reply:
    """Makes the session that of the account, and says so with `code`; ends it where that cannot be done."""
    name = chosen.user
    if result.account is None:
        return _failed(session, chosen, result)
    if session.bans is not None and result.account.name != name:
        banning.check_account(session, result.account)
    try:
        entering.enter(session, chosen, result.account)
    except entering.CannotEnter as error:
        session.log.emit(events.LoginFailed(name, error.cause, session.login.attempts + 1, str(error)))
        raise SessionEnded(error.cause, 530, replies.LOGIN_INCORRECT.text) from None
    except SessionEnded:
        raise
    except Exception as error:  # the thread's rights may be half changed: nothing more is served from it
        text = f"cannot take on the rights of the user: {error!r}"
        session.log.emit(events.LoginFailed(name, Code.LOGIN_RIGHTS, session.login.attempts + 1, text))
        raise SessionEnded(Code.LOGIN_RIGHTS, 530, replies.LOGIN_INCORRECT.text) from None
    session.log.emit(events.LoginSucceeded(name, chosen.anonymous is not None, method, email))
    if session.bans is not None:
        banning.note(session, ("LoginRate",))
    if session.host.settings.quotas.engine:
        quotas.begin(session)
    return _granted(session, name, code)


def _failed(session: Session, chosen: Selection, result: LoginResult) -> Reply:
    """The answer to a login that failed. MaxLoginAttempts bounds wrong ones and those that could not be checked alike,
    so that its end tells nobody which they were; but it is no event that bans anybody where one could not be checked.
    """
    login = session.login
    login.attempts += 1
    login.unchecked += result.refusal in _UNCHECKED
    session.log.emit(events.LoginFailed(chosen.user, result.refusal, login.attempts, result.log))
    if session.bans is not None:
        banning.refused(session, result.refusal)
    if session.journal is not None:
        session.journal.because(result.refusal)
    section = chosen.anonymous
    message = (section.settings if section is not None else session.settings).core.access_deny_msg
    text = replies.LOGIN_INCORRECT.text
    delays.delay(session, "FailedLogin")
    if message is not None:
        text = display.expand(message, session, user=chosen.user)
    limit = session.settings.auth.max_login_attempts
    if not limit or login.attempts < limit:
        return Reply(530, text)
    if login.unchecked:
        raise SessionEnded(result.refusal, 530, text)
    session.log.emit(events.LoginAttemptsExceeded(limit))
    raise SessionEnded(Code.LOGIN_ATTEMPTS_EXCEEDED, 530, text)


def _granted(session: Session, name: str, code: int) -> Reply:
    anonymous = session.login.anonymous is not None
    shown = session.settings.core.display_login
    lines = [*display.text(session, session.welcome, shown), *wrapping.welcome(session)]
    message = session.settings.core.access_grant_msg
    if message is not None:
        text = display.expand(message, session)
    else:
        text = replies.ANONYMOUS_GRANTED.text if anonymous else replies.logged_in(name).text
    return Reply(code, *lines, text)


def quit_(session: Session, command: Command) -> Reply:
    """QUIT; what the client sent behind it is not read any more. DisplayQuit takes the place of our words."""
    shown = session.settings.core.display_quit
    if session.login.done:
        lines = display.text(session, session.farewell, shown)
    else:
        lines = display.text(session, display.absolute(session, shown), None)
    raise SessionEnded(Good.QUIT, 221, *(lines or ["Goodbye."]))

"""USER, PASS and QUIT."""

from __future__ import annotations

from ftpsd.auth.account import LoginResult
from ftpsd.auth.selection import Selection, select
from ftpsd.errors import Refusal, SessionEnded
from ftpsd.ftp import replies
from ftpsd.ftp.commands import Command
from ftpsd.ftp.replies import Reply
from ftpsd.log import events
from ftpsd.session import display, entering
from ftpsd.session.state import Session


def user(session: Session, command: Command) -> Reply:
    """USER: the same 331 for known and unknown names (RFC 2577 section 6)."""
    name = command.argument
    if session.login.done:
        if name == session.login.user:
            return replies.logged_in(name)
        raise Refusal(501, "Reauthentication not supported", "reauthentication")
    if len(name) > entering.LONGEST_NAME:
        raise Refusal(501, "Login name too long", "login-name-too-long")
    session.login.user = name
    session.slot.update(user=name)
    if not select(session.host, name).needs_password:
        return replies.ANONYMOUS_PASSWORD
    return replies.password_required(name)


def pass_(session: Session, command: Command) -> Reply:
    """PASS: checks, and on success takes on the user's rights for good (`entering.enter`)."""
    if session.login.done:
        return replies.ALREADY_LOGGED_IN
    name = session.login.user
    if name is None:
        return replies.USER_FIRST
    session.login.user = None
    chosen = select(session.host, name)
    result = entering.check(session, chosen, command.argument)
    if not result.ok or result.account is None:
        return _failed(session, chosen, result)
    try:
        entering.enter(session, chosen, result.account)
    except entering.CannotEnter as error:
        session.log.emit(events.LoginFailed(name, error.cause, session.login.attempts + 1, str(error)))
        raise SessionEnded(error.cause, 530, replies.LOGIN_INCORRECT.text) from None
    except Exception as error:  # the thread's rights may be half changed: nothing more is served from it
        text = f"cannot take on the rights of the user: {error!r}"
        session.log.emit(events.LoginFailed(name, "login-rights", session.login.attempts + 1, text))
        raise SessionEnded("login-rights", 530, replies.LOGIN_INCORRECT.text) from None
    return _granted(session, name, command.argument if chosen.anonymous is not None else "")


def _failed(session: Session, chosen: Selection, result: LoginResult) -> Reply:
    login = session.login
    login.attempts += 1
    session.log.emit(events.LoginFailed(chosen.user, result.reason, login.attempts, result.log))
    section = chosen.anonymous
    message = (section.settings if section is not None else session.settings).core.access_deny_msg
    text = replies.LOGIN_INCORRECT.text
    if message is not None:
        text = display.expand(message, session, user=chosen.user)
    limit = session.settings.auth.max_login_attempts
    if limit and login.attempts >= limit:
        session.log.emit(events.LoginAttemptsExceeded(limit))
        raise SessionEnded("login-attempts-exceeded", 530, text)
    return Reply(530, text)


def _granted(session: Session, name: str, email: str) -> Reply:
    anonymous = session.login.anonymous is not None
    session.log.emit(events.LoginSucceeded(name, anonymous, "anonymous" if anonymous else "password", email))
    welcome = session.welcome + display.inside(session, session.settings.core.display_login)
    lines = display.expanded(welcome, session)
    message = session.settings.core.access_grant_msg
    if message is not None:
        text = display.expand(message, session)
    else:
        text = replies.ANONYMOUS_GRANTED.text if anonymous else replies.logged_in(name).text
    return Reply(230, *lines, text)


def quit_(session: Session, command: Command) -> Reply:
    """QUIT; what the client sent behind it is not read any more. DisplayQuit takes the place of our words."""
    shown = session.settings.core.display_quit
    if session.login.done:
        lines = session.farewell + display.inside(session, shown)
    else:
        lines = display.absolute(session, shown)
    raise SessionEnded("quit", 221, *(display.expanded(lines, session) or ["Goodbye."]))

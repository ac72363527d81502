"""A session from the first byte to the last, read from top to bottom.

    greeting (after the handshake of an implicit host)
    line → command → gate → handler → reply, until QUIT, a timer, the client's end or the server's

Whatever a handler raises becomes one reply here: `Refusal` says its own, a store's `OSError` the system's
words; a bug is logged with its traceback, answered 451 and does not end the session. `SessionEnded` ends
it.
"""

from __future__ import annotations

import math
import time
import traceback

from ftpsd.data.pump import answer_promptly
from ftpsd.errors import Refusal, SessionEnded
from ftpsd.ftp import hostile
from ftpsd.ftp.commands import Command
from ftpsd.ftp.lines import Line
from ftpsd.ftp.parsing import parse
from ftpsd.ftp.replies import INVALID_COMMAND, LINE_TOO_LONG, Reply
from ftpsd.log import events
from ftpsd.log.events import Level
from ftpsd.reasons.codes import Code, Good, Show, marked
from ftpsd.session import (
    banning,
    bounds,
    delays,
    display,
    errors,
    ftpaccess,
    gate,
    permission,
    resources,
    tls_steps,
    waiting,
)
from ftpsd.session.handlers import resolve
from ftpsd.session.state import Session
from ftpsd.settings.values import TLSRequirement
from ftpsd.tls.errors import TLSError
from ftpsd.vfs.rights import CredentialsError

_BROKEN = {"renegotiation": Code.RENEGOTIATION_BY_CLIENT, "protocol": Code.CONTROL_TLS_ERROR}
"""What a control connection broke of, by `TLSError.kind`, where it was not just lost."""

_HOSTILE = {"TLS": Code.IMPLICIT_AT_EXPLICIT, "PROXY": Code.PROXY_HEADER_UNEXPECTED}
"""What it is called when somebody speaks another protocol, where it has a name of its own."""

_MANY = 16
"""Commands after which a session is one that goes on: it is worth two system calls to be woken up at once."""


def run(session: Session) -> Code | Good:
    """Serves the client; returns the reason code of the end. Raises nothing that the client can cause."""
    with tls_steps.diagnosed(session):
        return _serve(session)


def _serve(session: Session) -> Code | Good:
    if session.journal is None:
        return _conversation(session)
    session.journal.connected()
    reason: Code | Good = Code.INTERNAL_ERROR
    try:
        reason = _conversation(session)
    finally:
        session.journal.ended(reason)
    return reason


def _conversation(session: Session) -> Code | Good:
    try:
        _converse(session)
    except SessionEnded as ended:
        if session.bans is not None:
            banning.ended(session, ended.reason)
        _last_words(session, ended)
        return ended.reason
    except TLSError as error:
        session.note_tls(*session.control.channel.failure_lines(error))
        return _BROKEN.get(error.kind, Code.CLIENT_DISCONNECTED)
    except OSError:
        return Code.CLIENT_DISCONNECTED
    return Good.QUIT


def _converse(session: Session) -> None:
    if "UseImplicitSSL" in session.settings.tls.options and session.tls.engine:
        tls_steps.implicit(session)
    delays.delay(session, "Connect")
    if not session.greeted:
        session.reply(display.greeting(session))
    while True:
        line = waiting.next_line(session)
        session.settled = False
        if session.lingering is not None:
            session.unlinger()
        handle(session, line)


def _last_words(session: Session, ended: SessionEnded) -> None:
    session.slot.give_back()  # before the good-bye: whoever has heard it may come back at once
    if not ended.code:
        return
    session.control.channel.hold_back()
    try:
        session.reply(Reply(ended.code, *ended.lines))
    except (TLSError, OSError):
        pass


def handle(session: Session, line: Line) -> None:
    """Carries out one command line and replies."""
    if line.too_long:
        session.reply(LINE_TOO_LONG)
        return
    if not line.text or line.text[0].isspace():
        session.reply(INVALID_COMMAND)
        return
    _admit(session)
    command = parse(line.text)
    if command.spec is None:  # what belongs to another protocol is no command here
        _end_if_hostile(session, line.text)
    _received(session, command)
    session.slot.update(command=command.loggable)
    if session.journal is not None:
        session.journal.begin(command)
    rename = session.parameters.rename_from
    reply = _not_valid(session, command) if line.invalid else _answer(session, command)
    if session.sql is not None and reply is not None:
        reply = session.sql.shown(command, reply)
    if session.parameters.rename_from is rename:
        session.parameters.rename_from = None
    if command.spec is not None and command.spec.data is not None and not command.spec.listing:
        session.parameters.begin_anew()  # refused or not: what REST said was for this transfer, not for the next
    if reply is not None:
        session.reply(reply)
    if session.journal is not None:
        session.journal.finish()


def _admit(session: Session) -> None:
    """What is looked at before each command. Raises `SessionEnded`."""
    if session.settings.bounds.max_command_rate is not None:
        bounds.keep_pace(session)
    if session.settings.logins.rlimit_cpu:
        resources.check(session)
    if session.bans is not None and session.bans.generation != session.ban_generation:
        banning.look_again(session)


def _not_valid(session: Session, command: Command) -> Reply | None:
    """The answer to a line that is not valid in the client's character set (LangOptions RequireValidEncoding)."""
    spec = command.spec
    if "RequireValidEncoding" not in session.settings.lang.options or spec is None or not spec.needs_login:
        return _answer(session, command)
    text = f"{command.argument}: Illegal character sequence in filename"
    session.log.emit(events.CommandDenied(command.name, 550, text, Code.NAME_NOT_VALID, tls=False))
    return Reply(550, text)


def _received(session: Session, command: Command) -> None:
    session.counters.commands += 1
    if session.counters.commands == _MANY:
        answer_promptly()
    if session.log.hears(events.CommandReceived):
        session.log.emit(events.CommandReceived(command.name, command.loggable))


def _end_if_hostile(session: Session, text: str) -> None:
    found = hostile.foreign_protocol(text)
    if found is not None:
        reason = _HOSTILE.get(found.protocol, Code.FOREIGN_PROTOCOL)
        session.log.emit(events.HostileInput(found.protocol, found.word, reason))
        raise SessionEnded(reason)


def _answer(session: Session, command: Command) -> Reply | None:
    try:
        refusal = gate.refusal(
            command, session.tls, epsv_all=session.parameters.epsv_all,
            renaming=session.parameters.rename_from is not None,
            directory_requirement=None if session.tls.data_private else _requirement_here(session, command),
            directory=session.cwd,
        )
        if refusal is not None:
            raise refusal
        permission.check_argument(session, command)
        permission.check(session, command)
        assert command.spec is not None
        touched = session.overrides is not None and (
            ftpaccess.NAME in command.argument or ftpaccess.NAME in (session.parameters.rename_from or ""))
        reply = resolve(command.spec)(session, command)
        if touched:  # it may have made, changed or removed an .ftpaccess file
            session.forget_overrides()
        return reply
    except Refusal as denied:
        session.log.emit(events.CommandDenied(
            command.name, denied.code, denied.text, denied.reason, denied.log,
            tls=Show.TLSLOG in denied.reason.show))
        if session.bans is not None:
            banning.refused(session, denied.reason)
        _because(session, denied.reason)
        return Reply(denied.code, marked(denied.text, denied.reason))
    except CredentialsError as error:  # the thread may have anybody's rights: nothing more is served from it
        session.log.emit(events.Notice(f"cannot change the rights of the session: {error}", Level.ERR))
        raise SessionEnded(Code.LOGIN_RIGHTS, 421, "Internal error, closing control connection") from None
    except (SessionEnded, TLSError, ConnectionError, TimeoutError):
        raise
    except OSError as error:
        secret = command.spec is not None and command.spec.secret
        found = errors.refusal(error, command.name if secret else command.argument)
        session.log.emit(events.CommandDenied(command.name, found.code, found.text, found.reason, tls=False))
        if session.bans is not None:
            banning.refused(session, found.reason)
        _because(session, found.reason)
        return Reply(found.code, marked(found.text, found.reason))
    except Exception:
        session.log.emit(events.Notice(f"defect in {command.name}: {traceback.format_exc()}", Level.ERR))
        return Reply(451, f"{command.name}: internal error, see the server's log [internal-error]")


def _because(session: Session, reason: Code) -> None:
    if session.journal is not None:
        session.journal.because(reason)


def _requirement_here(session: Session, command: Command) -> TLSRequirement | None:
    """TLSRequired of the current directory, where it has a say: for a command whose data would go in clear."""
    if command.spec is None or command.spec.data is None:
        return None
    return session.directory_settings().tls.required


def answer_during_transfer(session: Session) -> bool:
    """Answers the waiting commands that may be answered while a transfer runs; False: it is to be aborted.

    QUIT waits for the end of the transfer (RFC 959 section 4.1.1), as do all others. What MaxCommandRate holds back
    waits for its time (`held_until`), since the data would have to wait with it. Raises `SessionEnded`.
    """
    while (line := session.control.take(_aborting if _held(session) else _urgent)) is not None:
        command = parse(line.text)
        if command.spec is not None and command.spec.aborts_transfer:
            _received(session, command)
            _note_interruption(session, command)
            return False
        _admit(session)
        _received(session, command)
        if session.journal is not None:
            session.journal.begin(command)
        reply = _answer(session, command)
        if reply is not None:
            session.reply(reply)
        if session.journal is not None:
            session.journal.finish()
    return True


def _held(session: Session) -> bool:
    return bounds.free_at(session) > time.monotonic()


def held_until(session: Session) -> float:
    """When commands that wait may be answered while a transfer runs (monotonic seconds); inf: there are none."""
    if session.settings.bounds.max_command_rate is None:
        return math.inf
    return bounds.free_at(session) if any(map(_urgent, session.control.waiting)) else math.inf


def abort_waits(session: Session) -> bool:
    """Takes an ABOR that came together with the transfer command. (Others of that burst keep their turn.)"""
    line = session.control.take(_aborting)
    if line is None:
        return False
    command = parse(line.text)
    _received(session, command)
    _note_interruption(session, command)
    return True


def _note_interruption(session: Session, command: Command) -> None:
    if session.journal is not None:
        session.journal.interrupted(command)


def _aborting(line: Line) -> bool:
    spec = parse(line.text).spec if not line.too_long else None
    return spec is not None and spec.aborts_transfer


def _urgent(line: Line) -> bool:
    spec = parse(line.text).spec if not line.too_long else None
    return spec is not None and spec.during_transfer

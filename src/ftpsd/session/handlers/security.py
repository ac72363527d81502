"""AUTH, PBSZ, PROT, CCC and the rest of RFC 2228: policy decides (`tls.policy`), this carries out."""

from __future__ import annotations

from ftpsd.errors import Refusal, SessionEnded
from ftpsd.ftp.commands import Command
from ftpsd.ftp.replies import Reply
from ftpsd.log import events
from ftpsd.reasons.codes import Code
from ftpsd.session import permission, tls_steps
from ftpsd.session.state import Session
from ftpsd.tls import policy
from ftpsd.tls.policy import Decision


def _apply(session: Session, decision: Decision) -> Reply:
    if isinstance(decision.reason, Code):
        raise Refusal(decision.code, decision.text, decision.reason, log=decision.log)
    if decision.log and session.log.hears(events.TLSNote):
        session.log.emit(events.TLSNote(*decision.log))
    session.tls = decision.state
    return Reply(decision.code, decision.text)


def auth(session: Session, command: Command) -> Reply | None:
    """AUTH (RFC 4217 section 4): 234 in clear, then the handshake."""
    decision = policy.auth(session.tls, command.argument)
    if decision.accepted and permission.denied(session, command):
        decision = policy.auth_limited(session.tls, command.argument)
    if decision.action != "start-tls":
        return _apply(session, decision)
    session.reply(Reply(decision.code, decision.text))
    tls_steps.start_tls(session, decision)
    return None


def pbsz(session: Session, command: Command) -> Reply:
    return _apply(session, policy.pbsz(session.tls, command.argument))


def prot(session: Session, command: Command) -> Reply:
    """PROT (RFC 4217 section 9); a data connection that was announced before is secured as it says now."""
    decide = policy.prot_limited if permission.denied(session, command) else policy.prot
    return _apply(session, decide(session.tls, command.argument))


def sscn(session: Session, command: Command) -> Reply:
    """SSCN (draft-ietf-tls-sscn): secure FXP; a data connection that was announced before follows it too."""
    decision = policy.sscn(session.tls, command.argument)
    if len(command.words) <= 1 and permission.denied(session, command):  # that there are too many is said first
        decision = policy.sscn_limited(session.tls)
    return _apply(session, decision)


def ccc(session: Session, command: Command) -> Reply | None:
    """CCC (RFC 4217 section 5): 200 inside TLS, then both sides shut TLS down."""
    decision = policy.ccc(session.tls)
    if decision.accepted and permission.denied(session, command):
        decision = policy.ccc_limited(session.tls)
    if decision.action != "clear-tls":
        return _apply(session, decision)
    session.reply(Reply(decision.code, decision.text))
    session.log.emit(events.TLSNote(*decision.log))
    if not session.control.channel.clear_tls(tls_steps.CLEAR_TIMEOUT):
        session.note_tls(*session.control.channel.shutdown_failure)
        raise SessionEnded(Code.CCC_SHUTDOWN_FAILED)
    session.tls = decision.state
    return None


def adat(session: Session, command: Command) -> Reply:
    return _apply(session, policy.adat(session.tls))


def _protected(session: Session, command: Command) -> Reply:
    return _apply(session, policy.protected_command(session.tls, command.name))


mic = conf = enc = _protected

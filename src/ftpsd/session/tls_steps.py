"""The TLS handshake of the control connection, explicit or implicit, as a step of the session."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator

from ftpsd.errors import SessionEnded
from ftpsd.log import events
from ftpsd.log.events import Level
from ftpsd.reasons.codes import Code, marked
from ftpsd.session import banning
from ftpsd.session.state import Session
from ftpsd.tls import diagnostics, hello, logtext, policy, variables
from ftpsd.tls.channel import HandshakeFailed
from ftpsd.tls.errors import TLSError
from ftpsd.tls.handshake import HandshakeReport
from ftpsd.tls.identity import Peer
from ftpsd.tls.policy import Decision
from ftpsd.vfs.rights import CredentialsError

CLEAR_TIMEOUT = 5.0
"""Seconds that the two-way TLS shutdown of CCC may take."""


def _follow_server_name(session: Session, decision: Decision) -> None:
    """SNI names a virtual host: the handshake is that host's, and the session with it, as after HOST.

    Whoever has logged in (AllowPerUser) stays where that was: another host's rules are not for him. Raises
    `SessionEnded` where the name is not to be served.
    """
    if "IgnoreSNI" in session.settings.tls.options or not session.service.names_tell(session):
        return
    name = session.control.channel.peek_server_name(float(session.settings.tls.timeout_handshake))
    if name is None or hello.is_address(name):
        return
    host = session.service.host_named(session, name)
    if host is None and session.host_sent is None and not session.service.has_aliases(session):
        return  # only DNS names in <VirtualHost> and DefaultAddress, which bind nobody
    rejected = hello.judge(
        name, sent_before=session.host_sent, found=host is not None,
        engine=host is not None and host.settings.tls.engine,
        logged_in_elsewhere=session.login.done and host is not None and host.id != session.host.id,
    )
    if rejected is not None:
        session.control.channel.refuse_tls(rejected.alert)
        lines = (rejected.line, *decision.failure_log)
        session.log.emit(events.HandshakeFailed("control", rejected.reason, lines))
        raise SessionEnded(rejected.reason, 421, marked(policy.HANDSHAKE_FAILED, rejected.reason))
    assert host is not None
    session.server_name = name
    session.service.move(session, host)


def diagnosed(session: Session) -> contextlib.AbstractContextManager[None]:
    """TLSOptions EnableDiags: reports on the session's TLS while it runs, and counters at its end."""
    if diagnostics.OPTION not in session.settings.tls.options or session.runtime.secured is None:
        return _UNDISTURBED
    return _diagnosed(session)


_UNDISTURBED = contextlib.nullcontext()


@contextlib.contextmanager
def _diagnosed(session: Session) -> Iterator[None]:
    diagnosis = diagnostics.Diagnosis(lambda lines: session.note_tls(*lines))
    session.note_tls(diagnostics.ENABLED)
    diagnostics.attend(diagnosis)
    try:
        yield
    finally:
        diagnostics.attend(None)
        session.note_tls(*diagnosis.statistics(session.runtime.tls().context))


def start_tls(session: Session, decision: Decision) -> None:
    """Carries out a "start-tls" decision: logs, shakes hands, takes the new state.

    Every byte received in clear before is dropped (the class of CVE-2011-0411), and so is a USER without its PASS:
    whom an attacker may have named is not whom the password under TLS is for (RFC 2228 section 3). Raises
    `SessionEnded` with the 421 that the client gets, in clear or (where only its certificate is refused) under TLS;
    there is no way back to plain FTP on a connection whose handshake failed.
    """
    before = session.tls
    if session.log.hears(events.TLSNegotiation):
        session.log.emit(events.TLSNegotiation("control", decision.log))
    if session.bans is not None:
        banning.note(session, ("TLSHandshake",))
    session.control.forget_input()
    try:
        _follow_server_name(session, decision)
        timeout = float(session.settings.tls.timeout_handshake)
        report = session.control.channel.start_tls(
            session.runtime.tls(), timeout, session.identity, _peer(session))
    except HandshakeFailed as error:
        lines = (*error.lines, *decision.failure_log)
        session.log.emit(events.HandshakeFailed("control", error.reason, lines))
        banning.count(session, "mod_tls.ctrl-handshake-failed")
        raise SessionEnded(error.reason, 421, marked(policy.HANDSHAKE_FAILED, error.reason)) from None
    except (SessionEnded, TLSError, CredentialsError, ConnectionError, TimeoutError):
        raise
    except Exception:  # a defect, or no memory is left: neither leads back to plain FTP
        try:
            session.log.emit(events.Notice(f"defect in the TLS handshake: {traceback.format_exc()}", Level.ERR))
            session.log.emit(events.HandshakeFailed("control", Code.INTERNAL_ERROR, decision.failure_log))
        finally:
            raise SessionEnded(Code.INTERNAL_ERROR, 421, policy.HANDSHAKE_FAILED) from None
    if not session.login.done:
        session.login.user = None
    session.tls = decision.state if session.tls is before else policy.secured(  # SNI chose another host
        session.tls, private=decision.private)
    session.renewal.started()
    session.slot.describe(protocol="ftps")
    _export(session)
    if session.log.hears(events.Trace):
        _trace(session, report)
    if report.client is not None:
        session.log.emit(events.ClientCertificate(report.client, report.verified))
    session.log.emit(events.HandshakeSucceeded(
        "control", report.version, report.cipher, report.bits, report.resumed, report.lines,
    ))


def _trace(session: Session, report: HandshakeReport) -> None:
    """What the TraceLog's channel `tls` tells of a handshake beside the TLSLog's lines."""
    connection = session.control.channel.connection
    lines = logtext.traced(
        server_name=report.server_name, chosen=session.server_name, alpn=connection.alpn if connection else b"",
        ignored="IgnoreSNI" in session.settings.tls.options, stapled=report.stapled,
    )
    for level, text in lines:
        session.log.emit(events.Trace("tls", level, text))


def _export(session: Session) -> None:
    """Session notes and variables (StdEnvVars, ExportCertData) of the TLS that is on now, for ExtendedLogs."""
    options = session.settings.tls.options
    if session.journal is None and variables.STANDARD not in options:
        return
    facts = session.control.channel.facts()
    if facts is not None:
        notes, session.variables, lines = variables.exported(facts, options)
        session.notes = {**session.told, **notes} if session.told else notes
        session.note_tls(*lines)


def _peer(session: Session) -> Peer:
    """Who the client is by address and name."""
    name = session.peer_name if session.peer_name != session.peer else None
    return Peer(session.peer, name, session.host.settings.core.use_reverse_dns)


def implicit(session: Session) -> None:
    """TLS before the greeting (TLSOptions UseImplicitSSL)."""
    decision = policy.implicit(session.tls)
    if decision.action == "start-tls":
        start_tls(session, decision)
        return
    session.log.emit(events.TLSNote(*decision.log))
    raise SessionEnded(decision.reason, decision.code, marked(decision.text, decision.reason))

"""Logins that the client's certificate vouches for: AllowDotLogin, TLSUserName and TLSUserRule (no password, 232 at
USER), and those that take one (TLSUserLogin).

A certificate counts only if the handshake of this control connection proved that the client holds its key,
while TLS is on. TLSUserName and TLSUserRule believe what an authority has signed, so the certificate must have
verified; `~/.tlslogin` names the certificate itself, so an authority that is not known here does no harm, but a
certificate that has expired or been revoked counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ftpsd.auth.account import Account, AccountsUnavailable, LoginResult
from ftpsd.auth.selection import Selection
from ftpsd.log import events
from ftpsd.reasons.codes import Code
from ftpsd.session import entering
from ftpsd.session.state import Session
from ftpsd.settings.tls_users import Login, login_of
from ftpsd.tls import dotlogin, usernames, userrules
from ftpsd.tls.handshake import HandshakeReport
from ftpsd.tls.identity import Verdict
from ftpsd.vfs import rights


def result(session: Session, chosen: Selection) -> LoginResult | None:
    """USER: the login that the client's certificate grants; None: none, a password is needed.

    Whoever may not log in for other reasons (root, shell, /etc/ftpusers) gets None, too, so that the client
    learns no more than from a wrong password. The rules are asked about every name, known or not, once.
    """
    session.login.certified = False
    report = _shown(session)
    if report is None:
        return None
    named = list(_named(session, report, chosen))
    session.login.certified = any(verdict.ok for verdict in named)
    if chosen.anonymous is not None and chosen.needs_password:  # TLSUserLogin may want the certificate at PASS
        _tell(session, named)
    if chosen.anonymous or chosen.barred:
        return None
    authenticator = session.runtime.authenticator
    with rights.privileged():
        try:
            account = authenticator.lookup(chosen.name)
        except AccountsUnavailable:
            return None
        if account is None or not _granted(session, report, chosen, account, named):
            return None
        outcome = authenticator.check_without_password(
            account, session.peer_name, user=chosen.user, settings=session.settings.auth)
    outcome = entering.limited(session, chosen, outcome)
    return outcome if outcome.ok else None


def demanded(session: Session, chosen: Selection, result: LoginResult) -> LoginResult:
    """PASS: `result`, or its refusal where TLSUserLogin wants a certificate. To the client it is a wrong password, as
    who guesses passwords is not to learn that he has found one. Call it as root where ~/.tlslogin needs it.

    Who has to log in with a certificate alone has done so at USER, but for <Anonymous> sections with passwords: they
    take both.
    """
    account = result.proved or result.account
    if not result.ok or account is None or not chosen.needs_password:
        return result
    login = _login(session, chosen, account)
    report = _shown(session)
    if login == "either":
        return result
    asked = report is not None and (login == "both" or chosen.anonymous is not None)
    if asked and (session.login.certified or _in_home(session, report, chosen, account)):
        return result
    why = "a certificate, no password" if login == "certificate" else "a certificate of the user's beside the password"
    text = f"USER {chosen.user} (Login failed): TLSUserLogin {login} wants {why}"
    return LoginResult(False, result.account, Code.LOGIN_CERTIFICATE_NEEDED, text)


def _login(session: Session, chosen: Selection, account: Account) -> Login:
    return login_of(session.settings.tls.user_logins, account.name, (chosen.user, chosen.name))


def _shown(session: Session) -> HandshakeReport | None:
    """The handshake in which the client showed a certificate, while TLS is on."""
    report = session.control.channel.report
    return report if report is not None and report.certificate is not None and session.tls.protected else None


def _granted(
    session: Session, report: HandshakeReport, chosen: Selection, account: Account, named: Sequence[Verdict]
) -> bool:
    """Whether the certificate is enough, and for whom it is in the TLSLog, in the order of mod_tls."""
    enough = _login(session, chosen, account) != "both"
    if enough and _in_home(session, report, chosen, account):
        return True
    _tell(session, named)
    return enough and session.login.certified


def _tell(session: Session, verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts:
        session.log.emit(events.TLSNote(*verdict.lines))


def _in_home(session: Session, report: HandshakeReport | None, chosen: Selection, account: Account) -> bool:
    """AllowDotLogin."""
    if report is None or report.certificate is None:
        return False
    if "AllowDotLogin" not in session.settings.tls.options or not report.pinnable:
        return False
    verdict = dotlogin.check(account.home, account.uid, chosen.user, report.certificate)
    session.log.emit(events.TLSNote(*verdict.lines))
    return verdict.ok


def _named(session: Session, report: HandshakeReport, chosen: Selection) -> Iterator[Verdict]:
    """What TLSUserName and TLSUserRule say of the name that was sent; the first that grants it is the last."""
    settings = session.settings.tls
    assert report.certificate is not None
    if not report.verified:
        return
    if settings.user_name is not None:
        verdict = usernames.check(settings.user_name, report.certificate, chosen.user)
        yield verdict
        if verdict.ok:
            return
    if settings.user_rules:
        yield userrules.check(settings.user_rules, report.certificate, chosen.user)

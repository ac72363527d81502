"""Logins that the client's certificate vouches for: AllowDotLogin, TLSUserName and TLSUserRule (no password, 232 at
USER), and those that take one (TLSUserLogin).

A certificate counts only if the handshake of this control connection proved that the client holds its key,
while TLS is on. TLSUserName and TLSUserRule believe what an authority has signed, so the certificate must have
verified; `~/.tlslogin` names the certificate itself, so an authority that is not known here does no harm, but a
certificate that has expired or been revoked counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    """The login that the client's certificate grants; None: none, a password is needed.

    Whoever may not log in for other reasons (root, shell, /etc/ftpusers) gets None, too, so that the client
    learns no more than from a wrong password.
    """
    if chosen.anonymous or chosen.barred or _shown(session) is None:
        return None
    authenticator = session.runtime.authenticator
    with rights.privileged():
        try:
            account = authenticator.lookup(chosen.name)
        except AccountsUnavailable:
            return None
        if account is None or _login(session, chosen, account) == "both" or not _granted(session, chosen, account):
            return None
        outcome = authenticator.check_without_password(
            account, session.peer_name, user=chosen.user, settings=session.settings.auth)
    outcome = entering.limited(session, chosen, outcome)
    return outcome if outcome.ok else None


def demanded(session: Session, chosen: Selection, result: LoginResult) -> LoginResult:
    """`result` of a password, or its refusal where TLSUserLogin wants a certificate: it looks like a wrong password, as
    who guesses passwords is not to learn that he has found one. Call it as root where ~/.tlslogin needs it.
    """
    account = result.account
    if not result.ok or account is None or not chosen.needs_password:
        return result
    login = _login(session, chosen, account)
    if login == "either" or (login == "both" and _granted(session, chosen, account)):
        return result
    why = "a certificate, no password" if login == "certificate" else "a certificate of the user's beside the password"
    text = f"USER {chosen.user} (Login failed): TLSUserLogin {login} wants {why}"
    return LoginResult(False, account, Code.LOGIN_CERTIFICATE_NEEDED, text)


def _login(session: Session, chosen: Selection, account: Account) -> Login:
    return login_of(session.settings.tls.user_logins, (chosen.user, chosen.name, account.name))


def _shown(session: Session) -> HandshakeReport | None:
    """The handshake in which the client showed a certificate, while TLS is on."""
    report = session.control.channel.report
    return report if report is not None and report.certificate is not None and session.tls.protected else None


def _granted(session: Session, chosen: Selection, account: Account) -> bool:
    report = _shown(session)
    if report is None:
        return False
    for verdict in _verdicts(session, report, chosen, account):
        session.log.emit(events.TLSNote(*verdict.lines))
        if verdict.ok:
            return True
    return False


def _verdicts(
    session: Session, report: HandshakeReport, chosen: Selection, account: Account
) -> Iterator[Verdict]:
    """What each way that is configured says, in the order of mod_tls; ours is the last."""
    settings = session.settings.tls
    assert report.certificate is not None
    if "AllowDotLogin" in settings.options and report.pinnable:
        yield dotlogin.check(account.home, account.uid, chosen.user, report.certificate)
    if settings.user_name is not None and report.verified:
        yield usernames.check(settings.user_name, report.certificate, chosen.user)
    if settings.user_rules and report.verified:
        yield userrules.check(settings.user_rules, report.certificate, chosen.user)

"""Logins that the client's certificate vouches for: AllowDotLogin and TLSUserName (no password, 232 at USER).

A certificate counts only if the handshake of this control connection proved that the client holds its key,
while TLS is on. TLSUserName believes what an authority has signed, so the certificate must have verified;
`~/.tlslogin` names the certificate itself, so an authority that is not known here does no harm, but a
certificate that has expired or been revoked counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ftpsd.auth.account import Account, AccountsUnavailable, LoginResult
from ftpsd.auth.selection import Selection
from ftpsd.log import events
from ftpsd.session import entering
from ftpsd.session.state import Session
from ftpsd.tls import dotlogin, usernames
from ftpsd.tls.handshake import HandshakeReport
from ftpsd.tls.identity import Verdict
from ftpsd.vfs import rights


def result(session: Session, chosen: Selection) -> LoginResult | None:
    """The login that the client's certificate grants; None: none, a password is needed.

    Whoever may not log in for other reasons (root, shell, /etc/ftpusers) gets None, too, so that the client
    learns no more than from a wrong password.
    """
    report = session.control.channel.report
    if report is None or report.certificate is None or not session.tls.protected:
        return None
    if chosen.anonymous or chosen.barred:
        return None
    authenticator = session.runtime.authenticator
    with rights.privileged():
        try:
            account = authenticator.lookup(chosen.name)
        except AccountsUnavailable:
            return None
        if account is None or not _granted(session, report, chosen, account):
            return None
        outcome = authenticator.check_without_password(
            account, session.peer_name, user=chosen.user, settings=session.settings.auth)
    outcome = entering.limited(session, chosen, outcome)
    return outcome if outcome.ok else None


def _granted(session: Session, report: HandshakeReport, chosen: Selection, account: Account) -> bool:
    for verdict in _verdicts(session, report, chosen, account):
        session.log.emit(events.TLSNote(*verdict.lines))
        if verdict.ok:
            return True
    return False


def _verdicts(
    session: Session, report: HandshakeReport, chosen: Selection, account: Account
) -> Iterator[Verdict]:
    """What each way that is configured says, in the order of mod_tls."""
    settings = session.settings.tls
    assert report.certificate is not None
    if "AllowDotLogin" in settings.options and report.pinnable:
        yield dotlogin.check(account.home, account.uid, chosen.user, report.certificate)
    if settings.user_name is not None and report.verified:
        yield usernames.check(settings.user_name, report.certificate, chosen.user)

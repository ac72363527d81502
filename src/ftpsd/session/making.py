"""CreateHome at a login: makes the home that is missing, before the session becomes that of its user."""

from __future__ import annotations

from ftpsd.auth.account import Account
from ftpsd.auth.home import NoSuchPlace, home_directory
from ftpsd.log import events
from ftpsd.log.events import Level
from ftpsd.session.state import Session
from ftpsd.settings.login_values import CreateHome
from ftpsd.vfs import homes, rights


def home(session: Session, how: CreateHome, account: Account) -> None:
    """Makes the home of `account` unless there is something. Where that fails the log says why, and the login goes on
    as if there were no CreateHome.
    """
    try:
        path = home_directory(account)
    except NoSuchPlace:
        return  # the login will say so
    with rights.privileged():
        if not homes.is_missing(path):
            return
    whose = rights.acting_as(account.uid, account.gid, account.groups) if how.as_user else rights.privileged()
    try:
        with whose:
            made = homes.create(path, how, account.uid, account.gid)
    except rights.CredentialsError:
        raise
    except OSError as error:
        session.log.emit(events.Notice(f"CreateHome: cannot make '{path}': {error.strerror}", Level.WARNING))
        return
    if made:
        session.log.emit(events.Debug(3, f"CreateHome: home directory '{path}' created for {account.name}"))

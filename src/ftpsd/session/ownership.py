"""Whose the files are that a session makes: UserOwner, GroupOwner. A failure is a line in the log, as in ProFTPD."""

from __future__ import annotations

import os

from ftpsd.log import events
from ftpsd.session.state import Session
from ftpsd.settings.access import AccessSettings
from ftpsd.vfs.giver import chown_open

_SELF = "~"


def hand_over(session: Session, access: AccessSettings, fd: int, path: str) -> None:
    """Gives what is open as `fd`, just made or written at the virtual `path`, to whom `access` says."""
    if access.user_owner is None and access.group_owner is None:
        return
    uid, gid = _ids(session, access)
    if (uid, gid) == (-1, -1) or os.fstat(fd).st_uid != os.geteuid():
        return
    account = session.login.account
    try:
        if uid == -1 and account is not None and gid in account.groups:
            chown_open(fd, -1, gid)
            return
        if gid != -1 and not _of_configuration(session, access, path):
            gid = -1
        session.service.giver.give(fd, uid, gid)
    except OSError as error:
        real = session.fs.real_path(path)
        text = f"chown({real}) as UID {uid}, GID {gid} failed: {error.strerror}"
        session.log.emit(events.Notice(text))


def _ids(session: Session, access: AccessSettings) -> tuple[int, int]:
    """The numbers of UserOwner and GroupOwner; -1 where there is none or nobody knows the name."""
    names, account = session.runtime.authenticator.names, session.login.account
    uid = names.uid(access.user_owner) if access.user_owner is not None else None
    gid = None
    if access.group_owner == _SELF:
        gid = account.gid if account is not None else None
    elif access.group_owner is not None:
        gid = names.gid(access.group_owner)
    return -1 if uid is None else uid, -1 if gid is None else gid


def _of_configuration(session: Session, access: AccessSettings, path: str) -> bool:
    """Whether GroupOwner is the administrator's: an .ftpaccess file gives nobody a group that he is not in."""
    return session.places.at(session.fs.real_path(path)).access.group_owner == access.group_owner

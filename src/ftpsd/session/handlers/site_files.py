"""SITE MKDIR, RMDIR, SYMLINK, UTIME (ProFTPD's mod_site_misc)."""

from __future__ import annotations

import os
import stat

from ftpsd.errors import Refusal
from ftpsd.ftp import facts
from ftpsd.ftp.commands import Command
from ftpsd.ftp.replies import Reply
from ftpsd.reasons.codes import Code
from ftpsd.session import errors, ownership, permission
from ftpsd.session.labour import Aborted, Labour
from ftpsd.session.state import Session

_DONE = "SITE {} command successful"
_UTC = "UTC"


def mkdir(session: Session, command: Command) -> Reply:
    """SITE MKDIR path: with the directories above it; what is a directory already is left as it is."""
    whole = session.path(command.argument)
    path = ""
    for part in whole.split("/")[1:]:
        path = f"{path}/{part}"
        try:
            if part and not _is_directory(session, path):
                _make(session, command, path)
        except OSError as error:
            raise errors.refusal(error, f"MKDIR {command.argument}") from None
    return Reply(200, _DONE.format("MKDIR"))


def _is_directory(session: Session, path: str) -> bool:
    """Raises `NotADirectoryError` for what is there and is none."""
    try:
        status = session.fs.stat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(status.st_mode):
        session.fs.check_directory(path)
    return True


def _make(session: Session, command: Command, path: str) -> None:
    permission.check_paths(session, command, (path, "MKD"))
    if session.quota is not None:
        session.quota.check_directory("MKD", path)
    settings = session.settings_for(path)
    session.fs.mkdir(
        path, umask=settings.transfer.umask.directory,
        made=lambda fd: ownership.hand_over(session, settings.access, fd, path))
    if session.quota is not None:
        session.quota.directory(path, 1)


def rmdir(session: Session, command: Command) -> Reply:
    """SITE RMDIR path: with all that is in it."""
    labour = Labour(session, 200, command.name, silent=True)

    def may(path: str, directory: bool) -> None:
        session.check_running()
        if labour.due():
            labour.attend(0, 0)
        if session.guarded:
            permission.check_paths(session, command, (path, "RMD" if directory else "DELE"))

    def gone(path: str, status: os.stat_result) -> None:
        if session.quota is not None:
            session.quota.removed(path, status)

    try:
        session.fs.remove_tree(session.path(command.argument), may, gone)
    except Aborted:
        return labour.aborted()
    except OSError as error:
        raise errors.refusal(error, f"RMDIR {command.argument}") from None
    finally:
        session.forget_overrides()
    return Reply(200, _DONE.format("RMDIR"))


def symlink(session: Session, command: Command) -> Reply:
    """SITE SYMLINK source destination. The link is a relative one: it means the same inside the jail and outside."""
    first, second = command.words[:2]
    source, path = session.path(first), session.path(second)
    permission.check_paths(session, command, (first, "RETR"), (second, "STOR"))
    try:
        session.fs.symlink(source, path)
    except OSError as error:
        raise errors.refusal(error, f"SYMLINK {command.argument}") from None
    return Reply(200, _DONE.format("SYMLINK"))


def utime(session: Session, command: Command) -> Reply:
    """SITE UTIME YYYYMMDDhhmm[ss] path, or path and the times of access, modification and change with UTC."""
    found = _times(command.argument)
    if found is None:
        raise Refusal(500, f"UTIME {command.argument}: Invalid argument", Code.SYNTAX)
    name, accessed, modified = found
    path = session.path(name)
    permission.check_paths(session, command, (path, "MFMT"))
    try:
        session.fs.utime(path, modified, accessed=accessed)
    except OSError as error:
        raise errors.refusal(error, f"UTIME {command.argument}") from None
    return Reply(200, _DONE.format("UTIME"))


def _times(argument: str) -> tuple[str, float, float] | None:
    """(path, access, modification) in seconds since the epoch; None: neither form. The third is the kernel's own."""
    end = argument.rsplit(" ", 4)
    if len(end) == 5 and end[4].upper() == _UTC:
        times = [_moment(word) for word in end[1:4]]
        if None not in times and times[0] is not None and times[1] is not None:
            return end[0], times[0], times[1]
        return None
    word, _, path = argument.partition(" ")
    moment = _moment(word)
    return (path, moment, moment) if moment is not None and path else None


def _moment(word: str) -> float | None:
    return facts.parse_time(word + "00" if len(word) == 12 else word)

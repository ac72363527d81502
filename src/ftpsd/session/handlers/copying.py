"""SITE CPFR and CPTO, SITE COPY: copies within the server (ProFTPD's mod_copy).

A copy is a download and an upload in one, and may do no more than those: what is read is judged as RETR, what is
written as STOR or MKD (the class of CVE-2015-3306 and CVE-2019-12815), and AllowOverwrite, Umask, HiddenStores,
MaxStoreFileSize, UserOwner hold as for an upload. What listings hide is left out of the copy of a directory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from ftpsd.errors import Refusal
from ftpsd.ftp.commands import Command
from ftpsd.ftp.replies import Reply
from ftpsd.reasons.codes import Code
from ftpsd.session import bounds, errors, hiding, ownership, permission
from ftpsd.session.handlers.transfer import hidden_part
from ftpsd.session.labour import Aborted, Labour
from ftpsd.session.quotas import Copy
from ftpsd.session.state import Session
from ftpsd.vfs.opened import WrittenFile
from ftpsd.vfs.trees import Storing


def cpfr(session: Session, command: Command) -> Reply:
    """SITE CPFR path; what it names is kept until the next CPTO."""
    session.parameters.copy_from = None
    path = session.path(command.argument)
    permission.check_paths(session, command, (path, "RETR"))
    try:
        session.fs.stat(path, follow=False)
    except OSError as error:
        raise errors.refusal(error, path) from None
    session.parameters.copy_from = path
    return Reply(350, "File or directory exists, ready for destination name")


def cpto(session: Session, command: Command) -> Reply:
    """SITE CPTO path."""
    source, session.parameters.copy_from = session.parameters.copy_from, None
    if source is None:
        raise Refusal(503, "Bad sequence of commands", Code.RENAME_WITHOUT_SOURCE)
    return _copy(session, command, source, session.path(command.argument)) or Reply(250, "Copy successful")


def copy(session: Session, command: Command) -> Reply:
    """SITE COPY source destination, both without blanks."""
    if len(command.words) != 2:
        raise Refusal(500, f"'SITE {command.name}' not understood", Code.SYNTAX)
    return _copy(session, command, *command.words) or Reply(200, "SITE COPY command successful")


def _copy(session: Session, command: Command, source: str, target: str) -> Reply | None:
    """None: it is done. What has been copied of a directory stays there, whatever ends the work."""
    permission.check_paths(session, command, (target, "STOR"), (source, "RETR"))
    labour = Labour(session, 250, command.name, silent=True)
    guide = _Guide(session, command, labour)
    try:
        session.fs.copy(session.path(source), session.path(target), guide)
    except Aborted:
        return labour.aborted()
    except FileExistsError:
        raise Refusal(550, f"{command.name}: Permission denied", Code.OVERWRITE_DENIED) from None
    except OSError as error:
        raise errors.refusal(error, command.name) from None
    finally:
        session.forget_overrides()
    return None


class _Guide:
    """What a session says to each step of a copy (`vfs.trees.Guide`)."""

    def __init__(self, session: Session, command: Command, labour: Labour) -> None:
        self._session = session
        self._command = command
        self._labour = labour
        self._first = True
        self._counted: Copy | None = None

    def wanted(self, source: str, target: str, *, directory: bool) -> bool:
        session = self._session
        first, self._first = self._first, False
        if not first and session.selective and hiding.is_hidden(session, source):
            return False
        permission.check_paths(session, self._command, (source, "RETR"), (target, "MKD" if directory else "STOR"))
        return True

    def storing(self, target: str) -> Storing:
        session = self._session
        there = session.settings_for(target)
        largest = bounds.largest(session, there.bounds.max_store_file_size)
        if session.quota is not None:
            session.quota.check_upload(self._command.name, target)
            self._counted = session.quota.copy(target)
            largest = self._counted.bound(largest)
        settings, hidden = there.transfer, there.transfer.hidden_stores
        return Storing(
            umask=settings.umask.file, directory_umask=settings.umask.directory, overwrite=settings.allow_overwrite,
            hidden=None if hidden is None else (hidden_part(hidden.prefix), hidden_part(hidden.suffix)),
            largest=largest,
            keep=session.settings.site.copy_options is not None)

    def made(self, fd: int, target: str) -> None:
        session = self._session
        ownership.hand_over(session, session.settings_for(target).access, fd, target)
        if session.quota is not None and stat.S_ISDIR(os.fstat(fd).st_mode):
            session.quota.directory(target, 1)

    def begin(self, opened: WrittenFile) -> None:
        if self._counted is None:
            opened.begin()
            return
        self._counted.take(opened)
        self._counted.begin(opened)

    def end(self, opened: WrittenFile, act: Callable[[], None]) -> None:
        counted, self._counted = self._counted, None
        if counted is None:
            act()
        else:
            counted.end(opened, act)

    def gone(self, target: str, status: os.stat_result) -> None:
        if self._session.quota is not None:
            self._session.quota.removed(target, status)

    def pause(self) -> None:
        self._session.check_running()
        if self._labour.due():
            self._labour.attend(0, 0)

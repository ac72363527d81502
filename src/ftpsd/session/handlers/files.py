"""Files and directories by name: MKD, RMD, DELE, RNFR, RNTO, SIZE, MDTM, MFMT, MFF."""

from __future__ import annotations

import contextlib
import stat

from ftpsd.errors import Refusal
from ftpsd.ftp import changes, facts, paths
from ftpsd.ftp.commands import Command
from ftpsd.ftp.replies import Reply
from ftpsd.log import events
from ftpsd.reasons.codes import Code
from ftpsd.session import errors, ownership
from ftpsd.session.state import Session
from ftpsd.vfs.base import is_regular


def mkd(session: Session, command: Command) -> Reply:
    """MKD; the 257 names the new directory by its whole path, quoted (RFC 959 appendix II)."""
    target = session.path(command.argument)
    if session.quota is not None:
        session.quota.check_directory(command.name, target)
    settings = session.settings_for(target)
    access = settings.access
    owned = access.user_owner is not None or access.group_owner is not None
    made = (lambda fd: ownership.hand_over(session, access, fd, target)) if owned else None
    try:
        session.fs.mkdir(target, umask=settings.transfer.umask.directory, made=made)
    except OSError as error:
        raise errors.refusal(error, command.argument) from None
    if session.quota is not None:
        session.quota.directory(target, 1)
    return Reply(257, f"{paths.quote(target)} - Directory successfully created")


def rmd(session: Session, command: Command) -> Reply:
    try:
        session.fs.rmdir(session.path(command.argument))
    except OSError as error:
        raise errors.refusal(error, command.argument) from None
    if session.quota is not None:
        session.quota.directory(session.path(command.argument), -1)
    return Reply(250, f"{command.name} command successful")


def dele(session: Session, command: Command) -> Reply:
    path = session.path(command.argument)
    try:
        if session.quota is None:
            size = session.fs.stat(path, follow=False).st_size
            session.fs.unlink(path)
        else:
            size = session.quota.unlink(path).st_size
    except OSError as error:
        raise errors.refusal(error, command.argument) from None
    if session.journal is not None:
        session.journal.removed(size)
    session.log.emit(events.FileDeleted(session.fs.real_path(path), size, session.parameters.ascii))
    return Reply(250, f"{command.name} command successful")


def rnfr(session: Session, command: Command) -> Reply:
    """RNFR; only the command that follows at once may be RNTO (the loop forgets the name otherwise)."""
    path = session.path(command.argument)
    try:
        session.fs.stat(path, follow=False)
    except OSError as error:
        raise errors.refusal(error, command.argument) from None
    session.parameters.rename_from = path
    return Reply(350, "File or directory exists, ready for destination name")


def rnto(session: Session, command: Command) -> Reply:
    source = session.parameters.rename_from
    if source is None:
        raise Refusal(503, "Bad sequence of commands", Code.RENAME_WITHOUT_SOURCE)
    if session.journal is not None:
        session.journal.renaming(source)
    target = session.path(command.argument)
    overwrite = session.settings_for(target).transfer.allow_overwrite
    quota = session.quota
    change = quota.renaming(command.name, source, target) if quota is not None else None
    try:
        with quota.renaming_over(target, source) if quota is not None else contextlib.nullcontext():
            session.fs.rename(source, target, overwrite=overwrite)
    except OSError as error:
        if isinstance(error, FileExistsError) and not overwrite:
            raise Refusal(550, f"{command.argument}: Rename permission denied", Code.OVERWRITE_DENIED) from None
        raise errors.refusal(error, command.argument) from None
    if quota is not None and change is not None:
        quota.count(source if change.files_in < 0 else target, change)
    return Reply(250, "Rename successful")


def size(session: Session, command: Command) -> Reply:
    """SIZE (RFC 3659 section 4): in ASCII mode the true size is not known without reading the file."""
    if session.parameters.ascii:
        raise Refusal(550, f"{command.name} not allowed in ASCII mode", Code.SIZE_IN_ASCII)
    try:
        status = session.fs.stat(session.path(command.argument))
    except OSError as error:
        raise errors.refusal(error, command.argument) from None
    if not is_regular(status):
        raise Refusal(550, f"{command.argument}: not a regular file", Code.NOT_A_REGULAR_FILE)
    return Reply(213, str(status.st_size))


def mdtm(session: Session, command: Command) -> Reply:
    """MDTM (RFC 3659 section 3), in UTC."""
    try:
        status = session.fs.stat(session.path(command.argument))
    except OSError as error:
        raise errors.refusal(error, command.argument) from None
    if stat.S_ISDIR(status.st_mode):
        raise Refusal(550, f"{command.argument}: not a plain file", Code.NOT_A_REGULAR_FILE)
    return Reply(213, facts.format_time(status.st_mtime))


def mfmt(session: Session, command: Command) -> Reply:
    """MFMT (draft-somers-ftp-mfxx): sets a file's modification time, given in UTC."""
    when, blank, name = command.argument.partition(" ")
    if not blank or not name:
        raise Refusal(501, "Invalid number of parameters", Code.SYNTAX)
    moment = facts.parse_time(when)
    if moment is None:
        raise Refusal(501, f"{when}: Invalid argument", Code.SYNTAX)
    try:
        session.fs.utime(session.path(name), moment)
    except FileNotFoundError as error:
        raise errors.refusal(error, name) from None
    except OSError as error:
        raise errors.refusal(error, name, 501) from None
    return Reply(213, f"Modify={when}; {name}")


def mff(session: Session, command: Command) -> Reply:
    """MFF (draft-somers-ftp-mfxx): sets facts of a file. Nothing is changed unless all of them are understood.

    The group comes first, as the kernel takes set-id bits away with it, the time last, as the others may touch it.
    """
    wanted, name = command.word_and_path
    change = changes.parse(wanted)
    gid = None if change.group is None else group_number(session, change.group)
    path = session.path(name)
    try:
        if gid is not None:
            session.fs.chgrp(path, gid)
        if change.mode is not None:
            session.fs.chmod(path, change.mode)
        if change.modify is not None:
            session.fs.utime(path, change.modify)
    except FileNotFoundError as error:
        raise errors.refusal(error, name) from None
    except OSError as error:
        raise errors.refusal(error, name, 501) from None
    return Reply(213, f"{wanted} {name}")


def group_number(session: Session, group: str, code: int = 501) -> int:
    """The number of a group given by name or by number; raises `Refusal` with `code` where nobody knows it."""
    gid = session.runtime.authenticator.names.gid(group)
    if gid is not None:
        return gid
    if group.isascii() and group.isdigit() and int(group) < 2**32 - 1:
        return int(group)
    raise Refusal(code, f"{group}: Invalid argument", Code.SYNTAX)

"""COMB: joins files into one, and AVBL: how much room there is.

COMB is GlobalSCAPE's, for clients that upload a file in several parts at once: `COMB "file" "part 1" "part 2"` puts the
parts behind what the file has (nothing, if it does not exist) and removes them. It may do no more than the downloads,
uploads and removals that it stands for. A file that is new has a hidden name until it is complete; one that exists is
cut back to what it was when joining fails, so that in both cases nothing has happened then.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass

from ftpsd.access.quotas import APPEND
from ftpsd.data import outcomes
from ftpsd.errors import Refusal
from ftpsd.ftp import paths, quoting
from ftpsd.ftp.commands import Command
from ftpsd.ftp.replies import Reply
from ftpsd.log import events
from ftpsd.reasons.codes import Code
from ftpsd.session import bounds, errors, ownership, permission, space
from ftpsd.session.handlers.transfer import check_restart, hidden_part
from ftpsd.session.labour import Aborted, Labour
from ftpsd.session.quotas import Copy
from ftpsd.session.state import Session
from ftpsd.settings.model import Settings
from ftpsd.settings.values import HiddenStores
from ftpsd.vfs import trees
from ftpsd.vfs.base import NotRegularFile, OpenFile, is_regular

_HIDDEN = HiddenStores(".in.", ".%P")
"""The name of a new file until it is complete, where HiddenStores does not say."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file that is to be joined: as written, its virtual path, size and identity (device, inode)."""

    shown: str
    path: str
    size: int
    identity: tuple[int, int]


def avbl(session: Session, command: Command) -> Reply:
    """AVBL (draft-peterson-streamlined-ftp-command-extensions section 4): free bytes at a directory."""
    shown = command.argument or "."
    path = session.path(shown)
    try:
        if not stat.S_ISDIR(session.fs.stat(path).st_mode):
            raise Refusal(550, f"'{shown}' is not a directory", Code.NOT_A_DIRECTORY)
        return Reply(213, str(space.available(session, path)))
    except OSError as error:
        raise errors.refusal(error, shown) from None


def comb(session: Session, command: Command) -> Reply:
    """COMB target part …"""
    names = quoting.names(command.argument)
    if len(names) < 2 or not all(names):
        raise Refusal(501, "Invalid number of parameters", Code.SYNTAX)
    shown, path = names[0], session.path(names[0])
    before = _existing(session, shown, path)
    uses = [(shown, "STOR" if before is None else "APPE")]
    uses += [(name, use) for name in names[1:] for use in ("RETR", "DELE")]
    permission.check_paths(session, command, *uses)
    parts = _parts(session, names[1:], before)
    there = session.settings_for(path)
    if before is not None:
        check_restart(session, there.transfer, path, shown, "append")
    whole = sum(part.size for part in parts)
    _check_size(session, there, path, shown, whole, 0 if before is None else before.size)
    counted = _quota(session, command, path, parts)
    labour = Labour(session, 250, "Joining files")
    try:
        _join(session, there, shown, path, before, parts, labour, counted)
    except Aborted:
        return labour.aborted()
    except Refusal as refusal:
        return labour.refused(refusal)
    if session.journal is not None:
        session.journal.named(path)
    text = _removed(session, parts)
    return labour.reply(text)


def _look(session: Session, shown: str, path: str) -> Part:
    """Raises `OSError`; `NotRegularFile` for what is no file."""
    status = session.fs.stat(path)
    if not is_regular(status):
        raise NotRegularFile(path)
    return Part(shown, path, status.st_size, (status.st_dev, status.st_ino))


def _existing(session: Session, shown: str, path: str) -> Part | None:
    try:
        return _look(session, shown, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise errors.refusal(error, shown) from None


def _parts(session: Session, names: Sequence[str], target: Part | None) -> list[Part]:
    """What is to be joined. Raises `Refusal`, also for a file that is named twice or is the target."""
    known = {target.identity} if target is not None else set()
    found: list[Part] = []
    for name in names:
        try:
            part = _look(session, name, session.path(name))
        except OSError as error:
            raise errors.refusal(error, name) from None
        if part.identity in known:
            raise Refusal(550, f"{name}: a file cannot be joined with itself", Code.PATH_INVALID)
        known.add(part.identity)
        found.append(part)
    return found


def _check_size(session: Session, there: Settings, path: str, shown: str, more: int, already: int) -> None:
    """Before anything is written: MaxStoreFileSize, and the room on the disk."""
    most = bounds.largest(session, there.bounds.max_store_file_size)
    if most is not None and already + more > most:
        bounds.too_large(session, "MaxStoreFileSize", most, path)
        raise Refusal(552, f"{shown}: File too large", Code.STORE_TOO_LARGE)
    with contextlib.suppress(OSError):  # whoever cannot say must be tried
        if session.fs.available(paths.parent(path)) < more:
            raise Refusal(452, f"{shown}: No space left on device", Code.DISK_FULL)


def _quota(session: Session, command: Command, path: str, parts: Sequence[Part]) -> Copy | None:
    """What is joined is counted already, save what lies where nothing is (QuotaExcludeFilter), what is another's, and
    what stays: the target of a link, and parts that cannot be removed. Raises `Refusal`.
    """
    quota = session.quota
    if quota is None:
        return None
    left = quota.left(command.name, path)
    more = sum(part.size for part in parts if not quota.counts(part.path))
    if more:
        quota.check(command.name, APPEND, path)
    if left is not None and more > max(0, left):
        raise Refusal(552, f"{command.name} denied: quota exceeded", Code.QUOTA_REACHED)
    return quota.copy(session.fs.canonical(path))


def _join(
    session: Session, there: Settings, shown: str, path: str, before: Part | None, parts: Sequence[Part],
    labour: Labour, counted: Copy | None,
) -> None:
    """Raises `Refusal` and what `Labour.attend` raises; then nothing has happened."""
    try:
        target = _open(session, there, path, before)
    except OSError as error:
        raise errors.refusal(error, shown) from None
    try:
        if counted is not None:
            counted.take(target)
        _fill(session, there, target, parts, labour, 0 if before is None else before.size)
        if counted is None:
            target.commit()
        else:
            counted.end(target, target.commit)
    except OSError as error:
        _take_back(target, before)
        raise errors.refusal(error, shown, outcomes.file_error_code(error.errno or 0)) from None
    except BaseException:
        _take_back(target, before)
        raise


def _fill(
    session: Session, there: Settings, target: OpenFile, parts: Sequence[Part], labour: Labour, before: int,
) -> None:
    ownership.hand_over(session, there.access, target.fd, target.path)
    copying = _Copying(session, target.fd, labour, before, parts)
    for part in parts:
        copying.copy(part)


def _open(session: Session, there: Settings, path: str, before: Part | None) -> OpenFile:
    umask = there.transfer.umask.file
    if before is not None:
        return session.fs.open_write(path, mode="resume", offset=before.size, umask=umask, truncate=False)
    hidden = there.transfer.hidden_stores or _HIDDEN
    return session.fs.open_hidden(
        path, prefix=hidden_part(hidden.prefix), suffix=hidden_part(hidden.suffix), overwrite=False, umask=umask)


class _Copying:
    """Puts parts behind what `target` has, which was `before` bytes long."""

    def __init__(self, session: Session, target: int, labour: Labour, before: int, parts: Sequence[Part]) -> None:
        self._session = session
        self._target = target
        self._labour = labour
        self._before = before
        self._whole = sum(part.size for part in parts)

    def copy(self, part: Part) -> None:
        """Raises `OSError`, `Refusal` and what `Labour.attend` raises."""
        with self._session.fs.open_read(part.path) as source:
            status = os.fstat(source.fd)
            if (status.st_dev, status.st_ino) != part.identity:
                raise Refusal(450, f"{part.shown}: somebody has replaced the file", Code.FILE_ERROR)
            trees.copy_bytes(source.fd, self._target, self._pause, part.size)

    def _pause(self) -> None:
        if self._labour.due():
            self._labour.attend(os.lseek(self._target, 0, os.SEEK_CUR) - self._before, self._whole)


def _take_back(target: OpenFile, before: Part | None) -> None:
    """What was new goes; what was there is as long as it was."""
    if before is None:
        target.discard()
    elif target.fd >= 0:
        with contextlib.suppress(OSError):
            os.ftruncate(target.fd, before.size)
        target.close()


def _removed(session: Session, parts: Sequence[Part]) -> str:
    """Removes the parts; the text of the reply, which says so where one could not be."""
    for part in parts:
        try:
            if session.quota is None:
                session.fs.unlink(part.path)
            else:
                session.quota.unlink(part.path)
        except OSError as error:
            return f"COMB command successful, but {part.shown} could not be removed: {errors.words(error)}"
        session.log.emit(events.FileDeleted(session.fs.real_path(part.path), part.size, session.parameters.ascii))
    return "COMB command successful"

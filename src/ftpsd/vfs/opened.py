"""Files that a transfer writes, and what becomes of them: committed, kept, discarded.

The directory stays open beside the file, so that the end of the transfer happens where its beginning did,
although somebody may have renamed the directory meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat

from ftpsd.native import _system
from ftpsd.vfs.base import NotRegularFile, OpenFile
from ftpsd.vfs.resolve import PROC, Settled, settle

CALM = os.O_NONBLOCK | os.O_NOCTTY
"""Nothing is waited for, and nothing becomes the process's terminal."""


class WrittenFile(OpenFile):
    """A file of the local store open for writing; `name` lies in the directory `parent`, which it owns."""

    def __init__(
        self, found: Settled, path: str, *, parent: int, name: bytes, created: bool,
        spared: bool = False, hidden: bool = False,
    ) -> None:
        super().__init__(found.fd, found.size, path, created=created, hidden=hidden)
        self._identity = (found.device, found.inode)
        self._parent = parent
        self._name = name
        self.spared = spared

    def begin(self) -> None:
        if self.spared:
            self.spared = False
            os.ftruncate(self.fd, 0)

    def discard(self) -> None:
        try:
            self._remove()
        finally:
            self.close()

    def close(self) -> None:
        parent, self._parent = self._parent, -1
        if parent >= 0:
            os.close(parent)
        super().close()

    def _remove(self) -> None:
        """Unlinks the name if it still stands for this file."""
        if self._parent < 0:
            return
        try:
            there = os.stat(self._name, dir_fd=self._parent, follow_symlinks=False)
            if (there.st_dev, there.st_ino) == self._identity:
                os.unlink(self._name, dir_fd=self._parent)
                self.removed = True
        except FileNotFoundError:
            pass


class HiddenFile(WrittenFile):
    """A store under a temporary name (HiddenStores) until `commit()` renames it to `final`."""

    def __init__(
        self, found: Settled, path: str, *, parent: int, name: bytes, final: bytes, overwrite: bool,
    ) -> None:
        super().__init__(found, path, parent=parent, name=name, created=True, hidden=True)
        self._final = final
        self._overwrite = overwrite

    def commit(self) -> None:
        """Takes the final name. When that fails, the temporary file is removed and the old one untouched."""
        if self.fd < 0:
            return
        try:
            os.close(self._taken_fd())  # a late write error must be known before the old file is replaced
            rename(self._parent, self._name, self._parent, self._final, overwrite=self._overwrite)
            self.hidden = False
        except BaseException:
            self._remove()
            raise
        finally:
            self.close()

    def _taken_fd(self) -> int:
        fd, self.fd = self.fd, -1
        return fd


_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
"""What link(2) says where the file system has no hard links, or has none for this file (fs.protected_hardlinks)."""


def rename(old_parent: int, old: bytes, new_parent: int, new: bytes, *, overwrite: bool) -> None:
    """Renames between two directories; `overwrite=False` never replaces anything: without a race, unless the file
    system knows neither RENAME_NOREPLACE nor hard links.
    """
    try:
        _system.rename_at(old_parent, old, new_parent, new, replace=overwrite)
    except OSError as error:
        if overwrite or error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
        if not _link_over(old_parent, old, new_parent, new):
            _look_and_rename(old_parent, old, new_parent, new)


def _link_over(old_parent: int, old: bytes, new_parent: int, new: bytes) -> bool:
    """Where the file system has no RENAME_NOREPLACE: link, which never replaces, then unlink the old name.

    False, and nothing has happened: a directory, or a file that can have no second name.
    """
    if stat.S_ISDIR(os.stat(old, dir_fd=old_parent, follow_symlinks=False).st_mode):
        return False
    try:
        os.link(old, new, src_dir_fd=old_parent, dst_dir_fd=new_parent, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    os.unlink(old, dir_fd=old_parent)
    return True


def _look_and_rename(old_parent: int, old: bytes, new_parent: int, new: bytes) -> None:
    """What is left then: somebody who takes the name between the look and the rename loses what he put there."""
    try:
        os.stat(new, dir_fd=new_parent, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=old_parent, dst_dir_fd=new_parent)
        return
    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), new)


def create(parent: int, name: bytes, flags: int, mode: int, path: str) -> Settled:
    """A new file in the open directory `parent`. Raises `OSError` where the name is taken."""
    found = _system.create_regular(parent, name, flags, mode, PROC)
    if found is None:
        raise NotRegularFile(path)
    return Settled(*found)


def settled(fd: int, path: str) -> Settled:
    """A file just opened, which must be regular. Else closes `fd` and raises `NotRegularFile`."""
    found = settle(fd)
    if found is None:
        raise NotRegularFile(path)
    return found

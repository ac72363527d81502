"""Directories and files from elsewhere that a session sees below its root (VRootAlias).

Theory
------
A folder is a jail of its own: what is shown at the virtual path `/upload` is opened below its source and nothing else,
by the same means as everything below the login's root, so no `..` and no link leads out of either. Which jail a path
belongs to is decided by its text alone: sessions take `..` out of paths before they come here.

What a folder hides of the directory that it is shown in cannot be reached. Its entry there is the administrator's: it
cannot be removed, renamed or replaced, nor can a directory on the way to it. Between two jails nothing is renamed
(EXDEV), as between two disks. Listings of a directory that folders are shown in end with them, and recursive ones and
patterns go into them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from ftpsd.vfs.base import OpenFile, StoreMode
from ftpsd.vfs.jail import Jail
from ftpsd.vfs.names import decode, encode
from ftpsd.vfs.resolve import Resolver
from ftpsd.vfs.trees import Guide


@dataclass(frozen=True, slots=True)
class Folder:
    """What is shown at the virtual path `at`: the root of `jail`, or with `base` one file in it."""

    at: str
    jail: Jail
    base: str = "/"

    def inside(self, path: str) -> str | None:
        """The path in `jail` of a virtual path; None: it is not in this folder."""
        if path == self.at:
            return self.base
        if not path.startswith(self.at + "/"):
            return None
        rest = path[len(self.at):]
        return rest if self.base == "/" else self.base + rest

    def outside(self, path: str) -> str:
        """The virtual path of one in `jail`."""
        if path == self.base:
            return self.at
        return self.at + (path if self.base == "/" else path.removeprefix(self.base))


def _normal(path: str) -> str:
    return "/" + posixpath.normpath("/" + path).lstrip("/")


class Folders(Jail):
    """A jail in which `folders` are shown. They are closed with it."""

    def __init__(self, root: str | int, folders: Sequence[Folder], *, real: str | None = None) -> None:
        super().__init__(root, real=real)
        self._folders = tuple(sorted(folders, key=lambda folder: -len(folder.at)))
        self._shown: dict[str, list[bytes]] = {}
        for directory, name in sorted(posixpath.split(folder.at) for folder in folders):
            self._shown.setdefault(directory, []).append(encode(name))

    def close(self) -> None:
        for folder in self._folders:
            folder.jail.close()
        super().close()

    def _in(self, path: str) -> tuple[Folder, str] | None:
        """The folder that a path lies in, and the path there; None: it lies in no folder."""
        path = _normal(path)
        for folder in self._folders:
            inside = folder.inside(path)
            if inside is not None:
                return folder, inside
        return None

    def _entry(self, path: str, code: int = errno.EBUSY) -> tuple[Folder, str] | None:
        """As `_in` for an entry that is to be changed: none of a folder, nor on the way to one (then `code`)."""
        normal = _normal(path)
        for folder in self._folders:
            if folder.at == normal or folder.at.startswith(normal + "/"):
                raise OSError(code, os.strerror(code), path)
        return self._in(path)

    # ---- files ---------------------------------------------------------------------------------------

    def open_read(self, path: str) -> OpenFile:
        found = self._in(path)
        return super().open_read(path) if found is None else _named(found[0].jail.open_read(found[1]), path)

    def open_write(
        self, path: str, *, mode: StoreMode = "store", offset: int = 0, overwrite: bool = True,
        umask: int | None = None, truncate: bool = True, dangling: bool = True,
    ) -> OpenFile:
        found = self._in(path)
        if found is None:
            return super().open_write(
                path, mode=mode, offset=offset, overwrite=overwrite, umask=umask, truncate=truncate, dangling=dangling)
        folder, inside = found
        opened = folder.jail.open_write(
            inside, mode=mode, offset=offset, overwrite=overwrite, umask=umask, truncate=truncate, dangling=dangling)
        return _named(opened, folder.outside(opened.path))

    def open_hidden(
        self, path: str, *, prefix: str = ".in.", suffix: str = ".", overwrite: bool = True,
        umask: int | None = None, dangling: bool = True,
    ) -> OpenFile:
        found = self._in(path)
        if found is None:
            return super().open_hidden(
                path, prefix=prefix, suffix=suffix, overwrite=overwrite, umask=umask, dangling=dangling)
        opened = found[0].jail.open_hidden(
            found[1], prefix=prefix, suffix=suffix, overwrite=overwrite, umask=umask, dangling=dangling)
        return _named(opened, path)

    # ---- status, names -------------------------------------------------------------------------------

    def stat(self, path: str, *, follow: bool = True) -> os.stat_result:
        found = self._in(path)
        return super().stat(path, follow=follow) if found is None else found[0].jail.stat(found[1], follow=follow)

    def may(self, path: str, mode: int) -> bool:
        found = self._in(path)
        return super().may(path, mode) if found is None else found[0].jail.may(found[1], mode)

    def readlink(self, path: str) -> str:
        found = self._in(path)
        return super().readlink(path) if found is None else found[0].jail.readlink(found[1])

    def check_directory(self, path: str) -> None:
        found = self._in(path)
        if found is None:
            super().check_directory(path)
        else:
            found[0].jail.check_directory(found[1])

    def canonical(self, path: str) -> str:
        found = self._in(path)
        return super().canonical(path) if found is None else found[0].outside(found[0].jail.canonical(found[1]))

    def straight_directory(self, path: str) -> bool | None:
        """Never known in a folder: its real path is not the root's and `path`."""
        return super().straight_directory(path) if self._in(path) is None else None

    def real_path(self, path: str, *, follow: bool = True) -> str:
        found = self._in(path)
        if found is None:
            return super().real_path(path, follow=follow)
        return found[0].jail.real_path(found[1], follow=follow)

    def virtual_of(self, real: str) -> str | None:
        for folder in self._folders:
            inside = folder.jail.virtual_of(real)
            if inside is not None and (folder.base == "/" or inside == folder.base):
                return folder.outside(inside)
        return super().virtual_of(real)

    def names(self, path: str) -> Generator[str, None, None]:
        found, shown = self._in(path), [decode(name) for name in self.shown_in(encode(path))]
        with contextlib.closing(super().names(path) if found is None else found[0].jail.names(found[1])) as names:
            yield from (name for name in names if name not in shown)
        yield from shown

    # ---- listings ------------------------------------------------------------------------------------

    def place(self, path: bytes) -> tuple[Resolver, bytes]:
        found = self._in(decode(path))
        return super().place(path) if found is None else found[0].jail.place(encode(found[1]))

    def shown_in(self, directory: bytes) -> Sequence[bytes]:
        return self._shown.get(_normal(decode(directory)), ())

    # ---- entries -------------------------------------------------------------------------------------

    def _parent(self, path: str, *, root_is: int = errno.EBUSY) -> tuple[int, bytes]:
        """What every change of an entry goes through: the directory is the folder's, or the jail's own."""
        found = self._entry(path, errno.EEXIST if root_is == errno.EEXIST else errno.EBUSY)
        return super()._parent(path, root_is=root_is) if found is None else found[0].jail._parent(found[1])

    def rename(self, old: str, new: str, *, overwrite: bool = True) -> None:
        here, there = self._entry(old), self._entry(new)
        if (here and here[0]) is not (there and there[0]):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), new)
        super().rename(old, new, overwrite=overwrite)

    def _seat(self, path: str, *, root_is: int = errno.EBUSY) -> tuple[int, bytes]:
        found = self._in(path)
        if found is None:
            return super()._seat(path, root_is=root_is)
        if found[1] == found[0].base:
            raise OSError(root_is, os.strerror(root_is), path)
        return found[0].jail._seat(found[1], root_is=root_is)

    def symlink(self, source: str, path: str) -> None:
        """Between two jails there are no links: each is a root of its own."""
        here, there = self._in(source), self._entry(path)
        if (here[0] if here else None) is not (there[0] if there else None):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
        super().symlink(source, path)

    def remove_tree(
        self, path: str, may: Callable[[str, bool], None],
        gone: Callable[[str, os.stat_result], None] = lambda *_: None,
    ) -> None:
        self._entry(path)
        super().remove_tree(path, may, gone)

    def copy(self, source: str, target: str, guide: Guide) -> None:
        """From one jail to another, too; but no directory that folders are shown below, nor onto one."""
        self._entry(source)
        self._entry(target)
        super().copy(source, target, guide)

    def available(self, path: str) -> int:
        found = self._in(path)
        return super().available(path) if found is None else found[0].jail.available(found[1])

    def chgrp(self, path: str, gid: int) -> None:
        found = self._in(path)
        if found is None:
            super().chgrp(path, gid)
        else:
            found[0].jail.chgrp(found[1], gid)

    def chmod(self, path: str, mode: int) -> None:
        found = self._in(path)
        if found is None:
            super().chmod(path, mode)
        else:
            found[0].jail.chmod(found[1], mode)

    def utime(self, path: str, modified: float, *, accessed: float | None = None) -> None:
        found = self._in(path)
        if found is None:
            super().utime(path, modified, accessed=accessed)
        else:
            found[0].jail.utime(found[1], modified, accessed=accessed)


def _named(opened: OpenFile, path: str) -> OpenFile:
    """An open file under the name that the session knows it by."""
    opened.path = path
    return opened

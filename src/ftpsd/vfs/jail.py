"""The local store: a directory of this machine as the root of a session's files.

Theory
------
Everything is done relative to one descriptor, that of the root. What exists is opened through a `Resolver`
(openat2 with RESOLVE_IN_ROOT, or the walk) and then handled by its descriptor: fstat, chmod and utimes act
on what was opened, not on a name that may mean something else by now. What names a directory *entry*
(create, mkdir, unlink, rename) resolves the parent in the same way and makes the `*at()` call on the last
component, which none of those calls follows.

Regular files only: a path is looked at with O_PATH first, which opens nothing, so that a FIFO does not
block and a device notices nothing; then it is opened with O_NONBLOCK and looked at once more, in case it
was swapped.

The process umask is shared by all threads and must be 0 (`rights.prepare_process`); new files and
directories get `0666 & ~umask` and `0777 & ~umask` with the umask of the session. Default ACLs and
set-group-id directories work as the kernel has them.
"""

from __future__ import annotations

import errno
import os
import posixpath
import secrets
import stat
import string
from collections.abc import Callable, Generator, Sequence

from ftpsd.native import _system
from ftpsd.vfs import listing, trees
from ftpsd.vfs.base import (
    BadRestart,
    Body,
    FileSystem,
    HiddenFileThere,
    ListingOptions,
    NotRegularFile,
    OpenFile,
    StoreMode,
    is_regular,
)
from ftpsd.vfs.giver import chown_open
from ftpsd.vfs.names import decode, encode, split
from ftpsd.vfs.opened import CALM, HiddenFile, WrittenFile, create, rename, settled
from ftpsd.vfs.resolve import Resolver, Settled, best_resolver, refuse_proc

_DELETED = " (deleted)"
"""What the kernel writes behind the path of what has no name any more."""
_ATTEMPTS = 16
_LETTERS = string.ascii_letters + string.digits


class Jail(FileSystem):
    """The files below `root`: a directory's path, or a descriptor (O_PATH will do) that the jail takes over. `real` is
    the descriptor's path where the caller knows it.

    `umask` is what new files and directories lack where a call does not say. `resolver` is for tests.
    Raises `OSError` when the root cannot be opened.
    """

    def __init__(
        self, root: str | int, *, real: str | None = None, umask: int = 0o022, resolver: type[Resolver] | None = None,
    ) -> None:
        self._umask = umask
        self._aliases: tuple[str, ...] = ()
        if isinstance(root, int):
            self._root = root
            self._real = _path_of(root) if real is None else real
        else:
            self._root = os.open(encode(root), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            self._real = _path_of(self._root) or os.path.realpath(root)
            self._aliases = (os.path.normpath(root),)
        self._resolver = resolver(self._root) if resolver is not None else best_resolver(self._root)

    @property
    def root(self) -> int:
        """The descriptor of the root; the jail's own."""
        return self._root

    def close(self) -> None:
        root, self._root = self._root, -1
        if root >= 0:
            self._resolver.root = -1
            os.close(root)

    # ---- files ---------------------------------------------------------------------------------------

    def open_read(self, path: str) -> OpenFile:
        found = self._resolver.open_regular(encode(path), os.O_RDONLY)
        if found is None:
            raise NotRegularFile(path)
        return OpenFile(found.fd, found.size, path)

    def open_write(
        self, path: str, *, mode: StoreMode = "store", offset: int = 0, overwrite: bool = True,
        umask: int | None = None, truncate: bool = True, dangling: bool = True,
    ) -> OpenFile:
        if mode == "unique":
            return self._open_unique(path, umask)
        parent, name = self._parent_of_file(path)
        try:
            flags = os.O_WRONLY | (os.O_APPEND if mode == "append" else 0)
            found, created = self._open_or_create(
                parent, name, path, flags, self._file_mode(umask), overwrite, dangling)
            opened = WrittenFile(
                found, path, parent=parent, name=name, created=created, spared=mode == "store" and not created)
        except BaseException:
            os.close(parent)
            raise
        try:
            if mode == "store" and truncate:
                opened.begin()
            elif mode == "resume":
                _seek(opened, offset)
        except BaseException:
            if created:
                opened.discard()
            else:
                opened.close()
            raise
        return opened

    def open_hidden(
        self, path: str, *, prefix: str = ".in.", suffix: str = ".", overwrite: bool = True,
        umask: int | None = None, dangling: bool = True,
    ) -> OpenFile:
        self._check_target(path, encode(path), overwrite)
        parent, final = self._parent_behind_links(path, overwrite, dangling)
        try:
            name = encode(prefix) + final + encode(suffix)
            if b"/" in name:
                raise OSError(errno.EINVAL, "HiddenStores: a slash in the name", path)
            try:
                found = create(parent, name, os.O_WRONLY, self._file_mode(umask), path)
            except FileExistsError as error:
                there = f"{os.path.dirname(path).rstrip('/')}/{decode(name)}"
                raise HiddenFileThere(error.errno, error.strerror, there) from None
            return HiddenFile(found, path, parent=parent, name=name, final=final, overwrite=overwrite)
        except BaseException:
            os.close(parent)
            raise

    def _parent_behind_links(self, path: str, overwrite: bool, dangling: bool) -> tuple[int, bytes]:
        """(the directory, the name there) of what a file replaces: where `path` is a link, what that leads to.

        `overwrite`, `dangling`: as in `open_write`.
        """
        parent, name = self._parent_of_file(path)
        try:
            link = _is_link(parent, name)
            if link and not dangling:
                self._check_dangling(parent, name, path)
            if link and not overwrite:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        except BaseException:
            os.close(parent)
            raise
        if not link:
            return parent, name
        os.close(parent)
        # In this root, where all that was asked about it lies, whatever a folder shows in its place.
        return Jail._parent(self, decode(self._resolver.canonical(encode(path))))

    def _open_unique(self, beginning: str, umask: int | None) -> OpenFile:
        parent, first = self._parent_of_file(beginning)
        try:
            for _ in range(_ATTEMPTS):
                end = "".join(secrets.choice(_LETTERS) for _ in range(6))
                name, path = first + encode(end), beginning + end
                try:
                    found = create(parent, name, os.O_WRONLY, self._file_mode(umask), path)
                except FileExistsError:
                    continue
                return WrittenFile(found, path, parent=parent, name=name, created=True)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), beginning)
        except BaseException:
            os.close(parent)
            raise

    def _open_or_create(
        self, parent: int, name: bytes, path: str, flags: int, mode: int, overwrite: bool, dangling: bool,
    ) -> tuple[Settled, bool]:
        """(the file, whether it is new). Tries again when others create and remove it meanwhile.

        `dangling`: what a link points to may be created.
        """
        whole = encode(path)
        for _ in range(_ATTEMPTS):
            try:
                found = self._open_existing(path, whole, flags, overwrite)
                if found is not None:
                    return found, False
                return create(parent, name, flags, mode, path), True
            except FileNotFoundError:
                if os.fstat(parent).st_nlink == 0:  # the directory itself is gone
                    raise
            except FileExistsError:
                if not dangling:
                    self._check_dangling(parent, name, path)
                if not overwrite:
                    raise
                if _is_link(parent, name):  # dangling: what it points to is created, inside the root
                    fd = self._resolver.open(whole, flags | CALM | os.O_CREAT, mode)
                    return settled(fd, path), True
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)

    def _check_dangling(self, parent: int, name: bytes, path: str) -> None:
        if not _is_link(parent, name):
            return
        try:
            self._status(encode(path))
        except FileNotFoundError:
            raise NotRegularFile(path) from None

    def _open_existing(self, path: str, name: bytes, flags: int, overwrite: bool) -> Settled | None:
        """The file that is there already, None without one; not `overwrite`: it must not be there."""
        if not overwrite:
            self._check_target(path, name, overwrite)
            return None
        try:
            found = self._resolver.open_regular(name, flags)
        except FileNotFoundError:
            return None
        if found is None:
            raise NotRegularFile(path)
        return found

    def _check_target(self, path: str, name: bytes, overwrite: bool) -> None:
        """Whether a hidden store may take this name in the end, as far as can be seen now."""
        try:
            status = self._status(name)
        except FileNotFoundError:
            return
        if not is_regular(status):
            raise NotRegularFile(path)
        if not overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)

    # ---- status, names -------------------------------------------------------------------------------

    def stat(self, path: str, *, follow: bool = True) -> os.stat_result:
        return self._status(encode(path), follow=follow)

    def may(self, path: str, mode: int) -> bool:
        """By the descriptor's name in /proc, so that nothing but what was resolved is asked about."""
        try:
            fd = self._resolver.open(encode(path), os.O_PATH)
        except OSError:
            return False
        try:
            return os.access(f"/proc/self/fd/{fd}", mode, effective_ids=True)
        finally:
            os.close(fd)

    def place(self, path: bytes) -> tuple[Resolver, bytes]:
        """See `listing.Places`."""
        return self._resolver, path

    def shown_in(self, directory: bytes) -> Sequence[bytes]:
        """See `listing.Places`."""
        return ()

    def listing(self, path: str, options: ListingOptions, *, shown: str | None = None) -> bytes:
        return listing.body(self, path, options, shown)

    def lines(self, path: str, options: ListingOptions, *, shown: str | None = None) -> Body:
        return listing.lines(self, path, options, shown)

    def facts(self, path: str, options: ListingOptions) -> str:
        return listing.facts(self, path, options)

    def names(self, path: str) -> Generator[str, None, None]:
        fd = self._resolver.open(encode(path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            refuse_proc(fd, path)
            yield from map(decode, listing.names(fd))
        finally:
            os.close(fd)

    def readlink(self, path: str) -> str:
        parent, name = self._parent(path)
        try:
            refuse_proc(parent, path)
            return decode(os.readlink(name, dir_fd=parent))
        finally:
            os.close(parent)

    def check_directory(self, path: str) -> None:
        if path == "/":
            os.stat(b".", dir_fd=self._root)  # asks for the right to search it
            return
        fd = self._resolver.open(encode(path), os.O_PATH | os.O_DIRECTORY)
        try:
            os.stat(b".", dir_fd=fd)
        finally:
            os.close(fd)

    def canonical(self, path: str) -> str:
        return path if path == "/" else decode(self._resolver.canonical(encode(path)))

    def straight_directory(self, path: str) -> bool | None:
        return self._resolver.straight_directory(encode(path))

    def real_path(self, path: str, *, follow: bool = True) -> str:
        """The kernel knows where an open directory is; only what it cannot tell is worked out name by name."""
        name = encode(path)
        if self._resolver.lies_straight(name):
            return _join(self._real, path)
        if follow:
            return self._located(name) or self._located_new(name) or _join(self._real, self.canonical(path))
        directory, last = split(name)
        if last in (b"", b".", b".."):
            return self.real_path(path)
        above = self._located(directory) or _join(self._real, self.canonical(decode(directory)))
        return f"{above.rstrip('/')}/{decode(last)}"

    def _located(self, name: bytes) -> str | None:
        """Where something that exists lies; None where the kernel does not tell, or not surely."""
        try:
            fd = self._resolver.open(name, os.O_PATH)
        except (OSError, ValueError):
            return None
        try:
            return self._within(_path_of(fd))
        finally:
            os.close(fd)

    def _located_new(self, name: bytes) -> str | None:
        """Where something that does not exist would lie, if no link stands in its place."""
        directory, last = split(name)
        if last in (b"", b".", b"..") or b"\0" in last:
            return None
        try:
            fd = self._resolver.open(directory, os.O_PATH | os.O_DIRECTORY)
        except (OSError, ValueError):
            return None
        try:
            above = self._within(_path_of(fd))
            os.stat(last, dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            return f"{above.rstrip('/')}/{decode(last)}" if above is not None else None
        except OSError:
            return None
        finally:
            os.close(fd)
        return None

    def _within(self, path: str) -> str | None:
        inside = path == self._real or path.startswith(self._real.rstrip("/") + "/")
        return path if inside and not path.endswith(_DELETED) else None

    def virtual_of(self, real: str) -> str | None:
        path = os.path.normpath(real)
        for root in (self._real, *self._aliases):
            if root == "/":
                return path
            if path == root or path.startswith(root + "/"):
                return path[len(root):] or "/"
        return None

    # ---- entries -------------------------------------------------------------------------------------

    def mkdir(
        self, path: str, *, umask: int | None = None, made: Callable[[int], None] | None = None
    ) -> None:
        parent, name = self._parent(path, root_is=errno.EEXIST)
        try:
            os.mkdir(name, 0o777 & ~self._mask(umask), dir_fd=parent)
            if made is not None:
                fd = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
                try:
                    made(fd)
                finally:
                    os.close(fd)
        finally:
            os.close(parent)

    def rmdir(self, path: str) -> None:
        parent, name = self._parent(path)
        try:
            os.rmdir(name, dir_fd=parent)
        finally:
            os.close(parent)

    def pin(self, path: str) -> int:
        parent, name = self._parent(path)
        try:
            return os.open(name, trees.PIN, dir_fd=parent)
        finally:
            os.close(parent)

    def unlink(self, path: str) -> None:
        parent, name = self._parent(path, root_is=errno.EISDIR)
        try:
            os.unlink(name, dir_fd=parent)
        finally:
            os.close(parent)

    def rename(self, old: str, new: str, *, overwrite: bool = True) -> None:
        old_parent, old_name = self._parent(old)
        try:
            new_parent, new_name = self._parent(new)
            try:
                rename(old_parent, old_name, new_parent, new_name, overwrite=overwrite)
            finally:
                os.close(new_parent)
        finally:
            os.close(old_parent)

    def symlink(self, source: str, path: str) -> None:
        self.stat(source)
        text = posixpath.relpath(self.canonical(source), self.canonical(posixpath.dirname(path)))
        parent, name = self._seat(path, root_is=errno.EEXIST)
        try:
            os.symlink(encode(text), name, dir_fd=parent)
        finally:
            os.close(parent)

    def remove_tree(
        self, path: str, may: Callable[[str, bool], None],
        gone: Callable[[str, os.stat_result], None] = lambda *_: None,
    ) -> None:
        parent, name = self._seat(path)
        try:
            trees.remove(trees.Entry(parent, name, path), may, gone)
        finally:
            os.close(parent)

    def copy(self, source: str, target: str, guide: trees.Guide) -> None:
        target = self.canonical(target)
        below = self.real_path(target).startswith(self.real_path(source).rstrip("/") + "/")
        if below and stat.S_ISDIR(self.stat(source, follow=False).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), target)
        parent, name = self._seat(source)
        try:
            new_parent, new_name = self._seat(target, root_is=errno.EISDIR)
            try:
                trees.copy(trees.Entry(parent, name, source), trees.Entry(new_parent, new_name, target), guide)
            finally:
                os.close(new_parent)
        finally:
            os.close(parent)

    def available(self, path: str) -> int:
        fd = self._resolver.open(encode(path), os.O_PATH)
        try:
            status = os.fstatvfs(fd)
        finally:
            os.close(fd)
        return status.f_bavail * status.f_frsize

    def chmod(self, path: str, mode: int) -> None:
        fd = self._resolver.open(encode(path), os.O_PATH)
        try:
            _system.chmod_fd(fd, mode & 0o7777)
        finally:
            os.close(fd)

    def chgrp(self, path: str, gid: int) -> None:
        fd = self._resolver.open(encode(path), os.O_PATH)
        try:
            chown_open(fd, -1, gid)
        finally:
            os.close(fd)

    def utime(self, path: str, modified: float, *, accessed: float | None = None) -> None:
        fd = self._resolver.open(encode(path), os.O_PATH)
        try:
            _system.utime_fd(fd, None if accessed is None else _nanoseconds(accessed), _nanoseconds(modified))
        finally:
            os.close(fd)

    # ---- pieces --------------------------------------------------------------------------------------

    def _status(self, name: bytes, *, follow: bool = True) -> os.stat_result:
        fd = self._resolver.open(name, os.O_PATH | (0 if follow else os.O_NOFOLLOW))
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def _parent(self, path: str, *, root_is: int = errno.EBUSY) -> tuple[int, bytes]:
        """(descriptor of the directory, last component). The root itself has none: the errno `root_is`."""
        directory, name = split(encode(path))
        if not name:
            raise OSError(root_is, os.strerror(root_is), path)
        if name in (b".", b".."):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        if b"\0" in name:
            raise OSError(errno.EINVAL, "Name contains a NUL byte", path)
        return self._resolver.open(directory, os.O_PATH | os.O_DIRECTORY), name

    def _seat(self, path: str, *, root_is: int = errno.EBUSY) -> tuple[int, bytes]:
        """As `_parent`; what works with two paths, or with all below one, asks here: there may be several roots."""
        return self._parent(path, root_is=root_is)

    def _parent_of_file(self, path: str) -> tuple[int, bytes]:
        if not path.strip("/"):
            raise NotRegularFile(path)
        return self._parent(path)

    def _mask(self, umask: int | None) -> int:
        return self._umask if umask is None else umask

    def _file_mode(self, umask: int | None) -> int:
        return 0o666 & ~self._mask(umask)


def _seek(opened: OpenFile, offset: int) -> None:
    if not 0 <= offset <= opened.size:
        raise BadRestart(opened.path)
    os.lseek(opened.fd, offset, os.SEEK_SET)


def _is_link(parent: int, name: bytes) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _path_of(fd: int) -> str:
    """Where a descriptor lies, as far as /proc tells; "" otherwise."""
    try:
        return decode(os.readlink(encode(f"/proc/self/fd/{fd}")))
    except OSError:
        return ""


def _join(root: str, virtual: str) -> str:
    if virtual == "/":
        return root or "/"
    return virtual if root == "/" else root + virtual


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)

"""Homes that are made at login (CreateHome).

A home is made in the rights of root, at a path that an account names, so nothing on the way may be somebody else's
choice. Where the path leads is settled first, and a link that is not root's own ends it; then every directory is
opened by its descriptor and never through a link, and what is made is looked at once more before it is given away. The
home itself is made under a name of its own beside its place and moved there when it is complete: whoever logs in at
the same time finds nothing or all of it, and a home that somebody else has made meanwhile stays as it is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator

from ftpsd.settings.login_values import OWNER, CreateHome
from ftpsd.vfs.names import decode, encode
from ftpsd.vfs.opened import rename
from ftpsd.vfs.resolve import machine_path

MOST_ENTRIES = 10_000
"""Files and directories that are copied from a skel directory."""
DEEPEST = 32
_CHUNK = 1024 * 1024
_PASSING = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SYSTEM = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys", "/usr",
)
"""No home is made in these, nor as an entry of the root directory."""


class Unsafe(OSError):
    """A home may not be made there."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(errno.EPERM, text, path)


def is_missing(path: str) -> bool:
    """Whether nothing is at `path` (and not: that it cannot be looked at)."""
    try:
        os.lstat(encode(path))
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False


def create(path: str, how: CreateHome, uid: int, gid: int) -> bool:
    """Makes the home `path` of a user with the rights of the thread. False: somebody else has made it meanwhile.

    Raises `OSError`, `Unsafe` among them; then there is no home, though perhaps directories above it.
    """
    found, foreign = machine_path(encode(path))
    real = decode(found)
    _check_place(path, real, foreign=foreign)
    owner = uid if how.uid == OWNER else how.uid, gid if how.gid == OWNER else how.gid
    group = gid if how.home_gid is None else how.home_gid
    *above, name = filter(None, real.split("/"))
    parent = _directories(above, how, owner)
    try:
        return _home(parent, encode(name), how, uid, group, files_gid=gid)
    finally:
        os.close(parent)


def _check_place(path: str, real: str, *, foreign: bool) -> None:
    if foreign:
        raise Unsafe("a symbolic link on the way is not root's", path)
    if real.count("/") < 2:
        raise Unsafe("it would be an entry of the root directory", path)
    if any(real == place or real.startswith(place + "/") for place in _SYSTEM):
        raise Unsafe("it lies in a directory of the system", path)


def _directories(names: list[str], how: CreateHome, owner: tuple[int, int]) -> int:
    """An open descriptor of the directory with these names from the root on; missing ones are made."""
    here = os.open("/", _PASSING)
    for name in map(encode, names):
        above = here
        try:
            try:
                here = os.open(name, _PASSING, dir_fd=above)
            except FileNotFoundError:
                here = _make_directory(above, name, how, owner)
        finally:
            os.close(above)
    return here


def _make_directory(parent: int, name: bytes, how: CreateHome, owner: tuple[int, int]) -> int:
    _check_parent(parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
        fd = _mine(parent, name)
        try:
            _give(fd, *owner, how)
            os.fchmod(fd, how.dir_mode)
        finally:
            os.close(fd)
    return os.open(name, _PASSING, dir_fd=parent)


def _check_parent(parent: int) -> None:
    """Where anybody may rename what is made, nothing is made."""
    mode = os.fstat(parent).st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise Unsafe("anybody may write to a directory on the way", os.readlink(f"/proc/self/fd/{parent}"))


def _mine(parent: int, name: bytes) -> int:
    """A directory just made, open; it must be ours and empty."""
    fd = os.open(name, _DIRECTORY, dir_fd=parent)
    if os.fstat(fd).st_uid != os.geteuid() or os.listdir(fd):
        os.close(fd)
        raise Unsafe("somebody has put another directory in its place", decode(name))
    return fd


def _give(fd: int, uid: int, gid: int, how: CreateHome) -> None:
    """With the user's own rights (NoRootPrivs), or in a server that is not root's, what cannot be given away stays."""
    try:
        os.fchown(fd, uid, gid)
    except PermissionError:
        if os.geteuid() == 0 and not how.as_user:
            raise


def _home(parent: int, name: bytes, how: CreateHome, uid: int, group: int, *, files_gid: int) -> bool:
    _check_parent(parent)
    work = b".%s.%s" % (name[:200], secrets.token_hex(6).encode())
    os.mkdir(work, 0o700, dir_fd=parent)
    try:
        fd = _mine(parent, work)
        try:
            if how.skel is not None:
                _Copy(uid, files_gid, how).directory(how.skel, fd)
            _give(fd, uid, group, how)
            os.fchmod(fd, how.mode)
        finally:
            os.close(fd)
        rename(parent, work, parent, name, overwrite=False)
    except BaseException as error:
        shutil.rmtree(work, ignore_errors=True, dir_fd=parent)
        if isinstance(error, FileExistsError):
            return False
        raise
    return True


class _Copy:
    """A copy of the skel directory: regular files, directories and links, all the user's, without set-id bits."""

    def __init__(self, uid: int, gid: int, how: CreateHome) -> None:
        self._uid = uid
        self._gid = gid
        self._how = how
        self._entries = 0

    def directory(self, path: str, target: int) -> None:
        """What is in `path` into the open directory `target`. Raises `OSError`."""
        source = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._inside(source, target, 0)
        finally:
            os.close(source)

    def _inside(self, source: int, target: int, depth: int) -> None:
        if depth > DEEPEST:
            raise OSError(errno.ELOOP, "the skel directory is too deep")
        for name, status in _entries(source):
            self._entries += 1
            if self._entries > MOST_ENTRIES:
                raise OSError(errno.EFBIG, f"the skel directory has more than {MOST_ENTRIES} entries")
            if stat.S_ISDIR(status.st_mode):
                self._subdirectory(source, target, name, depth)
            elif stat.S_ISREG(status.st_mode):
                self._file(source, target, name)
            elif stat.S_ISLNK(status.st_mode):
                os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
                with contextlib.suppress(PermissionError):
                    os.chown(name, self._uid, self._gid, dir_fd=target, follow_symlinks=False)

    def _subdirectory(self, source: int, target: int, name: str, depth: int) -> None:
        below = os.open(name, _DIRECTORY, dir_fd=source)
        try:
            os.mkdir(name, 0o700, dir_fd=target)
            made = os.open(name, _DIRECTORY, dir_fd=target)
            try:
                self._inside(below, made, depth + 1)
                self._settle(below, made)
            finally:
                os.close(made)
        finally:
            os.close(below)

    def _file(self, source: int, target: int, name: str) -> None:
        reading = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            writing = os.open(name, flags, 0o600, dir_fd=target)
            try:
                while chunk := os.read(reading, _CHUNK):
                    _write(writing, chunk)
                self._settle(reading, writing)
            finally:
                os.close(writing)
        finally:
            os.close(reading)

    def _settle(self, source: int, made: int) -> None:
        _give(made, self._uid, self._gid, self._how)
        os.fchmod(made, stat.S_IMODE(os.fstat(source).st_mode) & 0o1777)


def _entries(directory: int) -> Iterator[tuple[str, os.stat_result]]:
    for name in sorted(os.listdir(directory)):
        yield name, os.stat(name, dir_fd=directory, follow_symlinks=False)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data):]

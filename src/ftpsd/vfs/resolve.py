"""Opening files below a root directory, whatever `..` and symbolic links say.

Theory
------
A resolver turns a path into a descriptor so that nothing outside of its root is ever reached: an absolute
path or link starts at the root, `..` at the root stays there. That holds while others rename directories
and swap links under it, because no name is looked up twice: the descriptor that comes back is the thing
that was checked.

`KernelResolver` leaves it to the kernel: openat2 with RESOLVE_IN_ROOT (Linux 5.6). `WalkResolver` does the
same by hand where the kernel (or a sandbox) has no openat2: component by component, each opened relative to
the one before with O_NOFOLLOW; a symbolic link is read through the descriptor that was found to be one and
its text put in front of what is left; `..` goes back to the descriptor that we came from, never to what the
directory's own `..` says by now. Both pass the same tests.

Paths here are bytes and may be absolute or not. Descriptors are close-on-exec.
"""

from __future__ import annotations

import abc
import errno
import os
import stat
from types import TracebackType
from typing import NamedTuple, Self

from ftpsd.native import _system

MOST_LINKS = 40
"""Symbolic links on one path, as the kernel has it."""
DEEPEST = 512
"""Directories that the walk holds open at once."""
LONGEST = 4096
"""Bytes of a path, as the kernel has it."""


class Settled(NamedTuple):
    """A regular file that is open: its descriptor, size in bytes, device and inode."""

    fd: int
    size: int
    device: int
    inode: int


def _device_of_proc() -> int:
    try:
        return os.stat("/proc").st_dev
    except OSError:
        return -1


PROC = _device_of_proc()
"""The device of /proc, whose files are nobody's (see `settle`, `refuse_proc`); -1: there is none."""
_HERE = -100
"""AT_FDCWD: no descriptor; absolute paths need none."""


def settle(fd: int) -> Settled | None:
    """A file just opened, which blocks from now on; None (and closed) when it is no regular one.

    Files of /proc are none: the kernel shows a thread those of its process, whoever the thread has become,
    and this process serves others, too. Raises `OSError`.
    """
    settled = None
    try:
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and status.st_dev != PROC:
            os.set_blocking(fd, True)
            settled = Settled(fd, status.st_size, status.st_dev, status.st_ino)
    finally:
        if settled is None:
            os.close(fd)
    return settled


def refuse_proc(fd: int, path: bytes | str) -> None:
    """Raises `PermissionError` where `fd` is a directory of /proc: its names and links are told to nobody.

    For the reason that its files are none (`settle`): those below /proc/self say what others have open.
    """
    if os.fstat(fd).st_dev == PROC:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


class Resolver(abc.ABC):
    """Opens paths below `root`, an O_PATH descriptor that stays its caller's."""

    def __init__(self, root: int) -> None:
        self.root = root

    @abc.abstractmethod
    def open(self, path: bytes, flags: int, mode: int = 0) -> int:
        """Like open(2) in a process whose root were this one. Raises `OSError`."""

    def open_regular(self, path: bytes, flags: int) -> Settled | None:
        """Opens an existing regular file (theory: `jail`); None: something else is there. Raises `OSError`."""
        probe = self.open(path, os.O_PATH)
        try:
            regular = stat.S_ISREG(os.fstat(probe).st_mode)
        finally:
            os.close(probe)
        return settle(self.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)) if regular else None

    def lies_straight(self, path: bytes) -> bool:
        """Whether `path` is its own `canonical` because no link is on it, as far as that can be told at once."""
        return False

    def straight_directory(self, path: bytes) -> bool | None:
        """Whether a directory is at `path`, and no link on the way; None: that is not known at once."""
        return None

    def canonical(self, path: bytes) -> bytes:
        """The absolute path without links, `.` and `..`. What cannot be looked at stays as it is written.

        A text, true for the moment in which it was looked at. Holds one or two descriptors, however deep the path is.
        """
        with _Naming(self) as naming:
            return naming.canonical(path)


class KernelResolver(Resolver):
    """openat2 with RESOLVE_IN_ROOT."""

    def open(self, path: bytes, flags: int, mode: int = 0) -> int:
        return _system.openat2(self.root, path, flags, mode)

    def open_regular(self, path: bytes, flags: int) -> Settled | None:
        found = _system.open_regular(self.root, path, flags, PROC)
        return Settled(*found) if found is not None else None

    def lies_straight(self, path: bytes) -> bool:
        return path == b"/" or (_is_normal(path) and b"\0" not in path and _system.lies_straight(self.root, path))

    def straight_directory(self, path: bytes) -> bool | None:
        if path == b"/":
            return True
        return _system.straight_directory(self.root, path) if _is_normal(path) and b"\0" not in path else None

    def canonical(self, path: bytes) -> bytes:
        if _is_normal(path) and _system.leads_straight(self.root, path):
            return path
        return super().canonical(path)


class WalkResolver(Resolver):
    """The same without openat2."""

    def open(self, path: bytes, flags: int, mode: int = 0) -> int:
        if b"\0" in path:
            raise OSError(errno.EINVAL, "Name contains a NUL byte", path)
        if not path:
            raise _error(errno.ENOENT, path)
        if flags & os.O_CREAT and path.endswith(b"/"):
            raise _error(errno.EISDIR, path)
        with _Walk(self.root) as walk:
            return walk.open(path, flags, mode)


def best_resolver(root: int) -> Resolver:
    """The resolver for this kernel."""
    return KernelResolver(root) if _system.has_openat2() else WalkResolver(root)


def _is_normal(path: bytes) -> bool:
    """Whether a path is absolute and has no `.`, `..` or empty components."""
    if path[:1] != b"/" or b"//" in path or (path[-1:] == b"/" and path != b"/"):
        return False
    return b"/." not in path or not {b".", b".."}.intersection(path.split(b"/"))


def _error(code: int, path: bytes) -> OSError:
    return OSError(code, os.strerror(code), path)


def _components(path: bytes) -> list[bytes]:
    """Its components, last first. A slash at the end asks for a directory, as a dot does."""
    parts = [part for part in path.split(b"/") if part]
    if path.endswith(b"/"):
        parts.append(b".")
    return parts[::-1]


def _followed(name: bytes, directory: int) -> bytes:
    """The text of a link that is to be followed; ELOOP, as openat2 has it, for those of /proc that tell what a process
    has open (RESOLVE_NO_MAGICLINKS).
    """
    text = os.readlink(name, dir_fd=directory)
    if text.startswith(b"/") and os.fstat(directory).st_dev == PROC:
        raise _error(errno.ELOOP, name)
    return text


class _Walk:
    """One resolution: the directories gone through (open), and the components still to go."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._fds: list[int] = []
        self._left: list[bytes] = []
        self._links = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        while self._fds:
            os.close(self._fds.pop())

    @property
    def _here(self) -> int:
        return self._fds[-1] if self._fds else self._root

    def open(self, path: bytes, flags: int, mode: int) -> int:
        self._left = _components(path)
        while self._left:
            name = self._left.pop()
            if name in (b".", b".."):
                self._dots(name)
            elif self._left:
                self._enter(name)
            else:
                fd = self._last(name, flags, mode)
                if fd is not None:
                    return fd
        return os.open(b".", flags | os.O_CLOEXEC, mode, dir_fd=self._here)

    def _dots(self, name: bytes) -> None:
        """`.` and `..`, which like any name need the right to search the directory."""
        os.stat(b".", dir_fd=self._here)
        if name == b".." and self._fds:
            os.close(self._fds.pop())

    def _enter(self, name: bytes) -> None:
        """Goes into a directory, or replaces a link by its text."""
        if len(self._fds) >= DEEPEST:
            raise _error(errno.ENAMETOOLONG, name)
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._here)
        try:
            kind = stat.S_IFMT(os.fstat(fd).st_mode)
            if kind == stat.S_IFLNK:
                self._replace(name, _followed(b"", fd))
            elif kind != stat.S_IFDIR:
                raise _error(errno.ENOTDIR, name)
            else:
                self._fds.append(fd)
                fd = -1
        finally:
            if fd >= 0:
                os.close(fd)

    def _replace(self, name: bytes, target: bytes) -> None:
        self._count_link(name)
        if target.startswith(b"/"):
            while self._fds:
                os.close(self._fds.pop())
        self._left += _components(target)

    def _count_link(self, name: bytes) -> None:
        self._links += 1
        if self._links > MOST_LINKS:
            raise _error(errno.ELOOP, name)

    def _last(self, name: bytes, flags: int, mode: int) -> int | None:
        """Opens the last component; None when it was a link and its text is to be walked now."""
        follow = not flags & os.O_NOFOLLOW and flags & (os.O_CREAT | os.O_EXCL) != os.O_CREAT | os.O_EXCL
        if follow:
            target = self._target(name)
            if target is not None:
                self._replace(name, target)
                return None
        try:
            fd = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=self._here)
        except OSError as error:
            if not follow or error.errno != errno.ELOOP:
                raise
        else:
            if not follow or not flags & os.O_PATH or not stat.S_ISLNK(os.fstat(fd).st_mode):
                return fd
            os.close(fd)
        self._count_link(name)
        self._left.append(name)  # it has become a link since: look again
        return None

    def _target(self, name: bytes) -> bytes | None:
        try:
            return _followed(name, self._here)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                return None
            raise


def machine_path(path: bytes) -> tuple[bytes, bool]:
    """Where an absolute path of this machine leads (as `Resolver.canonical`), with the rights of the thread.

    And whether a link is on the way that does not belong to root: then somebody else has a say in where it leads.
    """
    if _is_normal(path) and _system.stands_straight(path):
        return path, False
    root = os.open(b"/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with _Naming(best_resolver(root)) as naming:
            return naming.canonical(path), naming.foreign
    finally:
        os.close(root)


def open_machine_directory(path: bytes) -> int:
    """An O_PATH descriptor of a directory of this machine by its absolute path, in which nothing may be a link.

    Raises `OSError` (`NotADirectoryError` for a link): the path was looked at before, and must not have changed.
    """
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return _system.openat2(_HERE, b"/" + path, flags, in_root=False, straight=True)
    except OSError:
        here = os.open(b"/", flags)  # the walk says why
    for name in filter(None, path.split(b"/")):
        above = here
        try:
            here = os.open(name, flags, dir_fd=above)
        finally:
            os.close(above)
    return here


class _Naming:
    """One search for a path without links: where we are (name by name, and open), and the components still to go.

    It goes down as `_Walk` does, but `..` opens the directory anew, by the names that lead to it: what comes out is a
    text and opens nothing, so there is nothing to be gained by holding every directory above.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._fd = -1
        self._names: list[bytes] = []
        self._length = 0
        self._left: list[bytes] = []
        self._links = 0
        self.foreign = False
        """Whether a link was followed that does not belong to root."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self._stand_on(-1)

    @property
    def _here(self) -> int:
        return self._fd if self._fd >= 0 else self._resolver.root

    def _stand_on(self, fd: int) -> None:
        """Takes over `fd`; -1: the root."""
        before, self._fd = self._fd, fd
        if before >= 0:
            os.close(before)

    def canonical(self, path: bytes) -> bytes:
        self._left = _components(path)
        while self._left:
            name = self._left.pop()
            try:
                self._step(name)
            except OSError:
                self._left.append(name)
                break
        for name in reversed(self._left):
            if name == b"..":
                del self._names[-1:]
            elif name != b".":
                self._names.append(name)
        return b"/" + b"/".join(self._names)

    def _step(self, name: bytes) -> None:
        if name not in (b".", b".."):
            self._enter(name)
            return
        os.stat(b".", dir_fd=self._here)  # they need the right to search the directory, like any name
        if name == b".." and self._names:
            above = self._names[:-1]
            flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
            self._stand_on(self._resolver.open(b"/" + b"/".join(above), flags) if above else -1)
            self._length -= 1 + len(self._names.pop())

    def _enter(self, name: bytes) -> None:
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._here)
        try:
            status = os.fstat(fd)
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFLNK:
                self._replace(name, os.readlink(b"", dir_fd=fd))
                self.foreign |= status.st_uid != 0
            elif kind != stat.S_IFDIR:
                raise _error(errno.ENOTDIR, name)
            elif self._length + 1 + len(name) > LONGEST:
                raise _error(errno.ENAMETOOLONG, name)
            else:
                self._names.append(name)
                self._length += 1 + len(name)
                self._stand_on(fd)
                fd = -1
        finally:
            if fd >= 0:
                os.close(fd)

    def _replace(self, name: bytes, target: bytes) -> None:
        self._links += 1
        if self._links > MOST_LINKS:
            raise _error(errno.ELOOP, name)
        if target.startswith(b"/"):
            self._stand_on(-1)
            self._names.clear()
            self._length = 0
        self._left += _components(target)

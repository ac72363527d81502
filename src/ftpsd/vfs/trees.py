"""Whole directories: copying and removing them (SITE CPTO, SITE COPY, SITE RMDIR).

Theory
------
A tree is walked by descriptors: what is below a directory is opened relative to it and without following a symbolic
link, so that somebody who swaps a directory for a link while it is walked cannot lead the walk elsewhere. Links are
copied and removed as links. What may be done to each entry, and how a file is to be stored, a `Guide` says; it is asked
by virtual paths, before anything happens to the entry.

A walk is as deep as `DEEPEST` directories at most and holds two descriptors for each of them; names are read as they
are needed, and between two pieces of a file the guide may end the work.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ftpsd.vfs.base import NotRegularFile
from ftpsd.vfs.names import decode, encode
from ftpsd.vfs.opened import CALM, HiddenFile, WrittenFile, create, settled
from ftpsd.vfs.resolve import Settled, refuse_proc, settle

DEEPEST = 128
"""Directories below each other in one walk."""
PIECE = 16 * 1024 * 1024
"""Bytes that are copied before the guide is asked again."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PIN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_IN_KERNEL = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
"""What copy_file_range says where it cannot do what read and write can."""


@dataclass(frozen=True, slots=True)
class Storing:
    """How a copy is stored: bits that files and directories lack, `hidden` HiddenStores' prefix and suffix, `largest`
    the most bytes that a file may have (None: any number); `keep` leaves what a copy that failed has brought.
    """

    umask: int
    directory_umask: int
    overwrite: bool = True
    hidden: tuple[str, str] | None = None
    largest: int | None = None
    keep: bool = False


class Guide(Protocol):
    """What a walk asks its session. Paths are virtual; every method may raise `OSError`, which ends the walk."""

    def wanted(self, source: str, target: str, *, directory: bool) -> bool:
        """Whether an entry is to be copied (False: it is left out); raises `PermissionError` where it may not be."""

    def storing(self, target: str) -> Storing:
        """How files are stored there."""

    def made(self, fd: int, target: str) -> None:
        """A file or directory has been made, open as `fd`."""

    def begin(self, opened: WrittenFile) -> None:
        """What a file is to hold comes now: calls `opened.begin()`."""

    def end(self, opened: WrittenFile, act: Callable[[], None]) -> None:
        """Calls `act`, which commits, keeps or discards the file."""

    def gone(self, target: str, status: os.stat_result) -> None:
        """What was at `target` has been removed; a link takes its place."""

    def pause(self) -> None:
        """Called now and then; may raise whatever is to end the work."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in an open directory, which is nobody's to close here, and its virtual path."""

    parent: int
    name: bytes
    path: str

    def below(self, directory: int, name: bytes) -> Entry:
        """An entry of this directory, which is open as `directory`."""
        return Entry(directory, name, f"{self.path.rstrip('/')}/{decode(name)}")

    def status(self) -> os.stat_result:
        """Of a link itself."""
        return os.stat(self.name, dir_fd=self.parent, follow_symlinks=False)


def remove(
    entry: Entry, may: Callable[[str, bool], None], gone: Callable[[str, os.stat_result], None] = lambda *_: None,
    depth: int = 0,
) -> None:
    """Removes a directory and all that is in it. `may` is asked with each path and whether it is a directory's, and
    raises where that may not be removed; `gone` is told what has been removed, and what it was. What was removed before
    a fault stays removed. Raises `OSError`.
    """
    may(entry.path, True)
    status = entry.status()
    with _Opened(entry, depth) as directory:
        for below in _entries(entry, directory):
            if stat.S_ISDIR(below.status().st_mode):
                remove(below, may, gone, depth + 1)
            else:
                may(below.path, False)
                gone(below.path, _unlinked(below))
    os.rmdir(entry.name, dir_fd=entry.parent)
    gone(entry.path, status)


def _unlinked(entry: Entry) -> os.stat_result:
    """Removes a file or link; what it is without its name, as somebody may have been writing. Raises `OSError`."""
    fd = os.open(entry.name, PIN, dir_fd=entry.parent)
    try:
        os.unlink(entry.name, dir_fd=entry.parent)
        return os.fstat(fd)
    finally:
        os.close(fd)


def copy(source: Entry, target: Entry, guide: Guide, depth: int = 0) -> None:
    """Copies a file, a link or a directory; a directory that is there already is filled. Raises `OSError`."""
    guide.pause()
    mode = source.status().st_mode
    if not guide.wanted(source.path, target.path, directory=stat.S_ISDIR(mode)):
        return
    if stat.S_ISDIR(mode):
        _copy_directory(source, target, guide, depth)
    elif stat.S_ISLNK(mode):
        _copy_link(source, target, guide)
    elif stat.S_ISREG(mode):
        _copy_file(source, target, guide)
    elif depth == 0:
        raise NotRegularFile(source.path)


def _copy_directory(source: Entry, target: Entry, guide: Guide, depth: int) -> None:
    with _Opened(source, depth) as inside:
        mode = os.fstat(inside).st_mode & 0o777
        _make_directory(target, mode, guide)
        with _Opened(target, depth) as beside:
            for entry in _entries(source, inside):
                copy(entry, target.below(beside, entry.name), guide, depth + 1)


def _make_directory(target: Entry, mode: int, guide: Guide) -> None:
    """A directory that its owner can fill, whatever the bits of the one that it is a copy of."""
    try:
        os.mkdir(target.name, (mode | 0o700) & ~guide.storing(target.path).directory_umask, dir_fd=target.parent)
    except FileExistsError:
        return
    fd = os.open(target.name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=target.parent)
    try:
        guide.made(fd, target.path)
    finally:
        os.close(fd)


def _copy_link(source: Entry, target: Entry, guide: Guide) -> None:
    refuse_proc(source.parent, source.path)
    text = os.readlink(source.name, dir_fd=source.parent)
    try:
        os.symlink(text, target.name, dir_fd=target.parent)
    except FileExistsError:
        if not guide.storing(target.path).overwrite:
            raise
        guide.gone(target.path, _unlinked(target))
        os.symlink(text, target.name, dir_fd=target.parent)


def _copy_file(source: Entry, target: Entry, guide: Guide) -> None:
    fd = os.open(source.name, os.O_RDONLY | CALM | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source.parent)
    found = settle(fd)
    if found is None:
        raise NotRegularFile(source.path)
    try:
        storing = guide.storing(target.path)
        if storing.largest is not None and found.size > storing.largest:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), target.path)
        _store(found, target, guide, storing)
    finally:
        os.close(found.fd)


def _store(found: Settled, target: Entry, guide: Guide, storing: Storing) -> None:
    mode = os.fstat(found.fd).st_mode & 0o777 & ~storing.umask
    opened = _open_target(found, target, storing, mode)
    if opened is None:
        return
    try:
        if opened.created:
            guide.made(opened.fd, target.path)
        guide.begin(opened)
        copy_bytes(found.fd, opened.fd, guide.pause, storing.largest)
    except BaseException:
        guide.end(opened, opened.keep if storing.keep else opened.discard)
        raise
    guide.end(opened, opened.commit)


def _open_target(found: Settled, target: Entry, storing: Storing, mode: int) -> WrittenFile | None:
    """The file that is written to; None: it is the one that is read."""
    parent = os.dup(target.parent)
    try:
        existing = _existing(target)
        if existing is None:
            return _new_file(parent, target, storing, mode)
        same = (existing.device, existing.inode) == (found.device, found.inode)
        if not same and storing.overwrite and storing.hidden is None:
            return WrittenFile(existing, target.path, parent=parent, name=target.name, created=False, spared=True)
        os.close(existing.fd)
        if same:
            os.close(parent)
            return None
        if not storing.overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target.path)
        return _new_file(parent, target, storing, mode)
    except BaseException:
        os.close(parent)
        raise


def _new_file(parent: int, target: Entry, storing: Storing, mode: int) -> WrittenFile:
    if storing.hidden is None:
        new = create(parent, target.name, os.O_WRONLY, mode, target.path)
        return WrittenFile(new, target.path, parent=parent, name=target.name, created=True)
    prefix, suffix = map(encode, storing.hidden)
    name = prefix + target.name + suffix
    new = create(parent, name, os.O_WRONLY, mode, target.path)
    return HiddenFile(new, target.path, parent=parent, name=name, final=target.name, overwrite=storing.overwrite)


def _existing(target: Entry) -> Settled | None:
    """The regular file that is there already, open for writing; None: nothing is. Raises `OSError` for all else."""
    flags = os.O_WRONLY | CALM | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return settled(os.open(target.name, flags, dir_fd=target.parent), target.path)
    except FileNotFoundError:
        return None


def copy_bytes(source: int, target: int, pause: Callable[[], None], largest: int | None) -> None:
    """All of an open file, in the kernel where that can. `pause` is called before each piece; beyond `largest` bytes
    (None: any number) it fails. Raises `OSError`.
    """
    copied, within = 0, True
    while True:
        pause()
        try:
            moved = os.copy_file_range(source, target, PIECE) if within else _carry(source, target)
        except OSError as error:
            if not within or copied or error.errno not in _NOT_IN_KERNEL:
                raise
            within = False
            continue
        if not moved:
            return
        copied += moved
        if largest is not None and copied > largest:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))


def _carry(source: int, target: int) -> int:
    """One piece by hand; its size."""
    piece = os.read(source, 1024 * 1024)
    left = memoryview(piece)
    while left:
        left = left[os.write(target, left):]
    return len(piece)


class _Opened:
    """A directory of a walk for the time of a block; not beyond `DEEPEST`."""

    def __init__(self, entry: Entry, depth: int) -> None:
        if depth >= DEEPEST:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), entry.path)
        self._fd = os.open(entry.name, _DIRECTORY, dir_fd=entry.parent)
        try:
            refuse_proc(self._fd, entry.path)
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> int:
        return self._fd

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _entries(above: Entry, directory: int) -> Iterator[Entry]:
    """What is in an open directory, as it is read."""
    with os.scandir(directory) as names:
        for name in names:
            yield above.below(directory, os.fsencode(name.name))

"""Log files: opened to append, one write per entry, shared by all who name the same path.

One `write` on a descriptor opened with O_APPEND puts a whole entry at the end of the file, whichever
process and thread it comes from, so no lock is needed and several logs may be one file. Descriptors are
opened before the fork and before a session gives up its rights; `reopen` (the file was moved away) keeps
the old descriptor where a new one cannot be had.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from typing import Literal


class LogFileError(Exception):
    """A log file cannot be used; `str()` says why in mod_tls's words."""


LONGEST_ENTRY = 64 * 1024
"""Bytes of one entry; the rest is cut off."""


def open_log(path: str, *, mode: int = 0o640, allow_symlink: bool = False) -> int:
    """A descriptor for appending to `path`, created with `mode` when missing.

    Raises `LogFileError`: a parent directory that everybody may write to, a symbolic link (unless
    AllowLogSymlinks), something that is no file, or what the system says.
    """
    _check_parent(path)
    flags = os.O_APPEND | os.O_CREAT | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK
    if not allow_symlink:
        flags |= os.O_NOFOLLOW
        if os.path.islink(path):
            raise LogFileError("cannot log to a symbolic link")
    try:
        fd = _opened(path, flags, mode)
    except OSError as error:
        raise LogFileError(error.strerror or str(error)) from None
    kind = os.fstat(fd).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISCHR(kind) or stat.S_ISFIFO(kind)):
        os.close(fd)
        raise LogFileError("is not a file")
    return fd


def _opened(path: str, flags: int, mode: int) -> int:
    """A FIFO is opened for reading, too, where that is allowed: it needs nobody who reads then, and keeps entries."""
    if _is_fifo(path):
        with contextlib.suppress(PermissionError):
            return os.open(path, os.O_RDWR | flags, mode)
    return os.open(path, os.O_WRONLY | flags, mode)


def _is_fifo(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def _check_parent(path: str) -> None:
    parent = os.path.dirname(path) or "/"
    try:
        status = os.stat(parent)
    except OSError as error:
        raise LogFileError(error.strerror or str(error)) from None
    if status.st_mode & stat.S_IWOTH:
        raise LogFileError("parent directory is world-writable")


class LogFile:
    """An open log file. Any thread may write; the lock keeps `close` from pulling the descriptor away."""

    def __init__(self, path: str, fd: int, *, mode: int = 0o640, allow_symlink: bool = False) -> None:
        self.path = path
        self._fd = fd
        self._mode = mode
        self._allow_symlink = allow_symlink
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return self.path

    def write(self, entry: str) -> None:
        """Appends one entry (it gets its newline here). Raises `OSError`."""
        data = _encode(entry)
        if len(data) > LONGEST_ENTRY:
            data = data[:LONGEST_ENTRY] + b"..."
        self.append(data + b"\n")

    def append(self, data: bytes) -> None:
        """Appends bytes in one write. Raises `OSError`."""
        with self._lock:
            if self._fd < 0:
                return
            os.write(self._fd, data)

    def reopen(self) -> None:
        """Opens the path anew, in place of the old file; raises `LogFileError` and keeps the old one."""
        fresh = open_log(self.path, mode=self._mode, allow_symlink=self._allow_symlink)
        with self._lock:
            self._fd, old = fresh, self._fd
        if old >= 0:
            os.close(old)

    def close(self) -> None:
        """Gives back the descriptor; more than once is harmless."""
        with self._lock:
            if self._fd >= 0:
                fd, self._fd = self._fd, -1
                os.close(fd)


class Stream(LogFile):
    """Standard output or standard error as a log: never opened anew, never closed."""

    def reopen(self) -> None:
        """Where it leads is the business of whoever started us."""

    def close(self) -> None:
        """It stays open."""


def _encode(entry: str) -> bytes:
    """File names may hold bytes that are no UTF-8: they are written as they are."""
    try:
        return entry.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return entry.encode("utf-8", "backslashreplace")


def stream_of(path: str) -> Literal["stdout", "stderr"] | None:
    """Which of the process's own streams a log's `path` means; None: it is a file's."""
    match os.path.normpath(path):
        case "/dev/stdout":
            return "stdout"
        case "/dev/stderr":
            return "stderr"
    return None


class LogFiles:
    """The open log files of a process, one per path."""

    def __init__(self) -> None:
        self._files: dict[str, LogFile] = {}

    def get(self, path: str, *, mode: int = 0o640, allow_symlink: bool = False) -> LogFile:
        """The file at `path`, opened when nobody has yet. Raises `LogFileError`.

        /dev/stdout and /dev/stderr are what they say, whatever they are links to: containers have their logs there.
        """
        key, name = os.path.normpath(path), stream_of(path)
        if name is not None:
            return self.stream(name)
        if key not in self._files:
            fd = open_log(path, mode=mode, allow_symlink=allow_symlink)
            self._files[key] = LogFile(path, fd, mode=mode, allow_symlink=allow_symlink)
        return self._files[key]

    def stream(self, name: Literal["stdout", "stderr"]) -> LogFile:
        """Standard output or error."""
        return self._files.setdefault(name, Stream(name, 1 if name == "stdout" else 2))

    def reopen(self) -> list[str]:
        """Opens all anew; returns what to say about those that could not be."""
        notices = []
        for file in self._files.values():
            try:
                file.reopen()
            except LogFileError as error:
                notices.append(
                    f"notice: unable to reopen log '{file.path}', going on with the old file: {error}")
        return notices

    def close(self) -> None:
        """Closes all."""
        for file in self._files.values():
            file.close()
        self._files.clear()

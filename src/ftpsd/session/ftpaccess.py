"""The .ftpaccess files of a session: found on the way to a path, read with the user's rights inside the jail.

Every directory from the root of the login down to the path may have one. That there is one, and that it has not changed
(device, inode, size, times), is asked again after `FRESH` seconds; what the session itself does to such a file counts
at once. A file that is too large, cannot be read or has wrong lines is a line in the log; what is right in it counts.
Of more than `MOST_FILES` or `MOST_BYTES` on one way the outer ones count, and what is inside is closed.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ftpsd.settings.builder import ftpaccess
from ftpsd.settings.model import DirectorySection
from ftpsd.settings.restrictions import Restrictions
from ftpsd.vfs.base import FileSystem

NAME = ".ftpaccess"
LARGEST = 64 * 1024
"""Bytes of a file; a larger one counts for nothing."""
FRESH = 1.0
"""Seconds for which a directory is not looked at again."""
_MOST_DIRECTORIES = 4096
"""Directories that are remembered: more than are on the way to a place, whose path has at most 4096 bytes."""
MOST_FILES = 64
"""Files on the way to a place. Clients make them, one within the other, and each costs every look at what is inside."""
MOST_BYTES = 8 * LARGEST
"""Bytes of them, all in all: 64 KiB take up to 0.3 s to read, for each session, and nobody writes so many by hand."""
_MOST_HELD = 32 * MOST_BYTES
"""Bytes of all files that are remembered; what is made of them takes up to 25 times as much memory."""

Identity = tuple[int, int, int, int, int]


@dataclass(slots=True)
class _Seen:
    checked: float
    identity: Identity | None = None
    section: DirectorySection | None = None
    closed: DirectorySection | None = None
    """What stands for the file where it is one too many."""
    used: float = 0.0
    unread: str | None = None
    """The real path of the directory, while the file has not been needed: AllowOverride is off there."""

    @property
    def size(self) -> int:
        """Bytes of the file, if it counts."""
        return self.identity[2] if self.identity is not None and self.section is not None else 0


def _on_the_way(virtual: str) -> list[str]:
    """The root, and every path between it and `virtual`, which itself may be a directory or not."""
    if virtual == "/":
        return ["/"]
    found, at = ["/"], virtual.find("/", 1)
    while at > 0:
        found.append(virtual[:at])
        at = virtual.find("/", at + 1)
    return [*found, virtual]


class FtpAccess:
    """What a session knows of the files. `note` takes lines for the log, `changed` is called when one has changed.

    `defines` are the server's, for <IfDefine>.
    """

    def __init__(
        self, store: FileSystem, note: Callable[[str], None], changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic, defines: Collection[str] = (),
    ) -> None:
        self._store = store
        self._note = note
        self._changed = changed
        self._clock = clock
        self._defines = defines
        self._seen: dict[str, _Seen] = {}
        self._held = 0
        self._clear = ("", 0)

    def along(self, real: str, allowed: Callable[[str], bool]) -> tuple[DirectorySection, ...]:
        """The sections of the files on the way to the real path `real`, outer ones first. In the directory of one that
        is too many nothing is allowed: it might have forbidden something.

        `allowed` says by the real path of a directory whether AllowOverride is on there.
        """
        now = self._clock()
        found: list[DirectorySection] = []
        size = 0
        for directory in _on_the_way(self._store.virtual_of(real) or "/"):
            section = self._section(directory, now, allowed)
            if section is None or not allowed(section.path):
                continue
            size += self._seen[directory].size
            if len(found) == MOST_FILES or size > MOST_BYTES:
                return (*found, self._closed(directory, section.path))
            found.append(section)
        return tuple(found)

    def _closed(self, directory: str, real: str) -> DirectorySection:
        seen = self._seen[directory]
        if seen.closed is None:
            self._note(
                f"'{real}' is closed: more than {MOST_FILES} {NAME} files, or {MOST_BYTES // 1024} KiB of them, are on "
                "the way there")
            seen.closed = DirectorySection(real, restrictions=Restrictions(everything="closed"))
        return seen.closed

    def absent(self, path: str, command: int) -> bool:
        """Whether there is certainly no file on the way to the virtual `path`; cheaper than `along`.

        `command` numbers the session's commands: within one the answer stays.
        """
        if self._clear == (path, command):
            return True
        is_directory = self._store.straight_directory(path)
        if is_directory is None:
            return False
        now = self._clock()
        for directory in _on_the_way(path)[:None if is_directory else -1]:
            if self._section(directory, now) is not None:
                return False
        self._clear = (path, command)
        return True

    def forget(self) -> None:
        """The session has written something: everything is looked at again."""
        self._clear = ("", 0)
        for seen in self._seen.values():
            seen.checked = 0.0

    def _section(
        self, directory: str, now: float, allowed: Callable[[str], bool] = lambda real: True,
    ) -> DirectorySection | None:
        """A file that is not `allowed` is not read: it may cost as much as the others, and there may be any number."""
        seen = self._seen.get(directory)
        if seen is None:
            if len(self._seen) >= _MOST_DIRECTORIES:
                self._drop(next(iter(self._seen)))  # the oldest: to drop all would read the whole way again
            seen = self._seen[directory] = _Seen(-math.inf)
        seen.used = now
        if now - seen.checked >= FRESH:
            self._look(directory, seen, now)
        if seen.unread is not None and allowed(seen.unread):
            seen.section, seen.unread = self._read(directory), None
            self._held += seen.size
            self._make_room(now)
            self._changed()
        return seen.section

    def _look(self, directory: str, seen: _Seen, now: float) -> None:
        """Whether there is a file, and still the same."""
        seen.checked = now
        identity = self._identity(directory)
        if identity != seen.identity:
            self._held -= seen.size
            seen.identity, seen.section, seen.closed = identity, None, None
            seen.unread = self._store.real_path(directory) if identity is not None else None
            self._changed()

    def _make_room(self, now: float) -> None:
        """Forgets files that are not on the way that is looked at, the oldest first, while there are too many."""
        if self._held <= _MOST_HELD:
            return
        for directory in [at for at, seen in self._seen.items() if seen.size and seen.used < now]:
            self._drop(directory)
            if self._held <= _MOST_HELD:
                break

    def _drop(self, directory: str) -> None:
        self._held -= self._seen.pop(directory).size

    def _identity(self, directory: str) -> Identity | None:
        try:
            status = self._store.stat(f"{directory.rstrip('/')}/{NAME}")
        except OSError:
            return None
        return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def _read(self, directory: str) -> DirectorySection | None:
        path = f"{directory.rstrip('/')}/{NAME}"
        real = self._store.real_path(directory)
        shown = f"{real.rstrip('/')}/{NAME}"
        try:
            with self._store.open_read(path) as opened:
                data = os.read(opened.fd, LARGEST + 1)
        except OSError as error:
            self._note(f"unable to read '{shown}': {error.strerror or error}")
            return None
        if len(data) > LARGEST:
            self._note(f"'{shown}' is larger than {LARGEST} bytes and does not count")
            return None
        if not data:  # as if it were not there: it does not end the DenyAll of the directories above
            return None
        section, wrong = ftpaccess(
            data.decode("utf-8", "surrogateescape"), shown, real, defines=self._defines)
        for text in wrong:
            self._note(text)
        return section

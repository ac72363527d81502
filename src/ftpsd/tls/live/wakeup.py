"""The kernel's word that something in a directory has changed (inotify(7)). What it was is looked at elsewhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from ftpsd.native._system import open_watch, watch_directory

_EVENTS = 65_536
_MOST_READS = 16


class Wakeup:
    """Readable when one of some directories has changed. `complete` False: some, or all, of them are not watched, and
    whoever wants to know has to look now and then."""

    def __init__(self, directories: Iterable[str]) -> None:
        self.directories = tuple(directories)
        self._fd: int | None = None
        self.complete = False
        with contextlib.suppress(OSError):
            self._fd = open_watch()
            failed = [directory for directory in self.directories if not self._watch(self._fd, directory)]
            self.complete = not failed

    @staticmethod
    def _watch(fd: int, directory: str) -> bool:
        try:
            watch_directory(fd, directory)
        except OSError:
            return False
        return True

    @property
    def fd(self) -> int | None:
        """The descriptor; None: there is none."""
        return self._fd

    def clear(self) -> None:
        """Forgets what has changed so far; what comes in a flood stays for the next time."""
        if self._fd is None:
            return
        with contextlib.suppress(OSError):
            for _ in range(_MOST_READS):
                os.read(self._fd, _EVENTS)

    def close(self) -> None:
        """More than once is harmless."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

"""Turns at a table that is asked and then changed: sessions of all workers take them one after the other."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import threading
import time
from collections.abc import Callable, Iterator

from ftpsd.errors import FtpsdError

PATIENCE = 5.0
"""Seconds that one waits for a table that another process has locked."""

_PAUSE = 0.0002
"""Seconds between two looks whether a record lock is free: most holders have it for microseconds."""


class TableError(FtpsdError):
    """A table cannot be read or written now."""


def record_lock(fd: int, patience: float, *, length: int = 0, start: int = 0, exclusive: bool = True) -> None:
    """Waits for a record lock of the kernel, on the whole file without `length`. Raises `OSError` where it is not to be
    had within `patience` seconds (0: at once), or at all."""
    deadline = time.monotonic() + patience
    kind = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    while True:
        try:
            fcntl.lockf(fd, kind, length, start)
            return
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)


class Lock:
    """A record lock on a whole file and, as that belongs to all threads, a lock of this process.

    `patience`: seconds that one waits for both. `refusal` makes of words what is raised when that takes too long.
    """

    def __init__(
        self, fd: int, patience: float = PATIENCE, refusal: Callable[[str], Exception] = TableError,
    ) -> None:
        self.fd = fd
        self._patience = patience
        self._refusal = refusal
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def held(self, *, exclusive: bool = True) -> Iterator[None]:
        """For the block."""
        deadline = time.monotonic() + self._patience
        if not self._turn.acquire(timeout=self._patience):
            raise self._refusal("the table is busy")
        try:
            try:
                record_lock(self.fd, deadline - time.monotonic(), exclusive=exclusive)
            except OSError as error:
                raise self._refusal(f"the table cannot be locked: {error.strerror}") from None
            try:
                yield
            finally:
                fcntl.lockf(self.fd, fcntl.LOCK_UN)
        finally:
            self._turn.release()

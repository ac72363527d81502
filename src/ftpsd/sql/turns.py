"""Turns at a table that is asked and then changed: sessions of all workers take them one after the other."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import threading
import time
from collections.abc import Iterator

from ftpsd.errors import FtpsdError

PATIENCE = 5.0
"""Seconds that one waits for a table that another process has locked."""


class TableError(FtpsdError):
    """A table cannot be read or written now."""


class Lock:
    """A record lock on a whole file and a lock of this process. Raises `TableError` when that takes too long."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def held(self, *, exclusive: bool = True) -> Iterator[None]:
        """For the block."""
        deadline = time.monotonic() + PATIENCE
        kind = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
        if not self._turn.acquire(timeout=PATIENCE):
            raise TableError("the table is busy")
        try:
            while True:
                try:
                    fcntl.lockf(self._fd, kind)
                    break
                except OSError as error:
                    if error.errno not in (errno.EAGAIN, errno.EACCES) or time.monotonic() > deadline:
                        raise TableError(f"the table cannot be locked: {error.strerror}") from None
                    time.sleep(0.001)
            try:
                yield
            finally:
                fcntl.lockf(self._fd, fcntl.LOCK_UN)
        finally:
            self._turn.release()

"""The PidFile: pid and a newline, there while the server accepts connections."""

from __future__ import annotations

import contextlib
import os


class PidFile:
    """A file that names this process from `write()` to `remove()`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._written: os.stat_result | None = None

    def write(self) -> None:
        """Write it whole or not at all (a reader never sees half a number). Raises `OSError`."""
        draft = f"{self.path}.{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            os.fchmod(fd, 0o644)
            os.write(fd, b"%d\n" % os.getpid())
            self._written = os.fstat(fd)
            os.rename(draft, self.path)
        except OSError:
            os.unlink(draft)
            raise
        finally:
            os.close(fd)

    def remove(self) -> None:
        """Remove it, unless another server has put its own there meanwhile."""
        if self._written is None:
            return
        with contextlib.suppress(OSError):
            if os.path.samestat(os.lstat(self.path), self._written):
                os.unlink(self.path)
        self._written = None

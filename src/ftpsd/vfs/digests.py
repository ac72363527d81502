"""Digests of files, and those that are remembered.

What is remembered belongs to one state of one file: device, inode, size, the times of its last changes. A file system's
clock may stand still while a file changes twice (some milliseconds, on some file systems two seconds), so a file that
was changed just now is not remembered. Whoever asks has opened the file, so that its digest is no secret to him,
whoever had it computed.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict

from ftpsd.native._openssl import Digest, OpenSSLError

__all__ = ["Digest", "DigestMemory", "OpenSSLError", "State", "state"]

_UNSETTLED = 3.0
"""Seconds after a change in which another may have the same time."""

State = tuple[int, ...]
Key = tuple[State, str, int, int]


def state(fd: int) -> State:
    """What tells one content of a file from another."""
    status = os.fstat(fd)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class DigestMemory:
    """The digests that a worker remembers. Any thread may ask."""

    def __init__(self) -> None:
        self._found: OrderedDict[Key, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: Key, age: float) -> str | None:
        """The digest, unless it is older than `age` seconds."""
        with self._lock:
            found = self._found.get(key)
            if found is None:
                return None
            digest, since = found
            if time.monotonic() - since > age:
                del self._found[key]
                return None
            self._found.move_to_end(key)
            return digest

    def put(self, key: Key, digest: str, size: int, *, begun: float) -> None:
        """Remembers a digest among at most `size`; `begun`: when it was begun (seconds since the epoch)."""
        changed = max(key[0][3:]) / 1e9
        if size <= 0 or begun - changed < _UNSETTLED:
            return
        with self._lock:
            self._found[key] = (digest, time.monotonic())
            self._found.move_to_end(key)
            while len(self._found) > size:
                self._found.popitem(last=False)

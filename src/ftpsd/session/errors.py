"""A store's `OSError` as a reply: the same path that the client typed, and the system's words."""

from __future__ import annotations

import errno
import os

from ftpsd.errors import Refusal
from ftpsd.vfs.base import BadRestart, NotRegularFile

_REASONS = {
    errno.ENOENT: "file-not-found",
    errno.EACCES: "file-permission",
    errno.EPERM: "file-permission",
    errno.EEXIST: "file-exists",
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "quota-exceeded",
    errno.EROFS: "file-system-read-only",
}


def refusal(error: OSError, shown: str, code: int = 550) -> Refusal:
    """The refusal for a command about the path `shown` (as the client wrote it)."""
    if isinstance(error, BadRestart):
        return Refusal(554, f"REST: invalid {shown} argument", "restart-beyond-end")
    return Refusal(code, f"{shown}: {words(error)}", reason(error))


def words(error: OSError) -> str:
    """What went wrong, in the system's words."""
    if isinstance(error, NotRegularFile):
        return "Not a regular file"
    return os.strerror(error.errno) if error.errno else str(error)


def reason(error: OSError) -> str:
    """The stable reason code of a file system's refusal."""
    return _REASONS.get(error.errno or 0, "file-error")

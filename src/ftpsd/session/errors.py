"""A store's `OSError` as a reply: the same path that the client typed, and the system's words."""

from __future__ import annotations

import errno
import os

from ftpsd.errors import Refusal
from ftpsd.reasons.codes import Code
from ftpsd.vfs.base import BadRestart, NotRegularFile

_REASONS: dict[int, Code] = {
    errno.ENOENT: Code.FILE_NOT_FOUND,
    errno.EACCES: Code.FILE_PERMISSION,
    errno.EPERM: Code.FILE_PERMISSION,
    errno.EEXIST: Code.FILE_EXISTS,
    errno.ENOSPC: Code.DISK_FULL,
    errno.EDQUOT: Code.QUOTA_EXCEEDED,
    errno.EROFS: Code.FILE_SYSTEM_READ_ONLY,
}


def refusal(error: OSError, shown: str, code: int = 550) -> Refusal:
    """The refusal for a command about the path `shown` (as the client wrote it)."""
    if isinstance(error, BadRestart):
        return Refusal(554, f"REST: invalid {shown} argument", Code.RESTART_BEYOND_END)
    return Refusal(code, f"{shown}: {words(error)}", reason(error))


def words(error: OSError) -> str:
    """What went wrong, in the system's words."""
    if isinstance(error, NotRegularFile):
        return "Not a regular file"
    return os.strerror(error.errno) if error.errno else str(error)


def reason(error: OSError) -> Code:
    """The stable reason code of a file system's refusal."""
    return _REASONS.get(error.errno or 0, Code.FILE_ERROR)

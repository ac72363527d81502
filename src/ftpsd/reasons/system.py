"""What the operating system says, as reason codes."""

from __future__ import annotations

import errno

from ftpsd.reasons.codes import Code

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What the system says (errno) when a process or the machine has none left of what sockets and open files need."""

_CODES: dict[int, Code] = {
    errno.ENOENT: Code.FILE_NOT_FOUND,
    errno.EACCES: Code.FILE_PERMISSION,
    errno.EPERM: Code.FILE_PERMISSION,
    errno.EEXIST: Code.FILE_EXISTS,
    errno.ENOSPC: Code.DISK_FULL,
    errno.EDQUOT: Code.QUOTA_EXCEEDED,
    errno.EFBIG: Code.QUOTA_EXCEEDED,
    errno.EROFS: Code.FILE_SYSTEM_READ_ONLY,
    **dict.fromkeys(EXHAUSTED, Code.SERVER_EXHAUSTED),
}


def code_of(number: int | None) -> Code:
    """The code of the system's refusal of a file with this `errno`."""
    return _CODES.get(number or 0, Code.FILE_ERROR)

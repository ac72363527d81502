"""A store's `OSError` as a reply: the same path that the client typed, and the system's words."""

from __future__ import annotations

import os

from ftpsd.errors import Refusal
from ftpsd.reasons.codes import Code
from ftpsd.reasons.system import EXHAUSTED, code_of
from ftpsd.vfs.base import BadRestart, HiddenFileThere, NotRegularFile


def refusal(error: OSError, shown: str, code: int = 550) -> Refusal:
    """The refusal for a command about the path `shown` (as the client wrote it).

    With another code where the server is to blame and the same may go well later: some clients take 550 for the news
    that there is no such file.
    """
    if isinstance(error, BadRestart):
        return Refusal(554, f"REST: invalid {shown} argument", Code.RESTART_BEYOND_END)
    reason = Code.NOT_A_REGULAR_FILE if isinstance(error, NotRegularFile) else code_of(error.errno)
    if error.errno in EXHAUSTED:
        code = min(code, 451)
    return Refusal(code, f"{shown}: {words(error)}", reason)


def words(error: OSError) -> str:
    """What went wrong, in the system's words."""
    if isinstance(error, NotRegularFile):
        return "Not a regular file"
    if isinstance(error, HiddenFileThere):
        return f"Temporary hidden file {error.filename} already exists"
    return os.strerror(error.errno) if error.errno else str(error)

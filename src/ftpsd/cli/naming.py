"""How whoever reads a message can call the program that printed it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys


def program(called: str | None = None) -> str:
    """Words for a shell that start this very program: `ftpsd` where PATH leads to it, else its path.

    `called` is how it was called, by default this process's argv[0].
    """
    called = sys.argv[0] if called is None else called
    if os.path.basename(called) != "ftpsd":
        return "ftpsd"
    path = os.path.abspath(called)
    found = shutil.which("ftpsd")
    if found is not None and os.path.realpath(found) == os.path.realpath(path):
        return "ftpsd"
    return shlex.quote(path) if os.access(path, os.X_OK) else "ftpsd"

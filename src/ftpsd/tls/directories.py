"""Directories that are made where they are missing."""

from __future__ import annotations

import os

_ABOVE = 0o755


def make(path: str, mode: int = 0o700) -> None:
    """Makes the directory `path` with `mode`, and those above it that are missing with 0755; one that is there stays.

    The server's umask is 0, under which `os.makedirs` would open those above to everybody. Raises `OSError`.
    """
    path = os.path.abspath(path)
    missing = [] if os.path.isdir(path) else [path]
    while missing and not os.path.exists(above := os.path.dirname(missing[-1])):
        missing.append(above)
    for each in reversed(missing):
        try:
            os.mkdir(each, mode if each == path else _ABOVE)
        except FileExistsError:
            if not os.path.isdir(each):  # otherwise another process was faster
                raise

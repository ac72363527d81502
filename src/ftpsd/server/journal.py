"""What the server itself has to say: starts, ends, reloads, notices, dead workers."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time

from ftpsd.settings import Configuration


class Journal:
    """Lines for the administrator: on standard error where `stderr`, and in the SystemLog."""

    def __init__(self, *, stderr: bool) -> None:
        self._stderr = stderr
        self._host = socket.gethostname().partition(".")[0]

    def open(self, configuration: Configuration) -> None:
        """Write to the SystemLog of `configuration` from now on."""

    def say(self, text: str, *, stderr: bool = True) -> None:
        """One message; lines after the first are indented by the caller. Never fails."""
        if self._stderr and stderr:
            now = time.time()
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
            line = f"{stamp},{int(now % 1 * 1000):03d} {self._host} ftpsd[{os.getpid()}]: {text}\n"
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(line)
                sys.stderr.flush()

    def reopen(self) -> None:
        """The log was moved away: write to a new one."""

    def close(self) -> None:
        """Close the log."""

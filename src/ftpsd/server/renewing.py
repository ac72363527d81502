"""Has certificates got and renewed: starts `ftpsd acme` when it is time, and writes down what that says.

An `Attendant` of the supervisor. The program is a process of its own: getting a certificate takes minutes, and threads.
What it gets it puts into the files of the configuration, where `server/certificates.py` finds it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ftpsd.reasons.codes import Code, Good
from ftpsd.server.options import Options
from ftpsd.settings import Configuration
from ftpsd.tls.acme import setup

if TYPE_CHECKING:
    from ftpsd.server.supervisor import Supervisor

FIRST = 2.0
"""Seconds after the start, or a reload, until the first look: whoever reloads often is not to be late."""

LONGEST_RUN = 900.0
"""Seconds that the program may take."""

LATER = 3600.0
"""Seconds until the next attempt when it said nothing about that."""

SOONEST, LONGEST_PAUSE = 60.0, 86_400.0
"""Bounds of what the program may say about that."""

GLANCE, GLANCES = 0.1, 20
"""Seconds between two glances at a program that should end, and how many it has before it is killed."""

AT_THE_END = 0.2
"""Seconds that the end of the server waits for it."""

_MOST_OUTPUT = 262_144
_CHUNK = 65_536

_CODES: Mapping[str, Code] = {code.value: code for code in Code}


def program(options: Options) -> list[str]:
    """The command line of `ftpsd acme` for the configuration that `options` name."""
    defines = [word for name in options.defines for word in ("-D", name)]
    python = [sys.executable, "-B", "-m"]
    return [*python, "ftpsd.cli.main", "acme", "--scheduled", "-c", str(options.config_path()), *defines]


class Renewing:
    """See the module. `command` is the program, `clock` monotonic."""

    def __init__(
        self, command: Sequence[str], supervisor: Supervisor, clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = command
        self._supervisor = supervisor
        self._clock = clock
        self._wanted = False
        self._next: float | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._leaving: subprocess.Popen[bytes] | None = None
        self._deadline = 0.0
        self._output = b""
        self._again = LATER
        self._glances = 0

    def interests(self) -> Mapping[int, int]:
        """See `Attendant`."""
        if self._child is None or self._child.stdout is None:
            return {}
        return {self._child.stdout.fileno(): select.POLLIN}

    def due(self) -> float | None:
        """See `Attendant`."""
        return self._next if self._child is None and self._leaving is None else self._deadline

    def attend(self, ready: Collection[int]) -> None:
        """See `Attendant`."""
        if self._leaving is not None:
            self._bury(self._leaving)
        elif self._child is None:
            if self._next is not None and self._next <= self._clock():
                self._start()
        elif ready:
            self._read(self._child)
        elif self._deadline <= self._clock():
            self._say(f"ftpsd acme took longer than {LONGEST_RUN:.0f} seconds and was ended", Code.ACME_UNREACHABLE)
            self._end()

    def follow(self, configuration: Configuration) -> None:
        """See `Attendant`."""
        self._wanted = setup.wants(configuration)
        self._next = self._clock() + FIRST if self._wanted else None

    def leave(self) -> None:
        """See `Attendant`."""
        for child in filter(None, (self._child, self._leaving)):
            if child.stdout is not None:
                child.stdout.close()
            child.returncode = 0  # it is the supervisor's, not this process's
        self._child = self._leaving = None

    def close(self) -> None:
        """See `Attendant`."""
        if self._child is not None:
            self._end()
        if self._leaving is not None:
            _kill(self._leaving)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._leaving.wait(AT_THE_END)

    # ---- the program

    def _start(self) -> None:
        try:
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/",
                start_new_session=True, umask=0o077)
        except OSError as error:
            self._next = self._clock() + LATER
            self._say(f"unable to start ftpsd acme: {error.strerror}", Code.ACME_UNREACHABLE)
            return
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdout.fileno(), False)
        self._deadline = self._clock() + LONGEST_RUN
        self._output, self._again = b"", LATER

    def _read(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdout is not None
        try:
            data = os.read(child.stdout.fileno(), _CHUNK)
        except BlockingIOError:
            return
        *lines, self._output = (self._output + data).split(b"\n")
        for line in lines:
            self._hear(line)
        if not data or len(self._output) > _MOST_OUTPUT:
            self._end()

    def _hear(self, line: bytes) -> None:
        """A line of the program: JSON, or what Python says when it does not even start."""
        text = line.decode("utf-8", "replace")
        try:
            said = json.loads(text)
            if "again" in said:
                self._again = float(said["again"])
                return
            text, reason = str(said["text"]), _CODES.get(str(said.get("reason")), None)
        except (ValueError, TypeError, KeyError):
            reason = Code.ACME_REFUSED
        self._say(f"ACME: {text}", reason or Good.NOTICE)

    def _end(self) -> None:
        """It has said everything, or takes too long: it may go by itself for a moment."""
        child, self._child = self._child, None
        assert child is not None
        if child.stdout is not None:
            child.stdout.close()
        self._leaving, self._deadline, self._glances = child, self._clock() + GLANCE, 0
        pause = min(max(self._again, SOONEST), LONGEST_PAUSE)
        self._next = self._clock() + pause if self._wanted else None

    def _bury(self, child: subprocess.Popen[bytes]) -> None:
        self._deadline = self._clock() + GLANCE
        if child.poll() is not None:
            self._leaving = None
        elif self._glances == GLANCES:
            _kill(child)
        self._glances += 1

    def _say(self, text: str, reason: Code | Good) -> None:
        self._supervisor.journal.say(text, reason=reason)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """The program, and what it may have started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)

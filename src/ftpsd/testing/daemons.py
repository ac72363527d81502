"""Redis, memcached and others from the system's packages, as processes of a test."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ftpsd.testing.ports import free_port

START_SECONDS = 60.0


def need(program: str) -> str:
    """The program's path; skips the test where it is not installed."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


class Daemon:
    """A process that listens on a port of loopback (or another `address`), until `stop`.

    `command` stands for the program and its arguments, in which `{port}` is replaced; `path` is a local socket on which
    it listens besides. After `stop` it can be started again, on the same port.
    """

    def __init__(
        self, command: Sequence[str], directory: Path, *, address: str = "127.0.0.1", path: str = "",
    ) -> None:
        self.address = address
        self.path = path
        self.port = 0
        self._command = [need(command[0]), *command[1:]]
        self._log = directory / f"{Path(command[0]).name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        for _ in range(5):
            self.port = free_port(address)
            if self._try_start():
                return
        raise AssertionError(f"{command[0]} does not start:\n{self.report()}")

    def start(self) -> None:
        """Again, after `stop`."""
        if not self._try_start():
            raise AssertionError(f"it does not start again:\n{self.report()}")

    def _try_start(self) -> bool:
        words = [word.replace("{port}", str(self.port)) for word in self._command]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if _accepts(self.address, self.port) and (not self.path or _accepts_locally(self.path)):
                return True
            time.sleep(0.01)
        self.stop()
        return False

    def stop(self) -> None:
        """At once and without farewell, as when the machine fails."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def report(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def _accepts(address: str, port: int) -> bool:
    """Whether somebody listens (and not the probe itself, which the kernel may connect with itself)."""
    try:
        with socket.create_connection((address, port), 1) as probe:
            return bool(probe.getsockname() != probe.getpeername())
    except OSError:
        return False


def _accepts_locally(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def redis(directory: Path, *arguments: str, address: str = "127.0.0.1", path: str = "") -> Daemon:
    """A Redis server that keeps nothing on disk."""
    if path:
        arguments = (*arguments, "--unixsocket", path)
    return Daemon(
        ["redis-server", "--port", "{port}", "--bind", address, "--save", "", "--appendonly", "no", "--dir",
         str(directory), *arguments], directory, address=address, path=path)


def memcached(directory: Path, *arguments: str, address: str = "127.0.0.1") -> Daemon:
    """A memcached server."""
    return Daemon(
        ["memcached", "-p", "{port}", "-l", address, "-U", "0", "-u", "nobody", *arguments], directory,
        address=address)

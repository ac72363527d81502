"""Starts `fake_server` as a real process on a socket of the test's."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ftpsd.server.scoreboard import Entry, Scoreboard

TREE = Path(__file__).resolve().parents[2]
PASS_SOCKET = """
import os, sys
fd = int(sys.argv[1])
os.dup2(fd, 3)
if fd != 3:
    os.close(fd)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""
PATIENCE = 40.0


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait for `condition`; fail the test when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    """The workers of a supervisor."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _kept_waiting(process: int | str) -> float:
    """Seconds that the main thread of a process, which may have ended, could have run and was not let; 0: who knows."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


@contextlib.contextmanager
def ends_within(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """What is done here makes `process` end in so many seconds, without those in which the machine was too busy."""
    before, begun = _kept_waiting(process.pid) + _kept_waiting("self"), time.monotonic()
    yield
    how = os.WEXITED | os.WNOHANG | os.WNOWAIT
    until(lambda: os.waitid(os.P_PID, process.pid, how) is not None, "the end")
    took = time.monotonic() - begun
    busy = _kept_waiting(process.pid) + _kept_waiting("self") - before
    assert took - busy < seconds, f"{took:.2f} s, in {busy:.2f} s of which the machine was busy"


class Talk:
    """A connection to the fake service."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._lines = self.sock.makefile("rw", newline="\n")
        self.greeting = self.read()

    @property
    def name(self) -> str:
        """The configuration that serves this session."""
        return self.greeting.split()[1]

    @property
    def worker(self) -> int:
        """The worker that serves this session."""
        return int(self.greeting.split()[2])

    def read(self) -> str:
        """The next line; "" when the connection has ended."""
        try:
            return self._lines.readline().strip()
        except ConnectionError:
            return ""

    def send(self, line: str) -> None:
        self._lines.write(line + "\n")
        self._lines.flush()

    def ask(self, line: str) -> str:
        self.send(line)
        return self.read()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._lines.close()
        self.sock.close()


@dataclass
class Server:
    """The program, its files and its port; not started yet."""

    directory: Path
    listener: socket.socket
    settings: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    talks: list[Talk] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def config(self) -> Path:
        return self.directory / "config.json"

    @property
    def pidfile(self) -> Path:
        return self.directory / "pid"

    @property
    def pid(self) -> int:
        return int(self.pidfile.read_text())

    @property
    def said(self) -> str:
        return (self.directory / "stderr").read_text()

    def write(self, **settings: Any) -> None:
        """Write the configuration; what is not given stays as it was."""
        self.settings |= settings
        defaults = {
            "name": "first", "port": self.port, "pid_file": str(self.pidfile),
            "scoreboard_file": str(self.directory / "scoreboard"),
        }
        self.config.write_text(json.dumps(defaults | self.settings))

    def start(self, *arguments: str, **settings: Any) -> None:
        """Start it in the foreground and wait until it accepts."""
        self.write(**settings)
        self.process = self.launch("-n", *arguments)
        until(lambda: self.pidfile.exists() or self.ended(), "the start")
        assert self.process.poll() is None, self.said

    def launch(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        number = self.listener.fileno()
        program = [sys.executable, "-m", "tests.server.fake_server", str(self.config), *arguments]
        with (self.directory / "stderr").open("ab") as errors:
            return subprocess.Popen(
                [sys.executable, "-ISc", PASS_SOCKET, str(number), *program], stdin=subprocess.DEVNULL,
                stdout=errors, stderr=errors, pass_fds=(number,), cwd=TREE,
                env=dict(os.environ, PYTHONPATH=f"{TREE / 'src'}:{TREE}", **environment),
            )

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def reload(self, **settings: Any) -> None:
        """SIGHUP with a new configuration; returns when the supervisor has said how it went."""
        self.write(**settings)
        before = self._reloads()
        self.signal(signal.SIGHUP)
        until(lambda: self._reloads() > before, "word of the reload")

    def _reloads(self) -> int:
        said = self.said
        return said.count("the new configuration is served") + said.count("nothing has changed")

    def talk(self) -> Talk:
        talk = Talk(self.port)
        self.talks.append(talk)
        return talk

    def await_name(self, name: str) -> Talk:
        """A session under the configuration `name`, once there are such."""
        found: list[Talk] = []

        def served() -> bool:
            talk = self.talk()
            if talk.name == name:
                found.append(talk)
                return True
            self.talks.remove(talk)
            talk.close()
            return False

        until(served, f"sessions under the configuration {name}")
        return found[0]

    def entries(self) -> list[Entry]:
        """Who is on."""
        board = Scoreboard.open(str(self.directory / "scoreboard"))
        try:
            return board.entries()
        finally:
            board.close()


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Server]:
    """A server to start; whatever is left of it is ended afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(directory, listener)
        try:
            yield server
        finally:
            for talk in server.talks:
                talk.close()
            _end(server)


def _end(server: Server) -> None:
    pids = [server.pid] if server.pidfile.exists() else []
    if server.process is not None and server.process.poll() is None:
        pids.append(server.process.pid)
    for pid in {child for parent in pids for child in children(parent)} | set(pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if server.process is not None:
        server.process.wait(PATIENCE)

"""Real server processes for tests: ftpsd, and ProFTPD to compare it with.

ftpsd gets its listening socket from the test as a service manager would pass it (LISTEN_FDS, descriptor
3) and says when it is ready (NOTIFY_SOCKET), so that there are neither port races nor polling. ProFTPD
can do neither: it gets a port that was free a moment ago, and is tried until it accepts.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import ftpsd
from ftpsd.testing.client import ScriptedClient, client_context
from ftpsd.testing.configs import ServerConfig, ServerFiles, User
from ftpsd.testing.ports import free_port
from ftpsd.testing.wire import OPERATION_SECONDS

PROFTPD = Path("/usr/sbin/proftpd")
START_SECONDS = 60.0
STOP_SECONDS = 20.0
GRACE_SECONDS = 10.0
LOG_SECONDS = 20.0
# Gives the listening socket the number 3 and replaces itself with the server.
PASS_SOCKET = """\
import os, sys
fd = int(sys.argv[1])
if fd != 3:
    os.dup2(fd, 3)
    os.close(fd)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServerFault(AssertionError):
    """The server did not start, did not stop, crashed, or logged a panic."""


@dataclass
class RunningServer:
    """A server under test. `authority`: the PEM file that clients have to trust."""

    kind: str
    process: subprocess.Popen[bytes]
    files: ServerFiles
    config: ServerConfig
    authority: Path
    clients: list[ScriptedClient] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The address that it listens on."""
        return self.config.address

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self.config.port

    def context(self, version: str | None = None) -> ssl.SSLContext:
        """A client context that trusts the server, pinned to one TLS version if given."""
        return client_context(self.authority, version=version)

    def client(
        self, version: str | None = None, *, context: ssl.SSLContext | None = None, tls: bool = True,
        timeout: float = OPERATION_SECONDS, single_use: bool = False,
    ) -> ScriptedClient:
        """A new control connection; nothing read yet. It is closed with the server."""
        chosen = (context or self.context(version)) if tls else None
        client = ScriptedClient(
            self.address, self.port, context=chosen, timeout=timeout, single_use=single_use
        )
        self.clients.append(client)
        return client

    def worker_of(self, client_port: int, *, timeout: float = LOG_SECONDS) -> int:
        """The pid of the worker that has accepted the connection from that port of a client."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            inode = _socket_inode(self.port, client_port)
            for pid in _processes_of_session(self.process.pid) if inode else ():
                if f"socket:[{inode}]" in _descriptors(pid):
                    return pid
            time.sleep(0.01)
        raise AssertionError(f"no worker has the connection from port {client_port}")

    def home(self, user: str = "alice") -> Path:
        """The home directory of a user."""
        return self.files.home(user)

    def give(self, name: str, data: bytes = b"", *, user: str = "alice") -> Path:
        """Make a file in a user's home that belongs to the user (missing directories too)."""
        owner = self._user(user)
        path = self.home(user) / name
        for above in reversed(path.relative_to(self.home(user)).parents[:-1]):
            directory = self.home(user) / above
            if not directory.exists():
                directory.mkdir()
                owner.own(directory)
        path.write_bytes(data)
        owner.own(path)
        return path

    def give_directory(self, name: str, *, user: str = "alice") -> Path:
        """Make a directory in a user's home that belongs to the user."""
        path = self.home(user) / name
        path.mkdir()
        self._user(user).own(path)
        return path

    def tls_log(self) -> list[str]:
        """The TLSLog's lines; whole ones, as the last may still be on its way."""
        return _lines(self.files.tls_log, whole=True)

    def system_log(self) -> list[str]:
        """The SystemLog's lines, whole ones."""
        return _lines(self.files.system_log, whole=True)

    def wait_for_log(self, text: str, *, log: str = "tls", timeout: float = LOG_SECONDS) -> str:
        """The first line of a log (`tls` or `system`) that has `text`, which may still be to come."""
        deadline = time.monotonic() + timeout
        while True:
            lines = self.tls_log() if log == "tls" else self.system_log()
            for line in lines:
                if text in line:
                    return line
            if time.monotonic() > deadline:
                raise AssertionError(f"no {text!r} in the {log} log:\n" + "\n".join(lines[-40:]))
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send the server process a signal."""
        self.process.send_signal(number)

    def stop(self) -> None:
        """SIGTERM; fail unless it ends in time, leaves no process and logged no traceback or panic."""
        for client in self.clients:
            with contextlib.suppress(OSError):
                client.close("fin")
        late = _end(self.process)
        left = _left_behind(self.process.pid)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        problems = []
        if late:
            problems.append(f"did not end within {STOP_SECONDS} s of SIGTERM")
        if left:
            problems.append(f"left processes behind: {left}")
        problems += self._faults()
        if problems:
            raise ServerFault(f"{self.kind} " + "; ".join(problems) + self.report())

    def report(self) -> str:
        """The ends of standard error and the logs, for a failing test's message."""
        parts = []
        for path in (self.files.stderr, self.files.system_log, self.files.tls_log):
            parts.append(f"\n--- {path.name}\n" + "\n".join(_lines(path)[-40:]))
        return "".join(parts)

    def _faults(self) -> list[str]:
        """What ftpsd must never write; ProFTPD says "panic" about clients, too."""
        faults: list[str] = []
        if self.kind != "ftpsd":
            return faults
        if any("Traceback (most recent call last)" in line for line in _lines(self.files.stderr)):
            faults.append("wrote a traceback")
        for log in (self.files.system_log, self.files.tls_log):
            if any(_is_fault(line) for line in _lines(log)):
                faults.append(f"panicked in {log.name}")
        return faults

    def _user(self, name: str) -> User:
        return next(user for user in self.config.users if user.name == name)


@contextlib.contextmanager
def server_directory() -> Iterator[ServerFiles]:
    """A directory that every user may pass through (pytest's own is closed to others)."""
    path = Path(tempfile.mkdtemp(prefix="ftpsd-test-"))
    path.chmod(0o755)
    try:
        yield ServerFiles(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def start_ftpsd(
    config: ServerConfig, files: ServerFiles, authority: Path, *, arguments: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> RunningServer:
    """Start `ftpsd -n -q -c FILE`, with more in its environment, and wait until it is ready. Raises `ServerFault`."""
    with _listener(config.address) as listener:
        config = replace(config, port=listener.getsockname()[1], dialect="ftpsd")
        config.write(files)
        process, ready = _launch_with_socket(listener, files, arguments, environment or {})
    server = RunningServer("ftpsd", process, files, config, authority)
    with ready:
        _await_ready(server, ready)
    return server


def _launch_with_socket(
    listener: socket.socket, files: ServerFiles, arguments: tuple[str, ...], more: Mapping[str, str],
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify = files.directory / "notify"
    ready.bind(str(notify))
    notify.chmod(0o777)
    environment = {**os.environ, **more, "NOTIFY_SOCKET": str(notify), "PYTHONPATH": _import_path()}
    server = [sys.executable, "-m", "ftpsd.cli.main", "-n", "-q", "-c", str(files.configuration)]
    command = [sys.executable, "-I", "-S", "-c", PASS_SOCKET, str(listener.fileno()), *server, *arguments]
    with files.stderr.open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, env=environment,
            pass_fds=(listener.fileno(),), start_new_session=True, cwd="/",
        )
    return process, ready


def _await_ready(server: RunningServer, ready: socket.socket) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if select.select([ready], [], [], 0.1)[0]:
            if b"READY=1" in ready.recv(4096):
                return
        elif server.process.poll() is not None:
            raise ServerFault(f"ftpsd ended with {server.process.returncode} at start" + server.report())
    _end(server.process)
    raise ServerFault(f"ftpsd was not ready within {START_SECONDS} s" + server.report())


def start_proftpd(config: ServerConfig, files: ServerFiles, authority: Path) -> RunningServer:
    """Start the real ProFTPD with the same configuration. Raises `ServerFault`."""
    for _ in range(5):
        chosen = replace(config, port=free_port(config.address), dialect="proftpd")
        chosen.write(files)
        with files.stderr.open("wb") as errors:
            process = subprocess.Popen(
                [str(PROFTPD), "-n", "-q", "-c", str(files.configuration)], stdin=subprocess.DEVNULL,
                stdout=errors, stderr=errors, start_new_session=True, cwd="/",
            )
        server = RunningServer("proftpd", process, files, chosen, authority)
        if _accepts(server):
            return server
    raise ServerFault("proftpd did not start" + server.report())


def _accepts(server: RunningServer) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection((server.address, server.port), 1).close()
            return True
        time.sleep(0.02)
    _end(server.process)
    return False


def _end(process: subprocess.Popen[bytes]) -> bool:
    """SIGTERM, then SIGKILL; whether the latter was needed."""
    if process.poll() is not None:
        return False
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
        return True


def _left_behind(session: int) -> list[int]:
    """Processes of the server that are still there a moment after its end."""
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := _processes_of_session(session)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _processes_of_session(session: int) -> list[int]:
    """Processes that still are in the session that the server's process was the leader of."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def _socket_inode(local: int, remote: int) -> int:
    """The number of the connected TCP socket with these ports; 0: nobody has one (yet)."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            ports = [int(fields[number].rpartition(":")[2], 16) for number in (1, 2)]
            if ports == [local, remote] and fields[9] != "0":  # 0: one that was closed, from another address
                return int(fields[9])
    return 0


def _descriptors(pid: int) -> set[str]:
    """What the open descriptors of a process lead to."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(entry.path))
    return found


def _is_fault(line: str) -> bool:
    """mod_tls says "panic" of a client that breaks the TLS protocol, and so must ftpsd."""
    return "Traceback" in line or ("panic" in line and "panic: SSL_ERROR_" not in line)


def _listener(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, 0))
    listener.listen(128)
    return listener


def _import_path() -> str:
    package = str(Path(ftpsd.__file__).parent.parent)
    return os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))


def _lines(path: Path, *, whole: bool = False) -> list[str]:
    with contextlib.suppress(OSError):
        text = path.read_text("utf-8", "replace")
        return (text.rpartition("\n")[0] if whole else text).splitlines()
    return []

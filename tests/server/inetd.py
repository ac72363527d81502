"""An inetd for tests: it accepts connections and starts ftpsd for each, with the connection as its descriptors."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ftpsd.testing.client import ScriptedClient, client_context
from ftpsd.testing.configs import ServerConfig, ServerFiles
from ftpsd.testing.server import PASS_SOCKET, server_directory

TREE = Path(__file__).resolve().parents[2]
PATIENCE = 20.0
FTPSD = (sys.executable, "-m", "ftpsd.cli.main")


@dataclass
class Inetd:
    """`way`: `stdio` (0, 1 and 2 are the connection), `stdin` (0 and 1; 2 is a file), `listen-fds` (3),
    `both` (0, 1, and 3, as systemd with StandardInput=socket)."""

    listener: socket.socket
    files: ServerFiles
    authority: Path
    way: str = "stdio"
    arguments: Sequence[str] = ()
    program: Sequence[str] = FTPSD
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    started: threading.Condition = field(default_factory=threading.Condition)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        """Until the listener is shut down."""
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock, self.started:
                self.processes.append(start(sock, self.files, self.way, (*self.program, *self.arguments)))
                self.started.notify_all()

    def client(self, version: str | None = None, *, tls: bool = True, timeout: float = PATIENCE) -> ScriptedClient:
        """A new control connection; nothing read yet."""
        context = client_context(self.authority, version=version) if tls else None
        return ScriptedClient("127.0.0.1", self.port, context=context, timeout=timeout)

    def process(self, number: int = -1) -> subprocess.Popen[bytes]:
        """The process of a connection, the last one's by default."""
        wanted = number + 1 if number >= 0 else 1
        with self.started:
            assert self.started.wait_for(lambda: len(self.processes) >= wanted, PATIENCE), "nothing was started"
            return self.processes[number]

    def status(self, number: int = -1) -> int:
        """Its exit status."""
        return self.process(number).wait(PATIENCE)

    def log(self) -> str:
        """The SystemLog."""
        return self.files.system_log.read_text() if self.files.system_log.exists() else ""

    def said(self) -> str:
        """What came out of standard error, where that is not the connection."""
        return self.files.stderr.read_text() if self.files.stderr.exists() else ""


def start(
    sock: socket.socket, files: ServerFiles, way: str, program: Sequence[str],
) -> subprocess.Popen[bytes]:
    """The program with `sock` handed over in one of the ways."""
    command = [*program, "-c", str(files.configuration)]
    environment = {**os.environ, "PYTHONPATH": str(TREE / "src")}
    number = sock.fileno()
    with files.stderr.open("ab") as errors:
        if way in ("listen-fds", "both"):
            command = [sys.executable, "-I", "-S", "-c", PASS_SOCKET, str(number), *command]
            return subprocess.Popen(
                command, stdin=number if way == "both" else subprocess.DEVNULL,
                stdout=number if way == "both" else errors, stderr=errors, env=environment, pass_fds=(number,), cwd="/",
                start_new_session=True)
        return subprocess.Popen(
            command, stdin=number, stdout=number, stderr=number if way == "stdio" else errors, env=environment,
            cwd="/", start_new_session=True)


@contextlib.contextmanager
def inetd(
    config: ServerConfig, authority: Path, *, way: str = "stdio", arguments: Sequence[str] = (), mapped: bool = False,
    every: bool = False, serves: bool = True, program: Sequence[str] = FTPSD,
) -> Iterator[Inetd]:
    """An inetd on a port of its own; what it started is gone afterwards. `mapped`: it listens to IPv4 through IPv6,
    `every`: to all addresses of IPv4; not `serves`: somebody else accepts connections."""
    listener = _listener("0.0.0.0" if every else "::" if mapped else "127.0.0.1")
    with server_directory() as files, listener:
        port = int(listener.getsockname()[1])
        own = ("ServerType inetd", *(line.replace("@PORT@", str(port)) for line in config.directives))
        replace(config, port=port, directives=own).write(files)
        server = Inetd(listener, files, authority, way, arguments, program)
        thread = threading.Thread(target=server.serve)
        if serves:
            thread.start()
        try:
            yield server
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            if serves:
                thread.join(PATIENCE)
            for process in server.processes:
                process.kill()
                process.wait(PATIENCE)


def _listener(address: str) -> socket.socket:
    if ":" not in address:
        return socket.create_server((address, 0))
    return socket.create_server((address, 0), family=socket.AF_INET6, dualstack_ipv6=True)

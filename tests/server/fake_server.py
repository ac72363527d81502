"""A server program with a service that talks little: `python -m tests.server.fake_server CONFIG [-n]`.

CONFIG is JSON: what `Settings` fields to set, read anew at each reload. The name of the server says what goes
wrong: `bad-file` (does not load), `bad-service` (prepare refuses), `bug` (prepare fails), `bad-worker`, `bad-thread`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import IO

from ftpsd.access.closing import Closing, Stage
from ftpsd.errors import ConfigError
from ftpsd.ftp.phase import Phase
from ftpsd.native._openssl import Digest
from ftpsd.server import supervisor
from ftpsd.server.options import Options
from ftpsd.server.slot import Slot
from ftpsd.settings import Configuration, Host, Settings
from ftpsd.settings.core import CoreSettings
from ftpsd.settings.limits import LimitSettings
from ftpsd.settings.server import STANDALONE, ServerSettings
from ftpsd.tls.live.facts import Served


def read(options: Options) -> Configuration:
    """The configuration in the JSON file."""
    given = json.loads(Path(options.config_path()).read_text())
    if given["name"] == "bad-file":
        raise ConfigError("unknown configuration directive 'Foo'")
    server = ServerSettings(
        workers=given.get("workers", 2), pid_file=given.get("pid_file"), use_ipv6=False,
        scoreboard_file=given.get("scoreboard_file"), socket_bind_tight=True,
        server_type=given.get("server_type", STANDALONE),
    )
    settings = Settings(
        core=CoreSettings(port=given["port"], server_name=given["name"]), server=server,
        limits=LimitSettings(max_instances=given.get("max_instances")),
    )
    return Configuration(hosts=(Host(settings=settings, addresses=("127.0.0.1",)),))


def _gave_way() -> int:
    """How often a digest that looks once whether a command waits gives way to it.

    (Once: on a busy machine a program with the least priority may wait for seconds when it lets go of the processor.)
    """
    digest, size = Digest("crc32"), (4 << 20) + 1
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        digest.run(file.fileno(), size)
    return digest.gave_way


class TalkingService:
    """Answers lines; see `_answer`."""

    def __init__(self, configuration: Configuration) -> None:
        self.notices: list[str] = []
        self._name = configuration.hosts[0].settings.core.server_name
        self._sockets: dict[socket.socket, Slot] = {}
        self._level = 0
        self._stopped = threading.Event()
        self._log: IO[str] | None = None
        self._reopened = 0

    def prepare(self) -> None:
        self._log = open(os.devnull)  # noqa: SIM115 - held until close()
        if self._name == "bad-service":
            raise ConfigError("the certificate does not match the key", directive="TLSRSACertificateKeyFile")
        if self._name == "bug":
            raise ValueError("a bug")

    def start_worker(self) -> None:
        if self._name == "bad-worker":
            raise ConfigError("workers cannot start")
        if self._name == "bad-thread":
            raise RuntimeError("can't start new thread")

    def serve(self, sock: socket.socket, slot: Slot) -> None:
        with sock, sock.makefile("rw", newline="\n") as lines:
            self._sockets[sock] = slot
            slot.update(user="somebody", phase=Phase.IDLE)
            self._say(lines, f"220 {self._name} {os.getpid()}")
            try:
                for line in lines:
                    slot.update(command=line.strip())
                    self._say(lines, self._answer(line.strip()))
            except (OSError, ValueError):
                if not self._stopped.is_set():
                    raise
            finally:
                del self._sockets[sock]

    def _say(self, lines: IO[str], text: str) -> None:
        lines.write(text + "\n")
        lines.flush()

    def _answer(self, line: str) -> str:
        if line == "DIE":
            os.kill(os.getpid(), signal.SIGKILL)
        if line == "CRASH":
            raise RuntimeError("a session's bug")
        if line == "HANG":
            while True:
                time.sleep(0.05)
        if line == "REOPENED":
            return f"200 {self._reopened}"
        if line == "LEVEL":
            return f"200 {self._level}"
        if line == "DESCRIPTORS":
            return f"200 {len(os.listdir('/proc/self/fd'))}"
        if line == "DIGEST":
            return f"200 {_gave_way()}"
        return f"200 {line}"

    def stop(self) -> None:
        self._stopped.set()
        for sock in tuple(self._sockets):
            sock.shutdown(socket.SHUT_RDWR)

    def dismiss(self, slots: Collection[Slot], text: str) -> None:
        for sock, slot in tuple(self._sockets.items()):
            if slot in slots:
                sock.sendall(f"421 {text}\n".encode())
                sock.shutdown(socket.SHUT_RD)

    def announce(self, closing: Closing | None, stage: Stage) -> None:
        self._level = 100 + stage

    def trace(self, kind: str, name: str, seconds: float, fd: int) -> None:
        os.write(fd, f"{kind} {name} {seconds}\n".encode())
        os.close(fd)

    def certificates(self) -> tuple[Served, ...]:
        return ()

    def set_debug_level(self, level: int) -> None:
        self._level = level

    def forget_names(self) -> None:
        self._level = -1

    def reopen_logs(self) -> None:
        self._reopened += 1

    def settle(self, seconds: float) -> None:
        pass

    def close(self) -> None:
        if self._log is not None:
            self._log.close()


if __name__ == "__main__":
    asked = Options(config=sys.argv[1], foreground="-n" in sys.argv, quiet="-q" in sys.argv)
    sys.exit(supervisor.run(asked, TalkingService, loader=read))

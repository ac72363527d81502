"""A control server without a server behind it, driven turn by turn."""

from __future__ import annotations

import dataclasses
import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from ftpsd.ctl.endpoint import user_name
from ftpsd.ctl.server import ControlServer
from ftpsd.server.orders import Order
from ftpsd.server.scoreboard import Scoreboard
from ftpsd.server.supervisor import Supervisor
from ftpsd.settings import Configuration
from tests.settings.support import configuration

ME = user_name(os.getuid())
DEADLINE = 10.0


class Journal:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str, *, console: bool = True) -> None:
        self.said.append(text)


class FakeSupervisor:
    """What actions ask of a supervisor, taken note of."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = self.base = configuration
        self.board = Scoreboard.create()
        self.journal = Journal()
        self.orders: list[Order] = []
        self.restarts = 0
        self.shut: list[float | None] = []
        self.fails: Exception | None = None
        self.service: object = None

    def command(self, order: Order, fds: Sequence[int] = ()) -> None:
        self.orders.append(order)

    def adopt(self, configuration: Configuration) -> None:
        if self.fails is not None:
            raise self.fails
        self.configuration = configuration

    def restart(self) -> None:
        if self.fails is not None:
            raise self.fails
        self.configuration = self.base
        self.restarts += 1

    def shut_down(self, seconds: float | None = 0.0) -> None:
        self.shut.append(seconds)


class Desk:
    """The control server at `path`, and everybody who is connected to it."""

    def __init__(self, supervisor: FakeSupervisor, path: Path) -> None:
        self.supervisor = supervisor
        self.path = path
        self.server = ControlServer(cast(Supervisor, supervisor))
        self.server.follow(supervisor.configuration)
        self.clients: list[socket.socket] = []

    def turn(self, seconds: float = 0.05) -> None:
        """What the supervisor's loop does."""
        poll = select.poll()
        for fd, mask in self.server.interests().items():
            poll.register(fd, mask)
        self.server.attend({fd for fd, _ in poll.poll(seconds * 1000)})

    def connect(self, name: str | None = None) -> socket.socket:
        """`name`: of the client's end."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.clients.append(client)
        if name is not None:
            client.bind(name)
        client.connect(str(self.path))
        client.setblocking(False)
        return client

    def receive(self, client: socket.socket) -> bytes:
        """All that comes until the server closes; turns the server meanwhile."""
        data, deadline = b"", time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            self.turn(0.01)
            try:
                chunk = client.recv(1 << 16)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                return data
            if not chunk:
                return data
            data += chunk
        raise AssertionError("the server does not close")

    def send(self, *words: str, name: str | None = None) -> socket.socket:
        """A client that asks; the bytes are made here, not by the code under test."""
        client = self.connect(name)
        strings = [word.encode() for word in words]
        client.sendall(struct.pack("=iI", 0, len(words)) + b"".join(struct.pack("=I", len(s)) + s for s in strings))
        return client

    def ask(self, *words: str) -> tuple[int, list[str]]:
        """Status and lines of an answer."""
        return parse(self.receive(self.send(*words)))


def parse(data: bytes) -> tuple[int, list[str]]:
    """A message; fails for anything else."""
    status, count = struct.unpack_from("=iI", data)
    at, lines = 8, []
    for _ in range(count):
        (length,) = struct.unpack_from("=I", data, at)
        lines.append(data[at + 4 : at + 4 + length].decode())
        at += 4 + length
    assert at == len(data)
    return status, lines


@contextmanager
def desk(directory: Path, *lines: str, more: str = "") -> Iterator[Desk]:
    """A desk; `lines` of server config; by default everything is allowed to whoever runs the test."""
    path = directory / "controls"
    allowing = [f"{name} all allow user {ME}" for name in ("ControlsACLs", "AdminControlsACLs", "TLSControlsACLs")]
    text = "\n".join([f"ControlsSocket {path}", "Port 2121", "DefaultAddress 127.0.0.1", *allowing, *lines, more])
    made = Desk(FakeSupervisor(configuration(text)), path)
    try:
        yield made
    finally:
        for client in made.clients:
            client.close()
        made.server.close()
        made.supervisor.board.close()
        assert not path.exists()


def changed(configuration: Configuration, **fields: Any) -> Configuration:
    """A configuration with other settings of the control socket."""
    host = configuration.hosts[0]
    controls = dataclasses.replace(host.settings.controls, **fields)
    settings = dataclasses.replace(host.settings, controls=controls)
    hosts = (dataclasses.replace(host, settings=settings), *configuration.hosts[1:])
    return dataclasses.replace(configuration, hosts=hosts)

"""A worker's accept loop in the test's own process: what it survives."""

from __future__ import annotations

import _thread
import os
import select
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from ftpsd.server import orders, worker
from ftpsd.server.contract import Service
from ftpsd.server.journal import Journal
from ftpsd.server.listeners import Listeners
from ftpsd.server.orders import DebugLevel, Order, Watch
from ftpsd.server.scoreboard import Scoreboard
from ftpsd.server.slot import Slot
from ftpsd.server.worker import Place, Worker
from tests.server.harness import PATIENCE, until


class Desk:
    """A worker that waits to be driven, and everything around it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.level = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.board = Scoreboard.create()
        self.channel, theirs = orders.channel()
        self.commands = select.epoll()
        self._theirs = theirs
        self.worker = Worker(
            cast(Service, self), cast(Listeners, SimpleNamespace(sockets={"here": self.listener})),
            Place(self.board, 0, (0,), -1, theirs, self.commands), cast(Journal, self))
        self.worker._start_accepting()

    def say(self, text: str) -> None:
        self.said.append(text)

    def trace(self, kind: str, name: str, seconds: float, fd: int) -> None:
        os.close(fd)
        raise RuntimeError("can't start new thread")

    def set_debug_level(self, level: int) -> None:
        self.level = level

    def serve(self, sock: socket.socket, slot: Slot) -> None:
        sock.sendall(b"220 ")
        sock.close()

    def client(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.listener.getsockname()[1]), timeout=PATIENCE)

    def order(self, order: Order, *fds: int) -> None:
        """What the supervisor sends is taken."""
        socket.send_fds(self.channel, [orders.encode(order)], fds)
        self.worker._take_orders()

    def close(self) -> None:
        for each in (self.listener, self.channel, self._theirs, self.commands, self.worker._epoll, self.board):
            each.close()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(worker, "SignalQueue", lambda *numbers: SimpleNamespace(fileno=lambda: -1))
    made = Desk()
    yield made
    made.close()


def test_an_order_that_fails_ends_no_worker(desk: Desk) -> None:
    reader, writer = os.pipe()
    desk.order(Watch("user", "alice", 1.0), writer)
    os.close(writer)
    assert os.read(reader, 1) == b"", "nobody else has the pipe"
    os.close(reader)
    (said,) = desk.said
    assert said.startswith("a defect in ftpsd, please report it:")
    assert "can't start new thread" in said
    desk.order(DebugLevel(7))
    assert desk.level == 7


THREADS = "can't start new thread; raise the limit of threads (ulimit -u) or lower MaxInstances"
MEMORY = "out of memory; raise the limit of memory (ulimit -v, MemoryMax) or lower MaxInstances"


@pytest.mark.parametrize(("owner", "name", "error", "why", "waits"), [
    (_thread, "start_new_thread", RuntimeError("can't start new thread"), THREADS, False),
    (_thread, "start_new_thread", MemoryError(), MEMORY, False), (Scoreboard, "acquire", MemoryError(), MEMORY, False),
    (Worker, "_count", MemoryError(), MEMORY, False), (socket.socket, "accept", MemoryError(), MEMORY, True),
])
def test_what_is_short_for_a_moment_ends_no_worker(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, error: Exception, why: str, waits: bool,
) -> None:
    """The client is turned away, or waits in the kernel's queue; the next one is served."""
    whole, left = getattr(owner, name), [error]

    def fail_once(*given: object) -> object:
        if left:
            raise left.pop()
        return whole(*given)

    monkeypatch.setattr(owner, name, fail_once)
    with desk.client() as first:
        desk.worker._turn()
        assert desk.said == [f"unable to accept connections for the moment: {why}"]
        assert not desk.worker._accepting
        assert desk.board.count == 0
        assert not desk.worker._sessions
        assert waits or first.recv(1) == b""
        desk.worker._resume_at = 0.0
        with desk.client() as second:
            desk.worker._turn()
            assert (first if waits else second).recv(4) == b"220 "
    until(lambda: not desk.worker._sessions, "the end of the session")
    with desk.worker._changed:  # its thread has nothing more to do with the scoreboard
        assert desk.board.count == 0

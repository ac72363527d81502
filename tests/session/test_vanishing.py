"""Clients that vanish leave nothing behind: no thread, no descriptor, no place on the scoreboard (DESIGN.md
5.4).
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import ssl
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpsd.server.scoreboard import Scoreboard
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from ftpsd.testing.wire import Ending

SESSIONS = 1000
DEADLINE = 60.0
LIMITS = [
    "TimeoutLogin 10", "TimeoutIdle 10", "Workers 2", "MaxInstances none",
]
TLS = ["TLSRequired on", "TLSTimeoutHandshake 10"]
# Long enough for a client that is slow because the machine is busy.


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def held(server: RunningServer) -> tuple[int, int]:
    """(threads, sockets) of all workers."""
    threads = sockets = 0
    for worker in children(server.process.pid):
        threads += len(os.listdir(f"/proc/{worker}/task"))
        for descriptor in os.listdir(f"/proc/{worker}/fd"):
            with contextlib.suppress(OSError):
                sockets += os.readlink(f"/proc/{worker}/fd/{descriptor}").startswith("socket:")
    return threads, sockets


def on_scoreboard(server: RunningServer) -> int:
    board = Scoreboard.open(str(server.files.directory / "scoreboard"))
    try:
        return len(board.entries())
    finally:
        board.close()


def assert_nothing_is_left(server: RunningServer, before: tuple[int, int]) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if held(server) <= before and on_scoreboard(server) == 0:
            return
        time.sleep(0.05)
    pytest.fail(f"before {before}, now {held(server)}, on the scoreboard {on_scoreboard(server)}{server.report()}")


def reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def half_handshake(server: RunningServer, context: ssl.SSLContext) -> socket.socket:
    client = ScriptedClient(server.address, server.port, context=context, timeout=10)
    client.connect()
    client.expect(234, "AUTH TLS")
    client.control.begin_tls(context)
    return client.control.socket


def logged_in(server: RunningServer, context: ssl.SSLContext) -> socket.socket:
    client = ScriptedClient(server.address, server.port, context=context, timeout=10)
    client.begin()
    client.send_line("PASV")
    return client.control.socket


@pytest.mark.timeout(240)
@pytest.mark.parametrize("vanish", [half_handshake, logged_in])
def test_a_thousand_clients_that_vanish_leave_nothing(
    ftps_server: ServerFactory, tls_version: str,
    vanish: Callable[[RunningServer, ssl.SSLContext], socket.socket],
) -> None:
    """A third resets, a third closes, a third stays silent until the server's deadlines pass."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    server = ftps_server(tls=TLS, directives=LIMITS)
    context = server.context(tls_version)
    before = held(server)
    silent: list[socket.socket] = []
    for number in range(SESSIONS):
        sock = vanish(server, context)
        if number % 3 == 0:
            reset(sock)
        elif number % 3 == 1:
            sock.close()
        else:
            silent.append(sock)
    assert_nothing_is_left(server, before)
    for sock in silent:
        sock.close()
    with server.client(tls_version).begin() as client:
        client.expect(257, "PWD")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_upload_whose_control_connection_is_reset_is_logged(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server()
    client = server.client(tls_version).begin()
    connection = client.data()
    client.send_line("STOR file")
    client.expect(150)
    stream = connection.handshake()
    stream.write(b"x" * 100_000)
    client.expect(200, "NOOP")  # the transfer runs
    reset(client.control.socket)
    server.wait_for_log("FTP session closed", log="system")
    line = server.files.transfer_log.read_text()
    assert "/file b _ i r alice ftps 0 * i" in line


@pytest.mark.parametrize("ending", ["fin", "rst"])
@pytest.mark.parametrize("tls", [True, False])
def test_a_client_that_goes_while_more_commands_wait_than_are_read_is_not_waited_for(
    ftps_server: ServerFactory, tls_version: str, tls: bool, ending: Ending,
) -> None:
    """Its end lies behind what is not read, so that only the kernel can tell of it."""
    server = ftps_server(tls=["TLSRequired off"], directives=["Workers 1", "HiddenStores on"])
    before = held(server)
    with server.client(tls_version, tls=tls).begin() as client:
        client.send(b"EPSV\r\nSTOR x\r\n" + b"NOOP\r\n" * 1000)
        client.expect(229)
        client.close(ending)
    assert_nothing_is_left(server, before)
    assert not list(server.home().iterdir())

"""A server that listens, whatever its standard streams are: a connection, or nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO

import pytest

from ftpsd.testing.configs import ServerConfig, ServerFiles
from ftpsd.testing.ports import free_port
from ftpsd.testing.server import server_directory
from tests.server.harness import alive, until
from tests.server.inetd import PATIENCE, TREE

CLOSE = 'exec "$@" 0<&- 1>&- 2>&-'


@contextlib.contextmanager
def started(
    before: Sequence[str] = (), streams: int | IO[bytes] | None = subprocess.DEVNULL, *options: str,
) -> Iterator[tuple[ServerFiles, int, subprocess.Popen[bytes]]]:
    with server_directory() as files:
        config = replace(ServerConfig(None), port=free_port())
        config.write(files)
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "ftpsd.cli.main", "-c", str(files.configuration), *options],
            stdin=streams, stdout=streams, stderr=streams, cwd="/",
            env={**os.environ, "PYTHONPATH": str(TREE / "src")})
        try:
            yield files, config.port, process
        finally:
            process.terminate()
            process.wait(PATIENCE)


def greets(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        return sock.recv(4).startswith(b"220")
    return False


def test_streams_that_are_closed_are_nobody_elses() -> None:
    """Otherwise the next file or connection would get what is printed, and a daemon would close it."""
    with started(["/bin/sh", "-c", CLOSE, "sh"], subprocess.DEVNULL, "-n") as (_, port, process):
        until(lambda: greets(port), "a greeting")
        assert {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in range(3)} == {os.devnull}


@pytest.mark.parametrize("options", [("-n",), ()])
def test_a_server_may_be_started_over_a_connection(options: tuple[str, ...]) -> None:
    """A remote shell's, say: nothing is written to it, and that is no reason not to start."""
    with socket.create_server(("127.0.0.1", 0)) as listener, \
            socket.create_connection(listener.getsockname(), PATIENCE) as theirs:
        ours, _ = listener.accept()
        with ours, started((), ours.fileno(), *options) as (files, port, process):
            until(lambda: greets(port), "a greeting")
            if not options:
                assert process.wait(PATIENCE) == 0
                daemon = int(files.pid_file.read_text())
                os.kill(daemon, 15)
                until(lambda: not alive(daemon), "the daemon's end")
        assert theirs.recv(100) == b""

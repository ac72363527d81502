"""How a download's data connection ends: close_notify may have to wait for room, and may fail."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from typing import Literal, cast

import pytest

from ftpsd.data.channel import DataChannel, Stage
from ftpsd.data.endpoints import DataSocket, PassiveListener, SocketTuning
from ftpsd.tls.data import DataTLS

Step = Literal["done", "read", "write"]


class FakeTLS:
    """Gives the steps of its script; an exception is raised."""

    def __init__(self, *script: Step | OSError) -> None:
        self.script = list(script)

    def send_close_notify(self) -> Step:
        step = self.script.pop(0)
        if isinstance(step, OSError):
            raise step
        return step

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def ready(sock: socket.socket, *script: Step | OSError) -> DataChannel:
    """A channel on `sock` over which a download has gone."""
    tuning = SocketTuning()
    source = PassiveListener("127.0.0.1", "127.0.0.1", None, tuning)
    channel = DataChannel(source, lambda _: pytest.fail("no handshake is due"), tuning)
    source.close()
    channel.socket, channel.stage = DataSocket(os.dup(sock.fileno()), six=False), Stage.READY
    channel.tls = cast(DataTLS, FakeTLS(*script)) if script else None
    return channel


def test_ends_at_once_where_there_is_room(sockets: tuple[socket.socket, socket.socket]) -> None:
    near, far = sockets
    for script in ((), ("done",)):
        channel = ready(near, *cast("tuple[Step, ...]", script))
        channel.end_sending(private=True)
        assert channel.stage is Stage.ENDED
        assert channel.interest(private=True) is None
    lingering = channel.linger()
    assert lingering is not None
    assert channel.socket is None
    far.settimeout(10)
    assert far.recv(1) == b""
    lingering.close()


def test_waits_for_what_tls_waits_for(sockets: tuple[socket.socket, socket.socket]) -> None:
    near, _ = sockets
    channel = ready(near, "write", "read", "done")
    channel.end_sending(private=True)
    assert channel.socket is not None
    assert channel.interest(private=True) == (channel.socket.fileno(), select.POLLOUT)
    channel.advance(private=True)
    assert channel.interest(private=True) == (channel.socket.fileno(), select.POLLIN)
    channel.advance(private=True)
    assert channel.stage is Stage.ENDED


@pytest.mark.parametrize("before", [[], ["write"]])
def test_a_connection_that_breaks_is_no_end(
    sockets: tuple[socket.socket, socket.socket], before: list[Step]
) -> None:
    channel = ready(sockets[0], *before, ConnectionResetError(104, "Connection reset by peer"))
    channel.end_sending(private=True)
    channel.advance(private=True)
    assert channel.stage is Stage.FAILED
    assert isinstance(channel.failure, ConnectionResetError)
    channel.close()


@pytest.mark.parametrize("script", [[], ["write"]])
def test_data_that_went_in_clear_ends_with_no_close_notify(
    sockets: tuple[socket.socket, socket.socket], script: list[Step]
) -> None:
    channel = ready(sockets[0], *script)
    channel.end_sending(private=False)
    assert channel.stage is Stage.ENDED
    assert channel.tls is None
    channel.close()

"""The data connection as a machine that is pushed on, over real sockets."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from typing import cast

import pytest

from ftpsd.data.channel import DataChannel, Stage
from ftpsd.data.endpoints import ActiveTarget, DataSocket, NoPassivePort, PassiveListener, SocketTuning, Stranger
from ftpsd.reasons.codes import Code
from ftpsd.testing.ports import free_port
from ftpsd.tls.data import DataTLS, HandshakeFailed
from tests.data.support import DEADLINE, push

TUNING = SocketTuning()


class Side:
    """A TLS side that takes the given steps."""

    def __init__(self, *steps: str | Exception) -> None:
        self.steps = list(steps)
        self.closed = False

    def handshake_step(self) -> str:
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def send_close_notify(self) -> str:
        return "done"

    def peer_close_style(self) -> str | None:
        return None

    def close(self) -> None:
        self.closed = True


def channel_of(source: PassiveListener | ActiveTarget, side: Side | None = None) -> DataChannel:
    def secure(sock: DataSocket) -> DataTLS:
        assert side is not None, "TLS was not expected"
        return cast(DataTLS, side)

    return DataChannel(source, secure, TUNING)


@pytest.fixture
def listener() -> Iterator[PassiveListener]:
    """A passive listener for a client on 127.0.0.1."""
    listening = PassiveListener("127.0.0.1", "127.0.0.1", None, TUNING)
    yield listening
    listening.close()


def call(port: int, source: str = "127.0.0.1") -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 5, source_address=(source, 0))
    sock.settimeout(5)
    return sock


def test_a_passive_connection_in_clear(listener: PassiveListener) -> None:
    channel = channel_of(listener)
    assert (channel.passive, channel.stage) == (True, Stage.LISTENING)
    channel.connect()
    with call(listener.port) as client:
        push(channel)
        assert channel.stage is Stage.CONNECTED
        assert channel.interest(private=False) is None
        assert channel.socket is not None
        assert channel.socket.library.getpeername() == client.getsockname()
        channel.close()
        channel.close()
        assert client.recv(1) == b""


def test_strangers_are_turned_away_and_told_apart(listener: PassiveListener) -> None:
    channel = channel_of(listener)
    with call(listener.port, "127.0.0.3") as stranger:
        push(channel)
        assert channel.interest(private=False) == (listener.descriptor, select.POLLIN)  # still listening
        assert channel.strangers == [Stranger("127.0.0.3")]
        assert stranger.recv(1) == b""
    with call(listener.port):
        push(channel)
        assert channel.stage is Stage.CONNECTED
    channel.close()


def test_others_are_let_in_where_that_is_configured() -> None:
    """Only they are asked about."""
    listener = PassiveListener("127.0.0.1", "127.0.0.1", None, TUNING, pytest.fail)
    channel = channel_of(listener)
    with call(listener.port):
        push(channel)
        assert channel.stage is Stage.CONNECTED
    channel.close()
    listener = PassiveListener("127.0.0.1", "127.0.0.1", None, TUNING, "127.0.0.3".__eq__)
    port = listener.port
    channel = channel_of(listener)
    with call(port, "127.0.0.3"):
        push(channel)
        assert channel.stage is Stage.CONNECTED
        assert not channel.strangers
        with pytest.raises(ConnectionRefusedError):
            call(port)
    channel.close()


def test_a_handshake_goes_on_step_by_step(listener: PassiveListener) -> None:
    side = Side("read", "write", "done")
    channel = channel_of(listener, side)
    with call(listener.port) as client:
        push(channel, private=True)
        client.sendall(b"hello")
        stages = []
        for _ in range(3):
            push(channel, private=True)
            stages.append(channel.stage)
        assert stages == [Stage.HANDSHAKING, Stage.HANDSHAKING, Stage.READY]
        assert channel.interest(private=True) is None
    channel.close()
    assert side.closed


def test_a_handshake_that_fails_is_kept_for_the_transfer_command(listener: PassiveListener) -> None:
    failure = HandshakeFailed(Code.HANDSHAKE_EOF, ("unable to accept TLS connection: received EOF",))
    channel = channel_of(listener, Side(failure))
    with call(listener.port) as client:
        push(channel, private=True)
        client.sendall(b"hello")
        push(channel, private=True)
        assert channel.stage is Stage.FAILED
        assert channel.failure is failure
        assert channel.interest(private=True) is None
        channel.advance(private=True)
    channel.close()


def test_an_active_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as client:
        client.settimeout(5)
        channel = channel_of(ActiveTarget("127.0.0.1", client.getsockname()[1], "127.0.0.2"))
        assert (channel.passive, channel.stage) == (False, Stage.CONNECTING)
        assert channel.interest(private=False) is None  # nothing before the transfer command
        channel.advance(private=False)
        channel.connect()
        channel.connect()
        push(channel)
        assert channel.stage is Stage.CONNECTED
        accepted, peer = client.accept()
        assert peer[0] == "127.0.0.2"
        accepted.close()
        channel.close()


@pytest.mark.parametrize(("host", "local", "reason"), [
    ("127.0.0.1", "127.0.0.1", "Connection refused"), ("127.0.0.1", "192.0.2.1", "Cannot assign requested address"),
])
def test_an_active_connection_that_fails(host: str, local: str, reason: str) -> None:
    channel = channel_of(ActiveTarget(host, free_port(host), local))
    channel.connect()
    if channel.stage is Stage.CONNECTING:
        push(channel)
    assert channel.stage is Stage.FAILED
    assert isinstance(channel.failure, OSError)
    assert channel.failure.strerror == reason
    channel.close()


def test_failing_from_outside(listener: PassiveListener) -> None:
    channel = channel_of(listener)
    error = TimeoutError(errno.ETIMEDOUT, "Connection timed out")
    channel.fail(error)
    assert (channel.stage, channel.failure) == (Stage.FAILED, error)
    assert channel.linger() is None


def test_what_was_sent_survives_what_was_not_read(listener: PassiveListener) -> None:
    """The linger: closing with the peer's bytes unread would reset the connection and lose ours."""
    channel = channel_of(listener)
    with call(listener.port) as client:
        push(channel)
        assert channel.socket is not None
        channel.socket.library.sendall(b"the whole file")
        client.sendall(b"unread")
        channel.end_sending(private=True)
        assert channel.stage is Stage.ENDED
        lingering = channel.linger()
        assert lingering is not None
        assert channel.linger() is None
        channel.close()
        assert lingering.ended() == (False, None)
        assert client.recv(100) == b"the whole file"
        assert client.recv(1) == b""
    poll = select.poll()
    poll.register(lingering.fileno(), select.POLLIN)
    assert poll.poll(DEADLINE)
    assert lingering.ended() == (True, None)
    lingering.close()


def test_ports_run_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NoPassivePort) as raised:
            PassiveListener("127.0.0.1", "127.0.0.1", (port, port), TUNING)
        assert raised.value.taken
    with pytest.raises(NoPassivePort) as raised:
        PassiveListener("192.0.2.1", "127.0.0.1", (port, port), TUNING)
    assert not raised.value.taken
    listening = PassiveListener("127.0.0.1", "127.0.0.1", (port, port), TUNING)
    assert listening.port == port
    listening.close()

"""Passive listeners: what they turn away, and what they cannot take."""

from __future__ import annotations

import errno
import socket
from typing import NoReturn

import pytest

from ftpsd.data.channel import DataChannel, Stage
from ftpsd.data.endpoints import ActiveTarget, DataSocket, PassiveListener, SocketTuning, Stranger
from ftpsd.native import _system
from ftpsd.testing.ports import free_port
from ftpsd.tls.data import DataTLS


def no_tls(sock: DataSocket) -> DataTLS:
    raise AssertionError("no TLS here")


@pytest.mark.parametrize(("code", "stage"), [
    (errno.EMFILE, Stage.FAILED), (errno.ENFILE, Stage.FAILED), (errno.ENOBUFS, Stage.FAILED),
    (errno.ENOMEM, Stage.FAILED), (errno.EAGAIN, Stage.LISTENING), (errno.ECONNABORTED, Stage.LISTENING),
    (errno.EPROTO, Stage.LISTENING),
])
def test_a_connection_that_cannot_be_had_is_not_waited_for(
    code: int, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accept(listener: int) -> NoReturn:
        raise OSError(code, "accept")

    listener = PassiveListener("127.0.0.1", "127.0.0.1", None, SocketTuning())
    monkeypatch.setattr(_system, "accept", accept)
    channel = DataChannel(listener, no_tls, SocketTuning())
    channel.advance(private=False)
    assert channel.stage is stage
    if stage is Stage.FAILED:
        assert isinstance(channel.failure, OSError)
        assert channel.interest(private=False) is None
    channel.close()


def test_a_stranger_is_turned_away_and_the_client_still_comes() -> None:
    listener = PassiveListener("127.0.0.1", "127.0.0.1", None, SocketTuning())
    channel = DataChannel(listener, no_tls, SocketTuning())
    port = listener.port
    with socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.2", 0)) as stranger:
        channel.advance(private=False)
        assert (channel.stage, channel.strangers) == (Stage.LISTENING, [Stranger("127.0.0.2")])
        stranger.settimeout(5)
        assert stranger.recv(1) == b""
    with socket.create_connection(("127.0.0.1", port), 5):
        channel.advance(private=False)
        assert channel.stage is Stage.CONNECTED
    channel.close()


@pytest.mark.parametrize("count", [40, 200])
def test_ports_of_a_range_cannot_be_foretold(count: int) -> None:
    """Who knows the next one connects to it before the client does (RFC 2577 section 8)."""
    first = free_port()
    ports = []
    for _ in range(12):
        listener = PassiveListener("127.0.0.1", "127.0.0.1", (first, first + count), SocketTuning())
        ports.append(listener.port)
        listener.close()
    assert all(first <= port <= first + count for port in ports)
    assert len(set(ports)) > 1
    assert ports != sorted(ports)
    assert ports != sorted(ports, reverse=True)


class Connecting:
    """A socket that notes what it is told."""

    def __init__(self, family: int, kind: int) -> None:
        self.family = family
        self.bound: list[tuple[object, ...]] = []
        self.peer: tuple[object, ...] = ()
        made.append(self)

    def setsockopt(self, *_: object) -> None:
        pass

    def bind(self, address: tuple[object, ...]) -> None:
        self.bound.append(address)
        if address[1]:
            raise OSError(errno.EACCES, "bind")

    def connect_ex(self, address: tuple[object, ...]) -> int:
        self.peer = address
        return errno.EINPROGRESS

    def detach(self) -> int:
        return -1


made: list[Connecting] = []


@pytest.mark.parametrize(("host", "local", "scope", "peer", "bound"), [
    ("fe80::2", "fe80::1", 7, ("fe80::2", 5000, 0, 7), ("fe80::1", 0, 0, 7)),
    ("2001:db8::2", "fe80::1", 7, ("2001:db8::2", 5000), ("fe80::1", 0, 0, 7)),
    ("2001:db8::2", "2001:db8::1", 0, ("2001:db8::2", 5000), ("2001:db8::1", 0)),
    ("192.0.2.2", "192.0.2.1", 0, ("192.0.2.2", 5000), ("192.0.2.1", 0)),
])
def test_link_local_addresses_are_connected_with_their_scope(
    monkeypatch: pytest.MonkeyPatch, host: str, local: str, scope: int, peer: tuple[object, ...],
    bound: tuple[object, ...],
) -> None:
    made.clear()
    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", Connecting)
        ActiveTarget(host, 5000, local, 20, scope).connect(SocketTuning())
    assert made[0].peer == peer
    assert made[0].bound == [(bound[0], 20, *bound[2:]), bound]

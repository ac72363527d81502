"""What a connection has carried, whatever arrives while it is counted."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ftpsd.data import traffic

ESTABLISHED = b"\x01"


class Torn(socket.socket):
    """The kernel reads the state before the counters: of the first `torn` answers it is that of before a FIN."""

    torn = 0

    def getsockopt(self, level: int, name: int, size: int) -> bytes:  # type: ignore[override]
        info = super().getsockopt(level, name, size)
        self.torn -= 1
        return ESTABLISHED + info[1:] if self.torn >= 0 else info


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Torn]]:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        accepted = listener.accept()[0]
        with Torn(fileno=accepted.detach()) as server:
            yield client, server


def test_what_was_read_and_what_is_on_its_way(pair: tuple[socket.socket, Torn]) -> None:
    client, server = pair
    assert traffic.carried(server) == (0, 0)
    client.sendall(bytes(40))
    assert server.recv(30, socket.MSG_WAITALL) == bytes(30)
    server.sendall(bytes(7))
    assert traffic.carried(server) == (30, 7)


@pytest.mark.parametrize("torn", [0, 1])
def test_the_end_of_the_peer_is_no_byte(pair: tuple[socket.socket, Torn], torn: int) -> None:
    client, server = pair
    client.sendall(bytes(40))
    assert server.recv(40, socket.MSG_WAITALL) == bytes(40)
    client.close()
    assert server.recv(1, socket.MSG_PEEK) == b""
    server.torn = torn
    assert traffic.carried(server)[0] == 40


def test_what_is_no_connection() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert traffic.carried(one) == (0, 0)

"""The ends of a control connection: one spelling for logs and comparisons, the scope for sockets."""

from __future__ import annotations

import socket
from typing import NoReturn, cast

import pytest

from ftpsd.ftp.addresses import scoped
from ftpsd.session import ident
from ftpsd.session.endpoints import Ends

Address = tuple[str, int] | tuple[str, int, int, int]


class Connected:
    """A socket between two addresses."""

    def __init__(self, peer: Address, local: Address) -> None:
        self._peer = peer
        self._local = local

    def getpeername(self) -> Address:
        return self._peer

    def getsockname(self) -> Address:
        return self._local


@pytest.mark.parametrize(("peer", "local", "ends", "bound"), [
    (("192.0.2.1", 5), ("192.0.2.2", 21), Ends("192.0.2.1", 5, "192.0.2.2", 21), "192.0.2.2"),
    (("::ffff:192.0.2.1", 5, 0, 0), ("::ffff:192.0.2.2", 21, 0, 0), Ends("192.0.2.1", 5, "192.0.2.2", 21), "192.0.2.2"),
    (("2001:db8::1", 5, 0, 0), ("2001:db8::2", 21, 0, 0), Ends("2001:db8::1", 5, "2001:db8::2", 21), "2001:db8::2"),
    (("fe80::1%eth0", 5, 0, 3), ("fe80::2%eth0", 21, 0, 3), Ends("fe80::1", 5, "fe80::2", 21, 3), "fe80::2%3"),
])
def test_ends(peer: Address, local: Address, ends: Ends, bound: str) -> None:
    found = Ends.of(cast(socket.socket, Connected(peer, local)))
    assert found == ends
    assert scoped(found.local, found.scope) == bound


def test_an_ident_server_is_asked_through_the_same_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def connect(*where: object) -> NoReturn:
        asked.append(where)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", connect)
    assert ident.ask(Ends("fe80::1", 5, "fe80::2", 21, 3), 5) is None
    assert ident.ask(Ends("192.0.2.1", 5, "192.0.2.2", 21), 5) is None
    assert asked == [(("fe80::1%3", 113), 5, ("fe80::2", 0, 0, 3)), (("192.0.2.1", 113), 5, ("192.0.2.2", 0))]

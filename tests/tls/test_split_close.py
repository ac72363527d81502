"""CCC when the network delivers the client's close_notify in pieces: no part of it is taken for a command."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from ftpsd.native._openssl import Connection
from tests.tls.rig import TIMEOUT, VERSIONS, Files, Pair, build, client_context


def close_notify(tls: Connection) -> bytes:
    """The record of the client's close_notify, which is kept from the server."""
    reader, writer = socket.socketpair()
    kept = os.dup(tls.fileno())
    with reader, writer:
        writer.setblocking(False)
        os.dup2(writer.fileno(), tls.fileno())
        try:
            assert tls.close_notify()
        finally:
            os.dup2(kept, tls.fileno())
            os.close(kept)
        return reader.recv(1000)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("cut", [1, 3, 5, 6, 20])
def test_a_record_in_two_pieces(files: Files, version: str, cut: int) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))
        record = close_notify(pair.tls)
        pair.client_socket.send(record[:cut])
        later = threading.Timer(0.05, pair.client_socket.send, (record[cut:] + b"NOOP\r\n",))
        later.start()
        assert pair.channel.clear_tls(TIMEOUT)
        later.join()
        assert pair.channel.recv(100, TIMEOUT) == b"NOOP\r\n"

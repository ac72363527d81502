"""What a download has sent arrives, whatever its client sends behind the end of the data."""

from __future__ import annotations

import socket

import pytest

from ftpsd.data.channel import Lingering
from ftpsd.data.endpoints import DataSocket
from ftpsd.testing.plugin import ServerFactory
from ftpsd.tls.data import MOST_DISCARDED

BODY = bytes(range(256)) * 1200
"""More than a client's kernel takes at first, less than both kernels hold."""


@pytest.mark.parametrize("behind", [
    pytest.param(b"no TLS record", id="nonsense"),
    pytest.param(b"\x17\x03\x03\x00\x20" + bytes(32), id="broken record"),
    pytest.param(b"\x15\x03\x03\x00\x02\x02\x28", id="alert in clear"),
])
def test_what_breaks_tls_behind_the_end_destroys_nothing(
    ftps_server: ServerFactory, tls_version: str, behind: bytes
) -> None:
    server = ftps_server()
    server.give("some", BODY)
    with server.client(tls_version).begin() as client:
        connection = client.data()
        client.expect(150, "RETR some")
        stream = connection.handshake()
        client.expect(226)
        stream.write_raw(behind)
        client.expect(200, "NOOP")  # the server has looked at it
        stream.write_raw(behind)
        assert stream.read_all() == BODY
        connection.close("fin")
        client.quit()


def test_a_client_that_goes_on_talking_in_clear_is_let_go_of() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        sock = listener.accept()[0]
        sock.setblocking(False)
        lingering = Lingering(DataSocket.of(sock), None)
        taken = 0
        while not lingering.ended()[0]:
            assert taken < 2 * MOST_DISCARDED
            client.sendall(bytes(1024))
            taken += 1024
        assert taken > MOST_DISCARDED
        lingering.close()

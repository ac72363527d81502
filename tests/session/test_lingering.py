"""What a download has sent arrives, whatever its client sends behind the end of the data."""

from __future__ import annotations

import pytest

from ftpsd.testing.plugin import ServerFactory

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

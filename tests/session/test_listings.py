"""Listings in replies."""

from __future__ import annotations

import pytest

from ftpsd.session.handlers import listing
from ftpsd.testing.plugin import ServerFactory


def test_names_with_what_unicode_calls_a_line_end_stay_on_one_line(ftps_server: ServerFactory) -> None:
    server = ftps_server()
    server.give("one\u2028two\u0085three")
    with server.client("TLSv1.3").begin() as client:
        reply = client.expect(212, "STAT /")
        assert sum("one" in line for line in reply.lines) == 1
        assert any(line.endswith("one\u2028two\u0085three") for line in reply.lines)


@pytest.mark.parametrize("surplus", [0, 1])
def test_a_listing_in_a_reply_is_bounded(ftps_server: ServerFactory, surplus: int) -> None:
    server = ftps_server()
    directory = server.give_directory("big")
    for number in range(listing.MOST_LINES_IN_REPLY - 2 + surplus):  # and "." and ".."
        (directory / str(number)).touch()
    with server.client("TLSv1.3", timeout=30).begin() as client:
        if surplus:
            assert client.expect(450, "STAT big").text == "big: File too large"
        else:
            assert len(client.expect(212, "STAT big").lines) >= listing.MOST_LINES_IN_REPLY
        assert client.retrieve("LIST big").count(b"\r\n") == listing.MOST_LINES_IN_REPLY - 2 + surplus

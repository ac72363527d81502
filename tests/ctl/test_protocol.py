"""Messages: whole, in pieces, too large, garbage."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.ctl.protocol import REQUEST, RESPONSE, Bounds, Decoder, Message, ProtocolError, encode

FTPDCTL = bytes.fromhex(
    "00000000 04000000 03000000 746c73 09000000 736573736361636865 04000000 696e666f 02000000 2d76")
"""What Debian's ftpdctl sends for `tls sesscache info -v`."""

little_endian = pytest.mark.skipif(struct.pack("=H", 1) != b"\1\0", reason="the recorded bytes are little endian")


@little_endian
def test_request_of_the_real_ftpdctl() -> None:
    assert Decoder(REQUEST).feed(FTPDCTL) == Message(0, ("tls", "sesscache", "info", "-v"))
    assert encode(0, ("tls", "sesscache", "info", "-v"), REQUEST) == FTPDCTL


@little_endian
@pytest.mark.parametrize("end", range(len(FTPDCTL)))
def test_nothing_before_the_last_byte(end: int) -> None:
    decoder = Decoder(REQUEST)
    assert decoder.feed(FTPDCTL[:end]) is None
    assert decoder.feed(FTPDCTL[end:]) == Message(0, ("tls", "sesscache", "info", "-v"))


@given(st.integers(-1, 0), st.lists(st.text(max_size=50), max_size=20), st.integers(1, 7))
def test_what_is_encoded_comes_out(status: int, texts: list[str], step: int) -> None:
    data = encode(status, texts)
    decoder = Decoder(RESPONSE)
    found = [decoder.feed(data[at : at + step]) for at in range(0, len(data), step)]
    assert found[-1] == Message(status, tuple(texts))
    assert set(found[:-1]) <= {None}


def test_bytes_that_are_no_text_survive() -> None:
    assert Decoder(REQUEST).feed(encode(0, ["kick", "\udcff"])) == Message(0, ("kick", "\udcff"))


@pytest.mark.parametrize(("data", "says"), [
    (struct.pack("=iI", 0, 65), "65 strings are more than 64"),
    (struct.pack("=iI", 0, 0xFFFFFFFF), "strings are more than"),
    (struct.pack("=iII", 0, 1, 4097), "a string of 4097 bytes is longer than 4096"),
    (struct.pack("=iII", 0, 1, 0xFFFFFFFF), "is longer than"),
    (encode(0, ["x" * 4096] * 17), "more than 65536 bytes"),
    (b"GET / HTTP/1.1\r\n\r\n", "strings are more than"),
])
def test_beyond_the_bounds(data: bytes, says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        Decoder(REQUEST).feed(data)


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_else(data: bytes) -> None:
    decoder = Decoder(REQUEST)
    try:
        for at in range(len(data)):
            decoder.feed(data[at : at + 1])
    except ProtocolError:
        pass


def test_a_response_too_large_is_cut() -> None:
    bounds = Bounds(count=3, length=5, total=12)
    message = Decoder(bounds).feed(encode(0, ["1234567", "abc", "defg", "more"], bounds))
    assert message == Message(0, ("12345", "abc", "defg"))

"""Conversions between character sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.ftp.charset import Charset
from ftpsd.ftp.lines import LineReader
from ftpsd.ftp.replies import Reply

KOI = Charset("utf-8", "koi8-r")
NAME = "\u043f\u0440\u0438\u0432\u0435\u0442"


def test_names_are_converted_both_ways() -> None:
    assert KOI.received(NAME.encode("koi8-r")) == (NAME, True)
    assert KOI.sent(f"-rw {NAME}\r\nplain\r\n".encode()) == f"-rw {NAME}\r\nplain\r\n".encode("koi8-r")
    assert Charset().received(NAME.encode()) == (NAME, True)


def test_a_disk_that_is_not_utf8() -> None:
    text, valid = Charset("koi8-r", "utf-8").received(NAME.encode())
    assert valid
    assert text.encode("utf-8", "surrogateescape") == NAME.encode("koi8-r")
    assert Charset("koi8-r", "utf-8").sent(NAME.encode("koi8-r")) == NAME.encode()


def test_what_cannot_be_converted_passes_as_it_is() -> None:
    body = b"caf\xe9\r\n" + NAME.encode() + b"\r\n"
    assert KOI.sent(body) == b"caf\xe9\r\n" + NAME.encode("koi8-r") + b"\r\n"
    assert Charset("utf-8", "ascii").received(b"caf\xc3\xa9") == ("caf\u00e9", False)
    assert Charset().received(b"caf\xe9") == ("caf\udce9", False)


@given(st.binary(max_size=40), st.sampled_from(["utf-8", "koi8-r", "iso8859-1", "cp1251", "ascii"]))
def test_nothing_that_comes_is_an_error(raw: bytes, client: str) -> None:
    charset = Charset("utf-8", client)
    text, _ = charset.received(raw)
    charset.sent(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("size", [1, 100])
def test_lines_and_replies(size: int) -> None:
    reader = LineReader()
    reader.decode = KOI.received
    wire = b"CWD " + NAME.encode("koi8-r") + b"\r\nPWD\r\n"
    for start in range(0, len(wire), size):
        reader.feed(wire[start:start + size])
    assert [(line.text, line.invalid) for line in reader.lines] == [(f"CWD {NAME}", False), ("PWD", False)]
    reader.decode = Charset("utf-8", "ascii").received
    reader.feed(b"CWD \xe9\r\n")
    assert reader.lines[-1].invalid
    latin = Charset("utf-8", "iso8859-1")
    assert Reply(257, "\u00ff").encode(charset=latin) == b"257 \xff\xff\r\n"
    assert Reply(211, "a", NAME, "b").encode(charset=KOI) == b"211-a\r\n " + NAME.encode("koi8-r") + b"\r\n211 b\r\n"

"""Conversions between character sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.ftp.charset import Charset
from ftpsd.ftp.lines import Decoder, LineReader
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


@pytest.mark.parametrize("before", [KOI.received, None])
@pytest.mark.parametrize("after", [KOI.received, None])
def test_lines_that_wait_are_read_again(before: Decoder | None, after: Decoder | None) -> None:
    reader, other = LineReader(64), LineReader(64)
    reader.decode, other.decode = before, after
    names = (NAME.encode("koi8-r"), NAME.encode(), b"caf\xe9", b"pub", b"x" * 65)
    wire = b"".join(b"CWD " + name + b"\r\n" for name in names)
    reader.feed(wire)
    other.feed(wire)
    reader.decode = after
    reader.read_again()
    assert [line[:3] for line in reader.lines] == [line[:3] for line in other.lines]
    assert Reply(211, "a", NAME, "b").encode(charset=KOI) == b"211-a\r\n " + NAME.encode("koi8-r") + b"\r\n211 b\r\n"


@pytest.mark.parametrize(("client", "letter"), [
    ("iso8859-1", True), ("cp1252", True), ("cp1251", True), ("koi8-r", True), ("cp866", False), ("cp437", False),
    ("shift_jis", False), ("utf-8", False), ("ascii", False)])
def test_0xff_is_doubled_where_it_is_no_letter(client: str, letter: bool) -> None:
    """As long as such a character set is spoken, ProFTPD has no Telnet either."""
    charset = Charset("utf-8", client)
    assert charset.letter == letter
    assert Reply(257, "\udcff").encode(charset=charset) == (b"257 \xff\r\n" if letter else b"257 \xff\xff\r\n")
    assert Reply(257, "\udcff").encode() == b"257 \xff\xff\r\n"


def test_every_letter_of_a_legacy_character_set_goes_both_ways() -> None:
    name = "\u0441\u0442\u0430\u0442\u044c\u044f \u044f\u0442\u044c \u044f\u0441\u044f\u044f"
    charset, reader = Charset("utf-8", "cp1251"), LineReader()
    reader.decode, reader.letter = charset.received, charset.letter
    reader.feed(b"MKD " + name.encode("cp1251") + b"\r\n")
    assert reader.lines[-1].text == f"MKD {name}"
    assert Reply(257, name).encode(charset=charset) == b"257 " + name.encode("cp1251") + b"\r\n"

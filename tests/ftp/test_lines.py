"""Lines come out the same however the bytes are cut up."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.ftp.lines import Line, LineReader


def pieces(data: bytes, seed: int) -> list[bytes]:
    chooser = random.Random(seed)
    cut, out = 0, []
    while cut < len(data):
        size = chooser.randint(1, 7)
        out.append(data[cut:cut + size])
        cut += size
    return out


def read(chunks: list[bytes], limit: int = 64) -> tuple[list[Line], bytes, int]:
    reader = LineReader(limit)
    lines: list[Line] = []
    responses = b""
    for chunk in chunks:
        reader.feed(chunk)
        responses += reader.take_responses()
        while (line := reader.next_line()) is not None:
            lines.append(line)
    return lines, responses, reader.pending


def read_every_way(data: bytes, limit: int = 64) -> tuple[list[Line], bytes, int]:
    """Whole, byte by byte and in random pieces; all must agree."""
    whole = read([data], limit)
    assert read([bytes((byte,)) for byte in data], limit) == whole
    for seed in range(5):
        assert read(pieces(data, seed), limit) == whole
    return whole


def texts(data: bytes, limit: int = 64) -> list[str]:
    lines, _, _ = read_every_way(data, limit)
    assert not any(line.too_long for line in lines)
    return [line.text for line in lines]


@pytest.mark.parametrize(("data", "expected"), [
    (b"NOOP\r\n", ["NOOP"]),
    (b"NOOP\n", ["NOOP"]),
    (b"NOOP\r\r\n", ["NOOP"]),
    (b"\r\n\n", ["", ""]),
    (b"USER a\r\nPASS b\r\nSYST\r\n", ["USER a", "PASS b", "SYST"]),
    (b"RETR a\r\0b\r\n", ["RETR a\rb"]),
    (b"RETR a\rb\r\n", ["RETR ab"]),
    (b"half", []),
    ("STOR Grüße.txt\r\n".encode(), ["STOR Grüße.txt"]),
    (b"STOR \xe4\r\n", ["STOR \udce4"]),
    (b"RETR \xff\xff\r\n", ["RETR \udcff"]),
    (b"\xff\xf4\xff\xf2ABOR\r\n", ["ABOR"]),
    (b"\xff\xf4\xffABOR\r\n", ["ABOR"]),
    (b"\xf2ABOR\r\n", ["\udcf2ABOR"]),
    (b"\xff\xf1ABOR\r\n", ["ABOR"]),
    (b"AB\xff\xf2O\xff\xf4R\r\n", ["ABOR"]),
    (b"MKD a\xff\xf1b\xff\xfab\xff\xeeb\r\n", ["MKD a\udcff\udcf1b\udcff\udcfab\udcff\udceeb"]),
    (b"MKD a\xff\r\0b\xff\r\n", ["MKD a\udcff\rb\udcff"]),
    (b"\xff\xff\xff\xff\n", ["\udcff\udcff"]),
    (b"A\xff\r\nB\r\n", ["A\udcff", "B"]),
    (b"\xff\r\nB\r\n", ["", "B"]),
    (b"\xff\xfa\x18\x01xx\xff\xf0NOOP\r\n", ["NOOP"]),
    (b"\xff\xfa\x18 lost\nNOOP\r\n", ["NOOP"]),
    (b"a\0b\n", ["a\0b"]),
])
def test_lines(data: bytes, expected: list[str]) -> None:
    assert texts(data) == expected


@pytest.mark.parametrize(("data", "answer"), [
    (b"\xff\xfb\x01", b"\xff\xfe\x01"),
    (b"\xff\xfd\x06", b"\xff\xfc\x06"),
    (b"\xff\xfc\x01", b""),
    (b"\xff\xfe\x01", b""),
    (b"\xff\xfd\n", b"\xff\xfc\n"),
])
def test_every_telnet_option_is_declined(data: bytes, answer: bytes) -> None:
    lines, responses, pending = read_every_way(data + b"NOOP\r\n")
    assert (lines, responses, pending) == ([Line("NOOP")], answer, 0)


@pytest.mark.parametrize(("data", "expected"), [
    (b"MKD \xff\r\n", ["MKD \udcff"]),
    (b"MKD a\xff\xf2b\xff\xfbb\xff\xffb\xff\r\n", ["MKD a\udcff\udcf2b\udcff\udcfbb\udcff\udcffb\udcff"]),
    (b"\xff\xf4\xff\xf2ABOR\r\n\xff\xf4\xffABOR\r\n", ["ABOR", "ABOR"]),
    (b"\xff\xfa\x18\x01xx\xff\xf0NOOP\r\n", ["NOOP"]),
])
def test_where_0xff_is_a_letter(data: bytes, expected: list[str]) -> None:
    """Only what stands before a command is Telnet's."""
    for size in (1, 3, len(data)):
        reader = LineReader()
        reader.letter = True
        for start in range(0, len(data), size):
            reader.feed(data[start:start + size])
        assert [line.text for line in reader.lines] == expected
        assert reader.responses == b""


def test_answers_are_bounded() -> None:
    reader = LineReader()
    reader.feed(b"\xff\xfd\x01" * 100_000)
    assert len(reader.take_responses()) <= 99
    assert reader.responses == b""


@pytest.mark.parametrize("length", [63, 64, 65, 66, 1000])
def test_limit(length: int) -> None:
    lines, _, _ = read_every_way(b"a" * length + b"\r\nNOOP\r\n")
    first = Line("a" * length) if length <= 64 else Line("", too_long=True)
    assert lines == [first, Line("NOOP")]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_limit_of_a_line_that_comes_alone(end: bytes) -> None:
    """Which is taken at once, without a look at each piece."""
    for length in (63, 64, 65, 66):
        lines, _, _ = read_every_way(b"a" * length + end)
        assert lines == [Line("a" * length) if length <= 64 else Line("", too_long=True)]


def test_a_line_without_end_takes_no_memory() -> None:
    reader = LineReader(512)
    for _ in range(64):
        reader.feed(b"x" * 65536)
        assert reader.pending <= 512
    assert reader.next_line() is None
    reader.feed(b"\r\n")
    assert reader.next_line() == Line("", too_long=True)
    assert reader.next_line() is None


def test_a_line_too_long_is_reported_once_and_the_next_is_whole() -> None:
    lines, _, _ = read_every_way(b"b" * 200 + b"\xff\xff\xff\xfa\r\0" + b"b" * 200 + b"\r\nPWD\r\n")
    assert lines == [Line("", too_long=True), Line("PWD")]


@pytest.mark.parametrize("before", [b"AUTH TLS\r\nUSER x\r\n", b"half a line", b"\xff", b"x\r", b"\xff\xfa"])
def test_clear_forgets_everything(before: bytes) -> None:
    reader = LineReader()
    reader.feed(before)
    reader.clear()
    assert reader.pending == 0
    assert reader.next_line() is None
    reader.feed(b"NOOP\r\n")
    assert reader.next_line() == Line("NOOP")


def test_full_says_when_to_stop_feeding() -> None:
    reader = LineReader()
    reader.feed(b"\n" * 1024)
    assert reader.full
    assert reader.next_line() is not None
    assert not reader.full


def test_limit_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        LineReader(0)


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_any_pieces(data: bytes, limit: int) -> None:
    lines, _, pending = read_every_way(data, limit)
    assert pending <= limit
    for line in lines:
        assert "\n" not in line.text
        assert len(line.text.encode("utf-8", "surrogateescape")) <= limit


@given(
    st.lists(
        st.text(st.characters(blacklist_characters="\r\n\xff", blacklist_categories=["Cs"]), max_size=15)
    )
)
def test_what_a_client_writes_arrives(written: list[str]) -> None:
    data = b"".join(text.encode() + b"\r\n" for text in written)
    assert texts(data) == written


@pytest.mark.parametrize("unit", [b"N\r\n", b"a", b"\xff\xff", b"\xff\xf4", b"\r", b"ab\r\0"])
def test_time_is_linear(unit: bytes) -> None:
    """Eight times the input takes not much more than eight times as long (bounds are generous)."""

    def seconds(count: int) -> float:
        reader = LineReader(1 << 20)
        data = unit * count
        begin = time.process_time()
        reader.feed(data)
        return time.process_time() - begin

    seconds(1000)
    small = min(seconds(20_000) for _ in range(3))
    large = min(seconds(160_000) for _ in range(3))
    assert large < 40 * small + 0.05

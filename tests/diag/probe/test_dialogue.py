"""Replies as servers write them, in whatever pieces they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.diag.probe.dialogue import Dialogue, NotFTP
from ftpsd.diag.probe.facts import Answer
from ftpsd.diag.probe.software import guess
from ftpsd.diag.probe.steps.transfers import parse_epsv, parse_pasv
from ftpsd.diag.probe.wire import Ended


class Pieces:
    """A wire that gives what it was given."""

    timeout = 1.0

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = list(pieces)

    def read(self, timeout: float | None = None) -> bytes:
        if not self._pieces:
            raise Ended("no more", "fin")
        return self._pieces.pop(0)

    def quiet(self, seconds: float) -> bool:
        return not self._pieces


def dialogue(*pieces: bytes) -> Dialogue:
    wire: Any = Pieces(pieces)
    return Dialogue(wire)


REPLIES = (
    (b"220 ready\r\n", Answer(220, ("ready",))),
    (b"220 \r\n", Answer(220, ("",))),
    (b"220 bare line feed\n", Answer(220, ("bare line feed",))),
    (b"211-Features:\r\n AUTH TLS\r\n211 End\r\n", Answer(211, ("Features:", " AUTH TLS", "End"))),
    (b"230-one\r\n230-two\r\n230 three\r\n", Answer(230, ("one", "two", "three"))),
    (b"230-one\r\n220 not the end\r\n230 end\r\n", Answer(230, ("one", "220 not the end", "end"))),
    (b"550 \xff\xfe\r\n", Answer(550, ("\N{REPLACEMENT CHARACTER}" * 2,))),
)


@pytest.mark.parametrize(("data", "expected"), REPLIES)
def test_replies(data: bytes, expected: Answer) -> None:
    assert dialogue(data).answer() == expected
    assert dialogue(*(data[at:at + 1] for at in range(len(data)))).answer() == expected


def test_two_replies_in_one_piece() -> None:
    both = dialogue(b"150 here\r\n226 done\r\n")
    assert (both.answer().code, both.waiting, both.answer().code, both.waiting) == (150, True, 226, False)


@pytest.mark.parametrize("data", [
    b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-OpenSSH\r\n", b"\x15\x03\x03\x00\x02\n", b"22 short\r\n", b"\r\n",
    b"x" * 9000, b"220-" + b"\r\n" * 600,
])
def test_what_is_no_reply(data: bytes) -> None:
    with pytest.raises(NotFTP):
        dialogue(data, b"").answer()


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=20))
def test_whatever_comes_there_is_an_end(pieces: list[bytes]) -> None:
    try:
        assert 100 <= dialogue(*pieces).answer().code < 700
    except (NotFTP, Ended):
        pass


@pytest.mark.parametrize(("text", "expected"), [
    ("Entering Passive Mode (127,0,0,1,195,80).", ("127.0.0.1", 50000)), ("=127,0,0,1,0,21", ("127.0.0.1", 21)),
    ("(256,0,0,1,1,1)", None), ("(1,2,3,4,5)", None), ("", None),
])
def test_pasv(text: str, expected: tuple[str, int] | None) -> None:
    assert parse_pasv(text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("Entering Extended Passive Mode (|||50000|)", 50000), ("(!!!21!).", 21), ("(|||0|)", None), ("(|||70000|)", None),
    ("(|1|127.0.0.1|50000|)", None), ("", None),
])
def test_epsv(text: str, expected: int | None) -> None:
    assert parse_epsv(text) == expected


@pytest.mark.parametrize(("text", "software"), [
    ("ProFTPD Server (x) [::1]", "ProFTPD"), ("(vsFTPd 3.0.3)", "vsFTPd"), ("FTP", ""),
    ("---------- Welcome to Pure-FTPd [privsep] [TLS] ----------", "Pure-FTPd"), ("ftpsd Server (x)", "ftpsd"),
])
def test_software(text: str, software: str) -> None:
    assert guess(Answer(220, (text, "more"))) == software

"""Replies on the wire."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.ftp import replies
from ftpsd.ftp.replies import Reply


@pytest.mark.parametrize(("reply", "wire"), [
    (Reply(200, "OK"), b"200 OK\r\n"),
    (Reply(211, "Features:", "MDTM", "UTF8", "End"), b"211-Features:\r\n MDTM\r\n UTF8\r\n211 End\r\n"),
    (Reply(500, "'SITE CHMOD' not understood", "SITE not understood"),
     b"500-'SITE CHMOD' not understood\r\n500 SITE not understood\r\n"),
    (Reply(226), b"226 \r\n"),
    (Reply(550, "a\r\n230 ok\0\x1b[1m\x7f: x"), b"550 a??230 ok??[1m?: x\r\n"),
    (Reply(257, '"/\udce4\udcff"'), b'257 "/\xe4\xff\xff"\r\n'),
    (Reply(257, '"/Grüße"'), '257 "/Grüße"\r\n'.encode()),
    (Reply(213, "Status", "213 fake end", "End"), b"213-Status\r\n 213 fake end\r\n213 End\r\n"),
])
def test_encode(reply: Reply, wire: bytes) -> None:
    assert reply.encode() == wire


def test_every_line_with_its_code() -> None:
    assert Reply(211, "a", "b", "c").encode(every_line=True) == b"211-a\r\n211-b\r\n211 c\r\n"


@pytest.mark.parametrize("code", [0, 99, 600, -1])
def test_codes_are_checked(code: int) -> None:
    with pytest.raises(ValueError, match="reply code"):
        Reply(code, "x")


def test_properties() -> None:
    assert Reply(150, "x").preliminary
    assert not Reply(226, "x").preliminary
    assert Reply(331, "x").positive
    assert not Reply(421, "x").positive
    assert str(Reply(214, "a", "b")) == "214 b"
    assert replies.harmless("a\nb") == "a?b"


@given(st.integers(100, 599), st.lists(st.text(max_size=40), max_size=6))
def test_a_client_always_finds_exactly_one_reply(code: int, lines: list[str]) -> None:
    """Reads the bytes as RFC 959 section 4.2 tells clients to."""
    try:
        wire = Reply(code, *lines).encode()
    except UnicodeEncodeError:
        assert any(0xD800 <= ord(character) <= 0xDFFF for character in "".join(lines))
        return
    rows = wire.split(b"\r\n")
    assert rows.pop() == b""
    first = str(code).encode()
    if len(rows) == 1:
        assert rows[0].startswith(first + b" ")
        return
    assert rows[0].startswith(first + b"-")
    assert [bool(re.match(rb"%d " % code, row)) for row in rows[1:]] == [False] * (len(rows) - 2) + [True]
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", wire)


# The texts of drop-in.md that this module words.
@pytest.mark.parametrize(("reply", "text"), [
    (replies.not_understood("FOO"), "500 FOO not understood"),
    (replies.LOGIN_INCORRECT, "530 Login incorrect."),
    (replies.password_required("joe"), "331 Password required for joe"),
    (replies.ANONYMOUS_PASSWORD,
     "331 Anonymous login ok, send your complete email address as your password"),
    (replies.logged_in("joe"), "230 User joe logged in"),
    (replies.logged_in("joe", 232), "232 User joe logged in"),
    (replies.ANONYMOUS_GRANTED, "230 Anonymous access granted, restrictions apply"),
    (replies.ALREADY_LOGGED_IN, "503 You are already logged in"),
    (replies.successful("CWD"), "250 CWD command successful"),
    (replies.successful("PORT", 200), "200 PORT command successful"),
    (replies.not_implemented("ACCT"), "502 ACCT command not implemented"),
    (Reply(150, replies.opening_text("x", ascii=False, size=12)),
     "150 Opening BINARY mode data connection for x (12 bytes)"),
    (Reply(150, replies.opening_text("file list", ascii=True)), "150 Opening ASCII mode data connection for file list"),
])
def test_texts(reply: Reply, text: str) -> None:
    assert str(reply) == text


def test_status_of_a_path() -> None:
    assert replies.listing_in_reply(213, "a", ["row"]).lines == ("Status of a:", "row", "End of status")

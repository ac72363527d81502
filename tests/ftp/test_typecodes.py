"""TYPE, MODE, STRU, ALLO, REST; foreign protocols."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.errors import Refusal
from ftpsd.ftp import hostile, typecodes
from ftpsd.ftp.commands import COMMANDS


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except Refusal as refused:
        return refused.code, refused.text


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("A", (True, "A")),
        ("a", (True, "A")),
        ("A N", (True, "A")),
        ("A T", (True, "A")),
        ("I", (False, "I")),
        ("i", (False, "I")),
        ("L 8", (False, "L")),
        ("L 7", (True, "L")),
        ("L", (504, "TYPE not implemented for 'L' parameter")),
        ("L 9", (504, "TYPE not implemented for 'L' parameter")),
        ("E", (504, "TYPE not implemented for 'E' parameter")),
        ("I N", (False, "I")),
        ("i 8", (False, "I")),
        ("I N N", (504, "TYPE not implemented for 'I' parameter")),
        ("X", (504, "TYPE not implemented for 'X' parameter")),
        ("", (504, "TYPE not implemented for '' parameter")),
    ],
)
def test_type(argument: str, expected: object) -> None:
    assert outcome(lambda: typecodes.parse_type(argument)) == expected


@pytest.mark.parametrize(("check", "argument", "expected"), [
    (typecodes.check_mode, "S", "Mode set to S"),
    (typecodes.check_mode, "s", "Mode set to S"),
    (typecodes.check_mode, "B", (504, "'MODE B' unsupported transfer mode")),
    (typecodes.check_mode, "C", (504, "'MODE C' unsupported transfer mode")),
    (typecodes.check_mode, "Z", (501, "'MODE Z' unrecognized transfer mode")),
    (typecodes.check_structure, "F", "Structure set to F"),
    (typecodes.check_structure, "R", (504, "'STRU R' unsupported structure type")),
    (typecodes.check_structure, "P", (504, "'STRU P' unsupported structure type")),
    (typecodes.check_structure, "X", (501, "'STRU X' unrecognized structure type")),
    (typecodes.check_allo, "10", 10),
    (typecodes.check_allo, "10 R 20", 10),
    (typecodes.check_allo, "x", (504, "x: Invalid ALLO argument")),
    (typecodes.check_allo, "10 R", (504, "10 R: Invalid ALLO argument")),
    (typecodes.check_allo, "10 X 20", (504, "10 X 20: Invalid ALLO argument")),
])
def test_one_word(check: Callable[[str], object], argument: str, expected: object) -> None:
    assert outcome(lambda: check(argument)) == expected


@pytest.mark.parametrize(("argument", "ascii_mode", "expected"), [
    ("0", True, 0), ("0", False, 0), ("10", False, 10), (str(2**63 - 1), False, 2**63 - 1),
    ("10", True, (501, "REST: Resuming transfers not allowed in ASCII mode")),
    ("-1", False, (501, "REST requires a value greater than or equal to 0")),
    ("x", False, (501, "REST requires a value greater than or equal to 0")),
    (str(2**63), False, (501, "REST requires a value greater than or equal to 0")),
    ("9" * 400, False, (501, "REST requires a value greater than or equal to 0")),
    ("\u0661", False, (501, "REST requires a value greater than or equal to 0")),
    ("1e3", False, (501, "REST requires a value greater than or equal to 0")),
    ("+1", False, (501, "REST requires a value greater than or equal to 0")),
    ("1_0", False, (501, "REST requires a value greater than or equal to 0")),
])
def test_rest(argument: str, ascii_mode: bool, expected: object) -> None:
    assert outcome(lambda: typecodes.parse_rest(argument, ascii_mode=ascii_mode)) == expected


def test_type_set() -> None:
    assert typecodes.type_set("I") == "Type set to I"


@pytest.mark.parametrize(
    ("text", "protocol"),
    [
        ("GET / HTTP/1.0", "HTTP"),
        ("post /x HTTP/1.1", "HTTP"),
        ("EHLO me", "SMTP"),
        ("MAIL FROM:<a@b>", "SMTP"),
        ("PRI * HTTP/2.0", "HTTP"),
        ("\x16\x03\x01\x02", "TLS"),
        ("  GET /", "HTTP"),
    ],
)
def test_foreign_protocols(text: str, protocol: str) -> None:
    found = hostile.foreign_protocol(text)
    assert found is not None
    assert found.protocol == protocol
    assert found.reason == f"{protocol.lower()}-on-ftp-port"


@pytest.mark.parametrize("name", [*COMMANDS, "", "GETX", "XMAIL", "HOST"])
def test_ftp_is_not_foreign(name: str) -> None:
    assert hostile.foreign_protocol(name) is None
    assert hostile.foreign_protocol(f"{name} GET" if name else "GETS") is None


@pytest.mark.parametrize(
    ("start", "word"),
    [
        (b"\x16\x03\x01\x02\x00", "ClientHello"),
        (b"\x16\x03", "ClientHello"),
        (b"\x80\x2e\x01\x03\x01", "SSLv2 ClientHello"),
    ],
)
def test_tls_in_clear(start: bytes, word: str) -> None:
    found = hostile.foreign_start(start)
    assert found is not None
    assert (found.protocol, found.word) == ("TLS", word)


@pytest.mark.parametrize("start", [b"", b"\x16", b"USER x", b"\xff\xf4", b"\x80\x2e\x02"])
def test_other_beginnings(start: bytes) -> None:
    assert hostile.foreign_start(start) is None


@given(st.text(max_size=30))
def test_anything(text: str) -> None:
    hostile.foreign_protocol(text)
    for check in (
        typecodes.parse_type,
        typecodes.check_mode,
        typecodes.check_structure,
        typecodes.check_allo,
    ):
        outcome(lambda check=check: check(text))  # type: ignore[misc]
    outcome(lambda: typecodes.parse_rest(text, ascii_mode=False))

"""RANG's arguments and replies."""

from __future__ import annotations

import pytest

from ftpsd.errors import Refusal
from ftpsd.ftp import ranges
from ftpsd.ftp.ranges import ByteRange


@pytest.mark.parametrize(("argument", "chosen", "text"), [
    ("0 5", ByteRange(0, 5), "Transferring byte range of 6 bytes starting from 0"),
    ("3 3", ByteRange(3, 3), "Transferring byte range of 1 byte starting from 3"),
    ("1  0", None, "Reset byte transfer range"),
    ("9223372036854775806 9223372036854775807", ByteRange(2**63 - 2, 2**63 - 1),
     "Transferring byte range of 2 bytes starting from 9223372036854775806"),
])
def test_ranges(argument: str, chosen: ByteRange | None, text: str) -> None:
    assert ranges.parse(argument, ascii_mode=False) == chosen
    assert ranges.accepted(chosen) == text


@pytest.mark.parametrize(("argument", "code", "text"), [
    ("0", 500, "'RANG 0' not understood"),
    ("x 5", 501, "RANG requires a value greater than or equal to 0"),
    ("5 -1", 501, "RANG requires a value greater than or equal to 0"),
    ("0 9223372036854775808", 501, "RANG requires a value greater than or equal to 0"),
    ("5 2", 501, "RANG start must be less than end"),
    ("0 0", 551, "RANG: Transfer ranges not allowed in ASCII mode"),
])
def test_what_is_no_range(argument: str, code: int, text: str) -> None:
    with pytest.raises(Refusal) as caught:
        ranges.parse(argument, ascii_mode=True)
    assert (caught.value.code, caught.value.text) == (code, text)


def test_a_range_may_be_taken_back_in_ascii_mode() -> None:
    assert ranges.parse("1 0", ascii_mode=True) is None

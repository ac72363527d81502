"""RANG: the part of a file that the next transfer, or HASH, is about (draft-bryan-ftp-range).

REST and RANG say the same thing in two ways, where a transfer begins, so the later one takes back the earlier. Both
ends of a range are counted from 0 and belong to it. `RANG 1 0` takes a range back.
"""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.errors import Refusal
from ftpsd.ftp import typecodes
from ftpsd.reasons.codes import Code


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes that are."""
        return self.last - self.first + 1


def parse(argument: str, *, ascii_mode: bool) -> ByteRange | None:
    """The range of RANG's argument (two words); None takes it back.

    Raises `Refusal`: 501 for what is no range, 551 in ASCII mode, where bytes of the file cannot be counted.
    """
    words = argument.split()
    if len(words) != 2:
        raise Refusal(500, f"'RANG {argument}' not understood", Code.SYNTAX)
    if not all(map(typecodes.is_number, words)):
        raise Refusal(501, "RANG requires a value greater than or equal to 0", Code.SYNTAX)
    first, last = map(int, words)
    if (first, last) == (1, 0):
        return None
    if last < first:
        raise Refusal(501, "RANG start must be less than end", Code.SYNTAX)
    if ascii_mode:
        raise Refusal(551, "RANG: Transfer ranges not allowed in ASCII mode", Code.REST_IN_ASCII)
    return ByteRange(first, last)


def accepted(chosen: ByteRange | None) -> str:
    """The text of the 350 reply."""
    if chosen is None:
        return "Reset byte transfer range"
    plural = "" if chosen.length == 1 else "s"
    return f"Transferring byte range of {chosen.length} byte{plural} starting from {chosen.first}"

"""TYPE, STRU, MODE, ALLO and REST: arguments to replies (RFC 959 sections 3 and 4.1.2, RFC 3659 section 5).

We store files as streams of bytes and know two representations: as they are (image) and text with CR LF
line ends on the wire (ASCII). `L 8` is image on every machine of today; `L 7` was never anything else in
ProFTPD than ASCII.
"""

from __future__ import annotations

from ftpsd.errors import Refusal
from ftpsd.reasons.codes import Code

_MOST = 2**63 - 1


def parse_type(argument: str) -> tuple[bool, str]:
    """(ASCII?, what the 200 reply calls it) of TYPE's argument; raises `Refusal` 504."""
    words = argument.upper().split()
    match words:
        case ["A"] | ["A", _]:  # any format control (RFC 959 section 3.1.1.5): files have none, and ProFTPD never asks
            return True, "A"
        case ["I"] | ["I", _]:
            return False, "I"
        case ["L", "8"]:
            return False, "L"
        case ["L", "7"]:
            return True, "L"
    shown = argument.split()[0] if words else ""
    raise Refusal(504, f"TYPE not implemented for '{shown}' parameter", Code.PARAMETER_UNSUPPORTED)


def type_set(name: str) -> str:
    """Text of the 200 reply."""
    return f"Type set to {name}"


def check_mode(argument: str) -> str:
    """Text of the 200 reply to MODE; raises `Refusal` 504 (known, unsupported) or 501 (unknown)."""
    return _only(argument, "MODE", "S", "BC", "Mode", "transfer mode")


def check_structure(argument: str) -> str:
    """Text of the 200 reply to STRU; raises `Refusal` 504 (known, unsupported) or 501 (unknown)."""
    return _only(argument, "STRU", "F", "RP", "Structure", "structure type")


def _only(argument: str, command: str, good: str, known: str, title: str, noun: str) -> str:
    word = argument.strip().upper()
    if word == good:
        return f"{title} set to {good}"
    if len(word) == 1 and word in known:
        raise Refusal(504, f"'{command} {argument}' unsupported {noun}", Code.PARAMETER_UNSUPPORTED)
    raise Refusal(501, f"'{command} {argument}' unrecognized {noun}", Code.PARAMETER_UNSUPPORTED)


def check_allo(argument: str) -> int:
    """ALLO's size in bytes (`ALLO n`, `ALLO n R m`); raises `Refusal` 504."""
    words = argument.split()
    good = len(words) == 1 or (len(words) == 3 and words[1].upper() == "R" and is_number(words[2]))
    if not words or not good or not is_number(words[0]):
        raise Refusal(504, f"{argument}: Invalid ALLO argument", Code.SYNTAX)
    return int(words[0])


def parse_rest(argument: str, *, ascii_mode: bool) -> int:
    """REST's offset in bytes.

    Raises `Refusal` 501 for what is no offset, and for one above 0 in ASCII mode.
    """
    word = argument.strip()
    if not is_number(word):
        raise Refusal(501, "REST requires a value greater than or equal to 0", Code.SYNTAX)
    offset = int(word)
    if ascii_mode and offset:
        raise Refusal(501, "REST: Resuming transfers not allowed in ASCII mode", Code.REST_IN_ASCII)
    return offset


def is_number(word: str) -> bool:
    """Whether a word is a number of bytes: digits, at most 2^63 - 1."""
    return word.isascii() and word.isdigit() and len(word) <= 19 and int(word) <= _MOST

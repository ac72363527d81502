"""MODE Z: `OPTS MODE Z` (draft-preston-ftpext-deflate section 3.4). Pure.

The draft knows engines and their settings; there is one engine (zlib) with one method, so that only its level is
anybody's choice. What we receive says itself how it was compressed.
"""

from __future__ import annotations

from ftpsd.errors import Refusal
from ftpsd.reasons.codes import Code

FEATURE = "MODE Z"
LEVEL = 6
"""What zlib takes for a good bargain. mod_deflate's 9 costs several times the processor for some percent."""

_FIXED = {"ENGINE": ("ZLIB",), "METHOD": ("8", "DEFLATE")}


def chosen(argument: str) -> bool:
    """Whether MODE's argument is Z."""
    return argument.strip().upper() == "Z"


def options(argument: str, level: int) -> int:
    """The level after `OPTS MODE argument`; `level` is the present one. Raises `Refusal`."""
    words = argument.split()
    if not words or words[0].upper() != "Z":
        raise Refusal(500, "OPTS MODE not understood", Code.COMMAND_UNKNOWN)
    if len(words) % 2 == 0:
        raise Refusal(501, f"OPTS MODE Z: {words[-1]} needs a value", Code.SYNTAX)
    for name, value in zip(words[1::2], words[2::2], strict=True):
        level = _option(name, value, level)
    return level


def _option(name: str, value: str, level: int) -> int:
    key = name.upper()
    if key == "LEVEL" and len(value) == 1 and value in "0123456789":
        return int(value)
    if value.upper() in _FIXED.get(key, ()):
        return level
    if key == "LEVEL" or key in _FIXED:
        raise Refusal(501, f"OPTS MODE Z: bad option value: {name} {value}", Code.PARAMETER_UNSUPPORTED)
    raise Refusal(501, f"OPTS MODE Z: unknown option: {name}", Code.PARAMETER_UNSUPPORTED)


def settings(level: int) -> str:
    """How the reply to `OPTS MODE Z` shows what is in force."""
    return f"MODE Z ENGINE ZLIB LEVEL {level}"

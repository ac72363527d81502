"""POSIX extended regular expressions, which ProFTPD's directives are written in, as Python's."""

from __future__ import annotations

import re

from ftpsd.settings.arguments import ArgumentError

_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r" \t\n\r\f\v",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "cntrl": r"\x00-\x1f\x7f",
    "print": r"\x20-\x7e",
    "graph": r"\x21-\x7e",
    "xdigit": "0-9A-Fa-f",
}
_BRACKET = re.compile(r"\[(\^?)(\]?(?:\[:[a-z]+:\]|[^\]])*)\]")
_ESCAPED_OR_BRACKET = re.compile(r"\\.|" + _BRACKET.pattern, re.DOTALL)
_INSIDE = re.compile(r"\[:([a-z]+):\]|(.)", re.DOTALL)


def _inside(match: re.Match[str]) -> str:
    if match[1] is None:
        return "\\" + match[2] if match[2] in "[]\\&~|^" else match[2]
    if match[1] not in _CLASSES:
        raise ArgumentError(f"unknown character class '[:{match[1]}:]'")
    return _CLASSES[match[1]]


def _translate(match: re.Match[str]) -> str:
    if match[0].startswith("\\"):
        return match[0] if not match[0][1].isalnum() or match[0][1] in "wWsSbBdD" else match[0][1]
    return f"[{match[1]}{_INSIDE.sub(_inside, match[2])}]"


def posix(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """`pattern` compiled; bracket expressions have POSIX's rules. Raises `ArgumentError` if it is not
    valid."""
    translated = _ESCAPED_OR_BRACKET.sub(_translate, pattern)
    try:
        return re.compile(translated, re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise ArgumentError(f"unable to compile regex '{pattern}': {error}") from None

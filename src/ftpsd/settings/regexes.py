"""Regular expressions of directives: PCRE's, as Debian's ProFTPD has them, matched by the package `regex`.

Clients bring the texts, and with .ftpaccess files the expressions, too: one like `(a|aa)+$` may look at a text of
thirty letters for hours. Python's `re` keeps the interpreter meanwhile, and with it every session of the worker;
`regex` lets go of it, and gives up in time. What an expression then says is the caller's to choose: what forbids fits,
what allows does not.
"""

from __future__ import annotations

import re

import regex

from ftpsd.settings.arguments import ArgumentError

PATIENCE = 0.1
"""Seconds of the processor for one text; thousands of steps take microseconds."""

SHORT_PATIENCE = 0.005
"""The same for an expression that has used up the former `OFTEN` times: a listing asks about every name."""

OFTEN = 20

_TOKEN = re.compile(
    r"\\Q(?P<literal>.*?)(?:\\E|\Z)"
    r"|\\x\{(?P<code>[0-9A-Fa-f]{1,2})\}"
    r"|\\[pPNg]\{[^}]*\}|\\."
    r"|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]"
    r"|(?P<brace>\{)(?![0-9]+(?:,[0-9]*)?\})",
    re.DOTALL)


class Regex:
    """A regular expression that is looked for in texts. Safe for threads."""

    __slots__ = ("_compiled", "_doubts", "ignore_case", "pattern")

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        """Raises `ArgumentError` if it is not valid."""
        self.pattern = pattern
        self.ignore_case = ignore_case
        self._doubts = 0
        flags = regex.ASCII | regex.VERSION0 | (regex.IGNORECASE if ignore_case else 0)
        try:
            self._compiled = regex.compile(_TOKEN.sub(_translated, pattern), flags)
        except (regex.error, OverflowError, RecursionError, ValueError) as error:
            raise ArgumentError(f"unable to compile regex '{pattern}': {error}") from None

    def fits(self, text: str, *, in_doubt: bool) -> bool:
        """Whether it is found in `text`; `in_doubt`, where that takes too long to find out."""
        patience = PATIENCE if self._doubts < OFTEN else SHORT_PATIENCE
        try:
            return self._compiled.search(text, timeout=patience, concurrent=True) is not None
        except TimeoutError:
            self._doubts += 1
            return in_doubt

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Regex) and (self.pattern, self.ignore_case) == (other.pattern, other.ignore_case))

    def __hash__(self) -> int:
        return hash((self.pattern, self.ignore_case))

    def __repr__(self) -> str:
        return f"Regex({self.pattern!r})"


def _translated(match: re.Match[str]) -> str:
    """What PCRE and `regex` write differently; to the latter `a{e}` is an a, or something like it."""
    if match["literal"] is not None:
        return re.escape(match["literal"])
    if match["code"] is not None:
        return f"\\x{match['code']:0>2}"
    return r"\{" if match["brace"] else match[0]

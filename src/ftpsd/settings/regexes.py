"""Regular expressions of directives: PCRE's, as Debian's ProFTPD has them, matched by the package `regex`.

Clients bring the texts, and with .ftpaccess files the expressions, too: one like `(a|aa)+$` may look at a text of
thirty letters for hours. Python's `re` keeps the interpreter meanwhile, and with it every session of the worker;
`regex` lets go of it, and gives up in time. What an expression then says is the caller's to choose: what forbids fits,
what allows does not. Compiling is bounded by what is compiled: counted repeats are written out, `(a{1000}){1000}` a
million times. What calls itself, `(?R)`, is refused: in that time `regex` would fill hundreds of megabytes with calls.

Bytes are matched, as there: names are UTF-8 for most, and may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import regex

from ftpsd.settings.arguments import ArgumentError

PATIENCE = 0.25
"""Seconds for one text, of the time that all threads of the process get; thousands of steps take microseconds."""

SHORT_PATIENCE = 0.02
"""The same for an expression that has used up the former `OFTEN` times: a listing asks about every name."""

OFTEN = 20

LONGEST = 4096
"""Bytes of an expression."""

LARGEST = 16_384
"""Pieces of an expression whose repeats are written out."""

_BLINK = 0.001
"""Seconds in which the interpreter is kept: to let go of it and to get it back costs more on a busy worker."""

_ESCAPE = (
    r"\\x\{(?P<code>[0-9A-Fa-f]{1,2})\}|\\x(?P<short>[0-9A-Fa-f]?)(?![0-9A-Fa-f{])|\\c(?P<control>[!-~])|(?P<escape>\\e)"
)
_SET = r"\[\^?\]?(?>(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*)\]"
_TOKEN = re.compile(
    r"\\Q(?P<literal>.*?)(?:\\E|\Z)"
    rf"|{_ESCAPE}"
    r"|\\g(?P<group>[0-9]+|\{\w+\})|\\k(?P<named>\{\w+\}|<\w+>|'\w+')"
    r"|(?P<call>\(\?(?:R|[+-]?[0-9]|&|P>)|\\g[<'])"
    r"|\\[pPN]\{[^}]*\}|\\."
    rf"|(?P<set>{_SET})|(?P<open>\[)"
    r"|(?P<brace>\{)(?![0-9]+(?:,[0-9]*)?\})",
    re.DOTALL)
_IN_SET = re.compile(rf"{_ESCAPE}|\\.", re.DOTALL)
_PIECE = re.compile(rf"\\.|{_SET}|\{{([0-9]+)(?:,([0-9]*))?\}}|.", re.DOTALL)


class Regex:
    """A regular expression that is looked for in texts. Safe for threads."""

    __slots__ = ("_compiled", "_doubts", "ignore_case", "pattern")

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        """Raises `ArgumentError` if it is not valid, or too large."""
        self.pattern = pattern
        self.ignore_case = ignore_case
        self._doubts = 0
        if len(pattern) > LONGEST:
            raise ArgumentError(f"a regular expression of {len(pattern)} letters: at most {LONGEST} are read")
        flags = regex.VERSION0 | (regex.IGNORECASE if ignore_case else 0)
        try:
            translated = _TOKEN.sub(_translated, pattern)
            if _pieces(translated) > LARGEST:
                raise ValueError("its repeats are too large")
            self._compiled = regex.compile(_bytes(translated), flags, cache_pattern=False)
        except (regex.error, OverflowError, RecursionError, MemoryError, ValueError) as error:
            raise ArgumentError(f"unable to compile regex '{pattern}': {error}") from None

    @property
    def groups(self) -> int:
        """How many groups it has."""
        count: int = self._compiled.groups
        return count

    def fits(self, text: str, *, in_doubt: bool) -> bool:
        """Whether it is found in `text`; `in_doubt`, where that takes too long to find out."""
        try:
            return self._asked(self._compiled.search, text) is not None
        except TimeoutError:
            return in_doubt

    def whole(self, text: str) -> tuple[str | None, ...] | None:
        """`text` and its groups, if it matches from the first to the last character. Raises `TimeoutError`."""
        match = self._asked(self._compiled.fullmatch, text)
        if match is None:
            return None
        return tuple(
            part.decode("utf-8", "surrogateescape") if part is not None else None
            for part in (match[0], *match.groups()))

    def _asked(self, way: Callable[..., regex.Match[bytes] | None], text: str) -> regex.Match[bytes] | None:
        """Raises `TimeoutError`."""
        data = _bytes(text)
        try:
            return way(data, timeout=_BLINK, concurrent=False)
        except TimeoutError:
            pass
        patience = PATIENCE if self._doubts < OFTEN else SHORT_PATIENCE
        try:
            return way(data, timeout=patience, concurrent=True)
        except TimeoutError:
            self._doubts += 1
            raise

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Regex) and (self.pattern, self.ignore_case) == (other.pattern, other.ignore_case))

    def __hash__(self) -> int:
        return hash((self.pattern, self.ignore_case))

    def __repr__(self) -> str:
        return f"Regex({self.pattern!r})"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _translated(match: re.Match[str]) -> str:
    """What PCRE and `regex` write differently; to the latter `a{e}` is an a, or something like it."""
    if match["open"] is not None:
        raise ValueError(f"missing ] at position {match.start()}")
    if match["call"] is not None:
        raise ValueError(f"calls of groups ('{match[0]}') are not supported: position {match.start()}")
    if match[0] == r"\g":
        raise ValueError(f"unknown reference at position {match.start()}")
    if match["literal"] is not None:
        return re.escape(match["literal"])
    if match["set"] is not None:
        return _IN_SET.sub(_byte, match["set"])
    name = match["group"] or match["named"]
    if name is not None:
        return "\\g<" + name.strip("{}<>'") + ">"
    return r"\{" if match["brace"] else _byte(match)


def _byte(match: re.Match[str]) -> str:
    """A byte by its number or as a control character."""
    if match["control"] is not None:
        return f"\\x{ord(match['control'].upper()) ^ 0x40:02x}"
    if match["escape"] is not None:
        return r"\x1b"
    code = match["code"] if match["code"] is not None else match["short"]
    return match[0] if code is None else f"\\x{code:0>2}"


def _pieces(pattern: str) -> int:
    """Of how many pieces an expression is, its counted repeats written out."""
    sizes, last = [0], 0
    for match in _PIECE.finditer(pattern):
        if match[0] == "(":
            sizes.append(0)
        elif match[0] == ")" and len(sizes) > 1:
            last = sizes.pop() + 1
            sizes[-1] += last
        elif match[1] is not None:
            times = max(int(match[1]), int(match[2] or 0), 1)
            sizes[-1] += last * (times - 1)
            last *= times
        else:
            last = 1
            sizes[-1] += 1
    return sum(sizes)

"""The grammar of directives' arguments: a small set of classes, each turning words into a typed value.

An `Argument` is given the words that follow a directive's name (quotes already taken off) and returns the
value that the settings hold, or raises `ArgumentError` with the text that an administrator reads after
`fatal: Directive: `. Nothing here looks at the machine: whether a file exists is the reader's business.
"""

from __future__ import annotations

import abc
import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

TRUE_WORDS = frozenset({"on", "yes", "true", "1"})
FALSE_WORDS = frozenset({"off", "no", "false", "0"})
NONE_WORDS = frozenset({"none", "off"})


class ArgumentError(ValueError):
    """The words do not fit the grammar; `remedy` (optional) says what to write instead."""

    def __init__(self, text: str, *, remedy: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.remedy = remedy


class NotSupported(ArgumentError):
    """The words are right but ask for something that this version does not do."""

    def __init__(self, what: str, *, remedy: str | None = None) -> None:
        super().__init__(f"{what} is not supported", remedy=remedy)


def boolean(word: str) -> bool | None:
    """The truth value of `on`, `off` and their synonyms in any case; None for any other word."""
    lowered = word.lower()
    if lowered in TRUE_WORDS:
        return True
    if lowered in FALSE_WORDS:
        return False
    return None


def want(words: Sequence[str], least: int, most: int | None = None) -> None:
    """Raise unless there are `least` … `most` words (`most` None: any number above)."""
    if len(words) < least:
        raise ArgumentError("missing parameters")
    if most is not None and len(words) > most:
        raise ArgumentError("wrong number of parameters", remedy="Put a value with blanks into quotes.")


def whole_number(word: str, what: str = "number") -> int:
    """A non-negative decimal number in ASCII digits."""
    if not re.fullmatch(r"[0-9]{1,18}", word):
        raise ArgumentError(f"'{word}' is not a valid {what}")
    return int(word)


def absolute_path(word: str) -> str:
    """`word` when it is an absolute path without NUL."""
    if not word.startswith("/") or "\0" in word:
        raise ArgumentError("parameter must be an absolute path")
    return word


class Argument(abc.ABC, Generic[T]):
    """Base: `syntax` is shown in help and reference, `parse` makes the value."""

    syntax: str

    @abc.abstractmethod
    def parse(self, words: Sequence[str]) -> T:
        """The value; raises `ArgumentError`."""


@dataclass(frozen=True)
class Boolean(Argument[bool]):
    """`on` or `off` (also yes/no, true/false, 1/0; any case)."""

    syntax: str = "on|off"

    def parse(self, words: Sequence[str]) -> bool:
        want(words, 1, 1)
        value = boolean(words[0])
        if value is None:
            raise ArgumentError("expected Boolean parameter", remedy="Write on or off.")
        return value


@dataclass(frozen=True)
class Integer(Argument[int]):
    """A decimal number from `low` to `high`; `words_for` gives some words a number (`none` → 0)."""

    low: int
    high: int
    syntax: str = "number"
    words_for: tuple[tuple[str, int], ...] = ()

    def parse(self, words: Sequence[str]) -> int:
        want(words, 1, 1)
        for word, value in self.words_for:
            if words[0].lower() == word:
                return value
        number = whole_number(words[0])
        if not self.low <= number <= self.high:
            raise ArgumentError(f"value must be between {self.low} and {self.high}")
        return number


@dataclass(frozen=True)
class OptionalInteger(Argument["int | None"]):
    """A number from `low` to `high`, or `none`."""

    low: int
    high: int
    syntax: str = "number|none"

    def parse(self, words: Sequence[str]) -> int | None:
        want(words, 1, 1)
        if words[0].lower() == "none":
            return None
        if re.fullmatch("0+|-.*", words[0]) and self.low == 1:
            raise ArgumentError("parameter must be 'none' or a number greater than 0")
        return Integer(self.low, self.high).parse(words)


LONGEST_DURATION = 0x7FFFFFFF
_DURATION_UNITS = {
    "": 1,
    "s": 1,
    "sec": 1,
    "secs": 1,
    "m": 60,
    "min": 60,
    "mins": 60,
    "h": 3600,
    "hr": 3600,
    "hour": 3600,
    "hours": 3600,
}


def duration(word: str) -> int:
    """Seconds of `90`, `90s`, `5m`, `2h` (also sec, min, hr) or of `hh:mm:ss`; raises `ArgumentError`."""
    clock = re.fullmatch(r"([0-9]{1,6}):([0-5]?[0-9]):([0-5]?[0-9])", word)
    if clock:
        hours, minutes, seconds = (int(part) for part in clock.groups())
        total = hours * 3600 + minutes * 60 + seconds
    else:
        match = re.fullmatch(r"([0-9]{1,12})([a-z]*)", word.lower())
        if match is None or match[2] not in _DURATION_UNITS:
            raise ArgumentError(
                f"error parsing timeout value '{word}'", remedy="Write seconds, or 90s, 5m, 2h, 01:30:00."
            )
        total = int(match[1]) * _DURATION_UNITS[match[2]]
    if total > LONGEST_DURATION:
        raise ArgumentError(f"'{word}' is too long a time")
    return total


@dataclass(frozen=True)
class Duration(Argument[int]):
    """A time in seconds, see `duration`."""

    low: int = 0
    high: int = LONGEST_DURATION
    syntax: str = "seconds"

    def parse(self, words: Sequence[str]) -> int:
        want(words, 1, 1)
        seconds = duration(words[0])
        if not self.low <= seconds <= self.high:
            raise ArgumentError(f"value must be between {self.low} and {self.high} seconds")
        return seconds


@dataclass(frozen=True)
class Path(Argument[str]):
    """One absolute path."""

    syntax: str = "/path"

    def parse(self, words: Sequence[str]) -> str:
        want(words, 1, 1)
        return absolute_path(words[0])


@dataclass(frozen=True)
class OptionalPath(Argument["str | None"]):
    """One absolute path, or one of `none` words, which mean None."""

    none: frozenset[str] = NONE_WORDS
    syntax: str = "/path|none"

    def parse(self, words: Sequence[str]) -> str | None:
        want(words, 1, 1)
        return None if words[0].lower() in self.none else absolute_path(words[0])


@dataclass(frozen=True)
class Text(Argument[str]):
    """Exactly one word (quote it when it has blanks), not empty unless `empty`."""

    syntax: str = '"text"'
    empty: bool = False

    def parse(self, words: Sequence[str]) -> str:
        want(words, 1, 1)
        if not words[0] and not self.empty:
            raise ArgumentError("parameter must not be empty")
        return words[0]


@dataclass(frozen=True)
class OneOf(Argument[str]):
    """One of `choices` in any case; the value is the choice as listed."""

    choices: tuple[str, ...]
    error: str = "unknown parameter: '{}'"

    @property
    def syntax(self) -> str:  # type: ignore[override]
        """All choices."""
        return "|".join(self.choices)

    def parse(self, words: Sequence[str]) -> str:
        want(words, 1, 1)
        for choice in self.choices:
            if words[0].lower() == choice.lower():
                return choice
        raise ArgumentError(self.error.format(words[0]), remedy=f"It is one of {', '.join(self.choices)}.")


@dataclass(frozen=True)
class Words(Argument["tuple[str, ...]"]):
    """`least` or more words, as they are."""

    syntax: str = "word …"
    least: int = 1

    def parse(self, words: Sequence[str]) -> tuple[str, ...]:
        want(words, self.least)
        return tuple(words)


_INTERFACE_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,11}:[A-Za-z0-9]{1,6}")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_.-]{1,253}\.?")


def host_or_address(word: str) -> str:
    """`word` when it is an IP address, a DNS name or a network interface's name; raises otherwise."""
    bare = word[1:-1] if word.startswith("[") and word.endswith("]") else word
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    if _INTERFACE_ALIAS.fullmatch(bare):
        return bare
    if ":" in bare or re.fullmatch(r"[0-9.]+", bare) or not _HOST_NAME.fullmatch(bare):
        raise ArgumentError(f"'{word}' is not an IP address or a host name")
    return bare


@dataclass(frozen=True)
class Addresses(Argument["tuple[str, ...]"]):
    """One or more IP addresses or names."""

    syntax: str = "address …"
    most: int | None = None

    def parse(self, words: Sequence[str]) -> tuple[str, ...]:
        want(words, 1, self.most)
        return tuple(host_or_address(word) for word in words)


@dataclass(frozen=True)
class Special(Argument[T]):
    """A grammar of its own: `function` parses the words."""

    syntax: str
    function: Callable[[Sequence[str]], T]

    def parse(self, words: Sequence[str]) -> T:
        return self.function(words)

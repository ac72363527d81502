"""AuthUserFile and AuthGroupFile: a path, and which of the file's entries count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ftpsd.settings.arguments import ArgumentError, absolute_path, want
from ftpsd.settings.regexes import Regex


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that something has to match, with `negated` must not."""

    expression: Regex
    negated: bool = False

    def fits(self, text: str) -> bool:
        return self.expression.fits(text, in_doubt=self.negated) is not self.negated


@dataclass(frozen=True, slots=True)
class AccountFile:
    """`ids`: the least and the most that a uid or gid may be; `name` and `home` (of users): what they have to match."""

    path: str
    ids: tuple[int, int] | None = None
    name: Pattern | None = None
    home: Pattern | None = None

    def allows(self, name: str, number: int, home: str | None = None) -> bool:
        """Whether an entry counts."""
        if self.ids is not None and not self.ids[0] <= number <= self.ids[1]:
            return False
        if self.name is not None and not self.name.fits(name):
            return False
        return self.home is None or home is None or self.home.fits(home)


def _pattern(word: str) -> Pattern:
    text = word.removeprefix("!")
    if not text:
        raise ArgumentError("the regular expression is empty")
    return Pattern(Regex(text), word.startswith("!"))


def _ids(word: str) -> tuple[int, int]:
    match = re.fullmatch("([0-9]{1,10})-([0-9]{1,10})", word)
    if match is None or int(match[1]) > int(match[2]):
        raise ArgumentError(f"'{word}' is no range of ids", remedy="Write for example id 1000-1999.")
    return int(match[1]), int(match[2])


def _file(words: Sequence[str], kinds: tuple[str, ...]) -> AccountFile:
    want(words, 1)
    path = absolute_path(words[0])
    rest = list(words[1:])
    found: dict[str, Pattern] = {}
    ids: tuple[int, int] | None = None
    while rest:
        kind = rest.pop(0).lower()
        if kind not in kinds:
            raise ArgumentError(f"unknown restriction '{kind}'", remedy=f"It is {', '.join(kinds)}.")
        if not rest:
            raise ArgumentError(f"'{kind}' needs a value")
        if kind == "id":
            ids = _ids(rest.pop(0))
        else:
            found[kind] = _pattern(rest.pop(0))
    return AccountFile(path, ids, found.get("name"), found.get("home"))


def user_file(words: Sequence[str]) -> AccountFile:
    """`/path [id min-max] [home [!]regex] [name [!]regex]`."""
    return _file(words, ("id", "home", "name"))


def group_file(words: Sequence[str]) -> AccountFile:
    """`/path [id min-max] [name [!]regex]`."""
    return _file(words, ("id", "name"))

"""Options of LIST, NLST and STAT: `-la`, `-a name with blanks`, `-- -name`.

RFC 959 knows no options here, yet clients send those of `ls` (`LIST -a` to see names with a dot). What
begins with a minus is options until a word that does not; behind them stands one path, blanks and all. `+x`
takes an option back that ListOptions set. Letters that mean nothing here are passed over, as ProFTPD does,
rather than refused: a client that asks for `-w` wants the listing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

SortKey = Literal["name", "time", "size", "none"]
TimeKind = Literal["modify", "access", "change"]


class ListDefaults(Protocol):
    """What ListOptions says (`settings.values.ListOptions`)."""

    @property
    def options(self) -> str: ...
    @property
    def strict(self) -> bool: ...
    @property
    def max_files(self) -> int: ...
    @property
    def max_dirs(self) -> int: ...
    @property
    def max_depth(self) -> int: ...
    @property
    def list_only(self) -> bool: ...
    @property
    def nlst_only(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What a listing command asks for. `path` is None for the current directory.

    The fields are named as those of `vfs.base.ListingOptions`; the bounds are ListOptions' (0: none).
    """

    path: str | None = None
    all: bool = False
    almost_all: bool = False
    bare: bool = False
    classify: bool = False
    columns: bool = False
    dereference: bool = False
    directory: bool = False
    human: bool = False
    long: bool = False
    numeric: bool = False
    recursive: bool = False
    reverse: bool = False
    sort: SortKey = "name"
    time: TimeKind = "modify"
    max_files: int = 0
    max_directories: int = 0
    max_depth: int = 0


_SWITCHES = {
    "a": "all", "A": "almost_all", "1": "bare", "F": "classify", "C": "columns", "L": "dereference",
    "d": "directory", "h": "human", "l": "long", "n": "numeric", "R": "recursive", "r": "reverse",
}
_SORTS: dict[str, SortKey] = {"t": "time", "S": "size", "U": "none"}
_TIMES: dict[str, TimeKind] = {"c": "change", "u": "access"}


def split(argument: str) -> tuple[list[str], str | None]:
    """(option words, path or None) of an argument that may hold both."""
    words: list[str] = []
    rest = argument
    while True:
        start = rest.lstrip(" ")
        word, blank, behind = start.partition(" ")
        if word == "--":
            return words, behind or None
        if len(word) < 2 or word[0] != "-":
            break
        words.append(word)
        if not blank:
            return words, None
        rest = behind
    if words:
        return words, start or None
    return words, argument if argument.strip(" ") else None


def _changes(letter: str, on: bool) -> dict[str, Any]:
    if letter == "l" and on:  # the last of -1, -C and -l counts
        return {"long": True, "bare": False, "columns": False}
    if letter in _SWITCHES:
        return {_SWITCHES[letter]: on}
    if letter == "f":
        return {"sort": "none" if on else "name", "all": on}
    if letter in _SORTS:
        return {"sort": _SORTS[letter] if on else "name"}
    if letter in _TIMES:
        return {"time": _TIMES[letter] if on else "modify"}
    return {}


def apply(request: ListRequest, options: str) -> ListRequest:
    """`request` with option words (`-la +F`) applied in order."""
    changes: dict[str, Any] = {}
    for word in options.split():
        if word[0] in "-+":
            for letter in word[1:]:
                changes |= _changes(letter, word[0] == "-")
    return replace(request, **changes)


def parse_list(
    argument: str, defaults: ListDefaults | None = None, *, command: Literal["LIST", "NLST", "STAT"] = "LIST",
) -> ListRequest:
    """What LIST, NLST or STAT `argument` asks for, on top of ListOptions (`defaults`)."""
    words, path = split(argument)
    request = ListRequest(path)
    if defaults is not None and _concerns(defaults, command):
        request = apply(request, defaults.options)
        request = replace(
            request, max_files=defaults.max_files, max_directories=defaults.max_dirs,
            max_depth=defaults.max_depth)
        if defaults.strict:
            return request
    return apply(request, " ".join(words))


def _concerns(defaults: ListDefaults, command: str) -> bool:
    if command == "NLST":
        return not defaults.list_only
    return not defaults.nlst_only

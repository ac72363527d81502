"""File modes as SITE CHMOD takes them: octal (`644`, `02755`, and `100644` as stat() says it) or symbols as chmod(1)
has them (`u+x,go-w`). Pure.
"""

from __future__ import annotations

import re

_OCTAL = re.compile(r"[0-7]{1,8}")
_KINDS = frozenset({0, 0o10, 0o4})  # of a file, before the permission bits: not said, a regular one, a directory
_CLAUSE = re.compile(r"([ugoa]*)([-+=])([rwxXst]*)")
_SHIFT = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}
_ANY_EXECUTE = 0o111


def apply(word: str, old: int, *, directory: bool) -> int | None:
    """The mode that `word` makes of the mode `old` (permission bits); None when `word` is no mode."""
    if _OCTAL.fullmatch(word):
        kind, bits = divmod(int(word, 8), 0o10000)
        return bits if kind in _KINDS else None
    mode = old
    for clause in word.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            return None
        mode = _clause(match[1] or "a", match[2], match[3], mode, directory=directory)
    return mode


def _clause(who: str, operator: str, what: str, mode: int, *, directory: bool) -> int:
    classes = "ugo" if "a" in who else who
    wanted = affected = 0
    for name in classes:
        affected |= 0o7 << _SHIFT[name]
        for letter in what:
            wanted |= _bit(letter, name, mode, directory=directory)
    if "t" in what:
        wanted |= 0o1000
    if operator == "+":
        return mode | wanted
    if operator == "-":
        return mode & ~wanted
    special = (0o4000 if "u" in classes else 0) | (0o2000 if "g" in classes else 0)
    return (mode & ~(affected | special)) | wanted


def _bit(letter: str, who: str, mode: int, *, directory: bool) -> int:
    if letter in _BITS:
        return _BITS[letter] << _SHIFT[who]
    if letter == "X":
        return (1 << _SHIFT[who]) if directory or mode & _ANY_EXECUTE else 0
    if letter == "s":
        return {"u": 0o4000, "g": 0o2000}.get(who, 0)
    return 0

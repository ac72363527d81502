"""`%u` in paths, for whoever puts a user's name into one, and names as parts of a pattern."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"%u(?:\[(\d{1,4})\])?")
_MAGIC: Final = re.compile(r"[*?\[\\]")
_ESCAPED: Final = re.compile(r"\[([*?\[\\])\]")


def with_user(path: str, user: str, *, pattern: bool = False) -> str:
    """`path` with `%u` (the name) and `%u[index]` (a letter of it) replaced.

    A path with an index beyond the name stays as it is (ProFTPD's rule). In a `pattern` what is put in means itself.
    """
    if "%u" not in path or any(int(found[1] or 0) >= len(user) for found in _NAME.finditer(path)):
        return path

    def put(found: re.Match[str]) -> str:
        name = user if found[1] is None else user[int(found[1])]
        return escaped(name) if pattern else name

    return _NAME.sub(put, path)


def escaped(text: str) -> str:
    """`text` as a glob pattern that fits nothing else."""
    return _MAGIC.sub(lambda found: f"[{found[0]}]", text)


def unescaped(pattern: str) -> str:
    """What `escaped` was given."""
    return _ESCAPED.sub(lambda found: found[1], pattern)


def first_wildcard(pattern: str) -> int | None:
    """Where the first wildcard of a glob pattern stands that `escaped` has not made; None: there is none."""
    found = _MAGIC.search(_ESCAPED.sub("...", pattern))
    return None if found is None else found.start()

"""Virtual paths: what the client sees, absolute, `/`-separated, without `.`, `..` and empty parts.

Here `..` is taken away as text, before any link is looked at: as the shell does for `cd`, and as clients
that compute paths expect. Nothing about security depends on it: the store resolves under the login's root
whatever it is given.
"""

from __future__ import annotations

from ftpsd.errors import Refusal
from ftpsd.reasons.codes import Code

LONGEST = 4096
"""Bytes that a path may have (PATH_MAX)."""
_SURELY_SHORT = LONGEST // 4
"""Characters with which it cannot have so many."""


def normalise(path: str) -> str:
    """`path` as an absolute normal path; `..` at the root stays at the root."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part and part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


def resolve(cwd: str, argument: str, home: str = "/") -> str:
    """The path that a command's argument means in the directory `cwd`.

    `~` and `~/...` begin at `home` (the login's virtual home), which is what clients send. Raises `Refusal`
    550 for a NUL byte and for more than `LONGEST` bytes.
    """
    if "\0" in argument:
        raise Refusal(550, f"{argument}: Invalid argument", Code.PATH_INVALID)
    if argument == "~" or argument[:2] == "~/":
        joined = f"{home}/{argument[2:]}"
    elif argument[:1] == "/":
        joined = argument
    else:
        joined = f"{cwd}/{argument}" if cwd != "/" else f"/{argument}"
    plain = "//" not in joined and "/." not in joined and joined[-1] != "/"
    path = joined if plain else normalise(joined)
    if len(path) >= _SURELY_SHORT and len(path.encode("utf-8", "surrogateescape")) >= LONGEST:
        raise Refusal(550, f"{argument[:64]}...: File name too long", Code.PATH_TOO_LONG)
    return path


def quote(path: str) -> str:
    """A path in double quotes, quotes in it doubled (257 replies, RFC 959 appendix II)."""
    doubled = path.replace('"', '""')
    return f'"{doubled}"'


def parent(path: str) -> str:
    """The directory that contains a normal path; the root is its own parent."""
    return path.rpartition("/")[0] or "/"


def name(path: str) -> str:
    """The last part of a normal path; "" for the root."""
    return path.rpartition("/")[2]


def is_within(path: str, directory: str) -> bool:
    """Whether a normal path is `directory` or lies below it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")

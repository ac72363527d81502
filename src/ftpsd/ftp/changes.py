"""MFF: the facts of a file that a client may change (draft-somers-ftp-mfxx): modify, UNIX.mode, UNIX.group."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ftpsd.errors import Refusal
from ftpsd.ftp import facts
from ftpsd.reasons.codes import Code

_OCTAL = re.compile(r"0?[0-7]{1,4}")
_GROUP = ("unix.group", "unix.groupname")


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be changed; None: not that. `group` is a number or a name, `modify` seconds since the epoch (UTC)."""

    modify: float | None = None
    mode: int | None = None
    group: str | None = None


def parse(text: str) -> Changes:
    """The changes of `modify=20200102030405;UNIX.mode=0644;`; where a fact stands twice, the last counts.

    Raises `Refusal`: 501 for what is no list of facts or no value, 504 for a fact that cannot be changed.
    """
    if not text.endswith(";"):
        raise Refusal(501, f"{text}: Invalid argument", Code.SYNTAX)
    changes = Changes()
    for fact in text[:-1].split(";"):
        changes = _with(changes, fact)
    return changes


def _with(changes: Changes, fact: str) -> Changes:
    name, equals, value = fact.partition("=")
    known = name.lower()
    if known not in ("modify", "unix.mode", *_GROUP):
        raise Refusal(504, f"Cannot modify fact '{fact}'", Code.PARAMETER_UNSUPPORTED)
    if not equals or not value:
        raise Refusal(501, f"{fact}: Invalid argument", Code.SYNTAX)
    if known in _GROUP:
        return replace(changes, group=value)
    if known == "modify":
        moment = facts.parse_time(value)
        if moment is not None:
            return replace(changes, modify=moment)
    elif _OCTAL.fullmatch(value):
        return replace(changes, mode=int(value, 8))
    raise Refusal(501, f"{value}: Invalid argument", Code.SYNTAX)

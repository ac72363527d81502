"""Grammars of the directives that bound numbers, sizes and rates."""

from __future__ import annotations

from collections.abc import Sequence

from ftpsd.settings.arguments import ArgumentError, Integer, OptionalInteger, want
from ftpsd.settings.parsers import TRANSFER_COMMANDS
from ftpsd.settings.sections import expression
from ftpsd.settings.values import Bound, ClassBound, Rate, SizeBound, TransferBound

_MOST = OptionalInteger(1, 2**31 - 1)
_UNITS = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40}


def bound(words: Sequence[str]) -> Bound | None:
    """`number|none ["message"]`."""
    want(words, 1, 2)
    most = _MOST.parse(words[:1])
    return None if most is None else Bound(most, words[1] if len(words) == 2 else None)


def class_bound(words: Sequence[str]) -> tuple[ClassBound, ...]:
    """`class number|none ["message"]`."""
    want(words, 2, 3)
    return (ClassBound(words[0], bound(words[1:])),)


def transfer_bound(words: Sequence[str]) -> tuple[TransferBound, ...]:
    """`command,command… number|none ["message"]`."""
    want(words, 2, 3)
    commands = frozenset(word.upper() for word in words[0].split(","))
    if not commands <= TRANSFER_COMMANDS:
        raise ArgumentError(f"invalid FTP command in list: '{words[0]}'", remedy="It can be RETR,STOR,APPE,STOU.")
    return (TransferBound(commands, bound(words[1:])),)


def rate(words: Sequence[str]) -> Rate | None:
    """`number|none [seconds]`; one second where nothing else is said."""
    want(words, 1, 2)
    number = _MOST.parse(words[:1])
    seconds = Integer(1, 86_400).parse(words[1:]) if len(words) == 2 else 1
    return None if number is None else Rate(number, seconds)


def size_bound(words: Sequence[str]) -> tuple[SizeBound, ...]:
    """`number unit` or `*` (no bound), then for whom: `user|group|class expression`."""
    want(words, 1, 4)
    rest = list(words[1:])
    unit = _UNITS.get(rest[0].lower()) if rest else None
    if unit is not None:
        rest.pop(0)
    if words[0] == "*":
        size = None
    elif unit is None:
        raise ArgumentError("incorrect number of parameters", remedy="Write a number and B, Kb, Mb, Gb or Tb.")
    else:
        size = Integer(1, 2**40).parse(words[:1]) * unit
    if not rest:
        return (SizeBound(size),)
    want(rest, 2, 2)
    kind = rest[0].lower()
    if kind not in ("user", "group", "class"):
        raise ArgumentError(f"unknown classifier used: '{rest[0]}'", remedy="It is user, group or class.")
    return (SizeBound(size, kind, expression(kind, (rest[1],))),)

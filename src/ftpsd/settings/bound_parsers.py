"""Grammars of the directives that bound numbers, sizes and rates."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ftpsd.settings.arguments import ArgumentError, Integer, OptionalInteger, duration, want
from ftpsd.settings.sections import for_whom
from ftpsd.settings.values import Bound, ClassBound, Rate, SessionTimeout, SizeBound, TransferBound, TransferRate

_MOST = OptionalInteger(1, 2**31 - 1)
_TRANSFER_COMMANDS = frozenset({"RETR", "STOR", "APPE", "STOU"})
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
    return (TransferBound(_commands(words[0]), bound(words[1:])),)


def _commands(word: str) -> frozenset[str]:
    commands = frozenset(name.upper() for name in word.split(","))
    if not commands <= _TRANSFER_COMMANDS:
        raise ArgumentError(f"invalid FTP command in list: '{word}'", remedy="It can be RETR,STOR,APPE,STOU.")
    return commands


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
    return (SizeBound(size, for_whom(rest, any_group=True)),)


def transfer_rate(words: Sequence[str]) -> tuple[TransferRate, ...]:
    """`commands KiB-per-second[:free-bytes]`, commands by commas; then for whom: `user|group|class expression`."""
    want(words, 2, 4)
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(?::([0-9]{1,15}))?", words[1])
    if match is None:
        raise ArgumentError(
            f"badly formatted rate '{words[1]}'", remedy="Write KiB per second, or rate:free-bytes."
        )
    if float(match[1]) <= 0:
        raise ArgumentError("rate must be greater than zero")
    return (TransferRate(_commands(words[0]), float(match[1]) * 1024, int(match[2] or 0), for_whom(words[2:])),)


def session_timeout(words: Sequence[str]) -> tuple[SessionTimeout, ...]:
    """Seconds, then for whom: `user|group|class expression`."""
    want(words, 1, 3)
    return (SessionTimeout(duration(words[0]), for_whom(words[1:])),)

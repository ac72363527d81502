"""Values and grammars of the directives in `logins.py`: homes that are made, delays, bounds of a process, passwords."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ftpsd.settings.arguments import ArgumentError, absolute_path, boolean, want, whole_number
from ftpsd.settings.regexes import Regex

OWNER = -1
"""`~` as uid or gid of CreateHome: those of the user."""


@dataclass(frozen=True, slots=True)
class CreateHome:
    """How a missing home is made. `mode` of the home, `dir_mode`, `uid` and `gid` of directories above it that are
    missing, too (`OWNER`: the user's), `home_gid` the home's group (None: the user's), `skel` a directory to copy.
    `as_user`: with the user's rights (NoRootPrivs).
    """

    mode: int = 0o700
    dir_mode: int = 0o711
    skel: str | None = None
    uid: int = 0
    gid: int = 0
    home_gid: int | None = None
    as_user: bool = False


class NamedPassword(NamedTuple):
    """UserPassword, GroupPassword: a user's or group's name and the hash that counts for it."""

    key: str
    password: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """AnonRejectPasswords: a password that `pattern` is found in, with `negated` one that it is not found in."""

    pattern: Regex
    negated: bool = False

    def rejects(self, password: str) -> bool:
        return self.pattern.fits(password, in_doubt=not self.negated) is not self.negated


Event = Literal["USER", "PASS", "FailedLogin", "Connect"]


class Delay(NamedTuple):
    """DelayOnEvent: milliseconds, drawn at random from `least` to `most`."""

    key: Event
    least: int
    most: int


Resource = Literal["cpu", "memory", "files"]
UNLIMITED = -1
"""`max`: the largest that the process may have."""


@dataclass(frozen=True, slots=True)
class ResourceLimit:
    """RLimitCPU (seconds), RLimitMemory (bytes), RLimitOpenFiles. `hard` None: it stays as it is."""

    scope: Literal["daemon", "session", "both", "none"]
    soft: int = UNLIMITED
    hard: int | None = field(default=None)


def _mode(word: str) -> int:
    if not re.fullmatch("[0-7]{1,4}", word):
        raise ArgumentError(f"bad mode parameter: '{word}'", remedy="Write octal digits, for example 700.")
    return int(word, 8)


def _identity(word: str, what: str) -> int:
    if word == "~":
        return OWNER
    return whole_number(word, what)


def create_home(words: Sequence[str]) -> CreateHome | None:
    """`off`, or `on [mode] [skel /path] [dirmode mode] [uid n|~] [gid n|~] [homegid n] [NoRootPrivs]`."""
    want(words, 1)
    enabled = boolean(words[0])
    if enabled is None:
        raise ArgumentError("expected Boolean parameter")
    rest = list(words[1:])
    if not enabled:
        return None
    found: dict[str, int | str | bool] = {}
    if rest and rest[0].isdecimal():
        found["mode"] = _mode(rest.pop(0))
    while rest:
        _option(rest, found)
    return CreateHome(**found)  # type: ignore[arg-type]


def _option(rest: list[str], found: dict[str, int | str | bool]) -> None:
    word = rest.pop(0)
    name = word.lower()
    if name == "norootprivs":
        found["as_user"] = True
        return
    if name not in ("skel", "dirmode", "uid", "gid", "homegid"):
        raise ArgumentError(f"unknown parameter: '{word}'")
    if not rest:
        raise ArgumentError(f"'{word}' needs a value")
    value = rest.pop(0)
    if name == "skel":
        found["skel"] = absolute_path(value)
    elif name == "dirmode":
        found["dir_mode"] = _mode(value)
    elif name == "homegid":
        found["home_gid"] = whole_number(value, "gid")
    else:
        found[name] = _identity(value, name)


def named_password(words: Sequence[str]) -> tuple[NamedPassword, ...]:
    """`name hash`."""
    want(words, 2, 2)
    name, password = words
    if not name:
        raise ArgumentError("the name is empty")
    if len(password) < 13 or password[0] in "*!":
        raise ArgumentError(
            "the second word is not the hash of a password",
            remedy="`ftpsd passwd` writes one into an AuthUserFile, behind the name.")
    return (NamedPassword(name, password),)


def rejected_passwords(words: Sequence[str]) -> Rejected:
    """`[!]regular-expression [[NC]]`."""
    want(words, 1, 2)
    flags = words[1].upper() if len(words) == 2 else ""
    if flags not in ("", "[NC]", "[NOCASE]"):
        raise ArgumentError(f"unknown flag '{words[1]}'", remedy="The only flag is [NC].")
    negated = words[0].startswith("!")
    pattern = words[0].removeprefix("!")
    if not pattern:
        raise ArgumentError("the pattern is empty")
    return Rejected(Regex(pattern, ignore_case=bool(flags)), negated)


def group_expression(words: Sequence[str]) -> tuple[str, ...]:
    """Names of groups by commas: all must hold, `!` denies."""
    want(words, 1)
    names = tuple(name.strip() for word in words for name in word.split(","))
    if any(name in ("", "!") for name in names):
        raise ArgumentError(f"badly formatted group expression '{' '.join(words)}'", remedy="Write group1,!group2.")
    return names


def cd_path(words: Sequence[str]) -> tuple[str, ...]:
    """One directory."""
    want(words, 1, 1)
    if not words[0].startswith(("/", "~")):
        raise ArgumentError("parameter must be an absolute path")
    return (words[0],)


_EVENTS: dict[str, Event] = {"user": "USER", "pass": "PASS", "failedlogin": "FailedLogin", "connect": "Connect"}
_UNITS = {"": 1, "ms": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000}
LONGEST_DELAY = 600_000
"""Milliseconds."""


def _milliseconds(number: str, unit: str) -> int:
    value = int(number) * _UNITS[unit]
    if value > LONGEST_DELAY:
        raise ArgumentError(f"a delay of {value} ms is too long", remedy="It may be ten minutes.")
    return value


def delay_on_event(words: Sequence[str]) -> tuple[Delay, ...]:
    """`event time` or `event time-time`; a time is milliseconds or has a unit (ms, s, min)."""
    want(words, 2, 2)
    event = _EVENTS.get(words[0].lower())
    if event is None:
        raise ArgumentError(
            f"unknown/unsupported event: {words[0]}", remedy=f"It is one of {', '.join(_EVENTS.values())}.")
    match = re.fullmatch(r"([0-9]{1,9})(ms|s|sec|m|min)?(?:-([0-9]{1,9})(ms|s|sec|m|min)?)?", words[1].lower())
    if match is None:
        raise ArgumentError(f"error parsing delay parameter '{words[1]}'", remedy="Write 2000ms, 5s or 100-3000ms.")
    last = match[4] or match[2] or ""
    least = _milliseconds(match[1], match[2] or (last if match[3] else ""))
    most = _milliseconds(match[3], last) if match[3] else least
    if most < least:
        raise ArgumentError(f"'{words[1]}' is no range")
    return (Delay(event, least, most),)


_SIZES = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30}


def _amount(word: str, *, sizes: bool) -> int:
    if word.lower() == "max":
        return UNLIMITED
    match = re.fullmatch("([0-9]{1,12})([a-z]{0,2})", word.lower())
    if match is None or match[2] not in (_SIZES if sizes else ("",)):
        raise ArgumentError(f"'{word}' is not a valid limit", remedy="Write a number, or max.")
    return int(match[1]) * _SIZES[match[2]]


def _limit(words: Sequence[str], *, sizes: bool) -> tuple[ResourceLimit, ...]:
    want(words, 1, 3)
    scope = words[0].lower()
    if scope == "none":
        want(words, 1, 1)
        return (ResourceLimit("none"),)
    rest = words[1:] if scope in ("daemon", "session") else words
    want(rest, 1, 2)
    amounts = [_amount(word, sizes=sizes) for word in rest]
    hard = amounts[1] if len(amounts) == 2 else None
    if hard is not None and hard != UNLIMITED and not 0 <= amounts[0] <= hard:
        raise ArgumentError("the soft limit is above the hard limit")
    if scope == "daemon":
        return (ResourceLimit("daemon", amounts[0], hard),)
    return (ResourceLimit("session" if scope == "session" else "both", amounts[0], hard),)


def count_limit(words: Sequence[str]) -> tuple[ResourceLimit, ...]:
    """`[daemon|session] soft|max [hard|max]`, or `none`."""
    return _limit(words, sizes=False)


def size_limit(words: Sequence[str]) -> tuple[ResourceLimit, ...]:
    """The same with units: KB, MB, GB."""
    return _limit(words, sizes=True)

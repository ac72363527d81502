"""Quotas: how many bytes and files somebody may upload, download and transfer. Pure.

Theory
------
A session has at most one limit: that of its user, else of the first of his groups that has one, else of its class, else
the one for all (`Key`s in that order). What counts against it stands in a tally of the same key, which sessions share,
unless the limit is for each session. What a limit leaves unlimited is not tallied.

A command that would use more is refused when the tally has come to the limit (`exceeded`). A soft limit may be passed
by the one file that reaches it. A hard one may not: an upload has room for what is left (`room`), and what a transfer
has used is added to the tally only if that does not pass the limit (`added`), under the lock of the table; so sessions
that upload at the same time do not together get in what each alone might.

An overwritten file counts by what it has grown, a deleted or replaced one is given back, and no tally falls below zero:
files that came another way may be deleted, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple


class QuotaType(StrEnum):
    """Whose limit it is."""

    USER = "user"
    GROUP = "group"
    CLASS = "class"
    ALL = "all"


class Key(NamedTuple):
    """Names a limit and its tally; the name of ALL is empty."""

    type: QuotaType
    name: str


class Amounts(NamedTuple):
    """Bytes and files, of a limit (0: unlimited), of a tally, or of a change."""

    bytes_in: float = 0.0
    bytes_out: float = 0.0
    bytes_xfer: float = 0.0
    files_in: float = 0
    files_out: float = 0
    files_xfer: float = 0


UNLIMITED = Amounts()
MOST = 2**63 - 1
"""Bytes: what the system can count."""
Field = Literal["bytes_in", "bytes_out", "bytes_xfer", "files_in", "files_out", "files_xfer"]
BYTE_FIELDS: tuple[Field, ...] = ("bytes_in", "bytes_out", "bytes_xfer")
FILE_FIELDS: tuple[Field, ...] = ("files_in", "files_out", "files_xfer")
FIELDS: tuple[Field, ...] = (*BYTE_FIELDS, *FILE_FIELDS)
_WORDS = {"in": "upload", "out": "download", "xfer": "transfer"}

UPLOAD: tuple[Field, ...] = ("bytes_in", "bytes_xfer", "files_in", "files_xfer")
APPEND: tuple[Field, ...] = ("bytes_in", "bytes_xfer")
DOWNLOAD: tuple[Field, ...] = ("bytes_out", "bytes_xfer", "files_out", "files_xfer")
DIRECTORY: tuple[Field, ...] = ("bytes_in", "bytes_xfer", "files_in", "files_xfer")
"""What a command is refused for."""

UNITS = {"b": ("bytes", 1), "kb": ("Kb", 2**10), "mb": ("Mb", 2**20), "gb": ("Gb", 2**30)}


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: `amounts` of 0 (or less) are unlimited."""

    key: Key
    amounts: Amounts = UNLIMITED
    per_session: bool = False
    hard: bool = True

    def limited(self, field: Field) -> bool:
        """Whether there is a bound for that."""
        most: float = getattr(self.amounts, field)
        return most > 0


class Reached(NamedTuple):
    """A bound that is reached: of which, how much of it is used."""

    field: Field
    used: float
    most: float

    def shown(self, unit: str = "b") -> str:
        """`1260.00 of 1000.00 upload bytes`, `4 of 4 upload files`; `unit`: QuotaDisplayUnits."""
        what, _, way = self.field.partition("_")
        if what == "files":
            return f"{whole(self.used)} of {whole(self.most)} {_WORDS[way]} files"
        word, size = UNITS[unit.lower()]
        return f"{self.used / size:.2f} of {self.most / size:.2f} {_WORDS[way]} {word}"


def keys(user: str, groups: Sequence[str], classes: Iterable[str]) -> Iterator[Key]:
    """Where a session's limit may stand, in the order in which one looks."""
    yield Key(QuotaType.USER, user)
    yield from (Key(QuotaType.GROUP, group) for group in groups)
    yield from (Key(QuotaType.CLASS, name) for name in classes)
    yield Key(QuotaType.ALL, "")


def exceeded(limit: Limit, tally: Amounts, fields: Iterable[Field]) -> Reached | None:
    """The first of these bounds to which the tally has come."""
    for field in fields:
        used: float = getattr(tally, field)
        most: float = getattr(limit.amounts, field)
        if most > 0 and used >= most:
            return Reached(field, used, most)
    return None


def room(limit: Limit, tally: Amounts, *, replaced: int) -> int | None:
    """Bytes that an upload in place of a file of `replaced` bytes may have; None: any number (a soft limit)."""
    if not limit.hard:
        return None
    left = [
        whole(most - used + back) for most, used, back in (
            (limit.amounts.bytes_in, tally.bytes_in, replaced), (limit.amounts.bytes_xfer, tally.bytes_xfer, 0))
        if most > 0
    ]
    return max(0, min(left)) if left else None


def whole(amount: float) -> int:
    """An amount as a number of bytes or files; tables may hold any double: infinity is `MOST`, what is no number 0."""
    return 0 if math.isnan(amount) else int(max(-MOST, min(MOST, amount)))


def masked(limit: Limit, change: Amounts) -> Amounts:
    """What of a change is tallied."""
    return Amounts(*(value if limit.limited(field) else 0 for field, value in zip(FIELDS, change, strict=True)))


def added(limit: Limit | None, tally: Amounts, change: Amounts) -> Amounts | Reached:
    """The tally after a change; or the bound of the hard `limit` that it would pass (None: whatever comes of it)."""
    after = Amounts(*(
        max(0, used + more) for used, more in zip(tally, change, strict=True)))
    if limit is None or not limit.hard:
        return after
    for field in FIELDS:
        more: float = getattr(change, field)
        used: float = getattr(after, field)
        most: float = getattr(limit.amounts, field)
        if 0 < most < used and more > 0:
            return Reached(field, used, most)
    return after


def report(limit: Limit, tally: Amounts, unit: str = "b") -> list[str]:
    """What SITE QUOTA says of them."""
    kind = limit.key.type.capitalize()
    return [
        f"Name: {limit.key.name}", f"Quota Type: {kind}", f"Per Session: {limit.per_session}",
        f"Limit Type: {'Hard' if limit.hard else 'Soft'}",
        *(f"  {verb} {_of(limit, tally, field, unit)}" for field, verb in zip(FIELDS, _VERBS * 2, strict=True)),
    ]


def shown(limit: Limit | None, tally: Amounts, unit: str = "b") -> dict[str, str]:
    """`limit.bytes_in`, `tally.files_out` … as mod_quotatab writes them in display files: `2.00 KB`, `5`."""
    word, size = UNITS[unit.lower()]
    kind = "" if size == 1 else f" {word.upper()}"
    found = {}
    for which in ("limit", "tally"):
        for field in FIELDS:
            amount: float = getattr(tally if which == "tally" or limit is None else limit.amounts, field)
            text = f"{whole(amount)}" if field in FILE_FIELDS else f"{amount / size:.2f}{kind}"
            found[f"{which}.{field}"] = text if limit is not None and limit.limited(field) else "(unlimited)"
    return found


_VERBS = ("Uploaded", "Downloaded", "Transferred")


def _of(limit: Limit, tally: Amounts, field: Field, unit: str) -> str:
    used: float = getattr(tally, field)
    most: float = getattr(limit.amounts, field)
    if field in FILE_FIELDS:
        return f"files:\t{whole(used)}/{whole(most)}" if most > 0 else "files:\tunlimited"
    word, size = UNITS[unit.lower()]
    return f"{word}:\t{used / size:.2f}/{most / size:.2f}" if most > 0 else f"{word}:\tunlimited"

"""Facts of MLST and MLSD, `OPTS MLST`, and the time values of MDTM and MFMT (RFC 3659.

Draft-somers-ftp-mfxx).
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Collection, Iterable

FACTS = (
    "modify", "perm", "size", "type", "unique",
    "UNIX.group", "UNIX.groupname", "UNIX.mode", "UNIX.owner", "UNIX.ownername",
)
"""Every fact that the server knows, in the order in which it shows them."""

ALL_FACTS = frozenset(FACTS)
_BY_NAME = {name.lower(): name for name in FACTS}
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?", re.ASCII)


NAMES = frozenset({"UNIX.groupname", "UNIX.ownername"})
"""The facts that `FactsOptions NoNames` takes away."""


def feat_line(chosen: Iterable[str] | None = None, known: Collection[str] = ALL_FACTS) -> str:
    """The FEAT line: every fact in `known`, a star behind those that are on (RFC 3659 section 7.8; None: all)."""
    on = ALL_FACTS if chosen is None else frozenset(chosen)
    return "MLST " + "".join(f"{name}{'*' if name in on else ''};" for name in FACTS if name in known)


def choose(argument: str, known: Collection[str] = ALL_FACTS) -> tuple[frozenset[str], str]:
    """(facts that `OPTS MLST argument` turns on, how the 200 reply shows them).

    Names count in any case; unknown ones are passed over (RFC 3659 section 7.9).
    """
    wanted = (word.strip().lower() for word in argument.split(";"))
    on = frozenset(_BY_NAME[word] for word in wanted if word in _BY_NAME and _BY_NAME[word] in known)
    return on, "".join(f"{name};" for name in FACTS if name in on)


def format_time(seconds: float) -> str:
    """`YYYYMMDDHHMMSS` in UTC of seconds since the epoch."""
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    return f"{year:04d}{month:02d}{day:02d}{hour:02d}{minute:02d}{second:02d}"


def parse_time(text: str) -> float | None:
    """Seconds since the epoch of `YYYYMMDDHHMMSS[.sss]` in UTC; None when that is no time.

    Second 60, a leap second, is the second after it.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not (1 <= month <= 12 and hour <= 23 and minute <= 59 and second <= 60 and year >= 1):
        return None
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    fraction = float(f"0.{match[7]}") if match[7] else 0.0
    return calendar.timegm((year, month, day, hour, minute, second)) + fraction


def modified(when: str, path: str) -> str:
    """The text of the 213 reply to MFMT."""
    return f"Modify={when.partition('.')[0]}; {path}"

"""Time stamps of log lines, in local time, without the help of a locale."""

from __future__ import annotations

import time
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def milliseconds(now: float) -> str:
    """`2026-11-21 10:29:04,152`, of seconds since the epoch."""
    return f"{_second(int(now), time.tzname)},{int(now % 1 * 1000):03d}"


@lru_cache(maxsize=4)
def _second(now: int, zone: tuple[str, str]) -> str:
    """The stamp of a whole second, which many lines share; `zone` changes with what is local (tzset)."""
    at = time.localtime(now)
    date = f"{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d}"
    return f"{date} {at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}"


def xferlog(now: float) -> str:
    """`Sat Nov 21 10:29:46 2026`."""
    at = time.localtime(now)
    clock = f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}"
    return f"{_DAYS[at.tm_wday]} {_MONTHS[at.tm_mon - 1]} {at.tm_mday:02d} {clock} {at.tm_year}"


def common_log(now: float) -> str:
    """`[21/Nov/2026:13:39:05 +0000]`, as the Common Log Format has it."""
    at = time.localtime(now)
    clock = f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}"
    sign, offset = ("-", -at.tm_gmtoff) if at.tm_gmtoff < 0 else ("+", at.tm_gmtoff)
    zone = f"{sign}{offset // 3600:02d}{offset % 3600 // 60:02d}"
    return f"[{at.tm_mday:02d}/{_MONTHS[at.tm_mon - 1]}/{at.tm_year}:{clock} {zone}]"

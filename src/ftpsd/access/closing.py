"""An announced shutdown: what ftpshut writes into /etc/shutmsg, who may still come in, and what clients are told.

    2026 11 21 13 50 15 0010 0005
    Going down at %s

are the time of the shutdown (local: year, month, day, hour, minute, second), how long before it nobody new comes in and
how long before it those who are there have to go (hours and minutes), and a message. Pure: the file and the clock are
the caller's.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

DENY_MINUTES, DISCONNECT_MINUTES = 10, 5
"""What ftpshut takes where -l and -d do not say anything else."""

DEFAULT_MESSAGE = "going down at %s"
LONGEST = 4096
"""Characters of a message."""

_HEAD = re.compile(r"\s*(\d{4})" + r"\s+(\d{1,2})" * 5 + r"\s+(\d{1,4})\s+(\d{1,4})\s*")


class Stage(enum.IntEnum):
    """How far a shutdown has come."""

    OPEN = 0
    DENYING = 1
    """New connections are turned away."""
    DISCONNECTING = 2
    """Sessions are ended, too."""


@dataclass(frozen=True, slots=True)
class Closing:
    """A shutdown at `at` (local time); `deny` and `disconnect`: how long before."""

    at: datetime
    deny: timedelta
    disconnect: timedelta
    message: str

    @classmethod
    def unknown(cls) -> Closing:
        """One that a file announces which cannot be read: nobody new comes in, nobody has to go."""
        far, long_ago = datetime(9999, 12, 31), datetime(2000, 1, 1)
        return cls(far, far - long_ago, timedelta(), "for maintenance")

    def stage(self, now: datetime) -> Stage:
        """Where it is at `now` (local time)."""
        if now >= self.at - self.disconnect:
            return Stage.DISCONNECTING
        return Stage.DENYING if now >= self.at - self.deny else Stage.OPEN

    def next_change(self, now: datetime) -> float | None:
        """Seconds until the stage changes; None: it never will again."""
        moments = [self.at - self.deny, self.at - self.disconnect]
        return min(((each - now).total_seconds() for each in moments if each > now), default=None)

    def text(self) -> str:
        """The file."""
        when = self.at
        head = f"{when.year} {when.month} {when.day} {when.hour} {when.minute} {when.second}"
        return f"{head} {_clock(self.deny)} {_clock(self.disconnect)}\n{self.message}\n"

    def told(
        self, now: datetime, *, user: str = "NONE", local: str = "", peer: str = "", directory: str = "(none)",
    ) -> str:
        """The message with its cookies replaced, for one client, on one line."""
        values = {
            "s": _ctime(self.at), "r": _ctime(self.at - self.deny), "d": _ctime(self.at - self.disconnect),
            "T": _ctime(now), "C": directory, "L": local, "R": peer, "U": user,
        }
        return " ".join(_expand(self.message, values).split("\n"))


def parse(text: str) -> Closing:
    """What a file says. Raises `ValueError`."""
    head, _, message = text.partition("\n")
    found = _HEAD.fullmatch(head)
    if found is None:
        raise ValueError("the first line is not `YEAR MONTH DAY HOUR MINUTE SECOND DENY DISCONNECT`")
    year, month, day, hour, minute, second, deny, disconnect = (int(number) for number in found.groups())
    try:
        at = datetime(year, month, day, hour, minute, second)
    except ValueError as error:
        raise ValueError(f"the time of the shutdown is none: {error}") from None
    shown = message.strip()[:LONGEST]
    return Closing(at, _minutes(deny), _minutes(disconnect), shown or DEFAULT_MESSAGE)


def plan(when: str, now: datetime, *, deny: int, disconnect: int, message: str) -> Closing:
    """A shutdown as ftpshut's arguments say: `when` is `now`, `+minutes` or `HHMM`; minutes. Raises `ValueError`."""
    now = now.replace(microsecond=0)
    if when == "now":
        at = now
    elif re.fullmatch(r"\+\d{1,6}", when):
        at = now + timedelta(minutes=int(when[1:]))
    elif re.fullmatch(r"([01]\d|2[0-3])[0-5]\d", when):
        at = now.replace(hour=int(when[:2]), minute=int(when[2:]))
        at += timedelta(days=1) if at < now else timedelta()
    else:
        raise ValueError("Invalid time interval specified.")
    return Closing(at, timedelta(minutes=deny), timedelta(minutes=disconnect), message[:LONGEST] or DEFAULT_MESSAGE)


def _clock(span: timedelta) -> str:
    minutes = min(int(span.total_seconds()) // 60, 99 * 60 + 59)
    return f"{minutes // 60:02}{minutes % 60:02}"


def _minutes(clock: int) -> timedelta:
    return timedelta(hours=clock // 100, minutes=clock % 100)


def _ctime(when: datetime) -> str:
    return when.strftime("%a %b %e %H:%M:%S %Y")


def _expand(message: str, values: Mapping[str, str]) -> str:
    return re.sub("%([srdTCLRU])", lambda match: values[match[1]], message)

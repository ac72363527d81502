"""How large a file may be for a client (MaxStoreFileSize, MaxRetrieveFileSize), how fast he is (TransferRate,
MaxCommandRate), how long he may stay (TimeoutSession)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

from ftpsd.settings.values import Rate, SessionTimeout, SizeBound, TransferRate

_KINDS = ("user", "group", "class", None)
_Line = TypeVar("_Line", SizeBound, TransferRate, SessionTimeout)


@dataclass(frozen=True, slots=True)
class Client:
    """Who a session is for lines that end in `user|group|class expression`."""

    user: str
    groups: Collection[str]
    classes: Collection[str]

    def fits(self, line: SizeBound | TransferRate | SessionTimeout) -> bool:
        """Whether the line is for him."""
        if line.whom is None:
            return True
        present = {"user": {self.user}, "group": self.groups, "class": self.classes}
        return line.kind is not None and line.whom.holds(present[line.kind])


def nearest(lines: Iterable[_Line], client: Client) -> _Line | None:
    """The line that counts: the user's comes first, then his groups', his class's, everybody's."""
    return min(filter(client.fits, lines), key=lambda one: _KINDS.index(one.kind), default=None)


def pace_of(lines: Iterable[TransferRate], command: str, client: Client) -> TransferRate | None:
    """The first line that names the command and is for the client."""
    return next((line for line in lines if command in line.commands and client.fits(line)), None)


class Pace:
    """Lets `rate.number` commands through at once and then one each `rate.seconds / rate.number` (a leaky bucket)."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._step = rate.seconds / rate.number
        self._filled = 0.0
        """When the bucket will be empty."""

    def delay(self, now: float) -> float:
        """Seconds that a command that comes at `now` has to wait; it is taken as carried out then."""
        self._filled = max(self._filled, now) + self._step
        return max(0.0, self._filled - now - self.rate.seconds)

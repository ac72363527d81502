"""How large a file may be for a client (MaxStoreFileSize, MaxRetrieveFileSize), how fast he is (TransferRate,
MaxCommandRate), how long he may stay (TimeoutSession)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ftpsd.settings.values import Rate, SessionTimeout, SizeBound, TransferRate

_KINDS = ("user", "group", "class", None)
_Line = TypeVar("_Line", SizeBound, SessionTimeout)


def nearest(lines: Iterable[_Line]) -> _Line | None:
    """Of the lines that are for a client the one that counts: first the user's, then his groups', his class's,
    everybody's."""
    return min(lines, key=lambda one: _KINDS.index(one.whom.kind if one.whom is not None else None), default=None)


def bound_of(lines: Iterable[SizeBound]) -> SizeBound | None:
    """As `nearest`, but the place comes first: of the lines that are for a client those of the innermost place count.
    """
    found = list(lines)
    innermost = min((line.outward for line in found), default=0)
    return nearest(line for line in found if line.outward == innermost)


def pace_of(lines: Iterable[TransferRate], command: str) -> TransferRate | None:
    """Of the lines that are for a client the first that names the command."""
    return next((line for line in lines if command in line.commands), None)


class Pace:
    """Lets `rate.number` commands through at once and then one each `rate.seconds / rate.number` (a leaky bucket)."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._step = rate.seconds / rate.number
        self._filled = 0.0
        """When the bucket will be empty."""

    @property
    def free_at(self) -> float:
        """From when a command that came would not have to wait."""
        return self._filled + self._step - self.rate.seconds

    def delay(self, now: float) -> float:
        """Seconds that a command that comes at `now` has to wait; it is taken as carried out then."""
        self._filled = max(self._filled, now) + self._step
        return max(0.0, self._filled - now - self.rate.seconds)

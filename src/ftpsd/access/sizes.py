"""How large a file may be for a client (MaxStoreFileSize, MaxRetrieveFileSize), how fast he is (MaxCommandRate)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ftpsd.settings.values import Rate, SizeBound

_KINDS = ("user", "group", "class", None)


def largest(
    bounds: Iterable[SizeBound], *, user: str, groups: Collection[str], classes: Collection[str],
) -> int | None:
    """Bytes; None: any number. A line for the user comes first, then his groups', his class's, everybody's."""
    present: dict[str | None, Collection[str]] = {"user": {user}, "group": groups, "class": classes}
    fitting = [one for one in bounds if one.whom is None or one.whom.holds(present[one.kind])]
    return min(fitting, key=lambda one: _KINDS.index(one.kind)).size if fitting else None


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

"""When the next OCSP response is asked for. Pure; times are seconds since the epoch.

A response is renewed when half of its validity has passed (semantics.md 2.17), so that a responder may be away for
the other half. After failures the pauses grow; they stay short while there is nothing to be sent. `chance`, from 0 to
1, spreads servers that were started together.
"""

from __future__ import annotations

from typing import NamedTuple

UNDATED = 3600.0
"""Seconds after which a response is renewed that does not say when the next one comes."""

FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE_WITHOUT = 10.0, 3600.0, 300.0
"""Seconds before the next attempt: after one failure; after many, with a response and without one."""

_SHORTEST = 10.0
_USUAL_LEAST = 60.0
_SPREAD = 0.1


class Validity(NamedTuple):
    """A response is sent from `since` (thisUpdate) until `until` (nextUpdate, or a day); `dated`: it says so."""

    since: float
    until: float
    dated: bool = True


def is_fresh(validity: Validity, now: float) -> bool:
    """Whether a response is too young for another one to be asked for."""
    return _due(validity) > now


def _due(validity: Validity) -> float:
    if not validity.dated:
        return validity.since + UNDATED
    return min((validity.since + validity.until) / 2, validity.until)  # thisUpdate may lie behind nextUpdate


def is_due(due: float, until: float, now: float) -> bool:
    """Whether to ask now, when a response (up to `until`; 0: there is none) was to be renewed at `due`.

    No pause is longer than `LONGEST_PAUSE` but the one for which a response lasts: a moment further ahead was reckoned
    by a clock that has been set back since.
    """
    return due <= now or (due > now + LONGEST_PAUSE + _USUAL_LEAST and due > until)


def after_success(validity: Validity, now: float, chance: float) -> float:
    """When to ask again after a response has come."""
    due = _due(validity) if validity.dated else now + UNDATED
    if due < now + _USUAL_LEAST:  # old, or for a short time: half of what is left, within reason
        due = min(now + LONGEST_PAUSE, (now + validity.until) / 2)
    due -= chance * _SPREAD * max(0.0, due - now)
    return max(due, now + _SHORTEST)


def after_failure(failures: int, until: float, now: float, chance: float) -> float:
    """When to ask again after `failures` (1 or more) in a row; `until`: there is a response up to then."""
    longest = LONGEST_PAUSE if until > now else LONGEST_PAUSE_WITHOUT
    pause = min(longest, FIRST_PAUSE * 2.0 ** min(failures - 1, 20))
    return now + pause * (1 - chance * _SPREAD)

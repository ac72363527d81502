"""When responders are asked (semantics.md 2.17)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.tls.stapling import schedule
from ftpsd.tls.stapling.schedule import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE_WITHOUT, Validity

NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86400.0


@pytest.mark.parametrize(
    ("since", "until", "dated", "due"),
    [
        (NOW, NOW + 4 * DAY, True, NOW + 2 * DAY),
        (NOW - DAY, NOW + 3 * DAY, True, NOW + DAY),
        (NOW - HOUR, NOW + DAY - HOUR, False, NOW + HOUR),
        (NOW - 3 * DAY, NOW + DAY, True, NOW + HOUR),  # the responder repeats an old one: not again at once
        (NOW - 30 * DAY, NOW + 60, True, NOW + 30),
        (NOW - 30 * DAY, NOW + 1, True, NOW + 10),
        (NOW, NOW + 100, True, NOW + 50),
        (NOW + 7321, NOW, True, NOW + 10),  # dates that cannot be
    ],
)
def test_a_response_is_renewed_after_half_its_validity(since: float, until: float, dated: bool, due: float) -> None:
    assert schedule.after_success(Validity(since, until, dated), NOW, 0.0) == due


@pytest.mark.parametrize(
    ("failures", "until", "pause"),
    [
        (1, 0.0, FIRST_PAUSE), (2, 0.0, 20.0), (3, 0.0, 40.0), (6, 0.0, LONGEST_PAUSE_WITHOUT),
        (10_000, 0.0, LONGEST_PAUSE_WITHOUT), (1, NOW + DAY, FIRST_PAUSE), (10_000, NOW + DAY, LONGEST_PAUSE),
        (10_000, NOW - 1, LONGEST_PAUSE_WITHOUT),
    ],
)
def test_pauses_after_failures(failures: int, until: float, pause: float) -> None:
    assert schedule.after_failure(failures, until, NOW, 0.0) == NOW + pause


times = st.floats(NOW - 400 * DAY, NOW + 400 * DAY)
chances = st.floats(0.0, 1.0)


@given(times, times, st.booleans(), chances)
def test_never_at_once_and_never_never(since: float, until: float, dated: bool, chance: float) -> None:
    due = schedule.after_success(Validity(since, max(until, NOW), dated), NOW, chance)
    assert NOW + 10 <= due <= NOW + 400 * DAY


@given(st.integers(1, 10**9), times, chances)
def test_failures_are_bounded_too(failures: int, until: float, chance: float) -> None:
    due = schedule.after_failure(failures, until, NOW, chance)
    assert NOW + 0.9 * FIRST_PAUSE <= due <= NOW + LONGEST_PAUSE


@given(times, times, st.booleans(), chances, st.integers(0, 50), st.floats(0.0, 60.0))
def test_what_was_reckoned_by_a_right_clock_is_waited_for(
    since: float, until: float, dated: bool, chance: float, failures: int, back: float
) -> None:
    """A clock that is set back a little changes nothing."""
    until = max(until, NOW)
    if failures:
        due = schedule.after_failure(failures, until, NOW, chance)
    else:
        due = schedule.after_success(Validity(since, until, dated), NOW, chance)
    assert not schedule.is_due(due, until, NOW - back)
    assert schedule.is_due(due, until, due)


@pytest.mark.parametrize(("due", "until", "asked"), [
    (NOW + 30 * DAY, 0.0, True), (NOW + 30 * DAY, NOW + DAY, True), (NOW + 30 * DAY, NOW + 60 * DAY, False),
    (NOW + HOUR, 0.0, False), (NOW - 1, NOW + DAY, True), (NOW + DAY, NOW + DAY, False),
])
def test_a_moment_that_cannot_have_been_meant_is_now(due: float, until: float, asked: bool) -> None:
    assert schedule.is_due(due, until, NOW) is asked


def test_servers_that_start_together_do_not_ask_together() -> None:
    dues = {schedule.after_success(Validity(NOW, NOW + DAY), NOW, tenth / 10) for tenth in range(11)}
    assert len(dues) == 11
    assert min(dues) >= NOW + 0.9 * DAY / 2


def test_freshness() -> None:
    assert schedule.is_fresh(Validity(NOW - HOUR, NOW + 2 * HOUR), NOW)
    assert not schedule.is_fresh(Validity(NOW - 2 * HOUR, NOW + HOUR), NOW)
    assert schedule.is_fresh(Validity(NOW - 0.9 * HOUR, NOW + DAY, dated=False), NOW)
    assert not schedule.is_fresh(Validity(NOW - 1.1 * HOUR, NOW + DAY, dated=False), NOW)

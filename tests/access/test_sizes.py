"""Whose line about sizes counts, and the pace of commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.access.sizes import Pace, largest
from ftpsd.settings.bound_parsers import size_bound
from ftpsd.settings.values import Rate


@pytest.mark.parametrize(("lines", "size"), [
    ((), None),
    (("1 Kb",), 1024),
    (("1 Kb", "2 Kb"), 1024),
    (("1 Kb", "* user alice"), None),
    (("1 Kb", "5 B user bob"), 1024),
    (("5 B user bob",), None),
    (("1 Kb group staff", "2 Kb user alice"), 2048),
    (("1 B class local", "2 Mb group staff"), 2 << 20),
    (("1 B class far", "2 Gb class local"), 2 << 30),
])
def test_whose_line_counts(lines: tuple[str, ...], size: int | None) -> None:
    bounds = [one for line in lines for one in size_bound(line.split())]
    assert largest(bounds, user="alice", groups=("staff",), classes={"local"}) == size


def test_a_burst_then_one_by_one() -> None:
    pace = Pace(Rate(4, 2))
    delays, now = [], 100.0
    for _ in range(7):
        delays.append(pace.delay(now))
        now += delays[-1]
    assert delays == pytest.approx([0, 0, 0, 0, 0.5, 0.5, 0.5])
    assert pace.delay(now + 60) == 0


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 5))
def test_never_faster_than_the_rate_for_long(pauses: list[float], number: int, seconds: int) -> None:
    pace, now = Pace(Rate(number, seconds)), 0.0
    for index, pause in enumerate(pauses):
        now += pause
        now += pace.delay(now)
        assert index + 1 <= number + now * number / seconds + 1e-6

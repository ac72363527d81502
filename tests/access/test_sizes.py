"""Whose line about sizes counts, and the pace of commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.access.sizes import Pace, bound_of, nearest, pace_of
from ftpsd.settings.bound_parsers import session_timeout, size_bound, transfer_rate
from ftpsd.settings.values import Rate, SessionTimeout, SizeBound, TransferRate
from tests.settings.support import in_directory, main_host


def for_alice(line: SizeBound | SessionTimeout | TransferRate) -> bool:
    return line.whom is None or line.whom.holds("alice", ("staff",), {"local"})


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
    line = nearest(filter(for_alice, bounds))
    assert (None if line is None else line.size) == size


@pytest.mark.parametrize(("lines", "size"), [
    (("1 Kb", "2 Kb user alice"), 2048),
    (("5 B group staff,guests",), 5), (("5 B group guests,staff",), 5), (("5 B group guests,others",), None),
    (("5 B group guests,!others",), 5),
])
def test_whose_size_counts_in_one_place(lines: tuple[str, ...], size: int | None) -> None:
    line = bound_of(one for line in lines for one in size_bound(line.split()) if for_alice(one))
    assert (None if line is None else line.size) == size


@pytest.mark.parametrize(("text", "path", "size"), [
    ("MaxStoreFileSize 9 Kb user alice\n<Directory /srv>\nMaxStoreFileSize 1 Kb\n</Directory>", "/srv/x", 1),
    ("MaxStoreFileSize 9 Kb user alice\n<Directory /srv>\nMaxStoreFileSize 1 Kb\n</Directory>", "/tmp", 9),
    ("MaxStoreFileSize 9 Kb user alice\n<Directory /srv>\nMaxStoreFileSize 1 Kb user bob\n</Directory>", "/srv", 9),
    ("<Directory /srv>\nMaxStoreFileSize 1 Kb\nMaxStoreFileSize 2 Kb class local\n</Directory>\n"
     "<Directory /srv/in>\nMaxStoreFileSize 3 Kb group guests\n</Directory>", "/srv/in", 2),
    ("<Directory /srv>\nMaxStoreFileSize 1 Kb user alice\n</Directory>\n"
     "<Directory /srv/in>\nMaxStoreFileSize 3 Kb group guests,staff\n</Directory>", "/srv/in", 3),
    ("<Global>\nMaxStoreFileSize 9 Kb user alice\n</Global>\nMaxStoreFileSize 1 Kb", "/", 1),
])
def test_the_innermost_place_counts(text: str, path: str, size: int) -> None:
    lines = in_directory(main_host(text).for_login(user="alice"), path).bounds.max_store_file_size
    line = bound_of(filter(for_alice, lines))
    assert line is not None
    assert line.size == size * 1024


@pytest.mark.parametrize(("lines", "seconds"), [
    (("60", "90"), 60), (("60", "90 user alice"), 90), (("60", "90 user !alice"), 60), (("60", "0 group staff"), 0),
    (("9 class local", "8 group staff", "7 user alice"), 7), (("5 class far",), None),
])
def test_whose_time_counts(lines: tuple[str, ...], seconds: int | None) -> None:
    line = nearest(one for line in lines for one in session_timeout(line.split()) if for_alice(one))
    assert (None if line is None else line.seconds) == seconds


@pytest.mark.parametrize(("lines", "rate"), [
    (("RETR 1", "RETR 2 user alice"), 1), (("RETR 2 user alice", "RETR 1"), 2), (("RETR 2 user bob", "RETR 1"), 1),
    (("STOR 2 user alice", "STOR,RETR 1"), 1), (("RETR 3 group staff,admin", "RETR 1"), 1),
    (("RETR 3 class far,local", "RETR 1"), 3), (("STOR 1", "RETR 2 user bob"), None),
])
def test_whose_rate_counts(lines: tuple[str, ...], rate: int | None) -> None:
    line = pace_of((one for line in lines for one in transfer_rate(line.split()) if for_alice(one)), "RETR")
    assert (None if line is None else line.rate / 1024) == rate


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

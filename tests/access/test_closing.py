"""Announced shutdowns: the file that a real ftpshut writes, its stages, its cookies."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.access.closing import Closing, Stage, parse, plan

NOW = datetime(2026, 11, 21, 13, 47, 53)
FILE = "2026 11 21 13 50 53 0010 0005\nmsg %s|%r|%d|%C|%L|%R|%T|%U|%u|%M|%%\n"
"""What Debian's ftpshut wrote for `ftpshut +3 'msg …'` at that time."""

TOLD = (
    "msg Sat Nov 21 13:50:53 2026|Sat Nov 21 13:40:53 2026|Sat Nov 21 13:45:53 2026|/home|127.0.0.1|localhost"
    "|Sat Nov 21 13:47:53 2026|fred|%u|%M|%%"
)
"""What a real ProFTPD made of it."""


def test_as_proftpd() -> None:
    closing = parse(FILE)
    assert plan("+3", NOW, deny=10, disconnect=5, message=closing.message) == closing
    assert closing.text() == FILE
    assert closing.told(NOW, user="fred", local="127.0.0.1", peer="localhost", directory="/home") == TOLD


@pytest.mark.parametrize(("when", "now", "text"), [
    ("now", NOW, "2026 11 21 13 47 53 0010 0005\ngoing down at %s\n"),
    ("2359", NOW, "2026 11 21 23 59 53 0010 0005\ngoing down at %s\n"),
    ("1201", NOW, "2026 11 22 12 1 53 0010 0005\ngoing down at %s\n"),
    ("+100000", datetime(2026, 11, 21, 13, 47, 15), "2027 1 30 0 27 15 0010 0005\ngoing down at %s\n"),
])
def test_times(when: str, now: datetime, text: str) -> None:
    assert plan(when, now, deny=10, disconnect=5, message="").text() == text


def test_minutes_are_written_as_a_clock() -> None:
    closing = plan("+200", NOW, deny=90, disconnect=75, message="x")
    assert closing.text().startswith("2026 11 21 17 7 53 0130 0115\n")
    assert parse(closing.text()) == closing


@pytest.mark.parametrize("when", ["", "x", "+", "+x", "-5", "2561", "2400", "12:00", "1 2", "+1234567", "٠٠٠٠"])
def test_times_that_are_none(when: str) -> None:
    with pytest.raises(ValueError, match="Invalid time interval"):
        plan(when, NOW, deny=0, disconnect=0, message="")


@pytest.mark.parametrize(("minutes", "stage", "change"), [
    (-30, Stage.OPEN, 1200), (-10, Stage.DENYING, 300), (-6, Stage.DENYING, 60), (-5, Stage.DISCONNECTING, None),
    (0, Stage.DISCONNECTING, None), (600, Stage.DISCONNECTING, None),
])
def test_stages(minutes: int, stage: Stage, change: float | None) -> None:
    closing = parse(FILE)
    now = closing.at + timedelta(minutes=minutes)
    assert closing.stage(now) is stage
    assert closing.next_change(now) == change


def test_sessions_may_have_to_go_before_nobody_comes_in() -> None:
    closing = plan("+30", NOW, deny=5, disconnect=20, message="")
    assert closing.stage(NOW + timedelta(minutes=11)) is Stage.DISCONNECTING


def test_a_file_that_cannot_be_read_turns_newcomers_away_only() -> None:
    assert Closing.unknown().stage(NOW) is Stage.DENYING
    assert parse(Closing.unknown().text()).message == "for maintenance"


@pytest.mark.parametrize("text", [
    "", "garbage\nx", "2026 11 21\n", "2026 13 1 1 1 1 0010 0005\n", "2026 2 30 1 1 1 0010 0005\n",
    "2026 11 21 13 50 53 0010 0005 7\n", "2026 11 21 13 50 53 00100 0005\n",
])
def test_files_that_are_none(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


@given(st.text(max_size=200))
def test_no_file_does_harm(text: str) -> None:
    try:
        closing = parse(text)
    except ValueError:
        return
    assert "\n" not in closing.told(NOW)


def test_cookies_are_replaced_once() -> None:
    closing = plan("now", NOW, deny=0, disconnect=0, message="bye %U")
    assert closing.told(NOW, user="%s") == "bye %s"
    assert plan("now", NOW, deny=0, disconnect=0, message="a\nb").told(NOW) == "a b"

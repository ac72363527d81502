"""Which timer of a session runs out first."""

from __future__ import annotations

import pytest

from ftpsd.session.timers import Marks, next_timer, running
from ftpsd.settings.limits import LimitSettings

LIMITS = LimitSettings(
    timeout_idle=600, timeout_login=30, timeout_no_transfer=300, timeout_stalled=60)
NONE = LimitSettings(timeout_idle=0, timeout_login=0, timeout_no_transfer=0)


@pytest.mark.parametrize(("marks", "reason", "at"), [
    (Marks(connected=100, active=100), "timeout-login", 130),
    (Marks(connected=100, active=129), "timeout-login", 130),
    (Marks(connected=100, active=110, logged_in=110), "timeout-no-transfer", 410),
    (Marks(connected=100, active=500, logged_in=110, transferred=450), "timeout-no-transfer", 750),
    (Marks(connected=100, active=5000, logged_in=110, transferred=5000, longest=5000), "timeout-session", 5110),
])
def test_the_timer_that_runs_out_first(marks: Marks, reason: str, at: float) -> None:
    timer = next_timer(LIMITS, marks)
    assert timer is not None
    assert (timer.reason, timer.at) == (reason, at)


def test_zero_switches_a_timer_off() -> None:
    assert next_timer(NONE, Marks(0, 0)) is None
    assert running(NONE, Marks(0, 0, logged_in=1)) == []


def test_the_login_timer_ends_with_the_login() -> None:
    assert {timer.reason for timer in running(LIMITS, Marks(0, 0, logged_in=1, longest=5000))} == {
        "timeout-idle", "timeout-no-transfer", "timeout-session"}


def test_the_client_is_told_the_configured_seconds() -> None:
    timer = next_timer(LIMITS, Marks(0, 0))
    assert timer is not None
    assert timer.text == "Login timeout (30 seconds): closing control connection"

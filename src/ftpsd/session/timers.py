"""Which timer of a session runs out next, and what the client is told then. Pure: the clock comes in as
`now`.

TimeoutLogin counts from the connection to the login, TimeoutIdle from the last command (a transfer counts
as activity), TimeoutNoTransfer from the login or the last transfer, TimeoutSession from the login. All in
seconds; 0 switches a timer off.
"""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings.limits import LimitSettings


@dataclass(slots=True)
class Marks:
    """Moments of a session, in seconds of the monotonic clock; None: has not happened.

    `lingers`: a download's connection was half-closed.
    """

    connected: float
    active: float
    logged_in: float | None = None
    transferred: float | None = None
    lingers: float = 0.0


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that runs: `at` (monotonic seconds), the reason code and the text of the 421."""

    at: float
    reason: str
    text: str


def running(limits: LimitSettings, marks: Marks) -> list[Timer]:
    """Every timer that runs for a session with these `marks`."""
    timers = []
    if limits.timeout_idle:
        text = f"Idle timeout ({limits.timeout_idle} seconds): closing control connection"
        timers.append(Timer(marks.active + limits.timeout_idle, "timeout-idle", text))
    if marks.logged_in is None:
        if limits.timeout_login:
            plural = "" if limits.timeout_login == 1 else "s"
            text = f"Login timeout ({limits.timeout_login} second{plural}): closing control connection"
            timers.append(Timer(marks.connected + limits.timeout_login, "timeout-login", text))
        return timers
    if limits.timeout_no_transfer:
        since = marks.logged_in if marks.transferred is None else marks.transferred
        text = f"No transfer timeout ({limits.timeout_no_transfer} seconds): closing control connection"
        timers.append(Timer(since + limits.timeout_no_transfer, "timeout-no-transfer", text))
    of_session = session_timer(limits, marks)
    if of_session is not None:
        timers.append(of_session)
    return timers


def session_timer(limits: LimitSettings, marks: Marks) -> Timer | None:
    """The timer that ends a session whatever it does, even within a transfer; None: there is none."""
    if marks.logged_in is None or not limits.timeout_session:
        return None
    text = f"Session Timeout ({limits.timeout_session} seconds): closing control connection"
    return Timer(marks.logged_in + limits.timeout_session, "timeout-session", text)


def next_timer(limits: LimitSettings, marks: Marks) -> Timer | None:
    """The timer that runs out first, or None."""
    return min(running(limits, marks), key=lambda timer: timer.at, default=None)

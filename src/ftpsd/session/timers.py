"""Which timer of a session runs out next, and what the client is told then. Pure: the clock comes in as
`now`.

TimeoutLogin counts from the connection to the login, TimeoutIdle from the last command (a transfer counts
as activity), TimeoutNoTransfer from the login or the last transfer, TimeoutSession from the login. All in
seconds; 0 switches a timer off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ftpsd.reasons.codes import Code
from ftpsd.settings.limits import LimitSettings


@dataclass(slots=True)
class Marks:
    """Moments of a session, in seconds of the monotonic clock; None: has not happened.

    `lingers`: a download's connection was half-closed. `due`: no timer runs out before that (each of them only moves
    on, as long as the settings stay). `longest`: seconds from the login to the end of the session (0: any number).
    `no_names_until`: before that no names of foreign addresses are asked for.
    """

    connected: float
    active: float
    logged_in: float | None = None
    transferred: float | None = None
    lingers: float = 0.0
    due: float = 0.0
    longest: int = 0
    no_names_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that runs: `at` (monotonic seconds), the reason code and the text of the 421."""

    at: float
    reason: Code
    text: str


def next_moment(limits: LimitSettings, marks: Marks) -> float | None:
    """When the first timer runs out, in seconds of the monotonic clock; None: none runs.

    What every wait asks for; `running` says which timer it is.
    """
    idle, login, session = limits.timeout_idle, limits.timeout_login, marks.longest
    first = marks.active + idle if idle else math.inf
    if marks.logged_in is None:
        if login and marks.connected + login < first:
            first = marks.connected + login
    else:
        if limits.timeout_no_transfer:
            since = marks.logged_in if marks.transferred is None else marks.transferred
            at = since + limits.timeout_no_transfer
            if at < first:
                first = at
        if session and marks.logged_in + session < first:
            first = marks.logged_in + session
    return None if first == math.inf else first


def session_moment(marks: Marks) -> float | None:
    """When the session ends whatever it does, even within a transfer (TimeoutSession); None: never."""
    return None if marks.logged_in is None or not marks.longest else marks.logged_in + marks.longest


def running(limits: LimitSettings, marks: Marks) -> list[Timer]:
    """Every timer that runs for a session with these `marks`."""
    timers = []
    if limits.timeout_idle:
        text = f"Idle timeout ({limits.timeout_idle} seconds): closing control connection"
        timers.append(Timer(marks.active + limits.timeout_idle, Code.TIMEOUT_IDLE, text))
    if marks.logged_in is None:
        if limits.timeout_login:
            plural = "" if limits.timeout_login == 1 else "s"
            text = f"Login timeout ({limits.timeout_login} second{plural}): closing control connection"
            timers.append(Timer(marks.connected + limits.timeout_login, Code.TIMEOUT_LOGIN, text))
        return timers
    if limits.timeout_no_transfer:
        since = marks.logged_in if marks.transferred is None else marks.transferred
        text = f"No transfer timeout ({limits.timeout_no_transfer} seconds): closing control connection"
        timers.append(Timer(since + limits.timeout_no_transfer, Code.TIMEOUT_NO_TRANSFER, text))
    at = session_moment(marks)
    if at is not None:
        text = f"Session Timeout ({marks.longest} seconds): closing control connection"
        timers.append(Timer(at, Code.TIMEOUT_SESSION, text))
    return timers


def next_timer(limits: LimitSettings, marks: Marks) -> Timer | None:
    """The timer that runs out first, or None."""
    return min(running(limits, marks), key=lambda timer: timer.at, default=None)

"""Waits that the administrator wants: DelayOnEvent before some replies, MaxCommandRate before commands."""

from __future__ import annotations

import secrets
import select
import time

from ftpsd.data.waits import wait_for
from ftpsd.log import events
from ftpsd.session.state import Session
from ftpsd.settings.login_values import Event

_GLANCE = 0.25
"""Seconds between two looks whether the server stops, once the client sends nothing more."""


def delay(session: Session, event: Event) -> None:
    """Waits as long as is configured for `event`. Raises `SessionEnded` when the session is to end meanwhile."""
    for entry in session.settings.logins.delay_on_event:
        if entry.key == event:
            break
    else:
        return
    milliseconds = entry.least + secrets.randbelow(entry.most - entry.least + 1)
    session.log.emit(events.Debug(9, f"DelayOnEvent {event}: waiting {milliseconds} ms"))
    pause(session, milliseconds / 1000)


def pause(session: Session, seconds: float) -> None:
    """Waits. Raises `SessionEnded` when the session is to end meanwhile.

    A client that has closed only its sending half waits as everybody does; after that half nothing tells of the
    server's end (`Control.wake`), so it is looked for. One that is gone altogether is not waited for: its reply fails.
    """
    until = time.monotonic() + seconds
    descriptor = session.control.descriptor
    wait_for(descriptor, select.POLLRDHUP, -1, 0, until)
    session.check_running()
    while (now := time.monotonic()) < until and not wait_for(descriptor, 0, -1, 0, min(until, now + _GLANCE)):
        session.check_running()

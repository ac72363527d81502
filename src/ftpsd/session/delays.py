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


def pause(session: Session, seconds: float) -> bool:
    """Waits; False when the client is gone altogether, which is not waited for: its reply fails. Raises
    `SessionEnded` when the session is to end meanwhile.

    A client that has closed only its sending half waits as everybody does; after that half nothing tells of the
    server's end (`Control.wake`), so it is looked for.
    """
    until = time.monotonic() + seconds
    descriptor = session.control.descriptor
    wait_for(descriptor, select.POLLRDHUP, -1, 0, until)
    session.check_running()
    while (now := time.monotonic()) < until:
        if wait_for(descriptor, 0, -1, 0, min(until, now + _GLANCE)):
            return False
        session.check_running()
    return True

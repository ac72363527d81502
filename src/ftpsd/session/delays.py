"""DelayOnEvent: waits that the administrator wants before some replies."""

from __future__ import annotations

import secrets
import select
import time

from ftpsd.data.waits import wait_for
from ftpsd.log import events
from ftpsd.session.state import Session
from ftpsd.settings.login_values import Event


def delay(session: Session, event: Event) -> None:
    """Waits as long as is configured for `event`. Raises `SessionEnded` when the session is to end meanwhile."""
    for entry in session.settings.logins.delay_on_event:
        if entry.key == event:
            break
    else:
        return
    milliseconds = entry.least + secrets.randbelow(entry.most - entry.least + 1)
    session.log.emit(events.Debug(9, f"DelayOnEvent {event}: waiting {milliseconds} ms"))
    wait_for(session.control.descriptor, select.POLLRDHUP, -1, 0, time.monotonic() + milliseconds / 1000)
    session.check_running()

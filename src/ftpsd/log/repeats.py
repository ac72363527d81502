"""A bound on what one client can make us write.

A client may provoke the same refusal as often as it likes; the log shows the first `FREELY` of each kind in
a session, after that the 64th, 128th, 256th …, and says how many were left out. Counted, not timed: no
clock is needed.
"""

from __future__ import annotations

from ftpsd.log import events
from ftpsd.log.events import Event, Level, Notice, reason_of
from ftpsd.reasons.codes import Good

FREELY = 50
_MOST_KEYS = 256
_NEVER_CAPPED = (
    events.SessionOpened, events.SessionClosed, events.LoginSucceeded, events.TransferEnded,
    events.FileDeleted, events.CommandReceived, events.ReplySent, events.Debug, events.Trace,
)


def _key(event: Event) -> str:
    if isinstance(event, events.TLSNote):
        return event.lines[0] if event.lines else event.kind
    if isinstance(event, events.Notice):
        return f"{event.reason}: {event.text}"
    return f"{event.kind}/{reason_of(event)}"


class Repeats:
    """Counts the events of one session."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self.left_out = 0

    def admits(self, event: Event) -> bool:
        """Whether `event` is written."""
        if isinstance(event, _NEVER_CAPPED):
            return True
        key = _key(event)
        if key not in self._seen and len(self._seen) >= _MOST_KEYS:
            key = "others"
        count = self._seen[key] = self._seen.get(key, 0) + 1
        admitted = count <= FREELY or count & (count - 1) == 0
        self.left_out += not admitted
        return admitted

    def summary(self) -> Notice | None:
        """What to say at the end of the session; None when nothing was left out."""
        if not self.left_out:
            return None
        text = f"notice: {self.left_out} repeated messages of this session were not logged"
        return Notice(text, Level.NOTICE, Good.REPEATED_MESSAGES)

"""Commands that take long and have no data connection: digests, joining and copying files, removing trees.

Meanwhile the control connection is watched: ABOR ends the work, the client's end and the server's end the session, all
other commands wait for their turn. A client that hears nothing may give up (some after 20 seconds), so after some
seconds the reply is begun, as one of several lines, and goes on with a line now and then (draft-bryan-ftpext-hash
section 3). A reply that has been begun must end with its code: what fails then can only say so in its text.
"""

from __future__ import annotations

import math
import select
import time

from ftpsd.data.waits import wait_for
from ftpsd.errors import Refusal, SessionEnded
from ftpsd.ftp.replies import Reply, opened
from ftpsd.reasons.codes import Code, marked
from ftpsd.session.state import Session
from ftpsd.session.timers import session_moment

PULSE = 5.0
"""Seconds between two lines that say that something is going on."""


_PAST = 1e-9
"""A moment of the monotonic clock that has been."""


class Aborted(Exception):
    """The client sent ABOR."""


class Labour:
    """One such command: `code` and `title` of its reply; `silent`: how much is left is unknown, and nothing is said."""

    def __init__(self, session: Session, code: int, title: str, *, silent: bool = False) -> None:
        self._session = session
        self._code = code
        self._title = title
        self._begun = False
        self._next = math.inf if silent else time.monotonic() + PULSE
        self._unread = bool(session.control.waiting) or session.control.channel.has_pending()
        """What came together with the command: poll knows nothing of it."""

    @property
    def control(self) -> int:
        """The descriptor to watch; -1: none, so many commands wait already."""
        control = self._session.control
        return -1 if control.full else control.descriptor

    @property
    def until(self) -> float:
        """When to call `attend` at the latest, in seconds of the monotonic clock."""
        if self._unread:
            return _PAST
        until = session_moment(self._session.marks)
        return self._next if until is None else min(self._next, until)

    def due(self) -> bool:
        """Whether `until` has come, or input."""
        return time.monotonic() >= self.until or bool(wait_for(self.control, select.POLLIN, -1, 0, 0.0))

    def attend(self, done: int, whole: int) -> None:
        """Called when `control` has input or `until` has come; `done` of `whole` bytes are.

        Raises `Aborted`, `Refusal` (TimeoutSession; the loop ends the session then), `SessionEnded`.
        """
        from ftpsd.session.loop import abort_waits

        session, self._unread = self._session, False
        session.check_running()
        session.control.pull()
        if session.control.waiting and abort_waits(session):
            raise Aborted
        if session.control.ended:
            raise SessionEnded(Code.CLIENT_DISCONNECTED)
        now = time.monotonic()
        session.marks.active = now
        over = session_moment(session.marks)
        if over is not None and over <= now:
            raise Refusal(426, "Session Timeout: aborted", Code.TRANSFER_CUT)
        if now >= self._next:
            self._pulse(done, whole)

    def _pulse(self, done: int, whole: int) -> None:
        control = self._session.control
        if not self._begun:
            control.begin(opened(self._code, self._title, control.charset))
        self._begun = True
        control.begin(opened(self._code, f"{done * 100 // max(1, whole)}% of {whole} bytes"))
        self._next = time.monotonic() + PULSE

    def reply(self, text: str) -> Reply:
        """The reply of the command that is done."""
        self._session.marks.transferred = time.monotonic()
        return Reply(self._code, text) if self._begun else Reply(self._code, self._title, text)

    def aborted(self) -> Reply:
        """The replies to the command and, returned, to ABOR."""
        if self._begun:
            self._session.reply(Reply(self._code, "Aborted"))
        else:
            self._session.reply(Reply(426, "Aborted"))
        return Reply(226, "Abort successful")

    def refused(self, refusal: Refusal) -> Reply:
        """The reply of the command that failed. Raises `refusal` where nothing has been sent yet."""
        if not self._begun:
            raise refusal
        return Reply(self._code, marked(f"Failed: {refusal.text}", refusal.reason))

"""Every place where a session waits: for a command, for a data connection, for its handshake.

All waits watch the control connection and push the data connection on (DESIGN.md 5.2: a client may shake
hands on the data connection before it sends the command), and every one has a deadline.
"""

from __future__ import annotations

import math
import select
import time

from ftpsd.data.channel import DataChannel, Stage
from ftpsd.data.waits import wait_for
from ftpsd.errors import SessionEnded
from ftpsd.ftp.lines import Line
from ftpsd.log import events
from ftpsd.reasons.codes import Code
from ftpsd.session.state import Session
from ftpsd.session.timers import next_moment, next_timer, session_moment
from ftpsd.tls import library
from ftpsd.vfs import idling


class TransferAborted(Exception):
    """ABOR came while the data connection was still being made."""


_LISTENING, _CONNECTING, _CONNECTED = Stage.LISTENING, Stage.CONNECTING, Stage.CONNECTED
_HANDSHAKING, _READY = Stage.HANDSHAKING, Stage.READY
_UNSECURED = (_CONNECTED, _HANDSHAKING)
_SETTLES = 1.0
"""Seconds without a command after which a session counts as idle."""

_TOGETHER = 0.005
"""Seconds after the reply to PASV or EPSV in which a connection is taken up when a command comes, not before: on a near
network both come at once, and one waking up is enough. Not where the client shakes hands before its command."""

_SOON = 0.05
"""Seconds after a download in which its client has usually closed the connection, and nobody need look."""


def wait(session: Session, deadline: float | None, *, control: bool = True, data: bool = True) -> bool:
    """Waits until the control connection has input (True), or the data connection moved or the deadline
    passed; `control`, `data`: which of the two ends the wait. A data connection that has come is taken up either way.

    A control connection that is not read (`control` off: too many commands wait) ends the wait by its end alone, behind
    whatever lies unread: a client that has gone would otherwise be waited for as long as one that is there.
    """
    if control:
        tls = session.control.channel.connection
        if tls is not None and tls.pending():  # decrypted already: poll knows nothing of it
            return True
    channel, fd, events, early = session.data, -1, 0, False
    if channel is not None:
        early = session.secures_early
        if data:
            fd, events = channel.interest(early) or (-1, 0)
    looked_for = select.POLLIN if control else select.POLLRDHUP
    until = math.inf if deadline is None else deadline
    patience = math.inf if channel is None else channel.patience
    ready = wait_for(session.control.descriptor, looked_for, fd, events, min(until, patience))
    if channel is not None and (ready & 2 or (ready and not data) or patience <= time.monotonic()):
        channel.advance(early)
        if channel.strangers:
            report_strangers(session, channel)
    if ready & 1 and not control:
        session.control.ended = True
    return bool(ready & 1)


def report_strangers(session: Session, channel: DataChannel) -> None:
    """Logs the hosts that knocked at the passive port and are not the client (RFC 2577 section 3)."""
    while channel.strangers:
        address, fault, reason = channel.strangers.pop()
        why = fault or f"the control connection is from {session.peer}{_rule(session, address)}"
        session.log.emit(events.DataConnectionRefused(
            reason, (f"data connection from {address} refused: {why}",), address))


def _rule(session: Session, address: str) -> str:
    """What else an administrator wants to know of a stranger's address."""
    proxy = session.service.proxies_before(session)
    if not proxy.data and proxy.trusts(address):
        return ", and a proxy has to say for whom it connects: ProxyProtocolData"
    named = session.settings.transfer.allow_foreign_address.of_class
    return f", and <Class {named}> is without it" if named is not None else ""


def next_line(session: Session) -> Line:
    """The next command line of the client; what it came after is done.

    Raises `SessionEnded` when a timer ran out, the client went away or the server stops.
    """
    control = session.control
    now = session.marks.active = time.monotonic()
    announced = session.data is not None and session.data.stage is _LISTENING and not session.hasty
    together = now + _TOGETHER if announced else now
    while True:
        if session.stopping:
            session.check_running()
        if control.waiting:
            return control.waiting.popleft()
        if control.ended:
            raise SessionEnded(Code.CLIENT_DISCONNECTED)
        until, both = _wakes_at(session, now), now >= together
        if wait(session, until if both or until < together else together, data=both):
            if session.stopping:  # TLS does not survive that the end which `Control.wake` feigns is read
                session.check_running()
            control.pull()
        if not control.waiting:
            now = time.monotonic()


def _wakes_at(session: Session, now: float) -> float:
    """When a wait for a command ends at the latest; what is due `now` is done. Raises `SessionEnded`."""
    marks = session.marks
    if session.settled or marks.due < now + _SETTLES:
        marks.due = next_moment(session.settings.limits, marks) or math.inf
        if marks.due <= now:
            _timed_out(session)
    until = marks.due
    if session.renewal.deadline is not None:
        session.renewal.watch(session.settings.tls.renegotiate)
        if session.renewal.deadline is not None and session.renewal.deadline < until:
            until = session.renewal.deadline
    if session.lingering is not None:
        at = session.marks.lingers + _SOON
        if now >= at:
            at = _let_go(session)
        if at < until:
            until = at
    if not session.settled:
        at = session.marks.active + _SETTLES
        if now >= at:
            _settle(session)
        elif at < until:
            until = at
    return until


def _settle(session: Session) -> None:
    """A session that has nothing to do gives back memory."""
    session.settled = True
    library.rest_thread()
    idling.settle()


def _let_go(session: Session) -> float:
    """Lets the connection of the last download go where its client has; when to look at it next otherwise.

    A client that is busy takes up the next transfer first, which looks by itself: waking up for each end would cost
    more than the transfer's own waits.
    """
    session.unlinger()
    deadline = session.linger_deadline if session.lingering is not None else None
    return math.inf if deadline is None else deadline


def _timed_out(session: Session) -> None:
    timer = next_timer(session.settings.limits, session.marks)
    if timer is not None:
        raise SessionEnded(timer.reason, 421, timer.text)


def connected(session: Session, channel: DataChannel, timeout: float) -> None:
    """Waits until the data connection stands (TCP); sets `channel.failure` when it does not in `timeout`
    seconds.
    """
    if session.control.waiting:
        look_for_abort(session)
    if channel.stage is _HANDSHAKING or channel.stage is _READY:
        session.hasty = True
    if channel.stage is _CONNECTING:
        channel.connect()
    elif channel.stage is _LISTENING:
        channel.advance(session.secures_early)  # it has come before the command, as most do
        if channel.strangers:
            report_strangers(session, channel)
    if channel.stage is not _LISTENING and channel.stage is not _CONNECTING:
        return
    deadline = deadline_of(session, timeout)
    while channel.stage is _LISTENING or channel.stage is _CONNECTING:
        if _overdue(channel, deadline):
            return
        came = wait(session, min(deadline, held_until(session)), control=not session.control.full)
        if (came or held_until(session) <= time.monotonic()) and not attend(session):
            raise TransferAborted


def begun(session: Session, channel: DataChannel, patience: float) -> None:
    """Goes on with a TLS handshake that the client has begun, for `patience` seconds; one that it has not is left.

    A failure is kept in `channel.failure`.
    """
    if channel.stage is _CONNECTED:
        assert channel.socket is not None
        if not wait_for(channel.socket.descriptor, select.POLLIN, -1, 0, 0.0):
            return
    elif channel.stage is not _HANDSHAKING:
        return
    deadline = time.monotonic() + patience
    while channel.stage in _UNSECURED and time.monotonic() < deadline:
        channel.shake_hands(deadline)


def look_for_abort(session: Session) -> None:
    """Raises `TransferAborted` for an ABOR that came along with the transfer command."""
    from ftpsd.session.loop import abort_waits

    if abort_waits(session):
        raise TransferAborted


def deadline_of(session: Session, timeout: float) -> float:
    """The end of a wait of a transfer that begins now and takes `timeout` seconds at most (monotonic clock)."""
    deadline = time.monotonic() + timeout
    of_session = session_moment(session.marks)
    return deadline if of_session is None else min(deadline, of_session)


def _overdue(channel: DataChannel, deadline: float) -> bool:
    if time.monotonic() < deadline:
        return False
    channel.fail(TimeoutError(110, "Connection timed out"))
    return True


def held_until(session: Session) -> float:
    """When commands that MaxCommandRate holds back within a transfer want to be attended to (monotonic seconds)."""
    from ftpsd.session.loop import held_until

    return held_until(session) if session.control.waiting else math.inf


def attend(session: Session) -> bool:
    """Takes in what came on the control connection while a transfer is under way.

    Answers the commands that may be answered meanwhile; False when the client aborted the transfer. Raises
    `SessionEnded` when the client is gone or the server stops.
    """
    from ftpsd.session.loop import answer_during_transfer

    session.check_running()
    session.control.pull()
    if not answer_during_transfer(session):
        return False
    if session.control.ended:
        raise SessionEnded(Code.CLIENT_DISCONNECTED)
    return True

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


_SETTLES = 1.0
"""Seconds without a command after which a session counts as idle."""

_SOON = 0.05
"""Seconds after a download in which its client has usually closed the connection, and nobody need look."""


def wait(session: Session, deadline: float | None, *, control: bool = True) -> bool:
    """Waits until the control connection has input (True), or the data connection moved or the deadline
    passed.
    """
    beside = -1
    if control:
        if session.control.channel.has_pending():
            return True
        beside = session.control.fileno()
    channel, fd, events = session.data, -1, 0
    interest = channel.interest(session.secures_early) if channel is not None else None
    if interest is not None:
        fd, events = interest
    ready = wait_for(beside, select.POLLIN, fd, events, math.inf if deadline is None else deadline)
    if ready & 2 and channel is not None:
        channel.advance(session.secures_early)
        if channel.strangers:
            report_strangers(session, channel)
    return bool(ready & 1)


def report_strangers(session: Session, channel: DataChannel) -> None:
    """Logs the hosts that knocked at the passive port and are not the client (RFC 2577 section 3)."""
    while channel.strangers:
        address = channel.strangers.pop()
        session.log.emit(events.DataConnectionRefused(
            Code.DATA_FOREIGN_PEER,
            (f"data connection from {address} refused: the control connection is from {session.peer}",),
            address,
        ))


def next_line(session: Session) -> Line:
    """The next command line of the client.

    Raises `SessionEnded` when a timer ran out, the client went away or the server stops.
    """
    while True:
        session.check_running()
        line = session.control.next_line()
        if line is not None:
            return line
        if session.control.ended:
            raise SessionEnded(Code.CLIENT_DISCONNECTED)
        until = next_moment(session.settings.limits, session.marks)
        if until is not None and until <= time.monotonic():
            _timed_out(session)
        if session.renewal.deadline is not None:
            session.renewal.watch(session.settings.tls.renegotiate)
            until = _earlier(until, session.renewal.deadline)
        if session.lingering is not None:
            until = _earlier(until, _lingers_until(session))
        if not session.settled:
            until = _earlier(until, _settles_at(session))
        if wait(session, until):
            session.check_running()  # TLS does not survive that the end which `Control.wake` feigns is read
            session.control.pull()


def _earlier(first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)


def _settles_at(session: Session) -> float | None:
    """When a session that has nothing to do gives back memory; done here when it is time."""
    at = session.marks.active + _SETTLES
    if time.monotonic() < at:
        return at
    session.settled = True
    library.rest_thread()
    idling.settle()
    return None


def _lingers_until(session: Session) -> float | None:
    """When to look at the connection of the last download next; it is let go of where its client has.

    A client that is busy takes up the next transfer first, which looks by itself: waking up for each end would cost
    more than the transfer's own waits.
    """
    soon = session.marks.lingers + _SOON
    if time.monotonic() < soon:
        return soon
    session.unlinger()
    return session.linger_deadline if session.lingering is not None else None


def _timed_out(session: Session) -> None:
    timer = next_timer(session.settings.limits, session.marks)
    if timer is not None:
        raise SessionEnded(timer.reason, 421, timer.text)


def connected(session: Session, channel: DataChannel, timeout: float) -> None:
    """Waits until the data connection stands (TCP); sets `channel.failure` when it does not in `timeout`
    seconds.
    """
    channel.connect()
    deadline = _deadline(session, timeout)
    if channel.stage is Stage.LISTENING:
        channel.advance(session.secures_early)  # it has come before the command, as most do
        if channel.strangers:
            report_strangers(session, channel)
    while channel.stage is Stage.LISTENING or channel.stage is Stage.CONNECTING:
        if _overdue(channel, deadline):
            return
        if wait(session, deadline, control=not session.control.full) and not attend(session):
            raise TransferAborted


def begun(session: Session, channel: DataChannel, patience: float) -> None:
    """Goes on with a TLS handshake that the client has begun, for `patience` seconds; one that it has not is left.

    A failure is kept in `channel.failure`.
    """
    if channel.stage is Stage.CONNECTED:
        interest = channel.interest(private=True)
        if interest is None or not wait_for(*interest, -1, 0, 0.0):
            return
    deadline = time.monotonic() + patience
    while channel.stage in (Stage.CONNECTED, Stage.HANDSHAKING) and time.monotonic() < deadline:
        channel.shake_hands(-1, deadline)


def secured(session: Session, channel: DataChannel, timeout: float) -> None:
    """Waits until the data connection's TLS handshake is done; sets `channel.failure` when it is not."""
    deadline = _deadline(session, timeout)
    control = session.control
    while channel.stage is not Stage.READY and channel.stage is not Stage.FAILED:
        if _overdue(channel, deadline):
            return
        watched = not control.full
        if watched and control.channel.has_pending():
            ready = True
        else:
            ready = channel.shake_hands(control.fileno() if watched else -1, deadline)
        if ready and not attend(session):
            raise TransferAborted


def _deadline(session: Session, timeout: float) -> float:
    """The end of a wait of a transfer that begins now. Raises `TransferAborted` for an ABOR that came along."""
    from ftpsd.session.loop import abort_waits

    if session.control.waiting and abort_waits(session):
        raise TransferAborted
    deadline = time.monotonic() + timeout
    of_session = session_moment(session.settings.limits, session.marks)
    return deadline if of_session is None else min(deadline, of_session)


def _overdue(channel: DataChannel, deadline: float) -> bool:
    if time.monotonic() < deadline:
        return False
    channel.fail(TimeoutError(110, "Connection timed out"))
    return True


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

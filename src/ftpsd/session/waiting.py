"""Every place where a session waits: for a command, for a data connection, for its handshake.

All waits watch the control connection and push the data connection on (DESIGN.md 5.2: a client may shake
hands on the data connection before it sends the command), and every one has a deadline.
"""

from __future__ import annotations

import select
import time

from ftpsd.data.channel import DataChannel, Stage
from ftpsd.errors import SessionEnded
from ftpsd.ftp.lines import Line
from ftpsd.log import events
from ftpsd.session.state import Session
from ftpsd.session.timers import next_moment, next_timer, session_moment


class TransferAborted(Exception):
    """ABOR came while the data connection was still being made."""


_LONGEST = 3600.0
_ENDED = select.POLLHUP | select.POLLERR | select.POLLNVAL


def wait(session: Session, deadline: float | None, *, control: bool = True) -> bool:
    """Waits until the control connection has input (True), or the data connection moved or the deadline
    passed.
    """
    if control and session.control.channel.has_pending():
        return True
    poll = select.poll()
    if control:
        poll.register(session.control.fileno(), select.POLLIN)
    channel = session.data
    interest = channel.interest(session.secures_early) if channel is not None else None
    if interest is not None:
        poll.register(*interest)
    timeout = _LONGEST if deadline is None else max(0.0, deadline - time.monotonic())
    ready = {fd for fd, _ in poll.poll(min(timeout, _LONGEST) * 1000)}
    if channel is not None and interest is not None and interest[0] in ready:
        channel.advance(session.secures_early)
        report_strangers(session, channel)
    return control and session.control.fileno() in ready


def report_strangers(session: Session, channel: DataChannel) -> None:
    """Logs the hosts that knocked at the passive port and are not the client (RFC 2577 section 3)."""
    while channel.strangers:
        address = channel.strangers.pop()
        session.log.emit(events.DataConnectionRefused(
            "data-foreign-peer",
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
            raise SessionEnded("client-disconnected")
        until = next_moment(session.settings.limits, session.marks)
        if until is not None and until <= time.monotonic():
            _timed_out(session)
        if session.renewal.deadline is not None:
            session.renewal.watch(session.settings.tls.renegotiate)
            until = _earlier(until, session.renewal.deadline)
        if session.lingering is not None:
            session.unlinger()
            until = _earlier(until, session.linger_deadline)
        if wait(session, until):
            session.check_running()  # TLS does not survive that the end which `Control.wake` feigns is read
            session.control.pull()


def _earlier(first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)


def _timed_out(session: Session) -> None:
    timer = next_timer(session.settings.limits, session.marks)
    if timer is not None:
        raise SessionEnded(timer.reason, 421, timer.text)


def connected(session: Session, channel: DataChannel, timeout: float) -> None:
    """Waits until the data connection stands (TCP); sets `channel.failure` when it does not in `timeout`
    seconds.
    """
    channel.connect()
    _until(session, channel, timeout, frozenset({Stage.CONNECTED, Stage.HANDSHAKING, Stage.READY}))


def begun(session: Session, channel: DataChannel, patience: float) -> None:
    """Goes on with a TLS handshake that the client has begun, for `patience` seconds; one that it has not is left.

    A failure is kept in `channel.failure`.
    """
    interest = channel.interest(private=True)
    if channel.stage is Stage.CONNECTED and interest is not None:
        poll = select.poll()
        poll.register(*interest)
        if not poll.poll(0):
            return
    deadline = time.monotonic() + patience
    while channel.stage in (Stage.CONNECTED, Stage.HANDSHAKING) and time.monotonic() < deadline:
        wait(session, deadline, control=False)


def secured(session: Session, channel: DataChannel, timeout: float) -> None:
    """Waits until the data connection's TLS handshake is done; sets `channel.failure` when it is not."""
    _until(session, channel, timeout, frozenset({Stage.READY}))


def _until(session: Session, channel: DataChannel, timeout: float, stages: frozenset[Stage]) -> None:
    from ftpsd.session.loop import abort_waits

    deadline = time.monotonic() + timeout
    of_session = session_moment(session.settings.limits, session.marks)
    if of_session is not None:
        deadline = min(deadline, of_session)
    if abort_waits(session):
        raise TransferAborted
    while channel.stage not in stages and channel.stage is not Stage.FAILED:
        if time.monotonic() >= deadline:
            channel.fail(TimeoutError(110, "Connection timed out"))
            return
        if wait(session, deadline, control=not session.control.full) and not attend(session):
            raise TransferAborted


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
        raise SessionEnded("client-disconnected")
    return True

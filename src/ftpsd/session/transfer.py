"""One transfer, from the data connection to the final reply.

The order is fixed by what clients see (semantics.md 2.7): the TCP connection first, then 150, then the TLS
handshake and the proof that it resumed the control connection's session, then the data. Whatever fails
after 150 is answered with 425 (no data connection) or 426/451/452/552 (the data connection or the file
broke); 226 only for a transfer whose end was seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Literal, NamedTuple, NoReturn

from ftpsd.data.channel import DataChannel, Stage
from ftpsd.data.outcomes import End, Outcome, accepts_plain_fin, classify
from ftpsd.data.pump import Pump
from ftpsd.errors import Refusal, SessionEnded
from ftpsd.ftp.replies import Reply, opening_text
from ftpsd.log import events
from ftpsd.reasons.codes import Code
from ftpsd.session import waiting
from ftpsd.session.renewal import DataRenewal
from ftpsd.session.state import Session
from ftpsd.session.timers import session_moment
from ftpsd.settings.values import TransferRate
from ftpsd.tls import diagnostics, handshake, reuse
from ftpsd.tls.data import HandshakeFailed
from ftpsd.tls.errors import TLSError
from ftpsd.vfs.base import Body

CONNECT_TIMEOUT = 60.0
"""Seconds that a client may take to open its data connection after the transfer command."""

BEGUN_PATIENCE = 0.25
"""Seconds that the 150 waits for a handshake that the client has begun already: some clients take a 150 for the
end of their handshake and close an empty upload before it is done (clients.md 11)."""

LARGEST_FILE = 2**63 - 1
"""Bytes: what the system can count. A range from the first byte to the last possible one is one byte longer, and
MaxStoreFileSize may say more."""

_ROOM_INTERVAL = 0.25
"""Seconds between two attempts to end a download whose client reads slowly."""

_CONNECTED, _READY, _FAILED = Stage.CONNECTED, Stage.READY, Stage.FAILED
_NOT_THE_END = frozenset({"control", "paused", "aborted"})
_BEYOND_THE_PUMP = {"vanished": End.VANISHED, "ended": End.ENDED}
"""What `_run` says that no pump can."""


class Job(NamedTuple):
    """What is to be moved.

    `source` is a descriptor (file) or the body of a listing, `offset` and `size` are bytes, `opening` the
    text of the 150 where it is not the usual one; `begin` is called when the data connection stands: before the
    first byte where it must be (`begin_first`), otherwise perhaps after the last; `sendfile` lets the kernel send where
    it can; `largest` is how many bytes may be moved (None: any number): what is received beyond them is an error, what
    would be sent beyond them is left out. `refused`: none are sent, the file being too large for this client.
    """

    direction: Literal["send", "receive"]
    source: int | Body
    title: str
    ascii: bool
    offset: int | None = None
    size: int | None = None
    rate: TransferRate | None = None
    opening: str | None = None
    begin: Callable[[], None] | None = None
    begin_first: bool = False
    sendfile: bool = True
    listing: bool = False
    largest: int | None = None
    refused: bool = False


def conduct(session: Session, job: Job) -> Outcome:
    """Carries the transfer out and returns how it ended (the caller sends the final reply).

    Raises `Refusal` (425) when there is no usable data connection, `SessionEnded` when the client is gone.
    """
    channel = session.data
    if channel is None:
        raise Refusal(
            425, "Unable to build data connection: no PASV, EPSV, PORT or EPRT command came before",
            Code.DATA_NO_ADDRESS,
        )
    session.transfer_started(job.direction, job.size)
    try:
        if channel.stage is not _CONNECTED or session.control.waiting:
            _connect(session, channel)
        private = session.tls.data_private
        if private:
            waiting.begun(session, channel, BEGUN_PATIENCE)
        session.reply(Reply(150, job.opening or opening_text(job.title, ascii=job.ascii, size=job.size)))
        pump, stop = _secure(session, channel, job) if private else (_pump(session, channel, job), None)
        return _move(session, channel, job, pump, stop)
    except waiting.TransferAborted:
        return Outcome(End.ABORTED)
    finally:
        session.transfer_ended()
        channel.close()
        session.data = None


def _connect(session: Session, channel: DataChannel) -> None:
    waiting.connected(session, channel, CONNECT_TIMEOUT)
    if channel.stage is Stage.FAILED and isinstance(channel.failure, OSError):
        reason, line = channel.not_connected(session.peer)
        session.log.emit(events.DataConnectionRefused(reason, (line,)))
        text = channel.failure.strerror or str(channel.failure)
        raise Refusal(425, f"Unable to build data connection: {text}", reason)


def _secure(session: Session, channel: DataChannel, job: Job) -> tuple[Pump, str | None]:
    """The TLS handshake of the data connection and the proof of session reuse; 425 when either fails.

    The pump and, where it has gone on with the data by itself, why it stopped. As the client (SSCN) we begin, and it is
    the server that has to prove who it is.
    """
    if session.control.waiting:
        waiting.look_for_abort(session)
    client = session.tls.client_method and not job.listing
    if client:
        channel.begin_as_client(session.secure_data_as_client)
    elif channel.stage is _CONNECTED:
        channel.secured()
    if channel.stage is _FAILED:
        _refuse_handshake(session, channel)
    if channel.stage is _READY:
        pump = _pump(session, channel, job)
    else:
        until = waiting.deadline_of(session, session.settings.tls.timeout_handshake or handshake.LONGEST)
        pump = _pump(session, channel, job, until, judged=client or _interposed(session, job))
        stop = _shake_hands(session, channel, pump, until)
        if stop != "secured":
            return pump, stop
    _judge(session, channel, client=client)
    return pump, None


def _interposed(session: Session, job: Job) -> bool:
    """Whether something is to be done between the proof and the first byte, so that the pump must not go on."""
    settings, log = session.settings, session.log
    return (
        job.begin_first or job.refused or not session.data_logged
        or settings.tls.renegotiate is not None or session.marks.longest > 0
        or diagnostics.OPTION in settings.tls.options or log.hears(events.TLSNote) or log.hears(events.Trace)
    )


def _shake_hands(session: Session, channel: DataChannel, pump: Pump, until: float) -> str:
    """Runs the pump to the end of the handshake at least, and says why it stopped: "secured", or a stop of the data.

    Raises `Refusal` when the handshake fails or is not done `until` then (monotonic seconds).
    """
    control = session.control
    tls = control.channel.connection
    while True:
        _come_back(session, pump, None)
        hidden = tls is not None and tls.pending() and not control.full  # decrypted already: no wait sees it
        stop: str = "control" if hidden else pump.run()
        if not pump.securing:
            channel.stage = _READY
            return stop
        if stop == "handshake" or stop == "late":
            break
        if not waiting.attend(session):
            raise waiting.TransferAborted
        if time.monotonic() >= until:
            break
        pump.control = -1 if control.full else control.descriptor
    channel.handshake_failed(pump.error)
    _refuse_handshake(session, channel)


def _refuse_handshake(session: Session, channel: DataChannel) -> NoReturn:
    failure = channel.failure
    if not isinstance(failure, HandshakeFailed):
        offered = "" if channel.tls is None else channel.tls.connection.client_hello_version
        failure = handshake.timeout(session.runtime.tls(), offered)
    _refuse_data(session, failure.reason, failure.lines)


def _judge(session: Session, channel: DataChannel, *, client: bool) -> None:
    """Whether the peer has proved who it is. Raises `Refusal`."""
    assert channel.tls is not None
    proof = channel.tls.prove(ccc_used=session.tls.ccc_used, options=session.settings.tls.options)
    if not proof.ok:
        assert isinstance(proof.reason, Code)
        _end_unused(session, channel, private=True, client=client)
        _refuse_data(session, proof.reason, proof.lines)
    if client:
        session.note_tls(*proof.lines)
        return
    session.data_secured(channel.tls, proof)


def _end_unused(session: Session, channel: DataChannel, *, private: bool, client: bool) -> None:
    """Ends a connection that no data goes over; `client`: we are the client of its TLS.

    Cleanly, as some clients never look at the reply behind a broken one; but a server takes a clean end for an upload
    of nothing, and empties the file.
    """
    if client or not channel.leads_to(session.peer):
        channel.abort()
    else:
        channel.end_sending(private)
        session.linger(channel.linger())


_SHORT = {
    Code.DATA_NOT_RESUMED: "TLS session of the control connection was not reused",
    Code.DATA_WRONG_SESSION: "TLS session of another control connection was reused",
    Code.DATA_CERTIFICATE_MISMATCH: "the client certificate is not that of the control connection",
    Code.DATA_SERVER_NOT_VERIFIED: "the other server's certificate cannot be verified",
}


def _refuse_data(session: Session, reason: Code, lines: tuple[str, ...]) -> NoReturn:
    lines += (reuse.FAILED,)
    session.log.emit(events.DataConnectionRefused(reason, lines))
    text = _SHORT.get(reason, "TLS handshake failed")
    raise Refusal(425, f"Unable to build data connection: {text}", reason)


def _pump(session: Session, channel: DataChannel, job: Job, until: float = 0.0, *, judged: bool = True) -> Pump:
    """What moves the data of `job`, after the handshake where that is still to be done (`until`: monotonic seconds).

    `judged`: the proof of session reuse is to be looked at by us in any case.
    """
    assert channel.socket is not None
    data = channel.tls if session.tls.data_private else None
    rate, control = job.rate, session.control
    pump = Pump(
        direction=job.direction, source=job.source, sock=channel.socket.descriptor,
        tls=data.connection if data is not None else None,
        control=-1 if control.waiting and control.full else control.descriptor, offset=job.offset, ascii=job.ascii,
        rate=rate.rate if rate is not None else 0.0, burst=rate.free if rate is not None else 0,
        stall=float(session.settings.limits.timeout_stalled), sendfile=job.sendfile, finish=True,
        progress=session.slot.progress, limit=-1 if job.largest is None else min(job.largest, LARGEST_FILE),
        expected=job.size or 0, deflate=session.parameters.deflate,
        secure=until, proves=data.control if data is not None and not judged else None,
    )
    session.pump = pump
    return pump


def _move(session: Session, channel: DataChannel, job: Job, pump: Pump, stop: str | None) -> Outcome:
    """Moves the data, or what is left of it where the pump has begun and come to a `stop`."""
    assert channel.socket is not None
    private = session.tls.data_private
    if job.refused:
        _end_unused(session, channel, private=private, client=session.tls.client_method and private)
        return Outcome(End.RETRIEVE_TOO_LARGE)
    receiving = job.direction == "receive"
    if job.begin is not None:
        job.begin()
    renewal = _renewal(session, channel, pump, receiving=receiving) if stop is None else None
    if stop is None or stop in _NOT_THE_END:
        stop = _run(session, pump, renewal, stop)
    if renewal is not None:
        renewal.finished()
    if stop in ("done", "limit") and not receiving:
        if pump.finished:
            channel.sending_ended(private)
        else:
            stop = _end_sending(session, channel)
    if pump.error is not None and channel.tls is not None:
        session.note_tls(*channel.tls.failure_lines(pump.error))
    fin = stop == "eof" and accepts_plain_fin(session.settings.transfer.upload_end, session.close_styles)
    end = End.COMPLETE if stop == "done" else _BEYOND_THE_PUMP.get(stop) or classify(
        stop, receiving=receiving, fin_accepted=fin)
    detail = str(pump.error) if pump.error is not None else pump.fault
    of_file = session.parameters.deflate is not None or (job.ascii and not job.listing)
    moved = pump.file_bytes if of_file else pump.bytes
    outcome = Outcome(end, moved, time.monotonic() - pump.begun, pump.errno, detail)
    if session.journal is not None:
        session.journal.moved(outcome, channel.socket.library)
    if session.parameters.deflate is not None and session.log.hears(events.Deflated):
        session.log.emit(events.Deflated(job.direction, pump.file_bytes, pump.bytes, pump.fault))
    complete = end is End.COMPLETE
    if stop == "eof" and receiving and complete:
        session.log.emit(events.TLSNote(
            "client closed the data connection without close_notify, accepting the upload"))
    if complete and not receiving:
        session.linger(channel.linger(fin_sent=pump.finished))
    elif complete and not pump.finished:
        channel.end_sending(private)  # there is room: nothing has been sent
    return outcome


def _renewal(session: Session, channel: DataChannel, pump: Pump, *, receiving: bool) -> DataRenewal | None:
    """What has to interrupt the pump: new keys that come due, the end of the session; None: nothing."""
    setting = session.settings.tls.renegotiate
    until = session_moment(session.marks)
    if setting is None and until is None:
        return None
    tls = channel.tls if session.tls.data_private else None
    return DataRenewal(
        pump, tls if tls is not None and tls.connection.context.server else None, setting, session.log,
        receiving=receiving, until=until or 0.0,
    )


def _end_sending(session: Session, channel: DataChannel) -> str:
    """Hands the end of a download to the kernel, for which there may be no room yet; a stop like the pump's.

    The kernel reports room only when much of its buffer is free, but takes a few bytes before: so we try.
    """
    channel.end_sending(session.tls.data_private)
    deadline = time.monotonic() + (session.settings.limits.timeout_stalled or CONNECT_TIMEOUT)
    while channel.stage is Stage.ENDING:
        now = time.monotonic()
        if now >= deadline:
            return "stalled"
        if _overdue(session):
            return "ended"
        try:
            control = not session.control.full
            came = waiting.wait(session, min(deadline, now + _ROOM_INTERVAL), control=control)
            if (came or waiting.held_until(session) <= now) and not waiting.attend(session):
                return "aborted"
        except (SessionEnded, TLSError, OSError) as error:
            return _control_lost(session, error)
        channel.advance(private=True)
    return "done" if channel.stage is Stage.ENDED else "reset"


def _control_lost(session: Session, error: Exception) -> str:
    """How a transfer stops when the control connection is at its end, reset or without room for a reply.

    What the client is to be told (a ban, RLimitCPU) it is told behind the transfer's own reply.
    """
    if isinstance(error, SessionEnded) and error.code and not session.stopping:
        session.goodbye = (error.reason, " ".join(error.lines))
        session.stopping = True
    return "ended" if session.stopping else "vanished"


def _overdue(session: Session) -> bool:
    at = session_moment(session.marks)
    return at is not None and at <= time.monotonic()


def _run(session: Session, pump: Pump, renewal: DataRenewal | None, stop: str | None) -> str:
    """Runs the pump to its end, answering the control connection meanwhile; `stop`: why it has stopped already.

    "ended": the server stops, or the session's time is up (TimeoutSession).
    """
    while True:
        if stop is None:
            _come_back(session, pump, renewal)
            stop = pump.run()
        if stop == "aborted":
            return "ended"
        if stop == "paused":
            if _overdue(session):
                return "ended"
            if renewal is not None and not renewal.attend():
                return "tls"
        elif stop != "control":
            return stop
        if stop == "control" or session.control.waiting:
            try:
                if not waiting.attend(session):
                    return "aborted"
            except (SessionEnded, TLSError, OSError) as error:
                return _control_lost(session, error)
            if _overdue(session):  # a client that writes without pause leaves the pump no time to see it
                return "ended"
            pump.control = -1 if session.control.full else session.control.descriptor
        stop = None


def _come_back(session: Session, pump: Pump, renewal: DataRenewal | None) -> None:
    """The pump pauses when commands that MaxCommandRate holds back may be answered."""
    at = waiting.held_until(session)
    if at == math.inf:
        return
    if renewal is not None:
        renewal.come_back(at)
    else:
        pump.pause(time=at)

"""Commands that open data connections and those that move files: PASV, EPSV, PORT, EPRT, REST, RANG, RETR, STOR,
STOU, APPE, ABOR.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import stat
import threading
import time
from collections.abc import Sequence
from typing import Final

from ftpsd.data import endpoints, outcomes
from ftpsd.data.channel import DataChannel
from ftpsd.data.outcomes import End, Outcome
from ftpsd.data.proxied import ProxiedListener
from ftpsd.errors import Refusal, SessionEnded
from ftpsd.ftp import addresses, ranges, replies, typecodes
from ftpsd.ftp.commands import Command
from ftpsd.ftp.ranges import ByteRange
from ftpsd.ftp.replies import Reply
from ftpsd.log import events
from ftpsd.reasons.codes import Code
from ftpsd.session import bounds, delays, display, errors, foreign, ownership, proxying, robots, transfer
from ftpsd.session.state import Session
from ftpsd.session.transfer import Job
from ftpsd.settings.model import Settings
from ftpsd.settings.transfer import TransferSettings
from ftpsd.vfs.base import BadRestart, HiddenFileThere, OpenFile, StoreMode

PORT_PATIENCE: Final = 5.0
"""Seconds that PASV and EPSV wait at most for a port of PassivePorts."""
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 0.25
"""Seconds between two looks for one: few at first, then ever more."""

_COMPLETE = Reply(*outcomes.reply_for(Outcome(End.COMPLETE)))


def _listen(session: Session, announced: str | None = None) -> int:
    """The port of a listener for the next data connection; `announced` is the address that the client is told with it.

    The one before it is closed first.
    """
    if session.data is not None:
        session.drop_data()
    try:
        listener = _listener(session)
    except endpoints.NoPassivePort as error:
        session.log.emit(events.DataConnectionRefused(error.reason, (f"no passive port could be had: {error}",)))
        raise Refusal(425, f"Unable to build data connection: {error.words}", error.reason) from None
    listener.announced = announced
    session.data = DataChannel(listener, session.secure_data, session.tuning)
    return listener.port


def _listener(session: Session) -> endpoints.PassiveListener:
    """Waits while every port of PassivePorts is taken, as each is free again once its client is connected.

    Raises `NoPassivePort`, or `SessionEnded` when the session is to end meanwhile.
    """
    own, ports, proxies = session.ends.own, session.settings.transfer.passive_ports, proxying.of_data(session)
    local, peer, tuning = addresses.scoped(own.local, own.scope), session.ends.peer, session.tuning
    deadline, wait = math.inf, _FIRST_WAIT
    while True:
        try:
            if proxies is not None:
                return ProxiedListener(local, peer, ports, tuning, foreign.judge(session), proxies)
            return endpoints.PassiveListener(local, peer, ports, tuning, foreign.judge(session))
        except endpoints.NoPassivePort as error:
            now = time.monotonic()
            if not error.taken or now >= deadline:
                raise
            if deadline == math.inf:
                deadline = now + PORT_PATIENCE
                session.log.emit(events.Debug(3, "every passive port is taken: waiting for one"))
            if not delays.pause(session, min(wait, deadline - now)):
                raise
        wait = min(2 * wait, _LONGEST_WAIT)


def pasv(session: Session, command: Command) -> Reply:
    """PASV (RFC 959 section 4.1.2); a fresh session ticket goes with the reply (DESIGN.md 5.2)."""
    shown = session.runtime.masquerade.under(session.settings).passive(session.ends, session.tls)
    if ":" in session.ends.peer or ":" in shown:
        raise Refusal(500, "Illegal PASV command: use EPSV on IPv6", Code.PASV_ON_IPV6)
    port = _listen(session, shown)
    session.control.channel.offer_ticket()
    return Reply(227, addresses.format_pasv(shown, port))


def epsv(session: Session, command: Command) -> Reply:
    """EPSV (RFC 2428 section 3)."""
    wanted = addresses.parse_epsv(command.argument) if command.argument else None
    if wanted == "ALL":
        session.parameters.epsv_all = True
        return Reply(200, "EPSV ALL command successful")
    family = 2 if ":" in session.ends.peer else 1
    if wanted is not None and wanted != family:
        raise Refusal(522, f"Network protocol not supported, use ({family})", Code.NETWORK_PROTOCOL)
    port = _listen(session)
    session.control.channel.offer_ticket()
    return Reply(229, addresses.format_epsv(port))


def _active(session: Session, command: Command, target: addresses.HostPort) -> Reply:
    try:
        target = addresses.check_active(target, session.peer, foreign.judge(session), command.name)
    except Refusal as refusal:
        session.log.emit(events.DataConnectionRefused(refusal.reason, refusal.log, session.peer))
        raise
    session.drop_data()
    own = session.ends.own
    origin = 0 if session.settings.transfer.use_non_compliant_active_transfer else own.local_port - 1
    source = endpoints.ActiveTarget(target.host, target.port, own.local, origin, own.scope)
    session.data = DataChannel(source, session.secure_data, session.tuning)
    session.control.channel.offer_ticket()
    return Reply(200, f"{command.name} command successful")


def port(session: Session, command: Command) -> Reply:
    return _active(session, command, addresses.parse_port(command.argument))


def eprt(session: Session, command: Command) -> Reply:
    return _active(session, command, addresses.parse_eprt(command.argument))


def rest(session: Session, command: Command) -> Reply:
    """REST (RFC 3659 section 5): bytes to skip in the next RETR or STOR."""
    offset = typecodes.parse_rest(command.argument, ascii_mode=session.parameters.ascii)
    session.parameters.restart, session.parameters.range = offset, None
    return Reply(350, f"Restarting at {offset}. Send STORE or RETRIEVE to initiate transfer")


def rang(session: Session, command: Command) -> Reply:
    """RANG (draft-bryan-ftp-range): the bytes that the next RETR sends or the next STOR replaces."""
    chosen = ranges.parse(command.argument, ascii_mode=session.parameters.ascii)
    session.parameters.restart, session.parameters.range = 0, chosen
    return Reply(350, ranges.accepted(chosen))


def _beginning(session: Session) -> tuple[int, ByteRange | None]:
    """Where the transfer begins that is about to, and the range it is confined to."""
    return session.parameters.start, session.parameters.range


def _beyond_end(chosen: ByteRange | None, shown: str) -> Refusal:
    command = "REST" if chosen is None else "RANG"
    return Refusal(554, f"{command}: invalid {shown} argument", Code.RESTART_BEYOND_END)


def retr(session: Session, command: Command) -> Reply:
    offset, chosen = _beginning(session)
    path = session.path(command.argument)
    there = session.settings_for(path)
    settings = there.transfer
    if session.quota is not None:
        session.quota.check_download(command.name, path)
    try:
        opened = session.fs.open_read(path)
    except OSError as error:
        stand_in = robots.stand_in(session, path, offset) if error.errno == errno.ENOENT else None
        if stand_in is None:
            raise errors.refusal(error, command.argument) from None
        opened = stand_in
    try:
        if offset and not settings.allow_retrieve_restart:
            raise Refusal(451, f"{command.argument}: Restart not permitted, try again", Code.RESTART_DENIED)
        left = opened.size - offset
        if left < 0 or (chosen is not None and not left):
            raise _beyond_end(chosen, command.argument)
        if chosen is not None:
            left = min(left, chosen.length)
        sizes = there.bounds.max_retrieve_file_size
        most = bounds.largest(session, sizes) if sizes else None
        refused, ascii = most is not None and opened.size > most, session.parameters.ascii
        job = Job(
            "send", opened.fd, command.argument, ascii and _translates(settings), offset=offset,
            size=left or None, opening=_opening(settings, command.argument, left) if ascii else None,
            rate=bounds.pace(session, settings.transfer_rate, "RETR") if settings.transfer_rate else None,
            sendfile=settings.use_sendfile, largest=None if chosen is None else left, refused=refused,
        )
        if most is not None and refused:
            bounds.too_large(session, "MaxRetrieveFileSize", most, path)
        if bounds.counts_transfers(session, there):
            with bounds.transferring(session, there, command.name):
                outcome = _conduct(session, command.name, path, job)
        else:
            outcome = _conduct(session, command.name, path, job)
    finally:
        opened.close()
    notices = session.quota.downloaded(command.name, path, outcome) if session.quota is not None else ()
    return _finish(session, command.name, path, outcome, notices)


def _conduct(session: Session, name: str, path: str, job: Job) -> Outcome:
    """As `transfer.conduct`; a transfer that got no data connection goes into the TransferLog, too, as incomplete."""
    try:
        return transfer.conduct(session, job)
    except Refusal as refusal:
        session.record(name, path, Outcome(End.ENDED), refusal.reason)
        raise


def _open_upload(
    session: Session, settings: TransferSettings, path: str, shown: str, mode: StoreMode, offset: int,
) -> OpenFile:
    """The file of an upload; an old one is spared until the data connection stands (`OpenFile.begin`).

    Appending replaces nothing, so AllowOverwrite has no say in it.
    """
    overwrite, umask, hidden = settings.allow_overwrite or mode == "append", settings.umask.file, None
    dangling = "AllowSymlinkUpload" in settings.transfer_options
    if mode == "store":
        hidden = settings.hidden_stores
    try:
        if hidden is not None:
            return session.fs.open_hidden(
                path, prefix=hidden_part(hidden.prefix), suffix=hidden_part(hidden.suffix),
                overwrite=overwrite, umask=umask, dangling=dangling)
        return session.fs.open_write(
            path, mode=mode, offset=offset, overwrite=overwrite, umask=umask, truncate=False,
            dangling=dangling)
    except BadRestart:
        raise
    except OSError as error:
        if isinstance(error, FileExistsError) and not isinstance(error, HiddenFileThere) and not overwrite:
            raise Refusal(550, f"{shown}: Overwrite permission denied", Code.OVERWRITE_DENIED) from None
        raise errors.refusal(error, shown) from None


def hidden_part(pattern: str) -> str:
    """A prefix or suffix of HiddenStores; `%P` becomes the session's thread, the number in the log."""
    return pattern.replace("%P", str(threading.get_native_id()))


def check_restart(
    session: Session, settings: TransferSettings, path: str, shown: str, mode: StoreMode,
) -> None:
    """AllowStoreRestart off: what is there already is not written to again but from its beginning."""
    if settings.allow_store_restart or mode not in ("append", "resume"):
        return
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(session.fs.stat(path).st_mode):
            return  # what it is, is the better answer
        raise Refusal(451, f"{shown}: Append/Restart not permitted, try again", Code.RESTART_DENIED)


def _upload(
    session: Session, command: Command, path: str, mode: StoreMode, offset: int = 0, chosen: ByteRange | None = None,
) -> Reply:
    if session.quota is not None:
        session.quota.check_upload(command.name, path)
    there = session.settings_for(path)
    settings = there.transfer
    if mode != "store":
        check_restart(session, settings, path, command.argument, mode)
    if not bounds.counts_transfers(session, there):
        return _upload_to(session, command, path, mode, offset, there, chosen)
    with bounds.transferring(session, there, command.name):
        return _upload_to(session, command, path, mode, offset, there, chosen)


def _upload_to(
    session: Session, command: Command, path: str, mode: StoreMode, offset: int, there: Settings,
    chosen: ByteRange | None,
) -> Reply:
    settings = there.transfer
    counted = session.quota.upload(command.name, path, mode, offset) if session.quota is not None else None
    try:
        opened = _open_upload(session, settings, path, command.argument, mode, offset)
    except BadRestart:
        raise _beyond_end(chosen, command.argument) from None
    if counted is not None:
        counted.take(opened)
    ownership.hand_over(session, there.access, opened.fd, opened.path)
    sizes, ascii = there.bounds.max_store_file_size, session.parameters.ascii
    most = bounds.largest(session, sizes) if sizes else None
    room = None if most is None else max(0, most - _already(opened, mode, offset))
    begun = False

    def begin() -> None:
        nonlocal begun
        begun = True
        if counted is None:
            opened.begin()
        else:
            counted.begin(opened)

    job = Job(
        "receive", opened.fd, command.argument, ascii and _translates(settings),
        rate=bounds.pace(session, settings.transfer_rate, command.name) if settings.transfer_rate else None,
        opening=f"FILE: {opened.path.rpartition('/')[2]}" if mode == "unique" else _opening(
            settings, command.argument) if ascii else None,
        begin=begin, begin_first=opened.spared or counted is not None,
        largest=_room(room, chosen) if counted is None else counted.bound(_room(room, chosen)),
    )
    try:
        outcome = _conduct(session, command.name, opened.path, job)
    except BaseException:
        _dispose(settings, opened, Outcome(End.ENDED), begun=begun)
        raise
    if counted is not None:
        outcome = counted.judge(opened, outcome, _room(room, chosen))
    if most is not None and outcome.end is End.STORE_TOO_LARGE and job.largest == room:
        bounds.too_large(session, "MaxStoreFileSize", most, opened.path)
    outcome = _dispose(settings, opened, outcome, begun=begun, spares=counted is not None and counted.spares)
    notices = counted.settle(opened, outcome) if counted is not None else []
    return _finish(session, command.name, opened.path, outcome, notices)


def _translates(settings: TransferSettings) -> bool:
    """Whether TYPE A translates line ends: unless TransferOptions says otherwise."""
    return "IgnoreASCII" not in settings.transfer_options


def _opening(settings: TransferSettings, title: str, size: int | None = None) -> str | None:
    """The text of the 150 under TYPE A where that, which it names, is not what is done; None: the usual one."""
    return None if _translates(settings) else replies.opening_text(title, ascii=True, size=size or None)


def _room(room: int | None, chosen: ByteRange | None) -> int | None:
    """How many bytes an upload may bring: what MaxStoreFileSize leaves (None: any number), at most its range."""
    if chosen is None:
        return room
    length = min(chosen.length, transfer.LARGEST_FILE)
    return length if room is None else min(length, room)


def _already(opened: OpenFile, mode: StoreMode, offset: int) -> int:
    """Bytes that the file of an upload has before what comes."""
    return os.fstat(opened.fd).st_size if mode == "append" else offset


def _dispose(
    settings: TransferSettings, opened: OpenFile, outcome: Outcome, *, begun: bool, spares: bool = False,
) -> Outcome:
    """Commits, keeps or discards the file; a commit that fails turns a good transfer into a bad one.

    A file that was there before and that this transfer never touched is left alone whatever the settings say, and what
    a quota cuts goes unless it `spares` what was there before.
    """
    try:
        if outcome.complete:
            opened.commit()
        elif (not begun and not opened.created) or (outcome.end is End.QUOTA_REACHED and spares):
            opened.close()
        elif _stays(opened, outcome, begun=begun, delete_aborted=settings.delete_aborted_stores):
            opened.keep()
        else:
            opened.discard()
    except OSError as error:
        return Outcome(End.FILE_ERROR, outcome.transferred, outcome.seconds, error.errno or 0)
    return outcome


def _stays(opened: OpenFile, outcome: Outcome, *, begun: bool, delete_aborted: bool | None) -> bool:
    """Whether what came of an upload that was not complete is kept."""
    if not begun or outcome.end is End.QUOTA_REACHED:
        return False
    return outcomes.keeps_partial(outcome, hidden=opened.hidden, delete_aborted=delete_aborted)


def stor(session: Session, command: Command) -> Reply:
    offset, chosen = _beginning(session)
    mode: StoreMode = "resume" if offset or chosen is not None else "store"
    return _upload(session, command, session.path(command.argument), mode, offset, chosen)


def appe(session: Session, command: Command) -> Reply:
    if session.parameters.range is not None:
        raise Refusal(550, "APPE incompatible with RANG", Code.RESTART_DENIED)
    return _upload(session, command, session.path(command.argument), "append")


def stou(session: Session, command: Command) -> Reply:
    """STOU: the server chooses a name that did not exist told in the 150 (RFC 1123 section 4.1.2.9)."""
    offset, chosen = _beginning(session)
    if offset or chosen is not None:
        word = "REST" if chosen is None else "RANG"
        raise Refusal(550, f"STOU incompatible with {word}", Code.RESTART_DENIED)
    prefix = session.directory_settings().transfer.store_unique_prefix
    return _upload(session, command, session.path(prefix), "unique")


def _finish(session: Session, name: str, path: str, outcome: Outcome, notices: Sequence[str] = ()) -> Reply:
    """The last reply to a transfer; `notices` are further lines of it."""
    session.record(name, path, outcome)
    if outcome.end is End.COMPLETE and not notices and session.settings.logins.display_file_transfer is None:
        return _COMPLETE
    code, text = outcomes.reply_for(outcome)
    match outcome.end:
        case End.ABORTED:
            session.reply(Reply(code, text))
            return Reply(226, "Abort successful")
        case End.STALLED:
            limit = session.settings.limits.timeout_stalled
            session.reply(Reply(code, text))
            raise SessionEnded(Code.TIMEOUT_STALLED, 421, f"Data transfer stall timeout: {limit} seconds")
        case End.VANISHED:
            raise SessionEnded(Code.CLIENT_DISCONNECTED)
    if outcome.complete and session.settings.logins.display_file_transfer is not None:
        shown = display.text(session, session.thanks, session.settings.logins.display_file_transfer)
        return Reply(code, *shown, text, *notices)
    return Reply(code, text, *notices)


def abor(session: Session, command: Command) -> Reply:
    """ABOR with no transfer under way (during one, `loop.answer_during_transfer` sees it)."""
    session.drop_data()
    return Reply(226, "Abort successful")


def allo(session: Session, command: Command) -> Reply:
    typecodes.check_allo(command.argument)
    return replies.NO_ALLOCATION


def type_(session: Session, command: Command) -> Reply:
    session.parameters.ascii, _ = typecodes.parse_type(command.argument)
    return Reply(200, typecodes.type_set(command.words[0]))


def stru(session: Session, command: Command) -> Reply:
    return Reply(200, typecodes.check_structure(command.argument))

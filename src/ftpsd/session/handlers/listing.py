"""LIST, NLST, MLSD over data connections; STAT and MLST on the control connection.

A directory is read before the data connection is asked for anything, so that what cannot be listed is refused with the
right code; only LIST of something missing says so after 150, as ProFTPD's clients expect. Its lines are written while
they are sent.
"""

from __future__ import annotations

import stat as modes
from dataclasses import replace
from typing import Literal

from ftpsd.data import outcomes
from ftpsd.data.outcomes import End
from ftpsd.errors import Refusal, SessionEnded
from ftpsd.ftp import facts
from ftpsd.ftp.commands import Command
from ftpsd.ftp.listing import ListRequest, parse_list, split
from ftpsd.ftp.replies import Reply, listing_in_reply, opening_text
from ftpsd.reasons.codes import Code
from ftpsd.session import disguise, errors, hiding, permission, transfer, visibility
from ftpsd.session.state import Session
from ftpsd.session.transfer import Job
from ftpsd.settings.model import Settings
from ftpsd.settings.transfer import TransferSettings
from ftpsd.vfs.base import Body, Form, ListingOptions

ListingName = Literal["LIST", "NLST", "STAT"]
NOTHING: frozenset[str] = frozenset()
MOST_IN_REPLY, MOST_LINES_IN_REPLY = 2 * 1024 * 1024, 10_000
"""Bytes and names of a listing in the reply of STAT, which costs several times its size in memory."""


def _request(session: Session, argument: str, command: ListingName) -> tuple[ListRequest, Settings]:
    """What the client asks for, with ListOptions of the directory that it asks about."""
    path = split(argument)[1]
    settings = session.settings_for(session.path(path or "."))
    return parse_list(argument, settings.transfer.list_options, command=command), settings


def options(
    session: Session, command: Command, settings: Settings, request: ListRequest, form: Form, *,
    all: bool | None = None,
) -> ListingOptions:
    """What the store needs to know to write a listing for this session."""
    pattern = settings.transfer.use_globbing and any(sign in (request.path or "") for sign in "*?[")
    broad = request.recursive or pattern
    fake = disguise.of(session, settings.access)
    return ListingOptions(
        form=form, all=request.all if all is None else all, almost_all=request.almost_all, bare=request.bare,
        classify=request.classify, columns=request.columns, dereference=request.dereference,
        directory=request.directory, human=request.human, long=request.long, numeric=request.numeric,
        recursive=request.recursive, reverse=request.reverse, sort=request.sort, time=request.time,
        show_symlinks=settings.transfer.show_symlinks, gmt=session.settings.core.times_gmt,
        max_files=request.max_files, max_directories=request.max_directories, max_depth=request.max_depth,
        facts=session.parameters.facts - (facts.NAMES if "NoNames" in settings.facts.options else NOTHING),
        slink="UseSlink" in settings.facts.options, windows=settings.transfer.list_style == "Windows",
        globs=settings.transfer.use_globbing, owner=fake.owner, group=fake.group,
        fake_mode=fake.mode, fake_uid=fake.uid,
        fake_gid=fake.gid, visible=visibility.of_listing(session, command, settings, broad=broad),
    )


def _send(session: Session, body: Body, title: str, complete: Reply | None = None) -> Reply:
    """Sends a listing. Its lines end in CRLF under every TYPE; only the 150 names the TYPE.

    `complete`: the reply where all of it was sent, if it is not the usual one.
    """
    opening = opening_text(title, ascii=session.parameters.ascii)
    outcome = transfer.conduct(session, Job("send", body, title, ascii=False, opening=opening, listing=True))
    code, text = outcomes.reply_for(outcome)
    if outcome.end is End.VANISHED:
        raise SessionEnded(Code.CLIENT_DISCONNECTED)
    if outcome.end is End.ABORTED:
        session.reply(Reply(code, text))
        return Reply(226, "Abort successful")
    return complete if complete is not None and outcome.complete else Reply(code, text)


def _body(session: Session, path: str, wanted: ListingOptions, shown: str | None = None) -> Body:
    """What is to be sent, in the client's character set."""
    charset = session.control.charset
    if charset is None:
        return session.fs.lines(path, wanted, shown=shown)
    return charset.sent(session.fs.listing(path, wanted, shown=shown))


def list_(session: Session, command: Command) -> Reply:
    request, settings = _request(session, command.argument, "LIST")
    shown = request.path or "."
    wanted = options(session, command, settings, request, "list")
    try:
        if permission.denied(session, command, session.path(shown)) and _is_there(session, shown):
            return _send(session, b"", "file list")
        body = _body(session, session.path(shown), wanted, request.path)
    except OSError as error:
        if _absent_is_empty(error, settings.transfer):
            return _send(session, b"", "file list")
        refused = errors.refusal(error, shown, 450)
        return _send(session, b"", "file list", Reply(refused.code, refused.text))
    return _send(session, body, "file list")


def _is_there(session: Session, shown: str) -> bool:
    """What is not there, and a pattern, is none of <Limit>'s business: ProFTPD says so first."""
    session.fs.stat(session.path(shown))
    return True


def _absent_is_empty(error: OSError, settings: TransferSettings) -> bool:
    """`ListOptions … NoErrorIfAbsent`: what is missing is listed as nothing."""
    return isinstance(error, FileNotFoundError) and not settings.list_options.error_if_absent


def nlst(session: Session, command: Command) -> Reply:
    request, settings = _request(session, command.argument, "NLST")
    shown = request.path or "."
    wanted = options(session, command, settings, request, "nlst")
    try:
        body = _body(session, session.path(shown), wanted, request.path)
    except OSError as error:
        if _absent_is_empty(error, settings.transfer):
            return _send(session, b"", "file list")
        raise errors.refusal(error, shown, 450) from None
    return _send(session, body, "file list")


def mlsd(session: Session, command: Command) -> Reply:
    """MLSD (RFC 3659 section 7), in no order; what is no directory is 550 here too (rclone asks for that)."""
    shown = command.argument or "."
    path = session.path(shown)
    wanted = options(session, command, session.settings_for(path), ListRequest(sort="none"), "mlsd")
    try:
        body = _body(session, path, wanted)
    except NotADirectoryError:
        raise Refusal(550, f"'{shown}' is not a directory", Code.NOT_A_DIRECTORY) from None
    except OSError as error:
        raise errors.refusal(error, shown) from None
    return _send(session, body, "MLSD")


def mlst(session: Session, command: Command) -> Reply:
    """MLST (RFC 3659 section 7): the facts of one path, on the control connection."""
    shown = command.argument or session.cwd
    path = session.path(shown)
    wanted = options(session, command, session.settings_for(path), ListRequest(), "mlsd")
    if session.selective and hiding.is_hidden(session, path):
        return Reply(250, f"Start of list for {shown}", "End of list")
    try:
        line = session.fs.facts(path, wanted)
    except OSError:
        raise Refusal(550, f"'{shown}' cannot be listed", Code.FILE_NOT_FOUND) from None
    return Reply(250, f"Start of list for {shown}", line, "End of list", blank=True)


def stat(session: Session, command: Command) -> Reply:
    """STAT: of the session, or a listing in the reply (RFC 959 section 4.1.3)."""
    request, settings = _request(session, command.argument, "STAT")
    if request.path is None and not command.argument:
        if permission.denied(session, command):
            raise Refusal(500, f"{command.name}: Operation not permitted", Code.LIMIT_DENIED)
        return Reply(211, *_status(session), "End of status")
    shown = request.path or "."
    path = session.path(shown)
    wanted = replace(
        options(session, command, settings, request, "list", all=True), max_bytes=MOST_IN_REPLY,
        max_entries=MOST_LINES_IN_REPLY)
    try:
        directory = modes.S_ISDIR(session.fs.stat(path).st_mode)
        refused = permission.denied(session, command, path)
        body = b"" if refused else session.fs.listing(path, wanted, shown=request.path)
    except OSError as error:
        raise errors.refusal(error, shown, 450) from None
    lines = body.decode("utf-8", "surrogateescape").split("\r\n")[:-1]
    return listing_in_reply(212 if directory else 213, shown, lines)


def _status(session: Session) -> list[str]:
    representation = "ASCII" if session.parameters.ascii else "BINARY"
    mode = "Stream" if session.parameters.deflate is None else "Deflate"
    return [
        f"Status of '{session.settings.core.server_name}'",
        f"Connected from {session.peer_name} ({session.peer})",
        f"Logged in as {session.user_name}",
        f"TYPE: {representation}, STRUcture: File, Mode: {mode}",
        _protection(session),
        _data_status(session),
    ]


def _protection(session: Session) -> str:
    state: Literal["clear", "private"] = "private" if session.tls.data_private else "clear"
    connection = session.control.channel.connection
    if connection is None or not session.tls.protected:
        return f"Control connection: clear, data connections: {state}"
    return f"Control connection: {connection.version} {connection.cipher}, data connections: {state}"


def _data_status(session: Session) -> str:
    pump = session.pump
    if pump is not None and not pump.securing:
        return f"Data connection in use: {pump.bytes} bytes so far"
    return "No data connection" if session.data is None else "Data connection announced"

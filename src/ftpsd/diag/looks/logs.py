"""Log files and the directories that they are in; the files that the server makes for others to find."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from ftpsd.diag.subject import Subject
from ftpsd.log.files import stream_of
from ftpsd.reasons.codes import Code
from ftpsd.settings.logging import SYSLOG
from ftpsd.settings.server import INETD

_FATAL = frozenset({"SystemLog", "TraceLog"})
"""Without these the server does not start."""


_MADE = ("PidFile", "ScoreboardFile", "ControlsSocket")


def look(subject: Subject) -> None:
    for directive, path in _files(subject):
        _file(subject, directive, path)
    if subject.host.id == 0:
        for directive in _MADE:
            _made(subject, directive, subject.value(directive))


def _made(subject: Subject, directive: str, path: str | None) -> None:
    """The server starts without it, and ftpsctl, `ftpsd who` or a script looks for it in vain."""
    parent = os.path.dirname(path or "/")
    if path is None or not subject.says(directive) or os.path.isdir(parent):
        return
    try:
        os.stat(parent)
    except PermissionError:
        return
    except OSError as error:
        why = error.strerror
    else:
        why = "Not a directory"
    alone = subject.configuration.server.server_type == INETD
    if not alone:
        subject.warn(
            Code.CONFIG_NOTICE, f"{directive} '{path}': {parent}: {why}; it will not be there",
            f"mkdir -m 755 {parent}", of=directive)
    elif directive == "ScoreboardFile":
        subject.error(
            Code.CONFIG_ERROR, f"{directive} '{path}': {parent}: {why}; with ServerType inetd no connection is served "
            "without it", f"mkdir -m 755 {parent}", of=directive)


def _files(subject: Subject) -> Iterator[tuple[str, str]]:
    logging = subject.settings.logging
    first = subject.host.id == 0
    for directive, path in (
        ("SystemLog", logging.system_log if first else None), ("TraceLog", logging.trace_log if first else None),
        ("ServerLog", logging.server_log), ("TransferLog", logging.transfer_log), ("TLSLog", subject.settings.tls.log),
        ("DeflateLog", subject.settings.deflate.log),
    ):
        if path is not None and path != SYSLOG and stream_of(path) is None:
            yield directive, path
    for log in logging.extended_logs:
        if log.path.startswith("/") and stream_of(log.path) is None:
            yield "ExtendedLog", log.path


def _file(subject: Subject, directive: str, path: str) -> None:
    problem, remedy = _problem(path, subject.settings.logging.allow_log_symlinks)
    if problem:
        tell = subject.error if directive in _FATAL else subject.warn
        consequence = "the server does not start" if directive in _FATAL else "nothing will be written"
        tell(Code.LOG_UNUSABLE, f"{directive} '{path}': {problem}; {consequence}", remedy, of=directive)
        return
    try:
        found = os.stat(path).st_mode
    except OSError:
        return
    mode = stat.S_IMODE(found)
    if mode & stat.S_IWOTH and stat.S_ISREG(found):
        subject.warn(
            Code.LOG_OPEN, f"{directive} '{path}' may be written to by everybody (mode {mode:04o}): nothing in it "
            f"is proof",
            f"chmod o-w {path}", of=directive)


def _problem(path: str, symlinks: bool) -> tuple[str, str]:
    """(why the server will not use this file, what to do), as `log.files.open_log` decides it; ("", "") if it will."""
    parent = os.path.dirname(path) or "/"
    try:
        mode = os.stat(parent).st_mode
        kind = os.lstat(path).st_mode if os.path.lexists(path) else None
    except PermissionError:
        return "", ""
    except OSError as error:
        return f"{parent}: {error.strerror}", f"mkdir -m 750 {parent}"
    if not stat.S_ISDIR(mode):
        return f"{parent} is not a directory", "Correct the path."
    if mode & stat.S_IWOTH:
        return (
            f"everybody may write to the directory {parent}", f"Move the log to a directory of its own, or chmod "
            f"o-w {parent}")
    if kind is None:
        return "", ""
    if stat.S_ISLNK(kind):
        return ("", "") if symlinks else ("it is a symbolic link", "Name the file itself, or write AllowLogSymlinks "
        "on.")
    if not (stat.S_ISREG(kind) or stat.S_ISCHR(kind) or stat.S_ISFIFO(kind)):
        return "it is not a file", "Name a file."
    return "", ""

"""Where the session is and what lies there: PWD, CWD, CDUP."""

from __future__ import annotations

import posixpath

from ftpsd.ftp import paths
from ftpsd.ftp.commands import Command
from ftpsd.ftp.replies import Reply
from ftpsd.session import display, errors
from ftpsd.session.state import Session


def pwd(session: Session, command: Command) -> Reply:
    return Reply(257, f"{paths.quote(session.cwd)} is the current directory")


def _change(session: Session, target: str, shown: str, name: str) -> Reply:
    try:
        session.fs.check_directory(target)
        session.cwd = session.fs.canonical(target)
    except OSError as error:
        raise errors.refusal(error, shown) from None
    session.slot.describe(location=session.cwd)
    return Reply(250, *display.chdir(session), f"{name} command successful")


def cwd(session: Session, command: Command) -> Reply:
    return _change(session, session.path(command.argument), command.argument, command.name)


def cdup(session: Session, command: Command) -> Reply:
    return _change(session, posixpath.dirname(session.cwd) or "/", "..", command.name)

"""Where the session is and what lies there: PWD, CWD, CDUP."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ftpsd.ftp import paths
from ftpsd.ftp.commands import Command
from ftpsd.ftp.replies import Reply
from ftpsd.session import display, errors, permission
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
    """CWD; CDPath names further directories in which the one that is meant may be."""
    others = session.settings.logins.cd_path
    target = session.path(command.argument)
    if others and not _enterable(session, target):
        target = next(_elsewhere(session, command, others), target)
    return _change(session, target, command.argument, command.name)


def _enterable(session: Session, path: str) -> bool:
    try:
        session.fs.check_directory(path)
    except OSError:
        return False
    return True


def _elsewhere(session: Session, command: Command, places: tuple[str, ...]) -> Iterator[str]:
    for place in places:
        path = session.path(f"{place.rstrip('/')}/{command.argument}")
        if _enterable(session, path) and not permission.denied(session, command, path):
            yield path


def cdup(session: Session, command: Command) -> Reply:
    return _change(session, posixpath.dirname(session.cwd) or "/", "..", command.name)

"""SITE: HELP and CHMOD."""

from __future__ import annotations

import stat

from ftpsd.errors import Refusal
from ftpsd.ftp import help as help_texts
from ftpsd.ftp.commands import Command, parse_site
from ftpsd.ftp.replies import Reply
from ftpsd.reasons.codes import Code
from ftpsd.session import errors, filemodes, permission
from ftpsd.session.state import Session


def site(session: Session, command: Command) -> Reply:
    """SITE (RFC 959 section 4.1.3): its own small table (`ftp.commands.SITE_COMMANDS`)."""
    spec, inner = parse_site(command.argument)
    if spec is None:
        raise Refusal(500, f"'SITE {inner.name}' not understood", Code.COMMAND_UNKNOWN)
    permission.check_site(session, spec, inner)
    return {"site.help": help_, "site.chmod": chmod}[spec.handler](session, inner)


def help_(session: Session, command: Command) -> Reply:
    return help_texts.site_help(command.argument, session.settings.core.server_admin)


def chmod(session: Session, command: Command) -> Reply:
    """SITE CHMOD mode path, mode in octal or as symbols (`u+x,go-w`)."""
    word, name = command.word_and_path
    if not name:
        raise Refusal(500, f"'SITE {command.text}' not understood", Code.SYNTAX)
    path = session.path(name)
    try:
        status = session.fs.stat(path)
    except OSError as error:
        raise errors.refusal(error, name) from None
    mode = filemodes.apply(word, stat.S_IMODE(status.st_mode), directory=stat.S_ISDIR(status.st_mode))
    if mode is None:
        raise Refusal(550, f"'{word}': invalid mode", Code.SYNTAX)
    try:
        session.fs.chmod(path, mode)
    except OSError as error:
        raise errors.refusal(error, f"CHMOD {word} {name}") from None
    return Reply(200, "SITE CHMOD command successful")

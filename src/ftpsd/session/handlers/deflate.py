"""MODE: how data travels, as it is (S) or compressed (Z)."""

from __future__ import annotations

from ftpsd.errors import Refusal
from ftpsd.ftp import deflate, typecodes
from ftpsd.ftp.commands import Command
from ftpsd.ftp.replies import Reply
from ftpsd.reasons.codes import Code
from ftpsd.session.state import Session


def mode(session: Session, command: Command) -> Reply:
    """MODE (RFC 959 section 3.4); Z where DeflateEngine is on."""
    parameters = session.parameters
    if session.settings.deflate.engine and deflate.chosen(command.argument):
        parameters.deflate = parameters.deflate_level
        return Reply(200, "OK")
    text = typecodes.check_mode(command.argument)
    parameters.deflate = None
    return Reply(200, text)


def options(session: Session, argument: str) -> Reply:
    """OPTS MODE `argument`."""
    if not session.settings.deflate.engine:
        raise Refusal(500, "OPTS MODE not understood", Code.COMMAND_UNKNOWN)
    parameters = session.parameters
    parameters.deflate_level = deflate.options(argument, parameters.deflate_level)
    if parameters.deflate is not None:
        parameters.deflate = parameters.deflate_level
    asked = len(argument.split()) == 1
    return Reply(200, deflate.settings(parameters.deflate_level) if asked else "OPTS MODE Z OK")

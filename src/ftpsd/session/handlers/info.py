"""Information and small talk: SYST, HELP, NOOP, FEAT, OPTS, CLNT and what is not implemented."""

from __future__ import annotations

from collections.abc import Iterator

from ftpsd import __version__
from ftpsd.errors import Refusal
from ftpsd.ftp import facts, replies
from ftpsd.ftp import help as help_texts
from ftpsd.ftp.commands import COMMANDS, SITE_COMMANDS, Command, parse
from ftpsd.ftp.deflate import FEATURE
from ftpsd.ftp.digests import features
from ftpsd.ftp.replies import Reply
from ftpsd.reasons.codes import Code
from ftpsd.session import permission
from ftpsd.session.handlers import deflate, digests
from ftpsd.session.handlers.site import engines
from ftpsd.session.state import Session


def syst(session: Session, command: Command) -> Reply:
    return replies.SYSTEM_TYPE


def noop(session: Session, command: Command) -> Reply:
    return replies.successful(command.name, 200)


def help_(session: Session, command: Command) -> Reply:
    if command.argument.strip().upper() == "SITE":
        permission.check_site(session, SITE_COMMANDS["HELP"], command)
    return help_texts.help_reply(command.argument, session.settings.core.server_admin, engines(session))


def feat(session: Session, command: Command) -> Reply:
    """FEAT (RFC 2389 section 3.2), from the command table."""
    line = facts.feat_line(session.parameters.facts)
    return help_texts.feat_reply(
        tls=session.tls.engine, facts=line, utf8=session.settings.core.use_encoding, more=_of_settings(session),
        engines=engines(session), without=_denied_addresses(session))


def _of_settings(session: Session) -> Iterator[str]:
    """The FEAT lines of what the configuration switches on or off."""
    if session.settings.deflate.engine:
        yield FEATURE
    if session.settings.digest.engine:
        yield from features(session.settings.digest.algorithms, digests.chosen(session))


def _denied_addresses(session: Session) -> list[str]:
    """The commands for data addresses that a <Limit> denies here: FEAT does not offer them, as in ProFTPD."""
    if not session.guarded:
        return []
    openers = (spec for spec in COMMANDS.values() if spec.opens_data_address and spec.feat is not None)
    return [spec.name for spec in openers if permission.denied(session, parse(spec.name))]


def clnt(session: Session, command: Command) -> Reply:
    return Reply(200, "OK")


def csid(session: Session, command: Command) -> Reply:
    """CSID: the server's name and that names of files differ in case; the version only where ServerIdent is on."""
    version = f"version={__version__};" if session.settings.core.server_ident.enabled else ""
    return Reply(200, f"name=ftpsd;{version}casesensitive=1;")


def opts(session: Session, command: Command) -> Reply:
    """OPTS (RFC 2389 section 4): UTF8 ON|OFF, MLST facts (RFC 3659 section 7.9), MODE Z, HASH."""
    word, _, rest = command.argument.partition(" ")
    match word.upper():
        case "UTF8" | "UTF-8":
            state = rest.strip().lower()
            if state not in ("on", "off"):
                raise Refusal(501, "'OPTS UTF8' not understood", Code.SYNTAX)
            if not session.settings.core.use_encoding:
                raise Refusal(451, "Unable to accept OPTS UTF8", Code.ENCODING_OFF)
            return Reply(200, f"UTF8 set to {state}")
        case "MODE":
            return deflate.options(session, rest)
        case "HASH":
            return digests.options(session, rest)
        case "MLST":
            session.parameters.facts, shown = facts.choose(rest)
            return Reply(200, f"MLST OPTS {shown}".rstrip())
    raise Refusal(500, f"OPTS {word.upper()} not understood", Code.COMMAND_UNKNOWN)


def not_implemented(session: Session, command: Command) -> Reply:
    return replies.not_implemented(command.name)

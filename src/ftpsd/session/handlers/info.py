"""Information and small talk: SYST, HELP, NOOP, FEAT, OPTS, CLNT and what is not implemented."""

from __future__ import annotations

from collections.abc import Iterator

from ftpsd import __version__
from ftpsd.errors import Refusal
from ftpsd.ftp import facts, replies
from ftpsd.ftp import help as help_texts
from ftpsd.ftp.commands import COMMANDS, SITE_COMMANDS, Command
from ftpsd.ftp.deflate import FEATURE
from ftpsd.ftp.digests import features
from ftpsd.ftp.parsing import parse
from ftpsd.ftp.replies import Reply
from ftpsd.reasons.codes import Code
from ftpsd.session import languages, permission
from ftpsd.session.handlers import deflate, digests
from ftpsd.session.handlers.site import engines
from ftpsd.session.state import Session
from ftpsd.settings.lang import LangSettings

UTF8 = "utf-8"


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
    line = None
    if session.settings.facts.advertise:
        line = facts.feat_line(session.parameters.facts, known_facts(session))
    return help_texts.feat_reply(
        tls=session.tls.engine, facts=line, utf8=_speaks_utf8(session.settings.lang), more=_of_settings(session),
        engines=engines(session), without=_denied_addresses(session))


def known_facts(session: Session) -> frozenset[str]:
    """The facts that there are."""
    return facts.ALL_FACTS - facts.NAMES if "NoNames" in session.settings.facts.options else facts.ALL_FACTS


def _of_settings(session: Session) -> Iterator[str]:
    """The FEAT lines of what the configuration switches on or off."""
    if session.settings.deflate.engine:
        yield FEATURE
    if session.settings.digest.engine:
        yield from features(session.settings.digest.algorithms, digests.chosen(session))
    if session.settings.lang.engine:
        yield languages.feat_line(session.language, session.runtime.languages)


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


def _speaks_utf8(settings: LangSettings) -> bool:
    """Whether a client may speak UTF-8."""
    encoding = settings.encoding
    fixed = encoding.strict or "PreferServerEncoding" in settings.options
    return settings.engine and encoding.enabled and (encoding.client == UTF8 or not fixed)


def lang(session: Session, command: Command) -> Reply:
    """LANG (RFC 2640 section 4.1): the language of replies; without an argument the one that sessions begin with."""
    settings, catalogs = session.settings.lang, session.runtime.languages
    if not settings.engine:
        raise Refusal(500, f"{command.name} not understood", Code.COMMAND_UNKNOWN)
    there, found = languages.choose(command.argument.strip() or settings.default, catalogs)
    if not there and command.argument:
        raise Refusal(504, f"Language {command.argument} not supported", Code.PARAMETER_UNSUPPORTED)
    session.language = found
    tag = languages.tag_of(found)
    return Reply(200, f"Using language {tag}" if command.argument else f"Using default language {tag}")


def opts(session: Session, command: Command) -> Reply:
    """OPTS (RFC 2389 section 4): UTF8 ON|OFF, MLST facts (RFC 3659 section 7.9), MODE Z, HASH."""
    word, _, rest = command.argument.partition(" ")
    match word.upper():
        case "UTF8" | "UTF-8":
            state = rest.strip().lower()
            if state not in ("on", "off"):
                raise Refusal(501, "'OPTS UTF8' not understood", Code.SYNTAX)
            if not session.settings.lang.engine:
                return Reply(200, f"UTF8 set to {state}")  # names are bytes as they are, and many clients ask blindly
            encoding = session.settings.lang.encoding
            if state == "on" and not _speaks_utf8(session.settings.lang):
                raise Refusal(451, "Unable to accept OPTS UTF8", Code.ENCODING_OFF)
            session.speak(UTF8 if state == "on" else encoding.client)
            return Reply(200, f"UTF8 set to {state}")
        case "MODE":
            return deflate.options(session, rest)
        case "HASH":
            return digests.options(session, rest)
        case "MLST":
            if len(rest.split()) > 1:
                raise Refusal(501, "'OPTS MLST' not understood", Code.SYNTAX)
            session.parameters.facts, shown = facts.choose(rest, known_facts(session))
            return Reply(200, f"MLST OPTS {shown}".rstrip())
    raise Refusal(500, f"OPTS {word.upper()} not understood", Code.COMMAND_UNKNOWN)


def not_implemented(session: Session, command: Command) -> Reply:
    return replies.not_implemented(command.name)

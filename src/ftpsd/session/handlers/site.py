"""SITE: what its commands have in common, HELP, CHMOD and CHGRP."""

from __future__ import annotations

import stat
import time

from ftpsd.errors import Refusal
from ftpsd.ftp import help as help_texts
from ftpsd.ftp.commands import Command, Engine
from ftpsd.ftp.parsing import parse_site, site_argument_error
from ftpsd.ftp.replies import Reply
from ftpsd.log.escape import escape
from ftpsd.reasons.codes import Code
from ftpsd.session import errors, filemodes, handlers, permission
from ftpsd.session.handlers.files import group_number
from ftpsd.session.state import Session


def engines(session: Session) -> frozenset[Engine]:
    """The engines of SITE commands that are on."""
    settings, quotas = session.settings.site, session.host.settings.quotas
    on = {
        Engine.ALWAYS: True, Engine.MISC: settings.misc_engine, Engine.COPY: settings.copy_engine,
        Engine.QUOTA: quotas.engine and quotas.show,
    }
    return frozenset(engine for engine, there in on.items() if there)


def site(session: Session, command: Command) -> Reply | None:
    """SITE (RFC 959 section 4.1.3): its own small table (`ftp.commands.SITE_COMMANDS`)."""
    spec, inner = parse_site(command.argument)
    if spec is None or spec.engine not in engines(session):
        raise Refusal(500, f"'SITE {inner.name}' not understood", Code.COMMAND_UNKNOWN)
    wrong = site_argument_error(spec, inner)
    if wrong is not None:
        raise Refusal(wrong.code, wrong.text, Code.SYNTAX)
    permission.check_site(session, spec, inner)
    return handlers.resolve(spec)(session, inner)


def help_(session: Session, command: Command) -> Reply:
    return help_texts.site_help(command.argument, session.settings.core.server_admin, engines(session))


def who(session: Session, command: Command) -> Reply:
    """SITE WHO: the sessions of the same account; those of others, and of anonymous clients, are nobody's business."""
    own, name = session.slot.index, session.user_name
    server = session.settings.core.server_name
    known = session.login.anonymous is None
    lines = [
        f" {shown.peer} since {_moment(shown.opened, session)}: "
        f"{'this one' if shown.slot == own else escape(shown.command)}"
        for shown in session.slot.everybody()
        if shown.slot == own or (known and (shown.user, shown.server) == (name, server))
    ]
    return Reply(211, f"Sessions of {name}:", *lines, "End")


def _moment(when: float, session: Session) -> str:
    parts = time.gmtime(when) if session.settings.core.times_gmt else time.localtime(when)
    return time.strftime("%Y-%m-%d %H:%M:%S", parts)


def chmod(session: Session, command: Command) -> Reply:
    """SITE CHMOD mode path, mode in octal or as symbols (`u+x,go-w`)."""
    word, name = command.word_and_path
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


def chgrp(session: Session, command: Command) -> Reply:
    """SITE CHGRP group path, the group by name or number; the kernel says which groups the user may give to."""
    group, name = command.word_and_path
    gid = group_number(session, group, 550)
    try:
        session.fs.chgrp(session.path(name), gid)
    except OSError as error:
        raise errors.refusal(error, name) from None
    return Reply(200, "SITE CHGRP command successful")

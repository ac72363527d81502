"""HASH, MD5, XCRC, XMD5, XSHA …: the digest of a file or of a part of it, without transferring it."""

from __future__ import annotations

from collections.abc import Callable

from ftpsd.errors import Refusal
from ftpsd.ftp import digests
from ftpsd.ftp.commands import Command
from ftpsd.ftp.digests import Algorithm, Family
from ftpsd.ftp.replies import Reply
from ftpsd.reasons.codes import Code
from ftpsd.session import digesting, errors
from ftpsd.session.digesting import Part
from ftpsd.session.labour import Aborted, Labour
from ftpsd.session.state import Session
from ftpsd.settings.model import Settings
from ftpsd.vfs.base import NotRegularFile, OpenFile


def chosen(session: Session) -> str:
    """The algorithm of HASH: what OPTS HASH said, as long as it is allowed."""
    settings, own = session.settings.digest, session.parameters.digest
    return own if own in settings.algorithms else digests.default(settings.algorithms, settings.default_algorithm)


def options(session: Session, argument: str) -> Reply:
    """OPTS HASH `argument`."""
    settings = session.settings.digest
    if not settings.engine:
        raise Refusal(500, "OPTS HASH not understood", Code.COMMAND_UNKNOWN)
    words = argument.split()
    if len(words) > 1:
        raise Refusal(501, "OPTS HASH: Wrong number of parameters", Code.SYNTAX)
    if words:
        session.parameters.digest = digests.named(words[0], settings.algorithms)
    return Reply(200, digests.ALGORITHMS[chosen(session)].hash_name)


def hash_(session: Session, command: Command) -> Reply:
    """HASH (draft-bryan-ftpext-hash section 3), of what RANG chose."""
    algorithm = _offered(session, command, chosen(session))
    wanted, session.parameters.range = session.parameters.range, None
    name, shown = algorithm.hash_name, command.argument
    with _open(session, shown, digests.HASH) as opened:
        start, end, span = digests.span_of_range(wanted, opened.size, shown)
        return _reply(
            session, algorithm.name, Part(opened.fd, shown, start, end), digests.HASH, f"Computing {name} digest",
            lambda digest: f"{name} {span} {digest} {shown}")


def whole(session: Session, command: Command) -> Reply:
    """MD5 (draft-twine-ftpmd5)."""
    return _whole_or_part(session, command, command.argument, [], digests.MD5, f"{command.argument} ")


def ranged(session: Session, command: Command) -> Reply:
    """XCRC, XMD5, XSHA …, of the whole file or of the bytes from `start` up to `end` (excluded)."""
    shown, words = digests.split(command.argument)
    return _whole_or_part(session, command, shown, words, digests.RANGED)


def _whole_or_part(
    session: Session, command: Command, shown: str, words: list[str], family: Family, before: str = "",
) -> Reply:
    algorithm = _offered(session, command, digests.COMMANDS[command.name])
    if len(words) == 1:
        raise Refusal(501, "Invalid number of parameters", Code.SYNTAX)
    with _open(session, shown, family) as opened:
        start, end = digests.span(command.name, words, opened.size)
        return _reply(
            session, algorithm.name, Part(opened.fd, shown, start, end), family,
            f"Computing {algorithm.title} digest", lambda digest: before + digest.upper())


def _offered(session: Session, command: Command, name: str) -> Algorithm:
    settings = session.settings.digest
    if not settings.engine or name not in settings.algorithms:
        raise Refusal(500, f"{command.name} not understood", Code.COMMAND_UNKNOWN)
    return digests.ALGORITHMS[name]


def _open(session: Session, shown: str, family: Family) -> OpenFile:
    path = session.path(shown)
    try:
        opened = session.fs.open_read(path)
    except OSError as error:
        raise errors.refusal(error, shown, family.not_a_file if isinstance(error, NotRegularFile) else 550) from None
    try:
        _check(session.settings_for(path), shown, family)
    except BaseException:
        opened.close()
        raise
    return opened


def _check(there: Settings, shown: str, family: Family) -> None:
    if not there.digest.enable:
        raise Refusal(family.denied, f"{shown}: Operation not permitted", Code.DIGEST_DENIED)


def _reply(
    session: Session, algorithm: str, part: Part, family: Family, title: str, told: Callable[[str], str],
) -> Reply:
    most = session.settings.digest.max_size
    if most is not None and part.end - part.start > most:
        raise Refusal(family.too_large, f"{part.shown}: Operation not permitted", Code.DIGEST_TOO_LARGE)
    labour = Labour(session, family.done, title)
    try:
        return labour.reply(told(digesting.digest(session, algorithm, part, labour)))
    except Aborted:
        return labour.aborted()
    except Refusal as refusal:
        return labour.refused(refusal)

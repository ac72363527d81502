"""Whether the session may use a command where it wants to: <Limit>, DenyAll, and the filters of arguments and paths.

The command table says what a command is judged by (`ftp.limiting`), `access.limits` decides, and the reply is the
table's. Links are resolved before: in ProFTPD a link in the middle of the path of DELE, RNFR, RNTO, MKD or RMD gets
around a <Directory>, here it does not. Where nothing is configured nothing is looked at.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Sequence
from dataclasses import replace

from ftpsd.access import limits
from ftpsd.access.limits import Answer, Client
from ftpsd.auth.account import Account
from ftpsd.errors import Refusal
from ftpsd.ftp import paths
from ftpsd.ftp.arguments import written_path
from ftpsd.ftp.commands import COMMANDS, SITE_COMMANDS, Command, CommandSpec, SiteSpec
from ftpsd.ftp.limiting import ABSENT, DENIED, NOT_PERMITTED, Judged, Limiting
from ftpsd.reasons.codes import Code
from ftpsd.session import hiding
from ftpsd.session.state import Session
from ftpsd.settings.model import Settings
from ftpsd.settings.regexes import Regex

Words = Sequence[Collection[str]]


def client_of(session: Session, account: Account | None = None) -> Client:
    """Who the session's client is, as far as that is known; `account` is whom he is about to become."""
    account = account or session.login.account
    name = session.peer_name if session.peer_name != session.peer else None
    if account is None:
        return Client(session.peer, name, classes=session.classes)
    return Client(session.peer, name, account.name, account.group_names, session.classes)


def check(session: Session, command: Command) -> None:
    """Raises the `Refusal` of a command that may not be used; those that the table leaves to handlers pass."""
    spec = command.spec
    if spec is None or not session.guarded or spec.limit.place is Judged.HANDLER:
        return
    if not session.restricted and _unvaried(session, command, spec):
        return
    word = command.words[0] if spec.limit.by_word and command.words else ""
    _check(session, command, spec, limits.words_for(spec, word))


def _unvaried(session: Session, command: Command, spec: CommandSpec) -> bool:
    """Whether nothing but the login's settings, which restrict nothing, can be in force where the command is judged."""
    if spec.limit.place is Judged.CURRENT:
        return session.directory_settings() is session.settings
    if spec.limit.path_filter == "argument" and session.directory_settings() is not session.settings:
        return False
    path = _path(session, spec.limit, written_path(command, spec))
    return path is not None and session.unvaried(path)


def check_site(session: Session, spec: SiteSpec, command: Command) -> None:
    """The same for a SITE command."""
    if session.guarded and spec.limit.place is not Judged.HANDLER:
        _check(session, command, spec, limits.words_for_site(spec))


def check_paths(session: Session, command: Command, *uses: tuple[str, str]) -> None:
    """Raises the `Refusal` of a command with several paths that may not be used on one of them.

    `uses` are paths as written, each with the name of the command that does the same there: what refuses that command
    refuses this, too. The filters of paths look at what is written, or, where the table says so, at all of them.
    """
    if not session.guarded:
        return
    spec = command.spec or SITE_COMMANDS[command.name]
    for written, name in uses:
        like = COMMANDS[name]
        path = session.path(written)
        real = session.fs.real_path(path, follow=like.limit.place is not Judged.ENTRY)
        settings = session.settings_at(real)
        for words in (_own_words(spec, like), limits.words_for(like)):
            answer = _answer(session, command, words, settings, path)
            if answer is not Answer.ALLOWED:
                raise refusal(command, spec.limit, written, answer)
        if spec.limit.path_filter == "argument" or "WRITE" in like.limit_groups:
            _filter(settings, session.fs.virtual_of(real) or path, command, spec.limit, written)


def _own_words(spec: CommandSpec | SiteSpec, like: CommandSpec) -> Words:
    if isinstance(spec, CommandSpec):
        return limits.words_for(spec)
    return limits.words_for_site(replace(spec, limit_groups=like.limit_groups | {"SITE"}))


def denied(session: Session, command: Command, path: str | None = None) -> bool:
    """Whether a command whose handler asks itself may not be used, in the current directory or on a virtual path."""
    if not session.guarded or command.spec is None:
        return False
    real = session.fs.real_path(path) if path is not None else None
    settings = session.settings_at(real) if real is not None else session.directory_settings()
    answer = _answer(session, command, limits.words_for(command.spec), settings, path)
    return answer is not Answer.ALLOWED


def _check(session: Session, command: Command, spec: CommandSpec | SiteSpec, words: Words) -> None:
    limit = spec.limit
    written = written_path(command, spec)
    here = session.directory_settings() if limit.path_filter == "argument" else None
    if here is not None:
        _filter(here, written, command, limit)
    path = _path(session, limit, written)
    if path is None:
        settings = session.directory_settings()
        real = ""
    else:
        real = session.fs.real_path(path, follow=limit.place is not Judged.ENTRY)
        settings = session.settings_at(real)
        if here is not None and settings is not here:  # ProFTPD asks where the command before was; that is no rule
            _filter(settings, written, command, limit)
    answer = _answer(session, command, words, settings, path, of_place=limit.of_place)
    if answer is not Answer.ALLOWED and not (limit.existing_first and not _exists(session, path)):
        shown = written or (".." if limit.place is Judged.ABOVE else session.cwd)
        raise refusal(command, limit, shown, answer)
    if limit.path_filter == "path" and path is not None:
        _filter(settings, session.fs.virtual_of(real) or path, command, limit)


def _path(session: Session, limit: Limiting, written: str) -> str | None:
    """The virtual path that the command is judged by; None: the current directory."""
    if limit.place is Judged.CURRENT:
        return None
    if limit.place is Judged.ABOVE:
        return paths.parent(session.cwd)
    return session.path(limit.fixed or written or ".")


def _answer(
    session: Session, command: Command, words: Words, settings: Settings, path: str | None, *, of_place: bool = True,
) -> Answer:
    """`of_place`: DenyAll outside of <Limit> covers the command; QUIT, TYPE and their like concern no place."""
    if not any(settings.restrictions):
        return Answer.ALLOWED
    closed = of_place and settings.restrictions[0].everything == "deny"
    exists = closed and _exists(session, path)
    hidden = path is not None and _ignores_hidden(settings) and hiding.hidden(
        session, path, session.fs.real_path(path), settings)
    return limits.decide(
        settings.restrictions, words, client_of(session), command.argument, exists=exists, hidden=hidden,
        of_place=of_place)


def _ignores_hidden(settings: Settings) -> bool:
    return any(section.ignore_hidden for place in settings.restrictions for section in place.limits)


def _exists(session: Session, path: str | None) -> bool:
    if path is None or session.store is None:
        return session.store is not None
    try:
        return bool(stat.S_IFMT(session.store.stat(path).st_mode))
    except OSError:
        return False


def refusal(command: Command, limit: Limiting, shown: str, answer: Answer) -> Refusal:
    """What a client is told whose command `answer` forbids; `shown` is the path as he wrote it. Pure."""
    code, text = limit.reply
    if text == NOT_PERMITTED[1]:
        code, text = {Answer.CLOSED: (code, DENIED[1]), Answer.HIDDEN: ABSENT}.get(answer, (code, text))
    word = command.words[0].upper() if limit.by_word and command.words else ""
    filled = text.format(name=command.name, argument=command.argument, shown=shown, word=word)
    absent = text.endswith("No such file or directory")
    return Refusal(code, filled, Code.LIMIT_HIDDEN if absent else Code.LIMIT_DENIED)


def _filter(settings: Settings, text: str, command: Command, limit: Limiting, written: str = "") -> None:
    """PathAllowFilter and PathDenyFilter look at `text`."""
    access = settings.access
    allow, deny = access.path_allow_filter, access.path_deny_filter
    if _forbidden(text, allow, deny):
        code, reply = limit.filter_reply
        shown = reply.format(name=command.name, argument=command.argument, shown=written or text)
        raise Refusal(code, shown, Code.PATH_FORBIDDEN)


def _forbidden(text: str, allow: Regex | None, deny: Regex | None) -> bool:
    return (
        (allow is not None and not allow.fits(text, in_doubt=False))
        or (deny is not None and deny.fits(text, in_doubt=True)))


def check_argument(session: Session, command: Command) -> None:
    """AllowFilter and DenyFilter look at the arguments of every command but passwords."""
    spec = command.spec
    if not command.argument or (spec is not None and spec.secret) or not session.filtered:
        return
    access = session.directory_settings().access
    allow, deny = access.allow_filter, access.deny_filter
    argument = command.argument
    if _forbidden(argument, allow, deny):
        raise Refusal(550, f"{argument}: Forbidden command argument", Code.ARGUMENT_FORBIDDEN)

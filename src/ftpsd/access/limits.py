"""What <Limit> allows: decisions about a command in a place, and about logging in.

Theory
------
A place has a list of `Restrictions`, innermost first: those of the <Directory> sections and .ftpaccess files that fit
its path, of the <Anonymous> section of the login, of the host. A command is known to <Limit> by several words: its own
name, its groups (WRITE), ALL. What names the command itself is asked first in all places from the inside out; only when
none of that decides, what names a group, and then ALL. Within a place its sections are asked in the order in which they
stand in `Restrictions`. The first that decides wins; when none does, the command may run.

A section decides by its Order. allow,deny: whom Allow… names is let through, else whom Deny… names is refused, else it
says nothing. deny,allow: whom Deny… names is refused, else whom Allow… names is let through, else refused.

What Hide… hides is there all the same, unless the section that would be asked has IgnoreHidden: then it does not exist.

Logging in (LOGIN) is another matter: every section of the host, or of the <Anonymous> section, that names it must let
the client through; and already a connection is refused when there are such sections and none of them, nor of any
<Anonymous> section, lets it through.

Rules are ProFTPD 1.3.8's, with one exception: its address rules with `!` never fit anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from ftpsd.access.classes import rule_matches
from ftpsd.ftp.commands import COMMANDS, SITE_COMMANDS, CommandSpec, SiteSpec
from ftpsd.settings.expressions import ClassRule, Expression
from ftpsd.settings.model import Configuration, DirectorySection, Settings
from ftpsd.settings.restrictions import LimitRules, LimitSection, Restrictions

LOGIN = "LOGIN"
_ALL = "ALL"


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks. `user` and `groups` (names) are None until a login has begun; `name` is the one by reverse DNS."""

    address: str
    name: str | None = None
    user: str | None = None
    groups: tuple[str, ...] | None = None
    classes: frozenset[str] = frozenset()


class Answer(Enum):
    """The decision about a command."""

    ALLOWED = "allowed"
    REFUSED = "refused by <Limit>"
    CLOSED = "refused by DenyAll"
    HIDDEN = "hidden"


def words_for(spec: CommandSpec, first_word: str = "") -> tuple[frozenset[str], ...]:
    """The words by which <Limit> knows a command, those first that are asked first."""
    own = {spec.name, spec.twin} - {""}
    if spec.limit.by_word and first_word:
        own.add(f"{spec.name}_{first_word.upper()}")
    return _ordered(own, spec.limit_groups, by_all=spec.limit.by_all)


def words_for_site(spec: SiteSpec) -> tuple[frozenset[str], ...]:
    """The same for a SITE command: SITE_CHMOD, then WRITE and SITE, then ALL."""
    return _ordered({f"SITE_{spec.name}"}, spec.limit_groups, by_all=spec.limit.by_all)


def _ordered(own: Iterable[str], groups: Iterable[str], *, by_all: bool) -> tuple[frozenset[str], ...]:
    named = (frozenset(own), frozenset(groups), frozenset({_ALL} if by_all else ()))
    return tuple(words for words in named if words)


def decide(
    restrictions: Sequence[Restrictions], words: Sequence[Collection[str]], client: Client, argument: str = "", *,
    exists: bool = True, hidden: bool = False, of_place: bool = True,
) -> Answer:
    """Whether a command known by `words` may run in the place with `restrictions`.

    `argument` is the command's, for AllowFilter and DenyFilter; `exists`: there is something at the path; `hidden`:
    Hide… hides it; `of_place`: the command concerns a place.
    """
    if of_place and any(place.everything == "closed" for place in restrictions):
        return Answer.CLOSED
    if exists and restrictions and restrictions[0].everything == "deny":
        return Answer.CLOSED
    for group in words:
        for place in restrictions:
            answer = _in_place(place.limits, group, client, argument, hidden=hidden)
            if answer is not None:
                return answer
    return Answer.ALLOWED


def _in_place(
    limits: Iterable[LimitSection], words: Collection[str], client: Client, argument: str, *, hidden: bool
) -> Answer | None:
    asked = hidden
    for section in limits:
        if section.commands.isdisjoint(words):
            continue
        if asked and section.ignore_hidden is not None:
            if section.ignore_hidden:
                return Answer.HIDDEN
            asked = False
        allowed = _judge(section, client, argument)
        if allowed is not None:
            return Answer.ALLOWED if allowed else Answer.REFUSED
    return None


def _judge(section: LimitSection, client: Client, argument: str | None) -> bool | None:
    """What one section says: True, False, or None for nothing."""
    if section.deny_first:
        return not _denies(section.deny, client, argument) and _allows(section.allow, client, argument)
    if _allows(section.allow, client, argument):
        return True
    return False if _denies(section.deny, client, argument) else None


def _allows(rules: LimitRules, client: Client, argument: str | None) -> bool:
    """Before a login has begun AllowUser and AllowGroup let everybody through: they are asked again in time."""
    if client.user is None and rules.users:
        return True
    if client.groups is None and rules.groups:
        return True
    return _fits(rules, client, argument, in_doubt=False)


def _denies(rules: LimitRules, client: Client, argument: str | None) -> bool:
    return _fits(rules, client, argument, in_doubt=True)


def _fits(rules: LimitRules, client: Client, argument: str | None, *, in_doubt: bool) -> bool:
    return (
        rules.everybody
        or (client.user is not None and _holds(rules.users, (client.user,), in_doubt))
        or (client.groups is not None and _holds(rules.groups, client.groups, in_doubt))
        or (bool(client.classes) and _holds(rules.classes, client.classes, in_doubt))
        or any(address_fits(line, client.address, client.name) for line in rules.addresses)
        or (argument is not None and any(pattern.fits(argument, in_doubt=in_doubt) for pattern in rules.arguments))
    )


def _holds(expressions: Iterable[Expression], present: Collection[str], in_doubt: bool) -> bool:
    return any(expression.holds(present, in_doubt=in_doubt) for expression in expressions)


def address_fits(line: Iterable[ClassRule], address: str, name: str | None) -> bool:
    """Whether an Allow or Deny line means the client: all its words with `!` hold, and one of the others does."""
    positive = False
    for rule in line:
        answer = rule_matches(rule, address, name) is True
        if rule.negated and not answer:
            return False
        positive |= answer and not rule.negated
    return positive


def may_log_in(limits: Iterable[LimitSection], client: Client) -> tuple[bool, bool]:
    """(no <Limit LOGIN> among `limits` refuses the client, one of them has decided)."""
    decided = False
    for section in limits:
        if LOGIN not in section.commands:
            continue
        allowed = _judge(section, client, None)
        if allowed is False:
            return False, True
        decided |= allowed is True
    return True, decided


def may_connect(host: Iterable[LimitSection], anonymous: Iterable[Restrictions], client: Client) -> bool:
    """Whether a connection is worth a greeting: no <Limit LOGIN> of the host decides, or one of them lets the client
    through, or one of its <Anonymous> sections does.
    """
    decided = _login_answers(host, client)
    if not decided or any(decided):
        return True
    return any(any(_login_answers(section.limits, client)) for section in anonymous)


def _login_answers(limits: Iterable[LimitSection], client: Client) -> list[bool]:
    answers = [_judge(section, client, None) for section in limits if LOGIN in section.commands]
    return [answer for answer in answers if answer is not None]


def login_refused(host: Sequence[Restrictions], anonymous: Restrictions | None, client: Client) -> bool:
    """Whether <Limit LOGIN> keeps a user out. What an <Anonymous> section says counts before what its host says."""
    allowed, _ = may_log_in(host[0].limits if host else (), client)
    if anonymous is None:
        return not allowed
    inside, decided = may_log_in(anonymous.limits, client)
    return not inside or (not allowed and not decided)


def unknown_words(configuration: Configuration) -> tuple[str, ...]:
    """Notices about words of <Limit> sections that no command is known by."""
    known = {word for spec in COMMANDS.values() for group in words_for(spec) for word in group}
    known |= {word for site in SITE_COMMANDS.values() for group in words_for_site(site) for word in group}
    found = dict.fromkeys(
        (word, section.location) for section in _sections(configuration)
        for word in sorted(section.commands - known) if word != LOGIN and not word.startswith(("OPTS_", "SITE_"))
    )
    return tuple(f"<Limit> on {location}: there is no command {word}, it has no effect" for word, location in found)


def _sections(configuration: Configuration) -> Iterable[LimitSection]:
    for host in configuration.hosts:
        yield from _of_settings(host.settings)
        for anonymous in host.anonymous:
            yield from anonymous.restrictions.limits
            yield from _of_directories(anonymous.directories)
        for conditional in host.conditionals:
            yield from conditional.limits
            yield from _of_directories(conditional.directories)


def _of_settings(settings: Settings) -> Iterable[LimitSection]:
    for place in settings.restrictions:
        yield from place.limits
    yield from _of_directories(settings.directories)


def _of_directories(directories: Iterable[DirectorySection]) -> Iterable[LimitSection]:
    for directory in directories:
        yield from directory.restrictions.limits


def deciding(
    restrictions: Sequence[Restrictions], words: Sequence[Collection[str]], client: Client, argument: str = "",
) -> LimitSection | None:
    """The section that `decide` goes by, for whoever explains it; None: none decides."""
    for group in words:
        for place in restrictions:
            for section in place.limits:
                if not section.commands.isdisjoint(group) and _judge(section, client, argument) is not None:
                    return section
    return None

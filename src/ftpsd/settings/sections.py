"""Sections: where each may stand, and what its words mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ftpsd.config import Section
from ftpsd.errors import ConfigError
from ftpsd.settings.addresses import block
from ftpsd.settings.arguments import ArgumentError, want
from ftpsd.settings.declaration import Context
from ftpsd.settings.expressions import ClassRule, Expression, Whom
from ftpsd.settings.regexes import Regex

HOSTS = Context.SERVER | Context.VHOST | Context.GLOBAL
LIMITED = Context.ANONYMOUS | Context.DIRECTORY | Context.CONDITIONAL | Context.FTPACCESS


@dataclass(frozen=True, slots=True)
class SectionRule:
    """A section's name, where it may stand, how many words it has, and the context of what is in it."""

    name: str
    parents: Context
    inside: Context
    least: int
    most: int | None

    def check(self, section: Section, parent: Context, parent_name: str) -> None:
        """Raise `ConfigError` unless `section` may stand in `parent` and has the right number of words."""
        if parent not in self.parents:
            raise ConfigError(
                f"directive not allowed in {parent_name} context",
                location=section.location,
                directive=self.tag,
            )
        count = len(section.words)
        if count < self.least or (self.most is not None and count > self.most):
            raise ConfigError(
                "wrong number of parameters", location=section.location, directive=self.tag,
                remedy=f"`ftpsd help {section.name}` shows its form.")

    @property
    def tag(self) -> str:
        """`<Name>`."""
        return f"<{self.name}>"


_RULES = (
    SectionRule("Global", Context.SERVER, Context.GLOBAL, 0, 0),
    SectionRule("VirtualHost", Context.SERVER, Context.VHOST, 1, None),
    SectionRule("Anonymous", HOSTS, Context.ANONYMOUS, 1, 1),
    SectionRule("Directory", HOSTS | Context.ANONYMOUS | Context.CONDITIONAL, Context.DIRECTORY, 1, 1),
    SectionRule("Limit", HOSTS | LIMITED, Context.LIMIT, 1, None),
    SectionRule("Class", Context.SERVER | Context.GLOBAL, Context.CLASS, 1, 1),
    SectionRule("IfClass", HOSTS, Context.CONDITIONAL, 1, None),
    SectionRule("IfUser", HOSTS, Context.CONDITIONAL, 1, None),
    SectionRule("IfGroup", HOSTS, Context.CONDITIONAL, 1, None),
    SectionRule("IfAuthenticated", HOSTS, Context.CONDITIONAL, 0, 0),
)
RULES = {rule.name.lower(): rule for rule in _RULES}

KINDS: dict[str, Literal["class", "user", "group", "authenticated"]] = {
    "ifclass": "class",
    "ifuser": "user",
    "ifgroup": "group",
    "ifauthenticated": "authenticated",
}

_DEFAULT_OPERATOR = {"class": "or", "user": "or", "group": "and"}


def expression(kind: str, words: tuple[str, ...]) -> Expression:
    """The condition `[AND|OR|regex] name,!name …`; raises `ArgumentError`.

    Without a word before the names, users and classes are joined by OR and groups by AND, as mod_ifsession
    does.
    """
    operator = words[0].lower()
    rest = words[1:]
    if operator == "regex" and rest:
        if len(rest) != 1:
            raise ArgumentError("wrong number of parameters")
        negated = rest[0].startswith("!")
        return Expression("regex", pattern=Regex(rest[0].removeprefix("!")), negated=negated)
    if operator not in ("and", "or") or not rest:
        operator, rest = _DEFAULT_OPERATOR[kind], words
    names = tuple(name for word in rest for name in word.split(",") if name)
    if not names or "!" in names:
        raise ArgumentError(
            f"badly formatted expression '{' '.join(words)}'", remedy="Write [AND|OR|regex] name,!name,…")
    return Expression(operator, names)


def for_whom(words: Sequence[str], *, any_group: bool = False) -> Whom | None:
    """`user|group|class expression` at the end of a line; None without words: the line is for everybody.

    Several groups are joined by AND, with `any_group` by OR: each directive has its own way in ProFTPD.
    """
    if not words:
        return None
    want(words, 2, 2)
    kind = words[0].lower()
    if kind not in ("user", "group", "class"):
        raise ArgumentError(f"unknown classifier used: '{words[0]}'", remedy="It is user, group or class.")
    return Whom(kind, expression(kind, ("or", words[1]) if any_group else (words[1],)))


def class_rules(words: tuple[str, ...]) -> tuple[ClassRule, ...]:
    """The words of a From line, which commas separate as well."""
    rules = []
    for word in (part for written in words for part in written.split(",") if part):
        pattern = word.removeprefix("!")
        if not pattern or ("/" in pattern and block(pattern) is None):
            raise ArgumentError(
                f"bad ACL '{word}'",
                remedy="Write an address, a block as 10.0.0.0/8 or 10.0.0.0/255.0.0.0, or a name.")
        rules.append(ClassRule(pattern, word.startswith("!")))
    if not rules:
        raise ArgumentError("missing parameters")
    return tuple(rules)

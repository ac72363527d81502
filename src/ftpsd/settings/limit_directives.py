"""The directives that only <Limit> has, and how one section is made of them.

Several <Limit> sections of one place that name the same command: ProFTPD asks the last one first, except in
<IfUser> and the like, where it asks them in the order in which they are written (`Restrictions.limits` has the order
in which they are asked).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ftpsd.errors import Location
from ftpsd.settings.arguments import ArgumentError, Boolean, Special, want
from ftpsd.settings.declaration import Context, Declaration, Status, without_value
from ftpsd.settings.expressions import ClassRule, Expression
from ftpsd.settings.regexes import Regex
from ftpsd.settings.restrictions import LimitRules, LimitSection
from ftpsd.settings.sections import class_rules, expression

_ANYBODY = frozenset({"all", "none"})


def addresses(words: Sequence[str]) -> tuple[ClassRule, ...]:
    """`[from] all|none`, or addresses, blocks and names, which commas may separate; `!` excludes."""
    words = words[1:] if words and words[0].lower() == "from" else words
    rules = class_rules(tuple(words))
    alone = [rule for rule in rules if rule.pattern.lower() in _ANYBODY]
    if any(rule.negated for rule in alone):
        raise ArgumentError("the ! negation operator cannot be used with ALL/NONE")
    if alone and len(rules) > 1:
        raise ArgumentError("all and none stand alone", remedy="Write addresses, blocks and names without them.")
    return rules


def order(words: Sequence[str]) -> bool:
    """`allow,deny` or `deny,allow`; whether Deny is asked first."""
    want(words, 1, 2)
    text = "".join(words).lower()
    if text not in ("allow,deny", "deny,allow"):
        raise ArgumentError(f"'{' '.join(words)}': invalid argument", remedy="Write allow,deny or deny,allow.")
    return text == "deny,allow"


def nothing(words: Sequence[str]) -> bool:
    """No words at all."""
    want(words, 0, 0)
    return True


def _expression(kind: str) -> Special[Expression]:
    def parse(words: Sequence[str]) -> Expression:
        want(words, 1)
        return expression(kind, tuple(words))

    return Special("[AND|OR|regex] expression", parse)


def commands(words: Sequence[str]) -> frozenset[str]:
    """The words of <Limit>, which commas may separate as well."""
    found = frozenset(part.upper() for word in words for part in word.split(",") if part)
    if not found:
        raise ArgumentError("directive requires one or more commands")
    return found


_WHO = {"User": "user", "Group": "group", "Class": "class"}
_SIDES = {"Allow": "let through", "Deny": "refused"}
_PLACES = Context.LIMIT | Context.ANONYMOUS | Context.DIRECTORY | Context.FTPACCESS


def _declarations() -> Iterable[Declaration]:
    yield without_value(
        "Order", Status.SUPPORTED, contexts=Context.LIMIT, argument=Special("allow,deny|deny,allow", order),
        good=("allow,deny", "Deny, Allow"), bad=("", "deny", "allow deny x"),
        doc="Which directives of the <Limit> are asked first. With allow,deny (the default) whom none of them names is"
        " let through, with deny,allow he is refused. Of several in one <Limit> the first counts.",
    )
    for side, done in _SIDES.items():
        yield without_value(
            side, Status.SUPPORTED, contexts=Context.LIMIT,
            argument=Special("[from] all|none|address|block|name …", addresses),
            good=("from 10.0.0.0/8,192.0.2.1", "from 10.0.0.0/255.0.0.0", "all", "from .example.org !evil.example.org"),
            bad=("", "from !all", "from all 10.0.0.1", "from 10.0.0.0/33", "from 10.0.0.0/0.255.255.255"),
            doc=f"Clients by where they come from are {done}: IP addresses, blocks (/8 or /255.0.0.0), names by reverse"
            " DNS with wildcards. All words with `!` must hold and one of the others.",
        )
        yield without_value(
            f"{side}All", Status.SUPPORTED, contexts=_PLACES, argument=Special("", nothing), good=("",), bad=("on",),
            doc=f"Everybody is {done}. Outside of <Limit> DenyAll refuses every command that concerns what exists"
            " there, unless AllowAll stands beside it; a <Directory> further in does not"
            " inherit it, unless nothing stands in it. TYPE, QUIT and others that concern no place are not covered.",
        )
        for word, kind in _WHO.items():
            joined = "AND" if kind == "group" else "OR"
            yield without_value(
                side + word, Status.SUPPORTED, contexts=Context.LIMIT, argument=_expression(kind),
                good=("alice", "!alice", "OR a,b", "regex ^ftp"), bad=("", "regex [", ",", "a,!"),
                doc=f"Clients by {kind} are {done}. Names are joined by {joined} unless AND or OR stands before them.",
            )
    yield without_value(
        "IgnoreHidden", Status.SUPPORTED, contexts=Context.LIMIT, argument=Boolean(), good=("on", "off"), bad=("", "x"),
        doc="For the commands of the <Limit> what HideFiles, HideUser, HideGroup and HideNoAccess hide does not exist.",
    )


DECLARATIONS: tuple[Declaration, ...] = tuple(_declarations())


ONCE = frozenset({"Order", "IgnoreHidden"})
"""Directives of which the first in a <Limit> counts."""


def limit_section(
    words: frozenset[str], said: Iterable[tuple[str, Any]], location: Location | None
) -> LimitSection:
    """The <Limit> section for `words` in which the directives `said` (name, value) stand, those of `ONCE` once."""
    sides = {"Allow": LimitRules(), "Deny": LimitRules()}
    deny_first, ignore_hidden = False, None
    for name, value in said:
        side = "Allow" if name.startswith("Allow") else "Deny"
        match name.removeprefix(side):
            case "Order":
                deny_first = value
            case "IgnoreHidden":
                ignore_hidden = value
            case what:
                sides[side] = _added(sides[side], what, value)
    return LimitSection(words, sides["Allow"], sides["Deny"], deny_first, ignore_hidden, location)


def _added(rules: LimitRules, what: str, value: Any) -> LimitRules:
    match what:
        case "All":
            return replace(rules, everybody=True)
        case "User":
            return replace(rules, users=(*rules.users, value))
        case "Group":
            return replace(rules, groups=(*rules.groups, value))
        case "Class":
            return replace(rules, classes=(*rules.classes, value))
        case "Filter":
            named = (value,) if isinstance(value, Regex) else ()
            return replace(rules, arguments=(*rules.arguments, *named))
    return replace(rules, addresses=(*rules.addresses, value))

"""What <Limit> sections, AllowAll and DenyAll say in one place. Values only: `access.limits` judges by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ftpsd.errors import Location
from ftpsd.settings.expressions import ClassRule, Expression
from ftpsd.settings.regexes import Regex


@dataclass(frozen=True, slots=True)
class LimitRules:
    """One side of a <Limit>: whom Allow… lets through, or whom Deny… refuses. One rule that fits is enough.

    An address line is one tuple: all of its negated words must hold and one of the others.
    """

    everybody: bool = False
    users: tuple[Expression, ...] = ()
    groups: tuple[Expression, ...] = ()
    classes: tuple[Expression, ...] = ()
    addresses: tuple[tuple[ClassRule, ...], ...] = ()
    arguments: tuple[Regex, ...] = ()


@dataclass(frozen=True, slots=True)
class LimitSection:
    """<Limit command …>: `commands` are in capitals (STOR, WRITE, SITE_CHMOD, OPTS_MLST, LOGIN, ALL).

    `deny_first`: Order deny,allow, under which whom nothing names is refused; otherwise he is let through.
    `ignore_hidden`: whether what Hide… hides does not exist for these commands; None: not said here.
    """

    commands: frozenset[str]
    allow: LimitRules = LimitRules()
    deny: LimitRules = LimitRules()
    deny_first: bool = False
    ignore_hidden: bool | None = None
    location: Location | None = None

    @property
    def empty(self) -> bool:
        """Whether it says nothing at all, for whatever commands."""
        said = self.allow != LimitRules() or self.deny != LimitRules()
        return not said and not self.deny_first and self.ignore_hidden is None


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What one section (a host, <Anonymous>, <Directory>, an .ftpaccess file) says.

    `limits` stand in the order in which they are asked, the first that decides wins. `everything` is AllowAll or
    DenyAll outside of <Limit>; "closed" forbids whatever else is said, here or elsewhere on the way.
    """

    limits: tuple[LimitSection, ...] = ()
    everything: Literal["allow", "deny", "closed"] | None = None

    def __bool__(self) -> bool:
        """Whether it restricts anything."""
        return bool(self.limits) or self.everything in ("deny", "closed")


UNRESTRICTED = Restrictions()

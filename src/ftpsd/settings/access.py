"""Where a user may go."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

import re
from dataclasses import dataclass

from ftpsd.settings import parsers
from ftpsd.settings.arguments import Special
from ftpsd.settings.declaration import ANYWHERE, HOST, LOGIN, Combine, Context, directive
from ftpsd.settings.values import RootedPath


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Jail, first directory, refused arguments."""

    default_root: tuple[RootedPath, ...] = directive(
        "DefaultRoot", Special("path [group-expression]", parsers.rooted_path), (), module="mod_auth",
        contexts=HOST | Context.CONDITIONAL, combine=Combine.APPEND,
        good=("~", "/srv/ftp", "~ users,!staff", "/srv/%u"), bad=("", "srv", "~ ,"),
        doc="The directory that a session cannot leave, `~` is the home. The first whose groups fit counts.",
    )
    default_chdir: tuple[RootedPath, ...] = directive(
        "DefaultChdir", Special("path [group-expression]", parsers.chdir_path), (), module="mod_auth",
        contexts=LOGIN, combine=Combine.APPEND, good=("~/incoming", "public", "/pub users"),
        bad=("", "a b c"),
        doc="The directory that a session starts in. The first whose groups fit counts.",
    )
    deny_filter: re.Pattern[str] | None = directive(
        "DenyFilter", Special("regular-expression [[NC]]|none", parsers.command_filter), None,
        contexts=ANYWHERE,
        good=(r"\*.*/", '"(^|/)[.]" [NC]', "none"), bad=("", '"(" ', "a b"),
        doc="A command whose argument matches is refused (550 Forbidden command argument).",
    )

"""Where a user may go."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

import re
from dataclasses import dataclass

from ftpsd.settings import parsers
from ftpsd.settings.arguments import Boolean, Special
from ftpsd.settings.declaration import ANYWHERE, HOST, LOGIN, PLACES, Combine, Context, directive
from ftpsd.settings.values import RootedPath


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Jail, first directory, refused arguments and paths."""

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
    allow_filter: re.Pattern[str] | None = directive(
        "AllowFilter", Special("regular-expression [[NC]]|none", parsers.command_filter), None,
        contexts=ANYWHERE | Context.LIMIT,
        good=('"^[a-zA-Z0-9 /._-]*$"', "none"), bad=("", '"(" ', "a b"),
        doc="A command whose argument does not match is refused (550 Forbidden command argument). In <Limit>: whose"
        " argument matches is let through.",
    )
    deny_filter: re.Pattern[str] | None = directive(
        "DenyFilter", Special("regular-expression [[NC]]|none", parsers.command_filter), None,
        contexts=ANYWHERE | Context.LIMIT,
        good=(r"\*.*/", '"(^|/)[.]" [NC]', "none"), bad=("", '"(" ', "a b"),
        doc="A command whose argument matches is refused (550 Forbidden command argument). Passwords are exempt.",
    )
    path_allow_filter: re.Pattern[str] | None = directive(
        "PathAllowFilter", Special("regular-expression [[NC]]", parsers.command_filter), None,
        contexts=ANYWHERE, good=("^[a-zA-Z0-9_.-]+$",), bad=("", "[", "a b"),
        doc="Only paths that match may be made, changed, renamed or deleted (550 Forbidden filename). Uploads are"
        " looked at by their whole path, others by the path as the client wrote it.",
    )
    path_deny_filter: re.Pattern[str] | None = directive(
        "PathDenyFilter", Special("regular-expression [[NC]]", parsers.command_filter), None,
        contexts=ANYWHERE, good=(r"(\.ftpaccess|\.htaccess)$", r"\.exe$ [NC]"), bad=("", "(", "a b"),
        doc="Paths that match may not be made, changed, renamed or deleted, see PathAllowFilter.",
    )
    allow_override: bool = directive(
        "AllowOverride", Boolean(), True, contexts=PLACES, good=("off", "on"), bad=("", "Limit"),
        doc="Directives in .ftpaccess files of a directory count for it and below. Whoever can write such a file can"
        " change there what the configuration says: off is safer where users upload.",
    )

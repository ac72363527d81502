"""Where a user may go."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings import access_parsers, parsers
from ftpsd.settings.arguments import Boolean, Special, Text
from ftpsd.settings.declaration import ANYWHERE, HOST, LOGIN, PLACES, Combine, Context, directive
from ftpsd.settings.regexes import Regex
from ftpsd.settings.values import HiddenOwner, HideFiles, RootedPath

_PLACE = Context.ANONYMOUS | Context.DIRECTORY


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Jail, first directory, refused arguments and paths, what is hidden and disguised."""

    default_root: tuple[RootedPath, ...] = directive(
        "DefaultRoot", Special("path [group-expression …]", parsers.rooted_path), (), module="mod_auth",
        contexts=HOST | Context.CONDITIONAL, combine=Combine.APPEND,
        good=("~", "/srv/ftp", "~ users,!staff", "~ users !staff", "/srv/%u"), bad=("", "srv", "~ ,", "~ a !"),
        doc="The directory that a session cannot leave, `~` is the home. The first whose groups fit counts.",
    )
    allow_chroot_symlinks: bool = directive(
        "AllowChrootSymlinks", Boolean(), True, module="mod_auth", good=("off", "on"), bad=("", "maybe"),
        doc="Whether symbolic links may be on the way to the root of a session. `off`: with one anywhere in the path of"
        " DefaultRoot, or at the end of that of <Anonymous>, the login is refused (530). `on`: those that are not"
        " root's own are followed with the user's rights.",
    )
    user_dir_root: bool = directive(
        "UserDirRoot", Boolean(), False, module="mod_auth", contexts=Context.ANONYMOUS, good=("on", "off"),
        bad=("", "maybe"),
        doc="The root of an anonymous login under a UserAlias is the directory in that of the section that has the name"
        " which the client sent.",
    )
    default_chdir: tuple[RootedPath, ...] = directive(
        "DefaultChdir", Special("path [group-expression …]", parsers.chdir_path), (), module="mod_auth",
        contexts=LOGIN, combine=Combine.APPEND, good=("~/incoming", "public", "/pub users"),
        bad=("", "a b ,"),
        doc="The directory that a session starts in. The first whose groups fit counts.",
    )
    allow_filter: Regex | None = directive(
        "AllowFilter", Special("regular-expression [[NC]]|none", parsers.command_filter), None,
        contexts=ANYWHERE | Context.LIMIT,
        good=('"^[a-zA-Z0-9 /._-]*$"', "none"), bad=("", '"(" ', "a b"),
        doc="A command whose argument does not match is refused (550 Forbidden command argument). In <Limit>: whose"
        " argument matches is let through.",
    )
    deny_filter: Regex | None = directive(
        "DenyFilter", Special("regular-expression [[NC]]|none", parsers.command_filter), None,
        contexts=ANYWHERE | Context.LIMIT,
        good=(r"\*.*/", '"(^|/)[.]" [NC]', "none"), bad=("", '"(" ', "a b"),
        doc="A command whose argument matches is refused (550 Forbidden command argument). Passwords are exempt.",
    )
    path_allow_filter: Regex | None = directive(
        "PathAllowFilter", Special("regular-expression [[NC]]", parsers.command_filter), None,
        contexts=ANYWHERE, good=("^[a-zA-Z0-9_.-]+$",), bad=("", "[", "a b"),
        doc="Only paths that match may be made, changed, renamed or deleted (550 Forbidden filename). Uploads are"
        " looked at by their whole path, others by the path as the client wrote it.",
    )
    path_deny_filter: Regex | None = directive(
        "PathDenyFilter", Special("regular-expression [[NC]]", parsers.command_filter), None,
        contexts=ANYWHERE, good=(r"(\.ftpaccess|\.htaccess)$", r"\.exe$ [NC]"), bad=("", "(", "a b"),
        doc="Paths that match may not be made, changed, renamed or deleted, see PathAllowFilter.",
    )
    allow_override: bool = directive(
        "AllowOverride", Boolean(), True, contexts=PLACES, good=("off", "on"), bad=("", "Limit"),
        doc="Directives in .ftpaccess files of a directory count for it and below. Whoever can write such a file can"
        " change there what the configuration says: off is safer where users upload.",
    )
    hide_files: tuple[HideFiles, ...] = directive(
        "HideFiles", Special("[!]regular-expression|none [user|group|class expression]", access_parsers.hide_files), (),
        contexts=Context.DIRECTORY | Context.FTPACCESS, combine=Combine.APPEND,
        good=("^[.]", "!^public", "none", "^secret user !alice"), bad=("", "[", "a b", "^x host y"),
        doc="Names in the directory that listings do not show. The first line that concerns the user counts, those of"
        " inner directories first.",
    )
    hide_users: tuple[HiddenOwner, ...] = directive(
        "HideUser", Special("[!]user|~", access_parsers.hidden_owner), (), contexts=_PLACE, combine=Combine.TOGETHER,
        good=("root", "!~"), bad=("", "!", "a b"),
        doc="What belongs to a user (`~`: to the one who has logged in) is left out of listings; `!`: all else.",
    )
    hide_groups: tuple[HiddenOwner, ...] = directive(
        "HideGroup", Special("[!]group|~", access_parsers.hidden_owner), (), contexts=_PLACE, combine=Combine.TOGETHER,
        good=("wheel", "!~"), bad=("", "!", "a b"),
        doc="The same by the group of a file; `~` is the user's primary group.",
    )
    hide_no_access: bool = directive(
        "HideNoAccess", Boolean(), False, contexts=_PLACE, good=("on",), bad=("", "x"),
        doc="Listings do not show files that the user cannot read and directories that he cannot enter.",
    )
    user_owner: str | None = directive(
        "UserOwner", Text("user"), None, contexts=_PLACE, good=("ftp",), bad=("", "a b"),
        doc="Who owns what users upload and make. Needs a server that runs as root.",
    )
    group_owner: str | None = directive(
        "GroupOwner", Text("group|~"), None, contexts=_PLACE | Context.FTPACCESS,
        good=("www-data", "~"), bad=("", "a b"),
        doc="The group of what users upload and make; `~` is the user's primary group. A group that he is no member of"
        " needs a server that runs as root, and counts in the configuration only, not in .ftpaccess.",
    )
    dir_fake_user: str | None = directive(
        "DirFakeUser", Special("on|off [name]", access_parsers.fake_name), None, module="mod_ls", contexts=ANYWHERE,
        good=("on", "on webmaster", "on ~", "off"), bad=("", "maybe", "on a b"), default_text="off",
        doc="The owner that listings show: `ftp`, the name, or with `~` the user himself.",
    )
    dir_fake_group: str | None = directive(
        "DirFakeGroup", Special("on|off [name]", access_parsers.fake_name), None, module="mod_ls", contexts=ANYWHERE,
        good=("on", "on www", "on ~", "off"), bad=("", "maybe", "on a b"), default_text="off",
        doc="The group that listings show: `ftp`, the name, or with `~` the user's own.",
    )
    dir_fake_mode: int | None = directive(
        "DirFakeMode", Special("octal", access_parsers.fake_mode), None, module="mod_ls", contexts=ANYWHERE,
        good=("0444", "640"), bad=("", "rwx", "8"),
        doc="The permissions that listings show. What may really be done they do not change.",
    )

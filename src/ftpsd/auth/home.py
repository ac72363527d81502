"""Where a login starts: DefaultRoot, DefaultChdir, the root of <Anonymous>.

`~` is the home of the user, `~name` that of another, `%u` his name and `%u[0]` its first letter. The first
DefaultRoot whose groups fit counts; `/` means no jail at all.

As in ProFTPD a root that cannot be entered ends the login (530), and so does a home that cannot be
entered, unless a jail or a DefaultChdir says where else to start: within a jail the session starts in its
root instead, without a jail the home is tried after the DefaultChdir.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ftpsd.auth.account import Account
from ftpsd.ftp.paths import is_within
from ftpsd.settings.access import AccessSettings
from ftpsd.settings.model import AnonymousSection, Settings
from ftpsd.settings.user_paths import with_user
from ftpsd.settings.values import RootedPath
from ftpsd.vfs.names import encode
from ftpsd.vfs.resolve import machine_path

HomeOf = Callable[[str], "str | None"]
RealPath = Callable[[str], str]
Foreign = Callable[[str], bool]
"""Whether a link is on the way to a path that is not root's."""


class NoSuchPlace(Exception):
    """A path that cannot be worked out; `str()` says why (for the log)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session lives: `root` (real path; "/" no jail) and the virtual directories to start in.

    `directories` are tried in order; when none can be entered the login fails. `home` is what `~` means: the
    home as seen from within the root, or the root where the home lies outside.
    """

    root: str
    directories: tuple[str, ...]
    home: str = "/"


def substitute_user(path: str, user: str) -> str:
    """`path` with `%u` and `%u[index]` replaced.

    A path with an index beyond the name stays as it is (ProFTPD's rule). Raises `NoSuchPlace` for a name
    that would lead elsewhere in the tree (with a `/`, or made of dots).
    """
    if "%u" not in path:
        return path
    if not user or "/" in user or "\0" in user or user in (".", ".."):
        raise NoSuchPlace(f"the name '{user}' cannot stand for %u in '{path}'")
    return with_user(path, user)


def expand(path: str, account: Account, home_of: HomeOf) -> str:
    """`path` with `~`, `~name` and `%u` worked out; raises `NoSuchPlace`."""
    path = substitute_user(path, account.name)
    if not path.startswith("~"):
        return path
    name, _, rest = path[1:].partition("/")
    home = home_directory(account) if not name else home_of(name)
    if not home or not home.startswith("/"):
        raise NoSuchPlace(f"'{path}': the home of {name or account.name} is not known")
    return f"{home.rstrip('/')}/{rest}" if rest else home


def home_directory(account: Account) -> str:
    """The home of `account`, in which `%u` counts, too; raises `NoSuchPlace` when it is not absolute."""
    home = substitute_user(account.home, account.name)
    if not home.startswith("/"):
        raise NoSuchPlace(f"the home '{home}' of {account.name} is not an absolute path")
    return home


def _root(path: str, account: Account, home_of: HomeOf) -> str:
    root = expand(path, account, home_of)
    if not root.startswith("/"):
        raise NoSuchPlace(f"the root '{path}' is not an absolute path")
    return root


def _without_links(path: str, what: str, *, upwards: bool) -> None:
    """AllowChrootSymlinks off. Raises `NoSuchPlace` where `path`, or what it lies in, is a symbolic link."""
    path = path.rstrip("/")
    while path:
        if os.path.islink(path):
            raise NoSuchPlace(f"{what} {path} is a symlink (denied by AllowChrootSymlinks config)")
        path = path.rpartition("/")[0].rstrip("/") if upwards else ""


def _foreign(path: str) -> bool:
    return machine_path(encode(path))[1]


def _first(rules: tuple[RootedPath, ...], account: Account) -> str | None:
    if not rules:
        return None
    groups = frozenset(account.group_names)
    return next((rule.path for rule in rules if rule.applies_to(groups)), None)


def _virtual(path: str, root: str) -> str:
    """`path` as seen from within `root`; one that is not below it is taken for a path within it."""
    path = os.path.normpath(path)
    if root == "/" or path == root:
        return path if root == "/" else "/"
    return path[len(root):] if path.startswith(root + "/") else path


def _start(
    rules: tuple[RootedPath, ...], account: Account, home_of: HomeOf, base: str, *, home_is_base: bool = False,
) -> str | None:
    chosen = _first(rules, account)
    if chosen is None:
        return None
    if home_is_base and (chosen == "~" or chosen.startswith("~/")):
        chosen = f"{base.rstrip('/')}/{chosen[2:]}"
    path = expand(chosen, account, home_of)
    return path if path.startswith("/") else f"{base.rstrip('/')}/{path}"


MAGIC: Final = "/./"


def magic_place(account: Account, *, real_path: RealPath = os.path.realpath) -> Place | None:
    """AuthUnixOptions MagicTokenChroot: `/srv/./files` is /files in the root /srv; None without the token."""
    if account.source != "system" or MAGIC not in account.home:
        return None
    root, _, start = home_directory(account).partition(MAGIC)
    inside = "/" + start.lstrip("/")
    return Place(real_path(root or "/"), (inside, "/"), inside)


def place(
    access: AccessSettings, account: Account, home_of: HomeOf, *, real_path: RealPath = os.path.realpath,
) -> Place:
    """Where `account` lives and starts; raises `NoSuchPlace` (then the login fails with 530).

    `real_path` resolves symbolic links; call this with the rights of the user where homes are closed to
    others.
    """
    home = real_path(home_directory(account))
    chosen = _first(access.default_root, account)
    wanted_root = _root(chosen, account, home_of) if chosen is not None else "/"
    if not access.allow_chroot_symlinks:
        _without_links(wanted_root, "DefaultRoot", upwards=True)
    root = real_path(wanted_root)
    start = _start(access.default_chdir, account, home_of, home)
    wanted = [_virtual(start, root)] if start is not None else []
    wanted += [_virtual(home, root)] if root == "/" or start is None else []
    wanted += ["/"] if root != "/" else []
    inside = root == "/" or home.startswith(root + "/")
    return Place(root, tuple(dict.fromkeys(wanted)), _virtual(home, root) if inside else "/")


def anonymous_place(
    section: AnonymousSection, access: AccessSettings, account: Account, home_of: HomeOf, *, sent: str,
    real_path: RealPath = os.path.realpath, foreign: Foreign = _foreign,
) -> Place:
    """Where an anonymous login lives: the root of its section, and DefaultChdir below that, for which the root
    is the home. With UserDirRoot that root has a directory for each name that clients may have `sent`, and a link that
    is not root's does not lead out of it: clients make and move links, and would choose their own root. Raises
    `NoSuchPlace`.
    """
    whole = wanted_root = _root(section.root, account, home_of)
    if access.user_dir_root and sent != account.name:
        wanted_root = f"{wanted_root.rstrip('/')}/{substitute_user('%u', sent)}"
    if not access.allow_chroot_symlinks:
        _without_links(wanted_root, "<Anonymous>", upwards=False)
    root = real_path(wanted_root)
    if wanted_root != whole and not is_within(root, real_path(whole)) and foreign(wanted_root):
        raise NoSuchPlace(f"UserDirRoot: a link that is not root's leads from {wanted_root} to {root}, out of {whole}")
    start = _start(access.default_chdir, account, home_of, "/", home_is_base=True)
    wanted = [_virtual(start, root)] if start is not None else []
    return Place(root, tuple(dict.fromkeys([*wanted, "/"])))


def login_place(
    settings: Settings, account: Account, section: AnonymousSection | None, home_of: HomeOf, *, sent: str = "",
    real_path: RealPath = os.path.realpath, foreign: Foreign = _foreign,
) -> Place:
    """Where a login with these `settings` lives: in its <Anonymous> `section`, by MagicTokenChroot, by DefaultRoot.

    `sent` is the name that USER gave. Raises `NoSuchPlace`.
    """
    if section is not None:
        return anonymous_place(
            section, settings.access, account, home_of, sent=sent, real_path=real_path, foreign=foreign)
    if "MagicTokenChroot" in settings.auth.auth_unix_options:
        found = magic_place(account, real_path=real_path)
        if found is not None:
            return found
    return place(settings.access, account, home_of, real_path=real_path)

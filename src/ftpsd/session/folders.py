"""VRootAlias at a login: opens the sources that a session is to see, before it gives up the rights for that."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from ftpsd.auth.account import Account
from ftpsd.auth.home import HomeOf, NoSuchPlace, expand
from ftpsd.log import events
from ftpsd.log.events import Level
from ftpsd.session.state import Session
from ftpsd.settings.folders import Alias
from ftpsd.settings.model import Settings
from ftpsd.vfs import rights
from ftpsd.vfs.folders import Folder
from ftpsd.vfs.jail import Jail
from ftpsd.vfs.names import encode
from ftpsd.vfs.resolve import open_machine_directory

RealPath = Callable[[str], "tuple[str, bool]"]
"""Where a path of the machine leads, and whether a link on the way is not root's own."""


def folders(
    session: Session, settings: Settings, account: Account, root: str, home_of: HomeOf, real_path: RealPath,
) -> tuple[Folder, ...]:
    """What the session of `account` with this root sees. A source that cannot be opened is left out, and the log says
    so. Call it as root where the thread can be that.
    """
    if not settings.folders.vroot_engine:
        return ()
    found: dict[str, Folder] = {}
    for alias in settings.folders.vroot_alias:
        try:
            at = _target(alias, account, root, home_of)
            if at not in found:
                found[at] = _open(alias, at, account, home_of, real_path)
        except (NoSuchPlace, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            text = f"VRootAlias {alias.source} {alias.target}: not shown to {account.name}: {reason}"
            session.log.emit(events.Notice(text, Level.WARNING))
    return tuple(found.values())


def _target(alias: Alias, account: Account, root: str, home_of: HomeOf) -> str:
    """The virtual path; a target that is not below the root is taken for a path within it."""
    target = os.path.normpath("/" + expand(alias.target, account, home_of)).replace("//", "/")
    if root != "/" and target.startswith(root + "/"):
        target = target[len(root):]
    if target == "/":
        raise NoSuchPlace("the target is the root itself")
    return target


def _open(alias: Alias, at: str, account: Account, home_of: HomeOf, real_path: RealPath) -> Folder:
    source, foreign = real_path(expand(alias.source, account, home_of))
    whose = rights.acting_as(account.uid, account.gid, account.groups) if foreign else rights.privileged()
    with whose:
        directory, base = source, "/"
        if not stat.S_ISDIR(os.lstat(encode(source)).st_mode):
            directory, _, name = source.rpartition("/")
            base = f"/{name}"
        return Folder(at, Jail(open_machine_directory(encode(directory or "/")), real=directory or "/"), base)

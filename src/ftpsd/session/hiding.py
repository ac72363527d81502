"""What HideFiles, HideUser, HideGroup and HideNoAccess hide. Hidden things are there: who knows their names may use
them, unless a <Limit> has IgnoreHidden.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable

from ftpsd.session.state import Session
from ftpsd.settings.access import AccessSettings
from ftpsd.settings.model import Settings
from ftpsd.settings.values import HiddenOwner, HideFiles


def is_hidden(session: Session, path: str) -> bool:
    """Whether what lies at the virtual `path` is hidden from listings, not by <Limit>."""
    real = session.fs.real_path(path)
    return hidden(session, path, real, session.settings_at(real))


def hidden(session: Session, path: str, real: str, settings: Settings) -> bool:
    """Whether what lies at the virtual `path` (its real path `real`, under `settings`) is hidden."""
    above, _, name = real.rpartition("/")
    around = session.settings_at(above or "/")
    return by_name(session, around.access.hide_files, name) or by_owner(session, settings.access, path)


def by_name(session: Session, lines: Iterable[HideFiles], name: str) -> bool:
    """HideFiles: the first line that concerns the user decides."""
    line = next(session.concerning(lines), None)
    if line is None or line.pattern is None:
        return False
    return line.pattern.fits(name, in_doubt=not line.negated) is not line.negated


def by_owner(session: Session, access: AccessSettings, path: str) -> bool:
    """HideUser, HideGroup, HideNoAccess; what a link leads to counts, and what leads nowhere is nobody's."""
    if not (access.hide_users or access.hide_groups or access.hide_no_access):
        return False
    try:
        status = session.fs.stat(path)
    except OSError:
        return False
    account, names = session.login.account, session.runtime.authenticator.names
    if account is None:
        return False
    return (
        _owned(access.hide_users, status.st_uid, lambda name: account.uid if name == "~" else names.uid(name))
        or _owned(access.hide_groups, status.st_gid, lambda name: account.gid if name == "~" else names.gid(name))
        or (access.hide_no_access and not _accessible(session, path, status))
    )


def _owned(lines: Iterable[HiddenOwner], owner: int, number: Callable[[str], int | None]) -> bool:
    """The first line with a known name that says something decides: a name that is the owner's, or any with `!`."""
    for line in lines:
        wanted = number(line.name)
        if wanted is None:
            continue
        if wanted == owner:
            return not line.negated
        if line.negated:
            return True
    return False


def _accessible(session: Session, path: str, status: os.stat_result) -> bool:
    """Whether the user could enter the directory, or read the file."""
    return session.fs.may(path, os.X_OK if stat.S_ISDIR(status.st_mode) else os.R_OK)

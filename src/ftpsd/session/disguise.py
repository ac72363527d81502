"""The owners and permissions that listings show: DirFakeUser, DirFakeGroup, DirFakeMode of the directory listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ftpsd.session.state import Session
from ftpsd.settings.access import AccessSettings

SELF = "~"


@dataclass(frozen=True, slots=True)
class Disguise:
    """What takes the place of the truth; -1: nothing does."""

    owner: Callable[[int], str]
    group: Callable[[int], str]
    mode: int = -1
    uid: int = -1
    gid: int = -1


def of(session: Session, access: AccessSettings) -> Disguise:
    """What listings show where `access` is in force. A name that nobody has keeps the number of the truth in facts."""
    names = session.runtime.authenticator.names
    user, group, mode = access.dir_fake_user, access.dir_fake_group, access.dir_fake_mode
    if user is None and group is None and mode is None:
        return Disguise(names.owner, names.group)
    owner: Callable[[int], str] = names.owner
    of_group: Callable[[int], str] = names.group
    uid = gid = -1
    account = session.login.account
    if user is not None:
        shown = account.name if user == SELF and account is not None else user
        number = names.uid(shown)
        owner, uid = _always(shown), -1 if number is None else number
    if group is not None:
        own = account.group_names[0] if account is not None and account.group_names else group
        shown = own if group == SELF else group
        number = names.gid(shown)
        of_group, gid = _always(shown), -1 if number is None else number
    return Disguise(owner, of_group, -1 if mode is None else mode, uid, gid)


def _always(name: str) -> Callable[[int], str]:
    return lambda number: name

"""Names of users and groups for listings.

A listing asks for names after the session has given up every right: its thread can read neither an
AuthUserFile (0600) nor, under Landlock, /etc/passwd. So the names come from snapshots, which logins keep
current (`refresh`, called with the rights of before the login); only numbers that no file knows are asked
of the name service switch, where the thread may do that, and are remembered for a while.
"""

from __future__ import annotations

import pwd
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ftpsd.auth.backend import Backend
from ftpsd.auth.files import GroupFile, Groups, Note, UserFile, Users
from ftpsd.auth.unix import group_id, group_name

PASSWD: Final = "/etc/passwd"
GROUP: Final = "/etc/group"
MAX_CACHED: Final = 4096
_LIFETIME: Final = 60.0
_NO_USERS: Final = Users()
_NO_GROUPS: Final = Groups()


def _user_name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return None


def _nobody_listens(text: str) -> None:
    """Bad lines of /etc/passwd (NIS markers, for example) concern nobody here."""


class _Cache:
    """Answers of the name service switch, at most `MAX_CACHED` and for a minute; safe for threads."""

    def __init__(self, ask: Callable[[int], str | None], clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[int, tuple[float, str]] = {}

    def name(self, number: int) -> str:
        now = self._clock()
        with self._lock:
            known = self._known.get(number)
        if known is not None and now < known[0]:
            return known[1]
        name = self._ask(number) or str(number)
        with self._lock:
            self._known.pop(number, None)
            if len(self._known) >= MAX_CACHED:
                del self._known[next(iter(self._known))]
            self._known[number] = (now + _LIFETIME, name)
        return name


class NameSource(Protocol):
    """Somebody else who knows names; None: he does not know."""

    def uid_of(self, user: str) -> int | None: ...

    def gid_of(self, group: str) -> int | None: ...

    def user_name(self, uid: int) -> str | None: ...

    def group_name(self, gid: int) -> str | None: ...


class Names:
    """uid → user name, gid → group name: from AuthUserFile and AuthGroupFile, other sources, the system, or digits."""

    def __init__(
        self, users: UserFile | None = None, groups: GroupFile | None = None, *, passwd: str = PASSWD,
        group: str = GROUP, clock: Callable[[], float] = time.monotonic, backends: Sequence[Backend] = (),
        more: NameSource | None = None,
    ) -> None:
        """`more` is asked before everybody else."""
        self._backends = tuple(backends)
        self._more = more
        self._own_users = users
        self._own_groups = groups
        self._users = UserFile(passwd)
        self._groups = GroupFile(group)
        self._user_cache = _Cache(self._user_name, clock)
        self._group_cache = _Cache(self._group_name, clock)

    def _user_name(self, uid: int) -> str | None:
        found = (backend.user_name(uid) for backend in self._backends)
        return next((name for name in found if name is not None), None) or _user_name(uid)

    def _group_name(self, gid: int) -> str | None:
        found = (backend.group_name(gid) for backend in self._backends)
        return next((name for name in found if name is not None), None) or group_name(gid)

    def refresh(self, note: Note = _nobody_listens) -> tuple[Users | None, Groups | None]:
        """Look whether the files have changed; `note` hears of bad lines in the host's own files. Returns what those
        hold now (nothing where there are none); None: it is not to be had, so nobody knows who is in it.
        """
        users = self._own_users.known(note) if self._own_users is not None else _NO_USERS
        groups = self._own_groups.known(note) if self._own_groups is not None else _NO_GROUPS
        self._users.current(_nobody_listens)
        self._groups.current(_nobody_listens)
        return users, groups

    def uid(self, user: str) -> int | None:
        """The number of a user by name; None when nobody knows him."""
        found = self._more.uid_of(user) if self._more is not None else None
        if found is not None:
            return found
        for file in (self._own_users, self._users):
            entry = file.last.by_name.get(user) if file is not None else None
            if entry is not None:
                return entry.uid
        try:
            return pwd.getpwnam(user).pw_uid
        except (KeyError, OSError):
            return None

    def gid(self, group: str) -> int | None:
        """The number of a group by name; None when nobody knows it."""
        found = self._more.gid_of(group) if self._more is not None else None
        if found is not None:
            return found
        for file in (self._own_groups, self._groups):
            entry = file.last.by_name.get(group) if file is not None else None
            if entry is not None:
                return entry.gid
        return group_id(group)

    def owner(self, uid: int) -> str:
        """The name of a user, or his number in digits."""
        name = self._more.user_name(uid) if self._more is not None else None
        if name is not None:
            return name
        for file in (self._own_users, self._users):
            entry = file.last.by_uid.get(uid) if file is not None else None
            if entry is not None:
                return entry.name
        return self._user_cache.name(uid)

    def group(self, gid: int) -> str:
        """The name of a group, or its number in digits."""
        name = self._more.group_name(gid) if self._more is not None else None
        if name is not None:
            return name
        for file in (self._own_groups, self._groups):
            entry = file.last.by_gid.get(gid) if file is not None else None
            if entry is not None:
                return entry.name
        return self._group_cache.name(gid)

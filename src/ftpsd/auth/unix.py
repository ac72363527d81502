"""The system's own users, and the rules that hold for everybody: shells and /etc/ftpusers.

Accounts and groups come from the name service switch (pwd, grp, getgrouplist), hashes and expiry dates from
/etc/shadow, which is read here because Python's `spwd` is deprecated; that needs root. Users whose hashes
live elsewhere (LDAP, SSSD) log in through PAM. A user without a shadow line has his hash in passwd(5).
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from ftpsd.auth.account import Account
from ftpsd.auth.files import MAX_ID, identity_of, read_whole

SHADOW: Final = "/etc/shadow"
SHELLS: Final = "/etc/shells"
FTPUSERS: Final = "/etc/ftpusers"
_DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Shadow:
    """What shadow(5) says of a user; days since 1970 or numbers of days, None where the field is empty."""

    password: str = field(repr=False)
    changed: int | None = None
    maximum: int | None = None
    inactive: int | None = None
    expires: int | None = None

    def password_expired(self, now: float) -> bool:
        """The password is older than its maximum age and the time of grace after that is over, too."""
        if not (self.changed and self.maximum and self.inactive):
            return False
        return now > (self.changed + self.maximum + self.inactive) * _DAY

    def account_expired(self, now: float) -> bool:
        """The last day of the account is over."""
        return bool(self.expires) and now > (self.expires or 0) * _DAY


def _days(text: str) -> int | None:
    try:
        value = int(text)
    except ValueError:
        return None
    return value if value > 0 else None


def parse_shadow(line: str) -> Shadow:
    """A line of shadow(5) (without its newline)."""
    fields = [*line.split(":"), *[""] * 9]
    return Shadow(fields[1], _days(fields[2]), _days(fields[4]), _days(fields[6]), _days(fields[7]))


def _lines(path: str) -> Iterable[str]:
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        for line in stream:
            yield line.rstrip("\r\n")


class SystemUsers:
    """Users of this machine. `shadow` is the path of shadow(5), `clock` gives seconds since 1970, `one_by_one`: groups
    are looked for in all groups (AuthUnixOptions NoGetgrouplist).
    """

    def __init__(
        self, shadow: str = SHADOW, clock: Callable[[], float] = time.time, *, one_by_one: bool = False,
    ) -> None:
        self._groups_of = _member_of if one_by_one else os.getgrouplist
        self._shadow = shadow
        self._clock = clock

    def lookup(self, name: str) -> Account | None:
        """The account `name`, with its groups; None when there is none (or it has an impossible id)."""
        if not name or "\0" in name:
            return None
        try:
            entry = pwd.getpwnam(name)
        except (KeyError, UnicodeError):
            return None
        if not (0 <= entry.pw_uid <= MAX_ID and 0 <= entry.pw_gid <= MAX_ID):
            return None
        gids = dict.fromkeys([entry.pw_gid, *self._groups_of(entry.pw_name, entry.pw_gid)])
        names = (group_name(gid) for gid in gids)
        return Account(
            name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, groups=tuple(gids),
            group_names=tuple(name for name in names if name is not None),
            home=entry.pw_dir, shell=entry.pw_shell, source="system")

    def shadow(self, name: str) -> Shadow | None:
        """What is known of the password of `name`; None when nothing is (or we may not read it)."""
        try:
            found = self.listed(name)
        except OSError:
            found = None
        if found is not None:
            return found
        try:
            return Shadow(pwd.getpwnam(name).pw_passwd)
        except (KeyError, ValueError):
            return None

    def listed(self, name: str) -> Shadow | None:
        """What /etc/shadow says of `name`; None: he is not in it. Raises `OSError`."""
        prefix = f"{name}:"
        return next((parse_shadow(line) for line in _lines(self._shadow) if line.startswith(prefix)), None)

    def account_expired(self, name: str) -> bool:
        """Whether the last day of the account of `name` is over; it is not where there is no /etc/shadow, or not for
        us to read. Raises `OSError` where that fails in another way.
        """
        try:
            found = self.listed(name)
        except (FileNotFoundError, PermissionError):
            return False
        return found is not None and found.account_expired(self._clock())

    def expiry(self, shadow: Shadow) -> str | None:
        """Why a user with the right password may not log in: "password", "account", or None: he may."""
        now = self._clock()
        if shadow.password_expired(now):
            return "password"
        return "account" if shadow.account_expired(now) else None


def _member_of(name: str, gid: int) -> list[int]:
    """What getgrouplist(3) says, from the list of all groups."""
    return [gid, *(entry.gr_gid for entry in grp.getgrall() if name in entry.gr_mem)]


def group_name(gid: int) -> str | None:
    """The system's name of a group."""
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OverflowError):
        return None


def user_id(name: str) -> int | None:
    """The system's number of a user."""
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):
        return None


def group_id(name: str) -> int | None:
    """The system's number of a group."""
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        return None


def number_of(kind: str, name: str) -> int | None:
    """The system's number of the `user` or `group` with that name; None: there is none."""
    return user_id(name) if kind == "user" else group_id(name)


class LineFile:
    """The lines of a small file without their blanks; read again when it has changed. Safe for threads."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._state: tuple[object, frozenset[str]] | None = None

    def lines(self) -> frozenset[str]:
        """Those that are not empty. Raises `OSError`; a link to /dev/null, which masks a file, is as good as none."""
        state, status = self._state, os.stat(self._path)
        if stat.S_ISCHR(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._path)
        if state is None or state[0] != identity_of(status):
            data, identity = read_whole(self._path)
            text = data.decode("utf-8", "surrogateescape")
            state = self._state = (identity, frozenset(filter(None, map(str.strip, text.split("\n")))))
        return state[1]


line_file = cache(LineFile)
"""The `LineFile` of a path."""


def shell_is_valid(shell: str, path: str = SHELLS) -> bool:
    """Whether `shell` is a line of /etc/shells; everything is valid where there is no such file. Raises `OSError` where
    it cannot be read: nobody knows then.
    """
    try:
        return shell in line_file(path).lines()
    except FileNotFoundError:
        return True


def listed_in_ftpusers(name: str, path: str = FTPUSERS) -> bool:
    """Whether `name` is listed in ftpusers(5); nobody is where there is no such file. Raises `OSError` where it cannot
    be read.
    """
    try:
        return not name.startswith("#") and name in line_file(path).lines()
    except FileNotFoundError:
        return False

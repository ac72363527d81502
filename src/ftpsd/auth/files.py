"""AuthUserFile and AuthGroupFile: users and groups in files of the form of passwd(5) and group(5).

    name:hash:uid:gid:gecos:home:shell          name:password:gid:member,member

A file is parsed as a whole into an immutable snapshot with indices by name and by number. Each lookup makes
one `stat`; the file is read again only when device, inode, size or time stamp have changed, so that changes
take effect with the next login without a reload, and a file of many thousand users costs nothing per login.
Writers that replace the file (rename) are seen whole or not at all; one who rewrites it in place while it is
read is noticed by the second `fstat`, and the file is read again.

Bad lines are skipped and reported, never fatal: one typing error must not lock out everybody. As in ProFTPD
the first of two entries of the same name counts, and an entry with an empty password field does not count.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from ftpsd.errors import ConfigError
from ftpsd.settings.account_files import AccountFile

MAX_FILE: Final = 64 * 1024 * 1024        # bytes
MAX_REPORTED: Final = 20                  # bad lines named one by one; the rest is counted
MAX_ID: Final = 2**32 - 2                 # (uid_t) -1 means "no change" to the kernel and is never a user
_ATTEMPTS: Final = 5

Note = Callable[[str], None]
_Identity = tuple[int, int, int, int, int]
_SnapshotT = TypeVar("_SnapshotT")


@dataclass(frozen=True, slots=True)
class UserEntry:
    """One line of an AuthUserFile; `password` is the hash as written and never shown."""

    name: str
    password: str = field(repr=False)
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """One line of an AuthGroupFile."""

    name: str
    gid: int
    members: frozenset[str]


@dataclass(frozen=True)
class Users:
    """A parsed AuthUserFile. `problems` are the skipped lines ("line N of 'FILE': why")."""

    by_name: dict[str, UserEntry] = field(default_factory=dict)
    by_uid: dict[int, UserEntry] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    sample: str | None = field(default=None, repr=False)     # a hash like most here, see passwords.matches


@dataclass(frozen=True)
class Groups:
    """A parsed AuthGroupFile; `all` in the order of the file."""

    all: tuple[GroupEntry, ...] = ()
    by_name: dict[str, GroupEntry] = field(default_factory=dict)
    by_gid: dict[int, GroupEntry] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    _of_member: dict[str, tuple[GroupEntry, ...]] = field(default_factory=dict)

    def of(self, user: str) -> tuple[GroupEntry, ...]:
        """The groups that list `user` as a member, in the order of the file."""
        return self._of_member.get(user, ())


def _number(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    value = int(text)
    return value if value <= MAX_ID else None


def _user(line: str) -> UserEntry | str:
    fields = line.split(":")
    if len(fields) < 7:
        return f"{len(fields)} fields, name:hash:uid:gid:gecos:home:shell has 7"
    name, password, uid_text, gid_text, gecos, home, shell = fields[:7]
    uid, gid = _number(uid_text), _number(gid_text)
    if not name:
        return "the name is empty"
    if not password:
        return f"the password field of '{name}' is empty, which no login will match"
    if uid is None:
        return f"the uid '{uid_text}' of '{name}' is not a number from 0 to {MAX_ID}"
    if gid is None:
        return f"the gid '{gid_text}' of '{name}' is not a number from 0 to {MAX_ID}"
    return UserEntry(name, password, uid, gid, gecos, home, shell)


def _group(line: str) -> GroupEntry | str:
    fields = line.split(":")
    if len(fields) < 4:
        return f"{len(fields)} fields, name:password:gid:members has 4"
    name, _, gid_text, members = fields[:4]
    gid = _number(gid_text)
    if not name:
        return "the name is empty"
    if gid is None:
        return f"the gid '{gid_text}' of group '{name}' is not a number from 0 to {MAX_ID}"
    return GroupEntry(name, gid, frozenset(filter(None, members.split(","))))


_EntryT = TypeVar("_EntryT", UserEntry, GroupEntry)


def _entries(
    data: bytes, path: str, parse: Callable[[str], _EntryT | str],
) -> tuple[list[_EntryT], tuple[str, ...]]:
    entries: list[_EntryT] = []
    problems: list[str] = []
    skipped = 0
    for number, raw in enumerate(data.split(b"\n"), 1):
        line = raw.decode("utf-8", "surrogateescape").rstrip("\r")
        if not line.strip() or line.startswith("#"):
            continue
        entry = parse(line) if "\0" not in line else "the line holds a NUL"
        if not isinstance(entry, str):
            entries.append(entry)
        elif len(problems) < MAX_REPORTED:
            problems.append(f"line {number} of '{path}' skipped: {entry}")
        else:
            skipped += 1
    if skipped:
        problems.append(f"{skipped} more bad lines in '{path}' skipped")
    return entries, tuple(problems)


def parse_users(data: bytes, path: str, only: AccountFile | None = None) -> Users:
    """The users in the text of an AuthUserFile who count (`only`); `path` is only for messages."""
    entries, problems = _entries(data, path, _user)
    if only is not None:
        entries = [entry for entry in entries if only.allows(entry.name, entry.uid, entry.home)]
    by_name: dict[str, UserEntry] = {}
    by_uid: dict[int, UserEntry] = {}
    for entry in entries:
        by_name.setdefault(entry.name, entry)
        by_uid.setdefault(entry.uid, entry)
    sample = next((e.password for e in entries if e.password.startswith("$")), None)
    return Users(by_name, by_uid, problems, sample)


def parse_groups(data: bytes, path: str, only: AccountFile | None = None) -> Groups:
    """The groups in the text of an AuthGroupFile that count (`only`); `path` is only for messages."""
    entries, problems = _entries(data, path, _group)
    if only is not None:
        entries = [entry for entry in entries if only.allows(entry.name, entry.gid)]
    by_name: dict[str, GroupEntry] = {}
    by_gid: dict[int, GroupEntry] = {}
    of_member: dict[str, tuple[GroupEntry, ...]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, entry)
        by_gid.setdefault(entry.gid, entry)
        for member in entry.members:
            of_member[member] = (*of_member.get(member, ()), entry)
    return Groups(tuple(entries), by_name, by_gid, problems, of_member)


def identity_of(status: os.stat_result) -> _Identity:
    """What tells one state of a file from the next."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_whole(path: str) -> tuple[bytes, _Identity]:
    """The content of a regular file and what identifies this state of it; raises `OSError`.

    A file that changes while it is read is read again, a few times.
    """
    identity: _Identity | None = None
    for _ in range(_ATTEMPTS):
        with open(path, "rb") as stream:
            before = os.fstat(stream.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise OSError(f"'{path}' is not a regular file")
            data = stream.read(MAX_FILE + 1)
            after = os.fstat(stream.fileno())
        if len(data) > MAX_FILE:
            raise OSError(f"'{path}' is larger than {MAX_FILE} bytes")
        identity = identity_of(before)
        if identity_of(after) == identity:
            return data, identity
    raise OSError(f"'{path}' keeps changing while it is read")


class WatchedFile(Generic[_SnapshotT]):
    """A file with its parsed content; reads it again when it has changed. Safe for threads."""

    def __init__(
        self, path: str, parse: Callable[[bytes, str], _SnapshotT],
        problems: Callable[[_SnapshotT], tuple[str, ...]], directive: str,
    ) -> None:
        self.path = path
        self._parse = parse
        self._problems = problems
        self._directive = directive
        self._lock = threading.Lock()
        self._state: tuple[_Identity, _SnapshotT] | None = None

    @property
    def last(self) -> _SnapshotT:
        """The content as last read, without a look at the file (for sessions that may not read it)."""
        state = self._state
        return state[1] if state is not None else self._parse(b"", self.path)

    def current(self, note: Note) -> _SnapshotT:
        """The content of the file as it is now; `note` hears of bad lines once per change of the file.

        A file that is missing or cannot be read counts as empty: nobody may log in through it. Where emptiness would
        give somebody more than the file does, ask `known`.
        """
        found = self.known(note)
        return found if found is not None else self._parse(b"", self.path)

    def known(self, note: Note) -> _SnapshotT | None:
        """The same, but None for a file that is missing or cannot be read; `note` hears why."""
        try:
            identity = identity_of(os.stat(self.path))
            state = self._state
            if state is not None and state[0] == identity:
                return state[1]
            return self._reload(identity, note)
        except OSError as error:
            reason = error.strerror or str(error)
            note(f"error: unable to open {self._directive} file '{self.path}': {reason}")
            return None

    def _reload(self, identity: _Identity, note: Note) -> _SnapshotT:
        with self._lock:
            state = self._state
            if state is not None and state[0] == identity:
                return state[1]
            data, identity = read_whole(self.path)
            snapshot = self._parse(data, self.path)
            self._state = (identity, snapshot)
        for problem in self._problems(snapshot):
            note(f"{self._directive}: {problem}")
        return snapshot


class UserFile(WatchedFile[Users]):
    """The AuthUserFile at `path`, of which the entries that `only` allows count."""

    def __init__(self, path: str, only: AccountFile | None = None) -> None:
        super().__init__(
            path, lambda data, name: parse_users(data, name, only), lambda users: users.problems, "AuthUserFile")


class GroupFile(WatchedFile[Groups]):
    """The AuthGroupFile at `path`, of which the entries that `only` allows count."""

    def __init__(self, path: str, only: AccountFile | None = None) -> None:
        super().__init__(
            path, lambda data, name: parse_groups(data, name, only), lambda groups: groups.problems, "AuthGroupFile")


_A_USER = "passwd --file {} --uid UID --home DIR NAME"
_MADE_BY = {
    "AuthGroupFile": "passwd --group-file {} --group GROUP --group-gid GID NAME", "AuthOTPTable": "otp --file {} NAME",
}
"""The command that makes a file of accounts, by directive."""
_HELD = {"AuthOTPTable": "secrets"}


def check_permissions(directive: str, path: str, *, world_readable: bool) -> None:
    """Raises `ConfigError` for a file that ProFTPD would not trust either.

    The file must exist and be no directory; others must not be able to write it or its directory (nor the
    directory of a symbolic link to it), nor to read it unless `world_readable` (an AuthUserFile holds
    hashes, an AuthGroupFile holds nothing secret).
    """
    try:
        real = os.path.realpath(path) if os.path.islink(path) else path
        status = os.stat(real)
        parents = {os.path.dirname(place) or "/" for place in (path, real)}
        open_parents = sorted(parent for parent in parents if os.stat(parent).st_mode & stat.S_IWOTH)
    except OSError as error:
        raise ConfigError(
            f"unable to use {path}: {error.strerror}", directive=directive,
            remedy=f"Make the file (ftpsd {_MADE_BY.get(directive, _A_USER).format(path)}) or correct the path."
        ) from None
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        raise ConfigError(f"unable to use {path}: Is a directory", directive=directive)
    if mode & stat.S_IROTH and not world_readable:
        raise ConfigError(
            f"unable to use {path}: it is world-readable (mode {mode:04o}): Operation not permitted",
            directive=directive, remedy=f"It holds {_HELD.get(directive, 'password hashes')}: chmod o-rwx {path}")
    if mode & stat.S_IWOTH:
        raise ConfigError(
            f"unable to use {path}: it is world-writable (mode {mode:04o}): Operation not permitted",
            directive=directive, remedy=f"Anybody could add users: chmod o-w {path}")
    if open_parents:
        raise ConfigError(
            f"unable to use {path}: directory {open_parents[0]} is world-writable: Operation not permitted",
            directive=directive, remedy="Anybody could replace the file: move it to a directory of its own.")

"""Changes to an AuthUserFile or AuthGroupFile: whole or not at all, and nothing else touched.

Lines are edited as bytes, so that comments, order and entries that this program does not understand stay as
they are. A changed file replaces the old one by rename: a server that reads meanwhile sees the one or the
other. Mode and owner are kept; a new file is for its owner alone (0600). Two who edit at the same time wait
for each other, ten seconds at most: they lock `.NAME.ftpsd-lock` beside it, which stays, and which only those may open
who may write to the directory (whoever may read a directory can lock that).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from ftpsd.auth.files import MAX_ID, parse_groups, read_whole

LOCK_MARK: Final = "!"
_NEW_MODE: Final = 0o600
_LOCK_SECONDS: Final = 10.0


class EditError(Exception):
    """A change that cannot be made; `str()` says why and what would help."""


@dataclass(frozen=True, slots=True)
class NewUser:
    """An entry to be: `password` is a hash. Raises `EditError` when a field cannot stand in the file."""

    name: str
    password: str
    uid: int
    gid: int
    home: str
    shell: str
    gecos: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "user")
        check_id(self.uid, "uid")
        check_id(self.gid, "gid")
        for what, value in (("home", self.home), ("shell", self.shell)):
            check_path(value, what)
        check_field(self.gecos, "gecos")

    @property
    def line(self) -> bytes:
        return _encode(":".join((
            self.name, self.password, str(self.uid), str(self.gid), self.gecos, self.home, self.shell)))


def check_field(value: str, what: str) -> None:
    """Refuses what would break the line: colons, newlines and other control characters."""
    if ":" in value or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise EditError(f"the {what} must not hold a colon, a newline or another control character")


def check_name(name: str, what: str) -> None:
    """Refuses names that are empty, cannot be sent or parsed, or would be a comment or a list."""
    if not name:
        raise EditError(f"the {what} name is empty")
    check_field(name, f"{what} name")
    if name.startswith(("#", "+", "-")) or "," in name or "/" in name or name != name.strip():
        raise EditError(
            f"the {what} name '{name}' must not start with #, + or -, hold a comma or a slash, or have "
            "blanks around it")


def check_id(value: int, what: str) -> None:
    """Refuses ids that the kernel has not."""
    if not 0 <= value <= MAX_ID:
        raise EditError(f"the {what} {value} is not a number from 0 to {MAX_ID}")


def check_path(value: str, what: str) -> None:
    """Refuses homes and shells that are not absolute paths."""
    check_field(value, what)
    if not value.startswith("/"):
        raise EditError(f"the {what} '{value}' is not an absolute path")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def _joined(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _is_entry(line: bytes, name: str) -> bool:
    found, colon, _ = line.partition(b":")
    return bool(colon) and found == _encode(name)


def _find(data: bytes, name: str, path: str) -> int:
    for index, line in enumerate(_lines(data)):
        if _is_entry(line, name):
            return index
    raise EditError(f"there is no '{name}' in {path}")


def _set_field(data: bytes, name: str, path: str, number: int, change: Callable[[bytes], bytes]) -> bytes:
    lines = _lines(data)
    index = _find(data, name, path)
    fields = lines[index].split(b":")
    if len(fields) <= number:
        raise EditError(f"line {index + 1} of {path} has only {len(fields)} fields; mend it by hand")
    fields[number] = change(fields[number])
    lines[index] = b":".join(fields)
    return _joined(lines)


def checked_absent(data: bytes, name: str, path: str) -> bytes:
    """`data` as it is; raises `EditError` when `name` has a line in it."""
    if any(_is_entry(line, name) for line in _lines(data)):
        raise EditError(f"'{name}' is in {path} already; see --change-password and --change-home")
    return data


def add_user(data: bytes, user: NewUser, path: str) -> bytes:
    """`data` with a line for `user` at its end."""
    return _joined([*_lines(checked_absent(data, user.name, path)), user.line])


def set_password(data: bytes, name: str, hashed: str, path: str) -> bytes:
    """`data` with another hash for `name`; a locked user stays locked."""
    def change(old: bytes) -> bytes:
        mark = _encode(LOCK_MARK) if old.startswith(_encode(LOCK_MARK)) else b""
        return mark + _encode(hashed)

    return _set_field(data, name, path, 1, change)


def set_home(data: bytes, name: str, home: str, path: str) -> bytes:
    """`data` with another home for `name`."""
    check_path(home, "home")
    return _set_field(data, name, path, 5, lambda old: _encode(home))


def lock_user(data: bytes, name: str, path: str) -> bytes:
    """`data` in which no password of `name` matches; locking twice is no error."""
    mark = _encode(LOCK_MARK)
    return _set_field(data, name, path, 1, lambda old: old if old.startswith(mark) else mark + old)


def unlock_user(data: bytes, name: str, path: str) -> bytes:
    """`data` with the lock of `name` taken away; raises `EditError` when there is no hash behind it."""
    def change(old: bytes) -> bytes:
        hashed = old.lstrip(_encode(LOCK_MARK))
        if len(hashed) < 2 or hashed.startswith(b"*"):
            raise EditError(f"'{name}' has no password behind the lock; set one with --change-password")
        return hashed

    return _set_field(data, name, path, 1, change)


def delete_user(data: bytes, name: str, path: str) -> bytes:
    """`data` without any line of `name` (a second one would come alive when the first is gone)."""
    _find(data, name, path)
    return _joined([line for line in _lines(data) if not _is_entry(line, name)])


def _members(field: bytes) -> list[bytes]:
    return [member for member in field.split(b",") if member]


def join_group(data: bytes, group: str, gid: int | None, user: str, path: str) -> bytes:
    """`data` in which `user` is a member of `group`; a group that is missing is made with `gid`."""
    check_name(group, "group")
    check_name(user, "user")
    known = parse_groups(data, path).by_name.get(group)
    if known is None:
        if gid is None:
            raise EditError(f"there is no group '{group}' in {path}; --group-gid NUMBER makes it")
        check_id(gid, "gid")
        return _joined([*_lines(data), _encode(f"{group}:x:{gid}:{user}")])
    if gid is not None and gid != known.gid:
        raise EditError(f"group '{group}' in {path} has the gid {known.gid}, not {gid}")
    return _set_field(
        data, group, path, 3,
        lambda old: b",".join(dict.fromkeys([*_members(old), _encode(user)])))


def leave_groups(data: bytes, user: str, group: str | None, path: str) -> bytes:
    """`data` in which `user` is no member of `group` (None: of any group)."""
    if group is not None:
        _find(data, group, path)
    gone = _encode(user)
    lines = _lines(data)
    for index, line in enumerate(lines):
        fields = line.split(b":")
        if line.startswith(b"#") or len(fields) < 4 or (group is not None and fields[0] != _encode(group)):
            continue
        fields[3] = b",".join(member for member in _members(fields[3]) if member != gone)
        lines[index] = b":".join(fields)
    return _joined(lines)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    lock = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.ftpsd-lock")
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        handle = _open_lock(lock)
        try:
            while not _try_lock(handle):
                if time.monotonic() > deadline:
                    raise EditError(f"another program has been changing {path} for too long (it holds {lock})")
                time.sleep(0.02)
            if _is_at(handle, lock):  # otherwise somebody has removed it: others lock another one
                yield
                return
        finally:
            os.close(handle)


def _open_lock(path: str) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, flags)
        with contextlib.suppress(FileExistsError):  # somebody else was faster
            handle = os.open(path, flags | os.O_CREAT | os.O_EXCL, _NEW_MODE)
            _give_to_those_who_may_edit(handle, os.path.dirname(path))
            return handle


def _give_to_those_who_may_edit(handle: int, directory: str) -> None:
    """The new lock's owner and mode are such that whoever may write to the directory, and nobody else, may open it."""
    found = os.stat(directory)
    mode = _NEW_MODE
    if not found.st_mode & stat.S_ISVTX:
        mode |= (0o060 if found.st_mode & stat.S_IWGRP else 0) | (0o006 if found.st_mode & stat.S_IWOTH else 0)
    with contextlib.suppress(OSError):  # not root, or in a namespace without that id
        os.fchown(handle, -1, found.st_gid)
    os.fchmod(handle, mode)
    with contextlib.suppress(OSError):
        os.fchown(handle, found.st_uid, -1)


def _is_at(handle: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _replace(path: str, data: bytes, old: os.stat_result | None) -> None:
    directory = os.path.dirname(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=directory)
    try:
        with os.fdopen(handle, "wb") as stream:
            if old is not None and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(stream.fileno(), old.st_uid, old.st_gid)
            os.fchmod(stream.fileno(), old.st_mode & 0o7777 if old is not None else _NEW_MODE)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def edit(path: str, change: Callable[[bytes], bytes], *, create: bool = False) -> None:
    """Replaces the file at `path` by what `change` makes of its content.

    A symbolic link stays and its target is replaced. `create` makes a file that is missing (mode 0600).
    Raises `EditError` with the reason; the file is then as it was.
    """
    path = os.path.realpath(path)
    try:
        if not create:
            os.stat(path)  # where there is nothing to change, no lock is left
        with _locked(path):
            try:
                old: os.stat_result | None = os.stat(path)
                data = read_whole(path)[0]
            except FileNotFoundError:
                if not create:
                    raise
                old, data = None, b""
            changed = change(data)
            if changed != data or old is None:
                _replace(path, changed, old)
    except OSError as error:
        raise EditError(f"cannot change {path}: {error.strerror or error}") from error

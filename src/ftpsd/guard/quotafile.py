"""Quota tables in files: those of ProFTPD's mod_quotatab_file and its tool ftpquota, read and written in place.

A limit table begins with the number 0x7626, a tally table with 0x7644 (int32 in the byte order of the machine); then
records without padding:

    name      81 bytes, padded with NUL
    type      int32: 10 all, 20 user, 30 group, 40 class
    only in limits:
    session   1 byte: 1 where the limit is for each session
    kind      int32: 1 hard, 2 soft
    bytes     three doubles: uploaded, downloaded, transferred; 0 or less is unlimited
    files     three uint32; 0 is unlimited

A limit table is read anew at each login. A record of a tally is read and written under a lock of the process and a
record lock of the kernel on the whole file, and written with one system call: whoever dies leaves the old or the new
one. Descriptors are opened before the fork, as a session's user may have no right to the files.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Callable, Iterator

from ftpsd.access.quotas import Amounts, Key, Limit, QuotaType, Reached, added
from ftpsd.errors import ConfigError
from ftpsd.sql.turns import Lock, TableError

LIMITS, TALLIES = 0x7626, 0x7644
LARGEST = 256 << 20
"""Bytes of a table."""

_MAGIC = struct.Struct("=i")
_KEY = struct.Struct("=81si")
_LIMIT = struct.Struct("=81si?i3d3I")
_TALLY = struct.Struct("=81si3d3I")
_AMOUNTS = struct.Struct("=3d3I")
_TYPES = {QuotaType.ALL: 10, QuotaType.USER: 20, QuotaType.GROUP: 30, QuotaType.CLASS: 40}
_OF_NUMBERS = {number: kind for kind, number in _TYPES.items()}
_HARD, _SOFT = 1, 2
LONGEST_NAME = 80
_MOST_FILES = 2**32 - 1


class _Table:
    """An open table file."""

    magic: int
    record: struct.Struct
    writable = True

    def __init__(self, path: str, *, directive: str = "") -> None:
        """Raises `ConfigError`."""
        self.path = path
        flags = (os.O_RDWR if self.writable else os.O_RDONLY) | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        try:
            self.fd = os.open(path, flags)
        except OSError as error:
            raise _unusable(path, directive, error.strerror or str(error)) from None
        head = os.pread(self.fd, _MAGIC.size, 0) if stat.S_ISREG(os.fstat(self.fd).st_mode) else b""
        if len(head) < _MAGIC.size or _MAGIC.unpack(head)[0] != self.magic:
            os.close(self.fd)
            raise _unusable(path, directive, "bad table header")
        self.lock = Lock(self.fd)

    def close(self) -> None:
        """Gives it back; more than once is harmless."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def _data(self) -> bytes:
        try:
            return os.pread(self.fd, min(os.fstat(self.fd).st_size, LARGEST), 0)
        except OSError as error:
            raise TableError(f"'{self.path}': {error.strerror}") from None

    def _at(self, data: bytes, key: Key) -> int | None:
        """Where the record of `key` begins."""
        wanted = packed_key(key)
        if wanted is None:
            return None
        at = data.find(wanted, _MAGIC.size)
        while at >= 0 and ((at - _MAGIC.size) % self.record.size or at + self.record.size > len(data)):
            at = data.find(wanted, at + 1)
        return at if at >= 0 else None

    def _records(self, data: bytes) -> Iterator[tuple[int, tuple[object, ...]]]:
        whole = (len(data) - _MAGIC.size) // self.record.size
        for index in range(whole):
            at = _MAGIC.size + index * self.record.size
            yield at, self.record.unpack_from(data, at)

    def _write(self, data: bytes, at: int) -> None:
        try:
            if os.pwrite(self.fd, data, at) != len(data):
                raise TableError(f"'{self.path}': cannot be written whole")
        except OSError as error:
            raise TableError(f"'{self.path}': {error.strerror}") from None

    def _end(self, data: bytes) -> int:
        """Where the next record is to begin; half a one at the end is written over."""
        return _MAGIC.size + (len(data) - _MAGIC.size) // self.record.size * self.record.size

    def remove(self, key: Key) -> bool:
        """Takes the record of `key` out; False: there is none. Raises `TableError`."""
        with self.lock.held():
            data = self._data()
            at, last = self._at(data, key), self._end(data) - self.record.size
            if at is None:
                return False
            if at != last:
                self._write(data[last : last + self.record.size], at)
            os.ftruncate(self.fd, last)
            return True


class LimitFile(_Table):
    """A limit table."""

    magic = LIMITS
    record = _LIMIT

    def __init__(self, path: str, *, directive: str = "", writable: bool = False) -> None:
        self.writable = writable
        super().__init__(path, directive=directive)

    def find(self, key: Key) -> Limit | None:
        """The limit of `key`. Raises `TableError`."""
        with self._shared():
            data = self._data()
        at = self._at(data, key)
        return None if at is None else _limit(_LIMIT.unpack_from(data, at))

    def all(self) -> list[Limit]:
        """Every limit. Raises `TableError`."""
        with self._shared():
            data = self._data()
        return [limit for _, fields in self._records(data) if (limit := _limit(fields)) is not None]

    def put(self, limit: Limit) -> bool:
        """Makes a limit, or changes it; whether it is new. Raises `TableError`, `ValueError`."""
        key = packed_key(limit.key)
        if key is None:
            raise ValueError(f"the name is longer than {LONGEST_NAME} bytes")
        name, number = _KEY.unpack(key)
        kind = _HARD if limit.hard else _SOFT
        with self.lock.held():
            data = self._data()
            at = self._at(data, limit.key)
            self._write(
                _LIMIT.pack(name, number, limit.per_session, kind, *_packable(limit.amounts)),
                self._end(data) if at is None else at)
            return at is None

    def _shared(self) -> contextlib.AbstractContextManager[None]:
        return self.lock.held(exclusive=False)


class TallyFile(_Table):
    """A tally table."""

    magic = TALLIES
    record = _TALLY

    def read(self, key: Key) -> Amounts | None:
        """The tally of `key`. Raises `TableError`."""
        with self.lock.held():
            data = self._data()
        at = self._at(data, key)
        return None if at is None else _amounts(data, at)

    def all(self) -> list[tuple[Key, Amounts]]:
        """Every tally. Raises `TableError`."""
        with self.lock.held():
            data = self._data()
        found = []
        for at, fields in self._records(data):
            key = _key(fields)
            if key is not None:
                found.append((key, _amounts(data, at)))
        return found

    def create(self, key: Key) -> None:
        """Makes a tally of nothing where there is none. Raises `TableError`."""
        self.change(key, lambda tally: tally)

    def add(self, key: Key, change: Amounts, limit: Limit | None) -> Amounts | Reached:
        """Adds to a tally; what the hard `limit` does not allow is not added. Raises `TableError`."""
        with self.lock.held():
            data = self._data()
            at = self._at(data, key)
            after = added(limit, Amounts() if at is None else _amounts(data, at), change)
            if isinstance(after, Amounts):
                self._put(data, at, key, after)
            return after

    def change(self, key: Key, how: Callable[[Amounts], Amounts]) -> None:
        """Makes something else of a tally. Raises `TableError`."""
        with self.lock.held():
            data = self._data()
            at = self._at(data, key)
            self._put(data, at, key, how(Amounts() if at is None else _amounts(data, at)))

    def _put(self, data: bytes, at: int | None, key: Key, amounts: Amounts) -> None:
        packed = packed_key(key)
        if packed is None:
            raise TableError(f"the name is longer than {LONGEST_NAME} bytes")
        values = _AMOUNTS.pack(*_packable(amounts))
        if at is None:
            self._write(packed + values, self._end(data))
        else:
            self._write(values, at + _KEY.size)


def packed_key(key: Key) -> bytes | None:
    """Name and type as a record has them; None: the name is too long for a table, so that nobody's is."""
    name = key.name.encode("utf-8", "surrogateescape")
    return _KEY.pack(name, _TYPES[key.type]) if len(name) <= LONGEST_NAME and b"\0" not in name else None


def _packable(amounts: Amounts) -> tuple[float, ...]:
    return (*amounts[:3], *(min(max(0, int(number)), _MOST_FILES) for number in amounts[3:]))


def _amounts(data: bytes, at: int) -> Amounts:
    return Amounts(*_AMOUNTS.unpack_from(data, at + _KEY.size))


def _key(fields: tuple[object, ...]) -> Key | None:
    name, number = fields[:2]
    assert isinstance(name, bytes)
    kind = _OF_NUMBERS.get(number) if isinstance(number, int) else None
    return None if kind is None else Key(kind, name.split(b"\0")[0].decode("utf-8", "surrogateescape"))


def _limit(fields: tuple[object, ...]) -> Limit | None:
    key = _key(fields)
    if key is None:
        return None
    amounts = Amounts(*(max(0.0, value) for value in fields[4:] if isinstance(value, int | float)))
    return Limit(key, amounts, bool(fields[2]), fields[3] != _SOFT)


def create(path: str, magic: int) -> None:
    """Makes an empty table. Raises `OSError`; `FileExistsError` where there is something."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, _MAGIC.pack(magic))
    finally:
        os.close(fd)


def _unusable(path: str, directive: str, why: str) -> ConfigError:
    kind = "limit" if directive == "QuotaLimitTable" else "tally"
    return ConfigError(
        f"unable to use '{path}': {why}", directive=directive or None,
        remedy=f"`ftpsd quota create {kind} {path}` makes a table (ProFTPD's ftpquota does, too).")

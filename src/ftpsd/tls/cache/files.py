"""`fs:/path=DIR`: a file per entry. For OCSP responses: they are few, and worth keeping over a restart.

The file's name is the key in hexadecimal, so that nothing in a key can lead out of the directory. A file is written
under another name and renamed, so that readers see all of it or nothing. Only files that look like ours are ever
opened or deleted. A file begins with the value, so `openssl ocsp -respin` and ProFTPD can read it; what stands behind
it says when it expires. Without that (ProFTPD's files, or an administrator's) the response itself says so.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from cryptography.x509 import ocsp

from ftpsd.errors import ConfigError
from ftpsd.tls import directories
from ftpsd.tls.cache import envelope
from ftpsd.tls.cache.base import CacheError, Counters, Status, Store

SUFFIX = ".der"
_NAME = re.compile(r"[0-9a-f]{2,128}\.der")
_FRESH = re.compile(r"\.[0-9a-f]{16}\.fresh")
MAX_ENTRY = 64 * 1024
CAPACITY = 1024
UNDATED = timedelta(days=1)
"""How long a response lasts that does not say."""


@dataclass(frozen=True, slots=True)
class _File:
    key: bytes
    path: str
    written: int


def expiry(response: bytes) -> float | None:
    """Until when an OCSP response can be of use; None: it is none. Who uses it must verify it."""
    try:
        found = next(iter(ocsp.load_der_ocsp_response(response).responses))
        return (found.next_update_utc or found.this_update_utc + UNDATED).timestamp()
    except (ValueError, StopIteration):
        return None


def prepare_directory(path: str, directive: str) -> None:
    """Makes the directory if it is missing. Raises `ConfigError` when others than its owner could write there."""
    try:
        directories.make(path)
        check_directory(path, directive)
    except OSError as error:
        raise ConfigError(
            f"unable to use '{path}': {error.strerror}", directive=directive,
            remedy="Name a directory that the server can write to.") from None


def check_directory(path: str, directive: str) -> None:
    """Raises `ConfigError` when others than its owner could write there; `OSError` when it cannot be looked at."""
    found = os.stat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"'{path}' is no directory", directive=directive, remedy="Name a directory.")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or found.st_uid not in (0, os.geteuid()):
        raise ConfigError(
            f"others could write to '{path}'", directive=directive,
            remedy=f"Write: chown root {path}; chmod 700 {path}")


class FileStore(Store):
    """A directory of entries."""

    kind: ClassVar[str] = "fs"

    def __init__(
        self, path: str, *, capacity: int = CAPACITY, max_entry: int = MAX_ENTRY,
        note: Callable[[str], None] = lambda text: None, clock: Callable[[], float] = time.time,
        counters: Counters | None = None,
    ) -> None:
        """`path` exists, see `prepare_directory`; `capacity`: how many entries at most."""
        super().__init__(max_entry=max_entry, note=note, clock=clock, counters=counters)
        self._path = path
        self._capacity = capacity

    @property
    def name(self) -> str:
        return f"fs cache {self._path}"

    def _file(self, key: bytes) -> str:
        return os.path.join(self._path, key.hex() + SUFFIX)

    def _fetch(self, key: bytes, deadline: float) -> bytes | None:
        entry = self._read(key, self._file(key))
        if entry is None:
            return None
        if entry.expires <= self.clock():
            self._drop(self._file(key))
            self.counters.add("expired")
            return None
        return entry.value

    def _read(self, key: bytes, path: str) -> envelope.Entry | None:
        """What the file holds; a file that holds no entry is deleted."""
        limit = self.max_entry + envelope.OVERHEAD
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            data = file.read(limit + 1)
        try:
            if len(data) > limit:
                raise envelope.BadEntry("too long")
            return self._unpack(key, data)
        except envelope.BadEntry:
            self._drop(path)
            self.counters.add("errors")
            return None

    def _unpack(self, key: bytes, data: bytes) -> envelope.Entry:
        """Raises `envelope.BadEntry`."""
        try:
            return envelope.unpack_behind(key, data)
        except envelope.BadEntry:
            expires = expiry(data)
            if expires is None:
                raise
            return envelope.Entry(data, 0.0, expires)

    def _drop(self, path: str) -> bool:
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        return True

    def _store(self, key: bytes, value: bytes, expires: float, deadline: float) -> bool:
        data = envelope.pack_behind(key, envelope.Entry(value, self.clock(), expires))
        fresh = os.path.join(self._path, f".{secrets.token_hex(8)}.fresh")
        try:
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            return False  # the directory has been removed
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
            self._make_room(key)
            os.replace(fresh, self._file(key))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(fresh)
            raise
        return True

    def _make_room(self, key: bytes) -> None:
        others = [file for file in self._files() if file.key != key]
        surplus = max(0, len(others) + 1 - self._capacity)
        for file in others[:surplus]:
            self.counters.add("evicted", int(self._drop(file.path)))

    def _delete(self, key: bytes, deadline: float) -> bool:
        return self._drop(self._file(key))

    def _files(self) -> list[_File]:
        """The entries, oldest first."""
        return sorted(self._scan(), key=lambda file: (file.written, file.path))

    def _scan(self) -> Iterator[_File]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self._path) as found:
            for entry in found:
                if _NAME.fullmatch(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        written = entry.stat(follow_symlinks=False).st_mtime_ns
                        yield _File(bytes.fromhex(entry.name.removesuffix(SUFFIX)), entry.path, written)

    def _expire(self, deadline: float) -> int:
        now, expired = self.clock(), 0
        for file in self._files():
            _in_time(deadline)
            entry = self._read(file.key, file.path)
            if entry is not None and entry.expires <= now:
                expired += self._drop(file.path)
        return expired

    def _clear(self, deadline: float) -> int:
        with contextlib.suppress(FileNotFoundError), os.scandir(self._path) as found:
            for left in [entry.path for entry in found if _FRESH.fullmatch(entry.name)]:
                self._drop(left)  # of a process that died
        return sum(self._drop(file.path) for file in self._files())

    def _remove(self, deadline: float) -> None:
        self._clear(deadline)
        with contextlib.suppress(OSError):  # it may hold files of others
            os.rmdir(self._path)

    def _status(self, deadline: float) -> Status:
        files = self._files()
        return Status(
            self.counters.snapshot(), entries=len(files), capacity=self._capacity,
            details=(("Directory", self._path),),
        )

    def _entries(self, deadline: float) -> list[tuple[bytes, bytes, float]]:
        found = []
        for file in self._files():
            _in_time(deadline)
            entry = self._read(file.key, file.path)
            if entry is not None:
                found.append((file.key, entry.value, entry.expires))
        return found


def _in_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise CacheError("it takes too long")

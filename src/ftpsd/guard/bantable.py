"""The BanTable: bans and counters of events in one file, mapped by the supervisor and every worker.

Theory
------
A session asks for each connection and command whether it is banned, and almost never is anybody. So the file has a
generation: a number that whoever changes the bans raises at the end. A process reads all bans when that number is
another than the last time, and otherwise looks at eight bytes of memory.

Whoever writes, or reads all, holds a record lock of the kernel, which vanishes with its process, and a lock of the
process, as a record lock belongs to all its threads. A process may die while it writes a record: records carry a
checksum, and one that does not fit it is none.

Counters (one for event, source and host) stand in buckets of a hash table. Where a bucket is full, the counter that
would be forgotten first makes room: who has that many addresses is not to be stopped by counting them.

====================  =======================================================================
offset                what
====================  =======================================================================
0                     magic, generation, sizes
4096                  `BANS` records of 1024 bytes: checksum, kind, server, expires, texts
… + bans              `COUNTERS` records of 512 bytes: checksum, key, count, most, expires, texts
====================  =======================================================================

The file is sparse. Its descriptor is opened before the fork, so a session writes to it with nobody's rights.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ftpsd.access.bans import NEVER, Ban, Kind
from ftpsd.errors import ConfigError
from ftpsd.settings.bans import BanRule
from ftpsd.sql.turns import Lock

MAGIC = b"FTPSDBN1"
BANS, COUNTERS = 4096, 8192
_BUCKET = 8
PATIENCE = 1.0
"""Seconds that one waits for the others' turn; each takes some microseconds, or a millisecond for all bans."""

_GENERATION = struct.Struct("<Q")
_GENERATION_AT = 8
_BANS_AT, _BAN_SIZE = 4096, 1024
_COUNTERS_AT, _COUNTER_SIZE = _BANS_AT + BANS * _BAN_SIZE, 512
_SIZE = _COUNTERS_AT + COUNTERS * _COUNTER_SIZE
_BLOCK = 512
"""Bytes that `st_blocks` counts in."""
_CHECKSUM = struct.Struct("<I")
# kind, server, expires, name, reason, message
_BAN = struct.Struct("<B3x8sd448s128s208s")
# key, server, count, most, expires, event, source
_COUNTER = struct.Struct("<16s8sIId48s392s")
_OWED = 0x80
"""In a ban's kind: it has been lifted here, and BanCache may still have it. No ban for anybody, older versions
included, and gone with its end or when another needs the place."""
LONGEST_NAME = 448
"""Bytes of whom a ban or a counter can be about."""

_LONGEST_SOURCE = 392


@dataclass(frozen=True, slots=True)
class Counted:
    """How often something happened: `count` of `most`, forgotten at `expires` (seconds since the epoch)."""

    event: str
    source: str
    server: bytes
    count: int
    most: int
    expires: float


def check(path: str) -> None:
    """Whether a table is at `path` that can be used, or could be made there; makes none. Raises `ConfigError`."""
    if os.path.lexists(path):
        BanTable.open(path).close()
        return
    try:
        os.close(os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from None


class BanTable:
    """An open BanTable."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._memory = mmap.mmap(fd, _SIZE)
        self._turns = _turns(fd)

    @classmethod
    def open(cls, path: str) -> BanTable:
        """The table at `path`, made when there is none. Raises `ConfigError`."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        except OSError as error:
            raise _unusable(path, error.strerror or str(error)) from None
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise _unusable(path, "is no file")
            if status.st_mode & 0o022:
                raise _unusable(path, "others may write to it, and so ban and permit whom they like")
            with _turns(fd).held():
                _prepare(fd, path)
            return cls(path, fd)
        except OSError as error:
            os.close(fd)
            raise _unusable(path, error.strerror or str(error)) from None
        except ConfigError:
            os.close(fd)
            raise

    def close(self) -> None:
        """Gives it back; more than once is harmless."""
        if self._turns.fd >= 0:
            fd, self._turns.fd = self._turns.fd, -1
            self._memory.close()
            os.close(fd)

    @property
    def generation(self) -> int:
        """Changes with every change of the bans."""
        (number,) = _GENERATION.unpack_from(self._memory, _GENERATION_AT)
        return int(number)

    def read(self) -> tuple[int, list[Ban]]:
        """The generation and all its bans, expired ones too. Raises `TimeoutError`."""
        with self._turns.held():
            return self.generation, [ban for _, ban in self._bans()]

    def add(self, ban: Ban, now: float) -> Ban:
        """Keeps somebody away; the ban that does: `ban`, or another one if he is banned already.

        Where the table is full, the ban that would end first makes room. Raises `TimeoutError`, `ValueError` for a name
        too long.
        """
        if len(_bytes(ban.name)) > LONGEST_NAME:
            raise ValueError(f"the name is longer than {LONGEST_NAME} bytes")
        with self._turns.held():
            there = dict(self._bans())
            live = {index: one for index, one in there.items() if one.counts(one.server, now)}
            already = next((one for one in live.values() if one.same(ban)), None)
            if already is not None:
                return already
            owed = {index for index, _ in self._bans(_OWED)}
            free = [number for number in range(BANS) if number not in live]
            index = next((number for number in free if number not in owed), free[0] if free else None)
            if index is None:
                index = min(live, key=lambda number: live[number].expires or float("inf"))
            self._write(index, ban)
            self._changed()
            return ban

    def remove(self, kind: Kind, name: str | None, server: bytes | None, *, owe: bool = False) -> list[Ban]:
        """Lifts the bans of somebody (None: of all) at a host (None: wherever); those that were lifted.

        `owe`: other machines are still to be told of those that end by themselves (`owed`). Raises `TimeoutError`.
        """
        with self._turns.held():
            found = {
                index: ban for index, ban in self._bans()
                if ban.kind is kind and name in (None, ban.name) and server in (None, ban.server)
            }
            for index, ban in found.items():
                if owe and ban.expires != NEVER:
                    self._write(index, ban, _OWED)
                else:
                    self._wipe(index)
            if found:
                self._changed()
            return list(found.values())

    def owed(self, now: float) -> list[Ban]:
        """Bans that were lifted here and have not ended yet, of which other machines have not been told. Raises
        `TimeoutError`."""
        with self._turns.held():
            return [ban for _, ban in self._bans(_OWED) if ban.expires > now]

    def paid(self, bans: Collection[Ban]) -> None:
        """Other machines have been told that these were lifted. Raises `TimeoutError`."""
        those = frozenset(bans)
        with self._turns.held():
            for index, ban in self._bans(_OWED):
                if ban in those:
                    self._wipe(index)

    def count(self, rule: BanRule, source: str, server: bytes, now: float) -> Counted:
        """It has happened once more; how often that is within the rule's time. Raises `TimeoutError`."""
        key = hashlib.blake2b(repr((rule.event, source, server)).encode("utf-8", "surrogateescape"), digest_size=16)
        with self._turns.held():
            at, before = self._place(key.digest(), now)
            count, expires = (before.count + 1, before.expires) if before is not None else (1, now + rule.seconds)
            counted = Counted(rule.event, source, server, count, rule.most, expires)
            self._put(at, _COUNTER.pack(
                key.digest(), server, min(count, 2**32 - 1), rule.most, expires, _bytes(rule.event),
                _bytes(source)[:_LONGEST_SOURCE]))
            return counted

    def counted(self, now: float) -> list[Counted]:
        """All counters that are not forgotten yet. Raises `TimeoutError`."""
        with self._turns.held():
            found = (self._counter(_COUNTERS_AT + index * _COUNTER_SIZE) for index in range(COUNTERS))
            return [one for entry in found if entry is not None and (one := entry[1]).expires > now]

    # ---- the file

    def _write(self, index: int, ban: Ban, flag: int = 0) -> None:
        self._put(_BANS_AT + index * _BAN_SIZE, _BAN.pack(
            ban.kind | flag, ban.server, ban.expires, _bytes(ban.name), _bytes(ban.reason), _bytes(ban.message)))

    def _wipe(self, index: int) -> None:
        start = _BANS_AT + index * _BAN_SIZE
        self._memory[start : start + _CHECKSUM.size + _BAN.size] = b"\0" * (_CHECKSUM.size + _BAN.size)

    def _bans(self, flag: int = 0) -> Iterator[tuple[int, Ban]]:
        """The bans in force, or those with that flag, by their places."""
        memory = self._memory
        for index in range(BANS):
            start = _BANS_AT + index * _BAN_SIZE
            if not memory[start + _CHECKSUM.size]:
                continue
            data = self._get(start, _BAN.size)
            if data is None:
                continue
            kind, server, expires, name, reason, message = _BAN.unpack(data)
            kind ^= flag
            if kind in Kind._value2member_map_:
                yield index, Ban(Kind(kind), _text(name), server, expires, _text(reason), _text(message))

    def _place(self, key: bytes, now: float) -> tuple[int, Counted | None]:
        """Where the counter `key` stands, or may stand, and what it was."""
        first = int.from_bytes(key[:4], "little") % (COUNTERS // _BUCKET) * _BUCKET
        places = [_COUNTERS_AT + index * _COUNTER_SIZE for index in range(first, first + _BUCKET)]
        entries = [(at, self._counter(at)) for at in places]
        for at, entry in entries:
            if entry is not None and entry[0] == key:
                return at, entry[1] if entry[1].expires > now else None
        return min(entries, key=lambda one: NEVER if one[1] is None else one[1][1].expires)[0], None

    def _counter(self, at: int) -> tuple[bytes, Counted] | None:
        if not self._memory[at : at + _CHECKSUM.size].strip(b"\0"):
            return None
        data = self._get(at, _COUNTER.size)
        if data is None:
            return None
        key, server, count, most, expires, event, source = _COUNTER.unpack(data)
        return key, Counted(_text(event), _text(source), server, count, most, expires)

    def _put(self, at: int, data: bytes) -> None:
        self._memory[at : at + _CHECKSUM.size + len(data)] = _CHECKSUM.pack(zlib.crc32(data) or 1) + data

    def _get(self, at: int, size: int) -> bytes | None:
        record = self._memory[at : at + _CHECKSUM.size + size]
        data = record[_CHECKSUM.size:]
        return data if _CHECKSUM.unpack_from(record)[0] == (zlib.crc32(data) or 1) else None

    def _changed(self) -> None:
        _GENERATION.pack_into(self._memory, _GENERATION_AT, self.generation + 1)


def _prepare(fd: int, path: str) -> None:
    """An empty file becomes a table; whoever else opens it now waits. Raises `ConfigError`, `OSError`."""
    status = os.fstat(fd)
    if status.st_size == 0:
        _allocate(fd)
        os.pwrite(fd, MAGIC, 0)
    elif status.st_size != _SIZE or os.pread(fd, len(MAGIC), 0) != MAGIC:
        raise _unusable(path, "is something else than a ban table of this version of ftpsd")
    elif status.st_blocks * _BLOCK < _SIZE:
        os.posix_fallocate(fd, 0, _SIZE)


def _turns(fd: int) -> Lock:
    """At the table: who waits for one in vain has a `TimeoutError`."""
    return Lock(fd, PATIENCE, lambda _: TimeoutError("the ban table is busy"))


def _allocate(fd: int) -> None:
    """Makes the empty file as large as it will ever be. Who writes into a hole of a mapped file is killed (SIGBUS)
    where the file system is full. Raises `OSError`; then it is empty again."""
    try:
        os.posix_fallocate(fd, 0, _SIZE)
    except OSError:
        os.ftruncate(fd, 0)
        raise


def _unusable(path: str, why: str) -> ConfigError:
    return ConfigError(
        f"unable to use '{path}': {why}", directive="BanTable",
        remedy="Name a file in an existing directory that only the server may write to; it is made if missing.")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode("utf-8", "surrogateescape")

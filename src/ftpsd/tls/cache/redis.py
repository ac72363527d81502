"""`redis:`: entries on a Redis server, with the library redis-py."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from ftpsd.native._openssl import TicketKeys
from ftpsd.settings.remote import Address, RedisSentinels, RedisServer, Timeouts
from ftpsd.tls.cache.base import CacheError, Counters, Status
from ftpsd.tls.cache.redisplace import RedisPlace
from ftpsd.tls.cache.remote import RemoteStore

BATCH = 500
"""Entries that are asked for at once."""


class RedisStore(RemoteStore):
    """A cache on a Redis server."""

    kind: ClassVar[str] = "redis"

    def __init__(
        self, server: RedisServer | None, purpose: str, *, sentinels: RedisSentinels | None = None,
        timeouts: Timeouts, prefix: str = "", json: bool = False, sealer: TicketKeys | None = None,
        note: Callable[[str], None] = lambda text: None, clock: Callable[[], float] = time.time,
        counters: Counters | None = None,
    ) -> None:
        super().__init__(
            purpose, timeout=timeouts.connect + timeouts.io, prefix=prefix, json=json, sealer=sealer, note=note,
            clock=clock, counters=counters)
        self._place = RedisPlace(server or RedisServer(Address()), sentinels, timeouts)

    @property
    def name(self) -> str:
        return f"redis cache ({self._place})"

    def _connect(self) -> Any:
        return self._place.connect()

    def _fetch(self, key: bytes, deadline: float) -> bytes | None:
        name = self._name(key)
        entry = self._unwrap(key, self._ask(lambda client: client.get(name), deadline))
        return None if entry is None else entry.value

    def _store(self, key: bytes, value: bytes, expires: float, deadline: float) -> bool:
        name, data = self._name(key), self._wrap(key, value, expires)
        millis = max(1, int((expires - self.clock()) * 1000))
        return bool(self._ask(lambda client: client.set(name, data, px=millis), deadline))

    def _delete(self, key: bytes, deadline: float) -> bool:
        name = self._name(key)
        return bool(self._ask(lambda client: client.delete(name), deadline))

    def _forget(self, keys: Sequence[bytes], deadline: float) -> None:
        def forget(client: Any) -> None:
            for start in range(0, len(keys), BATCH):
                if time.monotonic() > deadline:
                    raise CacheError("it takes too long")
                client.unlink(*map(self._name, keys[start : start + BATCH]))

        self._ask(forget, deadline)

    def _expire(self, deadline: float) -> int:
        return 0

    def _clear(self, deadline: float) -> int:
        def clear(client: Any) -> int:
            return sum(client.unlink(*names) for names in self._batches(client, deadline))

        return self._ask(clear, deadline)

    def _batches(self, client: Any, deadline: float) -> Iterator[list[bytes]]:
        """The names of all entries, some at a time."""
        cursor = 0
        while True:
            if time.monotonic() > deadline:
                raise CacheError("it takes too long")
            cursor, names = client.scan(cursor, match=_literally(self.prefix) + "*", count=BATCH)
            if names:
                yield names
            if cursor == 0:
                return

    def _remove(self, deadline: float) -> None:
        self._clear(deadline)

    def _status(self, deadline: float) -> Status:
        count = self._ask(lambda client: sum(map(len, self._batches(client, deadline))), deadline)
        return Status(self.counters.snapshot(), entries=count, details=(("Redis server", str(self._place)),))

    def _entries(self, deadline: float) -> list[tuple[bytes, bytes, float]]:
        def collect(client: Any) -> list[tuple[bytes, bytes | None]]:
            return [
                (name, data)
                for names in self._batches(client, deadline)
                for name, data in zip(names, client.mget(names), strict=True)
            ]

        found = []
        for name, data in self._ask(collect, deadline):
            key = _key_of(name[len(self.prefix):])
            entry = self._unwrap(key, data)
            if entry is not None:
                found.append((key, entry.value, entry.expires, entry.stored))
        return [entry[:3] for entry in sorted(found, key=lambda entry: entry[3])]


def _key_of(name: bytes) -> bytes:
    try:
        return bytes.fromhex(name.decode("ascii", "replace"))
    except ValueError:
        return b""


def _literally(text: str) -> str:
    """A pattern that fits this text alone."""
    return "".join(f"\\{sign}" if sign in "*?[]\\^-" else sign for sign in text)

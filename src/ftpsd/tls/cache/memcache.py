"""`memcache:`: entries on memcached servers, with the library pymemcache.

memcached can neither list nor delete what begins with something. So `clear` leaves a mark with the time, and an entry
that was stored before that is not one any more. The mark is asked for along with every entry.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from pymemcache.client.base import Client
from pymemcache.client.hash import HashClient

from ftpsd.native._openssl import TicketKeys
from ftpsd.settings.remote import Address, Timeouts
from ftpsd.tls.cache.base import CacheError, Counters, Status
from ftpsd.tls.cache.remote import RemoteStore

LONGEST = 30 * 24 * 3600 - 1
"""Seconds; memcached takes a larger number for a date."""

DEAD = 10.0
"""Seconds for which one of several servers is left alone after a failure; the others take its part meanwhile."""


def _spec(address: Address) -> str | tuple[str, int]:
    return address.path or (address.host, address.port)


class MemcacheStore(RemoteStore):
    """A cache on memcached servers."""

    kind: ClassVar[str] = "memcache"

    def __init__(
        self, servers: Sequence[Address], purpose: str, *, timeouts: Timeouts, prefix: str = "", json: bool = False,
        sealer: TicketKeys | None = None, note: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.time, counters: Counters | None = None,
    ) -> None:
        super().__init__(
            purpose, timeout=timeouts.connect + timeouts.io, prefix=prefix, json=json, sealer=sealer, note=note,
            clock=clock, counters=counters)
        self._servers = tuple(servers)
        self._timeouts = timeouts
        self._mark = self.prefix + "cleared"

    @property
    def name(self) -> str:
        return f"memcache cache ({' '.join(map(str, self._servers))})"

    def _connect(self) -> Any:
        options: dict[str, Any] = {
            "connect_timeout": self._timeouts.connect, "timeout": self._timeouts.io, "no_delay": True,
            "default_noreply": False,
        }
        if len(self._servers) == 1:
            return Client(_spec(self._servers[0]), **options)
        return HashClient(
            [_spec(server) for server in self._servers], retry_attempts=0, dead_timeout=DEAD, **options)

    def _after_failure(self, client: Any) -> Any:
        """Of several servers, the client knows which one has failed."""
        return client if len(self._servers) > 1 else super()._after_failure(client)

    def _fetch(self, key: bytes, deadline: float) -> bytes | None:
        names = [self._name(key), self._mark]
        found = self._ask(lambda client: client.get_many(names), deadline)
        entry = self._unwrap(key, found.get(names[0]))
        if entry is None or entry.stored <= _time_of(found.get(self._mark)):
            return None
        return entry.value

    def _store(self, key: bytes, value: bytes, expires: float, deadline: float) -> bool:
        name, data, seconds = self._name(key), self._wrap(key, value, expires), self._seconds(expires)
        return bool(self._ask(lambda client: client.set(name, data, expire=seconds), deadline))

    def _seconds(self, expires: float) -> int:
        return max(1, min(math.ceil(expires - self.clock()), LONGEST))

    def _delete(self, key: bytes, deadline: float) -> bool:
        name, counts = self._name(key), self._fetch(key, deadline) is not None
        return bool(self._ask(lambda client: client.delete(name), deadline)) and counts

    def _expire(self, deadline: float) -> int:
        return 0

    def _clear(self, deadline: float) -> None:
        mark = repr(self.clock()).encode()
        if not self._ask(lambda client: client.set(self._mark, mark, expire=LONGEST), deadline):
            raise CacheError("memcached does not take the mark")

    def _remove(self, deadline: float) -> None:
        self._clear(deadline)

    def _status(self, deadline: float) -> Status:
        self._ask(lambda client: client.get(self._mark), deadline)
        return Status(
            self.counters.snapshot(), details=(("Memcache servers", " ".join(map(str, self._servers))),))

    def _entries(self, deadline: float) -> list[tuple[bytes, bytes, float]]:
        raise CacheError("memcached does not tell what it holds")


def _time_of(mark: bytes | None) -> float:
    try:
        return float(mark or 0)
    except ValueError:
        return 0.0

"""With what control connections resume the TLS sessions of earlier ones: a cache, and the ring of ticket keys.

Theory
------
Under TLS 1.2 with session ids the server remembers the session: it is in the cache, and a connection that comes to
another worker (or, with memcached and Redis, machine) finds it there. With tickets, under TLS 1.2 and always under TLS
1.3, the client keeps the session itself, encrypted with a key of the ring. Tickets stay stateless whatever the cache,
because a data connection must then never ask a cache: all that it needs is the ring, in memory.

So workers share two things: the cache's memory and the ring's. Both belong to the supervisor, outlive reloads, and
are passed on by fork. Every worker looks after the ring now and then; whoever comes first makes the next key.

Data connections are bound to their control connection by the identity in the session (`reuse`), wherever the session
was kept. What a cache returns can make a control connection cheaper; it is never a proof for a data connection.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from ftpsd.native._openssl import Context, OpenSSLError, TicketKeys
from ftpsd.settings.values import SessionCache, TicketKeyRules
from ftpsd.tls.cache.base import Store
from ftpsd.tls.cache.opening import Stores
from ftpsd.tls.cache.shared import SharedStore

ROTATION = 3600.0
"""Seconds between two ticket keys, where they last longer than that."""

_DIRECTIVE = "TLSSessionCache"
_SHORTEST_NAP = 0.5


def period_of(rules: TicketKeyRules) -> float:
    """Seconds after which the next ticket key is made."""
    return ROTATION if rules.age >= ROTATION else rules.age - 1.0


class Resumption:
    """What outlives a reload. Made in the supervisor, before the first service."""

    def __init__(self) -> None:
        self.keys = TicketKeys(empty=True)
        self.stores = Stores()
        self._pid = os.getpid()
        self._users = 0

    def lease(self, cache: SessionCache, rules: TicketKeyRules, note: Callable[[str], None]) -> Sessions:
        """For one service, which closes it. `note` gets what an administrator should know. Raises `ConfigError`."""
        store = None if cache.kind == "off" else self.stores.lease(cache, "sessions", _DIRECTIVE, note)
        self.keys.configure(rules.age, rules.count)
        self.keys.maintain(time.time(), 0)
        if not self.keys.locked:
            note("ticket keys cannot be kept out of swap: raise the limit of locked memory (ulimit -l)")
        self._users += 1
        return Sessions(self, store, cache.timeout, rules)

    def release(self, store: Store | None) -> None:
        """A service is closed. The supervisor's last one takes the keys with it."""
        if store is not None:
            self.stores.release(store)
        self._users -= 1
        if self._users == 0 and os.getpid() == self._pid:
            self.keys.wipe()


class Sessions:
    """The cache (None: off) and the ring as one service uses them."""

    def __init__(
        self, resumption: Resumption, store: Store | None, timeout: int, rules: TicketKeyRules,
    ) -> None:
        self.store = store
        self._resumption = resumption
        self._timeout = timeout
        self._period = period_of(rules)
        self._ended = threading.Event()
        self._closed = False

    def serve(self, context: Context) -> None:
        """Lets the connections of `context` resume sessions."""
        context.use_ticket_keys(self._resumption.keys)
        if self.store is None:
            return
        context.set_session_timeout(self._timeout)
        if isinstance(self.store, SharedStore):
            context.use_cache(self.store.memory)

    def start(self, note: Callable[[str], None]) -> None:
        """In a worker, before its first session; `note` gets what the log should say."""
        if self.store is not None:
            self.store.note = note
            self.store.start()
        threading.Thread(target=self._look_after_keys, args=(note,), name="ticket-keys", daemon=True).start()

    def _look_after_keys(self, note: Callable[[str], None]) -> None:
        failing = False
        while not self._ended.wait(self._until_next_key()):
            try:
                self._resumption.keys.maintain(time.time(), self._period)
                failing = False
            except OpenSSLError as error:
                if not failing:
                    note(f"{error}; it is tried again")
                failing = True

    def _until_next_key(self) -> float:
        """Seconds, also until the oldest key is to be wiped."""
        try:
            keys = self._resumption.keys.facts()
        except OpenSSLError:
            keys = []
        if not keys:
            return _SHORTEST_NAP
        next_key = keys[0].created + self._period
        last_end = keys[-1].created + self._resumption.keys.age
        return min(max(min(next_key, last_end) - time.time(), _SHORTEST_NAP), self._period)

    def close(self) -> None:
        """The service ends in this process."""
        if not self._closed:
            self._closed = True
            self._ended.set()
            self._resumption.release(self.store)

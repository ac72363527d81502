"""With what control connections resume the TLS sessions of earlier ones: a cache, and the ring of ticket keys.

Theory
------
Under TLS 1.2 with session ids the server remembers the session: it is in the cache, and a connection that comes to
another worker (or, with memcached and Redis, machine) finds it there. With tickets, under TLS 1.2 and always under TLS
1.3, the client keeps the session itself, encrypted with a key of the ring. Tickets stay stateless whatever the cache,
because a data connection must then never ask a cache: all that it needs is the ring, in memory. So machines that are to
resume each other's tickets share the ring (`pool`), not the tickets.

Workers share the cache's memory and the ring's. Both belong to the supervisor, outlive reloads, and are passed on by
fork. Every worker looks after the ring now and then; whoever comes first makes the next key. What a reload changes of
its rules the supervisor changes, when it has closed the service before (`Resumption.release`): a reload that fails,
after some of its workers have started, has changed nothing.

Data connections are bound to their control connection by the identity in the session (`reuse`), wherever the session
was kept. What a cache returns can make a control connection cheaper; it is never a proof for a data connection.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable

from ftpsd.native._openssl import Context, OpenSSLError, TicketKeys, wipe_memory
from ftpsd.settings.remote import RemoteSettings
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.values import TicketKeyRules
from ftpsd.tls.cache.base import Store
from ftpsd.tls.cache.opening import Stores
from ftpsd.tls.cache.remote import RemoteStore
from ftpsd.tls.cache.shared import SharedStore
from ftpsd.tls.pool import DIRECTIVE as POOL_DIRECTIVE
from ftpsd.tls.pool import INTERVAL, KeyPool, read_secret

ROTATION = 3600.0
"""Seconds between two ticket keys, where they last longer than that."""

FIRST_LOOK = 1.0
"""Seconds that a worker's start waits for the keys of the pool."""

_DIRECTIVE = "TLSSessionCache"
_SHORTEST_NAP = 0.5

Note = Callable[[str], None]


def period_of(rules: TicketKeyRules) -> float:
    """Seconds after which the next ticket key is made."""
    return ROTATION if rules.age >= ROTATION else rules.age - 1.0


class Resumption:
    """What outlives a reload. Made in the supervisor, before the first service."""

    def __init__(self) -> None:
        self.stores = Stores()
        self._leased: list[Sessions] = []
        self._pid = os.getpid()

    def lease(self, settings: TLSSettings, servers: RemoteSettings | None, note: Note) -> Sessions:
        """For one service, which closes it: `settings` are those of server config, `servers` say where memcached and
        Redis are. `note` gets what an administrator should know. Raises `ConfigError`.
        """
        cache, wanted = settings.session_cache, settings.ticket_pool
        keys = self._ring(settings)
        sealer = None if wanted is None else keys
        with contextlib.ExitStack() as undo:
            store = pool = None
            if cache.kind != "off":
                store = self.stores.lease(cache, "sessions", _DIRECTIVE, note, servers=servers, sealer=sealer)
                undo.callback(self.stores.release, store)
            if wanted is not None:
                carrier = self.stores.lease(wanted.place, "tickets", POOL_DIRECTIVE, note, servers=servers)
                pool = KeyPool(keys, carrier)
            undo.pop_all()
        for text in _worries(keys, store, pool):
            note(text)
        sessions = Sessions(self, keys, store, settings, pool)
        self._leased.append(sessions)
        return sessions

    def _ring(self, settings: TLSSettings) -> TicketKeys:
        """The ring in use; where the pool is another one, a new ring with the same keys."""
        rules, wanted = settings.ticket_keys, settings.ticket_pool
        fresh = TicketKeys(rules.age, rules.count, empty=True)
        if wanted is not None:
            secret = read_secret(wanted.secret)
            fresh.set_secret(secret)
            wipe_memory(secret)
        for sessions in self._leased:
            if sessions.keys.pool == fresh.pool:
                return sessions.keys
        if self._leased:
            fresh.adopt(self._leased[-1].keys, time.time())
        if wanted is None:
            fresh.maintain(time.time(), period_of(rules))
        return fresh

    def release(self, sessions: Sessions, stores: list[Store]) -> None:
        """A service is closed. The supervisor's last one takes the keys with it.

        A ring that a reload has replaced stays for the workers that still serve its sessions, and ends with the last.
        """
        for store in stores:
            self.stores.release(store)
        self._leased.remove(sessions)
        if os.getpid() != self._pid:
            return
        if self._leased:
            self._leased[-1].rule()
        else:
            sessions.keys.wipe()


def _worries(keys: TicketKeys, store: Store | None, pool: KeyPool | None) -> list[str]:
    found = []
    if not keys.locked:
        found.append("ticket keys cannot be kept out of swap: raise the limit of locked memory (ulimit -l)")
    if isinstance(store, RemoteStore) and pool is None:
        found.append(
            f"{_DIRECTIVE} {store.kind}: without {POOL_DIRECTIVE}, sessions lie there in clear, and session tickets"
            " (all of TLS 1.3) are of use on this machine only")
    return found


class Sessions:
    """The cache (None: off) and the ring as one service uses them."""

    def __init__(
        self, resumption: Resumption, keys: TicketKeys, store: Store | None, settings: TLSSettings,
        pool: KeyPool | None,
    ) -> None:
        self.store = store
        self.keys = keys
        self._resumption = resumption
        self._timeout = settings.session_cache.timeout
        self._rules = settings.ticket_keys
        self._period = period_of(self._rules)
        self._pool = pool
        self._ended = threading.Event()
        self._closed = False

    def serve(self, context: Context) -> None:
        """Lets the connections of `context` resume sessions."""
        context.use_ticket_keys(self.keys)
        if self.store is None:
            return
        context.set_session_timeout(self._timeout)
        if isinstance(self.store, SharedStore):
            context.use_cache(self.store.memory)
        else:
            context.use_keeper(self.store, sealed=isinstance(self.store, RemoteStore) and self.store.sealed)

    def start(self, note: Note) -> None:
        """In a worker, before its first session; `note` gets what the log should say."""
        for store in self._stores():
            store.note = note
            store.start()
        if self._pool is not None:
            self._pool.look(note, FIRST_LOOK)
        self.keys.maintain(time.time(), period_of(TicketKeyRules(self.keys.age)))
        threading.Thread(target=self._look_after_keys, args=(note,), name="ticket-keys", daemon=True).start()

    def _stores(self) -> list[Store]:
        pool = [] if self._pool is None else [self._pool.store]
        return pool if self.store is None else [self.store, *pool]

    def rule(self) -> None:
        """In the supervisor: it is this service that is served, so that the ring obeys its rules."""
        self.keys.configure(self._rules.age, self._rules.count)
        with contextlib.suppress(OpenSSLError):  # then a worker wipes what is too old, or too many
            self.keys.maintain(time.time(), self._rules.age)

    @property
    def _rules_hold(self) -> bool:
        return (self.keys.age, self.keys.keep) == (self._rules.age, self._rules.count)

    def _look_after_keys(self, note: Note) -> None:
        while not self._rules_hold:  # other workers of this service are still starting, and may fail
            if self._ended.wait(_SHORTEST_NAP):
                return
        failing = False
        while not self._ended.wait(self._nap()):
            try:
                if self._pool is not None:
                    self._pool.keep(self._period, note)
                else:
                    self.keys.maintain(time.time(), self._period)
                failing = False
            except OpenSSLError as error:
                if not failing:
                    note(f"{error}; it is tried again")
                failing = True

    def _nap(self) -> float:
        """Seconds until the ring needs something: a new key, the end of the oldest, a look at the pool."""
        if self._pool is not None:
            return INTERVAL / 2
        try:
            keys = self.keys.facts()
        except OpenSSLError:
            keys = []
        if not keys:
            return _SHORTEST_NAP
        now = time.time()
        youngest = max((key.created for key in keys if key.created <= now + self._period), default=0.0)
        next_key, last_end = youngest + self._period, keys[-1].created + self.keys.age
        return min(max(min(next_key, last_end) - now, _SHORTEST_NAP), self._period)

    def close(self) -> None:
        """The service ends in this process."""
        if not self._closed:
            self._closed = True
            self._ended.set()
            self._resumption.release(self, self._stores())

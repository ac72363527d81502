"""What memcached and Redis have in common as caches: entries in an envelope, on servers that others can reach.

An entry is called `PREFIX:PURPOSE:KEY`, the key in hexadecimal. Where the pool has a secret, what an entry holds is
sealed with it (native/ossl_seal.h), so that the server and whoever else can read or write there learns nothing and
forges nothing. Without one, a session lies there as mod_tls_memcache and mod_tls_redis leave it, in clear; TLS
connections then believe it less (`Context.use_keeper`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from ftpsd.native._openssl import TicketKeys
from ftpsd.tls.cache import envelope
from ftpsd.tls.cache.base import CacheError, Counters, Store
from ftpsd.tls.cache.errands import THREADS, Errands

Result = TypeVar("Result")

MAX_ENTRY = 64 * 1024
DEFAULT_PREFIX = "ftpsd"


class _Client(threading.local):
    """The connection of a thread to the servers."""

    client: Any = None


class RemoteStore(Store):
    """A cache on servers. A backend adds how it talks to them, with a client of a library for each thread."""

    distant = True

    def __init__(
        self, purpose: str, *, timeout: float, prefix: str = "", json: bool = False, sealer: TicketKeys | None = None,
        note: Callable[[str], None] = lambda text: None, clock: Callable[[], float] = time.time,
        counters: Counters | None = None,
    ) -> None:
        """`timeout`: seconds that a connection waits; `sealer`: has the pool's secret (None: there is none)."""
        super().__init__(max_entry=MAX_ENTRY, note=note, clock=clock, counters=counters)
        self.timeout = timeout
        self.prefix = f"{prefix or DEFAULT_PREFIX}:{purpose}:"
        self.sealer = sealer
        self._pack, self._unpack = (
            (envelope.pack_json, envelope.unpack_json) if json else (envelope.pack, envelope.unpack))
        self._errands = Errands(self._leave, threads=THREADS if purpose == "sessions" else 1)
        self._thread = _Client()

    @property
    def sealed(self) -> bool:
        """Whether nobody without the pool's secret can have written what is found here."""
        return self.sealer is not None

    def start(self) -> None:
        super().start()
        self._errands.start()

    def close(self) -> None:
        self._errands.stop()
        self._leave()

    # ---- entries

    def _wrap(self, key: bytes, value: bytes, expires: float) -> bytes:
        if self.sealer is not None:
            value = self.sealer.seal(self._label(key), value)
        return self._pack(key, envelope.Entry(value, self.clock(), expires))

    def _unwrap(self, key: bytes, data: bytes | None) -> envelope.Entry | None:
        """The entry; None: there is none, or not one that can be believed, or it has expired."""
        if data is None:
            return None
        try:
            if len(data) > 2 * self.max_entry:
                raise envelope.BadEntry("too long")
            entry = self._unpack(key, data)
            if self.sealer is not None:
                value = self.sealer.unseal(self._label(key), entry.value)
                entry = envelope.Entry(value, entry.stored, entry.expires)
        except ValueError:
            self.counters.add("errors")
            return None
        if entry.expires <= self.clock():
            self.counters.add("expired")
            return None
        return entry

    def _label(self, key: bytes) -> bytes:
        return self.prefix.encode() + key

    def _name(self, key: bytes) -> str:
        return self.prefix + key.hex()

    # ---- asking

    def _attempt(self, operation: Callable[[float], Result], timeout: float | None) -> Result | None:
        """While the server does not answer, nobody waits for the question whether it does again."""
        if self._outage.lasts and self._errands.send(lambda: super(RemoteStore, self)._attempt(self._probe, timeout)):
            return None
        return super()._attempt(operation, timeout)

    def _probe(self, deadline: float) -> bool:
        self._put(lambda client: client.get(self.prefix), deadline)
        return True

    def _ask(self, question: Callable[[Any], Result], deadline: float) -> Result:
        """The answer to a question put to the client. Raises `CacheError`."""
        return self._errands.run(lambda: self._put(question, deadline), deadline)

    def _put(self, question: Callable[[Any], Result], deadline: float) -> Result:
        """Twice, if need be: the first time may only show that the server has closed an idle connection."""
        try:
            return self._once(question)
        except CacheError:
            if time.monotonic() >= deadline:
                raise
            return self._once(question)

    def _once(self, question: Callable[[Any], Result]) -> Result:
        try:
            if self._thread.client is None:
                self._thread.client = self._connect()
            return question(self._thread.client)
        except CacheError:
            raise
        except Exception as error:  # whatever the library and the network raise: the cache is not to be had
            self._thread.client = self._after_failure(self._thread.client)
            raise CacheError(reason_of(error)) from None

    def _after_failure(self, client: Any) -> Any:
        """The client with which the next question is put; None: a new one."""
        close_client(client)

    def _leave(self) -> None:
        """A thread ends its conversation with the server."""
        client, self._thread.client = self._thread.client, None
        close_client(client)

    @abstractmethod
    def _connect(self) -> Any:
        """A client of the library."""


def close_client(client: Any) -> None:
    """Ends a conversation, whatever its state."""
    if client is not None:
        with contextlib.suppress(Exception):  # it may be broken already
            client.close()


def reason_of(error: Exception) -> str:
    """What a library or the network has to say, on one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__

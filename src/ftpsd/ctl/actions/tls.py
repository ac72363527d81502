"""mod_tls: the caches of TLS sessions and of OCSP responses, in the words of mod_tls and its cache modules.

TLSControlsACLs has to allow both words: the cache (`sesscache`, `ocspcache`) and what is done to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ftpsd.ctl.actions.base import TLS, Action, Answer, Failed, Later, Office, Request
from ftpsd.log.identity import TLS_MODULE
from ftpsd.tls.cache import contents
from ftpsd.tls.cache.base import CacheError, Statistics, Status, Store

PATIENCE = 2.0
"""Seconds that a cache has to answer. One on this machine needs none of them; the others are asked aside."""

MOST_SHOWN = 1000
"""Sessions that `info -v` lists."""


@runtime_checkable
class HasCaches(Protocol):
    """A service with caches; None: there is none."""

    @property
    def session_cache(self) -> Store | None: ...

    @property
    def response_cache(self) -> Store | None: ...


@dataclass(frozen=True, slots=True)
class _Words:
    """How one kind of cache is talked about."""

    action: str
    directive: str
    title: str
    short: str
    one: str

    def of(self, service: object) -> Store | None:
        """The cache."""
        if not isinstance(service, HasCaches):
            return None
        return service.session_cache if self.action == "sesscache" else service.response_cache


_CACHES = {
    "sesscache": _Words("sesscache", "TLSSessionCache", "SSL session", "session", "session"),
    "ocspcache": _Words("ocspcache", "TLSStaplingCache", "OCSP response", "OCSP", "response"),
}
_PROVIDERS = {
    "shm": ("Shared memory (shm)", "mod_tls_shmcache/0.2"), "memcache": ("Memcache", "mod_tls_memcache/0.2"),
    "redis": ("Redis", "mod_tls_redis/0.1"), "fs": ("Filesystem (fs)", "mod_tls_fscache/0.0"),
    "internal": ("Internal (internal)", TLS_MODULE),
}


def _tls(office: Office, request: Request) -> Answer | Later:
    """`tls sesscache|ocspcache info [-v]|clear|remove`."""
    if not request.words:
        raise Failed("tls: missing required parameters")
    kind, *rest = request.words
    words = _CACHES.get(kind)
    if words is None:
        raise Failed(f"tls: unknown tls action: '{kind}'")
    if not request.may(kind):
        raise Failed("access denied")
    if not rest:
        raise Failed(f"tls {kind}: missing required parameters")
    run = {"info": _info, "clear": _clear, "remove": _remove}.get(rest[0])
    if run is None:
        raise Failed(f"tls {kind}: unknown {kind} action: '{rest[0]}'")
    if not request.may(rest[0]):
        raise Failed("access denied")
    store = words.of(office.supervisor.service)
    if store is not None and store.distant:
        return Later(lambda: run(words, store, rest[1:]))
    return run(words, store, rest[1:])


def _clear(words: _Words, store: Store | None, rest: list[str]) -> Answer:
    try:
        cleared = _there(store).clear(timeout=PATIENCE)
    except CacheError as error:
        raise Failed(f"tls {words.action}: error clearing {words.short} cache: {error}") from None
    assert store is not None
    plural = "" if cleared == 1 else "s"
    count = f"{'all' if cleared is None else cleared} {words.one}{plural}"
    return Answer.of(f"tls {words.action}: cleared {count} from '{store.kind}' {words.short} cache")


def _remove(words: _Words, store: Store | None, rest: list[str]) -> Answer:
    try:
        _there(store).remove(timeout=PATIENCE)
    except CacheError as error:
        raise Failed(f"tls {words.action}: error removing {words.short} cache: {error}") from None
    assert store is not None
    return Answer.of(f"tls {words.action}: removed '{store.kind}' {words.short} cache")


def _there(store: Store | None) -> Store:
    if store is None:
        raise CacheError("Function not implemented")
    return store


def _info(words: _Words, store: Store | None, rest: list[str]) -> Answer:
    wrong = [word for word in rest if word != "-v"]
    if wrong:
        raise Failed(f"tls {words.action}: unsupported parameter: '{wrong[0]}'")
    if store is None:
        return Answer.of(f"No {words.directive} configured")
    try:
        status = store.status(timeout=PATIENCE)
    except CacheError as error:
        raise Failed(f"tls {words.action}: error obtaining info about the {words.short} cache: {error}") from None
    lines = [*_head(words, store, status), "", *_lifetime(words, status.statistics)]
    if rest and words.action == "sesscache":
        lines += ["", "Cached sessions:", *_sessions(store)]
    return Answer.of(*lines)


def _head(words: _Words, store: Store, status: Status) -> list[str]:
    name, module = _PROVIDERS.get(store.kind, (store.kind, TLS_MODULE))
    shared = "Shared memory " if store.kind == "shm" else ""
    details = dict(status.details)
    first = details.pop("Shared memory segment ID", None)
    last = [f"{each}: {value}" for each, value in details.items()]
    facts = [] if first is None else [f"Shared memory segment ID: {first}"]
    if status.size is not None:
        facts.append(f"{'Shared memory segment size' if shared else 'Cache size'}: {status.size} bytes")
    if status.created is not None:
        facts.append(f"{shared or ''}{'cache' if shared else 'Cache'} created on: {time.ctime(status.created)}")
    facts += last
    numbers = [] if status.capacity is None else [f"Max {words.one} cache size: {status.capacity}"]
    numbers += [] if status.entries is None else [f"Current {words.one} cache size: {status.entries}"]
    lines = [f"{name} {words.title} cache provided by {module}"]
    for block in (facts, numbers):
        lines += ["", *block] if block else []
    return lines


def _lifetime(words: _Words, counted: Statistics) -> list[str]:
    many = f"{words.one}s"
    return [
        f"Cache lifetime hits: {counted.hits}", f"Cache lifetime misses: {counted.misses}", "",
        f"Cache lifetime {many} stored: {counted.stored}", f"Cache lifetime {many} deleted: {counted.deleted}",
        f"Cache lifetime {many} expired: {counted.expired}", f"Cache lifetime {many} evicted: {counted.evicted}", "",
        f"Cache lifetime errors handling {many} in cache: {counted.errors}",
        f"Cache lifetime {many} exceeding max entry size: {counted.too_large}",
    ]


def _sessions(store: Store) -> Iterator[str]:
    try:
        entries = store.entries(timeout=PATIENCE)
    except CacheError as error:
        yield f"  ({error})"
        return
    if not entries:
        yield "  (none)"
    now = store.clock()
    for key, value, expires in entries[:MOST_SHOWN]:
        yield "  -----BEGIN SSL SESSION PARAMETERS-----"
        yield f"    Session ID: {key.hex().upper()}"
        facts = contents.describe(value)
        if facts is not None:
            yield f"    Session ID Context: {facts.context.hex().upper()}"
            yield f"    Protocol: {facts.protocol}"
            yield f"    Started: {time.ctime(facts.started)}"
        yield f"    Expires: {time.ctime(expires)} ({max(0, int(expires - now))} secs)"
        yield "  -----END SSL SESSION PARAMETERS-----"
        yield ""
    if len(entries) > MOST_SHOWN:
        yield f"  ({len(entries) - MOST_SHOWN} more)"


ACTIONS = (Action("tls", TLS, "query/tune mod_tls settings", _tls, "tls"),)

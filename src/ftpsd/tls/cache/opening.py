"""From a directive's value to a cache, and which caches a server has open.

A reload makes the next service beside the present one. Where both name the same cache, it is the same object: what is
in it stays, and the workers of both use it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ftpsd.errors import ConfigError, Location, installing
from ftpsd.native._openssl import SharedCache, TicketKeys
from ftpsd.settings.remote import RemoteSettings, server_directive
from ftpsd.settings.values import SessionCache
from ftpsd.tls.cache.base import Store
from ftpsd.tls.cache.files import FileStore, prepare_directory
from ftpsd.tls.cache.shared import INTERNAL_SIZE, SMALLEST, SharedCounters, SharedStore, open_segment

Purpose = Literal["sessions", "responses", "tickets", "bans"]
"""What a cache holds: TLS sessions, OCSP responses, the ticket keys of a pool, or bans."""

REMOTE_KINDS = ("memcache", "redis")

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that makes one cache another than the next. `directive` is what errors name, `pool` whose secret entries
    are sealed with (b"": nobody's)."""

    place: SessionCache
    purpose: Purpose
    directive: str
    servers: RemoteSettings | None = None
    pool: bytes = b""


@dataclass(slots=True)
class _Opened:
    store: Store
    users: int


class Stores:
    """The caches that are open, each with the number of its users."""

    def __init__(self) -> None:
        self._opened: dict[Plan, _Opened] = {}

    def lease(
        self, place: SessionCache, purpose: Purpose, directive: str, note: Note, *,
        servers: RemoteSettings | None = None, sealer: TicketKeys | None = None,
    ) -> Store:
        """The cache at `place` (of a kind that is not `off`); `release` it.

        `servers` is where memcached and Redis are; `sealer` has the secret of the pool (None: there is none). Raises
        `ConfigError`.
        """
        remote = place.kind in REMOTE_KINDS
        plan = Plan(
            dataclasses.replace(place, timeout=0), purpose, directive, servers if remote else None,
            sealer.pool if remote and sealer is not None else b"")
        opened = self._opened.get(plan)
        if opened is not None and _removed(opened.store):
            del self._opened[plan]
            opened = None
        if opened is None:
            opened = self._opened[plan] = _Opened(_open(plan, note, sealer), 0)
        opened.users += 1
        return opened.store

    def release(self, store: Store) -> None:
        """One user less; a cache that nobody uses is closed."""
        for plan, opened in list(self._opened.items()):
            if opened.store is store:
                opened.users -= 1
                if opened.users > 0:
                    return
                del self._opened[plan]
        store.close()


def _removed(store: Store) -> bool:
    """Whether an administrator has taken the cache away: a reload makes a new one."""
    return isinstance(store, SharedStore) and store.memory.facts().removed


def _open(plan: Plan, note: Note, sealer: TicketKeys | None) -> Store:
    place = plan.place
    if place.kind in REMOTE_KINDS:
        return _open_remote(plan, sealer)
    if place.kind == "shm":
        return open_segment(
            place.path, place.size, directive=plan.directive, lasting=plan.purpose == "responses", note=note)
    if place.kind == "fs":
        prepare_directory(place.path, plan.directive)
        return FileStore(place.path)
    return SharedStore(SharedCache(INTERNAL_SIZE))


def _open_remote(plan: Plan, sealer: TicketKeys | None) -> Store:
    servers, counters = plan.servers or RemoteSettings(), SharedCounters(SharedCache(SMALLEST))
    kind = plan.place.kind
    missing = servers.missing(kind)
    if missing:
        raise ConfigError(
            f"{kind}: needs {missing}", directive=plan.directive,
            remedy=f"Write {kind.capitalize()}Engine on and {server_directive(kind)}, or another cache.")
    try:
        return _remote(plan, servers, counters, sealer)
    except ImportError as error:
        raise without_library(kind, error, plan.directive) from None


def without_library(kind: str, error: ImportError, directive: str, location: Location | None = None) -> ConfigError:
    """What to say where the library for servers of a kind cannot be imported."""
    return ConfigError(
        f"{kind}: the Python library {error.name} is not installed", directive=directive, location=location,
        remedy=f"Install it: {installing(kind)}")


def _remote(plan: Plan, servers: RemoteSettings, counters: SharedCounters, sealer: TicketKeys | None) -> Store:
    """The libraries are imported here, before the server forks, and only where they are asked for."""
    place = plan.place
    if place.kind == "redis":
        from ftpsd.tls.cache.redis import RedisStore

        return RedisStore(
            servers.redis_server, plan.purpose, sentinels=servers.redis_sentinel, timeouts=servers.redis_timeouts,
            prefix=place.prefix, json=place.json, sealer=sealer, counters=counters)
    from ftpsd.tls.cache.memcache import MemcacheStore

    return MemcacheStore(
        servers.memcache_servers, plan.purpose, timeouts=servers.memcache_timeouts, prefix=place.prefix,
        json=place.json, sealer=sealer, counters=counters)

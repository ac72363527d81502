"""What ftpsd has once for all hosts, though ProFTPD takes it in <VirtualHost>, too; and caches that cannot be used.

A <VirtualHost> may say it for the whole server where server config says nothing, or say the same once more. Hosts that
want different servers would share one here, so that stops the start.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, MutableMapping

from ftpsd.errors import ConfigError
from ftpsd.settings.model import Change, Configuration, Settings
from ftpsd.settings.remote import server_directive
from ftpsd.settings.values import SessionCache

Changes = MutableMapping[tuple[str, str], Change]

SERVER_WIDE = {
    ("remote", "redis_engine"): "RedisEngine", ("remote", "redis_server"): "RedisServer",
    ("remote", "redis_sentinel"): "RedisSentinel", ("remote", "redis_timeouts"): "RedisTimeouts",
    ("remote", "memcache_engine"): "MemcacheEngine", ("remote", "memcache_servers"): "MemcacheServers",
    ("remote", "memcache_timeouts"): "MemcacheTimeouts", ("bans", "options"): "BanOptions",
    ("bans", "cache"): "BanCache", ("bans", "cache_options"): "BanCacheOptions",
}
"""Fields, and what their directives are called."""

_REDIS_ENGINE = ("remote", "redis_engine")
_MEMCACHE_ENGINE = ("remote", "memcache_engine")


def lift(main: Changes, shared: Changes, hosts: Iterable[Changes]) -> Iterator[str]:
    """Moves what `hosts` (of <VirtualHost> sections) say of `SERVER_WIDE` to `main` (of server config); `shared` is
    what <Global> says. Yields notices; raises `ConfigError` where hosts differ.

    RedisEngine off stays with its host: nothing of its sessions is logged to Redis. MemcacheEngine off has nothing
    like that to switch off.
    """
    for host in hosts:
        for key, directive in SERVER_WIDE.items():
            change = host.get(key)
            if change is None or (key == _REDIS_ENGINE and change.value is False):
                continue
            del host[key]
            said = main.get(key) or shared.get(key)
            if key == _MEMCACHE_ENGINE and change.value is False:
                if said is None or said.value:
                    yield (f"{directive} off in <VirtualHost> on {change.location} has no effect: the whole server uses"
                           " memcached or does not, and server config says which")
            elif said is None:
                main[key] = change
                yield f"{directive} in <VirtualHost> on {change.location} counts for the whole server: write it outside"
            elif said.value != change.value:
                raise ConfigError(
                    f"there is one for the whole server, and another on {said.location}", location=change.location,
                    directive=directive, remedy="Take one of the two out: ftpsd has no such thing for each host.")


def without_servers(configuration: Configuration) -> tuple[Configuration, tuple[str, ...]]:
    """The configuration without caches in memcached or Redis where these are off or named nowhere, and notices.

    As in ProFTPD TLS sessions are then kept in memory, OCSP responses and bans are not shared.
    """
    main = configuration.hosts[0]
    settings, notices = main.settings, list[str]()
    for group, field, directive, instead, meaning in _CACHES:
        cache = getattr(getattr(settings, group), field)
        kind = cache.kind if isinstance(cache, SessionCache) else cache
        missing = settings.remote.missing(kind) if kind in ("memcache", "redis") else ""
        if not missing:
            continue
        kept = dataclasses.replace(instead, timeout=cache.timeout) if instead is not None else None
        settings = _with(settings, group, field, kept)
        notices.append(
            f"{directive} {kind} on {main.origin(group, field)} is not used, {meaning}: it needs {missing}; write"
            f" {kind.capitalize()}Engine on and {server_directive(kind)}, or another cache")
    if not notices:
        return configuration, ()
    hosts = (dataclasses.replace(main, settings=settings), *configuration.hosts[1:])
    return dataclasses.replace(configuration, hosts=hosts), tuple(notices)


_CACHES = (
    ("tls", "session_cache", "TLSSessionCache", SessionCache(), "TLS sessions are kept in memory"),
    ("tls", "stapling_cache", "TLSStaplingCache", None, "OCSP responses are kept in memory"),
    ("bans", "cache", "BanCache", None, "bans are this machine's own"),
)
"""Group, field and directive of a cache, what takes its place, and what that means."""


def _with(settings: Settings, group: str, field: str, value: object) -> Settings:
    changed = dataclasses.replace(getattr(settings, group), **{field: value})
    return dataclasses.replace(settings, **{group: changed})

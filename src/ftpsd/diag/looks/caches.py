"""Whether the servers answer that TLS sessions and OCSP responses are to be kept by."""

from __future__ import annotations

from collections.abc import Sequence

from ftpsd.diag.subject import Subject
from ftpsd.errors import ConfigError
from ftpsd.reasons.codes import Code
from ftpsd.settings.remote import Address, RemoteSettings
from ftpsd.settings.values import SessionCache
from ftpsd.tls.cache.opening import REMOTE_KINDS, Purpose, Stores


def look(subject: Subject) -> None:
    """They belong to the whole server: said once, with server config."""
    main = subject.configuration.hosts[0]
    if subject.host is main:
        tls = main.settings.tls
        _look_at(subject, "TLSSessionCache", "sessions", tls.session_cache)
        _look_at(subject, "TLSStaplingCache", "responses", tls.stapling_cache)


def _look_at(subject: Subject, directive: str, purpose: Purpose, place: SessionCache | None) -> None:
    if place is None or place.kind not in REMOTE_KINDS:
        return
    remote = subject.configuration.hosts[0].settings.remote
    stores = Stores()
    try:
        stores.release(stores.lease(place, purpose, directive, lambda text: None, servers=remote))
    except ConfigError as error:
        subject.config_error(Code.CONFIG_ERROR, error)
        return
    for address in servers_of(place.kind, remote):
        silent = subject.machine.unreachable(address.host, address.port, address.path)
        subject.fact("caches", f"{directive}: {place.kind} at {address}" + (f", {silent}" if silent else ""))
        if silent:
            subject.warn(
                Code.CACHE_UNREACHABLE,
                f"{directive} {place.kind}: {address} cannot be reached ({silent}): the server runs without it",
                "Start it, or correct " + ("MemcacheServers." if place.kind == "memcache" else "RedisServer."),
                of=directive)


def servers_of(kind: str, remote: RemoteSettings) -> Sequence[Address]:
    """Who has to answer; of Sentinels, those."""
    if kind == "memcache":
        return remote.memcache_servers
    if remote.redis_sentinel is not None:
        return remote.redis_sentinel.addresses
    return () if remote.redis_server is None else (remote.redis_server.address,)

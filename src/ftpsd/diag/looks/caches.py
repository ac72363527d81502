"""Where TLS sessions and OCSP responses are to be kept, and logs written to: files, and whether servers answer."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from ftpsd.diag.machine import is_forbidden
from ftpsd.diag.subject import Subject
from ftpsd.errors import ConfigError
from ftpsd.log.redislog import open_redis_log
from ftpsd.reasons.codes import Code
from ftpsd.settings.redis_rules import first_log
from ftpsd.settings.remote import Address, RemoteSettings, server_directive
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.values import SessionCache
from ftpsd.tls import pool
from ftpsd.tls.cache.files import check_directory
from ftpsd.tls.cache.opening import REMOTE_KINDS, Purpose, Stores
from ftpsd.tls.cache.shared import check_file, too_small
from ftpsd.tls.sessions import Resumption


def look(subject: Subject) -> None:
    """They belong to the whole server: said once, with server config."""
    main = subject.configuration.hosts[0]
    if subject.host is main:
        tls = main.settings.tls
        _look_at(subject, "TLSSessionCache", "sessions", tls.session_cache)
        _look_at_pool(subject, tls)
        _look_at(subject, "TLSStaplingCache", "responses", tls.stapling_cache)
        _look_at_logs(subject)


def look_at_shared_bans(subject: Subject) -> None:
    """Where BanCache has bans shared; said once, with server config."""
    kind = subject.configuration.hosts[0].settings.bans.cache
    _look_at(subject, "BanCache", "bans", None if kind is None else SessionCache(kind))


def _look_at(subject: Subject, directive: str, purpose: Purpose, place: SessionCache | None) -> None:
    if place is None:
        return
    if place.kind not in REMOTE_KINDS:
        _look_at_files(subject, directive, place)
        return
    remote = subject.configuration.hosts[0].settings.remote
    stores = Stores()
    try:
        stores.release(stores.lease(place, purpose, directive, lambda text: None, servers=remote))
    except ConfigError as error:
        subject.config_error(Code.CONFIG_ERROR, error)
        return
    _ask(subject, directive, place.kind, remote, Code.CACHE_UNREACHABLE)


def _look_at_files(subject: Subject, directive: str, place: SessionCache) -> None:
    """The file of shm and the directory of fs; where there is none, the server makes one."""
    small = too_small(place.size) if place.kind == "shm" else ""
    if small:
        subject.warn(Code.CONFIG_NOTICE, small, of=directive)
    if not place.path:
        return
    unopened = place.kind == "shm" and os.path.exists(place.path) and not os.access(place.path, os.W_OK)
    if unopened or is_forbidden(place.path):
        subject.cannot_look(place.path, of=directive)
        return
    try:
        if place.kind == "shm":
            check_file(place.path, directive)
        elif os.path.exists(place.path):
            check_directory(place.path, directive)
    except ConfigError as error:
        subject.config_error(Code.CONFIG_ERROR, error)


def _look_at_pool(subject: Subject, tls: TLSSettings) -> None:
    """The file with the secret, and where ticket keys are exchanged."""
    if tls.ticket_pool is None:
        return
    if is_forbidden(tls.ticket_pool.secret):
        subject.cannot_look(tls.ticket_pool.secret, of=pool.DIRECTIVE)
        return
    remote = subject.configuration.hosts[0].settings.remote
    alone = dataclasses.replace(tls, session_cache=SessionCache("off"))
    try:
        Resumption().lease(alone, remote, lambda text: None).close()
    except ConfigError as error:
        subject.config_error(Code.CONFIG_ERROR, error)
        return
    _ask(subject, pool.DIRECTIVE, tls.ticket_pool.place.kind, remote, Code.CACHE_UNREACHABLE)


def _look_at_logs(subject: Subject) -> None:
    first = first_log(subject.configuration)
    if first is None:
        return
    try:
        open_redis_log(subject.configuration, float, lambda text, reason: None)
    except ConfigError as error:
        subject.config_error(Code.CONFIG_ERROR, error)
        return
    remote = subject.configuration.hosts[0].settings.remote
    _ask(subject, first.directive, "redis", remote, Code.REDIS_LOG_UNREACHABLE)


def _ask(subject: Subject, directive: str, kind: str, remote: RemoteSettings, code: Code) -> None:
    for address in servers_of(kind, remote):
        silent = subject.silence(address, "caches", f"{directive}: {kind} at {address}")
        if silent:
            subject.warn(
                code, f"{directive} {kind}: {address} cannot be reached ({silent}): the server runs without it",
                f"Start it, or correct {server_directive(kind)}.", of=directive)


def servers_of(kind: str, remote: RemoteSettings) -> Sequence[Address]:
    """Who has to answer; of Sentinels, those."""
    if kind == "memcache":
        return remote.memcache_servers
    if remote.redis_sentinel is not None:
        return remote.redis_sentinel.addresses
    return () if remote.redis_server is None else (remote.redis_server.address,)

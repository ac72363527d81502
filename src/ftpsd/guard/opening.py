"""From the directives of bans to what sessions ask. In the supervisor, before the fork; raises `ConfigError`."""

from __future__ import annotations

from collections.abc import Callable

from ftpsd.errors import ConfigError
from ftpsd.guard.bans import Bans
from ftpsd.guard.bantable import BanTable
from ftpsd.guard.shared import SharedBans
from ftpsd.settings.model import Configuration, Host
from ftpsd.settings.values import SessionCache
from ftpsd.sql.wanted import Queries, check_queries
from ftpsd.tls.cache.opening import Stores


def open_bans(configuration: Configuration, stores: Stores, note: Callable[[str], None]) -> Bans | None:
    """The bans of a configuration; None: BanEngine is on nowhere. `stores` are the caches that are open."""
    settings = configuration.hosts[0].settings
    if not _enabled(configuration):
        return None
    if settings.bans.table is None:
        raise ConfigError(
            "needs BanTable", directive="BanEngine",
            remedy="Write BanTable with the path of a file (outside of all sections), or BanEngine off.")
    table = BanTable.open(settings.bans.table)
    try:
        shared = _shared(configuration, stores, note)
    except BaseException:
        table.close()
        raise
    return Bans(table, any_server="MatchAnyServer" in settings.bans.options, shared=shared)


def check_wrap_tables(configuration: Configuration, queries: Callable[[Host], Queries | None]) -> None:
    """Whether the queries of WrapTables and its kin are there, where WrapEngine is on. Raises `ConfigError`."""
    for host in configuration.hosts:
        for wrap in (host.settings.wrap, *(section.settings.wrap for section in host.anonymous)):
            if not wrap.engine:
                continue
            named = [("WrapUserTables", one.tables) for one in wrap.user_tables]
            named += [("WrapGroupTables", one.tables) for one in wrap.group_tables]
            named += [("WrapTables", wrap.tables)] if wrap.tables is not None else []
            for directive, pair in named:
                for table in pair:
                    if table.source == "sql":
                        check_queries(table.queries, queries(host), directive)


def _enabled(configuration: Configuration) -> bool:
    return any(
        host.settings.bans.engine or any(
            (change.group, change.field, change.value) == ("bans", "engine", True)
            for section in host.conditionals for change in section.changes)
        for host in configuration.hosts)


def _shared(configuration: Configuration, stores: Stores, note: Callable[[str], None]) -> SharedBans | None:
    settings = configuration.hosts[0].settings
    kind = settings.bans.cache
    if kind is None:
        return None
    place = SessionCache(kind, json="UseJSON" in settings.bans.cache_options)
    store = stores.lease(place, "bans", "BanCache", note, servers=settings.remote)
    return SharedBans(store, lambda: stores.release(store), match_server="MatchServer" in settings.bans.cache_options)

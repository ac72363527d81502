"""From the directives of bans to what sessions ask. In the supervisor, before the fork; raises `ConfigError`."""

from __future__ import annotations

from collections.abc import Callable

from ftpsd.errors import ConfigError, Location
from ftpsd.guard.bans import Bans
from ftpsd.guard.bantable import BanTable
from ftpsd.guard.shared import SharedBans
from ftpsd.settings.model import Configuration, Host
from ftpsd.settings.values import SessionCache
from ftpsd.sql.wanted import Queries, check_queries
from ftpsd.tls.cache.opening import Stores


def check_bans(configuration: Configuration) -> str | None:
    """The BanTable; None: BanEngine is on nowhere. Raises `ConfigError` where bans would have no place."""
    engines = _engines(configuration)
    table = configuration.hosts[0].settings.bans.table
    if engines and table is None:
        raise ConfigError(
            "needs BanTable", directive="BanEngine", location=engines[0],
            remedy="Write BanTable with the path of a file (outside of all sections), or BanEngine off.")
    return table if engines else None


def open_bans(configuration: Configuration, stores: Stores, note: Callable[[str], None]) -> Bans | None:
    """The bans of a configuration; None: BanEngine is on nowhere. `stores` are the caches that are open."""
    path = check_bans(configuration)
    if path is None:
        return None
    settings = configuration.hosts[0].settings
    table = BanTable.open(path)
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


def _engines(configuration: Configuration) -> list[Location | None]:
    """Where BanEngine is on."""
    found = [host.origin("bans", "engine") for host in configuration.hosts if host.settings.bans.engine]
    return found + [
        change.location for host in configuration.hosts for change in host.changes_for_some("bans", "engine")
        if change.value]


def _shared(configuration: Configuration, stores: Stores, note: Callable[[str], None]) -> SharedBans | None:
    settings = configuration.hosts[0].settings
    kind = settings.bans.cache
    if kind is None:
        return None
    place = SessionCache(kind, json="UseJSON" in settings.bans.cache_options)
    store = stores.lease(place, "bans", "BanCache", note, servers=settings.remote)
    return SharedBans(store, lambda: stores.release(store), match_server="MatchServer" in settings.bans.cache_options)

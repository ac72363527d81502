"""Quotas at work: the tables of a host, and what a session's limit is.

Tables of databases are asked by the named queries of `QuotaLimitTable sql:` and `QuotaTallyTable sql:`, in
mod_quotatab's order of values. A database adds by itself (`x = x + %{0}`), so what is known of a tally before that is
asked for under a lock: QuotaLock's, which several machines may share, or one of this server's workers.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ftpsd.access.quotas import Amounts, Key, Limit, QuotaType, Reached, added, whole
from ftpsd.errors import ConfigError, FtpsdError
from ftpsd.guard.quotafile import LimitFile, TallyFile
from ftpsd.settings.model import Configuration, Host
from ftpsd.settings.quotas import QuotaDefault, QuotaSettings, QuotaTable
from ftpsd.sql.turns import Lock, TableError
from ftpsd.sql.wanted import Queries, check_queries

Table = TypeVar("Table", LimitFile, TallyFile)


class LimitTable(Protocol):
    """Where limits stand."""

    def find(self, key: Key) -> Limit | None:
        """The limit of `key`. Raises `TableError`."""


class TallyTable(Protocol):
    """Where tallies stand."""

    def read(self, key: Key) -> Amounts | None:
        """The tally of `key`. Raises `TableError`."""

    def create(self, key: Key) -> None:
        """Makes a tally of nothing where there is none. Raises `TableError`."""

    def add(self, key: Key, change: Amounts, limit: Limit | None) -> Amounts | Reached:
        """Adds to a tally what a hard `limit` allows, or says which bound does not. Raises `TableError`."""


class SqlLimits:
    """Limits that a query returns."""

    def __init__(self, queries: Callable[[], Queries | None], name: str) -> None:
        self._queries = queries
        self._name = name

    def find(self, key: Key) -> Limit | None:
        """See `LimitTable`."""
        rows = _ask(self._queries, self._name, (key.name, key.type.value))
        if not rows:
            return None
        values = [value or "" for value in rows[0]]
        if len(values) < 10:
            raise TableError(f"query '{self._name}' returns {len(values)} values, not 10")
        per_session = values[2].strip().lower() in ("true", "t", "1", "yes", "on")
        return Limit(key, _amounts(values[4:10]), per_session, values[3].strip().lower() != "soft")


class SqlTallies:
    """Tallies that queries return, change and make."""

    def __init__(self, queries: Callable[[], Queries | None], names: tuple[str, ...], lock: Lock) -> None:
        self._queries = queries
        self._select, self._update, self._insert = names
        self._lock = lock

    def read(self, key: Key) -> Amounts | None:
        """See `TallyTable`."""
        rows = _ask(self._queries, self._select, (key.name, key.type.value))
        if not rows:
            return None
        if len(rows[0]) < 8:
            raise TableError(f"query '{self._select}' returns {len(rows[0])} values, not 8")
        return _amounts([value or "" for value in rows[0]][2:8])

    def create(self, key: Key) -> None:
        """See `TallyTable`."""
        with self._lock.held():
            if self.read(key) is None:
                _ask(self._queries, self._insert, (key.name, key.type.value, *_shown(Amounts())))

    def add(self, key: Key, change: Amounts, limit: Limit | None) -> Amounts | Reached:
        """See `TallyTable`."""
        with self._lock.held():
            before = self.read(key)
            if before is None:
                _ask(self._queries, self._insert, (key.name, key.type.value, *_shown(Amounts())))
                before = Amounts()
            after = added(limit, before, change)
            if isinstance(after, Amounts):
                deltas = Amounts(*(new - old for new, old in zip(after, before, strict=True)))
                _ask(self._queries, self._update, (*_shown(deltas), key.name, key.type.value))
            return after


def _ask(queries: Callable[[], Queries | None], name: str, values: tuple[str, ...]) -> list[tuple[str | None, ...]]:
    known = queries()
    if known is None:
        raise TableError("no database is configured")
    try:
        return known.run(name, values)
    except FtpsdError as error:
        raise TableError(f"query '{name}': {error}") from None


def _shown(amounts: Amounts) -> tuple[str, ...]:
    return tuple(str(whole(value)) for value in amounts)


def _amounts(values: list[str]) -> Amounts:
    try:
        numbers = [max(0.0, float(value or 0)) for value in values]
    except ValueError:
        raise TableError(f"not six numbers: {', '.join(values)}") from None
    return Amounts(*numbers)


@dataclass(slots=True)
class Quotas:
    """The tables of a host."""

    limits: LimitTable | None
    tallies: TallyTable
    default: Limit | None

    def limit_for(self, keys: Iterator[Key]) -> Limit | None:
        """The first limit that there is, or QuotaDefault's. Raises `TableError`."""
        own: dict[QuotaType, Key] = {}
        for key in keys:
            own.setdefault(key.type, key)
            found = self.limits.find(key) if self.limits is not None else None
            if found is not None:
                return found
        if self.default is None or self.default.key.type not in own:
            return None
        key = own[self.default.key.type]
        return Limit(key, self.default.amounts, self.default.per_session, self.default.hard)


def tables_of(host: Host) -> QuotaTable:
    """The QuotaTallyTable of a host whose QuotaEngine is on. Raises `ConfigError` where a table is missing."""
    settings = host.settings.quotas
    if settings.tally_table is None or (settings.limit_table is None and settings.default is None):
        missing = "QuotaTallyTable" if settings.tally_table is None else "QuotaLimitTable"
        raise ConfigError(
            f"needs {missing}", directive="QuotaEngine", location=host.origin("quotas", "engine"),
            remedy=f"Write {missing}, or QuotaEngine off.")
    return settings.tally_table


class QuotaTables:
    """All open tables of a configuration: hosts that name the same file share it."""

    def __init__(self) -> None:
        self._by_file: dict[tuple[int, int], LimitFile | TallyFile] = {}
        self._locks: dict[str, tuple[int, Lock]] = {}
        self._hosts: dict[int, Quotas] = {}

    def of(self, host: Host) -> Quotas | None:
        """The tables of a host; None: QuotaEngine is off."""
        return self._hosts.get(host.id)

    def open(self, configuration: Configuration, queries: Callable[[Host], Queries | None]) -> None:
        """Opens what hosts with QuotaEngine need. In the supervisor, before the fork. Raises `ConfigError`."""
        for host in configuration.hosts:
            settings = host.settings.quotas
            if settings.engine:
                self._hosts[host.id] = self._open(host, settings, queries)

    def close(self) -> None:
        """Gives them back."""
        for table in self._by_file.values():
            table.close()
        for fd, _ in self._locks.values():
            with contextlib.suppress(OSError):
                os.close(fd)
        self._by_file, self._locks, self._hosts = {}, {}, {}

    def _open(self, host: Host, settings: QuotaSettings, queries: Callable[[Host], Queries | None]) -> Quotas:
        limit, tally = settings.limit_table, tables_of(host)
        limits: LimitTable | None = None
        if limit is not None and limit.source == "file":
            limits = self._shared(LimitFile(limit.info, directive="QuotaLimitTable"))
        elif limit is not None:
            limits = SqlLimits(lambda: queries(host), limit.queries[0])
        tallies: TallyTable
        if tally.source == "file":
            tallies = self._shared(TallyFile(tally.info, directive="QuotaTallyTable"))
        else:
            tallies = SqlTallies(lambda: queries(host), tally.queries, self._lock(settings.lock))
        for table, directive in ((limit, "QuotaLimitTable"), (tally, "QuotaTallyTable")):
            if table is not None and table.source == "sql":
                check_queries(table.queries, queries(host), directive)
        return Quotas(limits, tallies, None if settings.default is None else _default(settings.default))

    def _shared(self, table: Table) -> Table:
        """The table that is open already, where another host has named the same file."""
        status = os.fstat(table.fd)
        known = self._by_file.setdefault((status.st_dev, status.st_ino), table)
        if known is not table:
            table.close()
        assert isinstance(known, type(table))
        return known

    def _lock(self, path: str | None) -> Lock:
        key = path or ""
        if key not in self._locks:
            try:
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                fd = os.open(path, flags, 0o600) if path else os.memfd_create("ftpsd-quota", os.MFD_CLOEXEC)
            except OSError as error:
                raise ConfigError(
                    f"unable to open '{path}': {error.strerror}", directive="QuotaLock",
                    remedy="Name a file in an existing directory.") from None
            self._locks[key] = fd, Lock(fd)
        return self._locks[key][1]


def _default(given: QuotaDefault) -> Limit:
    amounts = Amounts(
        given.bytes_in, given.bytes_out, given.bytes_xfer, given.files_in, given.files_out, given.files_xfer)
    return Limit(Key(QuotaType(given.type), ""), amounts, given.per_session, given.hard)

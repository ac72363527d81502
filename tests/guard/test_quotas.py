"""The tables of a host: which limit counts, files that hosts share, tables in databases under their lock."""

from __future__ import annotations

import fcntl
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ftpsd.access.quotas import Amounts, Key, Limit, QuotaType, Reached, keys
from ftpsd.errors import ConfigError, FtpsdError
from ftpsd.guard import quotafile
from ftpsd.guard.quotafile import LimitFile
from ftpsd.guard.quotas import QuotaTables
from ftpsd.settings.model import Host
from ftpsd.sql.turns import TableError
from tests.settings.support import configuration

ALICE, STAFF, ALL = Key(QuotaType.USER, "alice"), Key(QuotaType.GROUP, "staff"), Key(QuotaType.ALL, "")
SQL = "QuotaEngine on\nQuotaLimitTable sql:/limit\nQuotaTallyTable sql:/get/update/insert\n"


class Database:
    """A table of tallies, and who has locked what while it is changed."""

    def __init__(self, lock: Path | None = None) -> None:
        self.limits: dict[tuple[str, str], tuple[str | None, ...]] = {}
        self.tallies: dict[tuple[str, str], list[float]] = {}
        self.lock = lock
        self.locked: list[bool] = []
        self.broken = False

    def __contains__(self, name: str) -> bool:
        return name in ("limit", "get", "update", "insert")

    def place(self, name: str) -> str:
        return "tables"

    def run(self, name: str, numbered: Sequence[str] = ()) -> list[tuple[str | None, ...]]:
        if self.broken:
            raise FtpsdError("it does not answer")
        key = (numbered[0], numbered[1])
        if name == "limit":
            return [self.limits[key]] if key in self.limits else []
        if name == "get":
            return [(*key, *(str(value) for value in self.tallies[key]))] if key in self.tallies else []
        if name == "insert":
            self.tallies[key] = [float(value) for value in numbered[2:]]
            return []
        row = self.tallies[numbered[6], numbered[7]]
        row[:] = [old + float(more) for old, more in zip(row, numbered[:6], strict=True)]
        if self.lock is not None:
            self.locked.append(_is_locked(self.lock))
        return []


def _is_locked(path: Path) -> bool:
    """Whether another process would have to wait for the lock of a file."""
    pid = os.fork()
    if not pid:
        fd = os.open(path, os.O_RDWR)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] != 0


@pytest.fixture
def tables() -> Iterator[QuotaTables]:
    tables = QuotaTables()
    yield tables
    tables.close()


def test_the_first_limit_counts(tables: QuotaTables, tmp_path: Path) -> None:
    quotafile.create(f"{tmp_path}/l", quotafile.LIMITS)
    quotafile.create(f"{tmp_path}/t", quotafile.TALLIES)
    found = configuration(
        f"QuotaEngine on\nQuotaLimitTable file:{tmp_path}/l\nQuotaTallyTable file:{tmp_path}/t\n"
        "QuotaDefault group false soft 5 0 0 0 0 0\n"
        f"<VirtualHost 127.0.0.2>\nPort 2121\nQuotaEngine on\nQuotaTallyTable file:{tmp_path}/t\n"
        "QuotaDefault all true hard 0 0 0 1 0 0\n</VirtualHost>")
    tables.open(found, lambda host: None)
    first, second = (tables.of(host) for host in found.hosts)
    assert first is not None
    assert second is not None
    assert first.tallies is second.tallies
    whose = list(keys("alice", ("users", "staff"), ("local",)))
    assert first.limit_for(iter(whose)) == Limit(
        Key(QuotaType.GROUP, "users"), Amounts(bytes_in=5.0), per_session=False, hard=False)
    assert second.limit_for(iter(whose)) == Limit(ALL, Amounts(files_in=1.0), per_session=True)
    table = LimitFile(f"{tmp_path}/l", writable=True)
    for key in (ALL, STAFF):
        table.put(Limit(key))
        found_limit = first.limit_for(iter(whose))
        assert found_limit is not None
        assert found_limit.key == key
    table.close()


def test_who_has_no_host_has_no_quota(tables: QuotaTables) -> None:
    tables.open(configuration("QuotaEngine off"), lambda host: None)
    assert tables.of(Host()) is None


@pytest.mark.parametrize(("text", "words"), [
    ("QuotaEngine on", "needs QuotaTallyTable"), ("QuotaEngine on\nQuotaTallyTable sql:/get/update/insert",
                                                  "needs QuotaLimitTable"),
    (SQL.replace("/limit", "/none"), "there is no SQLNamedQuery 'none'"),
    (SQL.replace("/insert", "/none"), "there is no SQLNamedQuery 'none'"),
    (SQL + "QuotaLock /nonexistent/lock", "unable to open '/nonexistent/lock'"),
])
def test_what_is_missing_is_said(tables: QuotaTables, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        tables.open(configuration(text), lambda host: Database())


@pytest.mark.parametrize("named", [True, False])
def test_tables_in_a_database(tables: QuotaTables, tmp_path: Path, named: bool) -> None:
    lock = tmp_path / "lock"
    database = Database(lock if named else None)
    database.limits["alice", "user"] = ("alice", "user", "TRUE", "soft", "1000", None, "-1", "3", "0", "")
    found = configuration(SQL + (f"QuotaLock {lock}" if named else ""))
    tables.open(found, lambda host: database)
    quotas = tables.of(found.hosts[0])
    assert quotas is not None
    assert quotas.limit_for(iter([ALICE])) == Limit(
        ALICE, Amounts(bytes_in=1000.0, files_in=3.0), per_session=True, hard=False)
    assert quotas.limit_for(iter([STAFF])) is None
    hard = Limit(STAFF, Amounts(bytes_in=100.0))
    assert quotas.tallies.read(STAFF) is None
    quotas.tallies.create(STAFF)
    quotas.tallies.create(STAFF)
    assert quotas.tallies.add(STAFF, Amounts(bytes_in=60.0, files_in=1.0), hard) == Amounts(60.0, files_in=1.0)
    assert quotas.tallies.add(STAFF, Amounts(bytes_in=41.0), hard) == Reached("bytes_in", 101.0, 100.0)
    assert quotas.tallies.add(STAFF, Amounts(bytes_in=-70.0), hard) == Amounts(files_in=1.0)
    assert quotas.tallies.add(ALICE, Amounts(bytes_out=5.0), None) == Amounts(bytes_out=5.0)
    assert database.tallies["staff", "group"] == [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    assert database.locked == [True] * (3 if named else 0)


def test_a_database_may_hold_infinity(tables: QuotaTables) -> None:
    database = Database()
    database.limits["alice", "user"] = ("alice", "user", "false", "hard", "Infinity", "NaN", "1e19", "0", "0", "0")
    database.tallies["alice", "user"] = [math.inf, 0.0, 5.0, 0.0, 0.0, 0.0]
    found = configuration(SQL)
    tables.open(found, lambda host: database)
    quotas = tables.of(found.hosts[0])
    assert quotas is not None
    assert quotas.limit_for(iter([ALICE])) == Limit(ALICE, Amounts(math.inf, 0.0, 1e19))
    assert quotas.tallies.add(ALICE, Amounts(5.0, 0.0, 5.0), None) == Amounts(math.inf, 0.0, 10.0)
    assert database.tallies["alice", "user"] == [math.inf, 0.0, 10.0, 0.0, 0.0, 0.0]


def test_a_database_that_is_away_or_odd(tables: QuotaTables) -> None:
    database = Database()
    found = configuration(SQL)
    tables.open(found, lambda host: database)
    quotas = tables.of(found.hosts[0])
    assert quotas is not None
    database.limits["alice", "user"] = ("alice", "user")
    with pytest.raises(TableError, match="returns 2 values, not 10"):
        quotas.limit_for(iter([ALICE]))
    database.limits["alice", "user"] = ("alice", "user", "false", "hard", "much", "0", "0", "0", "0", "0")
    with pytest.raises(TableError, match="not six numbers"):
        quotas.limit_for(iter([ALICE]))
    database.broken = True
    with pytest.raises(TableError, match="query 'get': it does not answer"):
        quotas.tallies.add(ALICE, Amounts(bytes_in=1.0), None)

"""Bans at work: found in every process as soon as they are made, counted as rules say, shared by machines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from ftpsd.access.bans import EVERY_SERVER, Kind, Suspect
from ftpsd.errors import ConfigError
from ftpsd.guard.bans import Bans
from ftpsd.guard.bantable import BanTable
from ftpsd.guard.opening import open_bans
from ftpsd.guard.shared import SharedBans
from ftpsd.settings.bans import BanRule
from ftpsd.testing import daemons
from ftpsd.tls.cache.base import Store
from ftpsd.tls.cache.opening import Stores
from tests.settings.support import configuration

HERE, THERE = b"here...1", b"there..2"
ALICE = Suspect("192.0.2.1", "gw.example.org", "alice", frozenset({"local"}))
RULES = (
    BanRule("MaxLoginAttempts", 2, 60, 600, "no more"), BanRule("MaxClientsPerClass", 1, 60, 600),
    BanRule("MaxClientsPerUser", 1, 60, 600), BanRule("MaxLoginAttemptsFromUser", 1, 60, 600),
)
ALL = tuple(Kind)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def bans(tmp_path: Path, clock: Clock) -> Iterator[Bans]:
    bans = Bans(BanTable.open(str(tmp_path / "t")), clock=clock)
    yield bans
    bans.close()


def test_a_rule_makes_a_ban(bans: Bans, clock: Clock, said: list[str]) -> None:
    assert bans.happened(("MaxLoginAttempts",), RULES, ALICE, HERE, said.append) is None
    assert bans.find(ALICE, HERE, ALL, said.append) is None
    ban = bans.happened(("MaxLoginAttempts", "x"), RULES, ALICE, HERE, said.append)
    assert ban is not None
    assert (ban.kind, ban.name, ban.expires, ban.message) == (Kind.HOST, "192.0.2.1", 1600.0, "no more")
    assert ban.reason.startswith("MaxLoginAttempts autoban at ")
    assert bans.find(ALICE, HERE, ALL, said.append) == ban
    assert bans.find(ALICE, THERE, ALL, said.append) is None
    assert bans.happened(("MaxLoginAttempts",), RULES, ALICE, HERE, said.append) == ban, "and it is added only once"
    clock.now = 1600.0
    assert bans.find(ALICE, HERE, ALL, said.append) is None
    assert said == [
        "added ban event for MaxLoginAttempts", "updated count for MaxLoginAttempts event entry: 2 curr, 2 max",
        "added MaxLoginAttempts-triggered autoban for host '192.0.2.1'",
        "updated count for MaxLoginAttempts event entry: 3 curr, 2 max",
    ]


def test_a_closed_table_hears_nothing_more(bans: Bans, said: list[str]) -> None:
    assert bans.ban(Kind.USER, "alice", HERE, by="root", seconds=60, tell=said.append)
    lifted = bans.permit(Kind.USER, None, HERE, said.append)
    bans.close()
    bans.told(lifted)


def test_whom_another_session_bans_meanwhile(bans: Bans, tmp_path: Path, clock: Clock, said: list[str]) -> None:
    """Nobody slips in between the look at the bans and the count: many connect at once, just to be counted at once."""
    other = Bans(BanTable.open(str(tmp_path / "t")), clock=clock)
    others: list[str] = []
    assert bans.find(ALICE, HERE, ALL, said.append) is None
    for _ in range(2):
        made = other.happened(("MaxLoginAttempts",), RULES, ALICE, HERE, others.append)
    assert made is not None
    assert bans.happened(("MaxLoginAttempts",), RULES, ALICE, HERE, said.append) == made
    assert said == ["updated count for MaxLoginAttempts event entry: 3 curr, 2 max"]
    assert bans.in_force() == [made]
    other.close()


@pytest.mark.parametrize(("event", "kind", "name"), [
    ("MaxClientsPerClass", Kind.CLASS, "local"), ("MaxClientsPerUser", Kind.USER, "alice"),
    ("MaxLoginAttemptsFromUser", Kind.PAIR, "alice@192.0.2.1"),
])
def test_whom_rules_ban(bans: Bans, said: list[str], event: str, kind: Kind, name: str) -> None:
    ban = bans.happened((event,), RULES, ALICE, HERE, said.append)
    assert ban is not None
    assert (ban.kind, ban.name) == (kind, name)
    assert bans.happened((event,), RULES, Suspect("192.0.2.9"), HERE, said.append) is None


@pytest.mark.parametrize(("name", "client", "banned"), [
    ("192.0.2.0/24", "192.0.2.77", True), ("192.0.2.0/24", "192.0.3.77", False), ("2001:db8::/32", "2001:db8::1", True),
    ("2001:db8::/32", "192.0.2.1", False), ("fe80::/10", "fe80::1%eth0", True), ("192.0.2.1", "192.0.2.1", True),
])
def test_bans_of_blocks(bans: Bans, said: list[str], name: str, client: str, banned: bool) -> None:
    assert bans.ban(Kind.HOST, name, EVERY_SERVER, by="root", seconds=0, tell=said.append)
    assert (bans.find(Suspect(client), HERE, ALL, said.append) is not None) is banned


def test_bans_by_name(bans: Bans, said: list[str]) -> None:
    bans.ban(Kind.HOST, "gw.example.org", EVERY_SERVER, by="root", seconds=0, tell=said.append)
    assert bans.find(ALICE, HERE, ALL, said.append) is not None
    assert bans.find(Suspect("192.0.2.1"), HERE, ALL, said.append) is None


def test_another_process_sees_a_ban_at_once(bans: Bans, tmp_path: Path, said: list[str]) -> None:
    other = Bans(BanTable.open(str(tmp_path / "t")), any_server=True)
    assert other.find(ALICE, HERE, ALL, said.append) is None
    bans.ban(Kind.USER, "alice", THERE, by="root", seconds=0, tell=said.append)
    assert other.find(ALICE, HERE, ALL, said.append) is not None
    assert bans.find(ALICE, HERE, ALL, said.append) is None
    assert bans.permit(Kind.USER, "alice", EVERY_SERVER, said.append)
    assert other.find(ALICE, HERE, ALL, said.append) is None
    assert said == ["added 'alice' to banned users list", "removed 'alice' from banned users list"]
    other.close()


def test_an_administrators_ban_ends(bans: Bans, clock: Clock, said: list[str]) -> None:
    assert bans.ban(Kind.USER, "alice", EVERY_SERVER, by="root", seconds=10, tell=said.append)
    assert not bans.ban(Kind.USER, "alice", EVERY_SERVER, by="root", seconds=0, tell=said.append)
    assert [ban.expires for ban in bans.in_force()] == [1010.0]
    clock.now = 1010.0
    assert bans.in_force() == []


def test_a_busy_table_keeps_nobody_away(bans: Bans, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*given: object) -> None:
        raise TimeoutError("the ban table is busy")

    bans.ban(Kind.USER, "bob", EVERY_SERVER, by="root", seconds=0, tell=said.append)
    monkeypatch.setattr(bans.table, "read", busy)
    monkeypatch.setattr(bans.table, "count", busy)
    assert bans.find(ALICE, HERE, ALL, said.append) is None
    assert bans.happened(("MaxLoginAttempts",), RULES, ALICE, HERE, said.append) is None
    assert said[-2:] == [
        "error reading the ban table: the ban table is busy",
        "error adding MaxLoginAttempts-triggered autoban for host '192.0.2.1': the ban table is busy"]


@pytest.mark.parametrize(("text", "opened"), [
    ("", False), ("BanEngine off", False), ("BanEngine on", True),
    ("<Class x>\nFrom all\n</Class>\n<IfClass x>\nBanEngine on\n</IfClass>", True),
    ("<VirtualHost 127.0.0.2>\nPort 2121\nBanEngine on\n</VirtualHost>", True),
])
def test_nothing_is_opened_for_nobody(tmp_path: Path, text: str, opened: bool) -> None:
    found = open_bans(configuration(f"BanTable {tmp_path}/t\n{text}"), Stores(), print)
    assert (found is not None) is (tmp_path / "t").exists() is opened
    if found is not None:
        found.close()


def test_an_engine_needs_a_table() -> None:
    for text in ("BanEngine on", "<Class x>\nFrom all\n</Class>\n<IfClass x>\nBanEngine on\n</IfClass>"):
        with pytest.raises(ConfigError, match="needs BanTable"):
            open_bans(configuration(text), Stores(), print)


@pytest.mark.parametrize("kind", ["redis", "memcache"])
@pytest.mark.parametrize("options", ["", "BanCacheOptions UseJSON MatchServer"])
def test_machines_share_bans(tmp_path: Path, said: list[str], kind: str, options: str) -> None:
    pytest.importorskip("redis" if kind == "redis" else "pymemcache")
    daemon = (daemons.redis if kind == "redis" else daemons.memcached)(tmp_path)
    where = f"{'RedisServer' if kind == 'redis' else 'MemcacheServers'} 127.0.0.1:{daemon.port}"
    machines = []
    for name in "ab":
        text = f"{kind.capitalize()}Engine on\n{where}\nBanEngine on\nBanTable {tmp_path}/{name}\nBanCache {kind}\n"
        machine = open_bans(configuration(text + options), Stores(), said.append)
        assert machine is not None
        machines.append(machine)
    first, second = machines
    try:
        assert second.find(ALICE, HERE, ALL, said.append, ask=True) is None
        for _ in range(2):
            first.happened(("MaxLoginAttempts",), RULES, ALICE, HERE, said.append)
        found = second.find(ALICE, HERE, ALL, said.append, ask=True)
        assert found is not None
        assert found.message == "no more"
        assert second.find(ALICE, HERE, ALL, said.append) is None
        assert (second.find(ALICE, THERE, ALL, said.append, ask=True) is None) is bool(options)
        lifted = first.permit(Kind.HOST, "192.0.2.1", EVERY_SERVER, said.append)
        assert first.find(ALICE, HERE, ALL, said.append) is None
        assert first.shared is not None
        first.shared.remove(lifted * 1000)
        assert second.find(ALICE, HERE, ALL, said.append, ask=True) is None
    finally:
        for machine in machines:
            machine.close()
        daemon.stop()


@pytest.mark.parametrize("found", [b"", b"[]", b"{}", b"[" * 5000, b"[" * 501 + b"]" * 501, b"\xff", *(
    b'{"kind": 2, "name": "alice", "server": "", "reason": "", "message": "", "expires": %s}' % moment
    for moment in (b"NaN", b"Infinity", b"1" + b"0" * 400)
)])
def test_what_is_no_ban_bans_nobody(found: bytes) -> None:
    class Full:
        def fetch(self, key: bytes) -> bytes:
            return found

    shared = SharedBans(cast(Store, Full()), lambda: None, match_server=False)
    assert shared.find(ALICE, HERE, ALL) is None

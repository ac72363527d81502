"""What outlives a reload, and who looks after the ticket keys."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.values import SessionCache, TicketKeyRules
from ftpsd.tls.cache.opening import Stores
from ftpsd.tls.cache.shared import SMALLEST, SegmentStore
from ftpsd.tls.sessions import ROTATION, Note, Resumption, Sessions, period_of

RULES = TicketKeyRules()
INTERNAL = SessionCache()


def quiet(text: str) -> None:
    raise AssertionError(f"a notice that nobody expects: {text}")


@pytest.mark.parametrize(("age", "period"), [(12 * 3600, ROTATION), (3600, ROTATION), (3599, 3598), (60, 59)])
def test_when_the_next_key_is_made(age: int, period: float) -> None:
    assert period_of(TicketKeyRules(age)) == period


def lease(
    resumption: Resumption, cache: SessionCache = INTERNAL, rules: TicketKeyRules = RULES,
    note: Note = lambda text: None,
) -> Sessions:
    return resumption.lease(TLSSettings(session_cache=cache, ticket_keys=rules), None, note)


def names(sessions: Sessions) -> list[bytes]:
    return [key.name for key in sessions.keys.facts()]


def test_a_reload_keeps_the_keys_and_the_cache() -> None:
    resumption = Resumption()
    first = lease(resumption)
    made = names(first)
    assert len(made) == 1
    assert first.store is not None
    first.store.store(b"id", b"session", time.time() + 60)
    second = lease(resumption, SessionCache(timeout=99), TicketKeyRules(count=1))
    first.close()
    first.close()
    assert names(second) == made
    assert second.store is first.store
    assert second.store.fetch(b"id") == b"session"
    second.close()
    assert names(second) == []


def test_a_failed_reload_changes_nothing() -> None:
    resumption = Resumption()
    first = lease(resumption)
    made = names(first)
    with pytest.raises(ConfigError):
        lease(resumption, SessionCache("shm", 60, "/nowhere/cache"))
    lease(resumption, rules=TicketKeyRules(age=60)).close()
    assert names(first) == made
    assert first.keys.age == RULES.age
    first.close()


@pytest.mark.root
def test_root_can_keep_keys_out_of_swap() -> None:
    lease(Resumption(), note=quiet).close()


def test_a_worker_that_ends_takes_no_keys_with_it() -> None:
    sessions = lease(Resumption())
    child = os.fork()
    if child == 0:
        sessions.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert len(names(sessions)) == 1
    sessions.close()


def test_keys_are_made_while_a_worker_lives() -> None:
    sessions = lease(Resumption(), rules=TicketKeyRules(age=2, count=5))
    seen: set[bytes] = set()
    sessions.start(quiet)
    try:
        deadline = time.monotonic() + 30
        while len(seen) < 3 and time.monotonic() < deadline:
            seen.update(names(sessions))
            time.sleep(0.05)
        assert len(seen) >= 3
        assert len(names(sessions)) <= 3
    finally:
        sessions.close()


@pytest.fixture
def stores() -> Stores:
    return Stores()


def test_one_cache_for_each_place_and_purpose(stores: Stores, tmp_path: Path) -> None:
    one = stores.lease(INTERNAL, "sessions", "TLSSessionCache", quiet)
    assert stores.lease(SessionCache(timeout=1), "sessions", "TLSSessionCache", quiet) is one
    assert stores.lease(INTERNAL, "responses", "TLSStaplingCache", quiet) is not one
    files = stores.lease(SessionCache("fs", path=str(tmp_path / "x")), "responses", "TLSStaplingCache", quiet)
    assert files.kind == "fs"
    assert (tmp_path / "x").is_dir()


def test_a_segment_that_nobody_used_is_not_left_behind(stores: Stores, tmp_path: Path) -> None:
    path = tmp_path / "cache"
    place = SessionCache("shm", path=str(path), size=SMALLEST)
    unused = stores.lease(place, "sessions", "TLSSessionCache", quiet)
    stores.release(unused)
    assert not path.exists()
    used = stores.lease(place, "sessions", "TLSSessionCache", quiet)
    used.fetch(b"x")
    stores.release(used)
    assert path.exists()
    again = stores.lease(place, "sessions", "TLSSessionCache", quiet)
    assert again.status().statistics.misses == 1
    again.remove()
    later = stores.lease(place, "sessions", "TLSSessionCache", quiet)
    assert later is not again
    assert isinstance(later, SegmentStore)
    assert later.store(b"a", b"x", time.time() + 60)
    later.remove()

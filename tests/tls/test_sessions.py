"""What outlives a reload, and who looks after the ticket keys."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.settings.values import SessionCache, TicketKeyRules
from ftpsd.tls.cache.opening import Stores
from ftpsd.tls.cache.shared import SMALLEST, SegmentStore
from ftpsd.tls.sessions import ROTATION, Resumption, period_of

RULES = TicketKeyRules()
INTERNAL = SessionCache()


def quiet(text: str) -> None:
    raise AssertionError(f"a notice that nobody expects: {text}")


@pytest.mark.parametrize(("age", "period"), [(12 * 3600, ROTATION), (3600, ROTATION), (3599, 3598), (60, 59)])
def test_when_the_next_key_is_made(age: int, period: float) -> None:
    assert period_of(TicketKeyRules(age)) == period


def names(resumption: Resumption) -> list[bytes]:
    return [key.name for key in resumption.keys.facts()]


@pytest.mark.root
def test_a_reload_makes_a_key_and_keeps_the_others_and_the_cache() -> None:
    resumption = Resumption()
    first = resumption.lease(INTERNAL, RULES, quiet)
    made = names(resumption)
    assert len(made) == 1
    assert first.store is not None
    first.store.store(b"id", b"session", time.time() + 60)
    second = resumption.lease(SessionCache(timeout=99), RULES, quiet)
    first.close()
    first.close()
    assert names(resumption)[1:] == made
    assert second.store is first.store
    assert second.store.fetch(b"id") == b"session"
    second.close()
    assert names(resumption) == []


def test_a_failed_reload_takes_nothing_away() -> None:
    resumption = Resumption()
    first = resumption.lease(INTERNAL, RULES, lambda text: None)
    with pytest.raises(ConfigError):
        resumption.lease(SessionCache("shm", 60, "/nowhere/cache"), RULES, lambda text: None)
    resumption.lease(INTERNAL, RULES, lambda text: None).close()
    assert len(names(resumption)) == 2
    first.close()


def test_a_worker_that_ends_takes_no_keys_with_it() -> None:
    resumption = Resumption()
    sessions = resumption.lease(INTERNAL, RULES, lambda text: None)
    child = os.fork()
    if child == 0:
        sessions.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert len(names(resumption)) == 1
    sessions.close()


def test_keys_are_made_while_a_worker_lives() -> None:
    resumption = Resumption()
    sessions = resumption.lease(INTERNAL, TicketKeyRules(age=2, count=5), lambda text: None)
    sessions.start(quiet)
    try:
        deadline = time.monotonic() + 30
        seen: set[bytes] = set()
        while len(seen) < 3 and time.monotonic() < deadline:
            seen.update(names(resumption))
            time.sleep(0.05)
        assert len(seen) >= 3
        assert len(names(resumption)) <= 3
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

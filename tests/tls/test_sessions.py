"""What outlives a reload, and who looks after the ticket keys."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.settings.core import CoreSettings
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.values import SessionCache, TicketKeyRules, TicketPool
from ftpsd.tls import contexts
from ftpsd.tls.cache.opening import Stores
from ftpsd.tls.cache.shared import SMALLEST, SegmentStore
from ftpsd.tls.pool import SHORTEST_SECRET
from ftpsd.tls.sessions import ROTATION, Note, Resumption, Sessions, period_of
from tests.tls.rig import Files, Pair, client_context, hierarchy, host_of

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


def test_a_ring_that_was_replaced_stays_for_those_who_still_use_it(tmp_path: Path) -> None:
    """A reload that adds a pool: the sessions of before issue tickets until they end."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * SHORTEST_SECRET)
    secret.chmod(0o600)
    resumption = Resumption()
    first = lease(resumption)
    made = names(first)
    pool = TicketPool(SessionCache("fs", 60, str(tmp_path / "pool")), str(secret))
    second = resumption.lease(TLSSettings(session_cache=INTERNAL, ticket_pool=pool), None, lambda text: None)
    first.close()
    assert second.keys is not first.keys
    assert names(first) == names(second) == made
    second.close()
    assert names(second) == []


def test_a_clock_that_is_set_back_makes_a_new_key() -> None:
    sessions = lease(Resumption())
    try:
        ahead = time.time() + 400 * 24 * 3600
        sessions.keys.wipe()
        sessions.keys.maintain(ahead, ROTATION)
        assert sessions._nap() < 1
        assert sessions.keys.maintain(time.time(), ROTATION)
        assert ROTATION - 60 < sessions._nap() <= ROTATION
    finally:
        sessions.close()


def test_a_failed_reload_changes_nothing() -> None:
    resumption = Resumption()
    first = lease(resumption)
    made = names(first)
    with pytest.raises(ConfigError):
        lease(resumption, SessionCache("shm", 60, "/dev/null/cache"))
    lease(resumption, rules=TicketKeyRules(age=60)).close()
    assert names(first) == made
    assert first.keys.age == RULES.age
    first.close()


def test_a_reload_that_fails_when_some_of_its_workers_have_started_changes_nothing() -> None:
    resumption = Resumption()
    first = lease(resumption)
    first.keys.maintain(time.time(), 0)
    made = names(first)
    assert len(made) == 2
    strict = TicketKeyRules(age=60, count=1)
    second = lease(resumption, rules=strict)
    second.start(quiet)
    second.close()
    assert names(first) == made
    assert (first.keys.age, first.keys.keep) == (RULES.age, RULES.count)
    third = lease(resumption, rules=strict)
    third.start(quiet)
    first.close()
    assert (third.keys.age, third.keys.keep) == (60, 1), "but one that does not"
    assert len(names(third)) == 1
    third.close()


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


def test_a_segment_of_sessions_goes_with_its_last_user(stores: Stores, tmp_path: Path) -> None:
    path = tmp_path / "cache"
    place = SessionCache("shm", path=str(path), size=SMALLEST)
    one = stores.lease(place, "sessions", "TLSSessionCache", quiet)
    two = Stores().lease(place, "sessions", "TLSSessionCache", quiet)
    one.store(b"a", b"x", time.time() + 60)
    stores.release(one)
    assert two.fetch(b"a") == b"x"
    del one
    two.close()
    assert not path.exists()
    assert two.fetch(b"a") is None


def test_a_segment_of_responses_stays_when_it_holds_some(stores: Stores, tmp_path: Path) -> None:
    path = tmp_path / "cache"
    place = SessionCache("shm", path=str(path), size=SMALLEST)
    empty = stores.lease(place, "responses", "TLSStaplingCache", quiet)
    stores.release(empty)
    assert not path.exists()
    used = stores.lease(place, "responses", "TLSStaplingCache", quiet)
    used.store(b"a", b"x", time.time() + 60)
    stores.release(used)
    again = stores.lease(place, "responses", "TLSStaplingCache", quiet)
    assert again.fetch(b"a") == b"x"
    assert again.status().statistics.stored == 1
    again.remove()


def test_a_segment_that_was_removed_is_made_anew_by_a_reload(stores: Stores, tmp_path: Path) -> None:
    place = SessionCache("shm", path=str(tmp_path / "cache"), size=SMALLEST)
    first = stores.lease(place, "sessions", "TLSSessionCache", quiet)
    first.remove()
    later = stores.lease(place, "sessions", "TLSSessionCache", quiet)
    assert later is not first
    assert isinstance(later, SegmentStore)
    assert later.store(b"a", b"x", time.time() + 60)
    later.remove()


@pytest.mark.parametrize(("version", "tickets"), [("TLSv1.2", False), ("TLSv1.2", True), ("TLSv1.3", True)])
@pytest.mark.parametrize("change", ["nothing", "place", "names", "certificate", "clients"])
def test_sessions_belong_to_their_host(files: Files, version: str, tickets: bool, change: str) -> None:
    """Hosts share keys and cache, and a reload may put another one in a host's place."""
    sessions = lease(Resumption())
    settings = TLSSettings(
        ec_certificate_file=files.certificate, certificate_chain_file=files.chain, session_tickets=tickets)
    one = host_of(settings)
    other = one
    if change == "place":
        other = replace(one, id=1)
    elif change == "names":
        other = replace(one, settings=replace(one.settings, core=CoreSettings(server_alias=("b.example",))))
    elif change == "certificate":
        leaf = hierarchy().server_ca.leaf("other", kind="p256")
        path = files.write("other.pem", leaf.certificate_pem, leaf.key_pem())
        other = replace(one, settings=replace(one.settings, tls=replace(settings, ec_certificate_file=path)))
    elif change == "clients":
        other = replace(one, settings=replace(one.settings, tls=replace(
            settings, verify_client="optional", ca_certificate_file=files.authorities)))
    context = client_context(version)
    with Pair(contexts.build(one, sessions=sessions)) as pair:
        pair.start_tls(context)
        session = pair.newest_session()
    with Pair(contexts.build(other, sessions=sessions)) as pair:
        assert pair.start_tls(context, session).resumed is (change == "nothing")
    sessions.close()

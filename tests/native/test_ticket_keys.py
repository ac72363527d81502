"""The ring of ticket keys: rotation, ages, other processes, other machines, and what living connections hold."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from ftpsd.native._openssl import Context, OpenSSLError, TicketKeys, random_bytes
from tests.native.openssl_support import (
    TLS12,
    TLS13,
    client_context,
    connected,
    newest_session,
    server_context,
)

HOUR = 3600
START = 1_700_000_000
modes = pytest.mark.parametrize("protocol", [TLS12, TLS13])


def names(keys: TicketKeys) -> list[bytes]:
    return [key.name for key in keys.facts()]


def rotated(keys: TicketKeys, count: int, now: int = START) -> list[bytes]:
    """Makes `count` keys, an hour apart from each other; their names, the youngest first."""
    made = []
    for number in range(count):
        assert keys.maintain(now + number * HOUR, HOUR)
        made.append(names(keys)[0])
    return made[::-1]


def test_a_key_is_made_when_the_youngest_is_old_enough() -> None:
    keys = TicketKeys(12 * HOUR, 25, empty=True)
    assert names(keys) == []
    assert keys.maintain(START, HOUR)
    assert not keys.maintain(START + HOUR - 1, HOUR)
    assert keys.maintain(START + HOUR, HOUR)
    assert len(set(names(keys))) == 2
    assert keys.facts()[0].created == START + HOUR


def test_old_keys_go_by_age_and_by_number() -> None:
    keys = TicketKeys(3 * HOUR, 25, empty=True)
    assert names(keys) == []
    made = rotated(keys, 10)
    assert names(keys) == made[:3]
    keys.configure(3 * HOUR, 2)
    keys.maintain(START + 9 * HOUR, HOUR)
    assert names(keys) == made[:2]
    keys.maintain(START + 12 * HOUR - 1, 100 * HOUR)
    assert names(keys) == made[:1]


def test_the_number_has_a_bound() -> None:
    keys = TicketKeys(10**6 * HOUR, 256, empty=True)
    rotated(keys, 300)
    assert len(names(keys)) == 256
    for age, keep in ((0, 1), (1, 0), (1, 257)):
        with pytest.raises(ValueError):
            keys.configure(age, keep)


@pytest.mark.parametrize("keep", [1, 2])
def test_a_key_that_is_to_come_pushes_nobody_out(keep: int) -> None:
    keys = TicketKeys(12 * HOUR, keep, empty=True)
    keys.maintain(START, HOUR)
    keys.maintain(START + HOUR, HOUR, 60)
    first = keys.facts()[-1]
    assert (first.created, first.active) == (START, START)
    assert keys.facts()[0].active == START + HOUR + 60
    keys.maintain(START + HOUR + 60, HOUR, 60)
    assert len(names(keys)) == keep


def test_of_many_processes_one_makes_the_key() -> None:
    keys = TicketKeys(12 * HOUR, 25, empty=True)
    children = []
    together = multiprocessing.get_context("fork").Barrier(6)
    for _ in range(6):
        child = os.fork()
        if child == 0:
            for number in range(100):
                together.wait(30)
                keys.maintain(START + number * HOUR, HOUR)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    created = [key.created for key in keys.facts()]
    assert created == sorted(set(created), reverse=True)
    assert created[0] == START + 99 * HOUR


@pytest.mark.parametrize("lead", [0, 60])
def test_a_clock_that_was_ahead_does_not_stop_the_rotation(lead: int) -> None:
    """Neither this machine's own, set back since, nor that of another one of the pool."""
    keys = TicketKeys(12 * HOUR, 25, empty=True)
    keys.maintain(START + 300 * HOUR, HOUR, lead)
    ahead = names(keys)[0]
    assert keys.maintain(START, HOUR, lead)
    assert not keys.maintain(START + HOUR - 1, HOUR, lead)
    assert keys.maintain(START + HOUR, HOUR, lead)
    assert len(names(keys)) == 3
    assert [key.created - START for key in keys.facts()] == [300 * HOUR, HOUR, 0]
    assert not keys.maintain(START + HOUR - 20, HOUR, lead), "set back a little"
    assert names(keys)[0] == ahead


def test_a_writer_that_is_killed_spoils_nothing() -> None:
    keys = TicketKeys(10**6 * HOUR, 20, empty=True)
    now = float(START)
    for _ in range(30):
        child = os.fork()
        if child == 0:
            while True:
                now += HOUR
                keys.maintain(now, HOUR)
        time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        facts = keys.facts()
        assert len({key.name for key in facts}) == len(facts)
        now = max([now, *(key.created for key in facts)])
        assert keys.maintain(now + HOUR, HOUR)


def test_wiped_keys_are_gone_from_memory() -> None:
    keys = TicketKeys(12 * HOUR, 25)
    old = names(keys)[0]
    assert holds(old) == 1
    keys.configure(12 * HOUR, 1)
    keys.maintain(time.time(), 0)
    present = names(keys)[0]
    assert (holds(old), holds(present)) == (0, 1)
    keys.wipe()
    assert names(keys) == []
    assert holds(present) == 0


def holds(name: bytes) -> int:
    """How often this process's anonymous shared memory holds a key."""
    count = 0
    with Path("/proc/self/mem").open("rb", 0) as memory:
        for line in Path("/proc/self/maps").read_text().splitlines():
            if "/dev/zero" in line and "rw-s" in line:
                start, end = (int(part, 16) for part in line.split()[0].split("-"))
                memory.seek(start)
                count += memory.read(end - start).count(name)
    return count


def test_the_ring_is_locked_where_that_is_allowed() -> None:
    if os.geteuid() == 0:
        assert TicketKeys().locked


# ---- other machines


def pool(*ages: int) -> list[TicketKeys]:
    rings = [TicketKeys(12 * HOUR, 25, empty=True) for _ in ages]
    for ring, age in zip(rings, ages, strict=True):
        ring.set_secret(bytearray(b"the secret of the pool"))
        if age:
            ring.maintain(START - age, HOUR)
    return rings


def test_machines_learn_each_others_keys() -> None:
    one, two = pool(200, 100)
    mine, theirs = names(one)[0], names(two)[0]
    assert two.merge(one.sealed(), START) == (True, True)
    assert names(two) == [theirs, mine]
    assert one.merge(two.sealed(), START) == (True, False)
    assert names(one) == names(two)
    assert one.merge(two.sealed(), START) == (False, False)


def test_a_machine_that_joins_has_the_keys_of_the_others() -> None:
    one, new = pool(100, 0)
    assert new.merge(one.sealed(), START) == (True, False)
    assert names(new) == names(one)
    assert not new.maintain(START, HOUR)


def test_what_has_expired_is_not_learned() -> None:
    one, two = pool(12 * HOUR, 0)
    sealed = one.sealed()
    assert two.merge(sealed, START) == (False, False)
    assert two.merge(sealed, START - 1) == (True, False)


def test_nobody_reads_or_changes_what_is_sealed() -> None:
    one, two = pool(0, 100)
    stranger = TicketKeys()
    stranger.set_secret(bytearray(b"another secret"))
    sealed = two.sealed()
    assert names(two)[0] not in sealed
    with pytest.raises(ValueError):
        stranger.merge(sealed, START)
    for position in range(len(sealed)):
        bad = bytearray(sealed)
        bad[position] ^= 1
        with pytest.raises(ValueError):
            one.merge(bytes(bad), START)
    for size in range(0, len(sealed), 7):
        with pytest.raises(ValueError):
            one.merge(sealed[:size], START)
    with pytest.raises(ValueError):
        one.merge(bytes(100_000), START)
    assert names(one) == []


def test_without_a_secret_nothing_is_sealed() -> None:
    with pytest.raises(OpenSSLError):
        TicketKeys().sealed()
    with pytest.raises(ValueError):
        TicketKeys().merge(bytes(100), START)
    with pytest.raises(ValueError):
        TicketKeys().set_secret(b"")


def test_many_keys_fit_in_a_seal() -> None:
    one, two = pool(0, 0)
    for ring in (one, two):
        ring.configure(1000 * HOUR, 256)
    rotated(one, 256)
    assert two.merge(one.sealed(), START + 255 * HOUR) == (True, False)
    assert names(two) == names(one)


# ---- connections


def serving(keys: TicketKeys) -> Context:
    server = server_context()
    server.set_options(tickets12=True)
    server.use_ticket_keys(keys)
    return server


@modes
def test_tickets_of_older_keys_are_taken_and_renewed(protocol: str) -> None:
    keys = TicketKeys(12 * HOUR, 2)
    server, client = serving(keys), client_context(protocol)
    with connected(server, client, identity=random_bytes(32)) as control:
        session = newest_session(control)
    keys.maintain(time.time(), 0)
    with connected(server, client, session=session, identity=random_bytes(32)) as again:
        assert again.server.resumed
        renewed = newest_session(again)
        assert renewed.ticket[:16] == keys.facts()[0].name != session.ticket[:16]
    keys.maintain(time.time(), 0)
    with connected(server, client, session=session, identity=random_bytes(32)) as again:
        assert not again.server.resumed
    with connected(server, client, session=renewed, identity=random_bytes(32)) as again:
        assert again.server.resumed


@modes
def test_a_ticket_of_a_key_that_is_too_old(protocol: str) -> None:
    keys = TicketKeys(12 * HOUR, 25)
    server, client = serving(keys), client_context(protocol)
    with connected(server, client, identity=random_bytes(32)) as control:
        session = newest_session(control)
    keys.configure(1, 25)
    time.sleep(1.1)
    with connected(server, client, session=session, identity=random_bytes(32)) as again:
        assert not again.server.resumed


@modes
def test_a_living_connection_is_not_refused_for_the_age_of_its_ticket(protocol: str) -> None:
    """On its data connections, and on nobody else's."""
    keys = TicketKeys(12 * HOUR, 1)
    server, client = serving(keys), client_context(protocol)
    with connected(server, client, identity=random_bytes(32)) as control:
        session = newest_session(control)
        with connected(server, client, identity=random_bytes(32)) as other:
            assert keys.maintain(time.time(), 0)
            assert session.ticket[:16] not in names(keys)
            for _ in range(3):
                with connected(server, client, session=session, control=control.server) as data:
                    assert data.server.proof_of(control.server) == "ok"
            with connected(server, client, session=session, control=other.server) as data:
                assert data.server.proof_of(other.server) == "other-session"
        with connected(server, client, session=session, identity=random_bytes(32)) as again:
            assert not again.server.resumed
    with connected(server, client, identity=random_bytes(32)) as last:
        with connected(server, client, session=session, control=last.server) as data:
            assert not data.server.resumed, "nobody holds the key any more"


def test_a_connection_holds_its_first_and_its_last_keys() -> None:
    keys = TicketKeys(12 * HOUR, 1)
    server, client = serving(keys), client_context(TLS13)
    with connected(server, client, identity=random_bytes(32)) as control:
        sessions = [newest_session(control)]
        for _ in range(6):
            keys.maintain(time.time(), 0)
            assert control.server.new_session_ticket()
            control.server.write(b"x", 5)
            assert control.client.read(1, 5) == b"x"
            sessions.append(control.client.take_sessions()[-1])
        resumed = []
        for session in sessions:
            with connected(server, client, session=session, control=control.server) as data:
                resumed.append(data.server.resumed)
        assert resumed == [True, False, False, False, True, True, True]

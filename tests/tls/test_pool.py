"""The ticket keys of a pool of machines: how they spread, and what happens when the carrier fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.native._openssl import SharedCache, TicketKeys
from ftpsd.tls.cache.base import CacheError
from ftpsd.tls.cache.shared import SMALLEST, SharedStore
from ftpsd.tls.pool import INTERVAL, LEAD, KeyPool, read_secret

HOUR = 3600.0
SECRET = b"0123456789abcdef0123456789abcdef"


class Carrier(SharedStore):
    """Stands for Redis: entries that every machine sees, as long as it is there."""

    def __init__(self) -> None:
        super().__init__(SharedCache(SMALLEST))
        self.away = False
        self.writes = 0

    def _fetch(self, key: bytes, deadline: float) -> bytes | None:
        if self.away:
            raise CacheError("away")
        return super()._fetch(key, deadline)

    def _store(self, key: bytes, value: bytes, expires: float, deadline: float) -> bool:
        if self.away:
            raise CacheError("away")
        self.writes += 1
        return super()._store(key, value, expires, deadline)


class Machine:
    """One machine of the pool."""

    def __init__(self, carrier: Carrier, secret: bytes = SECRET) -> None:
        self.keys = TicketKeys(12 * 3600, 25, empty=True)
        self.keys.set_secret(secret)
        self.pool = KeyPool(self.keys, carrier)
        self.said: list[str] = []

    def start(self) -> None:
        self.pool.look(self.said.append)
        self.keys.maintain(time.time(), HOUR)

    def look(self) -> None:
        self.pool.look(self.said.append)

    @property
    def names(self) -> list[bytes]:
        return [key.name for key in self.keys.facts()]


def test_the_second_machine_uses_the_key_of_the_first() -> None:
    carrier = Carrier()
    one, two = Machine(carrier), Machine(carrier)
    one.start()
    one.look()
    two.start()
    assert two.names == one.names
    assert len(two.names) == 1


def test_machines_that_start_together_come_to_the_same_ring() -> None:
    carrier = Carrier()
    machines = [Machine(carrier) for _ in range(4)]
    for machine in machines:
        machine.start()
    for _ in range(3):
        for machine in machines:
            machine.look()
    assert len(machines[0].names) in range(1, 5)
    assert all(machine.names == machines[0].names for machine in machines)
    writes = carrier.writes
    for machine in machines:
        machine.look()
    assert carrier.writes == writes, "nobody writes what is there already"


def test_a_restarted_machine_knows_its_old_keys() -> None:
    carrier = Carrier()
    one = Machine(carrier)
    one.start()
    one.look()
    again = Machine(carrier)
    again.start()
    assert again.names == one.names


def test_a_new_key_encrypts_when_every_machine_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = Carrier()
    one, two = Machine(carrier), Machine(carrier)
    for machine in (one, two):
        machine.start()
        machine.look()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + HOUR + 4 * INTERVAL)
    one.pool.keep(HOUR, one.said.append)
    made = one.keys.facts()[0]
    assert made.active == pytest.approx(made.created + LEAD)
    two.pool.keep(HOUR, two.said.append)
    assert two.names == one.names, "one key for both"
    monkeypatch.setattr(time, "time", lambda: now + HOUR + 4 * INTERVAL + 1)
    two.pool.keep(HOUR, two.said.append)
    assert len(two.names) == 2


def test_of_the_workers_of_a_machine_one_looks() -> None:
    carrier = Carrier()
    one = Machine(carrier)
    one.start()
    one.pool.keep(HOUR, one.said.append)
    writes = carrier.writes
    carrier.clear()
    one.pool.keep(HOUR, one.said.append)
    assert carrier.writes == writes


def test_without_the_carrier_a_machine_helps_itself_and_shares_later() -> None:
    carrier = Carrier()
    carrier.away = True
    carrier.note = (said := list[str]()).append
    one, two = Machine(carrier), Machine(carrier)
    one.start()
    two.start()
    assert len(one.names) == len(two.names) == 1
    assert set(one.names) != set(two.names)
    assert len(said) == 1
    carrier.away = False
    carrier.start()
    for machine in (one, two, one):
        machine.look()
    assert one.names == two.names
    assert len(one.names) == 2


def test_a_carrier_that_lost_everything_gets_it_back() -> None:
    carrier = Carrier()
    one, two = Machine(carrier), Machine(carrier)
    one.start()
    one.look()
    two.start()
    carrier.clear()
    two.look()
    new = Machine(carrier)
    new.start()
    assert new.names == one.names


def test_pools_with_other_secrets_do_not_meet() -> None:
    carrier = Carrier()
    one, other = Machine(carrier), Machine(carrier, b"another secret that is long enough")
    for machine in (one, other, one):
        machine.start()
        machine.look()
    assert set(one.names).isdisjoint(other.names)
    assert one.said == other.said == []


def test_what_was_forged_is_replaced() -> None:
    carrier = Carrier()
    one, two = Machine(carrier), Machine(carrier)
    one.start()
    carrier.store(one.pool.name, b"forged", time.time() + 60)
    for _ in range(3):
        one.look()
    assert len(one.said) == 1
    assert "not sealed" in one.said[0]
    two.start()
    assert two.names == one.names


# ---- the secret


def write(path: Path, data: bytes, mode: int = 0o600) -> str:
    path.write_bytes(data)
    path.chmod(mode)
    return str(path)


def test_a_secret_is_what_the_file_holds(tmp_path: Path) -> None:
    assert read_secret(write(tmp_path / "s", SECRET + b" \r\n")) == SECRET
    assert read_secret(write(tmp_path / "s", bytes(range(64)))) == bytes(range(64))


def fifo(path: Path) -> str:
    os.mkfifo(path, 0o600)
    return str(path)


@pytest.mark.parametrize(("make", "text"), [
    (lambda path: write(path, SECRET, 0o640), "others can read"),
    (lambda path: write(path, b"too short\n"), "32 to 4096"),
    (lambda path: write(path, bytes(5000)), "32 to 4096"),
    (str, "No such file"),
    (fifo, "no ordinary file"),
])
def test_secrets_that_are_none(tmp_path: Path, make: Callable[[Path], str], text: str) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        read_secret(make(tmp_path / "secret"))
    assert "openssl rand" in str(caught.value)

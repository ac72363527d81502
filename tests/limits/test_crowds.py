"""Limits in number with 4 workers and 200 who want to log in at the same time: never more than may, nobody turned away
for whom there is a place, whoever leaves and whichever worker dies.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates, ServerFactory
from tests.session.hosts import Hosts, serving

CROWD = 200
NAMES = ("alice", "bob", "carl", "dora", "eve")
ADDRESSES = tuple(f"127.0.{net}.{number}" for net in (1, 2) for number in range(1, 6))
LIMITS = {
    "clients": "MaxClients 20", "host": "MaxClientsPerHost 3", "user": "MaxClientsPerUser 4",
    "class": "MaxClientsPerClass loc 7", "hosts": "MaxHostsPerUser 2", "churn": "MaxClients 20\nMaxClientsPerUser 6",
}
SECONDS = 60.0


@dataclass
class Guest:
    """A client in clear from one address; `inside` when it has logged in."""

    user: str
    address: str
    sock: socket.socket
    inside: bool = False
    answer: str = ""

    def say(self, line: str) -> str:
        """Sends a command; the last line of the reply, "" when the server has closed."""
        try:
            self.sock.sendall(line.encode() + b"\r\n")
            return self.hear()
        except OSError:
            return ""

    def hear(self) -> str:
        data = b""
        while not (data.endswith(b"\r\n") and data.splitlines()[-1][3:4] == b" "):
            chunk = self.sock.recv(4096)
            if not chunk:
                return ""
            data += chunk
        return data.splitlines()[-1].decode()

    def alive(self) -> bool:
        return self.say("NOOP").startswith("200")

    def leave(self) -> None:
        """QUIT; the place is free when its answer has come."""
        self.say("QUIT")
        self.sock.close()


_GUESTS: list[Guest] = []


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    """Who is still there when a test ends, or was cut off by a dying worker."""
    yield
    while _GUESTS:
        _GUESTS.pop().sock.close()


def come(place: tuple[str, int], user: str, address: str) -> Guest:
    """Somebody who tries to log in."""
    sock = socket.create_connection(place, timeout=SECONDS, source_address=(address, 0))
    guest = Guest(user, address, sock)
    _GUESTS.append(guest)
    guest.answer = guest.hear()
    if guest.answer.startswith("220"):
        guest.say(f"USER {user}")
        guest.answer = guest.say("PASS secret")
    guest.inside = guest.answer.startswith("230")
    if not guest.inside:
        sock.close()
    return guest


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    sections = "<Class loc>\nFrom 127.0.1.0/24\n</Class>\n"
    users = tuple(User(name) for name in NAMES)
    with serving(ftps_certificates, LIMITS, users=users, directives=("Workers 4",), sections=sections) as running:
        yield running


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CROWD) as threads:
        yield threads


def crowd(hosts: Hosts, name: str, pool: ThreadPoolExecutor, who: Sequence[tuple[str, str]]) -> list[Guest]:
    """All of them at once; those who got in."""
    place = (hosts.config.address_of(name), hosts.server.port)
    guests = list(pool.map(lambda one: come(place, *one), who))
    wrong = {guest.answer for guest in guests if not guest.inside and "Sorry, the maximum number" not in guest.answer}
    assert wrong == set()
    return [guest for guest in guests if guest.inside]


def everybody() -> list[tuple[str, str]]:
    return [(NAMES[number % 5], ADDRESSES[number // 5 % 10]) for number in range(CROWD)]


def by_user(guest: Guest) -> str:
    return guest.user


def by_address(guest: Guest) -> str:
    return guest.address


Check = Callable[[list[Guest]], bool]
CHECKS: dict[str, Check] = {
    "clients": lambda inside: len(inside) == 20,
    "host": lambda inside: Counter(map(by_address, inside)) == dict.fromkeys(ADDRESSES, 3),
    "user": lambda inside: Counter(map(by_user, inside)) == dict.fromkeys(NAMES, 4),
    "class": lambda inside: Counter(guest.address.startswith("127.0.1.") for guest in inside) == {
        True: 7, False: CROWD // 2},
    "hosts": lambda inside: all(
        len({guest.address for guest in inside if guest.user == name}) == 2 for name in NAMES)
    and len(inside) == CROWD // 10 * 2,
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_limit_is_met_exactly_by_whoever_comes_and_goes(hosts: Hosts, pool: ThreadPoolExecutor, name: str) -> None:
    inside = crowd(hosts, name, pool, everybody())
    assert CHECKS[name](inside), (len(inside), Counter((guest.user, guest.address) for guest in inside))
    leaving, staying = inside[::2], inside[1::2]
    list(pool.map(Guest.leave, leaving))
    back = crowd(hosts, name, pool, [(guest.user, guest.address) for guest in leaving])
    assert len(back) == len(leaving)
    assert CHECKS[name](staying + back)
    more = crowd(hosts, name, pool, everybody()) if name not in ("class", "hosts") else []
    assert more == []
    list(pool.map(Guest.leave, staying + back))


def test_who_was_with_a_dead_worker_holds_no_place(hosts: Hosts, pool: ThreadPoolExecutor) -> None:
    inside = crowd(hosts, "clients", pool, everybody())
    victim = hosts.server.worker_of(inside[0].sock.getsockname()[1])
    os.kill(victim, signal.SIGKILL)
    left = [guest for guest in inside if not guest.alive()]
    assert left
    again = crowd(hosts, "clients", pool, everybody())
    assert len(again) == len(left)
    assert sum(guest.alive() for guest in inside + again) == 20
    list(pool.map(Guest.leave, [guest for guest in inside if guest not in left] + again))


def test_never_more_than_may_while_they_come_and_go(hosts: Hosts, pool: ThreadPoolExecutor) -> None:
    """Who is in counts himself in after his 230 and out before his QUIT: the server's count is never below that."""
    place = (hosts.config.address_of("churn"), hosts.server.port)
    lock = threading.Lock()
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()

    def visit(number: int) -> bool:
        guest = come(place, NAMES[number % 5], ADDRESSES[number % 10])
        if not guest.inside:
            return False
        with lock:
            now.update(["all", guest.user])
            for key in ("all", guest.user):
                most[key] = max(most[key], now[key])
        guest.say("NOOP")
        with lock:
            now.subtract(["all", guest.user])
        guest.leave()
        return True

    let_in = sum(pool.map(visit, range(CROWD)))
    assert let_in >= 20
    assert most["all"] <= 20
    assert all(most[name] <= 6 for name in NAMES)
    assert len(crowd(hosts, "churn", pool, everybody())) == 20


def test_connections_in_a_time(ftps_server: ServerFactory, pool: ThreadPoolExecutor) -> None:
    """MaxConnectionRate: as many as may, of 200 that four workers accept at the same time."""
    server = ftps_server(tls=("TLSRequired off",), directives=("Workers 4", "MaxConnectionRate 25 300"))

    def knock(_: int) -> bool:
        with socket.create_connection((server.address, server.port), timeout=SECONDS) as sock:
            with contextlib.suppress(ConnectionError):
                return sock.recv(100).startswith(b"220")
            return False

    assert sum(pool.map(knock, range(CROWD))) == 25

"""Host names of clients: remembered, bounded, and never a reason for others to wait."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from ftpsd.session import names
from ftpsd.session.names import MOST_WAITING, PATIENCE, THREADS, HostNames


class Resolver:
    """Answers `host-ADDRESS`; addresses that begin with `slow` wait for `go`, with `none` have no name."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.threads: set[str] = set()
        self.go = threading.Event()
        self.busy = threading.Semaphore(0)
        self.now = 1000.0

    def __call__(self, address: str) -> str:
        self.asked[address] += 1
        self.threads.add(threading.current_thread().name)
        if address.startswith("slow"):
            self.busy.release()
            self.go.wait(60)
        if address.startswith("error"):
            raise OSError(5, "no answer")
        return address if address.startswith("none") else f"host-{address}"


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    made = Resolver()
    yield made
    made.go.set()


@pytest.fixture
def desk(resolver: Resolver) -> Iterator[HostNames]:
    made = HostNames(resolver, lambda: resolver.now)
    made.start()
    yield made
    made.stop()


def occupy(desk: HostNames, resolver: Resolver, count: int) -> list[threading.Thread]:
    """That many sessions with slow look-ups; returns when each has its thread."""
    sessions = [threading.Thread(target=desk.of, args=(f"slow{number}",)) for number in range(count)]
    for session in sessions:
        session.start()
    for _ in range(min(count, THREADS)):
        assert resolver.busy.acquire(timeout=20)
    return sessions


def test_nothing_is_looked_up_before_the_start_and_after_the_end(resolver: Resolver) -> None:
    desk = HostNames(resolver)
    assert desk.of("a") == "a"
    desk.start()
    assert desk.of("a") == "host-a"
    desk.stop()
    assert desk.of("a") == "a"
    assert resolver.asked == {"a": 1}


@pytest.mark.parametrize(("address", "name", "life"), [
    ("a", "host-a", 600), ("none", "none", 60), ("error", "error", 60),
])
def test_answers_are_remembered_for_a_while(
    desk: HostNames, resolver: Resolver, address: str, name: str, life: int
) -> None:
    assert desk.of(address) == desk.of(address) == name
    resolver.now += life - 1
    assert desk.of(address) == name
    assert resolver.asked[address] == 1
    resolver.now += 1
    assert desk.of(address) == name
    assert resolver.asked[address] == 2


def test_every_thread_is_there_before_the_first_session(resolver: Resolver) -> None:
    before = set(threading.enumerate())
    desk = HostNames(resolver)
    desk.start()
    made = set(threading.enumerate()) - before
    assert len(made) == THREADS
    assert all(thread.daemon for thread in made)
    occupy(desk, resolver, THREADS)
    assert resolver.threads == {thread.name for thread in made}
    desk.stop()
    resolver.go.set()
    for thread in made:
        thread.join(20)
        assert not thread.is_alive()


def test_slow_look_ups_do_not_delay_others(desk: HostNames, resolver: Resolver) -> None:
    sessions = occupy(desk, resolver, THREADS)
    resolver.now += PATIENCE
    begin = time.monotonic()
    for number in range(1000):
        assert desk.of(f"other{number}") == f"other{number}"
        assert desk.of("slow0") == "slow0", "its time is up for all who ask"
    assert time.monotonic() - begin < PATIENCE
    resolver.go.set()
    for session in sessions:
        session.join(20)
    assert desk.of("slow0") == "host-slow0"
    assert desk.of("other1") == "host-other1"


def test_the_queue_is_bounded(desk: HostNames, resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "PATIENCE", 20.0)
    sessions = occupy(desk, resolver, THREADS + MOST_WAITING)
    deadline = time.monotonic() + 20
    while not desk._questions.full():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert desk.of("one more") == "one more"
    resolver.go.set()
    for session in sessions:
        session.join(20)
    assert desk.of("one more") == "host-one more"


def test_loopback_has_its_name_or_none() -> None:
    assert names.look_up("127.0.0.1")
    assert names.look_up("not an address") == "not an address"

"""What every cache of TLS sessions or OCSP responses must do: a suite for backends.

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def backend(self, tmp_path: Path) -> Backend:
            return Backend(open=lambda clock: MyStore(tmp_path, clock=clock), damage=…)

Two handles of one backend stand for two processes; `test_other_processes` uses real ones.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from ftpsd.tls.cache.base import LONGEST_KEY, CacheError, Store

Clock = Callable[[], float]


@dataclass
class Hands:
    """A clock that a test moves."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Backend:
    """A backend under test.

    `open` makes another handle to the same entries. `damage(key)` changes something in the entry of `key`, as a
    defect or an enemy would. `capacity`: entries of 1000 bytes after which the oldest goes (None: it has rules of its
    own). `vanish` and `come_back` take the backend's service away and bring it back (None: it cannot vanish).
    `lists`: it can tell all entries. `expires_itself`: by a clock of its own, so that `expire` has nothing to do.
    `removable`: after `remove` it keeps nothing any more; else that is `clear`.
    """

    open: Callable[[Clock], Store]
    damage: Callable[[bytes], None]
    capacity: int | None = None
    vanish: Callable[[], None] | None = None
    come_back: Callable[[], None] | None = None
    lists: bool = True
    removable: bool = True
    expires_itself: bool = False


def value_of(number: int, size: int = 1000) -> bytes:
    """A value that no other number has."""
    return (f"<{number}>".encode() * size)[:size]


class StoreSuite:
    """Subclass it with a fixture `backend`."""

    @pytest.fixture
    def hands(self) -> Hands:
        return Hands()

    @pytest.fixture
    def store(self, backend: Backend, hands: Hands) -> Iterator[Store]:
        store = backend.open(hands)
        yield store
        store.close()

    @pytest.fixture
    def other(self, backend: Backend, hands: Hands) -> Iterator[Store]:
        store = backend.open(hands)
        yield store
        store.close()

    def test_what_was_stored_is_found(self, store: Store, other: Store, hands: Hands) -> None:
        assert store.fetch(b"a") is None
        assert store.store(b"a", b"first", hands.now + 60)
        assert store.fetch(b"a") == b"first"
        assert other.fetch(b"a") == b"first"
        assert other.fetch(b"b") is None

    def test_the_last_one_stored_counts(self, store: Store, other: Store, hands: Hands) -> None:
        store.store(b"a", b"first", hands.now + 60)
        assert other.store(b"a", b"the second is longer", hands.now + 60)
        assert store.fetch(b"a") == b"the second is longer"

    @pytest.mark.parametrize("key", [b"\0", bytes(range(32)), b"\n \r\n../x", b"\xff" * LONGEST_KEY])
    def test_any_key(self, store: Store, hands: Hands, key: bytes) -> None:
        assert store.store(key, b"x", hands.now + 60)
        assert store.fetch(key) == b"x"
        assert store.fetch(key[:-1] + b"?") is None

    @pytest.mark.parametrize("key", [b"", b"k" * (LONGEST_KEY + 1)])
    def test_impossible_keys(self, store: Store, hands: Hands, key: bytes) -> None:
        with pytest.raises(ValueError):
            store.store(key, b"x", hands.now + 60)

    def test_any_value(self, store: Store, hands: Hands) -> None:
        for value in (b"", b"\0", bytes(range(256)) * 4, b"VALUE a 0 1\r\nEND\r\n"):
            assert store.store(b"a", value, hands.now + 60)
            assert store.fetch(b"a") == value

    def test_expired_entries_are_gone(self, store: Store, other: Store, hands: Hands) -> None:
        store.store(b"a", b"x", hands.now + 60)
        hands.now += 59
        assert store.fetch(b"a") == b"x"
        hands.now += 2
        assert other.fetch(b"a") is None
        assert store.fetch(b"a") is None

    def test_nothing_is_stored_that_has_expired(self, store: Store, hands: Hands) -> None:
        assert not store.store(b"a", b"x", hands.now)
        assert store.fetch(b"a") is None

    def test_expire(self, store: Store, backend: Backend, hands: Hands) -> None:
        store.store(b"a", b"x", hands.now + 10)
        store.store(b"b", b"y", hands.now + 1000)
        hands.now += 11
        assert store.expire() == (0 if backend.expires_itself else 1)
        assert store.fetch(b"a") is None
        assert store.fetch(b"b") == b"y"
        assert backend.expires_itself or store.status().entries == 1

    def test_delete(self, store: Store, other: Store, hands: Hands) -> None:
        assert not store.delete(b"a")
        store.store(b"a", b"x", hands.now + 60)
        store.store(b"b", b"y", hands.now + 60)
        assert other.delete(b"a")
        assert not store.delete(b"a")
        assert store.fetch(b"a") is None
        assert store.fetch(b"b") == b"y"

    def test_clear(self, store: Store, other: Store, backend: Backend, hands: Hands) -> None:
        for number in range(5):
            store.store(b"%d" % number, b"x", hands.now + 60)
        hands.now += 1
        cleared = other.clear()
        assert cleared == (5 if backend.lists else None)
        assert [store.fetch(b"%d" % number) for number in range(5)] == [None] * 5
        hands.now += 1
        assert store.store(b"1", b"again", hands.now + 60)
        assert other.fetch(b"1") == b"again"

    def test_entries(self, store: Store, backend: Backend, hands: Hands) -> None:
        for number in range(3):
            store.store(b"%d" % number, value_of(number), hands.now + 60 + number)
        if not backend.lists:
            with pytest.raises(CacheError):
                store.entries()
            return
        found = sorted(store.entries())
        assert [(key, value) for key, value, _ in found] == [(b"%d" % n, value_of(n)) for n in range(3)]
        assert [round(expires - hands.now) for _, _, expires in found] == [60, 61, 62]

    def test_an_entry_too_large(self, store: Store, hands: Hands) -> None:
        store.store(b"a", b"x", hands.now + 60)
        assert not store.store(b"b", bytes(store.max_entry + 1), hands.now + 60)
        assert store.fetch(b"b") is None
        assert store.status().statistics.too_large == 1
        assert store.store(b"c", bytes(store.max_entry), hands.now + 60)
        assert store.fetch(b"c") == bytes(store.max_entry)

    def test_when_it_is_full_the_oldest_goes(self, store: Store, backend: Backend, hands: Hands) -> None:
        if backend.capacity is None:
            pytest.skip("this backend has rules of its own")
        count = backend.capacity + 10
        for number in range(count):
            hands.now += 0.001
            assert store.store(b"%d" % number, value_of(number), hands.now + 600)
        kept = [number for number in range(count) if store.fetch(b"%d" % number) is not None]
        assert kept == list(range(count))[-len(kept):]
        assert backend.capacity // 2 <= len(kept) <= backend.capacity
        assert store.status().statistics.evicted == count - len(kept)

    def test_statistics(self, store: Store, hands: Hands) -> None:
        store.store(b"a", b"x", hands.now + 60)
        store.fetch(b"a")
        store.fetch(b"b")
        store.delete(b"a")
        found = store.status().statistics
        assert (found.stored, found.hits, found.misses, found.deleted, found.errors) == (1, 1, 1, 1, 0)

    def test_a_damaged_entry_is_dropped(self, store: Store, backend: Backend, hands: Hands) -> None:
        store.store(b"a", value_of(1), hands.now + 60)
        store.store(b"b", value_of(2), hands.now + 60)
        backend.damage(b"a")
        assert store.fetch(b"a") is None
        assert store.status().statistics.errors >= 1
        assert store.store(b"a", value_of(3), hands.now + 60)
        assert store.fetch(b"a") == value_of(3)

    def test_remove(self, store: Store, other: Store, backend: Backend, hands: Hands) -> None:
        store.store(b"a", b"x", hands.now + 60)
        hands.now += 1
        store.remove()
        hands.now += 1
        for handle in (store, other):
            assert handle.fetch(b"a") is None
            assert handle.store(b"b", b"x", hands.now + 60) is not backend.removable
            assert (handle.fetch(b"b") is None) is backend.removable

    def test_a_backend_that_vanishes(self, backend: Backend, hands: Hands) -> None:
        if backend.vanish is None or backend.come_back is None:
            pytest.skip("this backend cannot vanish")
        store = backend.open(hands)
        said: list[str] = []
        store.note = said.append
        try:
            assert store.store(b"a", b"x", hands.now + 60)
            backend.vanish()
            for _ in range(20):
                began = time.monotonic()
                assert store.fetch(b"a", timeout=0.5) is None
                assert not store.store(b"b", b"y", hands.now + 60, timeout=0.5)
                assert time.monotonic() - began < 3
            assert len(said) == 1, said
            with pytest.raises(CacheError):
                store.status()
            backend.come_back()
            deadline = time.monotonic() + 30
            while not store.store(b"b", b"y", hands.now + 60) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert store.fetch(b"b") == b"y"
            assert len(said) == 2, said
        finally:
            store.close()

    def test_other_processes(self, store: Store, backend: Backend, hands: Hands) -> None:
        """Four processes write and read the same few keys: whoever finds something finds what belongs to it."""
        children = []
        for _ in range(4):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # the threads of other tests
                child = os.fork()
            if child == 0:
                os._exit(_hammer(backend, hands))
            children.append(child)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
        assert store.store(b"end", b"x", hands.now + 60)
        assert store.fetch(b"end") == b"x"


def _hammer(backend: Backend, hands: Hands) -> int:
    """In a child: 0 when nothing wrong was found."""
    try:
        store = backend.open(hands)
        store.start()
        for turn in range(150):
            number = (os.getpid() * 7 + turn * 13) % 10
            key = b"shared %d" % number
            if turn % 3 == 0:
                store.store(key, value_of(number), hands.now + 60, timeout=5)
            found = store.fetch(key, timeout=5)
            if found is not None and found != value_of(number):
                return 2
        store.close()
        return 0
    except BaseException:
        return 3

"""`internal:` and `shm:` beyond what every cache must do."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.errors import ConfigError
from ftpsd.native._openssl import SharedCache
from ftpsd.testing.stores import Backend, Clock, Hands, StoreSuite, value_of
from ftpsd.tls.cache.base import Store
from ftpsd.tls.cache.shared import SHM_SIZE, SMALLEST, SegmentStore, SharedStore, open_segment

DIRECTIVE = "TLSSessionCache"
CAPACITY = (SMALLEST - 4096 - 64 * 4 * 2) // (32 + 32 * 32)


def damage_in(memory: SharedCache, key: bytes) -> None:
    """Changes a bit of the value of `key`."""
    view = memory.memory()
    value = next(value for name, value, _ in memory.entries(1.0) if name == key)
    at = view.tobytes().index(key + value)
    view[at + len(key) + len(value) // 2] ^= 0x10


class TestInternal(StoreSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        memory = SharedCache(SMALLEST)
        return Backend(
            open=lambda clock: SharedStore(memory, clock=clock), damage=lambda key: damage_in(memory, key),
            capacity=CAPACITY)


class TestSegment(StoreSuite):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[Backend]:
        path = str(tmp_path / "cache")

        def open_(clock: Clock) -> Store:
            return open_segment(path, SMALLEST, directive=DIRECTIVE, clock=clock)

        first = open_segment(path, SMALLEST, directive=DIRECTIVE)
        yield Backend(open=open_, damage=lambda key: damage_in(first.memory, key), capacity=CAPACITY)
        with contextlib.suppress(OSError):
            first.remove()


@contextlib.contextmanager
def segment(path: Path, size: int = SMALLEST) -> Iterator[SegmentStore]:
    store = open_segment(str(path), size, directive=DIRECTIVE)
    try:
        yield store
    finally:
        store.remove()


def test_the_file_names_the_segment_and_holds_nothing_else(tmp_path: Path) -> None:
    with segment(tmp_path / "cache") as store:
        store.store(b"key", b"secret value", time.time() + 60)
        path = tmp_path / "cache"
        assert path.stat().st_mode & 0o777 == 0o600
        assert f"segment {store.memory.segment}" in path.read_text()
        assert "secret" not in path.read_text()
        assert store.status().size == SMALLEST
    assert not path.exists()


def test_a_directory_that_is_missing_is_made_for_its_owner(tmp_path: Path) -> None:
    """/run is empty after a boot."""
    with segment(tmp_path / "run" / "cache"):
        assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_statistics_and_entries_outlive_the_processes(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    child = os.fork()
    if child == 0:
        store = open_segment(str(path), SMALLEST, directive=DIRECTIVE)
        store.store(b"key", b"value", time.time() + 60)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with segment(path) as store:
        assert store.fetch(b"key") == b"value"
        assert store.status().statistics.stored == 1
        assert store.status().created == pytest.approx(time.time(), abs=60)


@pytest.mark.parametrize("size", [0, 100])
def test_a_size_that_is_missing_or_too_small(tmp_path: Path, size: int) -> None:
    said: list[str] = []
    store = open_segment(str(tmp_path / "cache"), size, directive=DIRECTIVE, note=said.append)
    try:
        assert store.status().size == SHM_SIZE
        assert len(said) == (size > 0)
    finally:
        store.remove()


def test_another_size_waits_until_nobody_uses_the_segment(tmp_path: Path) -> None:
    path, said = str(tmp_path / "cache"), list[str]()
    first = open_segment(path, SMALLEST, directive=DIRECTIVE)
    again = open_segment(path, 2 * SMALLEST, directive=DIRECTIVE, note=said.append)
    assert again.memory.segment == first.memory.segment
    assert "keeps its" in said[0]
    del first, again
    with segment(Path(path), 2 * SMALLEST) as later:
        assert later.status().size == 2 * SMALLEST


def test_a_segment_that_is_gone_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    with segment(path) as store:
        named = path.read_text()
    path.write_text(named)
    os.chmod(path, 0o600)
    with segment(path) as again:
        assert again.memory.segment != store.memory.segment
        assert again.store(b"a", b"x", time.time() + 60)


@pytest.mark.parametrize("text", ["root:x:0:0", "ftpsd cache in shared memory\nsegment x\n"])
def test_other_files_are_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "passwd"
    path.write_text(text)
    with pytest.raises(ConfigError, match="something else"):
        open_segment(str(path), directive=DIRECTIVE)
    assert path.read_text() == text


def test_files_that_others_could_change_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    path.touch()
    os.chmod(path, 0o666)
    with pytest.raises(ConfigError, match="others could write"):
        open_segment(str(path), directive=DIRECTIVE)
    with pytest.raises(ConfigError):
        open_segment(str(path / "below a file" / "cache"), directive=DIRECTIVE)
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(ConfigError, match="ordinary"):
        open_segment(str(tmp_path / "fifo"), directive=DIRECTIVE)
    os.symlink(path, tmp_path / "link")
    with pytest.raises(ConfigError):
        open_segment(str(tmp_path / "link"), directive=DIRECTIVE)


def test_whoever_comes_after_a_holder_that_was_killed_gets_the_lock() -> None:
    """The child is stopped and killed while it writes; every entry that is found afterwards is whole."""
    memory = SharedCache(SMALLEST)
    rng = random.Random(7)
    for _ in range(30):
        child = os.fork()
        if child == 0:
            for turn in range(10**9):
                memory.store(b"k%d" % (turn % 40), value_of(turn % 40, 500), time.time() + 60, time.time(), 1.0)
        time.sleep(rng.random() * 0.004)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for number in range(40):
            found = memory.fetch(b"k%d" % number, time.time(), 1.0)
            assert found in (None, value_of(number, 500))
        assert memory.store(b"mine", b"x", time.time() + 60, time.time(), 1.0)
        assert memory.fetch(b"mine", time.time(), 1.0) == b"x"


def test_a_holder_that_is_stopped_costs_patience_only() -> None:
    memory = SharedCache(SMALLEST)
    store = SharedStore(memory)
    said: list[str] = []
    store.note = said.append
    child = os.fork()
    if child == 0:
        while True:
            memory.sweep(time.time(), 1.0)
    try:
        deadline = time.monotonic() + 30
        while not said and time.monotonic() < deadline:
            os.kill(child, signal.SIGSTOP)
            began = time.monotonic()
            store.fetch(b"key", timeout=0.05)
            assert time.monotonic() - began < 1
            os.kill(child, signal.SIGCONT)
        assert len(said) == 1
        assert "lock" in said[0]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


LOCK = slice(4096, None)
"""What may be damaged: all but the head's lock."""


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 400))
def test_no_damage_crashes_or_returns_what_was_not_stored(seed: int, count: int) -> None:
    rng = random.Random(seed)
    memory = SharedCache(SMALLEST)
    hands = Hands()
    for number in range(100):
        memory.store(b"k%d" % number, value_of(number), hands.now + 60, hands.now, 1.0)
    view = memory.memory()
    for _ in range(count):
        view[rng.randrange(4096, len(view))] = rng.randrange(256)
    for number in range(100):
        assert memory.fetch(b"k%d" % number, hands.now, 1.0) in (None, value_of(number))
    for number in range(200):
        assert memory.store(b"n%d" % number, value_of(number), hands.now + 60, hands.now, 1.0)
        assert memory.fetch(b"n%d" % number, hands.now, 1.0) == value_of(number)
    memory.delete(b"n0", 1.0)
    memory.sweep(hands.now + 100, 1.0)
    assert memory.facts().entries == 0


@pytest.mark.parametrize("head", [b"\xff" * 24, b"\x01" + bytes(23), b"\xe0\xff\xff\xff\xff\xff\xff\xff" * 3])
def test_impossible_ends_of_the_log(head: bytes) -> None:
    memory = SharedCache(SMALLEST)
    now = time.time()
    memory.store(b"a", b"x", now + 60, now, 1.0)
    view = memory.memory()
    at = head_offset(memory)
    view[at:at + 24] = head
    assert memory.fetch(b"a", now, 1.0) in (None, b"x")
    assert memory.store(b"b", b"y", now + 60, now, 1.0)
    assert memory.fetch(b"b", now, 1.0) == b"y"
    memory.sweep(now, 1.0)


def test_room_is_made_anew_when_the_log_turns_out_to_be_damaged() -> None:
    """The head goes back to a damaged record near the log's end, where there is no room for what comes next."""
    memory, now = SharedCache(SMALLEST), time.time()
    for number in range(CAPACITY + 10):
        assert memory.store(b"k%05d" % number, value_of(number), now + 60, now, 1.0)
    view, large = memory.memory(), value_of(0, memory.entry_max)
    raw = view.tobytes()
    last = max(raw.index(name + value) for name, value, _ in memory.entries(1.0)) - 32
    assert last + memory.entry_max > len(raw)
    view[last:last + 4] = b"\xff" * 4
    view[4096:4096 + 4 * 128] = bytes(4 * 128)
    child = os.fork()
    if child == 0:
        stored = memory.store(b"large", large, now + 60, now, 1.0)
        os._exit(0 if stored and memory.fetch(b"large", now, 1.0) == large else 1)
    assert os.waitpid(child, 0)[1] == 0
    for number in range(2 * CAPACITY):
        assert memory.store(b"n%05d" % number, value_of(number), now + 60, now, 1.0)
        assert memory.fetch(b"n%05d" % number, now, 1.0) == value_of(number)


def head_offset(memory: SharedCache) -> int:
    """Where head, tail and the number of entries stand: 64, 0 and 1 after the first entry."""
    wanted = b"".join(number.to_bytes(8, "little") for number in (64, 0, 1))
    return memory.memory().tobytes().index(wanted)


def test_expired_entries_make_room_first() -> None:
    memory = SharedCache(SMALLEST)
    now = time.time()
    for number in range(CAPACITY):
        memory.store(b"%d" % number, value_of(number), now + 10, now, 1.0)
    memory.store(b"new", value_of(0), now + 60, now + 11, 1.0)
    facts = dict(zip(("hits", "misses", "stored", "deleted", "expired", "evicted"), memory.facts().counters,
                     strict=False))
    assert facts["expired"] == CAPACITY
    assert facts["evicted"] == 0


def test_entries_of_all_sizes_go_round_and_round() -> None:
    memory = SharedCache(SMALLEST)
    rng = random.Random(3)
    now = time.time()
    for number in range(3000):
        size = rng.choice((0, 1, 31, 32, 33, 500, memory.entry_max))
        assert memory.store(b"%d" % (number % 50), value_of(number, size), now + 60, now, 1.0)
        assert memory.fetch(b"%d" % (number % 50), now, 1.0) == value_of(number, size)
    assert memory.facts().counters[6] == 0
    assert len(memory.entries(1.0)) == memory.facts().entries


def test_impossible_caches() -> None:
    with pytest.raises(ValueError):
        SharedCache(100)
    with pytest.raises(ValueError):
        SharedCache(SMALLEST, nonce=b"short")
    with pytest.raises(OSError):
        SharedCache(join=2**30, nonce=bytes(16))

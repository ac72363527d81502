"""Digests that are remembered."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ftpsd.vfs.digests import DigestMemory, Key, state

OLD = (1, 2, 3, 10**18, 10**18)


def key(number: int) -> Key:
    return OLD, "md5", 0, number


def test_what_is_put_is_there_until_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = DigestMemory()
    memory.put(key(1), "abc", 10, begun=time.time())
    assert memory.get(key(1), 60) == "abc"
    assert memory.get(key(2), 60) is None
    now = time.monotonic()
    monkeypatch.setattr("ftpsd.vfs.digests.time.monotonic", lambda: now + 61)
    assert memory.get(key(1), 60) is None
    assert len(memory) == 0


def test_the_oldest_goes() -> None:
    memory = DigestMemory()
    for number in range(3):
        memory.put(key(number), str(number), 3, begun=time.time())
    assert memory.get(key(0), 60) == "0"
    memory.put(key(3), "3", 3, begun=time.time())
    assert [memory.get(key(number), 60) for number in range(4)] == ["0", None, "2", "3"]


def test_without_room_nothing_is_kept() -> None:
    memory = DigestMemory()
    memory.put(key(1), "abc", 0, begun=time.time())
    assert len(memory) == 0


def test_a_file_that_was_changed_just_now_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    fd = os.open(path, os.O_RDONLY)
    try:
        fresh = state(fd)
        memory = DigestMemory()
        memory.put((fresh, "md5", 0, 3), "abc", 10, begun=time.time())
        assert len(memory) == 0
        memory.put((fresh, "md5", 0, 3), "abc", 10, begun=time.time() + 10)
        assert memory.get((fresh, "md5", 0, 3), 60) == "abc"
        path.write_bytes(b"longer")
        assert state(fd) != fresh
    finally:
        os.close(fd)

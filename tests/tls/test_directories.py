"""Directories are for their owner, also in a process whose umask is 0, as the server's is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.tls import directories
from ftpsd.tls.acme import storage
from ftpsd.tls.cache.files import prepare_directory
from ftpsd.tls.cache.shared import SMALLEST, open_segment


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(directory: Path) -> dict[str, int]:
    """What lies below a directory, and who may do what with it."""
    return {str(path.relative_to(directory)): stat.S_IMODE(path.stat().st_mode) for path in directory.rglob("*")}


def test_missing_parts_are_made(tmp_path: Path) -> None:
    directories.make(str(tmp_path / "a" / "b" / "c"))
    directories.make(str(tmp_path / "a" / "b" / "c"))
    directories.make(f"{tmp_path}/a/d/")
    assert modes(tmp_path) == {"a": 0o755, "a/b": 0o755, "a/b/c": 0o700, "a/d": 0o700}


def test_what_is_no_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        directories.make(str(tmp_path / "file"))
    with pytest.raises(NotADirectoryError):
        directories.make(str(tmp_path / "file" / "below"))


def test_no_cache_and_no_key_opens_a_directory_to_others(tmp_path: Path) -> None:
    prepare_directory(str(tmp_path / "fs" / "b" / "c"), "TLSStaplingCache")
    storage.account_key(str(tmp_path / "acme" / "y" / "key"))
    storage.Failures.load(str(tmp_path / "failed" / "y" / "key")).note("/cert.pem", 1, 0.0)
    store = open_segment(str(tmp_path / "shm" / "b" / "file"), SMALLEST, directive="TLSSessionCache")
    try:
        found = modes(tmp_path)
    finally:
        store.remove()
    assert len(found) == 12
    assert [name for name, mode in found.items() if mode & (stat.S_IWOTH | stat.S_IWGRP)] == []

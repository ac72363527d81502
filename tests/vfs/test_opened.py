"""Renaming without replacing where the file system cannot do it in one call."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.native import _system
from ftpsd.vfs import opened


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A directory on a file system that knows no RENAME_NOREPLACE."""
    real = _system.rename_at

    def rename_at(olddir: int, old: bytes, newdir: int, new: bytes, *, replace: bool = True) -> None:
        if not replace:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(olddir, old, newdir, new)

    monkeypatch.setattr(_system, "rename_at", rename_at)
    fd = os.open(tmp_path, os.O_PATH)
    yield fd
    os.close(fd)


def test_files_and_links_are_linked_over(tmp_path: Path, place: int) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "taken").write_text("taken")
    opened.rename(place, b"a", place, b"b", overwrite=False)
    opened.rename(place, b"link", place, b"moved", overwrite=False)
    with pytest.raises(FileExistsError):
        opened.rename(place, b"b", place, b"taken", overwrite=False)
    assert sorted(os.listdir(tmp_path)) == ["b", "moved", "taken"]
    assert (tmp_path / "moved").is_symlink()
    opened.rename(place, b"b", place, b"taken", overwrite=True)
    assert (tmp_path / "taken").read_text() == "a"


def test_directories_are_looked_at_first(tmp_path: Path, place: int) -> None:
    (tmp_path / "d/x").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileExistsError):
        opened.rename(place, b"d", place, b"empty", overwrite=False)
    opened.rename(place, b"d", place, b"e", overwrite=False)
    assert os.listdir(tmp_path / "e") == ["x"]


def test_other_failures_stay(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_PATH)
    try:
        with pytest.raises(FileNotFoundError):
            opened.rename(fd, b"nothing", fd, b"x", overwrite=False)
    finally:
        os.close(fd)


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK])
def test_without_hard_links_files_are_looked_at_first_too(
    tmp_path: Path, place: int, monkeypatch: pytest.MonkeyPatch, code: int,
) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", link)
    (tmp_path / "a").write_text("a")
    (tmp_path / "taken").write_text("taken")
    (tmp_path / "link").symlink_to("nowhere")
    opened.rename(place, b"a", place, b"b", overwrite=False)
    for name in (b"taken", b"link"):
        with pytest.raises(FileExistsError):
            opened.rename(place, b"b", place, name, overwrite=False)
    assert {path.name: path.is_symlink() or path.read_text() for path in tmp_path.iterdir()} == {
        "b": "a", "taken": "taken", "link": True}


def test_a_link_that_fails_otherwise_is_no_reason_to_rename(
    tmp_path: Path, place: int, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "link", link)
    (tmp_path / "a").write_text("a")
    with pytest.raises(OSError) as caught:
        opened.rename(place, b"a", place, b"b", overwrite=False)
    assert caught.value.errno == errno.EROFS
    assert os.listdir(tmp_path) == ["a"]

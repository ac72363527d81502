"""Reading and finding files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ftpsd.config.source import LARGEST_FILE, FileSource, TextSource


def test_expand_lists_files_sorted_and_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.conf", "a.conf", ".hidden.conf", "note.txt"):
        (tmp_path / name).write_text("A\n")
    (tmp_path / "dir.conf").mkdir()
    (tmp_path / "dir.conf" / "inner").write_text("B\n")
    source = FileSource()
    base = str(tmp_path)
    assert source.expand(base) == tuple(f"{base}/{name}" for name in ("a.conf", "b.conf", "note.txt"))
    expected = ("a.conf", "b.conf", "dir.conf/inner")
    assert source.expand(f"{base}/*.conf") == tuple(f"{base}/{name}" for name in expected)
    assert source.expand(f"{base}/a.conf") == (f"{base}/a.conf",)
    assert source.expand(f"{base}/.h*") == (f"{base}/.hidden.conf",)
    assert source.expand(f"{base}/none*") == ()
    with pytest.raises(FileNotFoundError):
        source.expand(f"{base}/none")


def test_read_takes_any_bytes_but_only_regular_files_of_bounded_size(tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.write_bytes(b"A \xff\xfe\n")
    assert FileSource().read(str(odd)) == "A \udcff\udcfe\n"
    with pytest.raises(OSError):
        FileSource().read(str(tmp_path))
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(LARGEST_FILE + 1)
    with pytest.raises(OSError, match="larger than"):
        FileSource().read(str(large))
    with pytest.raises(OSError, match="not a regular file"):
        FileSource().read("/dev/null")


def test_text_source_behaves_like_the_file_system() -> None:
    source = TextSource({"/a/x": "X", "/a/y": "Y", "/a/b/z": "Z"})
    assert source.expand("/a") == source.expand("/a/") == source.expand("/a/*") == ("/a/x", "/a/y")
    assert source.expand("/a/y") == ("/a/y",)
    assert source.expand("/q/*") == ()
    for missing in ("/q", "/a/q"):
        with pytest.raises(FileNotFoundError):
            source.expand(missing)
    with pytest.raises(FileNotFoundError):
        source.read("/q")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every directory")
def test_a_directory_that_may_not_be_read_is_an_error_and_not_empty(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o111)
    try:
        with pytest.raises(PermissionError):
            FileSource().expand(f"{closed}/*.conf")
    finally:
        closed.chmod(0o755)

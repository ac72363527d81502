"""Virtual paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.errors import Refusal
from ftpsd.ftp import paths


@pytest.mark.parametrize(("cwd", "argument", "path"), [
    ("/", "a", "/a"),
    ("/a", "b/c", "/a/b/c"),
    ("/a", "/b", "/b"),
    ("/a/b", "..", "/a"),
    ("/a/b", "../../../..", "/"),
    ("/a", "./b//c/.", "/a/b/c"),
    ("/a", "dir/", "/a/dir"),
    ("/", " x ", "/ x "),
    ("/a", "", "/a"),
    ("/a", "~", "/"),
    ("/a", "~/x", "/x"),
    ("/a", "~x", "/a/~x"),
    ("/a", "...", "/a/..."),
    ("/a", "b\\..\\c", "/a/b\\..\\c"),
    ("/a", "\udce4", "/a/\udce4"),
    ("/", "//a", "/a"),
])
def test_resolve(cwd: str, argument: str, path: str) -> None:
    assert paths.resolve(cwd, argument) == path


def test_home() -> None:
    assert paths.resolve("/x", "~/a", "/home/joe") == "/home/joe/a"


def test_nul_and_length() -> None:
    with pytest.raises(Refusal) as nul:
        paths.resolve("/", "a\0b")
    assert (nul.value.code, nul.value.reason) == (550, "path-invalid")
    with pytest.raises(Refusal) as long:
        paths.resolve("/", "x/" * 4000)
    assert long.value.reason == "path-too-long"
    assert len(long.value.text) < 120


@given(st.text(alphabet="ab./~\\ ", max_size=40), st.text(alphabet="ab./~", max_size=40))
def test_always_absolute_and_normal(cwd: str, argument: str) -> None:
    path = paths.resolve(paths.normalise(cwd), argument)
    assert path == "/" or (path.startswith("/") and not path.endswith("/"))
    assert not {"", ".", ".."} & set(path.split("/")[1:]) or path == "/"
    assert paths.normalise(path) == path


@pytest.mark.parametrize(("path", "quoted"), [
    ("/", '"/"'), ('/a"b', '"/a""b"'), ("/a b", '"/a b"'),
])
def test_quote(path: str, quoted: str) -> None:
    assert paths.quote(path) == quoted


def test_parts() -> None:
    assert [paths.parent(path) for path in ("/", "/a", "/a/b")] == ["/", "/", "/a"]
    assert [paths.name(path) for path in ("/", "/a", "/a/b")] == ["", "a", "b"]
    assert paths.is_within("/a/b", "/a")
    assert paths.is_within("/a", "/a")
    assert paths.is_within("/a", "/")
    assert not paths.is_within("/ab", "/a")

"""What is listed, under which name, in which order; with both resolvers. Lines themselves: tests/native."""

from __future__ import annotations

import errno
import fnmatch
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.vfs import listing
from ftpsd.vfs.base import ListingOptions, ListingTooLarge
from ftpsd.vfs.jail import Jail


@pytest.fixture
def tree(root: Path) -> Path:
    """A small tree with links that lead in and out, and things to hide."""
    for directory in ("a/deep/deeper", "b", ".hid", "empty"):
        (root / directory).mkdir(parents=True)
    files = ("f1", "f2", "a/x1", "a/x2", "a/.dot", "a/deep/y", "b/x1", "*star", "q[1]", "sp ace", ".conf")
    for name in files:
        (root / name).write_text(name)
    links = {"la": "a", "lf": "/f1", "no": "nowhere", "up": "../outside", "b/ll": "/a/x1"}
    for name, target in links.items():
        (root / name).symlink_to(target)
    return root


def shown(jail: Jail, path: str, written: str | None = None, **options: object) -> list[str]:
    """The names (with their links) of a listing."""
    body = jail.listing(path, ListingOptions(**options), shown=written).decode()  # type: ignore[arg-type]
    assert body == "" or body.endswith("\r\n")
    lines = body.split("\r\n")[:-1]
    if options.get("form") == "nlst":
        return lines
    if options.get("form") == "mlsd":
        return [line.partition(" ")[2] for line in lines]
    return [line[55:] if line[:1] in "-dlp" and len(line) > 55 else line for line in lines]


EVERYTHING = ["*star", "a", "b", "empty", "f1", "f2", "la -> a", "lf -> /f1", "no -> nowhere", "q[1]",
              "sp ace", "up -> ../outside"]


@pytest.mark.parametrize(("path", "written", "options", "expected"), [
    ("/", None, {}, EVERYTHING),
    ("/", "/", {}, EVERYTHING),
    ("/a", "a", {}, ["deep", "x1", "x2"]),
    ("/la", "la", {}, ["deep", "x1", "x2"]),
    ("/a", "a/", {"all": True}, [".", "..", ".dot", "deep", "x1", "x2"]),
    ("/a", "a", {"almost_all": True, "reverse": True}, ["x2", "x1", "deep", ".dot"]),
    ("/f1", "f1", {}, ["f1"]),
    ("/a/x1", "a/x1", {}, ["a/x1"]),
    ("/a/x1", "../a/x1", {}, ["../a/x1"]),
    ("/lf", "lf", {}, ["lf -> /f1"]),
    ("/lf", "lf", {"dereference": True}, ["lf"]),
    ("/lf", "lf", {"show_symlinks": False}, ["lf"]),
    ("/b", "b", {"show_symlinks": False}, ["ll", "x1"]),
    ("/a", "a", {"directory": True}, ["a"]),
    ("/", None, {"directory": True}, ["."]),
    ("/sp ace", "sp ace", {}, ["sp ace"]),
    ("/a", "a", {"bare": True}, ["deep", "x1", "x2"]),
    ("/a", "a", {"max_files": 2}, ["deep", "x1"]),
    # patterns
    ("/f*", "f*", {}, ["f1", "f2"]),
    ("/*", "*", {}, EVERYTHING),
    ("/a/*", "a/*", {}, ["a/deep", "a/x1", "a/x2"]),
    ("/a/*", "/a/*", {}, ["/a/deep", "/a/x1", "/a/x2"]),
    ("/a/*", "../a/*", {}, ["../a/deep", "../a/x1", "../a/x2"]),
    ("/a/*", "somewhere/else", {}, ["/a/deep", "/a/x1", "/a/x2"]),
    ("/a/.*", "a/.*", {}, ["a/.dot"]),
    ("/a/*", "a/*", {"all": True}, ["a/.dot", "a/deep", "a/x1", "a/x2"]),
    ("/*/x1", "*/x1", {}, ["a/x1", "b/x1", "la/x1"]),
    ("/[ab]/*", "[ab]/*", {}, ["a/deep", "a/x1", "a/x2", "b/ll -> /a/x1", "b/x1"]),
    ("/[!a]/x?", "[!a]/x?", {}, ["b/x1"]),
    ("/[^a]/x?", "[^a]/x?", {}, ["b/x1"]),
    ("/f?", "f?", {"max_files": 1}, ["f1"]),
    ("/*/*/y", "*/*/y", {}, ["a/deep/y", "la/deep/y"]),
    ("/*star", "*star", {}, ["*star"]),
    ("/q[1]", "q[1]", {}, ["q[1]"]),
    # NLST
    ("/a", None, {"form": "nlst"}, ["deep", "x1", "x2"]),
    ("/a", "a", {"form": "nlst"}, ["a/deep", "a/x1", "a/x2"]),
    ("/a", "/a/", {"form": "nlst"}, ["/a/deep", "/a/x1", "/a/x2"]),
    ("/", "/", {"form": "nlst", "sort": "name"}, [
        "/*star", "/a", "/b", "/empty", "/f1", "/f2", "/la", "/lf", "/q[1]", "/sp ace"]),
    ("/a", "a", {"form": "nlst", "bare": True}, ["deep", "x1", "x2"]),
    ("/a", "a", {"form": "nlst", "recursive": True, "long": True, "columns": True}, [
        "a/deep", "a/x1", "a/x2"]),
    ("/f1", "f1", {"form": "nlst"}, ["f1"]),
    ("/*/x1", "*/x1", {"form": "nlst"}, ["a/x1", "b/x1", "la/x1"]),
    ("/empty", "empty", {"form": "nlst"}, []),
    # MLSD
    ("/a", "a", {"form": "mlsd"}, [".", "..", ".dot", "deep", "x1", "x2"]),
    ("/empty", "empty", {"form": "mlsd"}, [".", ".."]),
])
def test_listings(
    tree: Path, jail: Jail, path: str, written: str | None, options: dict[str, object], expected: list[str],
) -> None:
    assert shown(jail, path, written, **options) == expected


@pytest.mark.parametrize(("path", "form", "code"), [
    ("/missing", "list", errno.ENOENT), ("/no", "list", errno.ENOENT), ("/up", "list", errno.ENOENT),
    ("/up/*", "list", errno.ENOENT), ("/z*", "list", errno.ENOENT), ("/z*", "nlst", errno.ENOENT),
    ("/f1/*", "list", errno.ENOTDIR), ("/../outside/*", "nlst", errno.ENOENT),
    ("/*/secret", "list", errno.ENOENT),
    ("/f*", "mlsd", errno.ENOENT), ("/f1", "mlsd", errno.ENOTDIR), ("/missing", "mlsd", errno.ENOENT),
    ("/n\0*", "list", errno.EINVAL),
])
def test_what_cannot_be_listed(tree: Path, jail: Jail, path: str, form: str, code: int) -> None:
    with pytest.raises(OSError) as caught:
        jail.listing(path, ListingOptions(form=form), shown=path[1:])  # type: ignore[arg-type]
    assert caught.value.errno == code


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_that_may_not_be_read(tree: Path, jail: Jail) -> None:
    (tree / "a/deep").chmod(0o311)
    with pytest.raises(PermissionError):
        jail.listing("/a/deep", ListingOptions())
    assert shown(jail, "/a", "a", recursive=True) == ["deep", "x1", "x2"]
    with pytest.raises(FileNotFoundError):
        jail.listing("/a/*/*", ListingOptions(), shown="a/*/*")


def test_recursion(tree: Path, jail: Jail) -> None:
    assert shown(jail, "/a", "a", recursive=True) == [
        "deep", "x1", "x2", "", "a/deep:", "deeper", "y", "", "a/deep/deeper:"]
    everything = shown(jail, "/", None, recursive=True, all=True)
    assert [line for line in everything if line.endswith(":")] == [
        ".hid:", "a:", "a/deep:", "a/deep/deeper:", "b:", "empty:"]
    assert "secret" not in everything
    heads = [line for line in shown(jail, "/", "/", recursive=True, reverse=True) if line.endswith(":")]
    assert heads == ["/empty:", "/b:", "/a:", "/a/deep:", "/a/deep/deeper:"]


@pytest.mark.parametrize(("options", "heads"), [
    ({"max_depth": 1}, []), ({"max_depth": 2}, ["a:", "b:", "empty:"]),
    ({"max_depth": 3}, ["a:", "a/deep:", "b:", "empty:"]), ({"max_directories": 1}, []),
    ({"max_directories": 3}, ["a:", "a/deep:"]), ({"max_files": 13}, ["a:"]), ({"max_files": 12}, []),
])
def test_the_bounds_of_listoptions(
    tree: Path, jail: Jail, options: dict[str, object], heads: list[str],
) -> None:
    lines = shown(jail, "/", None, recursive=True, **options)
    assert [line for line in lines if line.endswith(":")] == heads


@pytest.mark.parametrize(("path", "options"), [
    ("/", {"max_entries": 11}), ("/", {"max_bytes": 500}), ("/", {"max_entries": 15, "recursive": True}),
    ("/", {"max_bytes": 1200, "recursive": True}), ("/*", {"max_entries": 10}), ("/*/*", {"max_entries": 20}),
    ("/", {"form": "mlsd", "max_entries": 5}), ("/", {"form": "nlst", "max_entries": 5}),
])
def test_the_bounds_of_memory(tree: Path, jail: Jail, path: str, options: dict[str, object]) -> None:
    with pytest.raises(ListingTooLarge) as caught:
        jail.listing(path, ListingOptions(**options), shown=path)  # type: ignore[arg-type]
    assert caught.value.errno == errno.EFBIG


def test_columns(root: Path, jail: Jail) -> None:
    for name in ("aaaaaaaa", "b", "c", "d", "e", "f", "g"):
        (root / name).touch()
    assert jail.listing("/", ListingOptions(columns=True)) == b"aaaaaaaa\tc\t\te\t\tg\r\nb\t\td\t\tf\r\n"
    assert jail.listing("/[ab]*", ListingOptions(columns=True), shown="[ab]*") == b"aaaaaaaa\tb\r\n"
    (root / ("x" * 100)).touch()
    assert jail.listing("/", ListingOptions(columns=True)).count(b"\r\n") == 8
    (root / "empty").mkdir()
    assert jail.listing("/empty", ListingOptions(columns=True)) == b""


def test_the_parent_of_the_root_is_the_root(root: Path, jail: Jail) -> None:
    root.chmod(0o711)
    root.parent.chmod(0o700)
    (root / "d").mkdir()
    top = jail.listing("/", ListingOptions(all=True)).split(b"\r\n")
    assert [line[:10] for line in top[:2]] == [b"drwx--x--x"] * 2
    below = jail.listing("/d", ListingOptions(all=True)).split(b"\r\n")
    assert below[1][:10] == b"drwx--x--x"
    facts = ListingOptions(form="mlsd", facts=frozenset({"unique"}))
    lines = jail.listing("/", facts).split(b"\r\n")
    assert lines[0].partition(b";")[0] == lines[1].partition(b";")[0]


@pytest.mark.parametrize(("path", "line"), [
    ("/", "type=dir; /"), ("/a", "type=dir; /a"), ("/f1", "size=2;type=file; /f1"),
    ("/la", "type=dir; /la"), ("/lf", "size=2;type=file; /lf"), ("/a/deep/y", "size=8;type=file; /a/deep/y"),
    ("/sp ace", "size=6;type=file; /sp ace"),
])
def test_facts_of_one(tree: Path, jail: Jail, path: str, line: str) -> None:
    assert jail.facts(path, ListingOptions(facts=frozenset({"type", "size"}))) == line


@pytest.mark.parametrize("path", ["/missing", "/no", "/up", "/missing/x"])
def test_facts_of_nothing(tree: Path, jail: Jail, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        jail.facts(path, ListingOptions())


def test_owners_are_asked_once_per_number(tree: Path, jail: Jail) -> None:
    asked: list[int] = []

    def name(number: int) -> str:
        asked.append(number)
        return "somebody"

    body = jail.listing("/", ListingOptions(owner=name, group=name))
    assert body.count(b" somebody somebody ") == len(EVERYTHING)
    assert asked == [os.geteuid(), os.getegid()]


def test_a_directory_behind_a_link_may_be_listed_by_patterns(tree: Path, jail: Jail) -> None:
    assert shown(jail, "/l*/x*", "l*/x*") == ["la/x1", "la/x2"]


def test_patterns_do_not_multiply_without_bound(root: Path, jail: Jail) -> None:
    for at in range(101):
        (root / f"d{at:03}").mkdir()
        (root / f"d{at:03}/up").symlink_to("/")
    with pytest.raises(ListingTooLarge):
        jail.listing("/*/up/*/up/*/up/*", ListingOptions(), shown="*/up/*/up/*/up/*")


@pytest.mark.parametrize(("path", "options", "written"), [
    ("/", {}, False), ("/a", {"form": "mlsd"}, False), ("/la", {"form": "nlst", "all": True}, False),
    ("/a", {"bare": True}, False), ("/f1", {}, True), ("/", {"columns": True}, True), ("/", {"recursive": True}, True),
    ("/", {"directory": True}, True), ("/f*", {}, True),
])
def test_one_directory_is_written_while_it_is_sent(
    tree: Path, jail: Jail, path: str, options: dict[str, object], written: bool
) -> None:
    wanted = ListingOptions(**options)  # type: ignore[arg-type]
    lines = jail.lines(path, wanted, shown=path[1:] or None)
    assert isinstance(lines, bytes) == written
    assert (lines if isinstance(lines, bytes) else lines.body) == jail.listing(path, wanted, shown=path[1:] or None)


@pytest.mark.parametrize(("options", "written"), [
    ({"form": "nlst"}, True), ({"bare": True}, True), ({"form": "list"}, False), ({"form": "mlsd"}, False),
])
def test_many_bare_names_are_sent_from_less_memory(
    tree: Path, jail: Jail, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], written: bool
) -> None:
    """A client may take its time, in many sessions."""
    wanted = ListingOptions(**options)  # type: ignore[arg-type]
    monkeypatch.setattr("ftpsd.vfs.listing._MANY", 2)
    lines = jail.lines("/a", wanted)
    assert isinstance(lines, bytes) == written
    assert (lines if isinstance(lines, bytes) else lines.body) == jail.listing("/a", wanted)
    monkeypatch.setattr("ftpsd.vfs.listing._MANY", 5)
    assert not isinstance(jail.lines("/a", wanted), bytes)


def test_a_pattern_is_translated_once_and_bounded(root: Path, jail: Jail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Translating takes time by the square of the brackets: 4,000 of them in each of 10,000 directories took hours."""
    translated: list[str] = []

    def translate(pattern: str) -> str:
        translated.append(pattern)
        return fnmatch.translate(pattern)

    monkeypatch.setattr(listing, "translate", translate)
    for at in range(20):
        (root / f"d{at}").mkdir()
        (root / f"d{at}" / "[x").touch()
    assert len(shown(jail, "/d*/[[]?", "d*/[[]?", form="nlst")) == 20
    assert translated == ["d*", "[[]?"]
    for component, many in (("[" * 1024, 1), ("[" * 1025, 0), ("[x]" * 400, 0)):
        translated.clear()
        with pytest.raises(FileNotFoundError):
            jail.listing(f"/d*/{component}", ListingOptions(form="nlst"))
        assert translated == ["d*", component][:1 + many]


@pytest.mark.parametrize("pattern", [
    "*a" * 500 + "b", "*" + "?" * 127 + "b", "*" + "[ab]" * 127 + "b", "*?" * 500 + "b"])
def test_no_pattern_takes_long_for_one_name(root: Path, jail: Jail, pattern: str) -> None:
    (root / ("a" * 255)).touch()
    (root / "d").symlink_to(".")
    begun = time.thread_time()
    with pytest.raises(FileNotFoundError):
        jail.listing(f"/[d]/{pattern}", ListingOptions())
    assert time.thread_time() - begun < 1


def test_a_pattern_reads_no_more_than_may_be_listed(
    tree: Path, jail: Jail, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A directory of ten million names took gigabytes before anybody looked at the bound."""
    read = 0

    def names(fd: int) -> Iterator[bytes]:
        nonlocal read
        while read < 1000:
            read += 1
            yield b"%d" % read

    monkeypatch.setattr(listing, "names", names)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(ListingTooLarge):
        jail.listing("/f*", ListingOptions(max_entries=100))
    assert read == 101
    assert os.listdir("/proc/self/fd") == before

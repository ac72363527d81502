"""Nothing outside of the root is ever reached, and both resolvers say the same."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.native import _system
from ftpsd.vfs.resolve import (
    DEEPEST,
    MOST_LINKS,
    KernelResolver,
    Resolver,
    WalkResolver,
    machine_path,
    open_machine_directory,
)

NAMES = ("a", "b", "c")
PARTS = st.sampled_from([*NAMES, ".", "..", "", "outside", "secret"])
PATHS = st.lists(PARTS, min_size=1, max_size=7).map("/".join).filter(bool)
TARGETS = st.tuples(st.booleans(), PATHS).map(lambda pair: ("/" if pair[0] else "") + pair[1])
NODES = st.recursive(
    st.one_of(st.just("file"), TARGETS.map(lambda target: ("link", target))),
    lambda below: st.dictionaries(st.sampled_from(NAMES), below, max_size=3), max_leaves=8,
)
TREES = st.dictionaries(st.sampled_from(NAMES), NODES, max_size=3)
FLAGS = st.sampled_from([
    os.O_PATH, os.O_PATH | os.O_NOFOLLOW, os.O_PATH | os.O_DIRECTORY, os.O_RDONLY,
    os.O_RDONLY | os.O_NOFOLLOW, os.O_RDONLY | os.O_DIRECTORY, os.O_RDWR,
])


def grow(tree: dict[str, object], at: Path) -> None:
    for name, node in tree.items():
        if node == "file":
            (at / name).write_text(name)
        elif isinstance(node, tuple):
            (at / name).symlink_to(node[1])
        else:
            assert isinstance(node, dict)
            (at / name).mkdir()
            grow(node, at / name)


def outcome(resolver: Resolver, path: bytes, flags: int) -> tuple[str, object]:
    try:
        fd = resolver.open(path, flags)
    except OSError as error:
        return "error", error.errno
    try:
        status = os.fstat(fd)
        return "inode", (status.st_dev, status.st_ino)
    finally:
        os.close(fd)


def inodes(top: Path) -> set[object]:
    found: set[object] = set()
    for directory, names, files in os.walk(top):
        for name in [".", *names, *files]:
            status = os.lstat(os.path.join(directory, name))
            found.add((status.st_dev, status.st_ino))
    return found


@settings(max_examples=300, deadline=None)
@given(tree=TREES, path=TARGETS, flags=FLAGS)
def test_random_trees_never_leave_the_root(tree: dict[str, object], path: str, flags: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        (top / "secret").write_text("secret")
        root = top / "root"
        root.mkdir()
        grow(tree, root)
        fd = os.open(root, os.O_PATH)
        try:
            walked = outcome(WalkResolver(fd), path.encode(), flags)
            if walked[0] == "inode":
                assert walked[1] in inodes(root)
            if _system.has_openat2():
                assert outcome(KernelResolver(fd), path.encode(), flags) == walked
            canonical = WalkResolver(fd).canonical(path.encode())
            if _system.has_openat2():
                assert KernelResolver(fd).canonical(path.encode()) == canonical
            assert canonical.startswith(b"/")
            assert b".." not in canonical.split(b"/")
            if walked[0] == "inode" and flags == os.O_PATH:
                assert outcome(WalkResolver(fd), canonical, os.O_PATH | os.O_NOFOLLOW) == walked
        finally:
            os.close(fd)


@pytest.mark.parametrize("kind", [WalkResolver, KernelResolver])
@pytest.mark.parametrize("ups", [0, 1, 300])
def test_canonical_of_a_deep_path_holds_few_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Resolver], ups: int
) -> None:
    if kind is KernelResolver and not _system.has_openat2():
        pytest.skip("the kernel has no openat2")
    depth = 1000 if kind is KernelResolver else DEEPEST - 2
    here = root = os.open(tmp_path, os.O_PATH)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_PATH, dir_fd=here)
        if here != root:
            os.close(here)
        here = below
    os.mkdir("end", dir_fd=here)
    os.symlink("end", "link", dir_fd=here)
    os.close(here)
    opened = os.open
    before = len(os.listdir("/proc/self/fd"))
    most = 0

    def counting(*arguments: object, **options: object) -> int:
        nonlocal most
        most = max(most, len(os.listdir("/proc/self/fd")) - before)
        return opened(*arguments, **options)  # type: ignore[arg-type]

    try:
        if kind is KernelResolver:
            monkeypatch.setattr(os, "open", counting)
        written = b"/d" * depth + b"/link" + b"/.." * ups
        assert kind(root).canonical(written) == (b"/d" * depth + b"/end" if ups == 0 else b"/d" * (depth - ups + 1))
        assert most <= 2
        monkeypatch.undo()
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        os.close(root)
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # too deep for Python


@settings(max_examples=150, deadline=None)
@given(tree=TREES, path=TARGETS.filter(lambda path: not path.endswith("/")), exclusive=st.booleans())
def test_creating_stays_inside_and_agrees(tree: dict[str, object], path: str, exclusive: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | (os.O_EXCL if exclusive else 0)
    results = []
    for kind in (WalkResolver, KernelResolver) if _system.has_openat2() else (WalkResolver,):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name, "root")
            root.mkdir()
            grow(tree, root)
            fd = os.open(root, os.O_PATH)
            try:
                made = kind(fd).open(path.encode(), flags, 0o600)
            except OSError as error:
                made = -1
                # A link to its own name with a slash behind it: the kernel sees the slash first, or the loop.
                result = f"errno {errno.ELOOP if error.errno == errno.EISDIR else error.errno}"
            else:
                result = os.readlink(f"/proc/self/fd/{made}").removeprefix(str(root))
            finally:
                os.close(fd)
            if made >= 0:
                os.close(made)
            assert os.listdir(name) == ["root"]
            results.append(result)
    assert len(set(results)) == 1


CASES: list[tuple[str, int, str | int]] = [
    ("/", os.O_PATH, "/"),
    ("..", os.O_PATH, "/"),
    ("/../../..", os.O_PATH, "/"),
    ("d/../f", os.O_RDONLY, "/f"),
    ("../outside/secret", os.O_RDONLY, errno.ENOENT),
    ("up/outside/secret", os.O_RDONLY, errno.ENOENT),
    ("absolute", os.O_RDONLY, errno.ENOENT),
    ("inside", os.O_RDONLY, "/f"),
    ("inside", os.O_PATH | os.O_NOFOLLOW, "/inside"),
    ("inside", os.O_RDONLY | os.O_NOFOLLOW, errno.ELOOP),
    ("dirlink/g", os.O_RDONLY, "/d/g"),
    ("dirlink", os.O_PATH | os.O_NOFOLLOW, "/dirlink"),
    ("dirlink/", os.O_PATH | os.O_NOFOLLOW, "/d"),
    ("dirlink/..", os.O_PATH, "/"),
    ("f/", os.O_PATH, errno.ENOTDIR),
    ("f/.", os.O_PATH, errno.ENOTDIR),
    ("f/..", os.O_PATH, errno.ENOTDIR),
    ("inside/", os.O_PATH, errno.ENOTDIR),
    ("", os.O_PATH, errno.ENOENT),
    ("loop", os.O_PATH, errno.ELOOP),
    ("d//g", os.O_RDONLY, "/d/g"),
    ("nul\0f", os.O_RDONLY, errno.EINVAL),
    ("x" * 256, os.O_RDONLY, errno.ENAMETOOLONG),
    ("d", os.O_RDWR, errno.EISDIR),
    ("d", os.O_WRONLY | os.O_CREAT, errno.EISDIR),
    ("f", os.O_WRONLY | os.O_CREAT | os.O_EXCL, errno.EEXIST),
    ("dangling", os.O_WRONLY | os.O_CREAT | os.O_EXCL, errno.EEXIST),
    ("dangling", os.O_WRONLY | os.O_CREAT, "/d/made"),
]


@pytest.mark.parametrize(("path", "flags", "expected"), CASES)
def test_cases(root: Path, resolver: type[Resolver], path: str, flags: int, expected: str | int) -> None:
    (root / "d").mkdir()
    (root / "f").write_text("f")
    (root / "d/g").write_text("g")
    for name, target in {
        "up": "../../..", "absolute": str(root.parent / "outside/secret"), "inside": "/f", "dirlink": "d",
        "loop": "loop", "dangling": "/d/made",
    }.items():
        (root / name).symlink_to(target)
    top = os.open(root, os.O_PATH)
    try:
        if isinstance(expected, int):
            with pytest.raises(OSError) as caught:
                os.close(resolver(top).open(path.encode(), flags, 0o600))
            assert caught.value.errno == expected
        else:
            fd = resolver(top).open(path.encode(), flags, 0o600)
            try:
                assert not os.get_inheritable(fd)
                wanted = os.lstat(str(root) + expected)
                assert (os.fstat(fd).st_dev, os.fstat(fd).st_ino) == (wanted.st_dev, wanted.st_ino)
            finally:
                os.close(fd)
    finally:
        os.close(top)


def test_chains_of_links_are_bounded(root: Path, resolver: type[Resolver]) -> None:
    (root / "0").write_text("end")
    for at in range(1, MOST_LINKS + 2):
        (root / str(at)).symlink_to(str(at - 1))
    top = os.open(root, os.O_PATH)
    try:
        os.close(resolver(top).open(str(MOST_LINKS).encode(), os.O_RDONLY))
        with pytest.raises(OSError) as caught:
            resolver(top).open(str(MOST_LINKS + 1).encode(), os.O_RDONLY)
        assert caught.value.errno == errno.ELOOP
    finally:
        os.close(top)


def test_the_walk_holds_a_bounded_number_of_descriptors(root: Path) -> None:
    at = os.open(root, os.O_RDONLY)
    top = os.dup(at)
    for _ in range(DEEPEST + 2):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError) as caught:
        WalkResolver(top).open(b"d/" * (DEEPEST + 1) + b"x", os.O_RDONLY)
    assert caught.value.errno == errno.ENAMETOOLONG
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(top)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may search every directory")
def test_dots_need_the_right_to_search(root: Path, resolver: type[Resolver]) -> None:
    (root / "closed").mkdir(mode=0o000)
    top = os.open(root, os.O_PATH)
    try:
        for path in (b"closed/..", b"closed/.", b"closed/x"):
            with pytest.raises(PermissionError):
                resolver(top).open(path, os.O_PATH)
    finally:
        os.close(top)


def swap(stop: threading.Event, root: Path) -> None:
    """Makes `swapped` in turn a directory, a link to it and links that lead out."""
    outside = str(root.parent / "outside")
    for name, target in {"in": "good", "up": "../outside", "abs": outside}.items():
        (root / name).symlink_to(target)
    while not stop.is_set():
        for name in ("in", "up", "abs"):
            os.link(root / name, root / "next", follow_symlinks=False)
            os.rename(root / "next", root / "swapped")


@pytest.mark.parametrize("path", [
    b"swapped/secret", b"/swapped/../swapped/secret", b"good/../swapped/secret",
])
def test_a_link_swapped_meanwhile_never_leads_out(root: Path, resolver: type[Resolver], path: bytes) -> None:
    (root / "good").mkdir()
    (root / "good/secret").write_text("mine")
    (root / "swapped").symlink_to("good")
    secret = (root.parent / "outside/secret").stat().st_ino
    mine = (root / "good/secret").stat().st_ino
    stop = threading.Event()
    thread = threading.Thread(target=swap, args=(stop, root))
    thread.start()
    top = os.open(root, os.O_PATH)
    seen: set[object] = set()
    try:
        for _ in range(3000):
            seen.add(outcome(resolver(top), path, os.O_RDONLY)[1])
    finally:
        stop.set()
        thread.join(30)
        os.close(top)
    numbers = {found[1] for found in seen if isinstance(found, tuple)}
    assert numbers <= {mine}
    assert secret not in numbers
    assert {found for found in seen if isinstance(found, int)} <= {errno.ENOENT, errno.EAGAIN, errno.ELOOP}


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_WRONLY | os.O_CREAT, os.O_PATH])
@pytest.mark.parametrize("target", ["../outside/secret", "{outside}/secret"])
def test_a_file_swapped_for_a_link_behind_the_look_at_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, flags: int, target: str,
) -> None:
    """The last name on the way is looked at, too, and may be another's by the time that it is opened."""
    (root / "file").write_text("mine")
    secret = root.parent / "outside/secret"
    look = os.readlink

    def swapping(path: bytes, *, dir_fd: int | None = None) -> bytes:
        try:
            return look(path, dir_fd=dir_fd)
        except OSError:
            (root / "file").unlink()
            (root / "file").symlink_to(target.format(outside=secret.parent))
            raise

    monkeypatch.setattr(os, "readlink", swapping)
    top = os.open(root, os.O_PATH)
    try:
        with pytest.raises(FileNotFoundError):  # within the root there is no such path
            os.close(WalkResolver(top).open(b"file", flags, 0o600))
    finally:
        os.close(top)
    assert secret.read_text() == "secret"


def test_a_file_swapped_for_a_fifo_behind_the_look_at_it_does_not_block(root: Path) -> None:
    (root / "file").write_text("mine")
    opened: list[int] = []

    class Swapping(WalkResolver):
        def open(self, path: bytes, flags: int, mode: int = 0) -> int:
            if opened:  # kept open, so that the test ends where the resolver would wait
                (root / "file").unlink()
                os.mkfifo(root / "file")
                opened.append(os.open(root / "file", os.O_RDWR))
                assert flags & os.O_NONBLOCK
            else:
                opened.append(os.open(root, os.O_PATH))
            return super().open(path, flags, mode)

    top = os.open(root, os.O_PATH)
    try:
        assert Swapping(top).open_regular(b"file", os.O_RDONLY) is None
        assert len(opened) == 2
    finally:
        for fd in (top, *opened):
            os.close(fd)


def move(stop: threading.Event, root: Path) -> None:
    """Moves the directory that is being walked through to another depth and back."""
    while not stop.is_set():
        os.rename(root / "a/b", root / "b")
        os.rename(root / "b", root / "a/b")


def test_a_directory_moved_meanwhile_does_not_open_the_way_up(root: Path, resolver: type[Resolver]) -> None:
    (root / "a/b/c").mkdir(parents=True)
    outside = {(root.parent / name).stat().st_ino for name in (".", "outside", "outside/secret")}
    stop = threading.Event()
    thread = threading.Thread(target=move, args=(stop, root))
    thread.start()
    top = os.open(root, os.O_PATH)
    seen: set[object] = set()
    try:
        for path in (b"a/b/c/../../../../", b"a/b/c/../../../../outside/secret", b"a/b/c/../../.."):
            for _ in range(1000):
                seen.add(outcome(resolver(top), path, os.O_PATH)[1])
    finally:
        stop.set()
        thread.join(30)
        os.close(top)
    assert not {found[1] for found in seen if isinstance(found, tuple)} & outside


def test_paths_of_the_machine_say_whose_links_they_follow(tmp_path: Path) -> None:
    top = tmp_path.resolve()
    (top / "d/e").mkdir(parents=True)
    (top / "link").symlink_to(top / "d")
    as_root = os.getuid() == 0
    for written, real in (("d/e", "d/e"), ("d/../d/./e/", "d/e"), ("link/e", "d/e"), ("link/new", "d/new")):
        path, foreign = machine_path(os.fsencode(f"{top}/{written}"))
        assert path == os.fsencode(top / real)
        assert foreign == (written.startswith("link") and not as_root)
    if as_root:
        os.chown(top / "link", 1001, 1001, follow_symlinks=False)
        assert machine_path(os.fsencode(top / "link/e")) == (os.fsencode(top / "d/e"), True)
        assert machine_path(os.fsencode(top / "d/e")) == (os.fsencode(top / "d/e"), False)
    assert machine_path(b"/") == (b"/", False)


def test_a_directory_of_the_machine_is_opened_by_a_path_without_links(tmp_path: Path) -> None:
    top = tmp_path.resolve()
    (top / "d/e").mkdir(parents=True)
    (top / "f").write_text("")
    (top / "link").symlink_to("d")
    before = len(os.listdir("/proc/self/fd"))
    for good in ("", "d", "d/e"):
        fd = open_machine_directory(os.fsencode(top / good))
        assert os.path.samestat(os.fstat(fd), (top / good).stat())
        os.close(fd)
    for bad, error in (("link", NotADirectoryError), ("link/e", NotADirectoryError), ("f", NotADirectoryError),
                       ("d/none", FileNotFoundError)):
        with pytest.raises(error):
            open_machine_directory(os.fsencode(top / bad))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(not _system.has_openat2(), reason="this kernel has no openat2")
def test_a_path_lies_straight_where_no_link_is_on_it(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").touch()
    (tmp_path / "link").symlink_to("d")
    (tmp_path / "d" / "dangling").symlink_to("nowhere")
    top = os.open(tmp_path, os.O_PATH)
    try:
        resolver = KernelResolver(top)
        for path in (b"/", b"/d", b"/d/f", b"/d/new", b"/new"):
            assert resolver.lies_straight(path), path
            assert resolver.canonical(path) == path
        for path in (b"/link", b"/link/f", b"/link/new", b"/d/dangling", b"/new/new", b"d/f", b"/d/../d", b"/d/",
                     b"/d//f", b"/d/f/x", b"/d\0"):
            assert not resolver.lies_straight(path), path
        assert not WalkResolver(top).lies_straight(b"/d/f")
        for path, there in ((b"/", True), (b"/d", True), (b"/d/f", False), (b"/d/new", False), (b"/d/f/x", False),
                            (b"/link", None), (b"/link/f", None), (b"/d/dangling", None), (b"/new/new", None),
                            (b"d", None), (b"/d/", None), (b"/d\0", None)):
            assert resolver.straight_directory(path) is there, path
        assert WalkResolver(top).straight_directory(b"/d") is None
    finally:
        os.close(top)


@pytest.mark.skipif(not _system.has_openat2(), reason="no openat2 here")
def test_straight_paths_of_the_machine(tmp_path: Path) -> None:
    top = Path(os.path.realpath(tmp_path))
    (top / "d").mkdir()
    (top / "link").symlink_to("d")
    assert _system.stands_straight(os.fsencode(top / "d"))
    assert not any(map(_system.stands_straight, (os.fsencode(top / "link"), os.fsencode(top / "none"), b"tmp", b"")))
    for path, root in ((b"/", True), (os.fsencode(top), False)):
        fd = open_machine_directory(path)
        try:
            assert _system.is_machine_root(fd) is root
        finally:
            os.close(fd)
    with pytest.raises(OSError):
        _system.is_machine_root(-1)

"""Copying and removing directories: what arrives, what is refused, and nobody led astray."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpsd.vfs import trees
from ftpsd.vfs.base import NotRegularFile
from ftpsd.vfs.folders import Folder, Folders
from ftpsd.vfs.jail import Jail
from ftpsd.vfs.opened import WrittenFile
from ftpsd.vfs.trees import Storing


class Guide:
    """Allows all but the paths in `denied`, leaves out those in `left_out`, notes what is made."""

    def __init__(
        self, storing: Storing | None = None, *, denied: str = "", left_out: str = "",
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        self._storing = storing or Storing(0o022, 0o027)
        self.denied = denied
        self.left_out = left_out
        self.asked: list[tuple[str, str, bool]] = []
        self.new: list[str] = []
        self.pause = pause

    def wanted(self, source: str, target: str, *, directory: bool) -> bool:
        if source == self.denied:
            raise PermissionError(errno.EACCES, "denied", source)
        self.asked.append((source, target, directory))
        return source != self.left_out

    def storing(self, target: str) -> Storing:
        return self._storing

    def made(self, fd: int, target: str) -> None:
        self.new.append(target)

    def begin(self, opened: WrittenFile) -> None:
        opened.begin()

    def end(self, opened: WrittenFile, act: Callable[[], None]) -> None:
        act()

    def gone(self, target: str, status: os.stat_result) -> None:
        assert stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)


def tree(root: Path) -> None:
    (root / "a/b").mkdir(parents=True)
    (root / "a/one").write_bytes(b"1" * 100_000)
    (root / "a/one").chmod(0o6777)
    (root / "a/b/two").write_bytes(b"")
    (root / "a/b/link").symlink_to("../one")


def test_a_tree_is_copied(root: Path, jail: Jail) -> None:
    tree(root)
    guide = Guide()
    jail.copy("/a", "/c", guide)
    assert (root / "c/one").read_bytes() == b"1" * 100_000
    assert (root / "c/one").stat().st_mode & 0o7777 == 0o755
    assert (root / "c/b").stat().st_mode & 0o7777 == 0o750
    assert os.readlink(root / "c/b/link") == "../one"
    assert sorted(guide.new) == ["/c", "/c/b", "/c/b/two", "/c/one"]
    assert ("/a/b", "/c/b", True) in guide.asked
    assert ("/a/b/two", "/c/b/two", False) in guide.asked


def test_a_tree_into_one_that_is_there(root: Path, jail: Jail) -> None:
    tree(root)
    (root / "c/b").mkdir(parents=True)
    (root / "c/one").write_bytes(b"a longer text than before" * 100_000)
    (root / "c/other").write_bytes(b"stays")
    (root / "c/b/link").symlink_to("elsewhere")
    jail.copy("/a", "/c", Guide())
    assert (root / "c/one").read_bytes() == b"1" * 100_000
    assert (root / "c/other").read_bytes() == b"stays"
    assert os.readlink(root / "c/b/link") == "../one"


@pytest.mark.parametrize(("source", "target", "code"), [
    ("/a", "/a/b/below", errno.EINVAL), ("/a", "/a/x", errno.EINVAL), ("/nothere", "/x", errno.ENOENT),
    ("/a/one", "/nodir/x", errno.ENOENT), ("/a/one", "/a", errno.EISDIR), ("/a", "/a/one", errno.EINVAL),
    ("/a/b", "/a/one", errno.ENOTDIR), ("/a/one", "/", errno.EISDIR),
])
def test_what_cannot_be_copied(root: Path, jail: Jail, source: str, target: str, code: int) -> None:
    tree(root)
    with pytest.raises(OSError) as caught:
        jail.copy(source, target, Guide())
    assert caught.value.errno == code
    assert (root / "a/one").stat().st_size == 100_000


def test_a_file_onto_itself_is_left_alone(root: Path, jail: Jail) -> None:
    tree(root)
    (root / "again").symlink_to("a/one")
    for target in ("/a/one", "/again"):
        jail.copy("/a/one", target, Guide())
    jail.copy("/a", "/a", Guide())
    assert (root / "a/one").stat().st_size == 100_000


def test_without_overwriting(root: Path, jail: Jail) -> None:
    tree(root)
    (root / "old").write_bytes(b"old")
    (root / "oldlink").symlink_to("a")
    storing = Storing(0o022, 0o022, overwrite=False)
    for source, target in (("/a/one", "/old"), ("/a/b/link", "/old")):
        with pytest.raises(FileExistsError):
            jail.copy(source, target, Guide(storing))
    assert (root / "old").read_bytes() == b"old"
    jail.copy("/a/one", "/new", Guide(storing))
    assert (root / "new").stat().st_size == 100_000


def test_a_hidden_copy_has_its_name_at_the_end_only(root: Path, jail: Jail) -> None:
    tree(root)
    (root / "old").write_bytes(b"old")
    seen: list[tuple[bytes, set[str]]] = []

    def look() -> None:
        seen.append(((root / "old").read_bytes(), set(os.listdir(root))))

    jail.copy("/a/one", "/old", Guide(Storing(0o022, 0o022, hidden=(".in.", ".")), pause=look))
    assert (root / "old").stat().st_size == 100_000
    assert set(os.listdir(root)) == {"a", "old"}
    assert (b"old", {"a", "old", ".in.old."}) in seen


class Stopped(Exception):
    """The session is to end."""


@pytest.mark.parametrize(("keep", "hidden"), [(False, False), (True, False), (False, True)])
def test_a_copy_that_is_cut_short(root: Path, jail: Jail, keep: bool, hidden: bool) -> None:
    tree(root)
    calls = 0

    def stop() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:  # before the entry, before the first piece, before the second
            raise Stopped

    storing = Storing(0o022, 0o022, keep=keep, hidden=(".in.", ".") if hidden else None)
    with pytest.raises(Stopped):
        jail.copy("/a/one", "/new", Guide(storing, pause=stop))
    assert (root / "new").exists() is keep
    assert set(os.listdir(root)) == ({"a", "new"} if keep else {"a"})


def test_the_guide_is_obeyed(root: Path, jail: Jail) -> None:
    tree(root)
    jail.copy("/a", "/c", Guide(left_out="/a/b"))
    assert set(os.listdir(root / "c")) == {"one"}
    with pytest.raises(PermissionError):
        jail.copy("/a", "/d", Guide(denied="/a/b/two"))
    assert not (root / "d/b/two").exists()
    with pytest.raises(OSError) as caught:
        jail.copy("/a/one", "/e", Guide(Storing(0, 0, largest=99_999)))
    assert caught.value.errno == errno.EFBIG
    assert not (root / "e").exists()


def test_special_files(root: Path, jail: Jail) -> None:
    tree(root)
    os.mkfifo(root / "a/fifo")
    with pytest.raises(NotRegularFile):
        jail.copy("/a/fifo", "/x", Guide())
    jail.copy("/a", "/c", Guide())
    assert set(os.listdir(root / "c")) == {"b", "one"}


def test_where_the_kernel_does_not_copy(root: Path, jail: Jail, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(root)

    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "no")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    jail.copy("/a/one", "/x", Guide())
    assert (root / "x").read_bytes() == b"1" * 100_000


def test_a_swapped_directory_leads_nobody_astray(root: Path, jail: Jail) -> None:
    """A directory becomes a link between the look at it and its opening: neither walk follows."""
    tree(root)
    (root / "private").mkdir()
    (root / "private/key").write_bytes(b"key")

    def swap(path: str, _: bool) -> None:
        if path == "/a/b":
            (root / "a/b").rename(root / "moved")
            (root / "a/b").symlink_to("../private")

    with pytest.raises(OSError) as caught:
        jail.remove_tree("/a", swap)
    assert caught.value.errno in (errno.ENOTDIR, errno.ELOOP)
    assert (root / "private/key").exists()

    class Swapping(Guide):
        def wanted(self, source: str, target: str, *, directory: bool) -> bool:
            if source == "/moved":
                (root / "moved").rename(root / "a2")
                (root / "moved").symlink_to("private")
            return True

    with pytest.raises(OSError):
        jail.copy("/moved", "/stolen", Swapping())
    assert not (root / "stolen/key").exists()


def test_a_tree_is_removed(root: Path, jail: Jail) -> None:
    tree(root)
    (root / "kept").write_bytes(b"x")
    (root / "a/out").symlink_to("../kept")
    (root / "a/dir").symlink_to("..")
    asked: list[tuple[str, bool]] = []
    jail.remove_tree("/a", lambda path, directory: asked.append((path, directory)))
    assert set(os.listdir(root)) == {"kept"}
    assert ("/a", True) in asked
    assert ("/a/b/two", False) in asked


@pytest.mark.parametrize(("path", "code"), [
    ("/", errno.EBUSY), ("/nothere", errno.ENOENT), ("/a/one", errno.ENOTDIR), ("/a/b/link", errno.ENOTDIR),
])
def test_what_cannot_be_removed(root: Path, jail: Jail, path: str, code: int) -> None:
    tree(root)
    with pytest.raises(OSError) as caught:
        jail.remove_tree(path, lambda *_: None)
    assert caught.value.errno == code
    assert (root / "a/one").exists()


def test_nothing_is_removed_that_may_not_be(root: Path, jail: Jail) -> None:
    tree(root)

    def may(path: str, _: bool) -> None:
        if path == "/a/b/two":
            raise PermissionError(errno.EACCES, "no", path)

    with pytest.raises(PermissionError):
        jail.remove_tree("/a", may)
    assert (root / "a/b/two").exists()


def test_a_walk_has_a_bottom(root: Path, jail: Jail) -> None:
    deep = root / "deep"
    deep.mkdir()
    at = os.open(deep, os.O_RDONLY)
    for _ in range(trees.DEEPEST + 1):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError) as removing:
        jail.remove_tree("/deep", lambda *_: None)
    with pytest.raises(OSError) as copying:
        jail.copy("/deep", "/copy", Guide())
    assert (removing.value.errno, copying.value.errno) == (errno.ENAMETOOLONG, errno.ENAMETOOLONG)
    assert set(os.listdir("/proc/self/fd")) <= before  # what an earlier test left may have been let go meanwhile


def test_folders(tmp_path: Path) -> None:
    """Trees between a session's root and folders shown in it; the folders themselves are the administrator's."""
    for name in ("home/d", "home/shown/hidden", "else/sub"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "home/file").write_bytes(b"x")
    (tmp_path / "else/sub/y").write_bytes(b"y")
    folders = [Folder(at, Jail(str(tmp_path / "else"))) for at in ("/d/upload", "/shown")]
    with contextlib.closing(Folders(str(tmp_path / "home"), folders)) as store:
        store.copy("/file", "/d/upload/file", Guide())
        store.copy("/d/upload/sub", "/sub", Guide())
        assert (tmp_path / "else/file").exists()
        assert (tmp_path / "home/sub/y").read_bytes() == b"y"
        store.symlink("/shown/file", "/shown/sub/link")
        assert os.readlink(tmp_path / "else/sub/link") == "../file"
        store.chgrp("/shown/file", os.getgid())
        with pytest.raises(OSError, match="cross-device"):
            store.symlink("/file", "/shown/l")
        for source, target in (("/d", "/e"), ("/sub", "/shown")):
            with pytest.raises(OSError, match="busy"):
                store.copy(source, target, Guide())
        for path in ("/d", "/shown"):
            with pytest.raises(OSError, match="busy"):
                store.remove_tree(path, allow)
        store.remove_tree("/shown/sub", allow)
    assert not (tmp_path / "else/sub").exists()
    assert (tmp_path / "home/shown/hidden").exists()


def allow(path: str, directory: bool) -> None:
    """Everything may be removed."""


def test_links_and_groups(root: Path, jail: Jail) -> None:
    (root / "file").write_bytes(b"x")
    (root / "d").mkdir()
    (root / "d2").symlink_to("d")
    for path in ("/link", "/d2/link"):
        jail.symlink("/file", path)
    assert os.readlink(root / "link") == "file"
    assert os.readlink(root / "d/link") == "../file"
    with pytest.raises(FileExistsError):
        jail.symlink("/file", "/link")
    with pytest.raises(FileNotFoundError):
        jail.symlink("/nothere", "/link2")
    jail.chgrp("/link", os.getgid())
    assert (root / "file").stat().st_gid == os.getgid()
    with pytest.raises(FileNotFoundError):
        jail.chgrp("/nothere", os.getgid())

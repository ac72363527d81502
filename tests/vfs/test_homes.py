"""CreateHome: what is made, with whose rights, and where never."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.settings.login_values import OWNER, CreateHome
from ftpsd.vfs import homes

ME, MINE = os.getuid(), os.getgid()
OURS = CreateHome(uid=ME, gid=MINE)
root_only = pytest.mark.skipif(os.getuid() != 0, reason="gives files to other users")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def skeleton(path: Path) -> Path:
    (path / "docs").mkdir(parents=True)
    (path / "docs" / "readme").write_text("hello")
    (path / "docs").chmod(0o750)
    (path / "tool").write_bytes(b"\x00" * 100_000)
    (path / "tool").chmod(0o4755)
    (path / "link").symlink_to("docs/readme")
    os.mkfifo(path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(path)
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
    return path


@pytest.fixture(autouse=True)
def _ordinary_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_home_and_what_is_above_it(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b" / "alice"
    assert homes.is_missing(str(home))
    assert homes.create(str(home), OURS, ME, MINE)
    assert (mode(home), mode(home.parent), mode(tmp_path / "a")) == (0o700, 0o711, 0o711)
    assert not homes.is_missing(str(home))
    assert os.listdir(home.parent) == ["alice"]


def test_modes_are_absolute(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        how = CreateHome(mode=0o2775, dir_mode=0o755, uid=ME, gid=MINE)
        homes.create(str(tmp_path / "a" / "alice"), how, ME, MINE)
    finally:
        os.umask(before)
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "alice")) == (0o755, 0o2775)


def test_skel(tmp_path: Path) -> None:
    home = tmp_path / "alice"
    how = CreateHome(skel=str(skeleton(tmp_path / "skel")), uid=ME, gid=MINE)
    assert homes.create(str(home), how, ME, MINE)
    assert sorted(os.listdir(home)) == ["docs", "link", "tool"]
    assert (home / "docs" / "readme").read_text() == "hello"
    assert (home / "tool").stat().st_size == 100_000
    assert (mode(home / "tool"), mode(home / "docs")) == (0o755, 0o750)
    assert os.readlink(home / "link") == "docs/readme"


@root_only
@pytest.mark.root
def test_owners(tmp_path: Path) -> None:
    how = CreateHome(skel=str(skeleton(tmp_path / "skel")), uid=4001, gid=OWNER, home_gid=4003)
    home = tmp_path / "a" / "alice"
    assert homes.create(str(home), how, 4000, 4002)
    above = home.parent.stat()
    assert (above.st_uid, above.st_gid) == (4001, 4002)
    assert (home.stat().st_uid, home.stat().st_gid) == (4000, 4003)
    for path in home.rglob("*"):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (4000, 4002), path


def test_a_home_that_is_there_stays(tmp_path: Path) -> None:
    home = tmp_path / "alice"
    home.mkdir(mode=0o711)
    (home / "mine").touch()
    assert not homes.create(str(home), OURS, ME, MINE)
    assert os.listdir(tmp_path) == ["alice"]
    assert os.listdir(home) == ["mine"]
    assert mode(home) == 0o711


def test_a_skel_that_cannot_be_copied_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homes, "MOST_ENTRIES", 2)
    how = CreateHome(skel=str(skeleton(tmp_path / "skel")), uid=ME, gid=MINE)
    with pytest.raises(OSError, match="more than 2 entries"):
        homes.create(str(tmp_path / "alice"), how, ME, MINE)
    assert os.listdir(tmp_path) == ["skel"]
    with pytest.raises(FileNotFoundError):
        homes.create(str(tmp_path / "alice"), CreateHome(skel=str(tmp_path / "no"), uid=ME, gid=MINE), ME, MINE)
    assert os.listdir(tmp_path) == ["skel"]


@pytest.mark.parametrize("path", ["/", "/alice", "/etc/alice", "/usr/share/x/alice", "/proc/1/alice", "/tmp/../etc/a"])
def test_places_that_are_not_for_homes(path: str) -> None:
    with pytest.raises(homes.Unsafe):
        homes.create(path, OURS, ME, MINE)


@root_only
@pytest.mark.root
def test_links_that_are_not_roots(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    victim.chmod(0o755)
    (tmp_path / "link").symlink_to(victim)
    assert homes.create(str(tmp_path / "link" / "alice"), OURS, ME, MINE)
    os.lchown(tmp_path / "link", 4000, 4000)
    with pytest.raises(homes.Unsafe, match="link"):
        homes.create(str(tmp_path / "link" / "bob"), OURS, ME, MINE)
    assert os.listdir(victim) == ["alice"]


def test_a_dangling_link_is_no_missing_home(tmp_path: Path) -> None:
    (tmp_path / "alice").symlink_to(tmp_path / "elsewhere")
    assert not homes.is_missing(str(tmp_path / "alice"))
    assert not homes.is_missing(str(tmp_path / ("x" * 300)))


def test_where_anybody_may_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(homes.Unsafe, match="anybody"):
        homes.create(str(tmp_path / "a" / "alice"), OURS, ME, MINE)
    tmp_path.chmod(0o1777)
    assert homes.create(str(tmp_path / "a" / "alice"), OURS, ME, MINE)
    tmp_path.chmod(0o700)


def test_somebody_else_is_quicker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = homes._mine

    def swapped(parent: int, name: bytes) -> int:
        (tmp_path / os.fsdecode(name) / "planted").touch()
        return real(parent, name)

    monkeypatch.setattr(homes, "_mine", swapped)
    with pytest.raises(homes.Unsafe, match="another directory"):
        homes.create(str(tmp_path / "alice"), OURS, ME, MINE)
    assert not (tmp_path / "alice").exists()

"""The local store: opening, storing, hidden stores, entries; each with both resolvers."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from ftpsd.vfs.base import BadRestart, ListingOptions, NotRegularFile, OpenFile
from ftpsd.vfs.jail import Jail
from ftpsd.vfs.names import decode, encode, split
from ftpsd.vfs.resolve import Resolver


@pytest.fixture
def odd(root: Path) -> Iterator[Path]:
    """One of everything that is no regular file, as far as an ordinary user can make it."""
    os.mkfifo(root / "fifo")
    (root / "dir").mkdir()
    (root / "fifolink").symlink_to("fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(root, os.O_PATH)
        listener.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
        yield root


@pytest.mark.parametrize("name", ["fifo", "dir", "socket", "fifolink", ""])
def test_only_regular_files_are_opened_and_nothing_blocks(odd: Path, jail: Jail, name: str) -> None:
    with pytest.raises(NotRegularFile) as caught:
        jail.open_read(f"/{name}")
    assert caught.value.strerror == "Not a regular file"
    for store in (jail.open_write, jail.open_hidden):
        with pytest.raises(OSError) as refused:
            store(f"/{name}")
        assert isinstance(refused.value, NotRegularFile)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
@pytest.mark.root
def test_devices_are_not_opened(root: Path, jail: Jail) -> None:
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    with pytest.raises(NotRegularFile):
        jail.open_read("/null")
    with pytest.raises(NotRegularFile):
        jail.open_write("/null")


@pytest.mark.parametrize(("name", "code"), [
    ("a\0b", errno.EINVAL), ("x" * 256, errno.ENAMETOOLONG), ("/".join(["y" * 200] * 30), errno.ENAMETOOLONG),
    ("missing/x", errno.ENOENT), ("file/x", errno.ENOTDIR),
])
def test_names_that_cannot_be(root: Path, jail: Jail, name: str, code: int) -> None:
    (root / "file").write_text("x")
    calls: list[Callable[[str], object]] = [
        jail.open_read, jail.open_write, jail.open_hidden, jail.stat, jail.mkdir, jail.rmdir, jail.unlink,
        jail.readlink, jail.check_directory, lambda path: list(jail.names(path)),
        lambda path: jail.rename("/file", path), lambda path: jail.rename(path, "/other"),
        lambda path: jail.open_write(path, mode="unique"), lambda path: jail.chmod(path, 0o600),
        lambda path: jail.utime(path, 1.0),
    ]
    for call in calls:
        with pytest.raises(OSError) as caught:
            call(f"/{name}")
        expected = {code, errno.ENOENT} if code == errno.ENAMETOOLONG and "/" in name else {code}
        assert caught.value.errno in expected
    assert sorted(os.listdir(root)) == ["file"]


def test_reading(root: Path, jail: Jail) -> None:
    (root / "f").write_bytes(b"content")
    with jail.open_read("/f") as opened:
        assert (opened.size, os.read(opened.fd, 99), opened.fileno()) == (7, b"content", opened.fd)
        assert os.get_blocking(opened.fd)
        assert not os.get_inheritable(opened.fd)
    assert opened.fd == -1
    opened.close()


def test_storing_empties_the_old_file_and_says_what_is_new(root: Path, jail: Jail) -> None:
    (root / "old").write_bytes(b"long old content")
    with jail.open_write("/old") as opened:
        assert not opened.created
        os.write(opened.fd, b"new")
    with jail.open_write("/fresh") as opened:
        assert opened.created
        assert os.get_blocking(opened.fd)
        opened.commit()
    assert (root / "old").read_bytes() == b"new"
    assert (root / "fresh").read_bytes() == b""


def test_a_spared_file_is_emptied_when_the_transfer_begins(root: Path, jail: Jail) -> None:
    (root / "f").write_bytes(b"precious")
    with jail.open_write("/f", truncate=False):
        assert (root / "f").read_bytes() == b"precious"
    with jail.open_write("/f", truncate=False) as opened:
        opened.begin()
        os.write(opened.fd, b"n")
        opened.begin()
    assert (root / "f").read_bytes() == b"n"


def test_appending_and_resuming(root: Path, jail: Jail) -> None:
    with jail.open_write("/f", mode="append") as opened:
        assert opened.created
        os.write(opened.fd, b"one")
    with jail.open_write("/f", mode="append") as opened:
        os.write(opened.fd, b"two")
    with jail.open_write("/f", mode="resume", offset=3) as opened:
        os.write(opened.fd, b"TH")
    assert (root / "f").read_bytes() == b"oneTHo"
    for offset in (7, -1):
        with pytest.raises(BadRestart):
            jail.open_write("/f", mode="resume", offset=offset)
    assert (root / "f").read_bytes() == b"oneTHo"
    with pytest.raises(BadRestart):
        jail.open_write("/new", mode="resume", offset=1)
    assert not (root / "new").exists()


@pytest.mark.parametrize("mode", ["store", "append", "resume"])
def test_overwriting_can_be_forbidden(root: Path, jail: Jail, mode: str) -> None:
    (root / "f").write_bytes(b"old")
    (root / "dangling").symlink_to("nowhere")
    for name in ("/f", "/dangling"):
        with pytest.raises(FileExistsError):
            jail.open_write(name, mode=mode, overwrite=False)  # type: ignore[arg-type]
    assert (root / "f").read_bytes() == b"old"
    with jail.open_write("/new", mode=mode, overwrite=False) as opened:  # type: ignore[arg-type]
        assert opened.created


def test_unique_names(root: Path, jail: Jail) -> None:
    (root / "in").mkdir()
    names = []
    for _ in range(5):
        with jail.open_write("/in/ftp", mode="unique") as opened:
            assert opened.created
            names.append(opened.path)
    assert len(set(names)) == 5
    assert sorted(names) == [f"/in/{name}" for name in sorted(os.listdir(root / "in"))]
    assert all(name.startswith("/in/ftp") and len(name) == len("/in/ftp") + 6 for name in names)


def test_storing_through_links_stays_inside(root: Path, jail: Jail) -> None:
    outside = root.parent / "outside"
    (root / "d").mkdir()
    (root / "inner").symlink_to("/d/made")
    (root / "outer").symlink_to(str(outside / "new"))
    (root / "up").symlink_to("../outside")
    with jail.open_write("/inner") as opened:
        assert opened.created
    assert (root / "d/made").exists()
    for name in ("/outer", "/up/new"):
        with pytest.raises(FileNotFoundError):
            jail.open_write(name)
    assert os.listdir(outside) == ["secret"]


@pytest.mark.parametrize(("umask", "file", "directory"), [
    (None, 0o640, 0o750), (0o022, 0o644, 0o755), (0o000, 0o666, 0o777), (0o077, 0o600, 0o700), (0o777, 0, 0),
])
def test_modes_come_from_the_umask_of_the_call(
    root: Path, resolver: type[Resolver], umask: int | None, file: int, directory: int,
) -> None:
    jail = Jail(str(root), umask=0o027, resolver=resolver)
    hiding = jail.open_hidden("/hidden", umask=umask)
    with jail.open_write("/stored", umask=umask) as opened, hiding as hidden:
        assert stat.S_IMODE(os.fstat(opened.fd).st_mode) == file
        hidden.commit()
    with jail.open_write("/ftp", mode="unique", umask=umask) as opened:
        assert stat.S_IMODE(os.fstat(opened.fd).st_mode) == file
    jail.mkdir("/made", umask=umask)
    assert stat.S_IMODE((root / "hidden").stat().st_mode) == file
    assert stat.S_IMODE((root / "made").stat().st_mode) == directory
    jail.close()


# ---- the end of a transfer ---------------------------------------------------------------------------


def test_discarding_removes_what_was_written_and_nothing_else(root: Path, jail: Jail) -> None:
    jail.open_write("/f").discard()
    assert not (root / "f").exists()
    opened = jail.open_write("/g")
    (root / "g").rename(root / "moved")
    (root / "g").write_text("somebody else's")
    opened.discard()
    assert (root / "g").read_text() == "somebody else's"
    opened = jail.open_write("/h")
    (root / "h").unlink()
    opened.discard()
    opened.discard()
    assert opened.fd == -1


def test_a_hidden_store_replaces_the_old_file_at_once(root: Path, jail: Jail) -> None:
    (root / "f").write_text("old")
    with jail.open_hidden("/f") as opened:
        assert opened.hidden
        assert opened.path == "/f"
        os.write(opened.fd, b"new")
        assert (root / "f").read_text() == "old"
        assert (root / ".in.f.").read_text() == "new"
        opened.commit()
        opened.commit()
    assert (opened.hidden, os.listdir(root)) == (False, ["f"])
    assert (root / "f").read_text() == "new"


@pytest.mark.parametrize(("end", "left"), [
    ("discard", {"f"}), ("keep", {"f", ".in.f."}), ("close", {"f", ".in.f."}), ("nothing", {"f"}),
])
def test_an_aborted_hidden_store_leaves_the_old_file(
    root: Path, jail: Jail, end: str, left: set[str],
) -> None:
    (root / "f").write_text("old")
    with jail.open_hidden("/f") as opened:
        os.write(opened.fd, b"new")
        if end != "nothing":
            getattr(opened, end)()
    assert set(os.listdir(root)) == left
    assert (root / "f").read_text() == "old"


def test_two_hidden_stores_of_one_name_do_not_meet(root: Path, jail: Jail) -> None:
    with jail.open_hidden("/f") as first:
        with pytest.raises(FileExistsError):
            jail.open_hidden("/f")
        with jail.open_hidden("/f", prefix=".up.", suffix="") as second:
            assert (root / ".up.f").exists()
            second.commit()
        first.commit()
    assert os.listdir(root) == ["f"]


def test_a_hidden_store_replaces_what_a_link_leads_to(root: Path, jail: Jail) -> None:
    (root / "d").mkdir()
    (root / "d" / "f").write_bytes(b"old")
    (root / "link").symlink_to("d/f")
    (root / "dangling").symlink_to("d/new")
    (root / "lost").symlink_to("nowhere/new")
    for name, end in (("link", "f"), ("dangling", "new")):
        with jail.open_hidden(f"/{name}") as opened:
            assert f".in.{end}." in os.listdir(root / "d")
            os.write(opened.fd, b"new")
            opened.commit()
        assert (root / name).is_symlink()
        assert (root / "d" / end).read_bytes() == b"new"
    (root / "d" / "new").unlink()
    with pytest.raises(NotRegularFile):
        jail.open_hidden("/dangling", dangling=False)
    with pytest.raises(FileNotFoundError):
        jail.open_hidden("/lost")
    for name in ("/link", "/dangling"):
        with pytest.raises(FileExistsError):
            jail.open_hidden(name, overwrite=False)
    assert sorted(os.listdir(root / "d")) == ["f"]


def test_a_hidden_store_does_not_replace_where_it_may_not(root: Path, jail: Jail) -> None:
    with jail.open_hidden("/f", overwrite=False) as opened:
        (root / "f").write_text("quicker")
        with pytest.raises(FileExistsError):
            opened.commit()
    assert os.listdir(root) == ["f"]
    assert (root / "f").read_text() == "quicker"
    with pytest.raises(FileExistsError):
        jail.open_hidden("/f", overwrite=False)


def test_a_hidden_store_ends_where_it_began(root: Path, jail: Jail) -> None:
    (root / "d").mkdir()
    with jail.open_hidden("/d/f") as opened:
        (root / "d").rename(root / "e")
        (root / "d").mkdir()
        opened.commit()
    assert os.listdir(root / "e") == ["f"]
    assert os.listdir(root / "d") == []


def test_a_hidden_name_is_one_name(root: Path, jail: Jail) -> None:
    with pytest.raises(OSError) as caught:
        jail.open_hidden("/f", prefix="../")
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(OSError) as long:
        jail.open_hidden("/" + "x" * 252)
    assert long.value.errno == errno.ENAMETOOLONG


def test_descriptors_are_given_back(root: Path, jail: Jail) -> None:
    (root / "d").mkdir()
    (root / "f").write_text("x")
    before = len(os.listdir("/proc/self/fd"))
    calls: list[Callable[[str], object]] = [
        jail.open_read, jail.open_write, jail.open_hidden, jail.mkdir, jail.rmdir, jail.names,
    ]
    for call in calls:
        for name in ("/f", "/d", "/missing/x", "/", "/..", "/n\0"):
            with contextlib.suppress(OSError):
                result = call(name)
                if isinstance(result, OpenFile):
                    result.close()
    assert len(os.listdir("/proc/self/fd")) == before
    jail.close()
    jail.close()
    with pytest.raises(OSError):
        jail.stat("/f")


# ---- entries -----------------------------------------------------------------------------------------


def test_directories(root: Path, jail: Jail) -> None:
    jail.mkdir("/d/")
    for name in ("/d", "/d/", "/"):
        with pytest.raises(FileExistsError):
            jail.mkdir(name)
    (root / "d/f").write_text("x")
    with pytest.raises(OSError) as caught:
        jail.rmdir("/d")
    assert caught.value.errno == errno.ENOTEMPTY
    with pytest.raises(NotADirectoryError):
        jail.rmdir("/d/f")
    with pytest.raises(IsADirectoryError):
        jail.unlink("/d")
    with pytest.raises(IsADirectoryError):
        jail.unlink("/")
    with pytest.raises(OSError) as busy:
        jail.rmdir("/")
    assert busy.value.errno == errno.EBUSY
    jail.unlink("/d/f")
    jail.rmdir("/d/")
    assert os.listdir(root) == []


def test_unlink_and_rmdir_act_on_links_themselves(root: Path, jail: Jail) -> None:
    (root / "d").mkdir()
    (root / "f").write_text("x")
    (root / "link").symlink_to("f")
    (root / "dirlink").symlink_to("d")
    assert jail.readlink("/link") == "f"
    with pytest.raises(NotADirectoryError):
        jail.rmdir("/dirlink")
    jail.unlink("/link")
    jail.unlink("/dirlink")
    assert sorted(os.listdir(root)) == ["d", "f"]
    with pytest.raises(OSError) as caught:
        jail.readlink("/f")
    assert caught.value.errno == errno.EINVAL


def test_renaming(root: Path, jail: Jail) -> None:
    for name in ("a", "b", "c"):
        (root / name).write_text(name)
    (root / "d/sub").mkdir(parents=True)
    (root / "full/x").mkdir(parents=True)
    jail.rename("/a", "/b")
    assert (root / "b").read_text() == "a"
    jail.rename("/b", "/d/sub/e")
    with pytest.raises(FileExistsError):
        jail.rename("/c", "/d/sub/e", overwrite=False)
    jail.rename("/c", "/d/new", overwrite=False)
    jail.rename("/d/sub", "/sub", overwrite=False)
    cases = {
        ("/sub", "/full"): errno.ENOTEMPTY, ("/d/new", "/sub"): errno.EISDIR,
        ("/sub", "/d/new"): errno.ENOTDIR,
        ("/d", "/d/x"): errno.EINVAL, ("/missing", "/x"): errno.ENOENT, ("/d", "/missing/x"): errno.ENOENT,
        ("/", "/x"): errno.EBUSY, ("/d", "/"): errno.EBUSY, ("/d", "/sub/.."): errno.EINVAL,
    }
    for (old, new), code in cases.items():
        with pytest.raises(OSError) as caught:
            jail.rename(old, new)
        assert caught.value.errno == code, (old, new)
    assert (root / "sub/e").read_text() == "a"


def test_names_of_the_parents_of_entries_stay_inside(root: Path, jail: Jail) -> None:
    outside = root.parent / "outside"
    (root / "up").symlink_to("../outside")
    (root / "absolute").symlink_to(str(outside))
    (root / "f").write_text("x")
    for way in ("/up", "/absolute", "/../outside", "/../../outside"):
        for call in (jail.mkdir, jail.rmdir, jail.unlink):
            with pytest.raises(FileNotFoundError):
                call(f"{way}/secret")
        with pytest.raises(FileNotFoundError):
            jail.rename("/f", f"{way}/f")
        with pytest.raises(FileNotFoundError):
            jail.rename(f"{way}/secret", "/stolen")
    assert os.listdir(outside) == ["secret"]


def test_mode_and_times(root: Path, jail: Jail) -> None:
    (root / "f").write_text("x")
    (root / "link").symlink_to("f")
    (root / "out").symlink_to(str(root.parent / "outside/secret"))
    mode = (root.parent / "outside/secret").stat().st_mode
    jail.chmod("/link", 0o4751)
    assert stat.S_IMODE((root / "f").stat().st_mode) == 0o4751
    accessed = (root / "f").stat().st_atime_ns
    jail.utime("/link", 981_173_100.5)
    status = (root / "f").stat()
    assert (status.st_mtime, status.st_atime_ns) == (981_173_100.5, accessed)
    jail.utime("/f", -86_400.0, accessed=5.0)
    assert ((root / "f").stat().st_mtime, (root / "f").stat().st_atime) == (-86_400.0, 5.0)
    for name in ("/out", "/nope"):
        with pytest.raises(FileNotFoundError):
            jail.chmod(name, 0)
        with pytest.raises(FileNotFoundError):
            jail.utime(name, 0.0)
    assert (root.parent / "outside/secret").stat().st_mode == mode


def test_status_and_directories(root: Path, jail: Jail) -> None:
    (root / "d").mkdir()
    (root / "link").symlink_to("d")
    (root / "f").write_text("x")
    assert stat.S_ISDIR(jail.stat("/link").st_mode)
    assert stat.S_ISLNK(jail.stat("/link", follow=False).st_mode)
    jail.check_directory("/link")
    with pytest.raises(NotADirectoryError):
        jail.check_directory("/f")
    with pytest.raises(FileNotFoundError):
        jail.check_directory("/x")
    if os.geteuid() != 0:
        (root / "closed").mkdir(mode=0o600)
        with pytest.raises(PermissionError):
            jail.check_directory("/closed")
    assert sorted(jail.names("/")) == sorted(os.listdir(root))


def test_names_of_any_bytes(root: Path, jail: Jail) -> None:
    raw = b"\xff\xfe \xc3\xbc\n"
    name = decode(raw)
    with jail.open_write(f"/{name}") as opened:
        os.write(opened.fd, b"x")
    assert os.listdir(os.fsencode(root)) == [raw]
    assert list(jail.names("/")) == [name]
    assert encode(name) == raw
    jail.unlink(f"/{name}")


@pytest.mark.parametrize(("path", "parts"), [
    (b"/", (b"/", b"")), (b"/a", (b"/", b"a")), (b"/a/b//", (b"/a", b"b")), (b"a", (b"/", b"a")),
])
def test_split(path: bytes, parts: tuple[bytes, bytes]) -> None:
    assert split(path) == parts


def test_canonical_and_real_paths(root: Path, jail: Jail) -> None:
    (root / "d/e").mkdir(parents=True)
    (root / "link").symlink_to("/d/e")
    (root / "f").write_text("x")
    cases = {
        "/": "/", "/link": "/d/e", "/link/..": "/d", "/link/new/file": "/d/e/new/file", "/../../f": "/f",
        "/nope/../x": "/x", "/f/under": "/f/under", "/d/./e/": "/d/e",
    }
    for path, expected in cases.items():
        assert jail.canonical(path) == expected
        assert jail.real_path(path) == (str(root) + expected).rstrip("/")
        assert jail.virtual_of(jail.real_path(path)) == expected
    assert jail.virtual_of(str(root.parent)) is None
    assert jail.virtual_of(f"{root}more") is None
    assert jail.virtual_of(f"{root}/d/../f") == "/f"


def test_a_root_given_as_descriptor_or_link(root: Path, resolver: type[Resolver]) -> None:
    (root / "f").write_text("x")
    jail = Jail(os.open(root, os.O_PATH), resolver=resolver)
    assert jail.real_path("/f") == str(root / "f")
    assert jail.stat("/f").st_size == 1
    jail.close()
    link = root.parent / "link"
    link.symlink_to("root")
    jail = Jail(str(link), resolver=resolver)
    assert jail.virtual_of(str(link / "f")) == jail.virtual_of(str(root / "f")) == "/f"
    jail.close()
    with pytest.raises(NotADirectoryError):
        Jail(str(root / "f"), resolver=resolver)


def test_the_whole_machine_as_root(root: Path, resolver: type[Resolver]) -> None:
    jail = Jail("/", resolver=resolver)
    with jail.open_write(f"{root}/f") as opened:
        os.write(opened.fd, b"x")
    assert jail.real_path(f"{root}/f") == f"{root}/f"
    assert jail.virtual_of(f"{root}/f") == f"{root}/f"
    assert jail.real_path("/") == "/"
    assert list(jail.names(str(root))) == ["f"]
    jail.close()


@pytest.fixture
def machine(resolver: type[Resolver]) -> Iterator[Jail]:
    """All of the machine, as DefaultRoot / shows it."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("/proc is not mounted")
    jail = Jail("/", resolver=resolver)
    yield jail
    jail.close()


def test_who_is_given_a_new_directory_gets_none_that_has_taken_its_place(
    jail: Jail, root: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A link that somebody else has put there would have another directory given away (UserOwner)."""
    (root / "others").mkdir()
    make = os.mkdir

    def swapping(name: bytes, mode: int, *, dir_fd: int) -> None:
        make(name, mode, dir_fd=dir_fd)
        os.rmdir(name, dir_fd=dir_fd)
        os.symlink("others", name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", swapping)
    given: list[int] = []
    with pytest.raises(NotADirectoryError):
        jail.mkdir("/new", made=given.append)
    assert given == []


@pytest.mark.parametrize("path", ["/proc/self/maps", "/proc/thread-self/maps", "/proc/version"])
def test_what_the_kernel_says_about_the_server_is_no_file(machine: Jail, root: Path, path: str) -> None:
    """However it is asked for: opened, or copied to where it can be."""
    with pytest.raises(NotRegularFile):
        machine.open_read(path)
    with pytest.raises(NotRegularFile):
        machine.copy(path, f"{root}/copy", Mock())
    assert os.listdir(root) == []


@pytest.mark.parametrize("path", ["/proc", "/proc/self", "/proc/self/fd", "/proc/self/map_files", "/dev/fd"])
@pytest.mark.parametrize("options", [
    ListingOptions(), ListingOptions(form="nlst"), ListingOptions(form="mlsd"), ListingOptions(recursive=True)])
def test_what_others_have_open_is_not_listed(machine: Jail, path: str, options: ListingOptions) -> None:
    """The process serves other users, too: what it has open, and where its memory is, is not for a session."""
    with pytest.raises(PermissionError):
        machine.listing(path, options)
    with pytest.raises(PermissionError):
        list(machine.names(path))


@pytest.mark.parametrize("pattern", [
    "/proc/*", "/pro[c]/*", "/pro[c]/self", "/pro[c]/self/fd/0", "/proc/self/fd/[0-9]*", "/dev/fd/*"])
def test_no_pattern_leads_into_proc(machine: Jail, pattern: str) -> None:
    with pytest.raises(FileNotFoundError):
        machine.listing(pattern, ListingOptions())


def test_no_link_of_proc_is_told(machine: Jail, root: Path) -> None:
    directory = os.open(root, os.O_RDONLY)
    link = f"/proc/self/fd/{directory}"
    guide = Mock()
    for tell in (
        lambda: machine.listing("/proc/self", ListingOptions(directory=True)), lambda: machine.readlink(link),
        lambda: machine.facts("/proc/self", ListingOptions()), lambda: machine.facts(link, ListingOptions()),
        lambda: machine.copy(link, f"{root}/copy", guide), lambda: machine.copy("/proc/self/fd", f"{root}/copy", guide),
        lambda: machine.remove_tree("/proc/self/fd", Mock()),
    ):
        with pytest.raises(PermissionError):
            tell()
    for follow in (
        lambda: machine.listing(link, ListingOptions(directory=True)), lambda: machine.check_directory(link),
        lambda: machine.stat(f"{link}/."), lambda: machine.listing(link, ListingOptions()),
    ):
        with pytest.raises(OSError) as caught:
            follow()
        assert caught.value.errno == errno.ELOOP
    assert os.listdir(root) == []
    os.close(directory)


def test_the_entry_of_proc_stays(machine: Jail) -> None:
    assert b"proc" in machine.listing("/", ListingOptions(form="nlst")).split(b"\r\n")
    for path in ("/proc", "/pro[c]"):
        assert machine.listing(path, ListingOptions(directory=True), shown=path[1:]).endswith(b" proc\r\n")
    assert machine.facts("/proc", ListingOptions()).endswith(" /proc")
    machine.check_directory("/proc/self/fd")
    deep = machine.listing("/", ListingOptions(recursive=True, max_depth=2), shown="/").split(b"\r\n")
    assert b"/dev:" in deep
    assert b"/proc:" not in deep


def test_a_hidden_store_that_cannot_look_leaves_nothing_open(
    root: Path, jail: Jail, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look(parent: int, name: bytes) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("ftpsd.vfs.jail._is_link", look)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError):
        jail.open_hidden("/f")
    assert os.listdir("/proc/self/fd") == before

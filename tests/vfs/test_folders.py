"""Folders from elsewhere in a jail: what is in them, what is around them, and that nothing leads out."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.vfs.base import Form, ListingOptions, ListingTooLarge, NotRegularFile
from ftpsd.vfs.folders import Folder, Folders
from ftpsd.vfs.jail import Jail
from ftpsd.vfs.opened import WrittenFile
from ftpsd.vfs.trees import Storing


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for directory in ("home/sub", "home/shared", "shared/deep", "other", "secret"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "home" / "mine").write_text("mine")
    (tmp_path / "home" / "shared" / "hidden").write_text("hidden")
    (tmp_path / "shared" / "theirs").write_text("theirs")
    (tmp_path / "shared" / "deep" / "file").write_text("deep")
    (tmp_path / "secret" / "key").write_text("key")
    (tmp_path / "secret" / "readme").write_text("read me")
    (tmp_path / "shared" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "shared" / "up").symlink_to("../secret")
    return tmp_path


@pytest.fixture
def jail(place: Path) -> Iterator[Folders]:
    jail = Folders(str(place / "home"), (
        Folder("/shared", Jail(str(place / "shared"))),
        Folder("/sub/more", Jail(str(place / "other"))),
        Folder("/readme", Jail(str(place / "secret")), "/readme"),
    ))
    yield jail
    jail.close()


def text(jail: Jail, path: str) -> str:
    with jail.open_read(path) as opened:
        assert opened.path == path
        return os.read(opened.fd, 1000).decode()


def put(jail: Jail, path: str, data: bytes = b"new") -> None:
    with jail.open_write(path) as opened:
        os.write(opened.fd, data)
        opened.commit()


def test_a_hidden_upload_through_a_link_stays_in_the_root_that_the_link_is_in(place: Path, jail: Folders) -> None:
    (place / "home" / "link").symlink_to("shared/theirs")
    (place / "home" / "shared" / "theirs").write_text("of the root")
    with jail.open_hidden("/link") as opened:
        os.write(opened.fd, b"new")
        opened.commit()
    assert (place / "home" / "shared" / "theirs").read_text() == "new"
    assert (place / "shared" / "theirs").read_text() == "theirs"


def test_reading_and_writing(place: Path, jail: Folders) -> None:
    assert [text(jail, path) for path in ("/mine", "/shared/theirs", "/shared/deep/file", "/readme")] == [
        "mine", "theirs", "deep", "read me"]
    put(jail, "/shared/deep/new")
    assert (place / "shared" / "deep" / "new").read_bytes() == b"new"
    put(jail, "/sub/more/x")
    assert (place / "other" / "x").exists()
    put(jail, "/readme", b"changed")
    assert (place / "secret" / "readme").read_bytes() == b"changed"
    with jail.open_hidden("/shared/hid") as opened:
        assert opened.path == "/shared/hid"
        opened.commit()
    with jail.open_write("/shared/u.", mode="unique") as unique:
        assert unique.path.startswith("/shared/u.")
        unique.commit()
    assert sorted(os.listdir(place / "home")) == ["mine", "shared", "sub"]


@pytest.mark.parametrize("path", [
    "/shared/out/key", "/shared/up/key", "/shared/../../secret/key", "/shared/deep/../../secret/key", "/readme/../key",
    "/shared/hidden", "/readme/key", "/sub/more/../../../secret/key",
])
def test_nothing_leads_out(jail: Folders, path: str) -> None:
    with pytest.raises(OSError) as refused:
        jail.open_read(path)
    assert refused.value.errno in (errno.ENOENT, errno.ENOTDIR)


def test_status_and_places(place: Path, jail: Folders) -> None:
    assert jail.stat("/shared/theirs").st_size == 6
    assert jail.stat("/readme").st_size == 7
    jail.check_directory("/shared")
    jail.check_directory("/sub/more")
    with pytest.raises(NotADirectoryError):
        jail.check_directory("/readme")
    assert jail.canonical("/shared/deep/../theirs") == "/shared/theirs"
    assert jail.real_path("/shared/deep/file") == str(place / "shared" / "deep" / "file")
    assert jail.real_path("/mine") == str(place / "home" / "mine")
    assert jail.real_path("/readme") == str(place / "secret" / "readme")
    assert jail.virtual_of(str(place / "shared" / "deep")) == "/shared/deep"
    assert jail.virtual_of(str(place / "secret" / "readme")) == "/readme"
    assert jail.virtual_of(str(place / "secret" / "key")) is None
    assert jail.virtual_of(str(place / "home" / "sub")) == "/sub"
    assert (jail.straight_directory("/sub"), jail.straight_directory("/shared/deep")) == (True, None)
    assert jail.readlink("/shared/up") == "../secret"
    assert jail.may("/shared/theirs", os.R_OK)
    assert not jail.may("/shared/nothing", os.R_OK)
    with pytest.raises(NotRegularFile):
        jail.open_read("/shared")


BUSY: list[Callable[[Folders], None]] = [
    lambda jail: jail.rmdir("/shared"), lambda jail: jail.unlink("/readme"), lambda jail: jail.rmdir("/sub"),
    lambda jail: jail.rename("/shared", "/x"), lambda jail: jail.rename("/mine", "/readme"),
    lambda jail: jail.rename("/sub", "/x"), lambda jail: jail.unlink("/shared/"),
    lambda jail: jail.rmdir("/sub/more/."),
]


@pytest.mark.parametrize("act", BUSY)
def test_the_entry_of_a_folder_stays(place: Path, jail: Folders, act: Callable[[Folders], None]) -> None:
    with pytest.raises(OSError) as refused:
        act(jail)
    assert refused.value.errno == errno.EBUSY
    assert sorted(os.listdir(place / "home")) == ["mine", "shared", "sub"]


def test_entries(place: Path, jail: Folders) -> None:
    with pytest.raises(FileExistsError):
        jail.mkdir("/shared")
    jail.mkdir("/shared/made")
    jail.rename("/shared/made", "/shared/deep/moved")
    jail.chmod("/shared/deep/moved", 0o700)
    jail.utime("/shared/deep/moved", 1_000_000.0)
    assert (place / "shared" / "deep" / "moved").stat().st_mtime == 1_000_000
    assert (place / "shared" / "deep" / "moved").stat().st_mode & 0o777 == 0o700
    jail.rmdir("/shared/deep/moved")
    jail.unlink("/shared/theirs")
    assert not (place / "shared" / "theirs").exists()
    jail.symlink("/shared/deep", "/shared/link")
    assert os.readlink(place / "shared" / "link") == "deep"
    for source, target in (("/mine", "/shared"), ("/mine", "/shared/out-of-it")):
        with pytest.raises(OSError):
            jail.symlink(source, target)


class Everything:
    """A guide that lets everything be copied."""

    def wanted(self, source: str, target: str, *, directory: bool) -> bool:
        return True

    def storing(self, target: str) -> Storing:
        return Storing(0o022, 0o022)

    def made(self, fd: int, target: str) -> None:
        return None

    def begin(self, opened: WrittenFile) -> None:
        opened.begin()

    def end(self, opened: WrittenFile, act: Callable[[], None]) -> None:
        act()

    def gone(self, target: str, status: os.stat_result) -> None:
        return None

    def pause(self) -> None:
        return None


def test_trees(place: Path, jail: Folders) -> None:
    """Copies and removals of directories: between folders, too, but never of a folder itself."""
    guide = Everything()
    jail.copy("/mine", "/shared/deep/mine", guide)
    jail.copy("/shared/deep", "/taken", guide)
    assert (place / "home" / "taken" / "mine").read_text() == "mine"
    jail.remove_tree("/shared/deep", lambda path, directory: None)
    assert not (place / "shared" / "deep").exists()
    with pytest.raises(OSError) as refused:
        jail.remove_tree("/shared", lambda path, directory: None)
    assert refused.value.errno == errno.EBUSY


@pytest.mark.parametrize(("old", "new"), [
    ("/mine", "/shared/mine"), ("/shared/theirs", "/theirs"), ("/shared/theirs", "/sub/more/theirs"),
])
def test_nothing_is_renamed_between_two_folders(jail: Folders, old: str, new: str) -> None:
    with pytest.raises(OSError) as refused:
        jail.rename(old, new)
    assert refused.value.errno == errno.EXDEV


def lines(jail: Folders, path: str, shown: str | None = None, **options: object) -> list[str]:
    chosen = ListingOptions(**options)  # type: ignore[arg-type]
    return jail.listing(path, chosen, shown=shown).decode().split("\r\n")[:-1]


def last_words(listed: list[str]) -> list[str]:
    return [line.rpartition(" ")[2] for line in listed]


def test_listings(jail: Folders) -> None:
    assert last_words(lines(jail, "/")) == ["mine", "sub", "readme", "shared"]
    assert [line[0] for line in lines(jail, "/")] == ["-", "d", "-", "d"]
    assert last_words(lines(jail, "/sub")) == ["more"]
    assert lines(jail, "/", form="nlst") == ["mine", "sub", "readme", "shared"]
    assert lines(jail, "/sub", "sub", form="nlst") == ["sub/more"]
    assert lines(jail, "/shared/deep", "shared/deep", form="nlst") == ["shared/deep/file"]
    facts = lines(jail, "/", form="mlsd")
    assert next(line for line in facts if line.endswith(" shared")).count("type=dir") == 1
    assert sum(line.endswith(" shared") for line in facts) == 1
    assert jail.facts("/shared/theirs", ListingOptions()).endswith(" /shared/theirs")
    assert jail.facts("/readme", ListingOptions()).endswith(" /readme")
    assert sorted(jail.names("/")) == ["mine", "readme", "shared", "sub"]
    assert sorted(jail.names("/shared")) == ["deep", "out", "theirs", "up"]


def test_patterns_and_what_is_hidden(jail: Folders) -> None:
    assert last_words(lines(jail, "/s*", "s*", form="nlst")) == ["sub", "shared"]
    assert last_words(lines(jail, "/sh*", "sh*", form="nlst")) == ["shared"]
    assert last_words(lines(jail, "/r*", "r*")) == ["readme"]
    with pytest.raises(FileNotFoundError):
        lines(jail, "/q*", "q*")
    asked = []

    def visible(directory: str, name: str, link: bool) -> bool:
        asked.append((directory, name))
        return name not in ("shared", "theirs")

    assert last_words(lines(jail, "/", visible=visible)) == ["mine", "sub", "readme"]
    assert "theirs" not in last_words(lines(jail, "/shared", form="nlst", visible=visible))
    assert ("/shared", "deep") in asked


def heads(listed: list[str]) -> list[str]:
    return [line for line in listed if line.endswith(":")]


def test_recursive_listings_go_into_folders(place: Path, jail: Folders) -> None:
    listed = lines(jail, "/", recursive=True)
    assert heads(listed) == ["sub:", "sub/more:", "shared:", "shared/deep:"]
    assert last_words(listed) == [
        "mine", "sub", "readme", "shared", "", "sub:", "more", "", "sub/more:", "", "shared:", "deep",
        str(place / "secret"), "theirs", "../secret", "", "shared/deep:", "file"]
    assert heads(lines(jail, "/sub", "sub", recursive=True)) == ["sub/more:"]
    assert heads(lines(jail, "/shared", "shared", recursive=True)) == ["shared/deep:"]


def test_recursion_into_folders_has_the_bounds_of_any_other(jail: Folders) -> None:
    assert heads(lines(jail, "/", recursive=True, max_depth=2)) == ["sub:", "shared:"]
    assert heads(lines(jail, "/", recursive=True, max_directories=3)) == ["sub:", "sub/more:"]
    assert last_words(lines(jail, "/", recursive=True, max_files=3)) == ["mine", "sub", "readme"]
    assert last_words(lines(jail, "/", recursive=True, max_files=6))[-1] == "deep"
    for bounds in (ListingOptions(recursive=True, max_entries=9), ListingOptions(recursive=True, max_bytes=600)):
        with pytest.raises(ListingTooLarge):
            jail.listing("/", bounds)


def test_what_cannot_be_looked_at_is_left_out_and_what_is_hidden_not_entered(place: Path, jail: Folders) -> None:
    def visible(directory: str, name: str, link: bool) -> bool:
        return (directory, name) not in (("/", "shared"), ("/sub", "more"))

    assert heads(lines(jail, "/", recursive=True, visible=visible)) == ["sub:"]
    asked = []

    def ask(directory: str, name: str, link: bool) -> bool:
        asked.append((directory, name))
        return name != "theirs"

    listed = last_words(lines(jail, "/", recursive=True, visible=ask))
    assert "theirs" not in listed
    assert "file" in listed
    assert {("/", "shared"), ("/shared", "theirs"), ("/shared/deep", "file"), ("/sub", "more")} <= set(asked)
    (place / "other").rmdir()
    (place / "secret" / "readme").unlink()
    assert heads(lines(jail, "/", recursive=True)) == ["sub:", "shared:", "shared/deep:"]
    assert "readme" not in last_words(lines(jail, "/"))


def test_a_folder_that_shows_the_root_again_is_entered_once(place: Path) -> None:
    with contextlib.closing(Folders(str(place / "home"), (Folder("/sub/all", Jail(str(place / "home"))),))) as jail:
        assert heads(lines(jail, "/", recursive=True)) == [
            "shared:", "sub:", "sub/all:", "sub/all/shared:", "sub/all/sub:"]


@pytest.mark.parametrize(("pattern", "found"), [
    ("s*/*", ["shared/deep", "shared/theirs", "sub/more"]),
    ("*/deep/f*", ["shared/deep/file"]), ("sh*/deep", ["shared/deep"]), ("s*/m*", ["sub/more"]),
    ("sub/m*", ["sub/more"]), ("shared/[!d]*", ["shared/theirs"]), ("*/hidden", []),
])
def test_patterns_go_into_folders(jail: Folders, pattern: str, found: list[str]) -> None:
    if found:
        assert lines(jail, f"/{pattern}", pattern, form="nlst") == found
        assert set(found) <= set(last_words(lines(jail, f"/{pattern}", pattern)))
    else:
        with pytest.raises(FileNotFoundError):
            lines(jail, f"/{pattern}", pattern)


def test_a_file_from_elsewhere_alone(jail: Folders) -> None:
    """It is judged by the name that it is shown under, as are files in folders."""
    assert last_words(lines(jail, "/readme", "readme")) == ["readme"]
    assert last_words(lines(jail, "/shared", "shared", directory=True)) == ["shared"]
    assert lines(jail, "/readme", "readme", visible=lambda directory, name, link: False) == []
    options = ListingOptions(visible=lambda directory, name, link: directory == "/shared")
    assert jail.facts("/shared/theirs", options).endswith(" /shared/theirs")


def test_columns_have_folders_in_them(jail: Folders) -> None:
    assert lines(jail, "/", columns=True) == ["mine\tsub\treadme\tshared"]


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(st.sampled_from(["shared", "..", ".", "", "deep", "up", "out", "key", "readme", "sub", "more"])))
def test_no_path_reaches_the_secret(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    base = tmp_path_factory.getbasetemp() / "folders"
    if not base.exists():
        (base / "home" / "sub").mkdir(parents=True)
        (base / "shared" / "deep").mkdir(parents=True)
        (base / "secret").mkdir()
        (base / "secret" / "key").write_text("key")
        (base / "shared" / "up").symlink_to("../secret")
        (base / "shared" / "out").symlink_to(base / "secret")
    jail = Folders(str(base / "home"), (Folder("/shared", Jail(str(base / "shared"))),))
    try:
        with jail.open_read("/" + "/".join(parts)) as opened:
            assert os.read(opened.fd, 10) != b"key"
    except OSError:
        pass
    finally:
        jail.close()


def test_what_is_shown_twice_is_not_copied_into_itself(tmp_path: Path) -> None:
    (tmp_path / "home/d/deep").mkdir(parents=True)
    (tmp_path / "home/d/file").write_text("x")
    with contextlib.closing(Folders(str(tmp_path / "home"), (Folder("/up", Jail(str(tmp_path / "home/d"))),))) as store:
        for source, target in (("/d", "/up/deep/d"), ("/up/deep", "/d/deep/d")):
            with pytest.raises(OSError) as caught:
                store.copy(source, target, Everything())
            assert caught.value.errno == errno.EINVAL
    assert not list((tmp_path / "home/d/deep").iterdir())


def test_room_is_that_of_the_folder(place: Path, jail: Folders) -> None:
    assert jail.available("/sub/more") > 0
    with pytest.raises(FileNotFoundError):
        jail.available("/sub/other")


@pytest.mark.parametrize("path", ["/", "/sub", "/sub/more", "/shared", "/shared/deep", "/s*", "/shared/*"])
@pytest.mark.parametrize("form", ["list", "nlst", "mlsd"])
def test_what_is_sent_is_what_is_listed(jail: Folders, path: str, form: Form) -> None:
    """Folders' own lines and what hides names are in both."""
    if form == "mlsd" and "*" in path:
        return
    asked: list[tuple[str, str]] = []

    def visible(place: str, name: str, link: bool) -> bool:
        asked.append((place, name))
        return name != "file"

    options = ListingOptions(form=form, visible=visible)
    lines = jail.lines(path, options)
    there, asked = asked, []
    assert (lines if isinstance(lines, bytes) else lines.body) == jail.listing(path, options)
    assert there == asked

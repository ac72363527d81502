"""AuthUserFile and AuthGroupFile: the grammar, bad lines, changes of the files, permissions."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.auth import files
from ftpsd.auth.files import (
    MAX_REPORTED,
    GroupFile,
    UserFile,
    check_permissions,
    parse_groups,
    parse_users,
    read_whole,
)
from ftpsd.errors import ConfigError
from ftpsd.settings.account_files import user_file
from tests.auth.support import CHEAP, replace, user_line, write

GOOD_USERS = [
    ("alice:$1$x$y:1:2:A:/home/a:/bin/sh", ("alice", "$1$x$y", 1, 2, "/home/a", "/bin/sh")),
    ("alice:x:0:0:::", ("alice", "x", 0, 0, "", "")),
    ("a b:x:4294967294:007::/:/bin/sh", ("a b", "x", 4294967294, 7, "/", "/bin/sh")),
    ("päul:x:1:1::/päul:/bin/sh\r", ("päul", "x", 1, 1, "/päul", "/bin/sh")),
    ("alice:x:1:1::/:/bin/sh:more:fields", ("alice", "x", 1, 1, "/", "/bin/sh")),
    (" alice:x:1:1::/:/bin/sh", (" alice", "x", 1, 1, "/", "/bin/sh")),
]
BAD_USERS = [
    ("alice", "1 fields"), ("alice:x:1:1::/home", "6 fields"), (":x:1:1::/:/s", "name is empty"),
    ("alice::1:1::/:/s", "password field of 'alice' is empty"), ("alice:x::1::/:/s", "uid ''"),
    ("alice:x:1:::/:/s", "gid ''"), ("alice:x:one:1::/:/s", "uid 'one'"), ("alice:x:-1:1::/:/s", "uid '-1'"),
    ("alice:x:4294967295:1::/:/s", "uid '4294967295'"), ("alice:x:1:99999999999::/:/s", "gid '99999999999'"),
    ("alice:x:1:0x1::/:/s", "gid '0x1'"), ("alice:x:²:1::/:/s", "uid '²'"), ("al\0ice:x:1:1::/:/s", "NUL"),
    ("alice:x: 1:1::/:/s", "uid ' 1'"),
]


@pytest.mark.parametrize(("line", "expected"), GOOD_USERS)
def test_good_lines_of_users(line: str, expected: tuple[object, ...]) -> None:
    users = parse_users(line.encode(), "f")
    (entry,) = users.by_name.values()
    assert (entry.name, entry.password, entry.uid, entry.gid, entry.home, entry.shell) == expected
    assert users.problems == ()
    assert users.by_uid[entry.uid] is entry


@pytest.mark.parametrize(("line", "reason"), BAD_USERS)
def test_bad_lines_of_users_are_skipped_and_named(line: str, reason: str) -> None:
    users = parse_users(f"# head\n{line}\nbob:x:2:2::/:/s\n".encode(), "/etc/u")
    assert list(users.by_name) == ["bob"]
    (problem,) = users.problems
    assert problem.startswith("line 2 of '/etc/u' skipped: ")
    assert reason in problem


@pytest.mark.parametrize("line", ["", "   ", "\t", "# alice:x:1:1::/:/s", "#", "\r"])
def test_comments_and_blank_lines(line: str) -> None:
    assert parse_users(line.encode(), "f") == files.Users()
    assert parse_groups(line.encode(), "f") == files.Groups()


def test_no_message_shows_a_hash() -> None:
    secret = "$6$salt$verysecret"
    text = f"alice:{secret}:x:1::/:/s\nbob:{secret}:1:1::/\ncarl:{secret}:1:1::/:/s"
    users = parse_users(text.encode(), "f")
    assert len(users.problems) == 2
    assert "verysecret" not in " ".join(users.problems)
    assert "verysecret" not in repr(users)
    assert "verysecret" not in repr(users.by_name["carl"])


def test_the_first_of_two_entries_counts() -> None:
    users = parse_users(b"a:x:1:1::/1:/s\na:y:2:2::/2:/s\nb:z:1:1::/3:/s\n", "f")
    assert users.by_name["a"].home == "/1"
    assert users.by_uid[1].name == "a"


def test_many_bad_lines_are_counted() -> None:
    users = parse_users(b"bad\n" * (MAX_REPORTED + 30) + b"a:x:1:1::/:/s", "f")
    assert len(users.problems) == MAX_REPORTED + 1
    assert users.problems[-1] == "30 more bad lines in 'f' skipped"
    assert "a" in users.by_name


def test_a_file_without_a_newline_at_its_end() -> None:
    assert set(parse_users(b"a:x:1:1::/:/s\nb:x:2:2::/:/s", "f").by_name) == {"a", "b"}


def test_the_sample_is_a_real_hash() -> None:
    assert parse_users(b"a:*:1:1::/:/s\nb:$6$s$h:2:2::/:/s", "f").sample == "$6$s$h"
    assert parse_users(b"a:*:1:1::/:/s", "f").sample is None


def test_groups_and_their_members() -> None:
    groups = parse_groups(b"staff:x:50:alice,bob\nempty:*:51:\nweb::52:bob,,bob\nspace:x:53:a, b\n", "f")
    assert groups.problems == ()
    assert [group.gid for group in groups.of("bob")] == [50, 52]
    assert [group.name for group in groups.of("alice")] == ["staff"]
    assert groups.of("carol") == ()
    assert groups.of("b") == ()
    assert groups.by_gid[51].members == frozenset()


@pytest.mark.parametrize(
    ("line", "reason"),
    [("staff", "1 fields"), ("staff:x:50", "3 fields"), ("staff:x:fifty:a", "gid 'fifty'"),
     ("staff:x::a", "gid ''"), (":x:50:a", "name is empty")])
def test_bad_lines_of_groups(line: str, reason: str) -> None:
    groups = parse_groups(f"{line}\nweb:x:52:bob\n".encode(), "g")
    assert [group.name for group in groups.all] == ["web"]
    assert reason in groups.problems[0]
    assert groups.problems[0].startswith("line 1 of 'g'")


@settings(database=None)
@given(st.binary(max_size=400))
def test_no_bytes_make_the_parsers_raise(data: bytes) -> None:
    users, groups = parse_users(data, "f"), parse_groups(data, "f")
    assert all(0 <= user.uid < 2**32 - 1 and user.password and user.name for user in users.by_name.values())
    assert all(0 <= group.gid < 2**32 - 1 for group in groups.all)


def test_a_change_is_seen_at_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "users"
    file = UserFile(write(path, user_line("alice")))
    notes: list[str] = []
    first = file.current(notes.append)
    assert file.current(notes.append) is first
    replace(path, user_line("bob"), "rubbish")
    assert set(file.current(notes.append).by_name) == {"bob"}
    (note,) = notes
    assert note.startswith(f"AuthUserFile: line 2 of '{path}' skipped: 1 fields")
    file.current(notes.append)
    assert len(notes) == 1


def test_a_change_in_place_of_the_same_length_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "groups"
    file = GroupFile(write(path, "staff:x:50:alice"))
    assert file.current(pytest.fail).of("alice")
    before = path.stat()
    path.write_text("staff:x:50:carol\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not file.current(pytest.fail).of("alice")
    assert file.last.of("carol")


def test_a_missing_file_lets_nobody_in_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "users"
    file = UserFile(write(path, user_line("alice")))
    assert "alice" in file.current(pytest.fail).by_name
    path.unlink()
    notes: list[str] = []
    assert file.current(notes.append).by_name == {}
    assert notes == [f"error: unable to open AuthUserFile file '{path}': No such file or directory"]
    write(path, user_line("alice"))
    assert "alice" in file.current(pytest.fail).by_name


def test_a_missing_file_is_known_to_be_unknown(tmp_path: Path) -> None:
    file = GroupFile(write(tmp_path / "groups", "staff:x:50:alice"))
    known = file.known(pytest.fail)
    assert known is not None
    assert known.of("alice")
    (tmp_path / "groups").unlink()
    notes: list[str] = []
    assert file.known(notes.append) is None
    assert len(notes) == 1
    assert file.last.of("alice"), "listings go on with the last names"


def test_a_file_never_read_has_nothing(tmp_path: Path) -> None:
    assert UserFile(str(tmp_path / "nothing")).last.by_name == {}


def test_a_directory_or_a_fifo_is_no_account_file(tmp_path: Path) -> None:
    notes: list[str] = []
    assert UserFile(str(tmp_path)).current(notes.append).by_name == {}
    assert "Is a directory" in notes[0]


def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "users"
    write(path, user_line("alice"))
    real, calls = os.fstat, []

    def fstat(handle: int) -> os.stat_result:
        calls.append(handle)
        if len(calls) == 2:
            with path.open("a") as stream:
                stream.write(user_line("bob") + "\n")
        return real(handle)

    monkeypatch.setattr(os, "fstat", fstat)
    data, _ = read_whole(str(path))
    assert set(parse_users(data, "f").by_name) == {"alice", "bob"}
    assert len(calls) == 4


def test_a_file_that_never_comes_to_rest_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "users"
    write(path, user_line("alice"))
    real = os.fstat

    def fstat(handle: int) -> os.stat_result:
        with path.open("a") as stream:
            stream.write("#\n")
        return real(handle)

    monkeypatch.setattr(os, "fstat", fstat)
    with pytest.raises(OSError, match="keeps changing"):
        read_whole(str(path))


def test_a_file_beyond_all_measure_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE", 100)
    path = write(tmp_path / "users", "#" * 200)
    notes: list[str] = []
    assert UserFile(path).current(notes.append).by_name == {}
    assert "larger than 100 bytes" in notes[0]


def test_readers_see_one_version_or_the_other_while_the_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "users"
    versions = [[user_line(f"v{n}u{m}") for m in range(50)] for n in range(20)]
    file = UserFile(write(path, *versions[0]))
    done = threading.Event()
    seen: list[set[str]] = []
    notes: list[str] = []

    def read() -> None:
        while not done.is_set():
            seen.append(set(file.current(notes.append).by_name))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for version in versions[1:]:
        replace(path, *version)
    done.set()
    for reader in readers:
        reader.join(30)
        assert not reader.is_alive()
    whole = [{line.split(":")[0] for line in version} for version in versions]
    assert notes == []
    assert all(names in whole for names in seen)
    assert set(file.current(notes.append).by_name) == whole[-1]


class TestPermissions:
    """As ProFTPD 1.3.8: what others could read or write stops the start."""

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o660, 0o610])
    def test_good_modes(self, tmp_path: Path, mode: int) -> None:
        path = write(tmp_path / "users", user_line("alice"), mode=mode)
        check_permissions("AuthUserFile", path, world_readable=False)
        check_permissions("AuthGroupFile", path, world_readable=True)

    @pytest.mark.parametrize(
        ("mode", "world_readable", "reason"),
        [(0o644, False, "world-readable"), (0o602, False, "world-writable"), (0o666, True, "world-writable"),
         (0o604, False, "world-readable")])
    def test_bad_modes(self, tmp_path: Path, mode: int, world_readable: bool, reason: str) -> None:
        path = write(tmp_path / "users", user_line("alice", password=CHEAP), mode=mode)
        with pytest.raises(ConfigError) as caught:
            check_permissions("AuthUserFile", path, world_readable=world_readable)
        assert str(caught.value).startswith(f"fatal: AuthUserFile: unable to use {path}: ")
        assert reason in str(caught.value)
        assert "Operation not permitted" in str(caught.value)
        assert caught.value.remedy

    def test_a_world_readable_group_file_is_fine(self, tmp_path: Path) -> None:
        check_permissions("AuthGroupFile", write(tmp_path / "g", mode=0o644), world_readable=True)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="No such file or directory"):
            check_permissions("AuthUserFile", str(tmp_path / "no"), world_readable=False)

    def test_a_directory(self, tmp_path: Path) -> None:
        (tmp_path / "d").mkdir(mode=0o700)
        with pytest.raises(ConfigError, match="Is a directory"):
            check_permissions("AuthUserFile", str(tmp_path / "d"), world_readable=False)

    def test_a_world_writable_directory_around_it(self, tmp_path: Path) -> None:
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(0o777)
        path = write(tmp_path / "open" / "users", user_line("alice"))
        with pytest.raises(ConfigError, match=r"open is world-writable"):
            check_permissions("AuthUserFile", path, world_readable=False)

    def test_a_link_is_as_good_as_both_its_ends(self, tmp_path: Path) -> None:
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(0o777)
        good = write(tmp_path / "users", user_line("alice"))
        bad = write(tmp_path / "open" / "users", user_line("alice"))
        for place, target in ((tmp_path / "link", bad), (tmp_path / "open" / "link", good)):
            place.symlink_to(target)
            with pytest.raises(ConfigError, match="world-writable"):
                check_permissions("AuthUserFile", str(place), world_readable=False)
        (tmp_path / "fine").symlink_to("users")
        check_permissions("AuthUserFile", str(tmp_path / "fine"), world_readable=False)


@pytest.mark.parametrize(("words", "users", "groups"), [
    ("/f", ["ftpa", "ftpb", "other"], ["staff", "wheel"]),
    ("/f id 1000-1001", ["ftpa", "ftpb"], []),
    ("/f name ^ftp", ["ftpa", "ftpb"], []),
    ("/f name !^ftp id 0-5000", ["other"], ["staff", "wheel"]),
    ("/f id 2000-3000 name !^wheel$", ["other"], ["staff"]),
])
def test_entries_that_do_not_fit_are_not_there(words: str, users: list[str], groups: list[str]) -> None:
    """AuthUserFile and AuthGroupFile with id and name."""
    only = user_file(words.split())
    passwd = b"ftpa:x:1000:1::/h/a:\nftpb:x:1001:1::/root/b:\nother:x:2000:1::/h/o:\n"
    assert list(parse_users(passwd, "/f", only).by_name) == users
    assert list(parse_groups(b"staff:x:2000:\nwheel:x:2001:\n", "/f", only).by_name) == groups


def test_homes_that_do_not_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "users", user_line("alice", home="/home/alice"), user_line("rooty", home="/root/x"))
    file = UserFile(path, user_file([path, "home", "!^/root"]))
    assert list(file.current(lambda text: None).by_name) == ["alice"]
    assert list(UserFile(path).current(lambda text: None).by_name) == ["alice", "rooty"]

"""Changes to account files: exactly the line that is meant, whole or not at all."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from ftpsd.auth import editing
from ftpsd.auth.editing import EditError, NewUser, edit
from ftpsd.auth.files import parse_groups, parse_users

DATA = b"# people\nalice:h1:1:1::/a:/bin/sh\n\nrubbish\nbob:h2:2:2:Bob:/b:/bin/sh\nalice:h3:3:3::/c:/bin/sh\n"
CARL = NewUser("carl", "$6$x", 5, 6, "/srv/carl", "/bin/sh", "Carl C.")


def test_add() -> None:
    changed = editing.add_user(DATA, CARL, "f")
    assert changed == DATA + b"carl:$6$x:5:6:Carl C.:/srv/carl:/bin/sh\n"
    entry = parse_users(changed, "f").by_name["carl"]
    assert (entry.uid, entry.gid, entry.home, entry.shell) == (5, 6, "/srv/carl", "/bin/sh")


def test_add_after_a_last_line_without_newline() -> None:
    assert editing.add_user(b"a:x:1:1::/:/s", CARL, "f").splitlines()[0] == b"a:x:1:1::/:/s"


def test_add_who_is_there() -> None:
    with pytest.raises(EditError, match="'alice' is in f already"):
        editing.add_user(DATA, NewUser("alice", "x", 1, 1, "/", "/s"), "f")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": ""}, "empty"), ({"name": "a:b"}, "colon"), ({"name": "a\nb"}, "newline"),
        ({"name": "a\rb"}, "control"), ({"name": "#a"}, "must not start"), ({"name": "+a"}, "must not start"),
        ({"name": "-a"}, "must not start"), ({"name": "a,b"}, "comma"), ({"name": " a"}, "blanks"),
        ({"name": "a "}, "blanks"), ({"name": "../a"}, "slash"), ({"name": "a\0"}, "control"),
        ({"uid": -1}, "uid -1"), ({"uid": 2**32 - 1}, "uid 4294967295"), ({"gid": 2**33}, "gid"),
        ({"home": "srv"}, "home 'srv' is not an absolute path"), ({"home": ""}, "absolute"),
        ({"home": "/a:b"}, "home must not hold a colon"), ({"shell": "sh"}, "shell 'sh'"),
        ({"shell": "/bin/sh\nroot:x:0:0::/:/bin/sh"}, "newline"), ({"gecos": "A:B"}, "gecos"),
    ])
def test_fields_that_would_break_the_line(changes: dict[str, object], reason: str) -> None:
    fields: dict[str, object] = {
        "name": "carl", "password": "x", "uid": 1, "gid": 1, "home": "/", "shell": "/bin/sh", **changes}
    with pytest.raises(EditError, match=reason):
        NewUser(**fields)  # type: ignore[arg-type]


def test_password_home_lock() -> None:
    assert editing.set_password(DATA, "bob", "new", "f") == DATA.replace(b":h2:", b":new:")
    assert editing.set_home(DATA, "bob", "/n", "f") == DATA.replace(b":/b:", b":/n:")
    locked = editing.lock_user(DATA, "bob", "f")
    assert locked == DATA.replace(b":h2:", b":!h2:")
    assert editing.lock_user(locked, "bob", "f") == locked
    assert editing.set_password(locked, "bob", "new", "f") == DATA.replace(b":h2:", b":!new:")
    assert editing.unlock_user(locked, "bob", "f") == DATA
    assert editing.unlock_user(DATA, "bob", "f") == DATA


@pytest.mark.parametrize("password", [b"!", b"!!", b"!*", b"*", b"!x"])
def test_a_lock_with_nothing_behind_it_stays(password: bytes) -> None:
    with pytest.raises(EditError, match="no password behind the lock"):
        editing.unlock_user(DATA.replace(b"h2", password), "bob", "f")


def test_only_the_first_of_two_lines_changes_but_both_are_deleted() -> None:
    assert editing.set_home(DATA, "alice", "/n", "f") == DATA.replace(b":/a:", b":/n:")
    assert editing.delete_user(DATA, "alice", "f") == b"# people\n\nrubbish\nbob:h2:2:2:Bob:/b:/bin/sh\n"


@pytest.mark.parametrize("name", ["nobody", "", "ali", "# people", "alice:h1"])
def test_who_is_not_there(name: str) -> None:
    with pytest.raises(EditError, match="there is no"):
        editing.delete_user(DATA, name, "f")
    with pytest.raises(EditError, match="there is no"):
        editing.lock_user(DATA, name, "f")
    with pytest.raises(EditError, match="there is no"):
        editing.set_password(DATA, name, "x", "f")


def test_a_line_too_short_to_change() -> None:
    with pytest.raises(EditError, match="line 1 of f has only 2 fields"):
        editing.set_home(b"alice:x\n", "alice", "/n", "f")


GROUPS = b"# groups\nstaff:x:50:alice,bob\nempty:x:51:\n"


def test_groups() -> None:
    assert editing.join_group(GROUPS, "staff", None, "carl", "g") == GROUPS.replace(b"bob", b"bob,carl")
    assert editing.join_group(GROUPS, "empty", 51, "carl", "g") == GROUPS.replace(b"51:", b"51:carl")
    assert editing.join_group(GROUPS, "staff", None, "bob", "g") == GROUPS
    made = editing.join_group(GROUPS, "web", 52, "carl", "g")
    assert [group.gid for group in parse_groups(made, "g").of("carl")] == [52]
    assert editing.leave_groups(made, "bob", None, "g") == made.replace(b",bob", b"")
    assert editing.leave_groups(made, "carl", "web", "g").endswith(b"web:x:52:\n")
    assert editing.leave_groups(made, "carl", "staff", "g") == made


@pytest.mark.parametrize(
    ("group", "gid", "user", "reason"),
    [("web", None, "carl", "--group-gid"), ("staff", 51, "carl", "has the gid 50, not 51"),
     ("a:b", 1, "carl", "colon"), ("web", -1, "carl", "gid -1"), ("web", 52, "a,b", "comma")])
def test_groups_that_cannot_be(group: str, gid: int | None, user: str, reason: str) -> None:
    with pytest.raises(EditError, match=reason):
        editing.join_group(GROUPS, group, gid, user, "g")


def test_leaving_a_group_that_is_not_there() -> None:
    with pytest.raises(EditError, match="there is no 'web' in g"):
        editing.leave_groups(GROUPS, "alice", "web", "g")


LOCK = ".users.ftpsd-lock"


class TestEdit:
    """The file itself."""

    def test_a_new_file_is_private(self, tmp_path: Path) -> None:
        path = tmp_path / "users"
        edit(str(path), lambda data: data + b"line\n", create=True)
        assert path.read_bytes() == b"line\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert sorted(os.listdir(tmp_path)) == [LOCK, "users"]

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
    def test_the_mode_is_kept_and_the_file_replaced(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "users"
        path.write_bytes(b"old\n")
        path.chmod(mode)
        before = path.stat()
        edit(str(path), lambda data: data + b"new\n")
        assert path.read_bytes() == b"old\nnew\n"
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert path.stat().st_ino != before.st_ino

    @pytest.mark.root
    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_the_owner_is_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "users"
        path.write_bytes(b"old\n")
        os.chown(path, 12345, 54321)
        edit(str(path), lambda data: b"new\n")
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)

    def test_no_change_writes_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "users"
        path.write_bytes(b"old\n")
        before = path.stat()
        edit(str(path), lambda data: data)
        assert path.stat() == before

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").write_bytes(b"old\n")
        (tmp_path / "link").symlink_to("real")
        edit(str(tmp_path / "link"), lambda data: b"new\n")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").read_bytes() == b"new\n"

    def test_a_failed_change_leaves_everything_as_it_was(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        path = tmp_path / "users"
        path.write_bytes(b"old\n")

        def refuse(data: bytes) -> bytes:
            raise EditError("no")

        with pytest.raises(EditError, match="no"):
            edit(str(path), refuse)

        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(EditError, match="No space left on device"):
            edit(str(path), lambda data: b"new\n")
        assert path.read_bytes() == b"old\n"
        assert sorted(os.listdir(tmp_path)) == [LOCK, "users"]

    @pytest.mark.parametrize("place", ["missing", "no/such/directory"])
    def test_a_file_that_is_not_there(self, tmp_path: Path, place: str) -> None:
        with pytest.raises(EditError, match="No such file or directory"):
            edit(str(tmp_path / place), lambda data: data)
        assert os.listdir(tmp_path) == []

    def test_a_directory_is_no_account_file(self, tmp_path: Path) -> None:
        with pytest.raises(EditError, match="Is a directory"):
            edit(str(tmp_path), lambda data: data)

    def test_many_at_once_lose_nothing(self, tmp_path: Path) -> None:
        path = str(tmp_path / "users")

        def add(n: int) -> None:
            edit(path, lambda data: data + f"u{n}\n".encode(), create=True)

        threads = [threading.Thread(target=add, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        lines = (tmp_path / "users").read_text().splitlines()
        assert sorted(lines) == sorted(f"u{n}" for n in range(20))

    def test_a_lock_that_is_never_given_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = str(tmp_path / "users")
        monkeypatch.setattr(editing, "_LOCK_SECONDS", 0.05)

        def stay(data: bytes) -> bytes:
            with pytest.raises(EditError, match="for too long"):
                edit(path, lambda data: data, create=True)
            return b"mine\n"

        edit(path, stay, create=True)
        assert Path(path).read_bytes() == b"mine\n"

    def test_who_may_read_the_directory_cannot_keep_others_from_editing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(editing, "_LOCK_SECONDS", 0.05)
        path = tmp_path / "users"
        handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            edit(str(path), lambda data: b"mine\n", create=True)
        finally:
            os.close(handle)
        assert path.read_bytes() == b"mine\n"

    @pytest.mark.parametrize(("directory", "lock"), [
        (0o755, 0o600), (0o700, 0o600), (0o775, 0o660), (0o2770, 0o660), (0o777, 0o666), (0o1777, 0o600)])
    def test_the_lock_is_for_those_who_may_write_to_the_directory(
        self, tmp_path: Path, directory: int, lock: int,
    ) -> None:
        tmp_path.chmod(directory)
        before = os.umask(0)
        try:
            edit(str(tmp_path / "users"), lambda data: b"new\n", create=True)
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / LOCK).stat().st_mode) == lock

    @pytest.mark.root
    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_the_lock_belongs_to_whom_the_directory_belongs(self, tmp_path: Path) -> None:
        os.chown(tmp_path, 12345, 54321)
        edit(str(tmp_path / "users"), lambda data: b"new\n", create=True)
        found = (tmp_path / LOCK).stat()
        assert (found.st_uid, found.st_gid) == (12345, 54321)

    def test_a_lock_is_no_link(self, tmp_path: Path) -> None:
        (tmp_path / "precious").write_text("x")
        (tmp_path / "precious").chmod(0o644)
        (tmp_path / LOCK).symlink_to("precious")
        with pytest.raises(EditError, match="symbolic links"):
            edit(str(tmp_path / "users"), lambda data: b"new\n", create=True)
        assert stat.S_IMODE((tmp_path / "precious").stat().st_mode) == 0o644

    def test_a_lock_that_was_removed_while_waiting_is_made_anew(self, tmp_path: Path) -> None:
        path = str(tmp_path / "users")
        waiting = threading.Event()

        def second() -> None:
            waiting.set()
            edit(path, lambda data: data + b"2", create=True)

        thread = threading.Thread(target=second)
        handle = editing._open_lock(str(tmp_path / LOCK))
        try:
            assert editing._try_lock(handle)
            thread.start()
            assert waiting.wait(30)
            (tmp_path / LOCK).unlink()
            edit(path, lambda data: data + b"1", create=True)
        finally:
            os.close(handle)
        thread.join(30)
        assert not thread.is_alive()
        assert sorted(Path(path).read_bytes()) == sorted(b"12")
        assert (tmp_path / LOCK).exists()

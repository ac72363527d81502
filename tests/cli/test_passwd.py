"""`ftpsd passwd` as a person types it."""

from __future__ import annotations

import os
import pty
import select
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ftpsd.auth.files import parse_groups, parse_users
from ftpsd.auth.passwords import SCHEMES, verify
from ftpsd.cli.passwd import command

NEW = ("alice", "--uid", "1001", "--home", "/srv/alice", "--stdin")


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return tmp_path / "users"


def run(*arguments: str | Path, password: str | None = None) -> Result:
    return CliRunner().invoke(
        command, [str(word) for word in arguments], input=None if password is None else password + "\n")


def stored(path: Path, name: str = "alice") -> str:
    return parse_users(path.read_bytes(), str(path)).by_name[name].password


def add(users: Path, *more: str | Path, password: str = "geheim") -> None:
    result = run(*NEW, "--file", users, *more, password=password)
    assert result.exit_code == 0, result.output


def test_a_new_user_in_a_new_file(users: Path) -> None:
    result = run(*NEW, "--file", users, password="geheim")
    assert result.exit_code == 0
    assert result.stdout == f"alice added to {users}\n"
    assert "geheim" not in result.output
    entry = parse_users(users.read_bytes(), "f").by_name["alice"]
    assert (entry.uid, entry.gid, entry.home, entry.shell) == (1001, 1001, "/srv/alice", "/bin/sh")
    assert entry.password.startswith("$y$")
    assert verify("geheim", entry.password)
    assert stat.S_IMODE(users.stat().st_mode) == 0o600


def test_all_fields(users: Path) -> None:
    add(users, "--gid", "50", "--shell", "/bin/zsh", "--gecos", "Alice A.")
    entry = parse_users(users.read_bytes(), "f").by_name["alice"]
    assert (entry.gid, entry.shell, entry.gecos) == (50, "/bin/zsh", "Alice A.")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_schemes(users: Path, scheme: str) -> None:
    cost = {"bcrypt": "4", "scrypt": "6", "yescrypt": "1", "gost-yescrypt": "1"}.get(scheme, "0")
    add(users, "--scheme", scheme, "--cost", cost)
    assert stored(users).startswith(SCHEMES[scheme].decode())
    assert verify("geheim", stored(users))


@pytest.mark.parametrize("password", ["pä ss:wörd", " blanks around ", "$y$", "x" * 511])
def test_passwords_are_taken_as_they_are(users: Path, password: str) -> None:
    add(users, "--scheme", "sha512", "--cost", "1000", password=password)
    assert verify(password, stored(users))


@pytest.mark.parametrize("password", ["", "x" * 512])
def test_passwords_that_cannot_be(users: Path, password: str) -> None:
    result = run(*NEW, "--file", users, password=password)
    assert result.exit_code == 1
    assert "1 to 511 bytes" in result.stderr
    assert not users.exists()


def test_changing_the_password_and_home(users: Path) -> None:
    add(users)
    result = run("alice", "--file", users, "--change-password", "--stdin", password="neu")
    assert result.stdout == f"password of alice changed in {users}\n"
    assert verify("neu", stored(users))
    assert not verify("geheim", stored(users))
    assert run("alice", "--file", users, "--change-home", "--home", "/new").exit_code == 0
    assert parse_users(users.read_bytes(), "f").by_name["alice"].home == "/new"


def test_how_an_existing_user_joins_a_group_is_told(users: Path, tmp_path: Path) -> None:
    add(users)
    group = ("--group-file", tmp_path / "groups", "--group", "staff", "--group-gid", "50")
    wrong = run("alice", "--file", users, *group)
    assert wrong.exit_code == 2
    assert "for a group only, leave --file out" in wrong.stderr
    assert run("alice", *group).exit_code == 0
    assert (tmp_path / "groups").read_text() == "staff:x:50:alice\n"


def test_lock_and_unlock(users: Path) -> None:
    add(users)
    before = users.read_bytes()
    assert run("alice", "--file", users, "--lock").stdout == f"alice locked in {users}\n"
    assert not verify("geheim", stored(users))
    assert run("alice", "--file", users, "--unlock").exit_code == 0
    assert users.read_bytes() == before


def test_groups(users: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups"
    add(users, "--group-file", groups, "--group", "staff", "--group-gid", "50")
    assert [group.gid for group in parse_groups(groups.read_bytes(), "g").of("alice")] == [50]
    assert run("bob", "--group-file", groups, "--group", "staff").exit_code == 0
    assert groups.read_text() == "staff:x:50:alice,bob\n"
    assert run("bob", "--group-file", groups, "--group", "staff", "--delete").exit_code == 0
    result = run("alice", "--file", users, "--delete", "--group-file", groups)
    assert result.stdout == f"alice deleted from {users}\nalice is no longer in any group of {groups}\n"
    assert (users.read_bytes(), groups.read_text()) == (b"", "staff:x:50:\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "Missing argument 'NAME'"),
        (("alice",), "--file is missing"),
        (("alice", "--lock"), "--file is missing"),
        (("alice", "--file", "F"), "needs --uid and --home"),
        (("alice", "--file", "F", "--uid", "1", "--stdin"), "--home is missing"),
        (("alice", "--file", "F", "--uid", "one"), "not a valid integer"),
        (("alice", "--file", "F", "--change-home"), "--home is missing"),
        (("alice", "--file", "F", "--lock", "--unlock"), "--lock and --unlock exclude each other"),
        (("alice", "--file", "F", "--lock", "--stdin"), "--stdin has a meaning only"),
        (("alice", "--file", "F", "--lock", "--group", "g"), "need --group-file"),
        (("alice", "--file", "F", "--lock", "--group-file", "G"), "needs --group"),
        (("alice", "--file", "F", "--uid", "1", "--home", "/h"), "send it with --stdin"),
        (("alice", "--file", "F", "--uid", "1", "--home", "/h", "--scheme", "rot13"), "rot13"),
        (("alice", "--file", "F", "--uid", "1", "--home", "/h", "--password", "x"), "No such option"),
    ])
def test_usage(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    words = [str(tmp_path / word) if word in ("F", "G") else word for word in arguments]
    result = run(*words)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("bob", "--lock"), "there is no 'bob'"),
        (("bob", "--delete"), "there is no 'bob'"),
        (("alice", "--change-home", "--home", "relative"), "not an absolute path"),
        (("alice", "--change-home", "--home", "/a\nroot:x:0:0::/:/bin/sh"), "newline"),
        (("a:b", "--uid", "1", "--home", "/h", "--stdin"), "colon"),
        (("bob", "--uid", "-5", "--home", "/h", "--stdin"), "uid -5"),
        (("alice", "--uid", "1", "--home", "/h", "--stdin"), "'alice' is in"),
    ])
def test_errors_leave_the_file_alone(users: Path, arguments: tuple[str, ...], reason: str) -> None:
    add(users)
    before = users.read_bytes()
    result = run(*arguments, "--file", users, password="geheim")
    assert result.exit_code == 1
    assert reason in result.stderr
    assert users.read_bytes() == before


def test_a_missing_file_is_not_made_by_a_change(users: Path) -> None:
    result = run("alice", "--file", users, "--lock")
    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr


def test_warnings_do_not_stop_anybody(users: Path) -> None:
    result = run(
        "toor", "--file", users, "--uid", "0", "--home", "/no/such/home", "--shell", "/no/shell", "--stdin",
        password="geheim")
    assert result.exit_code == 0
    assert "RootLogin on" in result.stderr
    assert "/no/such/home does not exist" in result.stderr


def _type(terminal: int, *answers: bytes) -> bytes:
    """Waits for a prompt before each answer; returns all that was shown."""
    shown = b""
    deadline = time.monotonic() + 30
    for count, answer in enumerate((*answers, b""), 1):
        while shown.count(b": ") < count or not answer:
            ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"no prompt: {shown!r}"
            try:
                chunk = os.read(terminal, 1024)
            except OSError:
                return shown
            if not chunk:
                return shown
            shown += chunk
        os.write(terminal, answer + b"\n")
    return shown


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(users: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = ["alice", "--file", str(users), "--uid", "1001", "--home", "/srv/alice"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from ftpsd.cli.passwd import command; command()", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LC_ALL": "C.UTF-8"})
    os.close(theirs)
    try:
        shown = _type(ours, b"geheim", b"geheim")
        assert process.wait(30) == 0, shown
    finally:
        process.kill()
        process.wait(30)
        os.close(ours)
    assert b"Password of alice" in shown
    assert b"geheim" not in shown
    assert verify("geheim", stored(users))

"""Access tables from files and databases: what is missing, what cannot be read, whose rights read it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ftpsd.access.wrap import WrapClient
from ftpsd.errors import FtpsdError
from ftpsd.guard import wraptables
from ftpsd.guard.wraptables import Whom, judge
from ftpsd.settings.wrap import WrapTable, WrapTables

CLIENT = WrapClient("192.0.2.7", "host.example.org")
NOBODY = WrapTable("builtin", "")


@pytest.fixture
def said() -> list[str]:
    return []


def file(path: object) -> WrapTable:
    return WrapTable("file", str(path))


def test_tables_in_files(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "allow").write_text("proftpd: .example.org\n")
    assert judge(WrapTables(file(tmp_path / "allow"), NOBODY), "proftpd", CLIENT, Whom(), said.append).allowed
    (tmp_path / "allow").write_text("proftpd: .example.net\nnonsense\nALL: @x : nice 3\n")
    assert not judge(WrapTables(file(tmp_path / "allow"), NOBODY), "proftpd", CLIENT, Whom(), said.append).allowed
    assert said[3:] == [
        f"using 'file:{tmp_path}/allow' for allow table", "using 'builtin:all' for deny table",
        "looking under service name 'proftpd'",
        f"file '{tmp_path}/allow': badly formatted rule at line 2: `services : clients` is needed",
        f"file '{tmp_path}/allow': '@x' at line 3 can be nobody",
        f"file '{tmp_path}/allow': option 'nice 3' at line 3 has no effect"]


def test_a_missing_table_is_empty(tmp_path: Path, said: list[str]) -> None:
    tables = WrapTables(file(tmp_path / "none"), file(tmp_path / "nor this"))
    verdict = judge(tables, "proftpd", CLIENT, Whom(), said.append)
    assert (verdict.allowed, verdict.rule) == (True, None)
    assert sum("No such file or directory" in line for line in said) == 2


@pytest.mark.parametrize("make", [
    lambda path: path.mkdir(), lambda path: os.mkfifo(path), lambda path: path.symlink_to(path),
    lambda path: path.write_bytes(b"#" * 2000),
])
def test_a_deny_table_that_cannot_be_read_lets_nobody_in(
    tmp_path: Path, said: list[str], make: object, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wraptables, "LARGEST", 1000)
    assert callable(make)
    make(tmp_path / "deny")
    tables = WrapTables(file(tmp_path / "allow"), file(tmp_path / "deny"))
    assert not judge(tables, "proftpd", CLIENT, Whom(), said.append).allowed
    (tmp_path / "allow").write_text("ALL: ALL")
    assert judge(tables, "proftpd", CLIENT, Whom(), said.append).allowed
    assert any(line.startswith("error opening deny table: ") for line in said)
    make(tmp_path / "allow2")
    tables = WrapTables(file(tmp_path / "allow2"), NOBODY)
    assert not judge(tables, "proftpd", CLIENT, Whom(), said.append).allowed
    assert any(line.startswith("error opening allow table: ") for line in said)


def test_a_client_may_be_a_file_of_clients(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "deny").write_text(f"ALL: 1.1.1.1 {tmp_path}/more {tmp_path}/none\n")
    (tmp_path / "more").write_text("2.2.2.2\n.example.org, 3.3.3.3\n")
    tables = WrapTables(file(tmp_path / "none"), file(tmp_path / "deny"))
    assert not judge(tables, "proftpd", CLIENT, Whom(), said.append).allowed
    assert f"error opening include file '{tmp_path}/none': No such file or directory" in said


@pytest.mark.parametrize(("written", "user", "read"), [
    ("~/deny", "alice", True), ("~bob/deny", "alice", True), ("~eve/deny", "alice", False),
    ("{}/%U.deny", "alice", True), ("{}/%U.deny", "../alice", False), ("{}/%U.deny", "", False),
])
def test_whose_table(tmp_path: Path, said: list[str], written: str, user: str, read: bool) -> None:
    for path in (tmp_path / "deny", tmp_path / "alice.deny"):
        path.write_text("ALL: ALL\n")
    readers: list[str] = []

    @contextlib.contextmanager
    def reading(who: str) -> Iterator[None]:
        readers.append(who)
        yield

    whom = Whom(
        user, str(tmp_path), lambda name: str(tmp_path) if name == "bob" else None,
        as_user=lambda: reading("user"), as_server=lambda: reading("server"))
    tables = WrapTables(WrapTable("file", "/nonexistent/x"), WrapTable("file", written.format(tmp_path)))
    assert judge(tables, "proftpd", CLIENT, whom, said.append).allowed is not read
    assert readers == ["server", *(["user" if written.startswith("~/") else "server"] if read else [])]


def test_what_a_users_table_names_is_read_with_his_rights(tmp_path: Path, said: list[str]) -> None:
    """He could have any file of the machine read as root otherwise, and its words told."""
    (tmp_path / "deny").write_text(f"ALL: {tmp_path}/secret\n")
    (tmp_path / "secret").write_text("ALL\n")
    readers: list[str] = []

    @contextlib.contextmanager
    def reading(who: str) -> Iterator[None]:
        readers.append(who)
        yield

    whom = Whom(
        "alice", str(tmp_path), as_user=lambda: reading("user"), as_server=lambda: reading("server"))
    tables = WrapTables(WrapTable("file", "~/none"), WrapTable("file", "~/deny"))
    assert not judge(tables, "proftpd", CLIENT, whom, said.append).allowed
    assert readers == ["user", "user", "user"]


def test_a_user_that_nobody_knows_has_no_home(said: list[str]) -> None:
    tables = WrapTables(WrapTable("file", "~/allow"), NOBODY)
    assert not judge(tables, "proftpd", CLIENT, Whom("eve"), said.append).allowed


class Queries:
    """Answers of a database."""

    def __init__(self, **answers: list[tuple[str | None, ...]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def run(self, name: str, numbered: Sequence[str] = ()) -> list[tuple[str | None, ...]]:
        self.asked.append((name, tuple(numbered)))
        if name not in self.answers:
            raise FtpsdError("no such table")
        return self.answers[name]

    def __contains__(self, name: str) -> bool:
        return name in self.answers

    def place(self, name: str) -> str:
        return "tables"


def test_tables_in_databases(said: list[str]) -> None:
    queries = Queries(allowed=[("1.1.1.1, 2.2.2.2",), (None,), (".example.org 3.3.3.3",)], denied=[("ALL",)], opts=[])
    tables = WrapTables(WrapTable("sql", "/allowed"), WrapTable("sql", "/denied/opts"))
    assert judge(tables, "proftpd", CLIENT, Whom(name="alice"), said.append, queries).allowed
    assert queries.asked == [("allowed", ("alice",)), ("denied", ("alice",)), ("opts", ("alice",))]
    queries.answers["opts"] = [("ALLOW",)]
    queries.answers["allowed"] = []
    assert judge(tables, "proftpd", CLIENT, Whom(), said.append, queries).allowed
    del queries.answers["opts"]
    assert not judge(tables, "proftpd", CLIENT, Whom(), said.append, queries).allowed
    assert "error opening deny table: query 'opts': no such table" in said[-1]
    assert not judge(tables, "proftpd", CLIENT, Whom(), said.append).allowed

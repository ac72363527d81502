"""Quota tables in files: those of ftpquota, written by many at a time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from ftpsd.access.quotas import Amounts, Key, Limit, QuotaType, Reached
from ftpsd.errors import ConfigError
from ftpsd.guard.quotafile import LIMITS, TALLIES, LimitFile, TallyFile, create
from ftpsd.sql import turns
from ftpsd.sql.turns import TableError

ALICE, STAFF = Key(QuotaType.USER, "alice"), Key(QuotaType.GROUP, "staff")
LOCAL, ALL = Key(QuotaType.CLASS, "local"), Key(QuotaType.ALL, "")
FTPQUOTA = shutil.which("ftpquota")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "tab")


def limits(path: str) -> LimitFile:
    create(path, LIMITS)
    return LimitFile(path, writable=True)


def tallies(path: str) -> TallyFile:
    create(path, TALLIES)
    return TallyFile(path)


def test_limits_are_kept(path: str) -> None:
    table = limits(path)
    given = [
        Limit(ALICE, Amounts(1000.0, 2000.0, 3000.0, 4, 5, 6), per_session=True, hard=False),
        Limit(STAFF, Amounts(bytes_in=1e12)), Limit(LOCAL), Limit(ALL, Amounts(files_xfer=7)),
    ]
    assert [table.put(limit) for limit in given] == [True] * 4
    table.close()
    again = LimitFile(path)
    assert again.all() == given
    assert [again.find(limit.key) for limit in given] == given
    assert again.find(Key(QuotaType.GROUP, "alice")) is None
    assert again.find(Key(QuotaType.USER, "alic")) is None
    assert os.path.getsize(path) == 4 + 4 * 126
    again.close()
    again.close()


def test_limits_are_changed_and_removed(path: str) -> None:
    table = limits(path)
    for key in (ALICE, STAFF, LOCAL):
        table.put(Limit(key))
    assert not table.put(Limit(STAFF, Amounts(bytes_in=5.0)))
    assert table.remove(ALICE)
    assert not table.remove(ALICE)
    assert [limit.key for limit in table.all()] == [LOCAL, STAFF]
    assert table.find(STAFF) == Limit(STAFF, Amounts(bytes_in=5.0))
    table.close()


def test_tallies_are_added_up(path: str) -> None:
    table = tallies(path)
    assert table.read(ALICE) is None
    table.create(ALICE)
    assert table.read(ALICE) == Amounts()
    limit = Limit(ALICE, Amounts(1000.0, 0.0, 0.0, 2))
    assert table.add(ALICE, Amounts(bytes_in=400.0, files_in=1), limit) == Amounts(400.0, files_in=1)
    table.create(ALICE)
    assert table.add(ALICE, Amounts(bytes_in=601.0, files_in=1), limit) == Reached("bytes_in", 1001.0, 1000.0)
    assert table.add(STAFF, Amounts(bytes_out=7.0), None) == Amounts(bytes_out=7.0)
    assert table.add(ALICE, Amounts(bytes_in=-500.0, files_in=-9), limit) == Amounts()
    assert table.all() == [(ALICE, Amounts()), (STAFF, Amounts(bytes_out=7.0))]
    assert os.path.getsize(path) == 4 + 2 * 121
    table.close()


def test_a_name_within_another_record_is_not_found(path: str) -> None:
    """A record is looked for by its bytes, which may stand across two others."""
    table = tallies(path)
    table.add(Key(QuotaType.USER, "x" * 80), Amounts(1.0, 2.0, 3.0, 4, 5, 6), None)
    table.add(Key(QuotaType.USER, "ü" * 40), Amounts(files_in=2), None)
    assert table.read(Key(QuotaType.USER, "x" * 79)) is None
    assert table.read(Key(QuotaType.USER, "ü" * 40)) == Amounts(files_in=2)
    with pytest.raises(TableError, match="longer"):
        table.create(Key(QuotaType.USER, "x" * 81))
    assert table.read(Key(QuotaType.USER, "x" * 81)) is None
    table.close()


def test_half_a_record_is_written_over(path: str) -> None:
    table = tallies(path)
    table.create(ALICE)
    with open(path, "ab") as stream:
        stream.write(b"staff\0\0")
    assert [key for key, _ in table.all()] == [ALICE]
    table.create(STAFF)
    assert [key for key, _ in table.all()] == [ALICE, STAFF]
    assert os.path.getsize(path) == 4 + 2 * 121
    table.close()


@pytest.mark.parametrize("count", [4])
def test_processes_add_up_together_and_never_pass_the_limit(path: str, count: int) -> None:
    table = tallies(path)
    limit = Limit(ALICE, Amounts(bytes_in=150.0))
    children = []
    for _ in range(count):
        pid = os.fork()
        if not pid:
            os._exit(sum(isinstance(table.add(ALICE, Amounts(bytes_in=1.0), limit), Amounts) for _ in range(50)))
        children.append(pid)
    let = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert sum(let) == 150
    assert table.read(ALICE) == Amounts(bytes_in=150.0)
    table.close()


def test_a_lock_dies_with_its_process(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tallies(path)
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        with table.lock.held():
            os.write(writing, b"x")
            signal.pause()
        os._exit(0)
    os.read(reading, 1)
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    try:
        with pytest.raises(TableError, match="cannot be locked"):
            table.add(ALICE, Amounts(bytes_in=1.0), None)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert table.add(ALICE, Amounts(bytes_in=1.0), None) == Amounts(bytes_in=1.0)
    for fd in (reading, writing):
        os.close(fd)
    table.close()


@pytest.mark.parametrize("make", [
    lambda path: None, lambda path: Path(path).write_bytes(b""), lambda path: Path(path).mkdir(),
    lambda path: create(path, LIMITS), lambda path: os.mkfifo(path),
])
def test_what_is_no_tally_table_is_said(path: str, make: object) -> None:
    assert callable(make)
    make(path)
    with pytest.raises(ConfigError, match="unable to use") as caught:
        TallyFile(path, directive="QuotaTallyTable")
    assert caught.value.directive == "QuotaTallyTable"
    assert f"ftpsd quota create tally {path}" in (caught.value.remedy or "")


@pytest.mark.skipif(FTPQUOTA is None, reason="ftpquota is not installed (package proftpd-core)")
def test_ftpquota_and_we_write_the_same_tables(tmp_path: Path) -> None:
    def ftpquota(kind: str, *arguments: str) -> str:
        command = [FTPQUOTA or "", f"--type={kind}", f"--table-path={tmp_path}/{kind}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    for kind in ("limit", "tally"):
        ftpquota(kind, "--create-table")
    ftpquota(
        "limit", "--add-record", "--name=alice", "--quota-type=user", "-L", "soft", "--Bu=1000", "--Bd=2000", "--Fu=4",
        "--Fd=5", "--per-session")
    ftpquota("limit", "--add-record", "--quota-type=all")
    table = LimitFile(f"{tmp_path}/limit", writable=True)
    assert table.all() == [
        Limit(ALICE, Amounts(1000.0, 2000.0, 0.0, 4, 5, 0), per_session=True, hard=False), Limit(ALL)]
    table.put(Limit(STAFF, Amounts(bytes_in=2048.0)))
    table.close()
    shown = ftpquota("limit", "--show-records", "--units=Kb")
    assert "Name: staff\n  Quota Type: Group\n  Per Session: False\n  Limit Type: Hard\n    Uploaded Kb:\t2.00" in shown
    tally = TallyFile(f"{tmp_path}/tally")
    tally.add(ALICE, Amounts(1000.0, 0.0, 0.0, 3), None)
    tally.close()
    shown = ftpquota("tally", "--show-records")
    assert "Name: alice" in shown
    assert "Uploaded bytes:\t1000.00" in shown
    assert "Uploaded files:\t3" in shown

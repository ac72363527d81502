"""What a session remembers of the directories on its way and their .ftpaccess files."""

from __future__ import annotations

import os
from typing import Any, cast

from ftpsd.session.ftpaccess import FRESH, LARGEST, MOST_BYTES, MOST_FILES, FtpAccess
from ftpsd.settings.builder import ftpaccess
from ftpsd.settings.model import DirectorySection
from ftpsd.vfs.base import FileSystem


class Store:
    """Every directory has a file of `size` bytes, and none ever changes."""

    size = 9

    def stat(self, path: str) -> os.stat_result:
        return os.stat_result((0o100644, 1, 1, 1, 0, 0, self.size, 0, 0, 0))

    def virtual_of(self, real: str) -> str:
        return real

    def real_path(self, path: str) -> str:
        return path

    def straight_directory(self, path: str) -> bool:
        return True


class Counted(FtpAccess):
    """Counts the files that are read."""

    def __init__(self, text: str) -> None:
        self.now, self.notes, self.text = 100.0, cast(list[str], []), text
        self.reads: list[str] = []
        self.store = Store()
        super().__init__(
            cast(FileSystem, cast(Any, self.store)), self.notes.append, lambda: None, clock=lambda: self.now)

    def _read(self, directory: str) -> DirectorySection | None:
        self.reads.append(directory)
        return ftpaccess(self.text, f"{directory}/.ftpaccess", directory)[0] if self.text else None


def test_a_long_way_is_read_once() -> None:
    known = Counted("")
    for command in range(3):
        assert known.absent("/d" * 1499, command)
        known.now += 2 * FRESH
    assert len(known.reads) == 1500
    assert len(set(known.reads)) == 1500


def test_two_longest_ways_are_read_once_and_others_make_room() -> None:
    known = Counted("")
    for command in range(3):
        assert known.absent("/d" * 2047, 2 * command)
        assert known.absent("/e" * 2047, 2 * command + 1)
    assert len(known.reads) == 2 * 2047 + 1
    for number in range(100):
        assert known.absent(f"/other{number}", 6 + number)
    assert len(known._seen) == 4096


def test_what_is_too_deep_is_closed_after_any_number_of_directories() -> None:
    known = Counted("AllowOverwrite on\n")
    for number in range(5000):
        known.along(f"/{number}", lambda path: True)
    for _ in range(2):
        found = known.along("/d" * 2000, lambda path: True)
        assert len(found) == MOST_FILES + 1
        assert found[-1].restrictions.everything == "closed"
    assert len(known.notes) == 1


def test_large_files_elsewhere_are_forgotten_but_none_on_the_way() -> None:
    known = Counted("AllowOverwrite on\n")
    known.store.size = LARGEST
    for number in range(1000):
        known.now += FRESH / 1000
        assert len(known.along(f"/{number}", lambda path: True)) == 2
        assert sum(seen.size for seen in known._seen.values()) == known._held <= 16 << 20
    known.reads.clear()
    for _ in range(3):
        known.now += 2 * FRESH
        assert known.along("/d" * 1000, lambda path: path == "/") == (known._seen["/"].section,)
    assert known.reads == []  # where AllowOverride is off none is


def test_files_are_read_when_they_count() -> None:
    known = Counted("AllowOverwrite on\n")
    assert known.along("/d/d", lambda path: False) == ()
    assert known.reads == []
    assert [section.path for section in known.along("/d/d", lambda path: path != "/")] == ["/d", "/d/d"]
    assert known.reads == ["/d", "/d/d"]
    assert not known.absent("/d/d", 1)
    assert known.reads == ["/d", "/d/d", "/"]
    known.store.size = 10  # all have changed
    known.now += 2 * FRESH
    assert [section.path for section in known.along("/d/d", lambda path: path == "/")] == ["/"]
    assert known.reads[3:] == ["/"]


def test_of_large_files_on_one_way_the_outer_ones_count() -> None:
    """Or a client that makes them could keep a worker busy, session by session."""
    known = Counted("AllowOverwrite on\n")
    known.store.size = LARGEST
    found = known.along("/d" * MOST_FILES, lambda path: True)
    assert len(found) == MOST_BYTES // LARGEST + 1
    assert [section.restrictions.everything == "closed" for section in found] == [False] * 8 + [True]
    assert len(known.reads) == 9

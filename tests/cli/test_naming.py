"""Messages that name the program name the one that the reader's shell finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpsd.cli.naming import program


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    directory = tmp_path / "a venv" / "bin"
    directory.mkdir(parents=True)
    path = directory / "ftpsd"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_outside_of_path_it_is_the_whole_path(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `make run`, which calls .venv/bin/ftpsd."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(installed.parents[1])
    assert program("bin/ftpsd") == f"'{installed}'"


def test_in_path_it_is_its_name(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also through a link, as the README makes one."""
    links = tmp_path / "sbin"
    links.mkdir()
    (links / "ftpsd").symlink_to(installed)
    monkeypatch.setenv("PATH", str(links))
    assert program(str(links / "ftpsd")) == program(str(installed)) == "ftpsd"


def test_another_one_in_path_is_not_this_one(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "ftpsd").write_text("#!/bin/sh\n")
    (other / "ftpsd").chmod(0o755)
    monkeypatch.setenv("PATH", str(other))
    assert program(str(installed)) == f"'{installed}'"


def test_without_a_program_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert program("/src/ftpsd/cli/main.py") == program("/gone/ftpsd") == "ftpsd"

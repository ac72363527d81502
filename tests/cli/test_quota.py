"""`ftpsd quota`: tables made, shown and changed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ftpsd.cli.quota import command


def quota(*words: str) -> Result:
    return CliRunner().invoke(command, words, standalone_mode=True)


@pytest.fixture
def limits(tmp_path: Path) -> str:
    path = str(tmp_path / "limit.tab")
    assert quota("create", "limit", path).exit_code == 0
    return path


def test_limits(limits: str) -> None:
    for words in (
        ("user", "alice", "--bytes-in", "10Mb", "--files-in", "4"), ("group", "staff", "--soft", "--per-session"),
        ("all", "--bytes-xfer", "1024"),
    ):
        assert quota("set", limits, *words).output == ""
    assert quota("show", limits, "--units", "Kb").output.splitlines() == [
        "user alice (hard limit)", "  uploaded: 10240.00 Kb, 4 files", "  downloaded: unlimited, unlimited",
        "  transferred: unlimited, unlimited", "group staff (soft limit of each session)",
        "  uploaded: unlimited, unlimited", "  downloaded: unlimited, unlimited",
        "  transferred: unlimited, unlimited", "all (hard limit)", "  uploaded: unlimited, unlimited",
        "  downloaded: unlimited, unlimited", "  transferred: 1.00 Kb, unlimited"]
    assert quota("delete", limits, "group", "staff").exit_code == 0
    gone = quota("delete", limits, "group", "staff")
    assert (gone.exit_code, gone.output) == (1, f"Error: '{limits}' has no record for group staff\n")


def test_tallies(tmp_path: Path) -> None:
    path = str(tmp_path / "tally.tab")
    quota("create", "tally", path)
    assert quota("set", path, "user", "alice", "--bytes-in", "512", "--files-in", "2").exit_code == 0
    assert quota("show", path).output.splitlines() == [
        "user alice (tally)", "  uploaded: 512.00 bytes, 2 files", "  downloaded: 0, 0", "  transferred: 0, 0"]
    assert "are for limits" in quota("set", path, "user", "alice", "--soft").output


@pytest.mark.parametrize(("words", "complaint"), [
    (("create", "limit", "{}"), "File exists"), (("show", "{}.none"), "No such file"),
    (("set", "{}", "user"), "whose?"),
    (("set", "{}", "all", "x"), "all has no name"), (("set", "{}", "user", "x", "--bytes-in", "many"), "500Mb"),
    (("set", "{}", "user", "x" * 81), "longer than 80 bytes"), (("set", "{}", "host", "x"), "Invalid value"),
])
def test_what_is_wrong_is_said(limits: str, words: tuple[str, ...], complaint: str) -> None:
    done = quota(*(word.format(limits) for word in words))
    assert done.exit_code != 0
    assert complaint in done.output


def test_a_file_that_is_no_table_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("something")
    done = quota("set", str(path), "user", "alice")
    assert done.exit_code != 0
    assert path.read_text() == "something"

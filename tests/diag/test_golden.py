"""Broken configurations and what `ftpsd check` finds in each: golden files, one for each fault.

A file is the configuration (`@` stands for the directory of the files that it names), then `=== findings` and what is
to be found, a line each. `FTPSD_GOLDEN=write pytest tests/diag` writes them anew: read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ftpsd.reasons.codes import Code
from ftpsd.reasons.configuration import REASONS
from tests.diag.world import World, examine

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(GOLDEN.glob("*.txt"))
MARK = "=== findings\n"
ELSEWHERE = {Code.DIRECTIVE_DIFFERS, Code.CANNOT_LOOK, Code.WORKER_ROOT, Code.BEHIND_NAT, Code.PAM_UNUSABLE}
"""Codes that depend on who runs the check and where: test_looks.py has them."""


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_broken_configuration(world: World, path: Path) -> None:
    configuration, _, expected = path.read_text().partition(MARK)
    _, found = examine(configuration, world)
    if os.environ.get("FTPSD_GOLDEN") == "write":
        path.write_text(f"{configuration}{MARK}" + "".join(f"{line}\n" for line in found))
        return
    assert found == expected.splitlines()
    assert found, "nothing was found"


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 40


def test_every_code_of_the_check_is_found_in_one() -> None:
    found = "".join(path.read_text().partition(MARK)[2] for path in CASES)
    missing = {reason.code for reason in REASONS if f"[{reason.code}]" not in found} - ELSEWHERE
    assert missing == set()

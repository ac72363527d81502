"""A source distribution has all that is in the repository: units, pages, tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from setuptools.command.egg_info import FileList

TREE = Path(__file__).resolve().parents[1]
ALWAYS = {"LICENSE", "README.md", "pyproject.toml", "setup.py"}
"""What setuptools takes in without being told."""
OURS_ALONE = (".ci/", ".gitignore")


def test_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TREE)
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("no repository")
    files = FileList()
    for line in (TREE / "MANIFEST.in").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            files.process_template_line(line)
    found = set(files.files)
    wanted = {name for name in listed.stdout.splitlines() if not name.startswith(("src/", *OURS_ALONE))}
    assert wanted - found <= ALWAYS | {"MANIFEST.in"}
    assert not [name for name in found if "node_modules" in name or name.endswith((".pyc", ".so"))]

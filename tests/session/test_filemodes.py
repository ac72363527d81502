"""SITE CHMOD's modes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.session.filemodes import apply


@pytest.mark.parametrize(("word", "old", "new"), [
    ("644", 0o777, 0o644), ("0755", 0, 0o755), ("4755", 0, 0o4755), ("0", 0o777, 0),
    ("02755", 0, 0o2755), ("000644", 0, 0o644), ("100644", 0, 0o644), ("042775", 0, 0o2775),
    ("u+x", 0o644, 0o744), ("go-r", 0o644, 0o600), ("a=r", 0o777, 0o444), ("u=rw,go=", 0o777, 0o600),
    ("+x", 0o644, 0o755), ("o+t", 0o755, 0o1755), ("u+s", 0o755, 0o4755), ("g-s", 0o2755, 0o755),
])
def test_modes(word: str, old: int, new: int) -> None:
    assert apply(word, old, directory=False) == new


@pytest.mark.parametrize("word", [
    "", "999", "08", "77777", "10000", "120777", "000000644", "u", "x+u", "u+q", "u+x,", "-1", "0x1f", "٣",
])
def test_what_is_no_mode(word: str) -> None:
    assert apply(word, 0o644, directory=False) is None


_CLAUSES = st.builds(
    "{}{}{}".format,
    st.text("ugo", min_size=1, max_size=3), st.sampled_from("+-="), st.text("rwx", max_size=3),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(_CLAUSES, min_size=1, max_size=3).map(",".join), st.integers(0, 0o777))
def test_symbols_mean_what_chmod_takes_them_for(word: str, old: int) -> None:
    path = Path(os.environ.get("TMPDIR", "/tmp"), f"ftpsd-chmod-{os.getpid()}")
    path.touch()
    try:
        path.chmod(old)
        subprocess.run(["chmod", "--", word, path], check=True, capture_output=True)
        assert apply(word, old, directory=False) == path.stat().st_mode & 0o7777
    finally:
        path.unlink()

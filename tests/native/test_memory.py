"""The native floor when memory runs out: what Cython makes of a list."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ftpsd import native
from tests.native.openssl_support import TIMEOUT

_COMPREHENSION = re.compile(r"[^#]*[\[({][^#]* for \w[^#]* in ")


@pytest.mark.skipif(importlib.util.find_spec("_testcapi") is None, reason="this Python cannot run out of memory")
def test_items_of_lists_are_freed_once() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "tests.native.out_of_memory", "lists"], capture_output=True, text=True,
        timeout=4 * TIMEOUT, check=False)
    assert (said.returncode, said.stderr) == (0, "")
    lines = [line.split() for line in said.stdout.splitlines()]
    assert [line[0] for line in lines] == ["cache", "wait", "groups", "names", "alpn", "protocols", "certificates"]
    assert all(int(failures) > 0 and int(lost) < 10 for _, failures, lost in lines)


def test_there_are_no_comprehensions() -> None:
    """Cython 3.3 lets go of an item twice when the list cannot grow: `append` does not."""
    sources = sorted(Path(native.__file__).parent.glob("*.p[yx][xi]"))
    assert len(sources) > 5
    lines = [
        f"{path.name}:{number}: {line.strip()}" for path in sources
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if _COMPREHENSION.match(line) and not line.startswith("_PLAIN")]
    assert lines == []

"""What a process tree costs: reaped grandchildren count, and both ways of counting agree."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from bench.cost import GroupMeter, Meter, kernel_memory, meter

BURN = "end = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"
# Waits to be told, lets a child burn CPU time and waits for it, and again for one that stays.
TREE = f"""\
import subprocess, sys, time
sys.stdin.readline()
subprocess.run([sys.executable, "-I", "-S", "-c", "import time\\n" + {BURN!r}], check=True)
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE)
{BURN}
print("done", flush=True)
sys.stdin.readline()
child.communicate(b"\\n")
"""


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[str]]:
    """A process that works when a line is written to it, and ends at the second."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    with process:
        yield process
        if process.poll() is None:
            process.communicate("\n", timeout=20)


def _told(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def test_both_ways_count_reaped_children(tree: subprocess.Popen[str]) -> None:
    best, plain = meter(tree.pid), Meter(tree.pid)
    before = best.cpu(), plain.cpu()
    _told(tree)
    counted, summed = best.cpu() - before[0], plain.cpu() - before[1]
    assert 0.38 < counted < 5
    assert summed == pytest.approx(counted, abs=0.1)
    assert best.processes() == plain.processes() == 2
    assert plain.memory() > 1 << 20
    if isinstance(best, GroupMeter):
        assert best.group.is_dir()
        tree.communicate("\n", timeout=20)
        best.close()
        assert not best.group.exists()


def test_the_kernel_has_some_memory() -> None:
    assert kernel_memory() > 1 << 20

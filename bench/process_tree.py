"""What a process and all that descend from it cost: CPU seconds and memory, read from /proc."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (index 0 is field 3 of proc(5))."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def tree(root: int) -> list[int]:
    """The process and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError):
                fields = _stat(int(entry.name))
                if fields[0] not in "ZX":
                    children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the whole tree, of children that have ended (and been waited for) too."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError, IndexError):
            total += sum(int(ticks) for ticks in _stat(pid)[11:15])
    return total / TICKS


def memory_bytes(root: int) -> int:
    """The tree's proportional set size: pages that processes share count once."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def settle(root: int, processes: int, *, timeout: float = 10.0) -> None:
    """Wait until no more than `processes` are left, so that ended sessions have been waited for."""
    deadline = time.monotonic() + timeout
    while len(tree(root)) > processes and time.monotonic() < deadline:
        time.sleep(0.02)

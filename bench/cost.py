"""What a server costs: CPU seconds of its whole process tree, reaped children included, and its memory.

A control group (version 2) of its own counts every process that was ever in it, to the microsecond. Where none can
be made, /proc is summed: the living, and what they waited for; none of the servers forks children that it does
not wait for, so both agree (to a clock tick, 10 ms, a process).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from pathlib import Path

from bench import process_tree

NUMBERS = itertools.count()
KERNEL = ("SUnreclaim:", "KernelStack:", "PageTables:")


def _hierarchy() -> Path | None:
    """Where control groups of version 2 are mounted."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[fields.index("-") + 1] == "cgroup2":
            return Path(fields[4])
    return None


def _own(hierarchy: Path) -> Path:
    """Our own group, below which a new one is made."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::/"):
            return hierarchy / line[4:]
    return hierarchy


class Meter:
    """The costs of the process `pid` and all that descend from it; sums of /proc."""

    source = "/proc"

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu(self) -> float:
        """CPU seconds so far."""
        return process_tree.cpu_seconds(self.pid)

    def processes(self) -> int:
        """How many live."""
        return len(process_tree.tree(self.pid))

    def memory(self) -> int:
        """Proportional set size of all, bytes."""
        return process_tree.memory_bytes(self.pid)

    def settle(self, processes: int, *, timeout: float = 20.0) -> None:
        """Wait until no more than `processes` are left, so that ended sessions have been waited for."""
        deadline = time.monotonic() + timeout
        while self.processes() > processes and time.monotonic() < deadline:
            time.sleep(0.01)

    def close(self) -> None:
        """Give back what was needed to measure."""


class GroupMeter(Meter):
    """The same, with CPU time from a control group that the tree was put into."""

    source = "control group"

    def __init__(self, pid: int, group: Path) -> None:
        super().__init__(pid)
        self.group = group

    def cpu(self) -> float:
        for line in (self.group / "cpu.stat").read_text().splitlines():
            if line.startswith("usage_usec "):
                return int(line.split()[1]) / 1e6
        raise OSError(f"no usage_usec in {self.group}/cpu.stat")

    def processes(self) -> int:
        return len((self.group / "cgroup.procs").read_text().split())

    def close(self) -> None:
        """Remove the group: its processes have ended."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                self.group.rmdir()
                return
            except OSError:
                time.sleep(0.02)


def meter(pid: int) -> Meter:
    """The best meter to be had for a server that has just been started and is idle."""
    hierarchy = _hierarchy()
    if hierarchy is None:
        return Meter(pid)
    group = _own(hierarchy) / f"ftpsd-bench-{os.getpid()}-{next(NUMBERS)}"
    try:
        group.mkdir()
    except OSError:
        return Meter(pid)
    try:
        for member in process_tree.tree(pid):
            (group / "cgroup.procs").write_text(str(member))
        found = GroupMeter(pid, group)
        found.cpu()
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        return Meter(pid)
    return found


def kernel_memory() -> int:
    """Unreclaimable slabs, kernel stacks and page tables of the whole machine, bytes."""
    total = 0
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(KERNEL):
            total += int(line.split()[1]) * 1024
    return total

"""The counters themselves: memory that all processes share, a row for each that counts.

A process claims a row with a record lock of the kernel, which vanishes with the process, and adds up there without
any other lock between processes; what is read is the sum of all rows. The row of a process that has died is taken over
with what it holds, so no count ever goes back. Rows are touched only when they are claimed: memory follows the number
of workers.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading

from ftpsd.metrics import series

ROWS = 2048
"""Processes that can count at a time: two generations of as many workers as there can be."""

_CELL = 8


class Tally:
    """Counters of one server. `open` before the fork; `add` in any process and thread after it."""

    def __init__(self, cells: int = series.COUNT, rows: int = ROWS) -> None:
        self._rows = rows
        self._row_cells = cells + 1  # the first says that the row was ever claimed
        self._fd = -1
        self._cells: memoryview[float] | None = None
        self._own: memoryview[float] | None = None
        self._owner = 0
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        return self._cells is not None

    def open(self) -> None:
        """Makes the memory; does nothing when it is there. Raises `OSError`."""
        if self._cells is not None:
            return
        size = self._rows * self._row_cells * _CELL
        self._fd = os.memfd_create("ftpsd-metrics", os.MFD_CLOEXEC)
        os.ftruncate(self._fd, size)
        self._cells = memoryview(mmap.mmap(self._fd, size)).cast("d")

    def join(self) -> bool:
        """Claims a row for this process; False when all are taken."""
        cells = self._cells
        if cells is None:
            return False
        for row in range(self._rows):
            start = row * self._row_cells
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, _CELL, start * _CELL)
            except OSError:
                continue
            cells[start] = 1.0
            self._own, self._owner = cells[start + 1:start + self._row_cells], os.getpid()
            return True
        return False

    def add(self, cell: int, amount: float = 1.0) -> None:
        """Counts, where this process has a row."""
        own = self._own
        if own is not None and self._owner == os.getpid():
            with self._lock:
                own[cell] += amount

    def observe(self, cell: int, name: str, value: float) -> None:
        """Counts `value` in a histogram whose first cell is `cell`."""
        buckets = len(series.BY_NAME[name].buckets)
        self.add(cell + series.bucket(name, value))
        self.add(cell + buckets + 1, value)

    def totals(self) -> list[float]:
        """The sums of all rows, by cell."""
        sums = [0.0] * (self._row_cells - 1)
        cells = self._cells
        if cells is None:
            return sums
        for row in range(self._rows):
            start = row * self._row_cells
            if not cells[start]:
                break  # rows are claimed from the front
            for index, value in enumerate(cells[start + 1:start + self._row_cells]):
                if value:
                    sums[index] += value
        return sums

"""Counters that several processes share."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from ftpsd.metrics import series
from ftpsd.metrics.series import CELLS, COUNT, METRICS, cell
from ftpsd.metrics.tally import Tally


def in_child(act: object) -> int:
    """Runs `act` in a forked process; its pid, after it has ended."""
    pid = os.fork()
    if pid == 0:
        try:
            act()  # type: ignore[operator]
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return pid


def opened(cells: int = 4, rows: int = 8) -> Tally:
    tally = Tally(cells, rows)
    tally.open()
    tally.open()
    return tally


def test_nothing_is_counted_before_it_is_open() -> None:
    tally = Tally(4, 8)
    assert not tally.join()
    tally.add(0)
    assert tally.totals() == [0.0] * 4


def test_processes_add_up() -> None:
    tally = opened()

    def child() -> None:
        assert tally.join()
        tally.add(1)
        tally.add(2, 2.5)

    for _ in range(3):
        in_child(child)
    tally.join()
    tally.add(1, 10)
    assert tally.totals() == [0.0, 13.0, 7.5, 0.0]


def test_a_process_that_has_no_row_counts_nothing() -> None:
    tally = opened()
    tally.join()
    in_child(lambda: tally.add(0))
    assert tally.totals()[0] == 0.0, "a row belongs to the process that claimed it, not to its children"


def test_the_row_of_a_killed_process_is_taken_over_with_what_it_holds() -> None:
    tally = opened(rows=1)
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        tally.join()
        tally.add(3, 5)
        os.write(tell, b"x")
        signal.pause()
        os._exit(0)
    os.read(ready, 1)
    assert not tally.join(), "the only row is taken"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(ready)
    os.close(tell)
    assert tally.join()
    tally.add(3)
    assert tally.totals()[3] == 6.0


def test_threads_lose_nothing() -> None:
    tally = opened()
    tally.join()

    def often() -> None:
        for _ in range(2000):
            tally.add(0)

    threads = [threading.Thread(target=often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.totals()[0] == 8000


def test_every_combination_has_a_cell_of_its_own() -> None:
    taken = [
        number + offset for (name, _), number in CELLS.items()
        for offset in range(len(series.BY_NAME[name].buckets) + 2 if series.BY_NAME[name].buckets else 1)]
    assert len(taken) == len(set(taken))
    assert max(taken) < COUNT
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_what_is_not_foreseen_is_other() -> None:
    assert cell("ftpsd_login_failures", "no-such-reason") == cell("ftpsd_login_failures", "other")
    assert cell("ftpsd_tls_handshakes", "TLSv9", "no") == cell("ftpsd_tls_handshakes", "other", "no")


@pytest.mark.parametrize(("value", "bucket"), [(0.0, 0), (0.01, 0), (0.02, 1), (59.0, 4), (3600.0, 6), (1e9, 7)])
def test_buckets(value: float, bucket: int) -> None:
    assert series.bucket("ftpsd_transfer_seconds", value) == bucket

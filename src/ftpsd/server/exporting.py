"""Joins the exporter of metrics to the supervisor: what the scoreboard tells becomes gauges."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import ftpsd
from ftpsd.ftp.phase import Phase
from ftpsd.metrics.exporter import Exporter
from ftpsd.metrics.gauges import Gauge
from ftpsd.metrics.tally import Tally
from ftpsd.server.supervisor import Supervisor


def exporter(tally: Tally, supervisor: Supervisor) -> Exporter:
    """An attendant of `supervisor` that tells what `tally` holds."""
    return Exporter(tally, lambda: _gauges(supervisor), supervisor.journal.say)


def _gauges(supervisor: Supervisor) -> Iterator[Gauge]:
    board = supervisor.board
    phases = Counter(entry.phase for entry in board.entries())
    yield Gauge("ftpsd_info", "The version that runs.", ("version",), (((ftpsd.__version__,), 1.0),))
    yield Gauge(
        "ftpsd_sessions", "Sessions that are on, by what they do.", ("phase",),
        tuple(((phase.name.lower(),), float(phases[phase])) for phase in Phase))
    yield Gauge("ftpsd_sessions_limit", "The most sessions that there can be (MaxInstances).", (),
                (((), float(board.limit)),))
    yield Gauge("ftpsd_start_time_seconds", "When the server started, in seconds since 1970.", (),
                (((), board.supervisor[1]),))
    yield Gauge("ftpsd_reloads", "How often the configuration was loaded again.", (),
                (((), float(supervisor.restarts)),))
    ends: dict[tuple[str, ...], float] = {}
    for one in supervisor.service.certificates():
        label = (one.server, one.directive)
        ends[label] = min(one.ends.timestamp(), ends.get(label, math.inf))
    yield Gauge(
        "ftpsd_certificate_expiry_timestamp_seconds", "When a host's certificate expires, in seconds since 1970.",
        ("server", "directive"), tuple(ends.items()))

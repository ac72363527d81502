"""What is counted: every metric with every combination of its labels, each a cell with a fixed number. Pure.

Labels are taken from what is known beforehand (reason codes, directions, versions of TLS), so that no client can make
the server count without bound; what is not known is `other`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ftpsd.reasons.codes import Code, Good

OTHER = "other"
REASONS = (*(str(code) for code in (*Code, *Good)), OTHER)
DIRECTIONS = ("download", "upload")
VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", OTHER)
BUCKETS = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0)
"""Upper bounds of the classes of transfers by their duration, in seconds."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A counter, or with `buckets` a histogram. `labels` and, for each, the values that it can have."""

    name: str
    doc: str
    labels: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def sparse(self) -> bool:
        """Whether only what was counted is shown: most reasons never occur."""
        return "reason" in self.labels

    def combinations(self) -> Iterable[tuple[str, ...]]:
        """Every combination of label values."""
        return itertools.product(*self.values)

    def known(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The labels, with `other` for what is not foreseen."""
        return tuple(
            label if label in values else OTHER for label, values in zip(labels, self.values, strict=True))


METRICS = (
    Metric("ftpsd_sessions_opened", "Sessions that began."),
    Metric("ftpsd_sessions_closed", "Sessions that ended, by reason.", ("reason",), (REASONS,)),
    Metric("ftpsd_commands", "Commands of sessions that have ended."),
    Metric("ftpsd_logins", "Logins that succeeded.", ("method",), (("password", "certificate", "anonymous", OTHER),)),
    Metric("ftpsd_login_failures", "Logins that failed, by reason.", ("reason",), (REASONS,)),
    Metric("ftpsd_tls_handshakes", "TLS handshakes on control connections that succeeded.", ("version", "resumed"),
           (VERSIONS, ("yes", "no"))),
    Metric("ftpsd_tls_handshake_failures", "TLS handshakes that failed, by reason.", ("channel", "reason"),
           (("control", "data"), REASONS)),
    Metric("ftpsd_data_connections_refused", "Data connections that were turned away, by reason.", ("reason",),
           (REASONS,)),
    Metric("ftpsd_commands_denied", "Commands that were refused, by reason.", ("reason",), (REASONS,)),
    Metric("ftpsd_foreign_protocols", "Clients that speak another protocol.", ("protocol",),
           (("HTTP", "SMTP", "TLS", "PROXY", OTHER),)),
    Metric("ftpsd_transfers", "Files moved.", ("direction", "result"), (DIRECTIONS, ("complete", "incomplete"))),
    Metric("ftpsd_transfer_failures", "Transfers that are incomplete, by reason.", ("direction", "reason"),
           (DIRECTIONS, REASONS)),
    Metric("ftpsd_transfer_bytes", "Bytes of files moved.", ("direction",), (DIRECTIONS,)),
    Metric("ftpsd_transfer_seconds", "How long transfers took.", ("direction",), (DIRECTIONS,), BUCKETS),
    Metric("ftpsd_files_deleted", "Files deleted."),
)

BY_NAME: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in METRICS})


def _cells() -> Mapping[tuple[str, tuple[str, ...]], int]:
    """The first cell of every metric and combination; a histogram has one for each bucket, one for what is beyond
    them, and one for the sum."""
    found, number = {}, 0
    for metric in METRICS:
        for labels in metric.combinations():
            found[metric.name, labels] = number
            number += len(metric.buckets) + 2 if metric.buckets else 1
    return MappingProxyType(found)


CELLS = _cells()
COUNT = max(CELLS.values()) + len(BUCKETS) + 2
"""Cells in all (a few more than are used)."""


def cell(name: str, *labels: str) -> int:
    """The cell of a metric."""
    return CELLS[name, BY_NAME[name].known(labels)]


def bucket(name: str, value: float) -> int:
    """How far behind its first cell the class of `value` is counted."""
    bounds = BY_NAME[name].buckets
    return next((index for index, bound in enumerate(bounds) if value <= bound), len(bounds))

"""Counters and gauges in the text formats that Prometheus reads. Imported only where MetricsAddress is configured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from ftpsd.metrics import series
from ftpsd.metrics.gauges import Gauge


@dataclass(eq=False)
class _Snapshot(Collector):
    """What the counters and gauges were at one moment."""

    totals: Sequence[float]
    gauges: Iterable[Gauge] = field(default_factory=tuple)

    def collect(self) -> Iterator[Metric]:
        for metric in series.METRICS:
            yield _histogram(metric, self.totals) if metric.buckets else _counter(metric, self.totals)
        for gauge in self.gauges:
            family = GaugeMetricFamily(gauge.name, gauge.doc, labels=gauge.labels)
            for labels, value in gauge.samples:
                family.add_metric(labels, value)
            yield family


def _counter(metric: series.Metric, totals: Sequence[float]) -> Metric:
    family = CounterMetricFamily(metric.name, metric.doc, labels=metric.labels)
    for labels in metric.combinations():
        value = totals[series.CELLS[metric.name, labels]]
        if value or not metric.sparse:
            family.add_metric(labels, value)
    return family


def _histogram(metric: series.Metric, totals: Sequence[float]) -> Metric:
    family = HistogramMetricFamily(metric.name, metric.doc, labels=metric.labels)
    bounds = [*(str(bound) for bound in metric.buckets), "+Inf"]
    for labels in metric.combinations():
        first = series.CELLS[metric.name, labels]
        below, buckets = 0.0, []
        for index, bound in enumerate(bounds):
            below += totals[first + index]
            buckets.append((bound, below))
        family.add_metric(labels, buckets, totals[first + len(bounds)])
    return family


def page(totals: Sequence[float], gauges: Iterable[Gauge], accept: str) -> tuple[bytes, str]:
    """The page and its Content-Type, in the format that the header Accept asks for; where that cannot be told, in the
    plain one."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(totals, tuple(gauges)))
    try:
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type
    except Exception:  # versions that are no numbers, and what later releases of the library stumble over
        encode, content_type = choose_encoder("")
        return encode(registry), content_type

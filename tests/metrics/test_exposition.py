"""The page that Prometheus reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ftpsd.metrics import exposition
from ftpsd.metrics.gauges import Gauge
from ftpsd.metrics.series import BUCKETS, METRICS, Metric, cell
from ftpsd.metrics.tally import Tally


@pytest.fixture
def tally() -> Tally:
    found = Tally()
    found.open()
    found.join()
    return found


def samples(tally: Tally, *gauges: Gauge) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    body, content_type = exposition.page(tally.totals(), gauges, "")
    assert content_type.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode()) for sample in family.samples}


def test_counters(tally: Tally) -> None:
    tally.add(cell("ftpsd_sessions_opened"), 3)
    tally.add(cell("ftpsd_login_failures", "login-wrong-password"), 2)
    found = samples(tally)
    assert found["ftpsd_sessions_opened_total", ()] == 3
    assert found["ftpsd_login_failures_total", (("reason", "login-wrong-password"),)] == 2
    assert found["ftpsd_transfers_total", (("direction", "upload"), ("result", "complete"))] == 0
    assert sum(name == "ftpsd_login_failures_total" for name, _ in found) == 1, "reasons that occurred"


def test_histogram(tally: Tally) -> None:
    for seconds in (0.005, 0.5, 0.7, 5000.0):
        tally.observe(cell("ftpsd_transfer_seconds", "download"), "ftpsd_transfer_seconds", seconds)
    found = samples(tally)
    buckets = [
        found["ftpsd_transfer_seconds_bucket", (("direction", "download"), ("le", bound))]
        for bound in (*map(str, BUCKETS), "+Inf")]
    assert buckets == [1, 1, 3, 3, 3, 3, 3, 4]
    assert found["ftpsd_transfer_seconds_sum", (("direction", "download"),)] == pytest.approx(5001.205)
    assert found["ftpsd_transfer_seconds_count", (("direction", "download"),)] == 4


def test_gauges(tally: Tally) -> None:
    found = samples(tally, Gauge("ftpsd_sessions", "Now.", ("phase",), ((("idle",), 2.0),)))
    assert found["ftpsd_sessions", (("phase", "idle"),)] == 2


def test_openmetrics_where_it_is_asked_for(tally: Tally) -> None:
    body, content_type = exposition.page(tally.totals(), (), "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: str(metric.name))
def test_every_metric_is_documented(metric: Metric) -> None:
    page = (Path(__file__).parents[2] / "docs" / "logs.md").read_text(encoding="utf-8")
    name = metric.name if metric.buckets else f"{metric.name}_total"
    assert f"| `{name}` | {', '.join(metric.labels)} | {metric.doc} |" in page

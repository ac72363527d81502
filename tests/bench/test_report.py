"""The figures: medians, the best peer, ratios, Markdown, which rows the plot shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.measure import Sample
from bench.report import Results
from bench.workloads import GROUPS, Case, cases

from bench import plot, report


def _sample(cost: float, resumed: float | None = None) -> Sample:
    return Sample(cost, 1000 / cost, 0.5, resumed)


@pytest.fixture
def results() -> Results:
    case = Case("list", "LIST of 10,000", "listing", {"mode": "fetch"})
    names = ("ftpsd", "proftpd", "pure-ftpd", "bare")
    found = Results([case], names, versions={"ftpsd": "1"})
    for name, values in {"ftpsd": (2.0, 9.0, 3.0), "proftpd": (8.0,), "pure-ftpd": (6.0,), "bare": (1.5,)}.items():
        found.samples[case.name, name] = [_sample(value, 0.5 if name == "proftpd" else None) for value in values]
    return found


def test_ratios_are_to_the_best_peer_and_to_the_bare_program(results: Results) -> None:
    assert results.cost("LIST of 10,000", "ftpsd") == 3
    assert results.best("LIST of 10,000") == ("pure-ftpd", 6)
    assert results.ratio("LIST of 10,000") == 0.5
    assert results.ratio("LIST of 10,000", "bare") == 2
    assert results.ratio("no such row") is None


def test_markdown_has_every_figure(results: Results) -> None:
    lines = report.markdown(report.costs(results)).splitlines()
    assert lines[0].startswith("| workload | unit | ftpsd 1 |")
    assert lines[2] == "| LIST of 10,000 | CPU ms per listing | 3 | 8 r50% | 6 | 1.5 | 0.50 | 2.00 |"
    assert "| 333 | 125 | 167 | 667 |" in report.markdown(report.rates(results))


@pytest.mark.parametrize(("value", "shown"), [(0.1234, "0.123"), (12.34, "12.3"), (99.96, "100"), (1234.5, "1234")])
def test_numbers_have_three_digits(value: float, shown: str) -> None:
    assert report.number(value) == shown


@pytest.mark.parametrize("quick", [True, False])
def test_rows_have_names_of_their_own_and_the_plot_knows_them(quick: bool) -> None:
    names = [case.name for case in cases(tuple(GROUPS), quick=quick)]
    assert len(set(names)) == len(names)
    for label, candidates in plot.SHOWN:
        assert any(name in names for name in candidates), label


def test_the_plot_shows_multiples_of_the_best_peer(results: Results, tmp_path: Path) -> None:
    document = report.document(results, seconds=1)
    assert plot.chosen(document["rows"]) == [  # type: ignore[arg-type]
        ("LIST of 10,000", {"ftpsd": 0.5, "proftpd": 8 / 6, "pure-ftpd": 1.0, "bare": 0.25}),
    ]
    pytest.importorskip("matplotlib")
    assert plot.draw(document, tmp_path / "plot.svg")
    assert "pure-ftpd" in (tmp_path / "plot.svg").read_text()


def test_details_have_percentiles_and_growth() -> None:
    noop = Case("noop", "NOOP p99, 4 downloads", "NOOP", {"mode": "noop"}, "latency")
    rows = [
        Case("scale", f"growth: login, {clients} sessions", "login", {"mode": "login", "clients": clients})
        for clients in (1, 4, 256)
    ]
    results = Results([noop, *rows], ("ftpsd", "vsftpd"))
    results.samples[noop.name, "ftpsd"] = [Sample(9, 1, 0.5, None, {"p50_ms": 0.25, "most_ms": 12.0})]
    for case, cost in zip(rows, (1.0, 2.0, 5.0), strict=True):
        results.samples[case.name, "ftpsd"] = [_sample(cost)]
    assert results.has_details()
    lines = report.markdown(report.details(results)).splitlines()
    assert lines[2:] == [
        "| NOOP p99, 4 downloads: p50, ms | 0.25 | – |", "| NOOP p99, 4 downloads: longest, ms | 12 | – |",
        "| growth: login, 256 sessions : 4 sessions | 2.50 | – |",
    ]

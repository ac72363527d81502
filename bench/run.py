"""ftpsd beside other servers: the same work in turns, medians, ratios to the best peer and to a bare TLS program.

What counts is the server's CPU time, of its whole process tree and of sessions that have ended: the load runs on
the same machine, so wall rates say as much about it. Writes a table, JSON and a plot; docs/benchmark.md explains.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)

from bench import plot, report  # noqa: E402
from bench.generator import LoadFailed  # noqa: E402
from bench.measure import Bench, Sample  # noqa: E402
from bench.packaged import STARTERS  # noqa: E402
from bench.programs import Unavailable  # noqa: E402
from bench.report import Results  # noqa: E402
from bench.servers import hash_cost, setting  # noqa: E402
from bench.workloads import GROUPS, UNAVAILABLE, Case, cases  # noqa: E402
from ftpsd.testing.server import ServerFault  # noqa: E402

FAULTS = (LoadFailed, Unavailable, ServerFault, OSError)


def measure(bench: Bench, results: Results, *, rounds: int, until: float, console: Console) -> None:
    """Every case on every server in turns, each round in the other order, until the time is up."""
    for number in range(rounds):
        for case in results.cases:
            order = results.names if number % 2 == 0 else list(reversed(results.names))
            for name in order:
                if time.monotonic() > until:
                    results.notes.append(f"stopped in round {number + 1} at {case.name}: the time was up")
                    return
                if case.measure == "memory" and number:
                    continue
                if case.applies(name) and (case.name, name) not in results.failures:
                    _one(bench, results, case, name, f"round {number + 1}", console)


def _one(bench: Bench, results: Results, case: Case, name: str, label: str, console: Console) -> None:
    key = (case.name, name)
    try:
        if case.limit(name):
            raise Unavailable(UNAVAILABLE)
        sample = bench.run(name, case)
    except FAULTS as error:
        results.failures[key] = str(error)
        console.print(f"{label}, {case.name}, {name}: left out: {str(error)[:500]}", markup=False, highlight=False)
        return
    results.samples.setdefault(key, []).append(sample)
    console.print(f"{label}, {case.name}, {name}: {_line(case, sample)}", markup=False, highlight=False)


def _line(case: Case, sample: Sample) -> str:
    text = f"{report.number(sample.cost)} {report.UNITS[case.measure]} {case.unit}, {report.number(sample.rate)}/s"
    if sample.resumed is not None and sample.resumed < 1:
        text += f", {sample.resumed:.0%} resumed"
    return f"{text}, load {sample.load:.0%}"


def _versions(bench: Bench, results: Results) -> None:
    for (name, *_), server in bench.running.items():
        results.versions[name] = server.version
        results.notes.append(f"{name}: CPU time from {server.meter.source}")
    results.notes = [*dict.fromkeys(results.notes), f"one password hash: {report.number(hash_cost())} ms of CPU"]


def _chosen(only: str, table: tuple[str, ...], what: str) -> tuple[str, ...]:
    names = tuple(only.split(",")) if only else tuple(table)
    for name in names:
        if name not in table:
            raise click.BadParameter(f"{name}: no such {what}; there are {', '.join(table)}")
    return names


def _write(results: Results, target: Path, seconds: float, console: Console) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    document = {**report.document(results, seconds=seconds), "openssl_speed": report.openssl_speed()}
    target.write_text(json.dumps(document, indent=1) + "\n")
    tables = [report.costs(results), report.rates(results)]
    if results.has_details():
        tables.append(report.details(results))
    for table in tables:
        console.print(table)
    for note in results.notes:
        console.print(note, markup=False, highlight=False)
    text = "\n\n".join(report.markdown(table) for table in tables)
    target.with_suffix(".md").write_text(text + "\n")
    drawn = plot.draw(document, target.with_suffix(".svg"))
    console.print(f"figures: {target}, .md{', .svg' if drawn else ' (no plot: matplotlib is not installed)'}")


@click.command(help=__doc__)
@click.option("--rounds", default=0, help="How often everything is measured (5; with --quick 2).")
@click.option("--quick", is_flag=True, help="Small amounts, fewer rows, at most six minutes.")
@click.option("--only", default="", help=f"Groups of workloads, with commas: {', '.join(GROUPS)}.")
@click.option("--match", default="", help="Only rows whose names contain this.")
@click.option("--peers", default="", help=f"Servers, with commas: {', '.join(STARTERS)}.")
@click.option("--minutes", default=0.0, help="Stop after this long (120; with --quick 6).")
@click.option("--json", "target", type=click.Path(path_type=Path), help="Where to write the figures.")
def main(
    rounds: int, quick: bool, only: str, match: str, peers: str, minutes: float, target: Path | None,
) -> None:
    console = Console(width=max(160, Console().width))
    names = _chosen(peers, tuple(STARTERS), "server")
    chosen = [case for case in cases(_chosen(only, tuple(GROUPS), "workload"), quick=quick) if match in case.name]
    start = time.monotonic()
    until = start + 60 * (minutes or (5.5 if quick else 120))
    results = Results(chosen, names)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ftpsd-bench-")))
        bench = Bench(setting(stack), directory, 60 if quick else 600)
        try:
            measure(bench, results, rounds=rounds or (2 if quick else 5), until=until, console=console)
        except KeyboardInterrupt:
            results.notes.append("interrupted")
        _versions(bench, results)
    results.notes += bench.chosen.faults
    path = target or HERE / "results" / time.strftime("%Y%m%d-%H%M%S.json", time.gmtime())
    _write(results, path, time.monotonic() - start, console)


if __name__ == "__main__":
    main()

"""ftpsd beside ProFTPD and pyftpdlib: the same work, in turns, medians and ratios.

What counts is the server's CPU time (of its whole process tree, sessions that have ended included): the
load runs on the same machine, so wall rates say as much about the client. Prints a table and writes JSON.
"""

from __future__ import annotations

import json
import os
import platform
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)

from bench import load  # noqa: E402
from bench.load import Sample  # noqa: E402
from bench.servers import STARTERS, Server, Setting, furnish, setting  # noqa: E402

ENTRIES = 10_000
SMALL = 10 * 1024


@dataclass(frozen=True)
class Workload:
    """One thing that is measured.

    `unit` is what an amount of 1 is. Memory is measured on a server that has just been started: one that
    has worked keeps what it freed, and the next sessions would seem to cost nothing.
    """

    name: str
    unit: str
    run: Callable[[Server], Sample]
    by_memory: bool = False

    def cost(self, sample: Sample) -> float:
        """What is compared, less is better: CPU milliseconds per unit, or KiB per session."""
        return sample.memory / 1024 if self.by_memory else 1000 * sample.cpu / sample.amount

    def rate(self, sample: Sample) -> float:
        """Units per second of wall time."""
        return sample.amount / sample.wall


def workloads(scale: float) -> list[Workload]:
    """All workloads; `scale` 1 is the full size."""
    bulk = max(1, int(512 * scale)) << 20
    small, many, few = int(400 * scale) + 20, int(200 * scale) + 8, int(10 * scale) + 2
    sessions = int(180 * scale) + 20
    return [
        Workload("download", "GiB", lambda server: load.download(server, bulk)),
        Workload("upload", "GiB", lambda server: load.upload(server, bulk)),
        Workload("login", "login", lambda server: load.logins(server, many)),
        Workload("10 KiB file, TLS 1.2", "file", lambda server: load.small_files(server, "TLSv1.2", small)),
        Workload("10 KiB file, TLS 1.3", "file", lambda server: load.small_files(server, "TLSv1.3", small)),
        Workload("LIST of 10,000", "listing", lambda server: load.listings(server, few)),
        Workload("idle session", "session", lambda server: load.idle(server, sessions), by_memory=True),
    ]


Results = dict[str, dict[str, list[Sample]]]


def measure(
    chosen: Setting, servers: Sequence[Server], work: Sequence[Workload], rounds: int, console: Console,
) -> Results:
    """Every workload on every server in turns, so that what disturbs the machine disturbs all alike."""
    results: Results = {one.name: {server.name: [] for server in servers} for one in work}
    for number in range(rounds):
        for one in work:
            order = servers if number % 2 == 0 else tuple(reversed(servers))
            for server in order:
                try:
                    sample = _fresh(chosen, server, one) if one.by_memory else one.run(server)
                except (OSError, RuntimeError) as error:
                    console.print(f"round {number + 1}, {one.name}, {server.name}: failed: {error}")
                    continue
                results[one.name][server.name].append(sample)
                console.print(
                    f"round {number + 1}, {one.name}, {server.name}: {_costs(one, one.cost(sample))}, "
                    f"{one.rate(sample):.4g} {one.unit}/s"
                )
    return results


def _fresh(chosen: Setting, server: Server, work: Workload) -> Sample:
    """The workload on a server of the same kind that is started for it."""
    with ExitStack() as stack:
        started = STARTERS[server.name](replace(chosen, stack=stack))
        assert started is not None
        furnish(started, bulk=0, entries=0, small=SMALL)
        return work.run(started)


def _costs(work: Workload, cost: float) -> str:
    unit = "KiB" if work.by_memory else "ms CPU"
    return f"{cost:.4g} {unit}/{work.unit}"


def _median(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float | None:
    return statistics.median(value(sample) for sample in samples) if samples else None


def table(servers: Sequence[Server], work: Sequence[Workload], results: Results) -> Table:
    """Medians, and each peer's cost as a multiple of ftpsd's."""
    shown = Table(title="server CPU time (memory: idle) per unit, medians; in brackets: times ftpsd's")
    shown.add_column("workload")
    for server in servers:
        shown.add_column(f"{server.name} {server.version}", justify="right")
    for one in work:
        own = _median(results[one.name].get("ftpsd", []), one.cost)
        cells = [_cell(one, results[one.name][server.name], own) for server in servers]
        shown.add_row(f"{one.name}", *cells)
    return shown


def _cell(work: Workload, samples: Sequence[Sample], own: float | None) -> str:
    cost, rate = _median(samples, work.cost), _median(samples, work.rate)
    if cost is None or rate is None:
        return "failed"
    text = _costs(work, cost)
    if own:
        text += f" ({cost / own:.2f})"
    if not work.by_memory:
        text += f"\n{rate:.4g} {work.unit}/s"
    resumed = _median(samples, lambda sample: sample.resumed)
    if resumed is not None and resumed < 1:
        text += f"\nresumed: {resumed:.0%}"
    return text


def document(servers: Sequence[Server], work: Sequence[Workload], results: Results) -> Mapping[str, object]:
    """Everything measured, for a machine."""
    medians = {
        one.name: {
            name: {"cost": _median(samples, one.cost), "rate": _median(samples, one.rate)}
            for name, samples in results[one.name].items()
        }
        for one in work
    }
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "cpus": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version(),
            "openssl": ssl.OPENSSL_VERSION,
        },
        "versions": {server.name: server.version for server in servers},
        "units": {one.name: "KiB" if one.by_memory else f"CPU ms per {one.unit}" for one in work},
        "medians": medians,
        "samples": {
            name: {server: [asdict(sample) for sample in samples] for server, samples in by_server.items()}
            for name, by_server in results.items()
        },
    }


@click.command(help=__doc__)
@click.option("--rounds", default=3, show_default=True, help="How often everything is measured.")
@click.option("--scale", default=1.0, show_default=True, help="Share of the full amount of work.")
@click.option("--only", default="", help="Workloads whose names contain this.")
@click.option("--servers", "names", default=",".join(STARTERS), show_default=True, help="Which to compare.")
@click.option("--json", "target", type=click.Path(path_type=Path), help="Where to write the figures.")
def main(rounds: int, scale: float, only: str, names: str, target: Path | None) -> None:
    console = Console(width=max(120, Console().width))
    with ExitStack() as stack:
        chosen = setting(stack)
        servers: list[Server] = []
        for name in names.split(","):
            server = STARTERS[name](chosen)
            if server is None:
                console.print(f"{name}: left out (not installed, or not root)")
                continue
            servers.append(server)
            furnish(server, bulk=max(1, int(512 * scale)) << 20, entries=ENTRIES, small=SMALL)
        work = [one for one in workloads(scale) if only in one.name]
        results = measure(chosen, servers, work, rounds, console)
        console.print(table(servers, work, results))
        path = target or HERE / "results" / time.strftime("%Y%m%d-%H%M%S.json", time.gmtime())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document(servers, work, results), indent=1) + "\n")
        console.print(f"figures: {path}")


if __name__ == "__main__":
    main()

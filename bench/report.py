"""The figures: medians, ratios to the best peer and to the bare program, as tables and as JSON."""

from __future__ import annotations

import os
import platform
import re
import ssl
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from rich.table import Table

from bench.measure import Sample
from bench.workloads import Case

OURS, FLOOR = "ftpsd", "bare"
UNITS = {"cpu": "CPU ms per", "latency": "ms per", "memory": "KiB per"}
BUSY = 0.9
DETAILS = {
    "memory": {
        "kernel_kib": "kernel memory of the machine, KiB per session", "processes": "processes more",
        "base_mib": "MiB before", "opening_cpu_ms": "CPU ms per opened session",
        "login_beside_cpu_ms": "CPU ms per login beside them",
        "file_beside_cpu_ms": "CPU ms per 10 KiB file beside them",
    },
    "latency": {"p50_ms": "p50, ms", "most_ms": "longest, ms"},
}


@dataclass
class Results:
    """Samples by case name and server; what was left out and why; servers' versions."""

    cases: Sequence[Case]
    names: Sequence[str]
    samples: dict[tuple[str, str], list[Sample]] = field(default_factory=dict)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def cost(self, case: str, server: str) -> float | None:
        """The median cost."""
        return median([sample.cost for sample in self.samples.get((case, server), [])])

    def rate(self, case: str, server: str) -> float | None:
        """The median rate."""
        return median([sample.rate for sample in self.samples.get((case, server), [])])

    def best(self, case: str) -> tuple[str, float] | None:
        """The peer with the least cost: neither we nor the bare program."""
        found = [
            (cost, name) for name in self.names
            if name not in (OURS, FLOOR) and (cost := self.cost(case, name)) is not None
        ]
        return (min(found)[1], min(found)[0]) if found else None

    def has_details(self) -> bool:
        """Whether there is something for the table of details."""
        return bool(growths(self.cases)) or any(case.measure in DETAILS for case in self.cases)

    def ratio(self, case: str, to: str | None = None) -> float | None:
        """Our cost as a multiple of the best peer's, or of `to`'s."""
        own = self.cost(case, OURS)
        best = self.best(case)
        other = self.cost(case, to) if to else best[1] if best else None
        return own / other if own is not None and other else None


def median(values: Sequence[float]) -> float | None:
    """The median, None of nothing."""
    return statistics.median(values) if values else None


def costs(results: Results) -> Table:
    """What each unit costs, by server, and our ratios."""
    table = Table(title="server cost per unit (medians; less is better)")
    table.add_column("workload")
    table.add_column("unit")
    for name in results.names:
        table.add_column(f"{name}\n{results.versions.get(name, '')}", justify="right")
    table.add_column("ours :\nbest peer", justify="right")
    table.add_column("ours :\nbare", justify="right")
    for case in results.cases:
        cells = [_cell(results, case, name) for name in results.names]
        ratios = (_ratio(results.ratio(case.name)), _ratio(results.ratio(case.name, FLOOR)))
        table.add_row(case.name, f"{UNITS[case.measure]} {case.unit}", *cells, *ratios)
    return table


def rates(results: Results) -> Table:
    """How much was done per second of wall time; what depends on the load's own speed is marked."""
    table = Table(title=f"units per second (medians; * the load generator was busy for over {BUSY:.0%} of the time)")
    table.add_column("workload")
    for name in results.names:
        table.add_column(name, justify="right")
    for case in results.cases:
        if case.measure == "cpu":
            table.add_row(case.name, *[_rate(results, case.name, name) for name in results.names])
    return table


def details(results: Results) -> Table:
    """What does not fit into one figure: idle sessions, both percentiles, growth with the number of sessions."""
    table = Table(title="in detail (medians)")
    table.add_column("what")
    for name in results.names:
        table.add_column(name, justify="right")
    for case in results.cases:
        for key, words in DETAILS.get(case.measure, {}).items():
            table.add_row(f"{case.name}: {words}", *[_detail(results, case.name, name, key) for name in results.names])
    for many, few in growths(results.cases):
        words = f"{many.name} : {few.name.rpartition(', ')[2]}"
        table.add_row(words, *[_growth(results, many, few, name) for name in results.names])
    return table


def growths(cases: Sequence[Case]) -> list[tuple[Case, Case]]:
    """The rows of growth with the most sessions, each with its row of four sessions."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        if case.name.startswith("growth"):
            found.setdefault(case.unit, []).append(case)
    pairs = []
    for rows in found.values():
        few = [case for case in rows if case.load["clients"] == 4]
        pairs += [(rows[-1], few[0])] if few and few[0] is not rows[-1] else []
    return pairs


def _detail(results: Results, case: str, name: str, key: str) -> str:
    value = median([sample.detail[key] for sample in results.samples.get((case, name), []) if key in sample.detail])
    return "–" if value is None else number(value)


def _growth(results: Results, many: Case, few: Case, name: str) -> str:
    cost, base = results.cost(many.name, name), results.cost(few.name, name)
    return "–" if cost is None or not base else f"{cost / base:.2f}"


def markdown(table: Table) -> str:
    """A rich table as Markdown."""
    columns = [list(column.cells) for column in table.columns]
    header = [" ".join(str(column.header).split()) for column in table.columns]
    rows = [header, ["---"] + ["---:"] * (len(header) - 1)]
    rows += [[str(cell).replace("\n", " ") for cell in row] for row in zip(*columns, strict=True)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(results: Results, case: Case, name: str) -> str:
    cost = results.cost(case.name, name)
    if cost is None:
        return "failed" if (case.name, name) in results.failures else "–"
    resumed = median([s.resumed for s in results.samples[case.name, name] if s.resumed is not None])
    mark = f" r{resumed:.0%}" if resumed is not None and resumed < 1 else ""
    return f"{number(cost)}{mark}"


def _rate(results: Results, case: str, name: str) -> str:
    rate = results.rate(case, name)
    if rate is None:
        return "–"
    busy = median([sample.load for sample in results.samples[case, name]]) or 0.0
    return number(rate) + ("*" if busy > BUSY else "")


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def number(value: float) -> str:
    """Three significant digits, no exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def document(results: Results, *, seconds: float) -> Mapping[str, object]:
    """Everything measured, for a machine."""
    rows = [_row(results, case) for case in results.cases]
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "seconds": round(seconds), "machine": machine(),
        "versions": results.versions, "notes": results.notes, "rows": rows,
    }


def _row(results: Results, case: Case) -> Mapping[str, object]:
    names = results.names
    return {
        "group": case.group, "name": case.name, "measure": case.measure, "tls": case.tls, "certificate": case.kind,
        "unit": case.unit, "cost_unit": f"{UNITS[case.measure]} {case.unit}",
        "cost": {name: results.cost(case.name, name) for name in names},
        "rate": {name: results.rate(case.name, name) for name in names},
        "best_peer": results.best(case.name), "to_best_peer": results.ratio(case.name),
        "to_bare": results.ratio(case.name, FLOOR),
        "samples": {name: [asdict(one) for one in results.samples.get((case.name, name), [])] for name in names},
        "failures": {name: why for (row, name), why in results.failures.items() if row == case.name},
    }


def machine() -> dict[str, object]:
    """What it was measured on."""
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    return {
        "cpus": os.cpu_count(), "cpu": model[1] if model else "?", "kernel": platform.release(),
        "python": platform.python_version(), "openssl": ssl.OPENSSL_VERSION, "load_average": os.getloadavg(),
    }


def openssl_speed(seconds: int = 1) -> dict[str, str]:
    """What `openssl speed` says of the primitives, one line each; empty without the program."""
    found = {}
    for name, arguments in {
        "aes-256-gcm": ["-bytes", "16384", "-evp", "aes-256-gcm"], "rsa2048": ["rsa2048"], "ecdsap256": ["ecdsap256"],
        "ecdhx25519": ["ecdhx25519"],
    }.items():
        try:
            said = subprocess.run(
                ["openssl", "speed", "-seconds", str(seconds), *arguments], capture_output=True, text=True, check=False,
                timeout=60,
            )
        except OSError:
            return {}
        lines = said.stdout.strip().splitlines()
        found[name] = " ".join(lines[-1].split()) if lines else "?"
    return found

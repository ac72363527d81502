"""The plot for the README: each server's cost as a multiple of the best peer's, a panel for each kind of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLOURS = {
    "ftpsd": "#0b6e4f", "proftpd": "#8c6bb1", "vsftpd": "#d95f0e", "pure-ftpd": "#fdae61", "pyftpdlib": "#3288bd",
    "bare": "#bdbdbd",
}
# One row for each kind of work, the first of these that was measured.
SHOWN = (
    ("download", ("download, TLS 1.3, 1 session",)),
    ("upload", ("upload, TLS 1.3, 1 session",)),
    ("login, RSA-2048", ("login, RSA-2048, TLS 1.3, 8 clients",)),
    ("login, P-256", ("login, P-256, TLS 1.3, 8 clients",)),
    ("10 KiB RETR, TLS 1.2", ("10 KiB RETR, TLS 1.2, 1 session",)),
    ("10 KiB RETR, TLS 1.3", ("10 KiB RETR, TLS 1.3, 1 session",)),
    ("10 KiB STOR, TLS 1.2", ("10 KiB STOR, TLS 1.2, 1 session",)),
    ("10 KiB STOR, TLS 1.3", ("10 KiB STOR, TLS 1.3, 1 session",)),
    ("LIST of 10,000", ("LIST of 10,000",)),
    ("MLSD of 10,000", ("MLSD of 10,000",)),
    ("memory, idle session", ("2,000 idle sessions", "200 idle sessions")),
    ("NOOP p99, full load", ("NOOP p99, 4 downloads",)),
    ("NOOP p99, equal load", ("NOOP p99, 4 downloads of 64 MiB/s",)),
)
CUT = 6.0


def draw(document: Mapping[str, Any], target: Path) -> bool:
    """Draw the figures of a report to an SVG or PNG; False without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "ftpsd"
    from matplotlib import pyplot

    rows = chosen(document["rows"])
    if not rows:
        return True
    figure, axes = pyplot.subplots(figsize=(11, 0.9 + 0.62 * len(rows)), layout="constrained")
    _bars(axes, rows)
    axes.set_title(f"Server cost, best peer = 1 (less is better; bars end at {CUT:.0f})")
    figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)
    pyplot.close(figure)
    return True


def chosen(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, float]]]:
    """The plot's rows: label, and each server's cost relative to the best peer's."""
    by_name = {row["name"]: row for row in rows}
    found = []
    for label, names in SHOWN:
        row = next((by_name[name] for name in names if name in by_name), None)
        if row and row["best_peer"]:
            best = row["best_peer"][1]
            found.append((label, {name: cost / best for name, cost in row["cost"].items() if cost is not None}))
    return found


def _bars(axes: Any, rows: Sequence[tuple[str, Mapping[str, float]]]) -> None:
    names = [name for name in COLOURS if any(name in costs for _, costs in rows)]
    height = 0.86 / len(names)
    for place, name in enumerate(names):
        places = [index + (place + 0.5) * height - 0.43 for index, (_, costs) in enumerate(rows) if name in costs]
        values = [costs[name] for _, costs in rows if name in costs]
        axes.barh(places, [min(value, CUT) for value in values], height, color=COLOURS[name], label=name)
        for at, value in zip(places, values, strict=True):
            text = f"{value:.2g}" if value < 100 else f"{value:.0f}"
            axes.text(min(value, CUT) + 0.03, at, text, va="center", fontsize=6)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.set_xlim(0, CUT + 0.4)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8, frameon=False)

"""The answers of `--explain` and `--policy`, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ftpsd.diag.effective import Effective, Line
from ftpsd.diag.whatif import Step
from ftpsd.errors import Location


def explanation(found: Iterable[Effective], name: str, console: Console) -> None:
    """Prints what is in force for every host."""
    for each in found:
        console.print(Text(each.host, style="bold"))
        console.print(_indented(Text.assemble((name, "bold"), f": {each.value}")))
        for line in each.lines:
            verdict = "" if line.counts else "  (has no effect)"
            console.print(_indented(Text(f"{_place(line.location)}  {line.text}{verdict}")))
        if not each.lines:
            console.print(_indented(Text("this is the default: no line says anything else", style="dim")))
        for line in each.elsewhere:
            console.print(_indented(Text(f"{_place(line.location)}  {line.text}, in {line.section} only")))


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2), expand=False)


def _place(location: Location | None) -> str:
    return f"{location.file}:{location.line}" if location is not None else "-"


def explanation_for_programs(found: Iterable[Effective], name: str) -> list[dict[str, Any]]:
    """The same as JSON has it."""
    return [
        {"host": each.host, "directive": name, "value": each.value, "lines": [_line(line) for line in each.lines],
         "elsewhere": [_line(line) for line in each.elsewhere]}
        for each in found
    ]


def _line(line: Line) -> dict[str, Any]:
    place = line.location
    return {
        "text": line.text, "section": line.section, "counts": line.counts,
        "file": place.file if place is not None else None, "line": place.line if place is not None else None,
    }


def policy(steps: Iterable[Step], console: Console) -> None:
    """Prints what happens, step by step."""
    for step in steps:
        mark, style = ("allowed", "green") if step.allowed else ("refused", "bold red")
        console.print(Text.assemble((f"{mark}  ", style), (step.what, "bold"), f"  → "
        f"{step.reply}" if step.reply else ""))
        console.print(Padding(Text(step.why), (0, 0, 0, 9), expand=False))
        if step.rule:
            where = f", {_place(step.location)}" if step.location is not None else ""
            console.print(Padding(Text(f"decided by {step.rule}{where}"), (0, 0, 0, 9), expand=False))
        if step.code is not None:
            console.print(Padding(Text(f"`ftpsd explain {step.code}` says more"), (0, 0, 0, 9), expand=False))


def policy_for_programs(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """The same as JSON has it."""
    return [
        {"what": step.what, "allowed": step.allowed, "reply": step.reply, "why": step.why, "rule": step.rule,
         "code": str(step.code) if step.code is not None else None,
         "file": step.location.file if step.location is not None else None,
         "line": step.location.line if step.location is not None else None}
        for step in steps
    ]

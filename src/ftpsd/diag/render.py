"""A report for people (with rich: colours on a terminal only) and for programs (JSON)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ftpsd.diag.check import HostReport, Report
from ftpsd.diag.finding import Finding, Severity

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def for_people(report: Report, console: Console, *, notes: bool = True) -> None:
    """Prints the report; `notes` False leaves out what is only worth knowing."""
    _findings(console, _shown(report.findings, notes))
    for host in report.hosts:
        console.print(Text(f"\n{host.name}", style="bold"))
        for line in _facts(host, console.width):
            console.print(line, soft_wrap=True)
        _findings(console, _shown(host.findings, notes))
    console.print(Text(f"\n{summary(report)}", style="bold"))


def _shown(findings: Iterable[Finding], notes: bool) -> list[Finding]:
    return [each for each in findings if notes or each.severity is not Severity.NOTE]


def _facts(host: HostReport, width: int) -> Iterator[Text]:
    """A line for each fact, without blanks at its end; what is too long goes on below the fact's beginning."""
    column = max(map(len, host.facts), default=0)
    for theme, lines in host.facts.items():
        for number, line in enumerate(lines):
            head = f"  {theme if number == 0 else '':{column}}  "
            yield Text(textwrap.fill(
                line, max(width, len(head) + 1), initial_indent=head, subsequent_indent=" " * len(head),
                break_long_words=False, break_on_hyphens=False), "dim")


def _findings(console: Console, findings: Iterable[Finding]) -> None:
    for finding in findings:
        head = Text("\n  ")
        head.append(finding.severity.word, _STYLES[finding.severity])
        if finding.location is not None:
            head.append(f"  {finding.location.file}:{finding.location.line}")
        if finding.directive:
            head.append(f"  {finding.directive}", "bold")
        head.append(f"  [{finding.code}]", "dim")
        console.print(head)
        console.print(Padding(Text(finding.text), (0, 0, 0, 4), expand=False))
        if finding.also:
            console.print(Padding(Text(f"also: {', '.join(finding.also)}", "dim"), (0, 0, 0, 4), expand=False))
        if finding.remedy:
            console.print(Padding(Text(f"→ {finding.remedy}"), (0, 0, 0, 4), expand=False))


def summary(report: Report) -> str:
    """`2 errors, 1 warning: …`."""
    every = report.all()
    errors = sum(each.severity is Severity.ERROR for each in every)
    warnings = sum(each.severity is Severity.WARNING for each in every)
    if not errors and not warnings:
        return "Nothing is wrong."
    counted = [f"{count} {word}{'s' if count != 1 else ''}" for count, word in ((errors, "error"), (warnings,
    "warning"))
               if count]
    return f"{' and '.join(counted)}. `ftpsd explain CODE` says more about a code in brackets."


def for_programs(report: Report) -> dict[str, Any]:
    """The report as JSON has it."""
    return {
        "file": report.path,
        "status": report.status,
        "findings": [_as_dict(each) for each in report.findings],
        "hosts": [
            {"name": host.name, "facts": host.facts, "findings": [_as_dict(each) for each in host.findings]}
            for host in report.hosts
        ],
    }


def _as_dict(finding: Finding) -> dict[str, Any]:
    place = finding.location
    return {
        "severity": finding.severity.word, "code": str(finding.code), "text": finding.text, "remedy": finding.remedy,
        "directive": finding.directive, "host": finding.host,
        "also": list(finding.also), "file": place.file if place is not None else None,
        "line": place.line if place is not None else None,
    }

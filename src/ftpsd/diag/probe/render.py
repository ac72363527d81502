"""A probe's report for people (with rich: colours on a terminal only) and for programs (JSON)."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ftpsd.diag.probe.facts import Facts
from ftpsd.diag.probe.judge import status
from ftpsd.diag.probe.shown import lines
from ftpsd.diag.probe.verdict import Grade, Verdict
from ftpsd.ftp.replies import harmless

_STYLES = {Grade.ERROR: "bold red", Grade.WARNING: "yellow", Grade.NOTE: "cyan", Grade.GOOD: "green"}


def for_people(
    facts: Facts, verdicts: tuple[Verdict, ...], console: Console, *, notes: bool = True, details: bool = False,
) -> None:
    """Prints findings, the worst first; with `details` everything that was observed before them."""
    console.print(Text(headline(facts), "bold"))
    if details:
        _facts(facts, console)
    for verdict in verdicts:
        if verdict.grade > Grade.NOTE or (notes and verdict.grade is Grade.NOTE):
            _verdict(verdict, console)
    fine = [verdict for verdict in verdicts if verdict.grade is Grade.GOOD]
    if notes and fine:
        console.print(Text("\n  good", _STYLES[Grade.GOOD]))
        for verdict in fine:
            console.print(Padding(Text(f"✓ {harmless(verdict.text)}"), (0, 0, 0, 4), expand=False))
    console.print(Text(f"\n{summary(facts, verdicts)}", "bold"))


def _facts(facts: Facts, console: Console) -> None:
    for theme, told in lines(facts).items():
        console.print(Text(theme, "bold"))
        for line in told:
            console.print(Padding(Text(line), (0, 0, 0, 2), expand=False))


def _verdict(verdict: Verdict, console: Console) -> None:
    head = Text("\n  ")
    head.append(verdict.grade.word, _STYLES[verdict.grade])
    head.append(f"  [{verdict.code}]", "dim")
    console.print(head)
    console.print(Padding(Text(harmless(verdict.text)), (0, 0, 0, 4), expand=False))
    for who, remedy in (("server", verdict.server), ("client", verdict.client)):
        if remedy:
            console.print(Padding(Text(f"→ {who}: {remedy}"), (0, 0, 0, 4), expand=False))


def headline(facts: Facts) -> str:
    """`ftp.example.org: 192.0.2.1 port 21, vsFTPd, explicit TLS, TLSv1.3; 56 connections in 3 s`."""
    reached, greeting, shake = facts.reached, facts.greeting, facts.handshake
    if reached is None:
        return harmless(facts.target)
    parts = [f"{reached.address} port {reached.port}"]
    if greeting is not None:
        parts += [greeting.software] if greeting.software else []
        parts.append("implicit TLS" if greeting.implicit else "explicit TLS")
    if shake is not None and shake.good:
        parts.append(shake.version)
    seconds = sum(step.seconds for step in facts.steps)
    return f"{harmless(facts.target)}: {', '.join(parts)}; {facts.connections} connections in {seconds:.1f} s"


def summary(facts: Facts, verdicts: tuple[Verdict, ...]) -> str:
    """`ftp.example.org: 1 error and 2 warnings. …`"""
    counted = []
    for grade in (Grade.ERROR, Grade.WARNING):
        count = sum(each.grade is grade for each in verdicts)
        if count:
            counted.append(f"{count} {grade.word}{'s' if count != 1 else ''}")
    name = harmless(facts.target)
    if not counted:
        rest = "" if facts.login is not None else " Transfers were not looked at: --user NAME logs in."
        return f"{name}: all is well.{rest}"
    return f"{name}: {' and '.join(counted)}. `ftpsd explain CODE` says more about a code in brackets."


def for_programs(facts: Facts, verdicts: tuple[Verdict, ...]) -> dict[str, Any]:
    """The report as JSON has it."""
    return {
        "target": facts.target,
        "status": status(facts, verdicts),
        "findings": [
            {"grade": each.grade.word, "code": str(each.code) if each.code is not None else None, "text": each.text,
             "server": each.server, "client": each.client}
            for each in verdicts
        ],
        "observed": lines(facts),
        "facts": _plain(facts),
    }


def _plain(value: object) -> Any:
    """What JSON can say of a value: bytes in Base64."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value

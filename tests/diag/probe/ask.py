"""Probing in the test's own process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftpsd.diag.probe import judge
from ftpsd.diag.probe.facts import Facts
from ftpsd.diag.probe.lab import Options
from ftpsd.diag.probe.run import probe
from ftpsd.diag.probe.verdict import Grade, Verdict
from ftpsd.diag.probe.wire import Observer, Wires


def ask(
    port: int, authority: Path | None = None, *, host: str = "localhost", user: str = "alice", password: str = "secret",
    timeout: float = 10.0, most: int = 250, observer: Observer | None = None, **options: Any,
) -> tuple[Facts, tuple[Verdict, ...]]:
    """Facts and verdicts of a server on this machine."""
    wires = Wires(
        timeout=timeout, most=most, authorities=b"" if authority is None else authority.read_bytes(), observer=observer)
    facts = probe(Options(host=host, port=port, user=user, password=password, **options), wires)
    assert wires.open == []
    return facts, judge.decide(facts, datetime.now(UTC))


def codes(verdicts: Sequence[Verdict], least: Grade = Grade.NOTE) -> set[str]:
    """The codes of findings that are at least so bad."""
    return {str(each.code) for each in verdicts if each.code is not None and each.grade >= least}

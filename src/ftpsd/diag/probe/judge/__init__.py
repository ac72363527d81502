"""From facts to verdicts. Pure: the moment (for dates) is given."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ftpsd.diag.probe.advice import advice
from ftpsd.diag.probe.facts import Facts
from ftpsd.diag.probe.judge import arrival, certificate, protocol, sessions, transfers
from ftpsd.diag.probe.verdict import Grade, Verdict

UNREACHED = 3
"""The exit status where no server was found."""


def decide(facts: Facts, now: datetime) -> tuple[Verdict, ...]:
    """Every verdict, the worst first."""
    found = [
        *arrival.judge(facts), *certificate.judge(facts, now), *protocol.judge(facts), *sessions.judge(facts),
        *transfers.judge(facts),
    ]
    software = facts.greeting.software if facts.greeting is not None else ""
    return tuple(sorted((_advised(each, software) for each in found), key=lambda each: -each.grade))


def _advised(verdict: Verdict, software: str) -> Verdict:
    if verdict.code is None:
        return verdict
    server, client = advice(verdict.code, software)
    return replace(verdict, server=server, client=client)


def status(facts: Facts, verdicts: tuple[Verdict, ...]) -> int:
    """0 good, 1 warnings, 2 errors, 3 could not be reached."""
    if facts.unreachable:
        return UNREACHED
    return max((each.grade for each in verdicts), default=Grade.NOTE, key=int).value if _bad(verdicts) else 0


def _bad(verdicts: tuple[Verdict, ...]) -> bool:
    return any(each.grade > Grade.NOTE for each in verdicts)

"""The order of a probe's steps, and what becomes of one that fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ftpsd.diag.probe.facts import Facts, Step
from ftpsd.diag.probe.lab import Lab, Options
from ftpsd.diag.probe.steps import arrival, protocol, transfers
from ftpsd.diag.probe.wire import ProbeError, TooMany, Unreachable, Wires

Act = Callable[[Lab, Facts], Facts]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """A step, and whether it is to be done, as far as facts and options tell."""

    name: str
    act: Act
    wanted: Callable[[Facts, Options], bool]


def _secure(facts: Facts, options: Options) -> bool:
    return facts.handshake is not None and facts.handshake.good


def _inside(facts: Facts, options: Options) -> bool:
    return facts.login is not None and facts.login.answer.good


def _connectable(facts: Facts, options: Options) -> bool:
    return _inside(facts, options) and any(each.port and not each.error for each in facts.passive)


PLAN = (
    Plan("security commands", protocol.commands, lambda facts, options: facts.greeting is not None),
    Plan("versions and ciphers", protocol.versions, _secure),
    Plan("names in the hello", protocol.hello, _secure),
    Plan("renegotiation", protocol.renegotiation, _secure),
    Plan("resumption", protocol.resumption, _secure),
    Plan("login", transfers.enter, lambda facts, options: bool(options.user) and _secure(facts, options)),
    Plan("data connections", transfers.series, _connectable),
    Plan("data in clear", transfers.in_clear, _connectable),
    Plan("active mode", transfers.active, lambda facts, options: options.active and _inside(facts, options)),
    Plan("a file both ways", transfers.write,
         lambda facts, options: bool(options.directory) and _connectable(facts, options)),
    Plan("CCC", transfers.clear_again, _inside),
)
_FIRST = (("connection", arrival.reach), ("greeting", arrival.greet), ("first handshake", arrival.introduce))


def probe(options: Options, wires: Wires, progress: Progress = lambda name: None) -> Facts:
    """Asks the server everything; what cannot be had is missing in the facts, and a step says why."""
    host = f"[{options.host}]" if ":" in options.host and options.port else options.host
    target = f"{host}:{options.port}" if options.port else host
    lab, facts = Lab(options, wires), Facts(target)
    for name, act in _FIRST:
        progress(name)
        facts = _do(name, act, lab, facts)
        if facts.steps[-1].error:
            facts = replace(
                facts, unreachable=facts.steps[-1].error, steps=(*facts.steps[:-1], replace(facts.steps[-1], error="")))
            break
    else:
        for plan in PLAN:
            if lab.wires.shut:
                break
            if plan.wanted(facts, options):
                progress(plan.name)
                facts = _do(plan.name, plan.act, lab, facts)
    return replace(facts, connections=wires.count)


def _do(name: str, act: Act, lab: Lab, facts: Facts) -> Facts:
    """A step; when no more connections can be had, it was the last one."""
    start, problem = time.monotonic(), ""
    try:
        facts = act(lab, facts)
    except ProbeError as error:
        problem = str(error)
        lab.wires.shut = isinstance(error, TooMany | Unreachable)
    finally:
        lab.wires.close()
    return replace(facts, steps=(*facts.steps, Step(name, time.monotonic() - start, problem)))

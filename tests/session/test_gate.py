"""What stands before a handler: TLS policy, unknown commands, login, EPSV ALL, arguments. In that order."""

from __future__ import annotations

import pytest

from ftpsd.ftp.commands import COMMANDS, CommandSpec
from ftpsd.ftp.parsing import parse
from ftpsd.session import gate
from ftpsd.session.handlers import resolve
from ftpsd.settings.values import TLSRequirement
from ftpsd.tls.policy import TLSState

PLAIN = TLSState(engine=False)
LOGGED_IN = PLAIN._replace(logged_in=True)
SECURED = TLSState(protected=True, mechanism=True)


def code(line: str, state: TLSState, *, epsv_all: bool = False) -> int | None:
    found = gate.refusal(parse(line), state, epsv_all=epsv_all)
    return found.code if found is not None else None


@pytest.mark.parametrize(("line", "state", "expected"), [
    ("XYZZY", PLAIN, 500),
    ("PWD", PLAIN, 530),
    ("PWD", LOGGED_IN, None),
    ("PWD x", LOGGED_IN, 501),
    ("RETR", LOGGED_IN, 500),
    ("PBSZ 0", LOGGED_IN, 500),
    ("PBSZ 0", SECURED, None),
    ("CCC", PLAIN, 530),
    ("CCC", LOGGED_IN, 500),
    ("NOOP", PLAIN._replace(engine=True, requirement=TLSRequirement(1, 1, 1)), 550),
    ("XYZZY", PLAIN._replace(engine=True, requirement=TLSRequirement(1, 1, 1)), 550),
    ("FEAT", PLAIN._replace(engine=True, requirement=TLSRequirement(1, 1, 1)), None),
    ("LIST", SECURED._replace(logged_in=True, requirement=TLSRequirement(0, 1, 0)), 522),
    ("LIST", SECURED._replace(requirement=TLSRequirement(0, 1, 0)), 522),
    ("STAT", SECURED._replace(logged_in=True, requirement=TLSRequirement(0, 1, 0)), None),
])
def test_who_speaks_first(line: str, state: TLSState, expected: int | None) -> None:
    assert code(line, state) == expected


@pytest.mark.parametrize("name", [spec.name for spec in COMMANDS.values() if not spec.after_epsv_all])
def test_epsv_all_leaves_only_epsv(name: str) -> None:
    assert code(f"{name} 127,0,0,1,9,9", LOGGED_IN, epsv_all=True) == 500
    assert code("EPSV", LOGGED_IN, epsv_all=True) is None


def test_tls_required_by_a_directory_concerns_its_transfers_only() -> None:
    state = SECURED._replace(logged_in=True)
    required = TLSRequirement(0, 1, 0)
    denied = gate.refusal(parse("RETR x"), state, directory_requirement=required, directory="/in")
    assert denied is not None
    assert denied.code == 522
    assert denied.log == ("RETR command denied by TLSRequired in directory '/in'",)
    assert gate.refusal(parse("SIZE x"), state, directory_requirement=required) is None


@pytest.mark.parametrize("spec", COMMANDS.values(), ids=lambda spec: spec.name)
def test_every_command_has_its_handler(spec: CommandSpec) -> None:
    assert callable(resolve(spec))

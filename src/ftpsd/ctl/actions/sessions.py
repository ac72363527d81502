"""What concerns sessions: showing them, ending some of them."""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable, Sequence

from ftpsd.ctl.actions.base import ADMIN, OWN, Action, Answer, Failed, Office, Request, want
from ftpsd.ctl.who import Report, count, who
from ftpsd.ftp.phase import Phase
from ftpsd.server.orders import Dismiss
from ftpsd.server.scoreboard import Entry

GOODBYE = "Disconnected by the administrator, closing control connection"

Match = Callable[[Entry], bool]


def _user(name: str) -> Match:
    return lambda entry: entry.phase != Phase.CONNECTED and entry.user == name


def _host(text: str) -> Match:
    """An address, a CIDR block, or the name that the client's address has (UseReverseDNS)."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return lambda entry: entry.peer_name.lower() == text.lower()
    return lambda entry: ipaddress.ip_address(entry.peer) in network


def _class(name: str) -> Match:
    return lambda entry: name in entry.client_class.split(",")


def _session(name: str) -> Match:
    return lambda entry: entry.session == name


KINDS: dict[str, tuple[Callable[[str], Match], str]] = {
    "user": (_user, "user name(s)"), "host": (_host, "host(s)"), "class": (_class, "class name(s)"),
    "session": (_session, "session(s)"),
}
"""What can be kicked: how it is told, and what mod_ctrls_admin calls several of them."""


def _kick(office: Office, request: Request) -> Answer:
    """`kick user|host|class|session [-n number] name …`."""
    want(request.words, 1, "")
    kind, *names = request.words
    if kind not in KINDS:
        raise Failed(f"unknown kick type requested: '{kind}'")
    match, plural = KINDS[kind]
    names, most = _counted(names)
    if not names:
        raise Failed(f"kick {kind}: missing required {plural}")
    return Answer.of(*(_kick_one(office, kind, name, match(name), most) for name in names))


def _counted(words: Sequence[str]) -> tuple[list[str], int | None]:
    """`-n number` in front: how many at most."""
    if not words or words[0] != "-n":
        return list(words), None
    if len(words) < 2 or not words[1].isdecimal() or int(words[1]) < 1:
        raise Failed(f"bad number: {words[1] if len(words) > 1 else ''}")
    return list(words[2:]), int(words[1])


def _kick_one(office: Office, kind: str, name: str, match: Match, most: int | None) -> str:
    found = sorted((entry for entry in office.supervisor.board.entries() if match(entry)), key=lambda e: e.opened)
    if not found:
        return f"{kind} '{name}' not connected"
    chosen = found[:most]
    for order in Dismiss(tuple((entry.index, entry.opened) for entry in chosen), GOODBYE).parts():
        office.supervisor.command(order)
    return f"kicked {kind} '{name}'" + (f" ({len(chosen)} clients)" if most is not None else "")


def _scoreboard(office: Office, request: Request) -> Answer:
    """`scoreboard clean|scrub`: what dead processes have left."""
    if len(request.words) != 1:
        raise Failed("wrong number of parameters")
    if request.words[0] not in ("clean", "scrub"):
        raise Failed(f"unknown scoreboard action '{request.words[0]}'")
    board = office.supervisor.board
    for pid in {entry.pid for entry in board.entries()}:
        if not os.path.exists(f"/proc/{pid}"):
            board.reap(pid)
    return Answer.of("scrubbed scoreboard")


def _who(office: Office, request: Request) -> Answer:
    """`who [-v] [-o oneline|compat]`: as ftpwho."""
    words = list(request.words)
    verbose = "-v" in words
    if verbose:
        words.remove("-v")
    outform = words[1] if words[:1] == ["-o"] and len(words) == 2 else None
    if words and outform not in ("oneline", "compat"):
        raise Failed(f"who: unsupported parameter: '{words[0]}'")
    report = Report.of(office.supervisor.board)
    return Answer.of(*who(report, time.time(), verbose=verbose, outform=outform, server=None))


def _count(office: Office, request: Request) -> Answer:
    """As ftpcount."""
    return Answer.of(*count(Report.of(office.supervisor.board), server=None))


def _sessions(office: Office, request: Request) -> Answer:
    """The same for programs."""
    return Answer.of(*Report.of(office.supervisor.board).packed())


ACTIONS = (
    Action("count", OWN, "count sessions by class", _count, None),
    Action("sessions", OWN, "list sessions for programs", _sessions, None),
    Action("who", OWN, "show who is on", _who, None),
    Action("kick", ADMIN, "disconnect a class, host, or user", _kick, changes=True),
    Action("scoreboard", ADMIN, "clean the ScoreboardFile", _scoreboard),
)

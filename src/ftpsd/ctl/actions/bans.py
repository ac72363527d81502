"""mod_ban: banning and permitting, and what bans there are, in mod_ban's words.

BanControlsACLs has to allow `ban` or `permit`. Ours alone: `-d hh:mm:ss` behind the kind of ban, blocks of addresses.
Host names are not looked up, as nothing here may wait: such a ban is for clients whose reverse DNS gives that name.
"""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ftpsd.access.bans import EVERY_SERVER, KINDS, NEVER, Ban, Kind, Suspect, block, canonical_host
from ftpsd.access.occupancy import host_key
from ftpsd.ctl.actions.base import BAN, Action, Answer, Failed, Later, Office, Request
from ftpsd.ctl.actions.life import host_at, places
from ftpsd.ctl.actions.sessions import GOODBYE
from ftpsd.ftp.phase import Phase
from ftpsd.guard.bans import Bans
from ftpsd.guard.shared import SharedBans
from ftpsd.log import events
from ftpsd.log.bus import EventLog
from ftpsd.server.orders import Dismiss
from ftpsd.server.scoreboard import Entry
from ftpsd.settings.arguments import ArgumentError
from ftpsd.settings.bans import clock
from ftpsd.settings.model import Configuration
from ftpsd.tls.cache.base import CacheError

_PLURALS = {Kind.USER: "users", Kind.HOST: "hosts", Kind.CLASS: "classes", Kind.PAIR: "user@hosts"}
_HEADINGS = {
    Kind.USER: "Banned Users:", Kind.PAIR: "Banned User@Hosts:", Kind.HOST: "Banned Hosts:",
    Kind.CLASS: "Banned Classes:",
}
"""In the order in which they are shown."""


@runtime_checkable
class HasBans(Protocol):
    """A service with bans; None: BanEngine is off."""

    log: EventLog

    @property
    def bans(self) -> Bans | None: ...


@dataclass(frozen=True, slots=True)
class _Desk:
    """The bans of the present service, and how its BanLog is written."""

    bans: Bans
    tell: Callable[[str], None]


def _desk(office: Office) -> _Desk:
    service = office.supervisor.service
    bans = service.bans if isinstance(service, HasBans) else None
    if bans is None or not isinstance(service, HasBans):
        raise Failed("mod_ban/0.8 not enabled\nBanEngine is off")
    log = service.log
    return _Desk(bans, lambda text: log.emit(events.ModuleNote("ban", text)))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What stands behind `ban` or `permit`: at which host (`at`: as it was written), for how many seconds, whom."""

    kind: Kind
    names: tuple[str, ...]
    server: bytes = EVERY_SERVER
    at: str = ""
    seconds: int = 0


def _want(words: Sequence[str], least: int) -> None:
    if len(words) < least:
        raise Failed("missing parameters")


def _wanted(office: Office, request: Request) -> _Wanted:
    """`kind [-s address#port] [-d hh:mm:ss] name …`. Raises `Failed`."""
    _want(request.words, 2)
    word, *rest = request.words
    if word not in KINDS:
        raise Failed(f"unknown ban action requested: '{word}'")
    server, at, seconds = EVERY_SERVER, "", 0
    while rest and rest[0].startswith("-"):
        option, *rest = rest
        if option not in ("-s", "-d"):
            raise Failed(f"unsupported option: '{option[1:2]}'")
        _want(rest, 1)
        value, *rest = rest
        if option == "-s":
            server, at = _server(office, value), value
        else:
            seconds = _seconds(value)
    _want(rest, 1)
    return _Wanted(KINDS[word], tuple(rest), server, at, seconds)


def _server(office: Office, text: str) -> bytes:
    host = host_at(office.supervisor.configuration.hosts, text)
    if host is None:
        raise Failed(f"no such server '{text}'")
    return host_key(host)


def _seconds(text: str) -> int:
    try:
        return clock(text, "duration")
    except ArgumentError as error:
        raise Failed(str(error)) from None


def _ban(office: Office, request: Request) -> Answer:
    """`ban user|host|class|user@host [-s address#port] [-d hh:mm:ss] name …`, `ban info [-v] [-e]`."""
    _want(request.words, 1)
    desk = _desk(office)
    if request.words[0] == "info":
        return _info(office, desk, request.words[1:])
    wanted = _wanted(office, request)
    return Answer.of(*(_ban_one(office, desk, request, wanted, name) for name in wanted.names))


def _ban_one(office: Office, desk: _Desk, request: Request, wanted: _Wanted, name: str) -> str:
    kind = wanted.kind
    called = _host_name(office, name) if kind is Kind.HOST else name
    if called is None:
        return f"ban: unknown host '{name}'"
    try:
        added = desk.bans.ban(
            kind, called, wanted.server, by=request.peer.user, seconds=wanted.seconds, tell=desk.tell)
    except (OSError, ValueError) as error:
        return f"ban: {kind.word} '{name}': {error}"
    if not added:
        return f"{kind.word} {called} already banned"
    _dismiss(office, Ban(kind, called, wanted.server))
    return f"{kind.word} {called} banned"


def _host_name(office: Office, text: str) -> str | None:
    """As a ban calls a host; None: it is no address, and names of clients are nowhere looked up."""
    address = canonical_host(text)
    if address is not None:
        return address
    looks = any(host.settings.core.use_reverse_dns for host in office.supervisor.configuration.hosts)
    return text.lower() if looks and "/" not in text else None


def _dismiss(office: Office, ban: Ban) -> None:
    """Those who are on have to go."""
    hosts = office.supervisor.configuration.hosts
    wherever = ban.server == EVERY_SERVER

    def meant(entry: Entry) -> bool:
        if not _about(ban, entry):
            return False
        if wherever:
            return True
        host = next((one for one in hosts if host_key(one) == ban.server), None)
        return host is not None and (entry.server, entry.local_port) == (
            host.settings.core.server_name[:64], host.settings.core.port)

    found = [entry for entry in office.supervisor.board.entries() if meant(entry)]
    for order in Dismiss(tuple((entry.index, entry.opened) for entry in found), GOODBYE).parts():
        office.supervisor.command(order)


def _about(ban: Ban, entry: Entry) -> bool:
    user = entry.user if entry.phase != Phase.CONNECTED else None
    classes = frozenset(filter(None, entry.client_class.split(",")))
    suspect = Suspect(entry.peer, entry.peer_name or None, user, classes)
    network = block(ban.name) if ban.kind is Kind.HOST else None
    if network is not None:
        return ipaddress.ip_address(entry.peer.partition("%")[0]) in network
    return ban.name in suspect.names(ban.kind)


def _permit(office: Office, request: Request) -> Answer | Later:
    """`permit user|host|class|user@host [-s address#port] name …|*`. Here they may come back at once; those who share
    the bans are told aside."""
    _want(request.words, 1)
    desk = _desk(office)
    wanted = _wanted(office, request)
    kind = wanted.kind
    lifted = _owed(desk, wanted)
    if not lifted and not any(ban.kind is kind for ban in _in_force(desk)):
        return Answer.of("permit request unnecessary", f"no {_PLURALS[kind]} are banned")
    lines = [_permit_one(desk, wanted, name, lifted) for name in wanted.names]
    shared = desk.bans.shared
    if shared is None or not lifted:
        return Answer.of(*lines)
    return Later(lambda: _permit_elsewhere(shared, lifted, lines), lambda: _paid(office, lifted))


def _owed(desk: _Desk, wanted: _Wanted) -> list[Ban]:
    """Bans that are asked about and were lifted before, when BanCache did not answer."""
    if desk.bans.shared is None:
        return []
    try:
        owed = desk.bans.owed()
    except OSError as error:
        raise Failed(str(error)) from None
    names = {_called(wanted.kind, name) for name in wanted.names}
    return [
        ban for ban in owed if ban.kind is wanted.kind and ("*" in names or ban.name in names)
        and (wanted.server == EVERY_SERVER or ban.server == wanted.server)]


def _permit_elsewhere(shared: SharedBans, lifted: Sequence[Ban], lines: Sequence[str]) -> Answer:
    try:
        shared.remove(lifted)
    except CacheError as error:
        return Answer.failure(*lines, f"permit: {error}", "who asks BanCache finds these bans until they end")
    return Answer.of(*lines)


def _paid(office: Office, lifted: Sequence[Ban]) -> None:
    """BanCache has forgotten these. The table is asked for anew: there may have been a reload meanwhile."""
    with contextlib.suppress(Failed):
        _desk(office).bans.told(lifted)


def _permit_one(desk: _Desk, wanted: _Wanted, name: str, lifted: list[Ban]) -> str:
    """Adds the bans to `lifted`, where some may be that are lifted here already."""
    kind, called = wanted.kind, _called(wanted.kind, name)
    try:
        found = desk.bans.permit(kind, None if name == "*" else called, wanted.server, desk.tell)
    except OSError as error:
        return f"permit: {error}"
    lifted += found
    if name == "*":
        return f"all {_PLURALS[kind]} permitted"
    if found or any(ban.name == called for ban in lifted):
        return f"{kind.word} '{name}' permitted"
    return f"{kind.word} '{name}' not banned" + (f" on {wanted.at}" if wanted.at else "")


def _called(kind: Kind, name: str) -> str:
    """As bans call whom an administrator names."""
    return canonical_host(name) or name.lower() if kind is Kind.HOST else name


def _in_force(desk: _Desk) -> list[Ban]:
    try:
        return desk.bans.in_force()
    except OSError as error:
        raise Failed(str(error)) from None


def _info(office: Office, desk: _Desk, words: Sequence[str]) -> Answer:
    """`-v`: why and until when; `-e`: what was counted."""
    for word in words:
        if word not in ("-v", "-e", "-ve", "-ev"):
            raise Failed(f"unsupported parameter: '{word}'")
    verbose, counted = (any(letter in word for word in words) for letter in "ve")
    desk.tell("showing ban lists")
    configuration, now = office.supervisor.configuration, time.time()
    bans = _in_force(desk)
    sections = [
        [_HEADINGS[kind], *_shown([ban for ban in bans if ban.kind is kind], configuration, now, verbose=verbose)]
        for kind in _HEADINGS if any(ban.kind is kind for ban in bans)
    ] or [["No bans"]]
    if counted:
        sections.append(list(_counted(desk, configuration, now)) or ["No ban events"])
    lines = [line for section in sections for line in ("", *section)]
    return Answer.of(*lines[1:])


def _shown(bans: Iterable[Ban], configuration: Configuration, now: float, *, verbose: bool) -> Iterator[str]:
    for ban in bans:
        yield f"  {ban.name}"
        if not verbose:
            continue
        yield f"    Reason: {ban.reason}"
        if ban.expires == NEVER:
            yield "    Expires: never"
        else:
            date = time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(ban.expires))
            yield f"    Expires: {date} (in {int(ban.expires - now)} seconds)"
        yield from _host(configuration, ban.server)


def _counted(desk: _Desk, configuration: Configuration, now: float) -> Iterator[str]:
    try:
        found = desk.bans.counted()
    except OSError as error:
        raise Failed(str(error)) from None
    if found:
        yield "Ban Events:"
    for one in found:
        yield f"  Event: {one.event}"
        yield f"  Source: {one.source}"
        yield f"    Occurrences: {one.count}/{one.most}"
        yield f"    Entry Expires: {max(0, int(one.expires - now))} seconds"
        yield from _host(configuration, one.server)


def _host(configuration: Configuration, server: bytes) -> Iterator[str]:
    for host in configuration.hosts:
        if host_key(host) == server:
            yield f"    <VirtualHost>: {host.settings.core.server_name} ({places(host)[0]})"


ACTIONS = (
    Action("ban", BAN, "ban a class, host, or user from using the daemon", _ban, "ban", changes=True),
    Action("permit", BAN, "allow a banned class, host or user to use the daemon", _permit, "ban", changes=True),
)

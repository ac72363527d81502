"""The life of the server and of its hosts: restart, shutdown, status, down, up."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterable, Sequence

from ftpsd.ctl.actions.base import ADMIN, HERE, Action, Answer, Failed, Office, Request, want
from ftpsd.errors import ConfigError
from ftpsd.server.crew import StartError
from ftpsd.settings import Configuration, Host
from ftpsd.settings.addresses import is_ip
from ftpsd.settings.by_class import with_variants
from ftpsd.settings.declaration import Combine
from ftpsd.settings.model import Change

DEFAULT_PORT = 21


def _restart(office: Office, request: Request) -> Answer:
    """`restart [count]`."""
    if request.words == ["count"]:
        since = time.strftime("%Y-%m-%d %H:%M:%S GMT", time.gmtime(office.started))
        count = office.supervisor.restarts
        return Answer.of(f"server restarted {count} {'time' if count == 1 else 'times'} since {since}")
    if request.words:
        raise Failed(f"unsupported parameter '{request.words[0]}'")
    adopt(office.supervisor.restart)
    office.debug_level = 0
    return Answer.of("restarted server")


def adopt(change: Callable[[], None]) -> None:
    """Has the server take another configuration. Raises `Failed` where it does not, which changes nothing."""
    try:
        change()
    except (ConfigError, StartError) as error:
        raise Failed(f"{error}\nnothing has changed: the present configuration serves on") from None


def _shutdown(office: Office, request: Request) -> Answer:
    """`shutdown [now|graceful [seconds]]`: at once, or when the last session has ended, or after so long.

    mod_ctrls_admin ends the server whatever stands there; here that needs words that are understood.
    """
    seconds = _patience(request.words)
    return Answer(("shutting down",), afterwards=lambda: office.supervisor.shut_down(seconds))


def _patience(words: Sequence[str]) -> float | None:
    """Seconds that sessions have; None: as long as they want. Raises `Failed`."""
    match words:
        case [] | ["now"]:
            return 0.0
        case ["graceful"]:
            return None
        case ["graceful", seconds] if re.fullmatch(r"[0-9]{1,9}", seconds):
            return float(seconds)
    wrong = words[0] if words[0] not in ("now", "graceful") else words[1 if len(words) == 2 else 2]
    raise Failed(
        f"shutdown: unsupported parameter '{wrong}'; the server stays\n"
        "say shutdown, or shutdown graceful [seconds]; a shutdown at a time is announced with ftpsd shut")


def places(host: Host) -> tuple[str, ...]:
    """`address#port` of each address of a host, as mod_ctrls_admin writes it."""
    addresses = host.resolved or host.addresses or ("0.0.0.0",)
    return tuple(f"{address}#{host.settings.core.port}" for address in addresses)


def host_at(hosts: Iterable[Host], text: str) -> Host | None:
    """The host that `address`, `address#port` or `address:port` (name or address) means."""
    separator = "#" if "#" in text else ":" if text.count(":") == 1 else ""
    name, port = text, str(DEFAULT_PORT)
    if separator:
        name, _, port = text.rpartition(separator)
    name = name.strip("[]").lower()
    for host in hosts:
        known = {address.lower() for address in (*host.addresses, *host.resolved, *host.names)}
        if str(host.settings.core.port) == port and (name in known or (not known and name == "0.0.0.0")):
            return host
    return None


def shown(text: str) -> str:
    """`text` as messages have it: always with a port."""
    return text if "#" in text else f"{text}#{DEFAULT_PORT}"


def _numeric(text: str) -> bool:
    """Whether an address was written, not a name."""
    return is_ip(text.partition("#")[0].strip("[]"))


def _vhosts_first(configuration: Configuration) -> list[Host]:
    return [host for host in (*configuration.hosts[1:], configuration.hosts[0]) if host.settings.core.port]


def _status(office: Office, request: Request) -> Answer:
    """`status all|address#port …`."""
    want(request.words, 1, "status")
    base = office.supervisor.base
    present = {host.id: host.settings.core.port for host in office.supervisor.configuration.hosts}

    def state(host: Host) -> str:
        return "UP" if present.get(host.id) else "DOWN"

    if request.words == ["all"]:
        hosts = _vhosts_first(base)
        return Answer.of(*(f"status: {place} {state(host)}" for host in hosts for place in places(host)))
    lines = []
    for word in request.words:
        found = host_at(base.hosts, word)
        lines.append(
            f"status: {'no server associated with' if _numeric(word) else 'no such server:'} {shown(word)}"
            if found is None else f"status: {places(found)[0]} {state(found)}")
    return Answer.of(*lines)


def _down(office: Office, request: Request) -> Answer:
    """`down all|address#port …`: sessions go on, new ones find nobody."""
    want(request.words, 1, "down")
    base, present = office.supervisor.base, office.supervisor.configuration
    if request.words == ["all"]:
        _set_ports(office, dict.fromkeys((host.id for host in base.hosts), 0))
        return Answer.of("down: all servers disabled")
    ports: dict[int, int] = {}
    lines = []
    for word in request.words:
        host = host_at(base.hosts, word)
        if host is None:
            lines.append(f"down: no such server: {shown(word)}")
        elif not present.hosts[host.id].settings.core.port:
            lines.append(f"down: {shown(word)} already disabled")
        else:
            ports[host.id] = 0
            lines.append(f"down: {shown(word)} disabled")
    _set_ports(office, ports)
    return Answer.of(*lines)


def _up(office: Office, request: Request) -> Answer:
    """`up all|address#port …`."""
    want(request.words, 1, "up")
    base, present = office.supervisor.base, office.supervisor.configuration
    if request.words == ["all"]:
        _set_ports(office, {host.id: host.settings.core.port for host in base.hosts})
        return Answer.of("up: all servers enabled")
    ports: dict[int, int] = {}
    lines = []
    for word in request.words:
        host = host_at(base.hosts, word)
        if host is None and not _numeric(word):
            raise Failed(f"up: unable to resolve address for '{word}'")
        if host is None:
            lines.append(f"up: no server associated with {shown(word)}")
        elif present.hosts[host.id].settings.core.port:
            lines.append(f"up: {shown(word)} already enabled")
        else:
            ports[host.id] = host.settings.core.port
            lines.append(f"up: {shown(word)} enabled")
    _set_ports(office, ports)
    return Answer.of(*lines)


def _set_ports(office: Office, ports: dict[int, int]) -> None:
    """Port 0 is what a host has that nobody can reach; nor may it be the one that answers for all others then."""
    base, present = office.supervisor.base, office.supervisor.configuration
    changed = {number: port for number, port in ports.items() if present.hosts[number].settings.core.port != port}
    if not changed:
        return

    def changes(host: Host) -> tuple[Change, ...]:
        port, before = changed[host.id], base.hosts[host.id]
        default = bool(port) and before.settings.core.default_server

        def change(field: str, value: int) -> Change:
            return Change("core", field, value, Combine.LAST, before.origin("core", field) if port else HERE)

        return (change("port", port), change("default_server", default))

    after = with_changes(present, lambda host: changes(host) if host.id in changed else ())
    adopt(lambda: office.supervisor.adopt(after))


def with_changes(configuration: Configuration, changes: Callable[[Host], tuple[Change, ...]]) -> Configuration:
    """A configuration with more directives, also in what its hosts are for the clients of classes."""
    hosts = tuple(host.with_changes(more) if (more := changes(host)) else host for host in configuration.hosts)
    return with_variants(dataclasses.replace(configuration, hosts=hosts))


ACTIONS = (
    Action("down", ADMIN, "disable an individual virtual server", _down, changes=True),
    Action("restart", ADMIN, "restart the daemon (similar to using HUP)", _restart, changes=True),
    Action("shutdown", ADMIN, "shutdown the daemon", _shutdown, changes=True),
    Action("status", ADMIN, "display status of servers", _status),
    Action("up", ADMIN, "enable a downed virtual server", _up, changes=True),
)

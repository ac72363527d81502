"""What concerns the configuration of the running server: get, config, debug, dns, trace.

A change lasts until the configuration is loaded again. `config`, `dns` and `trace` make a new configuration, which
new sessions are served with; `debug` is for those that are there too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ftpsd.ctl.actions import watching
from ftpsd.ctl.actions.base import ADMIN, HERE, Action, Answer, Failed, Office, Request, want
from ftpsd.ctl.actions.life import adopt, host_at, with_changes
from ftpsd.errors import ConfigError, Location
from ftpsd.server.orders import DebugLevel, ForgetNames
from ftpsd.settings import DIRECTIVES, Host, rules
from ftpsd.settings.arguments import ArgumentError, boolean
from ftpsd.settings.declaration import Combine, Context, Declaration
from ftpsd.settings.model import Change
from ftpsd.settings.parsers import trace as parse_trace
from ftpsd.settings.values import TLSRequirement, Umask

_SECRET = re.compile("password|passphrase|secret|sharedkey|connectinfo|bind|redisserver", re.IGNORECASE)
HIGHEST_DEBUG_LEVEL = 10


def _get(office: Office, request: Request) -> Answer:
    """`get config name …`, `get directives`."""
    want(request.words, 1, "get")
    kind, *names = request.words
    if kind == "directives":
        if names:
            raise Failed("directives: wrong number of parameters")
        known = sorted(DIRECTIVES.values(), key=lambda declaration: declaration.name)
        return Answer.of(*(f"{declaration.name} ({declaration.module}.c)" for declaration in known))
    if kind == "config":
        if not names:
            raise Failed("config: missing parameters")
        return Answer.of(*(line for name in names for line in _configured(office, name)))
    raise Failed(f"unknown get type requested: '{kind}'")


def _configured(office: Office, name: str) -> list[str]:
    """What every host that sets a directive sets it to, and where."""
    declaration = DIRECTIVES.get(name.lower())
    if declaration is None or not declaration.field:
        return [f"{name}: directive not found"]
    hosts = office.supervisor.configuration.hosts
    lines = []
    for host in hosts:
        where = host.origin(declaration.group, declaration.field)
        if where is not None:
            value = getattr(getattr(host.settings, declaration.group), declaration.field)
            server = f" [{host.settings.core.server_name}]" if len(hosts) > 1 else ""
            lines.append(f"{declaration.name}: {_value(declaration, value)}{server} ({_place(where)})")
    return lines or [f"{declaration.name}: directive not found"]


def _place(where: Location) -> str:
    return str(where) if where.line else where.file


def _value(declaration: Declaration, value: object) -> str:
    """A value for people; what only the configuration file can say well, and what may be secret, is left out."""
    if _SECRET.search(declaration.name):
        return "not shown"
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "none"
    if isinstance(value, str | int | float | TLSRequirement | Umask):
        return str(value)
    if isinstance(value, tuple | frozenset) and all(isinstance(each, str | int) for each in value):
        return " ".join(str(each) for each in (value if isinstance(value, tuple) else sorted(value)))
    return "set"


def _config(office: Office, request: Request) -> Answer:
    """`config set address:port directive words …`, `config remove address:port directive`."""
    want(request.words, 1, "config")
    verb, *rest = request.words
    if verb not in ("set", "remove"):
        raise Failed(f"config: unknown config action: '{verb}'")
    if len(rest) < (3 if verb == "set" else 2):
        raise Failed(f"config {verb}: missing required parameters")
    place, name, *words = rest
    host = host_at(office.supervisor.configuration.hosts, place)
    if host is None:
        raise Failed(f"config: no such server: {place}")
    declaration = DIRECTIVES.get(name.lower())
    if verb == "set":
        if declaration is None:
            return Answer.of(f"config set: unknown configuration directive '{name}'")
        return _set(office, host, declaration, words)
    if declaration is None or host.origin(declaration.group, declaration.field) is None:
        return Answer.of(f"config remove: {name} not found in configuration")
    change = Change(declaration.group, declaration.field, declaration.default, Combine.LAST, HERE)
    _change(office, lambda each: (change,) if each is host else ())
    return Answer.of(f"config remove: {declaration.name} removed")


def _set(office: Office, host: Host, declaration: Declaration, words: Sequence[str]) -> Answer:
    context = Context.SERVER if host.id == 0 else Context.VHOST
    if not declaration.field or context not in declaration.contexts:
        raise Failed(f"config set: {declaration.name} cannot be set here")
    try:
        value = declaration.argument.parse(words)
    except ArgumentError as error:
        return Answer.failure(f"config set: {declaration.name}: {error.text}")
    change = Change(declaration.group, declaration.field, value, declaration.combine, HERE)
    _change(office, lambda each: (change,) if each is host else ())
    return Answer.of(f"config set: {declaration.name} configured")


def _change(office: Office, changes: Callable[[Host], tuple[Change, ...]]) -> None:
    """Serve the present configuration with changes from now on. Raises `Failed` where that makes no good one."""
    after = with_changes(office.supervisor.configuration, changes)
    try:
        rules.check(after)
    except ConfigError as error:
        raise Failed(str(error)) from None
    adopt(lambda: office.supervisor.adopt(after))


def _debug(office: Office, request: Request) -> Answer:
    """`debug level [number]`."""
    want(request.words, 1, "debug")
    if request.words[0] != "level":
        raise Failed(f"unknown debug action: '{request.words[0]}'")
    want(request.words, 1, "debug", most=2)
    if len(request.words) == 2:
        word = request.words[1]
        if not word.isdecimal() or int(word) > HIGHEST_DEBUG_LEVEL:
            raise Failed(f"debug: '{word}' is not a level from 0 to {HIGHEST_DEBUG_LEVEL}")
        office.debug_level = int(word)
        office.supervisor.command(DebugLevel(office.debug_level))
    return Answer.of(f"debug level set to {office.debug_level}")


def _dns(office: Office, request: Request) -> Answer:
    """`dns on|off`, `dns cache clear`."""
    want(request.words, 1, "dns")
    if request.words == ["cache", "clear"]:
        office.supervisor.command(ForgetNames())
        return Answer.of("dns: netaddr cache cleared")
    value = boolean(request.words[0])
    if value is None or len(request.words) > 1:
        raise Failed(f"dns: error: expected Boolean parameter: '{request.words[0]}'")
    _change(office, lambda host: (Change("core", "use_reverse_dns", value, Combine.LAST, HERE),))
    return Answer.of(f"dns: UseReverseDNS set to '{'on' if value else 'off'}'")


def _trace(office: Office, request: Request) -> Answer:
    """`trace channel:level …`, `trace info`: as the directive Trace, for all hosts. `trace user|host|session name`."""
    want(request.words, 1, "trace")
    if request.words[0] in watching.KINDS:
        return watching.watch(office, request)
    if request.words == ["info"]:
        set_now = office.supervisor.configuration.hosts[0].settings.logging.trace
        shown = (f"trace: {rule.channel} {rule.low}-{rule.high}" for rule in set_now)
        return Answer.of(*(shown if set_now else ("trace: no info available",)))
    try:
        channels = parse_trace(request.words)
    except ArgumentError as error:
        raise Failed(f"trace: {error.text}") from None
    if office.supervisor.configuration.hosts[0].settings.logging.trace_log is None:
        raise Failed("trace: there is no TraceLog to write to")
    _change(office, lambda host: (Change("logging", "trace", channels, Combine.LAST, HERE),))
    return Answer.of(*(
        f"trace: set channel '{rule.channel}' to levels {rule.low}-{rule.high}" for rule in channels))


ACTIONS = (
    Action("config", ADMIN, "set config directives", _config, changes=True),
    Action("debug", ADMIN, "set debugging level", _debug, changes=True),
    Action("dns", ADMIN, "set UseReverseDNS configuration", _dns, changes=True),
    Action("get", ADMIN, "list configuration data", _get),
    Action("trace", ADMIN, "set trace levels", _trace, changes=True),
)

"""What must fit together in the logs of mod_redis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ftpsd.errors import ConfigError, Location
from ftpsd.settings import logformat
from ftpsd.settings.model import Configuration, Host
from ftpsd.settings.redis_logs import Extra, RedisLog
from ftpsd.settings.registry import DIRECTIVES
from ftpsd.settings.remote import RemoteSettings, server_directive

GROUP = "redis_logs"
_NAMES = {one.field: one.name for one in DIRECTIVES.values() if one.group == GROUP}


@dataclass(frozen=True, slots=True)
class Written:
    """An entry of one of the directives, and where it stands."""

    directive: str
    entry: RedisLog | Extra
    location: Location | None


def entries(host: Host) -> Iterator[Written]:
    """What the directives of a host say, whatever section they stand in."""
    for change in host.every_change():
        if change.group == GROUP:
            yield from (Written(_NAMES[change.field], entry, change.location) for entry in change.value)


def first_log(configuration: Configuration) -> Written | None:
    """The first RedisLogOnCommand or RedisLogOnEvent; None: nobody logs to Redis."""
    found = (one for host in configuration.hosts for one in entries(host))
    return next((one for one in found if isinstance(one.entry, RedisLog)), None)


def check(configuration: Configuration) -> None:
    """Raises `ConfigError` for logs to a Redis that is not configured, and for formats that there are not."""
    for host in configuration.hosts:
        known = {one.name for one in host.settings.logging.log_formats} | {logformat.DEFAULT.name, logformat.JSON}
        for one in entries(host):
            if one.entry.format not in known:
                raise ConfigError(
                    f"no LogFormat '{one.entry.format}' configured", location=one.location, directive=one.directive,
                    remedy=f"There are {', '.join(sorted(known))}; define another with LogFormat.")
    first = first_log(configuration)
    if first is not None:
        _servers(configuration.hosts[0].settings.remote, first)


def _servers(remote: RemoteSettings, first: Written) -> None:
    missing = remote.missing("redis")
    if missing:
        raise ConfigError(
            f"needs {missing}", location=first.location, directive=first.directive,
            remedy=f"Write RedisEngine on and {server_directive('redis')} in server config, or take"
            f" {first.directive} out.")

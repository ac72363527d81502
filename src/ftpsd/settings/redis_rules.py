"""What must fit together in the logs of mod_redis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ftpsd.errors import ConfigError, Location
from ftpsd.settings import logformat
from ftpsd.settings.model import Configuration, Host
from ftpsd.settings.redis_logs import Extra, RedisLog
from ftpsd.settings.registry import DIRECTIVES
from ftpsd.settings.remote import server_directive

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
    return _first(configuration) if configuration.hosts[0].settings.remote.redis_engine else None


def _first(configuration: Configuration) -> Written | None:
    found = (one for host in configuration.hosts for one in entries(host))
    return next((one for one in found if isinstance(one.entry, RedisLog)), None)


def check(configuration: Configuration) -> tuple[str, ...]:
    """Notices about logs that RedisEngine off keeps from Redis.

    Raises `ConfigError` for logs to a Redis that is not configured, and for formats that there are not.
    """
    for host in configuration.hosts:
        for one in entries(host):
            remedy = logformat.remedy(one.entry.format, host.settings.logging.log_formats)
            if remedy is not None:
                raise ConfigError(
                    f"no LogFormat '{one.entry.format}' configured", location=one.location, directive=one.directive,
                    remedy=remedy)
    first, remote = _first(configuration), configuration.hosts[0].settings.remote
    if first is None:
        return ()
    if not remote.redis_engine:
        return (f"{first.directive} on {first.location} logs nothing: RedisEngine is off",)
    if remote.missing("redis"):
        raise ConfigError(
            f"needs {remote.missing('redis')}", location=first.location, directive=first.directive,
            remedy=f"Write {server_directive('redis')} in server config, or take {first.directive} out.")
    return ()

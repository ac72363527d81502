"""RedisLogOnCommand and RedisLogOnEvent: JSON objects of commands, appended to lists in Redis.

The session says which of its logs want a command (`CommandForRedis`); what they say, and under which key, is decided
here. Nothing here waits: `log.shipping` has the way to Redis.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ftpsd.log import formats
from ftpsd.log.escape import escape
from ftpsd.log.events import Event, Origin
from ftpsd.log.extended import compile_format
from ftpsd.log.record import CommandForRedis, Record
from ftpsd.log.shipping import Courier, Entry, Report, Shipper
from ftpsd.log.writers import Clock
from ftpsd.settings.model import Configuration
from ftpsd.settings.redis_logs import Extra, Parts, RedisLog
from ftpsd.settings.redis_rules import first_log
from ftpsd.settings.remote import Address, RedisServer
from ftpsd.tls.cache.opening import without_library

LONGEST_KEY = 1023
"""Bytes of a key, as in mod_redis; what is longer is cut off."""

_MOST_REMEMBERED = 512
"""Combinations of RedisLogFormatExtras (each <Directory> may add some) that are kept compiled."""

More = Callable[[dict[str, Any], Record, Origin, float], None]
"""Adds members to an object."""


def open_redis_log(configuration: Configuration, clock: Clock, report: Report) -> RedisLogSink | None:
    """The sink; None: nothing is configured. Imports the library, connects to nothing. Raises `ConfigError`."""
    first = first_log(configuration)
    if first is None:
        return None
    try:
        from ftpsd.tls.cache.redisplace import RedisPlace
    except ImportError as error:
        raise without_library("redis", error, first.directive, first.location) from None
    remote = configuration.hosts[0].settings.remote
    place = RedisPlace(remote.redis_server or RedisServer(Address()), remote.redis_sentinel, remote.redis_timeouts)
    return RedisLogSink(
        configuration, Shipper(Courier(place.connect, place.timeouts), f"Redis ({place})", report), clock)


class RedisLogSink:
    """Makes the entries. `start` it in a worker."""

    capped = False

    def __init__(self, configuration: Configuration, shipper: Shipper, clock: Clock) -> None:
        self._shipper = shipper
        self._clock = clock
        self._formats = {host.id: host.settings.logging.log_formats for host in configuration.hosts}
        self._members: dict[tuple[int, str], formats.Members] = {}
        self._keys: dict[Parts, formats.Line] = {}
        self._more: dict[tuple[str, tuple[Extra, ...]], More] = {}

    def __str__(self) -> str:
        return "the log in Redis"

    @property
    def hears(self) -> frozenset[type[Event]]:
        return frozenset({CommandForRedis})

    def start(self) -> None:
        """In a worker, before its first session."""
        self._shipper.start()

    def emit(self, event: Event, origin: Origin) -> None:
        if not isinstance(event, CommandForRedis):
            return
        now = self._clock()
        for log in event.logs:
            found = self._object(log.format, event, origin, now)
            text = json.dumps(found, separators=(",", ":"))
            self._shipper.ship(Entry(self._key(log, event.record, origin, now), text.encode()))

    def reopen(self) -> list[str]:
        return []

    def settle(self, seconds: float) -> None:
        """See `Shipper.settle`."""
        self._shipper.settle(seconds)

    def close(self) -> None:
        self._shipper.close()

    # -- what is written

    def _object(self, name: str, event: CommandForRedis, origin: Origin, now: float) -> dict[str, Any]:
        members = self._members.get((origin.host_id, name))
        if members is None:
            members = compile_format(name, self._formats[origin.host_id]).members
            self._members[origin.host_id, name] = members
        found = members(event.record, origin, now)
        if event.extras:
            more = self._more.get((name, event.extras))
            if more is None:
                if len(self._more) >= _MOST_REMEMBERED:
                    self._more.clear()
                more = self._more[name, event.extras] = _more(name, event.extras)
            more(found, event.record, origin, now)
        return found

    def _key(self, log: RedisLog, record: Record, origin: Origin, now: float) -> bytes:
        line = self._keys.get(log.key)
        if line is None:
            line = self._keys[log.key] = formats.words(log.key)
        key = (escape(line(record, origin, now)) or log.format).encode()
        return key if len(key) <= LONGEST_KEY else key[:LONGEST_KEY].decode(errors="ignore").encode()


def _more(name: str, extras: tuple[Extra, ...]) -> More:
    """What the RedisLogFormatExtras of a format add: of two members with one name the first counts."""
    texts: dict[str, formats.Line] = {}
    constants: dict[str, Any] = {}
    for member in (member for extra in extras if extra.format == name for member in extra.members):
        if member.name in texts or member.name in constants:
            continue
        if member.parts is None:
            constants[member.name] = json.loads(member.constant)
        else:
            texts[member.name] = formats.words(member.parts)

    def add(found: dict[str, Any], record: Record, origin: Origin, now: float) -> None:
        for label, value in constants.items():
            found.setdefault(label, value)
        for label, line in texts.items():
            if label not in found:
                found[label] = formats.utf8(line(record, origin, now))

    return add

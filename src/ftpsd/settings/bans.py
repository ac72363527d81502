"""Bans: what they are made for, how long they last, where they are kept (mod_ban)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ftpsd.reasons.codes import Code
from ftpsd.settings.arguments import ArgumentError, Boolean, OptionalPath, Path, Special, Text, want
from ftpsd.settings.declaration import EVERY_HOST, HOST, PROCESS, ROOT, Combine, Context, directive
from ftpsd.settings.event_names import BANNED_FOR, is_a_name

HOST_EVENTS = (
    "AnonRejectPasswords", "BadProtocol", "ClientConnectRate", "EmptyPassword", "LoginRate", "MaxClientsPerHost",
    "MaxCommandRate", "MaxConnectionsPerHost", "MaxLoginAttempts", "RootLogin", "TimeoutIdle", "TimeoutLogin",
    "TimeoutNoTransfer", "TLSHandshake", "UnhandledCommand",
)
"""Events for which the client's address is banned."""

USER_EVENTS = ("MaxClientsPerUser", "MaxHostsPerUser")
CLASS_EVENTS = ("MaxClientsPerClass",)
PAIR_EVENTS = ("MaxLoginAttemptsFromUser",)
"""Events for which a user is banned from one address."""

EVENTS = (*HOST_EVENTS, *USER_EVENTS, *CLASS_EVENTS, *PAIR_EVENTS)
_BY_NAME = {name.lower(): name for name in (*EVENTS, *(str(code) for code in Code))}

LONGEST_MESSAGE = 200
"""Bytes of a rule's message: it stands in the ban table."""

BAN_OPTIONS = ("MatchAnyServer",)
CACHE_OPTIONS = ("MatchServer", "UseJSON")


class BanRule(NamedTuple):
    """Who causes `event` `most` times within `seconds` is banned for `duration` seconds, and told `message`."""

    event: str
    most: int
    seconds: int
    duration: int
    message: str | None = None

    @property
    def meant(self) -> str:
        """What counts: one of `EVENTS`, a reason code, or a name that nothing has here."""
        return BANNED_FOR.get(self.event, self.event)

    @property
    def key(self) -> str:
        """A section's rule for an event replaces the one that it inherits."""
        return self.event


def clock(word: str, what: str) -> int:
    """Seconds of `hh:mm:ss`, which are not none."""
    found = re.fullmatch(r"(\d{1,3}):(\d{1,2}):(\d{1,2})", word, re.ASCII)
    if found is None:
        raise ArgumentError(f"badly formatted {what} parameter: '{word}'", remedy="Write hh:mm:ss.")
    hours, minutes, seconds = (int(part) for part in found.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if not total:
        raise ArgumentError(f"{what} parameter cannot be '00:00:00'")
    return total


def rule(words: Sequence[str]) -> tuple[BanRule, ...]:
    """`event N/hh:mm:ss hh:mm:ss [message]`."""
    want(words, 3, 4)
    event = _BY_NAME.get(words[0].lower(), words[0] if is_a_name(words[0]) else None)
    if event is None:
        raise ArgumentError(
            f"unknown event: '{words[0]}'", remedy=f"It is one of {', '.join(EVENTS)}, or a reason code"
            " (`ftpsd explain` knows them), as limit-denied.")
    count, slash, window = words[1].partition("/")
    if not slash or not re.fullmatch(r"\d{1,6}", count, re.ASCII):
        raise ArgumentError(f"badly formatted freq parameter: '{words[1]}'", remedy="Write N/hh:mm:ss.")
    if not int(count):
        raise ArgumentError("freq occurrences must be greater than 0")
    message = words[3] if len(words) == 4 else None
    if message is not None and len(message.encode("utf-8", "surrogateescape")) > LONGEST_MESSAGE:
        raise ArgumentError(f"the message is longer than {LONGEST_MESSAGE} bytes")
    return (BanRule(event, int(count), clock(window, "freq"), clock(words[2], "duration"), message),)


def _named(known: tuple[str, ...], what: str) -> Special[frozenset[str]]:
    def parse(words: Sequence[str]) -> frozenset[str]:
        want(words, 1)
        found = {name for name in known if name.lower() in {word.lower() for word in words}}
        for word in words:
            if word.lower() not in {name.lower() for name in known}:
                raise ArgumentError(f"unknown {what} '{word}'", remedy=f"It is one of {', '.join(known)}.")
        return frozenset(found)

    return Special("option …", parse)


def cache(words: Sequence[str]) -> str | None:
    """`memcache`, `redis` or `none`."""
    want(words, 1, 1)
    if words[0].lower() not in ("memcache", "redis", "none"):
        raise ArgumentError(f"unsupported BanCache driver '{words[0]}'", remedy="It is memcache, redis or none.")
    return None if words[0].lower() == "none" else words[0].lower()


_WHERE = HOST | Context.CONDITIONAL


@dataclass(frozen=True, slots=True)
class BanSettings:
    """Who is kept away for a time. None: there is none."""

    engine: bool = directive(
        "BanEngine", Boolean(), False, contexts=_WHERE, module="mod_ban", good=("on", "off"), bad=("", "maybe"),
        doc="Whether bans are made and enforced. `BanEngine off` in an <IfClass> exempts the clients of a class.",
    )
    table: str | None = directive(
        "BanTable", Path(), None, contexts=ROOT, module="mod_ban", good=("/var/lib/ftpsd/ban.tab",),
        bad=("", "ban.tab"),
        doc="The file with the bans and the counters of BanOnEvent. All workers share it, and it outlives the server.",
        differs="Bans survive a restart of the server; in ProFTPD they do not.",
    )
    log: str | None = directive(
        "BanLog", OptionalPath(), None, contexts=PROCESS, module="mod_ban", good=("/var/log/ftpsd-ban.log", "none"),
        bad=("", "ban.log"), doc="File that says who was banned, and who was turned away.",
    )
    message: str | None = directive(
        "BanMessage", Text('"message"'), None, contexts=_WHERE, module="mod_ban", good=('"Host %a has been banned"',),
        bad=("", "two words"), default_text="Access denied",
        doc="What a banned client is told: %a is its address, %c its class, %u the user's name.",
    )
    rules: tuple[BanRule, ...] = directive(
        "BanOnEvent", Special("event N/hh:mm:ss hh:mm:ss [message]", rule), (), contexts=_WHERE, module="mod_ban",
        combine=Combine.BY_KEY,
        good=(
            "MaxLoginAttempts 2/00:10:00 01:00:00", 'ClientConnectRate 20/00:01:00 04:00:00 "Slow down, %a"',
            "path-forbidden 5/00:01:00 00:30:00"),
        bad=("", "MaxLoginAttempts", "MaxLoginAttempts 2 01:00:00", "MaxLoginAttempts 0/00:10:00 01:00:00",
             "MaxLoginAttempts 2/00:00:00 01:00:00", "MaxLoginAttempts 2/00:10:00 00:00:00",
             "Nothing 2/00:10:00 01:00:00"),
        doc="Who causes the event N times within the first time is banned for the second one: the client's address"
        f" ({', '.join(HOST_EVENTS)}), the user ({', '.join(USER_EVENTS)}), the class ({', '.join(CLASS_EVENTS)}), or"
        f" the user from that address ({', '.join(PAIR_EVENTS)}). The event may also be the reason code of a refused"
        " command, a failed login or the end of a session, or ProFTPD's own name of an event"
        f" ({', '.join(BANNED_FOR)}), for which the address is banned.",
    )
    options: frozenset[str] = directive(
        "BanOptions", _named(BAN_OPTIONS, "BanOption"), frozenset(), contexts=EVERY_HOST, module="mod_ban",
        good=("MatchAnyServer",), bad=("", "MatchNothing"), default_text="none",
        doc="MatchAnyServer: a ban made at one host of this server counts at all of them.",
    )
    cache: str | None = directive(
        "BanCache", Special("memcache|redis|none", cache), None, contexts=EVERY_HOST, module="mod_ban",
        good=("redis", "memcache", "none"), bad=("", "mysql"),
        doc="Bans made by BanOnEvent are shared with other machines by memcached or Redis. While that does not answer,"
        " each machine's own bans count.",
        differs="An entry is ftpsd's own: ProFTPD does not read it.",
    )
    cache_options: frozenset[str] = directive(
        "BanCacheOptions", _named(CACHE_OPTIONS, "BanCacheOption"), frozenset(), contexts=EVERY_HOST, module="mod_ban",
        good=("MatchServer", "MatchServer UseJSON"), bad=("", "Nothing"), default_text="none",
        doc="MatchServer: a ban from another machine counts only at a host with the same address and port."
        " UseJSON: entries are written as JSON.",
    )

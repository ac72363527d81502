"""mod_tls: how clients resume their TLS sessions: caches, tickets and their keys."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ftpsd.settings.arguments import (
    ArgumentError,
    Boolean,
    Special,
    absolute_path,
    duration,
    want,
    whole_number,
)
from ftpsd.settings.declaration import ROOT, Combine, directive
from ftpsd.settings.tls_keys import KeySettings
from ftpsd.settings.values import SessionCache, TicketKeyRules, TicketPool

MODULE = "mod_tls"
SESSION_KINDS = ("internal", "shm", "memcache", "redis")
POOL_KINDS = ("memcache", "redis")
DEFAULT_TIMEOUT = 1800
"""Seconds, where TLSSessionCache names none."""

LONGEST_TIMEOUT = 7 * 24 * 3600
"""Seconds (RFC 8446 4.6.1)."""

YOUNGEST_KEY = 60
"""Seconds that TLSSessionTicketKeys gives a key at least."""

MOST_KEYS = 256


def cache_place(word: str, kinds: Sequence[str]) -> SessionCache:
    """`TYPE:INFO`, with a type of `kinds`: `internal:`, `shm:/file=PATH[&size=BYTES]`, `fs:/path=DIRECTORY`,
    `memcache:`, `redis:` (and `/json`, `/prefix=WORD` or `/json&prefix=WORD` behind the last two).
    """
    kind, colon, info = word.partition(":")
    kind = kind.lower()
    if not colon:
        raise ArgumentError(
            "badly formatted parameter", remedy="Write a type and a colon, for example internal: or off.")
    if kind not in kinds:
        raise ArgumentError(
            f"session cache type '{kind}' not available", remedy=f"The types are {', '.join(kinds)}.")
    if kind == "shm":
        return _shm(info)
    if kind == "fs":
        return SessionCache("fs", path=absolute_path(_fields(info, "path").get("path", "")))
    if kind in ("memcache", "redis") and info:
        return _remote(kind, info)
    if info:
        raise ArgumentError(f"'{info}' does not belong behind {kind}:", remedy=f"Write {kind}: and nothing else.")
    return SessionCache(kind)


def _fields(info: str, *names: str) -> dict[str, str]:
    """`/name=value&name=value`."""
    found: dict[str, str] = {}
    if not info.startswith("/"):
        raise ArgumentError("badly formatted parameter", remedy=f"Write /{names[0]}=… behind the colon.")
    for part in info[1:].split("&"):
        name, equals, value = part.partition("=")
        if not equals or name not in names or name in found:
            raise ArgumentError(f"badly formatted parameter: '{part}'", remedy=f"It takes {' and '.join(names)}.")
        found[name] = value
    return found


def _remote(kind: str, info: str) -> SessionCache:
    json = re.fullmatch(r"/json(?:&(.*))?", info, re.IGNORECASE)
    rest = f"/{json[1]}" if json and json[1] else "" if json else info
    prefix = _fields(rest, "prefix").get("prefix", "") if rest else ""
    if rest and not re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", prefix):
        raise ArgumentError(f"'{prefix}' is no usable prefix", remedy="It takes letters, digits, _ . : and -.")
    return SessionCache(kind, json=json is not None, prefix=prefix)


def _shm(info: str) -> SessionCache:
    fields = _fields(info, "file", "size")
    size = whole_number(fields["size"], "size") if "size" in fields else 0
    if size > 2**30:
        raise ArgumentError("size is more than 1 GiB", remedy="A session takes some hundred bytes.")
    return SessionCache("shm", path=absolute_path(fields.get("file", "")), size=size)


def session_cache(words: Sequence[str]) -> SessionCache:
    """`off`, or a place and the seconds that a session can be resumed; `internal:` may have them behind its colon."""
    want(words, 1, 2)
    if words[0].lower() in ("off", "none"):
        want(words, 1, 1)
        return SessionCache("off", 0)
    place, seconds = words[0], words[1:]
    if place.lower().startswith("internal:") and len(place) > len("internal:"):
        seconds = [place[len("internal:"):], *seconds]
        place = "internal:"
        want(seconds, 1, 1)
    where = cache_place(place, SESSION_KINDS)
    timeout = _timeout(seconds[0]) if seconds else DEFAULT_TIMEOUT
    return replace(where, timeout=timeout)


def _timeout(word: str) -> int:
    try:
        seconds = duration(word)
    except ArgumentError:
        raise ArgumentError(f"'{word}' is not a valid timeout value", remedy="Write seconds.") from None
    if seconds < 1:
        raise ArgumentError("timeout must be greater than 0", remedy="Write seconds, or TLSSessionCache off.")
    return min(seconds, LONGEST_TIMEOUT)


def ticket_pool(words: Sequence[str]) -> TicketPool:
    """`redis:` or `memcache:`, and the path of a file."""
    want(words, 2, 2)
    return TicketPool(cache_place(words[0], POOL_KINDS), absolute_path(words[1]))


def ticket_keys(words: Sequence[str]) -> TicketKeyRules:
    """`age TIME` and `count NUMBER`, at least one of them."""
    want(words, 2, 4)
    if len(words) % 2:
        raise ArgumentError("wrong number of parameters", remedy="Write for example age 12h count 25.")
    values = {"age": TicketKeyRules().age, "count": TicketKeyRules().count}
    for keyword, value in zip(words[::2], words[1::2], strict=True):
        key = keyword.lower()
        if key not in values:
            raise ArgumentError(f"unknown parameter: '{keyword}'", remedy="It is age or count.")
        values[key] = duration(value) if key == "age" else whole_number(value, "count")
    if values["age"] < YOUNGEST_KEY:
        raise ArgumentError(f"age must be at least {YOUNGEST_KEY} seconds")
    if not 1 <= values["count"] <= MOST_KEYS:
        raise ArgumentError(f"count must be at least 1 and at most {MOST_KEYS}")
    return TicketKeyRules(values["age"], values["count"])


@dataclass(frozen=True, slots=True)
class SessionSettings(KeySettings):
    """Resumption of TLS sessions."""

    session_cache: SessionCache = directive(
        "TLSSessionCache",
        Special("off|internal:|shm:/file=path[&size=bytes]|memcache:|redis: [seconds]", session_cache),
        SessionCache(), module=MODULE, contexts=ROOT, combine=Combine.LAST, default_text="internal: 15840",
        differs="a data connection is never refused for the age of its session",
        good=("off", "internal:", "internal: 1800", "internal:1800", "shm:/file=/run/ftpsd/sessions",
              "shm:/file=/run/ftpsd/sessions&size=2097152 600", "memcache:", "memcache:/json 3600", "redis: 3600",
              "redis:/prefix=site2", "redis:/json&prefix=site2 60"),
        bad=("", "internal", "internal:soon", "internal: 0", "internal:1 2", "shm:", "shm:/file=x", "shm:/size=1",
             "shm:/file=/x&size=big", "dbm:/path=/x", "redis:/xml", "redis:/prefix=a b", "memcache:/json&x=1",
             "internal:/json"),
        doc="Where the sessions of control connections are kept for new ones (TLS 1.2 and older, without tickets),"
        " and how many seconds (1800 where nothing is said) a session or ticket can be resumed. internal: memory of"
        " this server's workers. shm: shared memory for every ftpsd that names the same file (nothing secret"
        " is written to it). memcache: what MemcacheServers names; redis: what RedisServer or RedisSentinel names;"
        " behind the colon may stand /json (entries in JSON), /prefix=WORD (what the names of entries begin with,"
        " instead of ftpsd), or /json&prefix=WORD. A cache that cannot be reached costs full handshakes, nothing"
        " else.",
    )
    session_tickets: bool = directive(
        "TLSSessionTickets", Boolean(), True, module=MODULE, good=("off",), bad=("RFC5077",),
        doc="Session tickets are issued and taken (TLS 1.2; TLS 1.3 has no other way of resumption).",
    )
    ticket_keys: TicketKeyRules = directive(
        "TLSSessionTicketKeys", Special("[age time] [count number]", ticket_keys), TicketKeyRules(), module=MODULE,
        contexts=ROOT, default_text="age 12h count 25",
        good=("age 12h", "count 1", "age 1h count 3", "count 25 age 86400"),
        bad=("", "age", "age 59", "count 0", "count 257", "age 1h count", "size 3"),
        doc="Keys that session tickets are encrypted with are made at random, one an hour (or, where they last less"
        " than an hour, shortly before the last one expires), and kept in memory alone. age: how long a ticket of a"
        " key is taken. count: how many keys are kept. A data connection is never refused for the age of its"
        " control connection's ticket.",
    )
    ticket_pool: TicketPool | None = directive(
        "TLSSessionTicketPool", Special("redis:|memcache: /path", ticket_pool), None, module="mod_ftpsd",
        contexts=ROOT, combine=Combine.LAST, default_text="none",
        good=("redis: /etc/ftpsd/pool.secret", "memcache:/prefix=site2 /etc/ftpsd/pool.secret"),
        bad=("", "redis:", "redis: pool.secret", "shm:/file=/x /etc/ftpsd/pool.secret", "/etc/ftpsd/pool.secret"),
        doc="The machines of a pool exchange their session ticket keys through Redis or memcached, so that a client"
        " resumes its session (TLS 1.3, and TLS 1.2 with tickets) on whichever machine it comes to. The file holds the"
        " pool's secret: at least 32 random characters (openssl rand -base64 48), the same on every machine, readable"
        " by nobody else. Keys are sealed with it, and so are the sessions in a TLSSessionCache of memcache or redis."
        " A directive of ftpsd's own.",
    )

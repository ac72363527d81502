"""mod_tls: how clients resume their TLS sessions: caches, tickets and their keys."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ftpsd.settings.arguments import (
    ArgumentError,
    Boolean,
    NotSupportedYet,
    Special,
    absolute_path,
    duration,
    want,
    whole_number,
)
from ftpsd.settings.declaration import ROOT, Combine, directive
from ftpsd.settings.tls_keys import KeySettings
from ftpsd.settings.values import SessionCache, TicketKeyRules

MODULE = "mod_tls"
SESSION_KINDS = ("internal", "shm", "memcache", "redis")
DEFAULT_TIMEOUT = 1800
"""Seconds, where TLSSessionCache names none."""

LONGEST_TIMEOUT = 7 * 24 * 3600
"""Seconds (RFC 8446 4.6.1)."""

YOUNGEST_KEY = 60
"""Seconds that TLSSessionTicketKeys gives a key at least."""

MOST_KEYS = 256


def cache_place(word: str, kinds: Sequence[str]) -> SessionCache:
    """`TYPE:INFO`, with a type of `kinds`: `internal:`, `shm:/file=PATH[&size=BYTES]`, `fs:/path=DIRECTORY`."""
    kind, colon, info = word.partition(":")
    kind = kind.lower()
    if not colon:
        raise ArgumentError(
            "badly formatted parameter", remedy="Write a type and a colon, for example internal: or off.")
    if kind in ("memcache", "redis"):
        raise NotSupportedYet(f"a cache of type '{kind}'", remedy="Write internal: or shm:/file=…")
    if kind not in kinds:
        raise ArgumentError(
            f"session cache type '{kind}' not available", remedy=f"The types are {', '.join(kinds)}.")
    if kind == "shm":
        return _shm(info)
    if kind == "fs":
        return SessionCache("fs", path=absolute_path(_fields(info, "path").get("path", "")))
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
    return SessionCache(where.kind, timeout, where.path, where.size)


def _timeout(word: str) -> int:
    try:
        seconds = duration(word)
    except ArgumentError:
        raise ArgumentError(f"'{word}' is not a valid timeout value", remedy="Write seconds.") from None
    if seconds < 1:
        raise ArgumentError("timeout must be greater than 0", remedy="Write seconds, or TLSSessionCache off.")
    return min(seconds, LONGEST_TIMEOUT)


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
        Special("off|internal:|shm:/file=path[&size=bytes] [seconds]", session_cache),
        SessionCache(), module=MODULE, contexts=ROOT, combine=Combine.LAST, default_text="internal: 15840",
        good=("off", "internal:", "internal: 1800", "internal:1800", "shm:/file=/run/ftpsd/sessions",
              "shm:/file=/run/ftpsd/sessions&size=2097152 600"),
        bad=("", "internal", "internal:soon", "internal: 0", "internal:1 2", "shm:", "shm:/file=x", "shm:/size=1",
             "shm:/file=/x&size=big", "dbm:/path=/x", "redis:/xml"),
        doc="Where the sessions of control connections are kept for new ones (TLS 1.2 and older, without tickets),"
        " and how many seconds (1800 where nothing is said) a session or ticket can be resumed. internal: memory of"
        " this server's workers. shm: shared memory for every ftpsd that names the same file (nothing secret"
        " is written to it).",
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

"""mod_memcache and mod_redis: how the servers are reached that caches may lie in."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ftpsd.settings.arguments import (
    ArgumentError,
    Boolean,
    Special,
    absolute_path,
    boolean,
    host_or_address,
    want,
    whole_number,
)
from ftpsd.settings.declaration import EVERY_HOST, Combine, directive

REDIS_PORT, SENTINEL_PORT, MEMCACHE_PORT = 6379, 26379, 11211
DEFAULT_MILLIS = 500
"""Milliseconds for connecting, and for each question."""

LONGEST_MILLIS = 60_000
MOST_DATABASE = 65535

_CONTEXTS = EVERY_HOST
"""Caches belong to the whole server, so their servers do; in a <VirtualHost> they are the whole server's, too."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server: `host` and `port`, or the `path` of a local socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ClientTLS:
    """TLS towards a server: files (PEM) of its authority (""; the system's), our certificate and our key ("": none)."""

    authority: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class RedisServer:
    """RedisServer. `tls` None: in clear."""

    address: Address
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: ClientTLS | None = None


@dataclass(frozen=True, slots=True)
class RedisSentinels:
    """RedisSentinel: who knows where the server called `master` is ("": the first that they know)."""

    addresses: tuple[Address, ...]
    master: str = ""
    tls: ClientTLS | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for connecting, and for each question or answer."""

    connect: float = DEFAULT_MILLIS / 1000
    io: float = DEFAULT_MILLIS / 1000


def address(word: str, port: int) -> Address:
    """`host[:port]`, `[IPv6]:port` or the path of a local socket."""
    if word.startswith("/"):
        return Address(path=absolute_path(word))
    match = re.fullmatch(r"(\[[^]]*\]|[^:]*)(?::([0-9]{1,5}))?", word)
    if match is None:
        raise ArgumentError(f"badly formatted server: '{word}'", remedy="Write host:port, [IPv6]:port or /path.")
    number = int(match[2]) if match[2] else port
    if not 1 <= number <= 65535:
        raise ArgumentError(f"'{match[2]}' is not a valid port")
    return Address(host_or_address(match[1]), number)


_TLS_FILES = {"ssl-ca:": "authority", "ssl-cert:": "certificate", "ssl-key:": "key"}


def _without_tls(words: Sequence[str]) -> tuple[list[str], ClientTLS | None]:
    """The words that are not about TLS, and what the others say."""
    rest: list[str] = []
    files: dict[str, str] = {}
    on = False
    for word in words:
        prefix = next((name for name in _TLS_FILES if word.lower().startswith(name)), None)
        if prefix is not None:
            files[_TLS_FILES[prefix]] = absolute_path(word[len(prefix):])
        elif word.lower().startswith("ssl:"):
            switch = boolean(word[4:])
            if switch is None:
                raise ArgumentError("expected Boolean parameter", remedy="Write ssl:true or ssl:false.")
            on = switch
        else:
            rest.append(word)
    if files and not on:
        raise ArgumentError("files for TLS without TLS", remedy="Add ssl:true.")
    if "key" in files and "certificate" not in files:
        raise ArgumentError("a key without a certificate", remedy="Add ssl-cert:/path.")
    return rest, ClientTLS(**files) if on else None


def redis_server(words: Sequence[str]) -> RedisServer:
    """`server [username] [password] [database] [ssl:true …]`; a single word after the server is a password."""
    rest, tls = _without_tls(words)
    want(rest, 1, 4)
    where = address(rest[0], REDIS_PORT)
    if where.path and tls is not None:
        raise ArgumentError("TLS over a local socket", remedy="Take ssl:true away.")
    names = rest[1:3] if len(rest) > 2 else ["", *rest[1:]]
    database = whole_number(rest[3], "database") if len(rest) == 4 else 0
    if database > MOST_DATABASE:
        raise ArgumentError(f"'{rest[3]}' is not a valid database")
    username, password = (*names, "", "")[:2]
    return RedisServer(where, username, password, database, tls)


def redis_sentinel(words: Sequence[str]) -> RedisSentinels:
    """`server … [master name] [ssl:true …]`."""
    rest, tls = _without_tls(words)
    master = ""
    if len(rest) > 2 and rest[-2].lower() == "master":
        master, rest = rest[-1], rest[:-2]
    want(rest, 1)
    addresses = tuple(address(word, SENTINEL_PORT) for word in rest)
    if any(one.path for one in addresses):
        raise ArgumentError("a Sentinel has a host and a port", remedy="Write host:port.")
    return RedisSentinels(addresses, master, tls)


def _seconds(word: str, what: str) -> float:
    try:
        millis = whole_number(word)
    except ArgumentError:
        raise ArgumentError(f"badly formatted {what} timeout value: {word}", remedy="Write milliseconds.") from None
    if not 1 <= millis <= LONGEST_MILLIS:
        raise ArgumentError(f"{what} timeout must be between 1 and {LONGEST_MILLIS} milliseconds")
    return millis / 1000


def redis_timeouts(words: Sequence[str]) -> Timeouts:
    """`connect io`, in milliseconds."""
    want(words, 2, 2)
    return Timeouts(_seconds(words[0], "connect"), _seconds(words[1], "IO"))


def memcache_timeouts(words: Sequence[str]) -> Timeouts:
    """`connect read write [retry]`, in milliseconds; the longer one of read and write counts for both."""
    want(words, 3, 4)
    connect, read, write, *_ = (
        _seconds(word, what) for word, what in zip(words, ("connect", "read", "write", "retry"), strict=False))
    return Timeouts(connect, max(read, write))


def memcache_servers(words: Sequence[str]) -> tuple[Address, ...]:
    """`server …`."""
    want(words, 1)
    return tuple(address(word, MEMCACHE_PORT) for word in words)


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """Servers that caches and logs of the whole ftpsd may lie in."""

    redis_engine: bool = directive(
        "RedisEngine", Boolean(), False, module="mod_redis", contexts=_CONTEXTS, combine=Combine.LAST,
        good=("on", "off"), bad=("maybe",),
        doc="Redis may be used: TLSSessionCache redis:, TLSStaplingCache redis:, RedisLogOnCommand and the like.",
    )
    redis_server: RedisServer | None = directive(
        "RedisServer",
        Special("server [username] [password] [database] [ssl:true] [ssl-ca:/path] [ssl-cert:/path] [ssl-key:/path]",
                redis_server),
        None, module="mod_redis", contexts=_CONTEXTS, combine=Combine.LAST, default_text="none", secret=True,
        good=("127.0.0.1:6379", "[::1]:6379", "/run/redis/redis.sock", "redis.example.org secret",
              '10.0.0.1 "" "" 2', "10.0.0.1:6380 ftpsd secret 2 ssl:true ssl-ca:/etc/ftpsd/redis-ca.pem"),
        bad=("", "redis:0", "redis:70000", "a b c d e", "redis user secret two", "redis ssl:maybe",
             "redis ssl-ca:/etc/ca.pem", "redis ssl:true ssl-key:/etc/key.pem", "/run/redis.sock ssl:true"),
        doc="The Redis server: host and port (6379) or the path of its socket. One word more is a password, two are"
        " a user's name and password, and the number of a database may follow. ssl:true: over TLS; the server's"
        " certificate must bear its name and come from ssl-ca (or an authority that the system trusts); ssl-cert and"
        " ssl-key are ours.",
    )
    redis_sentinel: RedisSentinels | None = directive(
        "RedisSentinel",
        Special("server … [master name] [ssl:true] [ssl-ca:/path] [ssl-cert:/path] [ssl-key:/path]", redis_sentinel),
        None, module="mod_redis", contexts=_CONTEXTS, combine=Combine.LAST, default_text="none",
        good=("10.0.0.1 10.0.0.2:26380 master ftp", "[::1]:26379"), bad=("", "host:0", "/a ssl:x"),
        doc="Redis Sentinels, who know which server is the master of that name (or the first one that they know)."
        " User, password, database and TLS of the master are those of RedisServer, if there is one.",
    )
    redis_timeouts: Timeouts = directive(
        "RedisTimeouts", Special("connect io", redis_timeouts), Timeouts(), module="mod_redis", contexts=_CONTEXTS,
        combine=Combine.LAST, default_text="500 500", good=("500 500", "100 2000"),
        bad=("", "500", "0 500", "soon 500", "500 60001"),
        doc="Milliseconds for connecting to Redis, and for each question. A handshake never waits longer than both"
        " together.",
    )
    memcache_engine: bool = directive(
        "MemcacheEngine", Boolean(), False, module="mod_memcache", contexts=_CONTEXTS, combine=Combine.LAST,
        good=("on", "off"), bad=("maybe",),
        doc="memcached may be used: TLSSessionCache memcache:, TLSStaplingCache memcache:.",
    )
    memcache_servers: tuple[Address, ...] = directive(
        "MemcacheServers", Special("server …", memcache_servers), (), module="mod_memcache", contexts=_CONTEXTS,
        combine=Combine.LAST, default_text="none",
        good=("127.0.0.1:11211", "10.0.0.1 10.0.0.2:22422", "/run/memcached.sock", "[::1]"),
        bad=("", "host:0", "a:b:c"),
        doc="The memcached servers: host and port (11211) or the path of a socket. Each entry lies on one of them,"
        " the same for every ftpsd with the same list; where one is down the others take its part.",
    )
    memcache_timeouts: Timeouts = directive(
        "MemcacheTimeouts", Special("connect read write [retry]", memcache_timeouts), Timeouts(),
        module="mod_memcache", contexts=_CONTEXTS, combine=Combine.LAST, default_text="500 500 500",
        good=("500 500 500", "100 200 300 1000"), bad=("", "500 500", "500 500 never", "1 2 3 4 5"),
        doc="Milliseconds for connecting to memcached, and for each question (the longer one of read and write); the"
        " fourth number has no effect: a server that failed is tried again by itself.",
    )

    def missing(self, kind: str) -> str:
        """The directive that servers of a kind (`redis`, `memcache`) want before they can be used; "": none."""
        engine, known = (
            (self.redis_engine, self.redis_server or self.redis_sentinel) if kind == "redis"
            else (self.memcache_engine, self.memcache_servers))
        name = kind.capitalize()
        if not engine:
            return f"{name}Engine on"
        return "" if known else server_directive(kind)


def server_directive(kind: str) -> str:
    """The directive that names the servers of a kind."""
    return "RedisServer" if kind == "redis" else "MemcacheServers"

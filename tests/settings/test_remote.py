"""RedisServer, RedisSentinel, MemcacheServers and their time limits: what the words mean."""

from __future__ import annotations

import pytest

from ftpsd.settings.arguments import ArgumentError
from ftpsd.settings.remote import (
    Address,
    ClientTLS,
    RedisSentinels,
    RedisServer,
    Timeouts,
    address,
    memcache_servers,
    memcache_timeouts,
    redis_sentinel,
    redis_server,
    redis_timeouts,
)
from tests.settings.support import failure, main_host


@pytest.mark.parametrize(("word", "expected"), [
    ("10.0.0.1", Address("10.0.0.1", 7)), ("host.example:80", Address("host.example", 80)),
    ("[::1]:80", Address("::1", 80)), ("[::1]", Address("::1", 7)), ("/run/x.sock", Address(path="/run/x.sock")),
])
def test_addresses(word: str, expected: Address) -> None:
    assert address(word, 7) == expected


def test_addresses_as_people_write_them() -> None:
    assert [str(address(word, 1)) for word in ("a:2", "[::1]:2", "/s")] == ["a:2", "[::1]:2", "/s"]


@pytest.mark.parametrize("word", ["", ":80", "a:b", "a:0", "a:65536", "::1", "[::1", "a b", "a:1:2"])
def test_no_addresses(word: str) -> None:
    with pytest.raises(ArgumentError):
        address(word, 1)


HERE = Address("h", 6379)


@pytest.mark.parametrize(("words", "expected"), [
    ("h", RedisServer(HERE)), ("h secret", RedisServer(HERE, "", "secret")),
    ("h ali secret", RedisServer(HERE, "ali", "secret")), ("h ali secret 2", RedisServer(HERE, "ali", "secret", 2)),
    ("h secret ssl:true", RedisServer(HERE, "", "secret", 0, ClientTLS())),
    ("h ssl:true ssl-ca:/c ssl-cert:/d ssl-key:/e", RedisServer(HERE, tls=ClientTLS("/c", "/d", "/e"))),
    ("h ssl:off", RedisServer(HERE)),
])
def test_redis_servers(words: str, expected: RedisServer) -> None:
    assert redis_server(words.split()) == expected


def test_a_database_without_a_password() -> None:
    assert redis_server(["h", "", "", "2"]) == RedisServer(HERE, database=2)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(redis_server(["h", "secret"]))


@pytest.mark.parametrize(("words", "expected"), [
    ("a b:1", RedisSentinels((Address("a", 26379), Address("b", 1)))),
    ("a master ftp", RedisSentinels((Address("a", 26379),), "ftp")),
    ("master ssl:on", RedisSentinels((Address("master", 26379),), "", ClientTLS())),
])
def test_sentinels(words: str, expected: RedisSentinels) -> None:
    assert redis_sentinel(words.split()) == expected


def test_time_limits() -> None:
    assert redis_timeouts(["100", "2000"]) == Timeouts(0.1, 2.0)
    assert memcache_timeouts(["100", "200", "300"]) == Timeouts(0.1, 0.3)
    assert memcache_timeouts(["100", "400", "300", "1000"]) == Timeouts(0.1, 0.4)
    assert memcache_servers(["a", "/b"]) == (Address("a", 11211), Address(path="/b"))


@pytest.mark.parametrize(("line", "text"), [
    ("RedisServer h ssl-ca:/c", "files for TLS without TLS"),
    ("RedisServer h ssl:true ssl-key:/k", "a key without a certificate"),
    ("RedisServer /s ssl:true", "TLS over a local socket"),
    ("RedisSentinel /s", "a Sentinel has a host and a port"),
    ("RedisTimeouts soon 1", "badly formatted connect timeout value: soon"),
    ("MemcacheTimeouts 1 2 x", "badly formatted write timeout value: x"),
])
def test_errors(line: str, text: str) -> None:
    assert text in failure(line)


def test_they_stand_in_global_sections_too() -> None:
    host = main_host("<Global>\nRedisEngine on\nRedisServer 10.0.0.1\n</Global>")
    assert host.settings.remote.redis_engine
    assert host.settings.remote.redis_server == RedisServer(Address("10.0.0.1", 6379))

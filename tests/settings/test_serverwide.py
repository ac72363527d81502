"""What ftpsd has once for all hosts, and caches whose servers are named nowhere."""

from __future__ import annotations

import pytest

from tests.settings.support import configuration, failure

REDIS = "RedisEngine on\nRedisServer 127.0.0.1:6379"
HOST = "<VirtualHost 127.0.0.2>\n{}\n</VirtualHost>\n"


@pytest.mark.parametrize(("lines", "group", "field", "value"), [
    (REDIS, "remote", "redis_engine", True),
    ("MemcacheEngine on\nMemcacheServers 127.0.0.1", "remote", "memcache_engine", True),
    ("BanOptions MatchAnyServer", "bans", "options", {"MatchAnyServer"}),
    (f"{REDIS}\nBanCache redis", "bans", "cache", "redis"),
])
def test_a_virtual_host_says_it_for_the_whole_server(lines: str, group: str, field: str, value: object) -> None:
    found = configuration(HOST.format(lines) + HOST.replace("0.0.2", "0.0.3").format(lines))
    for host in found.hosts:
        assert getattr(getattr(host.settings, group), field) == value
    assert sum("counts for the whole server" in text for text in found.notices) == len(lines.splitlines())


@pytest.mark.parametrize("text", [
    "RedisServer 127.0.0.1\n" + HOST.format("RedisServer 127.0.0.2"),
    "<Global>\nRedisServer 127.0.0.1\n</Global>\n" + HOST.format("\nRedisServer 127.0.0.2"),
    HOST.format("RedisServer 127.0.0.1") + HOST.replace("0.0.2", "0.0.3").format("RedisServer 127.0.0.2"),
])
def test_hosts_do_not_have_servers_of_their_own(text: str) -> None:
    assert "there is one for the whole server" in failure(text)


def test_a_host_may_log_nothing_to_redis() -> None:
    main, other = configuration(f"{REDIS}\n{HOST.format('RedisEngine off')}").hosts
    assert main.settings.remote.redis_engine
    assert not other.settings.remote.redis_engine


@pytest.mark.parametrize("outside", ["{}", "<Global>\n{}\n</Global>", ""])
def test_memcached_is_off_for_the_whole_server_or_not_at_all(outside: str) -> None:
    servers = outside.format("MemcacheEngine on\nMemcacheServers 127.0.0.1")
    found = configuration(f"{servers}\n{HOST.format('MemcacheEngine off')}")
    assert {host.settings.remote.memcache_engine for host in found.hosts} == {bool(outside)}
    (notice,) = found.notices
    assert notice.startswith("MemcacheEngine off in <VirtualHost> on line ")
    assert " has no effect: the whole server uses" in notice
    assert configuration(f"MemcacheEngine off\n{HOST.format('MemcacheEngine off')}").notices == ()


def test_server_config_counts_before_global() -> None:
    found = configuration("RedisServer 127.0.0.1\n<Global>\nRedisServer 127.0.0.2\n</Global>\n" + HOST.format(""))
    assert {str(host.settings.remote.redis_server.address) for host in found.hosts if host.settings.remote.redis_server
            } == {"127.0.0.1:6379"}


@pytest.mark.parametrize(("servers", "needed"), [
    ("", "MemcacheEngine on"), ("MemcacheServers 127.0.0.1\n", "MemcacheEngine on"),
    ("MemcacheEngine on\n", "MemcacheServers"),
])
@pytest.mark.parametrize("line", ["TLSSessionCache memcache: 900", "TLSStaplingCache memcache:", "BanCache memcache"])
def test_a_cache_without_its_server_is_not_used(servers: str, needed: str, line: str) -> None:
    found = configuration(f"{servers}{line}\n")
    settings = found.hosts[0].settings
    cache = settings.tls.session_cache
    assert cache.kind == "internal"
    assert cache.timeout == (900 if "Session" in line else 15840)
    assert settings.tls.stapling_cache is None
    assert settings.bans.cache is None
    (notice,) = found.notices
    assert f"it needs {needed}; write" in notice
    assert f"on line {1 + servers.count(chr(10))} of '/etc/main.conf' is not used" in notice


def test_a_cache_with_its_server_is_used() -> None:
    found = configuration(f"{REDIS}\nTLSSessionCache redis:\nBanCache redis\n")
    assert found.notices == ()
    assert found.hosts[0].settings.tls.session_cache.kind == "redis"
    assert found.hosts[0].settings.bans.cache == "redis"

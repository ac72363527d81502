"""memcached and Redis: real servers from packages, started here."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftpsd.errors import ConfigError
from ftpsd.native._openssl import TicketKeys
from ftpsd.settings.remote import Address, ClientTLS, RedisSentinels, RedisServer, RemoteSettings, Timeouts
from ftpsd.settings.values import SessionCache
from ftpsd.testing import daemons
from ftpsd.testing.daemons import Daemon
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.stores import Backend, Clock, Hands, StoreSuite, value_of
from ftpsd.tls.cache.base import Busy, CacheError, Store
from ftpsd.tls.cache.errands import Errands
from ftpsd.tls.cache.memcache import MemcacheStore
from ftpsd.tls.cache.opening import Purpose, Stores
from ftpsd.tls.cache.redis import RedisStore
from ftpsd.tls.cache.remote import RemoteStore

TIMEOUTS = Timeouts(connect=2.0, io=3.0)
PURPOSE: Purpose = "sessions"


def where(daemon: Daemon) -> Address:
    return Address(daemon.address, daemon.port)


@pytest.fixture(scope="module")
def redis_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = daemons.redis(tmp_path_factory.mktemp("redis"))
    yield daemon
    daemon.stop()


@pytest.fixture(scope="module")
def memcache_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = daemons.memcached(tmp_path_factory.mktemp("memcached"))
    yield daemon
    daemon.stop()


def secret() -> TicketKeys:
    keys = TicketKeys()
    keys.set_secret(b"the secret of the pool")
    return keys


def damage_with(raw: RemoteStore, key: bytes) -> None:
    """Changes a byte of an entry on the server."""
    name = raw._name(key)
    client = raw._connect()
    data = bytearray(client.get(name))
    data[len(data) // 2] ^= 0x01
    client.set(name, bytes(data))
    client.close()


def backend(make: Callable[[Clock], RemoteStore], daemon: Daemon, *, lists: bool) -> Backend:
    with contextlib.closing(make(time.time)) as store:
        store.clear()
    return Backend(
        open=make, damage=lambda key: damage_with(make(time.time), key), vanish=daemon.stop, come_back=daemon.start,
        lists=lists, removable=False, expires_itself=True)


class TestRedis(StoreSuite):
    @pytest.fixture(params=["plain", "sealed json"])
    def form(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def backend(self, redis_daemon: Daemon, form: str) -> Backend:
        keys = secret() if "sealed" in form else None
        return backend(
            lambda clock: RedisStore(
                RedisServer(where(redis_daemon)), PURPOSE, timeouts=TIMEOUTS, prefix=form.replace(" ", "-"),
                json="json" in form, sealer=keys, clock=clock),
            redis_daemon, lists=True)


class TestMemcache(StoreSuite):
    @pytest.fixture(params=["json", "sealed"])
    def form(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def backend(self, memcache_daemon: Daemon, form: str) -> Backend:
        keys = secret() if "sealed" in form else None
        return backend(
            lambda clock: MemcacheStore(
                [where(memcache_daemon)], PURPOSE, timeouts=TIMEOUTS, prefix=form.replace(" ", "-"),
                json="json" in form, sealer=keys, clock=clock),
            memcache_daemon, lists=False)


@pytest.fixture(params=["redis", "memcache"])
def opened(request: pytest.FixtureRequest) -> Iterator[Callable[..., RemoteStore]]:
    """Makes a store of either kind."""
    daemon: Daemon = request.getfixturevalue(f"{request.param}_daemon")
    made: list[RemoteStore] = []

    def make(**options: Any) -> RemoteStore:
        if request.param == "redis":
            made.append(RedisStore(RedisServer(where(daemon)), PURPOSE, timeouts=TIMEOUTS, **options))
        else:
            made.append(MemcacheStore([where(daemon)], PURPOSE, timeouts=TIMEOUTS, **options))
        return made[-1]

    yield make
    for store in made:
        store.close()


Make = Callable[..., RemoteStore]


def test_without_the_secret_nothing_is_read_or_forged(opened: Make) -> None:
    mine, stranger = opened(sealer=secret(), prefix="seal"), opened(prefix="seal")
    assert mine.sealed
    assert not stranger.sealed
    now = time.time()
    mine.store(b"a", b"a secret of a session", now + 60)
    seen = stranger.fetch(b"a")
    assert seen is not None
    assert b"secret" not in seen
    stranger.store(b"b", b"forged", now + 60)
    assert mine.fetch(b"b") is None
    stranger.store(b"c", seen, now + 60)
    assert mine.fetch(b"c") is None, "moved to another key"
    assert mine.status().statistics.errors == 2


def test_prefixes_keep_servers_apart(opened: Make) -> None:
    one, two = opened(prefix="one"), opened(prefix="two")
    one.store(b"a", b"x", time.time() + 60)
    assert two.fetch(b"a") is None
    two.clear()
    assert one.fetch(b"a") == b"x"


def test_many_threads_share_a_store(opened: Make) -> None:
    store = opened(prefix="threads")
    store.start()
    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(30):
            key = b"%d-%d" % (number, turn % 5)
            store.store(key, value_of(number), time.time() + 60)
            found = store.fetch(key)
            if found != value_of(number):
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert wrong == []


def test_while_a_server_is_away_nobody_waits_for_it(opened: Make, request: pytest.FixtureRequest) -> None:
    """The question whether it is back is put by a thread of its own."""
    store = opened(prefix="away")
    daemon: Daemon = request.getfixturevalue("redis_daemon" if store.kind == "redis" else "memcache_daemon")
    said: list[str] = []
    store.note = said.append
    store.start()
    try:
        assert store.store(b"a", b"x", time.time() + 60)
        daemon.stop()
        assert store.fetch(b"a") is None
        began = time.monotonic()
        for _ in range(1000):
            assert store.fetch(b"a") is None
        assert time.monotonic() - began < 1.0
        daemon.start()
        deadline = time.monotonic() + 30
        while not store.store(b"a", b"x", time.time() + 60) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert store.fetch(b"a") == b"x"
        assert len(said) == 2, said
    finally:
        store.close()


class Slow(RemoteStore):
    """A server that accepts questions and never answers."""

    kind = "slow"

    def __init__(self) -> None:
        super().__init__(PURPOSE, timeout=0.2)
        self.release = threading.Event()

    @property
    def name(self) -> str:
        return "slow cache"

    def _connect(self) -> object:
        return object()

    def _fetch(self, key: bytes, deadline: float) -> bytes | None:
        return self._ask(lambda client: (self.release.wait(20), b"late")[1], deadline)

    def _no(self, *arguments: object) -> None:
        raise CacheError("no")

    _store = _delete = _expire = _clear = _remove = _status = _entries = _no  # type: ignore[assignment]


def test_the_deadline_holds_whatever_the_library_does() -> None:
    store = Slow()
    said: list[str] = []
    store.note = said.append
    store.start()
    began = time.monotonic()
    assert store.fetch(b"a") is None
    assert time.monotonic() - began < 2
    assert "no answer in time" in said[0]
    store.release.set()
    store.close()


def test_a_queue_of_questions_has_a_bound() -> None:
    errands, hold = Errands(threads=1), threading.Event()
    errands.start()
    soon = time.monotonic() + 0.05
    for _ in range(70):
        with pytest.raises(CacheError) as caught:
            errands.run(lambda: hold.wait(20), soon)
    assert isinstance(caught.value, Busy)
    assert not errands.send(lambda: None)
    hold.set()
    errands.stop()


def test_a_rush_is_no_outage(opened: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(prefix="rush")
    said: list[str] = []
    store.note = said.append
    store.store(b"a", b"x", time.time() + 60)

    def busy(errand: object, deadline: float) -> object:
        raise Busy("too many questions")

    with monkeypatch.context() as patch:
        patch.setattr(store._errands, "run", busy)
        assert store.fetch(b"a") is None
    assert store.fetch(b"a") == b"x"
    assert said == []


# ---- how servers are reached


def redis_store(server: RedisServer, **options: Any) -> RedisStore:
    return RedisStore(server, PURPOSE, timeouts=TIMEOUTS, **options)


def works(store: Store) -> bool:
    worked = store.store(b"a", b"x", time.time() + 60) and store.fetch(b"a") == b"x"
    store.close()
    return worked


def test_redis_with_users_passwords_and_databases(tmp_path: Path) -> None:
    users = tmp_path / "users.acl"
    users.write_text('user default on >open-sesame ~* +@all\nuser ali on >cave ~* +@all\n')
    daemon = daemons.redis(tmp_path, "--aclfile", str(users))
    try:
        place = where(daemon)
        said: list[str] = []
        assert not works(redis_store(RedisServer(place), note=said.append))
        assert "authenticat" in said[0]
        assert not works(redis_store(RedisServer(place, password="wrong"), note=said.append))
        assert "wrong" not in said[1]
        assert works(redis_store(RedisServer(place, password="open-sesame", database=3)))
        assert works(redis_store(RedisServer(place, "ali", "cave")))
        other = redis_store(RedisServer(place, password="open-sesame", database=4))
        assert other.fetch(b"a") is None
        with pytest.raises(CacheError, match="redis cache"):
            redis_store(RedisServer(place)).status()
    finally:
        daemon.stop()


def test_redis_over_tls(tmp_path: Path, ftps_certificates: Certificates) -> None:
    server, client = ftps_certificates.server, ftps_certificates.client
    authority = str(ftps_certificates.authority_file)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(b"".join(path.read_bytes() for path in (server.certificate, server.chain) if path is not None))
    command = [
        "redis-server", "--port", "0", "--tls-port", "{port}", "--bind", "127.0.0.1", "--save", "", "--dir",
        str(tmp_path), "--tls-cert-file", str(chain), "--tls-key-file", str(server.key),
        "--tls-ca-cert-file", authority,
    ]
    daemon = Daemon(command, tmp_path)
    try:
        place, said = Address("localhost", daemon.port), list[str]()
        mutual = ClientTLS(authority, str(client.certificate), str(client.key))
        assert works(redis_store(RedisServer(place, tls=mutual), note=said.append)), said
        assert not works(redis_store(RedisServer(place, tls=ClientTLS(authority)), note=said.append))
        untrusted = ClientTLS("", mutual.certificate, mutual.key)
        assert not works(redis_store(RedisServer(place, tls=untrusted), note=said.append))
        assert "certificate" in said[1].lower()
        assert not works(redis_store(RedisServer(place)))
    finally:
        daemon.stop()


@pytest.mark.parametrize("master", ["ftp", ""])
def test_sentinels_say_where_redis_is(tmp_path: Path, redis_daemon: Daemon, master: str) -> None:
    config = tmp_path / "sentinel.conf"
    config.write_text(f"bind 127.0.0.1\nsentinel monitor ftp 127.0.0.1 {redis_daemon.port} 1\n")
    sentinel = Daemon(
        ["redis-server", str(config), "--sentinel", "--port", "{port}", "--dir", str(tmp_path)], tmp_path)
    try:
        watchers = RedisSentinels((Address("127.0.0.1", 1), where(sentinel)), master)
        assert works(RedisStore(None, PURPOSE, sentinels=watchers, timeouts=TIMEOUTS, prefix="sentinel"))
        unknown = RedisSentinels((where(sentinel),), "nobody")
        assert not works(RedisStore(None, PURPOSE, sentinels=unknown, timeouts=TIMEOUTS))
        if not master:
            nobody = RedisSentinels((Address("127.0.0.1", 1),))
            assert not works(RedisStore(None, PURPOSE, sentinels=nobody, timeouts=TIMEOUTS))
    finally:
        sentinel.stop()


def test_local_sockets(tmp_path: Path) -> None:
    with short_path() as directory:
        daemon = daemons.redis(tmp_path, path=f"{directory}/r")
        try:
            assert works(redis_store(RedisServer(Address(path=f"{directory}/r"))))
        finally:
            daemon.stop()


@contextlib.contextmanager
def short_path() -> Iterator[str]:
    """Paths of sockets have at most 107 bytes, which pytest's own may exceed."""
    path = f"/tmp/ftpsd-{os.getpid()}-{threading.get_ident() % 10000}"
    os.mkdir(path, 0o700)
    try:
        yield path
    finally:
        for name in os.listdir(path):
            os.unlink(f"{path}/{name}")
        os.rmdir(path)


def test_of_several_memcached_servers_one_may_fail(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = daemons.memcached(tmp_path / "one"), daemons.memcached(tmp_path / "two")
    store = MemcacheStore([where(one), where(two)], PURPOSE, timeouts=TIMEOUTS)
    try:
        for number in range(20):
            assert store.store(b"%d" % number, b"x", time.time() + 60)
        one.stop()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            stored = [store.store(b"%d" % number, b"y", time.time() + 60) for number in range(20)]
            if all(stored):
                break
            time.sleep(0.1)
        assert [store.fetch(b"%d" % number) for number in range(20)] == [b"y"] * 20
    finally:
        store.close()
        one.stop()
        two.stop()


SERVERS = RemoteSettings(
    redis_engine=True, redis_server=RedisServer(Address("127.0.0.1", 6379)), memcache_engine=True,
    memcache_servers=(Address("127.0.0.1", 11211),))


@pytest.mark.parametrize(("kind", "servers", "text"), [
    ("redis", RemoteSettings(), "needs RedisEngine on"),
    ("redis", RemoteSettings(redis_engine=True), "needs RedisServer"),
    ("memcache", RemoteSettings(), "needs MemcacheEngine on"),
    ("memcache", RemoteSettings(memcache_engine=True), "needs MemcacheServers"),
])
def test_a_cache_without_servers_is_refused(kind: str, servers: RemoteSettings, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Stores().lease(SessionCache(kind), PURPOSE, "TLSSessionCache", print, servers=servers)


@pytest.mark.parametrize("kind", ["redis", "memcache"])
def test_a_library_that_is_missing_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    library = {"redis": "redis", "memcache": "pymemcache"}[kind]
    ours = {f"ftpsd.tls.cache.{kind}", "ftpsd.tls.cache.redisplace"}
    for name in [name for name in sys.modules if name.split(".")[0] == library or name in ours]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match="is not installed") as caught:
        Stores().lease(SessionCache(kind), PURPOSE, "TLSSessionCache", print, servers=SERVERS)
    assert f"{sys.executable} -m pip install 'ftpsd[{kind}]'" in str(caught.value)


def test_stores_are_told_apart_by_servers_and_secrets() -> None:
    stores = Stores()

    def lease(servers: RemoteSettings = SERVERS, sealer: TicketKeys | None = None, json: bool = False) -> Store:
        return stores.lease(
            SessionCache("redis", json=json), PURPOSE, "TLSSessionCache", print, servers=servers, sealer=sealer)

    first = lease()
    assert lease() is first
    assert lease(json=True) is not first
    assert lease(sealer=secret()) is not first
    other = RemoteSettings(redis_engine=True, redis_server=RedisServer(Address("127.0.0.2", 6379)))
    assert lease(other) is not first


def test_the_clock_of_the_server_counts_too(opened: Make) -> None:
    hands = Hands()
    store = opened(clock=hands, prefix="clock")
    store.store(b"a", b"x", hands.now + 1)
    deadline = time.monotonic() + 20
    while store.fetch(b"a") is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert store.fetch(b"a") is None

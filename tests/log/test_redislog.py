"""The objects and keys of the log in Redis, and their way there: to one that is away, slow, drips, refuses."""

from __future__ import annotations

import contextlib
import functools
import json
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.errors import ConfigError
from ftpsd.log import formats, shipping
from ftpsd.log.escape import escape
from ftpsd.log.record import CommandForRedis, Record
from ftpsd.log.redislog import LONGEST_KEY, RedisLogSink, open_redis_log
from ftpsd.log.shipping import LAST_MOMENT, MOST_BYTES, MOST_WAITING, Courier, Entry, NotSent, Shipper
from ftpsd.reasons.codes import Code
from ftpsd.settings.remote import Address, RedisSentinels, RedisServer, Timeouts
from ftpsd.testing import daemons
from ftpsd.testing.ports import free_port
from ftpsd.tls.cache.base import CacheError
from tests.log.support import CLIENT, clock
from tests.log.test_formats import EXIT, PASS, RETR
from tests.settings.support import configuration
from tests.sql.support import Said

redis = pytest.importorskip("redis")
from ftpsd.tls.cache.redisplace import RedisPlace  # noqa: E402 (needs the library)

SERVER = "RedisEngine on\nRedisServer 127.0.0.1\n"
PATIENCE = 15.0
SHORT, LONG = Timeouts(connect=0.2, io=0.2), Timeouts(connect=2.0, io=2.0)


def eventually(happened: Callable[[], object], what: object = "") -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


class Basket(Shipper):
    """Keeps what is to be sent."""

    def __init__(self) -> None:
        super().__init__(Courier(object, SHORT), "Redis", lambda text, reason: None)
        self.entries: list[Entry] = []

    def ship(self, entry: Entry) -> None:
        self.entries.append(entry)


def logged(directives: str, record: Record) -> list[tuple[str, dict[str, Any]]]:
    """The entries that a record makes."""
    found = configuration(SERVER + directives)
    basket, own = Basket(), found.hosts[0].settings.redis_logs
    sink = RedisLogSink(found, basket, clock)
    logs = tuple(
        log for log in (*own.on_command, *own.on_event) if log.wants(record.command, record.classes))
    for _ in range(2):  # what is compiled the first time serves the second time
        sink.emit(CommandForRedis(record, logs, own.extras), CLIENT)
    half = len(basket.entries) // 2
    assert basket.entries[:half] == basket.entries[half:]
    return [(entry.key.decode(), json.loads(entry.text)) for entry in basket.entries[:half]]


def test_the_object_has_the_variables_of_the_format() -> None:
    (entry,) = logged('LogFormat f "%h said %m, got %s (%b, %{transfer-failure} %{note:TLS_CIPHER})"\n'
                      "RedisLogOnCommand RETR f", RETR)
    assert entry == ("f", {
        "remote_dns": "client.example", "command": "RETR", "response_code": 226, "bytes_sent": 2048,
        "NOTE:TLS_CIPHER": "AES"})


def test_every_log_has_its_entry() -> None:
    found = logged('LogFormat f "%m"\nLogFormat g "%u"\nRedisLogOnCommand RETR f\nRedisLogOnEvent READ g\n'
                   "RedisLogOnEvent WRITE g\nRedisLogOnEvent ALL default", RETR)
    assert [key for key, _ in found] == ["f", "g", "default"]


def test_no_secret_is_told() -> None:
    ((_, found),) = logged("RedisLogOnEvent ALL json", PASS)
    assert found["raw_command"] == "PASS (hidden)"


@pytest.mark.parametrize(("pattern", "record", "key"), [
    ("%m:ftp:%U", RETR, "RETR:ftp:anonymous"), ("x.%{transfer-failure}.%T", EXIT, "x.."),
    ("%{transfer-failure}", EXIT, "f"), ("%F", replace(RETR, path="/a\nb\x1b"), "/a\\nb\\x1b"),
    ("%F", replace(RETR, path="/\udcff\u00fc"), "/\\xff\u00fc"),
    ("%%%f", replace(RETR, path="/" + "x" * 3000), ("%/srv/" + "x" * 3000)[:LONGEST_KEY]),
])
def test_keys(pattern: str, record: Record, key: str) -> None:
    ((found, _),) = logged(f'LogFormat f "%m"\nRedisLogOnEvent ALL f {pattern}', record)
    assert found == key


def test_extras() -> None:
    record = replace(RETR, path='/"\udcff\n')
    ((_, found),) = logged(
        'LogFormat f "%m"\nLogFormat g "%m"\nRedisLogOnCommand RETR f\n'
        'RedisLogFormatExtra f {"site":"%v|%{transfer-failure}","n":[1,{"x":"%m"}],"command":"mine","path":"%F"}\n'
        'RedisLogFormatExtra f {"site":"second","t":true}\nRedisLogFormatExtra g {"other":1}', record)
    assert found == {
        "command": "RETR", "site": "|", "n": [1, {"x": "%m"}], "t": True, "path": '/"\\xff\n'}


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.text(max_size=40), st.integers(0, 1100))
def test_whatever_a_client_sends_is_one_object_in_a_list_with_a_name(path: str, command: str, length: int) -> None:
    record = replace(RETR, path="/" + "\u00e9" * length + path, command=command, line=f"{command} {path}")
    key, text = _found().entry(record)
    assert json.loads(text)["command"].encode() == formats.utf8(command).encode()  # type: ignore[union-attr]
    assert text.isascii()
    assert b"\n" not in text
    assert len(key) <= LONGEST_KEY
    assert key.decode().startswith("key:")
    assert escape(key.decode()) == key.decode()


class _Entries:
    """Entries of one log, without a server."""

    def __init__(self) -> None:
        self._configuration = configuration(
            f'{SERVER}LogFormat f "%m %r %f"\nRedisLogOnEvent ALL f key:%F\nRedisLogFormatExtra f {{"a":"%F%m"}}')
        self._basket = Basket()
        self._sink = RedisLogSink(self._configuration, self._basket, clock)

    def entry(self, record: Record) -> Entry:
        own = self._configuration.hosts[0].settings.redis_logs
        self._sink.emit(CommandForRedis(record, own.on_event, own.extras), CLIENT)
        return self._basket.entries.pop()


@functools.cache
def _found() -> _Entries:
    return _Entries()


def test_nothing_is_opened_for_nobody() -> None:
    assert open_redis_log(configuration(SERVER), clock, Said()) is None
    found = open_redis_log(configuration(f"{SERVER}RedisLogOnCommand ALL default"), clock, Said())
    assert found is not None
    assert str(found) == "the log in Redis"
    assert found.reopen() == []
    found.close()


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ftpsd.tls.cache.redisplace", None)
    with pytest.raises(ConfigError) as caught:
        open_redis_log(configuration(f"{SERVER}RedisLogOnEvent ALL default"), clock, Said())
    assert str(caught.value) == (
        "fatal: RedisLogOnEvent: redis: the Python library ftpsd.tls.cache.redisplace is not installed on line 3 of"
        " '/etc/main.conf'\n  Install it: " + f"{sys.executable} -m pip install 'ftpsd[redis]'")


# ---- the way to Redis


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[daemons.Daemon]:
    found = daemons.redis(tmp_path_factory.mktemp("redis"))
    yield found
    found.stop()


class Way:
    """A started shipper to a port, and what it says."""

    def __init__(self, port: int, timeouts: Timeouts = LONG) -> None:
        self.said = Said()
        self.place = RedisPlace(RedisServer(Address("127.0.0.1", port)), None, timeouts)
        self.shipper = Shipper(Courier(self.place.connect, timeouts), "Redis", self.said)
        self.shipper.start()

    def ship(self, key: str, *texts: str) -> None:
        for text in texts:
            self.shipper.ship(Entry(key.encode(), text.encode()))

    def list(self, key: str) -> list[str]:
        with self.place.connect() as client:
            return [text.decode() for text in client.lrange(key, 0, -1)]


@contextlib.contextmanager
def way(port: int, timeouts: Timeouts = LONG) -> Iterator[Way]:
    found = Way(port, timeouts)
    try:
        yield found
    finally:
        began = time.monotonic()
        found.shipper.close()
        assert time.monotonic() - began < LAST_MOMENT + 1.0
        found.shipper.close()


def test_entries_arrive_in_order(daemon: daemons.Daemon) -> None:
    texts = [str(number) for number in range(1000)]
    with way(daemon.port) as to:
        to.ship("order", *texts)
        to.ship("other", "x")
        eventually(lambda: to.list("other"))
        assert to.list("order") == texts
        assert to.said.lines == []


def test_what_waits_at_the_end_is_written(daemon: daemons.Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "LAST_MOMENT", PATIENCE)  # a busy machine may need more than half a second
    with way(daemon.port) as to:
        to.ship("end", *(str(number) for number in range(500)))
    assert len(to.list("end")) == 500
    to.ship("end", "too late")
    assert len(to.list("end")) == 500


def test_while_redis_is_away_entries_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftpsd.tls.cache.outage.FIRST_PAUSE", 0.05)
    monkeypatch.setattr("ftpsd.tls.cache.outage.LONGEST_PAUSE", 0.05)
    own = daemons.redis(tmp_path)
    try:
        with way(own.port) as to:
            to.ship("k", "first")
            eventually(lambda: to.list("k") == ["first"])
            own.stop()
            to.ship("k", "second", "third")
            eventually(lambda: to.said.lines)
            own.start()
            eventually(lambda: len(to.said.lines) > 1)
            assert to.list("k") == ["second", "third"]
        (away, reason), back = to.said.lines
        assert "Redis does not answer: " in away
        assert away.endswith("; entries wait")
        assert reason is Code.REDIS_LOG_UNREACHABLE
        assert back == ("Redis answers again", None)
    finally:
        own.stop()


def test_what_cannot_be_written_at_the_end_is_counted() -> None:
    with way(free_port(), SHORT) as to:
        to.ship("k", "a", "b")
        eventually(lambda: to.said.lines)
    assert to.said.lines[-1] == ("Redis: 2 entries were lost", Code.REDIS_LOG_LOST)


class Slow(Courier):
    """Nothing is written until `may`."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.sent: list[Entry] = []

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def push(self, entries: Sequence[Entry]) -> list[tuple[str, int]]:
        assert self.may.wait(PATIENCE)
        self.sent += entries
        return []


def test_a_process_of_one_session_waits_until_all_is_written() -> None:
    courier, said, entries = Slow(), Said(), [Entry(b"k", b"%d" % number) for number in range(3)]
    shipper = Shipper(courier, "Redis", said)
    shipper.start()
    for entry in entries:
        shipper.ship(entry)
    shipper.settle(0.01)
    assert courier.sent == []
    threading.Timer(2 * LAST_MOMENT, courier.may.set).start()
    shipper.settle(PATIENCE)
    assert courier.sent == entries
    shipper.close()
    assert said.lines == []


def test_nobody_waits_for_a_redis_that_is_away() -> None:
    with way(free_port(), SHORT) as to:
        to.ship("k", "a")
        began = time.monotonic()
        to.shipper.settle(PATIENCE)
        assert time.monotonic() - began < PATIENCE / 2
    assert to.said.lines[-1] == ("Redis: 1 entries were lost", Code.REDIS_LOG_LOST)


def test_what_redis_refuses_is_said_once_and_counted(daemon: daemons.Daemon) -> None:
    with way(daemon.port) as to:
        with to.place.connect() as client:
            client.set("text", "no list")
        to.ship("text", "a", "b")
        eventually(lambda: to.said.lines)
        to.ship("text", "c")
        to.ship("list", "d")
        eventually(lambda: to.list("list") == ["d"])
    assert {reason for _, reason in to.said.lines} == {Code.REDIS_LOG_LOST}
    refusals = [text for text, _ in to.said.lines if text.startswith("Redis refuses entries: WRONGTYPE")]
    losses = [int(text.split()[1]) for text, _ in to.said.lines if text.endswith("entries were lost")]
    assert len(refusals) == 1
    assert sum(losses) == 3


def test_a_connection_that_was_closed_loses_nothing(daemon: daemons.Daemon) -> None:
    with way(daemon.port) as to:
        to.ship("idle", "a")
        eventually(lambda: to.list("idle") == ["a"])
        with to.place.connect() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        to.ship("idle", "b")
        eventually(lambda: to.list("idle") == ["a", "b"])
        assert to.said.lines == []


class Peer:
    """A server on loopback that says what `answer` yields for every connection."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.connections = 0
        self.stopped = threading.Event()
        self._answer = answer
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            if select.select([self._listener], [], [], 0.05)[0]:
                sock, _ = self._listener.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            sock.settimeout(0.05)
            self._answer(sock)

    def stop(self) -> None:
        self.stopped.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()


@contextlib.contextmanager
def peer(answer: Callable[[Peer, socket.socket], None]) -> Iterator[Peer]:
    ready = threading.Event()

    def serve(sock: socket.socket) -> None:
        assert ready.wait(PATIENCE)
        answer(found, sock)

    found = Peer(serve)
    ready.set()
    try:
        yield found
    finally:
        found.stop()


def silent(self: Peer, sock: socket.socket) -> None:
    while not self.stopped.is_set():
        with contextlib.suppress(TimeoutError):
            if not sock.recv(65536):
                return


def dripping(self: Peer, sock: socket.socket) -> None:
    sock.sendall(b"+")
    while not self.stopped.wait(0.05):
        sock.sendall(b"x")


@pytest.mark.parametrize("answer", [silent, dripping], ids=["silent", "dripping"])
def test_a_redis_that_does_not_answer_holds_nobody_up(answer: Callable[[Peer, socket.socket], None]) -> None:
    with peer(answer) as slow, way(slow.port, SHORT) as to:
        began = time.monotonic()
        to.ship("k", *["x"] * 2000)
        assert time.monotonic() - began < 1.0
        eventually(lambda: to.said.lines)
        text, reason = to.said.lines[0]
        assert (reason, text.rpartition("; ")[2]) == (Code.REDIS_LOG_UNREACHABLE, "entries wait")
        eventually(lambda: slow.connections > 1)  # the connection that dripped was cut
    assert to.said.lines[-1] == ("Redis: 2000 entries were lost", Code.REDIS_LOG_LOST)


def test_what_was_sent_and_not_answered_is_not_sent_again(daemon: daemons.Daemon) -> None:
    with way(daemon.port, LONG) as to:  # connecting shall not be what takes too long
        with to.place.connect() as client:
            client.client_pause(60_000, all=False)
            to.ship("paused", "a", "b")
            eventually(lambda: to.said.lines)
            client.client_unpause()
        to.ship("unpaused", "c")
        eventually(lambda: len(to.said.lines) == 3, to.said.lines)
        assert len(to.list("paused")) <= 2
    (away, reason), *rest = to.said.lines
    assert (reason, away.rpartition("; ")[2]) == (Code.REDIS_LOG_UNREACHABLE, "entries are lost")
    assert rest == [("Redis answers again", None), ("Redis: 2 entries were lost", Code.REDIS_LOG_LOST)]


@pytest.mark.parametrize(("size", "room"), [(10, MOST_WAITING), (100_000, MOST_BYTES // 100_001)])
def test_the_queue_has_a_bound(size: int, room: int) -> None:
    said = Said()
    shipper = Shipper(Courier(object, SHORT), "Redis", said)
    for _ in range(room + 7):
        shipper.ship(Entry(b"k", bytes(size)))
    (text, reason), = said.lines
    assert reason is Code.REDIS_LOG_LOST
    assert text == "Redis is slower than the log: 4096 entries or 4194304 bytes wait, more are lost"
    shipper.close()
    assert said.lines[1:] == [(f"Redis: {room + 7} entries were lost", Code.REDIS_LOG_LOST)]


def test_the_queue_is_bounded_while_it_is_emptied(daemon: daemons.Daemon) -> None:
    with way(daemon.port) as to:
        for _ in range(3):
            to.ship("big", *["x" * 100_000] * (MOST_BYTES // 100_003))
            eventually(lambda: to.shipper._bytes == 0)
        assert len(to.list("big")) == 3 * (MOST_BYTES // 100_003)
        assert to.said.lines == []


def test_an_overflow_is_told_again_when_it_comes_again(daemon: daemons.Daemon) -> None:
    with way(daemon.port) as to, to.place.connect() as client:
        for count in (1, 2):
            client.client_pause(60_000, all=False)
            to.ship("flood", *["x"] * (MOST_WAITING + 3))
            client.client_unpause()
            eventually(lambda count=count: len(to.said.lines) == 2 * count)  # type: ignore[misc]
        assert [text.partition(": ")[2][:4] for text, _ in to.said.lines] == ["4096", "3 en"] * 2
        assert len(to.list("flood")) == 2 * MOST_WAITING


def test_sentinels_say_where_to(daemon: daemons.Daemon, tmp_path: Path) -> None:
    config = tmp_path / "sentinel.conf"
    config.write_text(f"bind 127.0.0.1\nsentinel monitor ftp 127.0.0.1 {daemon.port} 1\n")
    sentinel = daemons.Daemon(
        ["redis-server", str(config), "--sentinel", "--port", "{port}", "--dir", str(tmp_path)], tmp_path)
    said = Said()
    place = RedisPlace(RedisServer(Address()), RedisSentinels((Address("127.0.0.1", sentinel.port),)), LONG)
    shipper = Shipper(Courier(place.connect, LONG), str(place), said)
    try:
        shipper.start()
        shipper.ship(Entry(b"sentinel", b"x"))
        with redis.Redis(port=daemon.port) as client:
            eventually(lambda: client.lrange("sentinel", 0, -1) == [b"x"], said.lines)
    finally:
        shipper.close()
        sentinel.stop()
    assert said.lines == []


def test_entries_that_are_given_up_in_time_are_not_sent() -> None:
    job = shipping._Job([])
    assert job.give_up()
    assert not job.begin()
    job = shipping._Job([])
    assert job.begin()
    assert not job.give_up()


def test_a_client_that_cannot_be_made() -> None:
    def fails() -> object:
        raise OSError(111, "Connection refused")

    with pytest.raises(NotSent, match="Connection refused") as caught:
        Courier(fails, SHORT).push([Entry(b"k", b"v")])
    assert isinstance(caught.value, CacheError)

"""`ban` and `permit`: what mod_ban answers, asked by ftpsctl and by ftpdctl, and what becomes of sessions."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from ftpsd.access.bans import EVERY_SERVER, Ban, Kind, Suspect
from ftpsd.cli.ctl import FORMS
from ftpsd.ctl import aside
from ftpsd.guard.bans import Bans
from ftpsd.guard.bantable import BanTable
from ftpsd.guard.opening import open_bans
from ftpsd.guard.shared import SharedBans
from ftpsd.log.bus import EventLog
from ftpsd.testing import daemons
from ftpsd.testing.client import UnexpectedReply
from ftpsd.testing.configs import ServerConfig, User
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from ftpsd.tls.cache.opening import Stores
from tests.ctl.desk import ME, desk, parse
from tests.ctl.test_live import FTPDCTL, ftpdctl, run
from tests.settings.support import configuration

_DATE = r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4}"
_MOMENTS = (
    (rf"Expires: {_DATE} \(in \d+ seconds\)", "Expires: LATER"), (rf"(on|at) {_DATE}", r"\1 DATE"),
    (r"Entry Expires: \d+ seconds", "Entry Expires: SOON"), (r"127\.0\.0\.1#\d+", "HERE"), (rf"'{ME}'", "'root'"),
)


@pytest.fixture(scope="module")
def server(ftps_certificates: Certificates) -> Iterator[RunningServer]:
    with server_directory() as files:
        config = ServerConfig(
            certificate=ftps_certificates.server, users=(User("alice"), User("bob")), tls=("TLSRequired off",),
            sections="<Class loc>\nFrom 127.0.0.0/8\n</Class>\n", directives=(
                "Workers 2", "BanEngine on", f"BanTable {files.directory}/ban.tab", f"BanLog {files.directory}/ban.log",
                f"BanControlsACLs all allow user {ME}", "MaxLoginAttempts 1",
                "BanOnEvent MaxLoginAttemptsFromUser 2/00:10:00 01:00:00"))
        server = start_ftpsd(config, files, ftps_certificates.authority_file)
        try:
            yield server
        finally:
            server.stop()


def lines(server: RunningServer, words: str, program: str = "ftpsctl") -> list[str]:
    """What a control program prints, without its name and without the moment."""
    done = run(server, *words.split(), program=program)
    hint = f"  write: {FORMS[words.split()[0]]}\n" if done.stdout.strip().endswith("missing parameters") else ""
    assert done.stderr == hint
    text = done.stdout
    for pattern, word in _MOMENTS:
        text = re.sub(pattern, word, text)
    return [line.removeprefix(f"{program}: ") for line in text.splitlines()]


def test_what_mod_ban_answers(server: RunningServer) -> None:
    """What Debian's ProFTPD 1.3.8 said to the same; but it says "permitted" of whom it had not banned."""
    here = f"127.0.0.1#{server.port}"
    dialogue: list[tuple[str, list[str]]] = [
        ("ban", ["missing parameters"]), ("ban info", ["No bans"]), ("ban info -v", ["No bans"]),
        ("permit user bob", ["permit request unnecessary", "no users are banned"]),
        ("ban user bob carl", ["user bob banned", "user carl banned"]), ("ban user bob", ["user bob already banned"]),
        ("ban host 10.9.8.7", ["host 10.9.8.7 banned"]), ("ban host nosuch.invalid", [
            "ban: unknown host 'nosuch.invalid'"]),
        ("ban class x", ["class x banned"]), ("ban nosuch x", ["unknown ban action requested: 'nosuch'"]),
        ("ban user", ["missing parameters"]), (f"ban host -s {here} 10.9.8.6", ["host 10.9.8.6 banned"]),
        ("ban host -s 9.9.9.9#21 10.9.8.6", ["no such server '9.9.9.9#21'"]),
        ("ban user -x 10 x", ["unsupported option: 'x'"]), ("ban info -x", ["unsupported parameter: '-x'"]),
        ("ban info -e", [
            "Banned Users:", "  bob", "  carl", "", "Banned Hosts:", "  10.9.8.7", "  10.9.8.6", "", "Banned Classes:",
            "  x", "", "No ban events"]),
        ("ban info -v", [
            "Banned Users:", "  bob", "    Reason: requested by 'root' on DATE", "    Expires: never", "  carl",
            "    Reason: requested by 'root' on DATE", "    Expires: never", "", "Banned Hosts:", "  10.9.8.7",
            "    Reason: requested by 'root' on DATE", "    Expires: never", "  10.9.8.6",
            "    Reason: requested by 'root' on DATE", "    Expires: never", "    <VirtualHost>: Test Server (HERE)",
            "", "Banned Classes:", "  x", "    Reason: requested by 'root' on DATE", "    Expires: never"]),
        ("permit", ["missing parameters"]), ("permit user", ["missing parameters"]),
        ("permit nosuch x", ["unknown ban action requested: 'nosuch'"]),
        ("permit user bob", ["user 'bob' permitted"]), ("permit user bob", ["user 'bob' not banned"]),
        ("permit user *", ["all users permitted"]), ("permit user *", [
            "permit request unnecessary", "no users are banned"]),
        (f"permit host -s {here} 10.9.8.7", [f"host '10.9.8.7' not banned on {here}"]),
        ("permit host 10.9.8.7 10.9.8.6", ["host '10.9.8.7' permitted", "host '10.9.8.6' permitted"]),
        ("permit class *", ["all classes permitted"]), ("ban info", ["No bans"]),
    ]
    dialogue = [(words, [re.sub(r"127\.0\.0\.1#\d+", "HERE", line) for line in answer]) for words, answer in dialogue]
    assert [(words, lines(server, words)) for words, _ in dialogue] == dialogue


def test_counters_and_automatic_bans_are_shown(server: RunningServer) -> None:
    for count in (1, 2):
        client = server.client(tls=False)
        client.connect()
        client.expect(331, "USER bob")
        client.expect(530, "PASS wrong")
        client.expect_end()
        counted = [
            "Ban Events:", "  Event: MaxLoginAttemptsFromUser", "  Source: bob@127.0.0.1",
            f"    Occurrences: {count}/2", "    Entry Expires: SOON", "    <VirtualHost>: Test Server (HERE)"]
        bans = ["No bans"] if count == 1 else ["Banned User@Hosts:", "  bob@127.0.0.1"]
        assert lines(server, "ban info -e") == [*bans, "", *counted]
    assert lines(server, "ban info -v") == [
        "Banned User@Hosts:", "  bob@127.0.0.1", "    Reason: MaxLoginAttemptsFromUser autoban at DATE",
        "    Expires: LATER", "    <VirtualHost>: Test Server (HERE)"]
    assert lines(server, "permit user@host bob@127.0.0.1") == ["user@host 'bob@127.0.0.1' permitted"]


@pytest.mark.parametrize("program", ["ftpsctl", pytest.param("ftpdctl", marks=pytest.mark.skipif(
    FTPDCTL is None, reason="ftpdctl is not installed (package proftpd-core)"))])
@pytest.mark.parametrize(("kind", "name"), [
    ("user", "alice"), ("host", "127.0.0.0/8"), ("host", "127.0.0.1"), ("class", "loc"),
    ("user@host", "alice@127.0.0.1"),
])
def test_the_banned_have_to_go_and_may_come_back(server: RunningServer, program: str, kind: str, name: str) -> None:
    def control(*words: str) -> str:
        if program == "ftpsctl":
            return " ".join(lines(server, " ".join(words)))
        status, text = ftpdctl(server, *words)
        return text.removeprefix("ftpdctl: ").strip() if status == 0 else f"status {status}: {text}"

    client = server.client(tls=False)
    client.connect()
    client.login()
    assert control("ban", kind, name) == f"{kind} {name} banned"
    client.expect(421)
    with pytest.raises(UnexpectedReply, match="530 Access denied"):
        server.client(tls=False).begin()
    assert control("permit", kind, name) == f"{kind} '{name}' permitted"
    server.client(tls=False).begin().quit()


def test_a_ban_for_a_time(server: RunningServer) -> None:
    assert lines(server, "ban user -d 00:10:00 carl") == ["user carl banned"]
    assert lines(server, "ban info -v")[3:] == ["    Expires: LATER"]
    assert lines(server, "ban user -d 10 carl") == ["badly formatted duration parameter: '10'"]
    assert lines(server, "permit user carl") == ["user 'carl' permitted"]
    log = (server.files.directory / "ban.log").read_text()
    assert "]: added 'carl' to banned users list\n" in log
    assert "]: removed 'carl' from banned users list\n" in log


def test_who_may_ban(tmp_path: Path) -> None:
    with desk(tmp_path, f"BanControlsACLs permit allow user {ME}") as sitting:
        assert sitting.ask("ban", "info") == (-1, ["access denied"])
        assert sitting.ask("permit", "user", "bob") == (-1, ["mod_ban/0.8 not enabled", "BanEngine is off"])


def shared_bans(directory: Path, kind: str, port: int, millis: int) -> Bans:
    """Bans that are shared by a server at `port`, for whose answers one waits so long."""
    where = f"RedisServer 127.0.0.1:{port}\nRedisTimeouts {millis} {millis}\n"
    if kind == "memcache":
        where = f"MemcacheServers 127.0.0.1:{port}\nMemcacheTimeouts {millis} {millis} {millis}\n"
    found = open_bans(configuration(
        f"{kind.capitalize()}Engine on\n{where}BanEngine on\nBanTable {directory}/t\nBanCache {kind}\n"),
        Stores(), print)
    assert found is not None
    for host in ("192.0.2.1", "192.0.2.2"):
        assert found.ban(Kind.HOST, host, EVERY_SERVER, by="root", seconds=0, tell=print)
    return found


@pytest.mark.parametrize("kind", ["redis", "memcache"])
def test_whoever_shares_bans_holds_up_nobody(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes connections and never answers: who asks for `permit` waits, all others are answered."""
    pytest.importorskip("redis" if kind == "redis" else "pymemcache")
    monkeypatch.setattr(aside, "PATIENCE", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, desk(
        tmp_path, f"BanControlsACLs all allow user {ME}"
    ) as sitting:
        bans = shared_bans(tmp_path, kind, silent.getsockname()[1], 8000)
        sitting.supervisor.service = SimpleNamespace(bans=bans, log=EventLog())
        waiting = sitting.send("permit", "host", "*")
        for _ in range(3):
            assert sitting.ask("status", "all")[0] == 0
        assert bans.in_force() == [], "here they may come back at once"
        with pytest.raises(BlockingIOError):
            waiting.recv(1)
        silent.close()
        status, lines = parse(sitting.receive(waiting))
        assert status == -1
        assert lines[0] == "all hosts permitted"
        assert lines[1].startswith(f"permit: {kind} cache (127.0.0.1:")
        assert lines[2] == "who asks BanCache finds these bans until they end"
        bans.close()


class _Slow:
    """A BanCache that has forgotten bans when the server at `port` lets go."""

    def __init__(self, port: int) -> None:
        self.port = port

    def remove(self, bans: Sequence[Ban]) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as held:
            held.recv(1)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("engine", [True, False])
def test_a_reload_before_bancache_has_answered(tmp_path: Path, engine: bool) -> None:
    """The table is closed by then, and opened anew where there are still bans."""
    with socket.create_server(("127.0.0.1", 0)) as store, desk(
        tmp_path, f"BanControlsACLs all allow user {ME}"
    ) as sitting:
        store.settimeout(aside.PATIENCE)
        slow = cast(SharedBans, _Slow(store.getsockname()[1]))
        before, after = (Bans(BanTable.open(str(tmp_path / "t")), shared=slow) for _ in range(2))
        before.table.add(Ban(Kind.HOST, "192.0.2.5", expires=time.time() + 600), time.time())
        sitting.supervisor.service = SimpleNamespace(bans=before, log=EventLog())
        waiting = sitting.send("permit", "host", "*")
        while not before.owed():
            sitting.turn()
        sitting.supervisor.service = SimpleNamespace(bans=after if engine else None, log=EventLog())
        before.close()
        store.accept()[0].close()
        assert parse(sitting.receive(waiting)) == (0, ["all hosts permitted"])
        assert bool(after.owed()) is not engine
        after.close()


@pytest.mark.parametrize("kind", ["redis", "memcache"])
def test_a_ban_that_could_not_be_lifted_elsewhere_is_lifted_when_one_asks_again(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("redis" if kind == "redis" else "pymemcache")
    daemon = (daemons.redis if kind == "redis" else daemons.memcached)(tmp_path)
    hosts = ("192.0.2.5", "192.0.2.6")
    try:
        with desk(tmp_path, f"BanControlsACLs all allow user {ME}") as sitting:
            bans = shared_bans(tmp_path, kind, daemon.port, 5000)
            assert bans.shared is not None
            daemon.stop()
            for host in hosts:
                bans.table.add(Ban(Kind.HOST, host, expires=time.time() + 600), time.time())
            sitting.supervisor.service = SimpleNamespace(bans=bans, log=EventLog())
            status, lines = sitting.ask("permit", "host", "*")
            assert (status, lines[0]) == (-1, "all hosts permitted")
            daemon.start()
            for host in hosts:  # they were there all the time, as far as other machines know
                bans.shared.add(Ban(Kind.HOST, host, expires=time.time() + 600))
            bans.close()
        with desk(tmp_path, f"BanControlsACLs all allow user {ME}") as sitting:  # another life of the server
            bans = shared_bans(tmp_path, kind, daemon.port, 5000)
            assert bans.shared is not None
            sitting.supervisor.service = SimpleNamespace(bans=bans, log=EventLog())
            assert sitting.ask("permit", "user", "192.0.2.5")[1][0] == "permit request unnecessary"
            assert sitting.ask("permit", "host", "192.0.2.5") == (0, ["host '192.0.2.5' permitted"])
            found = [bans.shared.find(Suspect(host), EVERY_SERVER, (Kind.HOST,)) is not None for host in hosts]
            assert found == [False, True]
            assert sitting.ask("permit", "host", "*") == (0, ["all hosts permitted"])
            assert bans.shared.find(Suspect("192.0.2.6"), EVERY_SERVER, (Kind.HOST,)) is None
            assert sitting.ask("permit", "host", "*")[1][0] == "permit request unnecessary"
            bans.close()
    finally:
        daemon.stop()


@pytest.mark.parametrize("kind", ["redis", "memcache"])
def test_who_is_permitted_may_come_back_everywhere(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("redis" if kind == "redis" else "pymemcache")
    daemon = (daemons.redis if kind == "redis" else daemons.memcached)(tmp_path)
    try:
        with desk(tmp_path, f"BanControlsACLs all allow user {ME}") as sitting:
            bans = shared_bans(tmp_path, kind, daemon.port, 5000)
            assert bans.shared is not None
            suspects = [Suspect("192.0.2.1"), Suspect("192.0.2.2")]
            for suspect in suspects:
                bans.shared.add(Ban(Kind.HOST, suspect.host, expires=time.time() + 600))
                assert bans.shared.find(suspect, EVERY_SERVER, (Kind.HOST,)) is not None
            sitting.supervisor.service = SimpleNamespace(bans=bans, log=EventLog())
            assert sitting.ask("permit", "host", "192.0.2.1", "192.0.2.9") == (
                0, ["host '192.0.2.1' permitted", "host '192.0.2.9' not banned"])
            left = [bans.shared.find(suspect, EVERY_SERVER, (Kind.HOST,)) is not None for suspect in suspects]
            assert left == [False, True]
            bans.close()
    finally:
        daemon.stop()

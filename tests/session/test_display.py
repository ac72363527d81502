"""What the server says of itself: greetings, display files, the form of replies, listings."""

from __future__ import annotations

import os
import re
import shutil
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from ftpsd.access import occupancy
from ftpsd.session.display import MOST_BYTES, MOST_SHOWN, _for_people, expand, expanded
from ftpsd.session.state import Session
from ftpsd.settings.values import Bound, ClassBound, EnvironmentVariable
from ftpsd.testing.plugin import Certificates, ServerFactory
from tests.session.hosts import Hosts, serving
from tests.session.inprocess import one_session
from tests.session.talk import MOMENT, converse

HOSTS = {
    "plain": "",
    "nameless": "ServerIdent off",
    "own greeting": 'ServerIdent on "%V at %L, %%"',
    "deferred": "DeferWelcome on",
    "masked": "MasqueradeAddress 192.0.2.7",
    "files": """
        DisplayConnect @HOME@/../connect
        DisplayLogin @HOME@/../login
        DisplayChdir message.txt
        DisplayQuit @HOME@/../quit
    """,
    "files of the user": "DisplayLogin welcome.txt\nDisplayChdir message.txt on\nDisplayQuit bye.txt\nDefaultChdir sub",
    "missing files": """
        DisplayConnect nowhere/connect
        DisplayLogin /nowhere/login
        DisplayChdir /nowhere/chdir
        DisplayQuit ../../../../etc/passwd
    """,
    "all names": 'ListOptions "-la"',
    "strict": 'ListOptions "-a" strict',
    "only LIST": 'ListOptions "-a" LISTOnly',
    "bounded": 'ListOptions "-R" maxdepth 1\nListOptions "-a"',
    "nothing is nothing": 'ListOptions "" NoErrorIfAbsent',
    "no links": "ShowSymlinks off",
    "local time": "TimesGMT off",
    "bytes": "UseEncoding off",
    "binary": "DefaultTransferMode binary",
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per setting; the server's local time is two hours east of Greenwich."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC-2")
        with serving(ftps_certificates, HOSTS) as running:
            _furnish(running.server.files.directory)
            for name, data in (
                ("file.txt", b"hello\nworld\n"), (".hidden", b""), ("sub/message.txt", b"in sub\n"),
                ("sub/welcome.txt", b"Hello %u,\nyou are in %C\n"), ("sub/deep/x", b""), ("bye.txt", b"Bye, %u\n"),
                ("sub/bye.txt", b"Bye from %C\n"),
            ):
                running.server.give(name, data)
            os.utime(running.server.home() / "file.txt", (MOMENT, MOMENT))
            (running.server.home() / "link").symlink_to("file.txt")
            yield running


def _furnish(directory: Path) -> None:
    for name, text in (
        ("connect", "Welcome to %V,\n\n%L\n"), ("login", "Hello %u, %U\nin %C from %R %a, mail %E\n100%% %q\n"),
        ("quit", "So long,\n%u.\n"),
    ):
        path = directory / name
        path.write_text(text)
        path.chmod(0o644)


@pytest.mark.parametrize(("host", "greeting"), [
    ("plain", "220 ftpsd Server (plain) [{address}]"),
    ("nameless", "220 {address} FTP server ready"),
    ("own greeting", "220 own greeting at {address}, %"),
    ("deferred", "220 ftpsd Server ready."),
    ("masked", "220 ftpsd Server (masked) [192.0.2.7]"),
    ("files", "220 Welcome to files,\n220 \n220 {address}\n220 ftpsd Server (files) [{address}]"),
    ("missing files", "220 ftpsd Server (missing files) [{address}]"),
])
def test_greeting(hosts: Hosts, host: str, greeting: str) -> None:
    with hosts.client(host) as client:
        lines = str(client.connect()).replace("220  ", "220 ")
        assert lines == greeting.format(address=hosts.config.address_of(host))


def test_display_files_of_the_administrator(hosts: Hosts) -> None:
    with hosts.connected("files") as client:
        converse(client, """
            USER alice => 331 Password required for alice
            PASS secret => 230 Hello alice, alice / in / from 127.0.0.1 127.0.0.1, mail admin@example.org / \
100% %q / User alice logged in
            CWD sub => 250 in sub / CWD command successful
            CWD deep => 250 CWD command successful
            CDUP => 250 in sub / CDUP command successful
            CWD /sub => 250 in sub / CWD command successful
            QUIT => 221 So long, / alice.
        """)
    with hosts.connected("files") as client:
        converse(client, "QUIT => 221 So long, / .")


@pytest.mark.parametrize(("size", "shown"), [
    (0, "0B"), (1023, "1023B"), (1024, "1KB"), (82794082304, "77GB"), (1 << 52, "4096TB"),
])
def test_amounts_for_people(size: int, shown: str) -> None:
    assert _for_people(size) == shown


def test_counts_in_display_files(hosts: Hosts) -> None:
    hosts.server.give("counts/message.txt", b"%i %o %t %K %k, %M of %N, %x %F %f\n")  # of DisplayChdir
    with hosts.connected("files of the user") as client:
        client.login()
        assert client.retrieve("RETR /file.txt")
        client.store("STOR /counted.bin", b"x" * 4096)
        shown = str(client.expect(250, "CWD /counts"))
        assert re.search(r"1 1 2 4 4KB, 0 of \d+, \(unknown\) \d+ \d+[KMGT]?B\n", shown), shown
        client.expect(250, "DELE /counted.bin")
    shutil.rmtree(hosts.server.home() / "counts")


def test_display_files_of_the_user(hosts: Hosts) -> None:
    with hosts.connected("files of the user") as client:
        converse(client, """
            USER alice => 331 Password required for alice
            PASS secret => 230 Hello alice, / you are in /sub / User alice logged in
            CWD / => 250 CWD command successful
            CWD sub => 250 in sub / CWD command successful
            CWD / => 250 CWD command successful
            CWD sub => 250 CWD command successful
        """)
        later = time.time() + 10
        os.utime(hosts.server.home() / "sub/message.txt", (later, later))
        converse(client, """
            CWD /sub => 250 in sub / CWD command successful
            QUIT => 221 Bye from /sub
        """)


def test_display_files_that_are_missing_or_out_of_reach(hosts: Hosts) -> None:
    with hosts.connected("missing files") as client:
        converse(client, """
            USER alice => 331 Password required for alice
            PASS secret => 230 User alice logged in
            CWD sub => 250 CWD command successful
            QUIT => 221 Goodbye.
        """)


def test_list_options(hosts: Hosts) -> None:
    with hosts.logged_in("all names") as client:
        assert len(client.retrieve("LIST").splitlines()) == 7
        assert b".hidden" in client.retrieve("NLST")
    with hosts.logged_in("strict") as client:
        assert b".hidden" in client.retrieve("LIST -l sub/..")
        assert b"deep/x" not in client.retrieve("LIST -R sub")
    with hosts.logged_in("only LIST") as client:
        assert b".hidden" in client.retrieve("LIST")
        assert b".hidden" not in client.retrieve("NLST")
    with hosts.logged_in("bounded") as client:
        listing = client.retrieve("LIST")
        assert b"sub" in listing
        assert b" x" not in listing
    with hosts.logged_in("nothing is nothing") as client:
        assert client.retrieve("LIST nothere") == b""
        assert client.retrieve("NLST nothere*") == b""
        client.expect(450, "STAT nothere")
    with hosts.logged_in("plain") as client:
        client.data()
        client.expect(450, "NLST nothere")


def test_links_and_times(hosts: Hosts) -> None:
    with hosts.logged_in("plain") as client:
        assert b"link -> file.txt" in client.retrieve("LIST")
        assert b" Jan  2  2020 file.txt" in client.retrieve("LIST file.txt")
    with hosts.logged_in("no links") as client:
        assert client.retrieve("LIST link").startswith(b"-rw")
        assert b"->" not in client.retrieve("LIST")
        assert b"symlink" not in client.retrieve("MLSD")
    with hosts.logged_in("local time") as client:
        assert client.expect(213, "MDTM file.txt").text == "20200102030405"
        assert "modify=20200102030405;" in client.expect(250, "MLST file.txt").lines[1]
    os.utime(hosts.server.home() / "file.txt")
    for host, offset in (("plain", 0), ("local time", 7200)):
        with hosts.logged_in(host) as client:
            now = time.time() + offset
            line = client.retrieve("LIST file.txt").decode()
            minutes = [time.strftime("%b %e %H:%M", time.gmtime(now - ago)) for ago in (0, 60)]
            assert any(minute in line for minute in minutes), line
    os.utime(hosts.server.home() / "file.txt", (MOMENT, MOMENT))


def test_encoding_and_type(hosts: Hosts) -> None:
    with hosts.logged_in("bytes") as client:
        assert "UTF8" not in str(client.command("FEAT"))
        assert client.expect(451, "OPTS UTF8 ON").text == "Unable to accept OPTS UTF8"
        client.store("STOR \udcfcber", b"")
        assert client.retrieve("NLST \udcfc*") == b"\xfcber\r\n"
        client.expect(250, "DELE \udcfcber")
    with hosts.logged_in("binary") as client:
        assert client.expect(213, "SIZE file.txt").text == "12"
        assert client.retrieve("RETR file.txt") == b"hello\nworld\n"
        assert client.preliminary.text == "Opening BINARY mode data connection for file.txt (12 bytes)"


def test_every_line_of_a_reply_may_bear_the_code(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=["MultilineRFC2228 on"], tls=["TLSRequired off"])
    with server.client(tls=False) as client:
        client.connect()
        client.send(b"HELP\r\n")
        lines = [client.read_line() for _ in range(4)]
        assert all(line.startswith("214-") for line in lines)
        while not client.read_line().startswith("214 Direct"):
            pass
        client.expect(200, "NOOP")


def test_features_and_facts_keep_their_form(ftps_server: ServerFactory) -> None:
    """Debian's proftpd.conf had `MultilineRFC2228 on` for years; clients that parse FEAT know no `211-UTF8`."""
    server = ftps_server(directives=["MultilineRFC2228 on"], tls=["TLSRequired off"])
    with server.client(tls=False) as client:
        client.connect()
        client.login()
        for command, code in (("FEAT", 211), ("MLST", 250)):
            client.send_line(command)
            assert client.read_line().startswith(f"{code}-")
            while not (line := client.read_line()).startswith(f"{code} End"):
                assert line.startswith(" ")


class Shown:
    """As much of a session as display files ask for."""

    user_name, cwd, peer_name, peer = "joe", "/sub", "client.example", "192.0.2.7"
    classes, store, quota = frozenset({"near", "home"}), None, None

    def __init__(self) -> None:
        self.settings = self.ends = self.slot = self.counters = self.runtime = self.masquerade = self.core = self
        self.set_env, self.unset_env = (EnvironmentVariable("SITE", "Berne"),), ("HIDDEN",)
        self.variables, self.looks = {"TLS": "yes"}, 0
        self.max_clients_per_class = (ClassBound("far", Bound(3)), ClassBound("home", Bound(9)))
        self.bounds, self.max_clients, self.tls = self, None, None
        self.server_admin, self.server_name, self.local_port = None, "Our files", 21
        self.bytes_sent, self.bytes_received, self.files_sent, self.files_received = 2000, 300, 4, 5

    def everybody(self) -> list[occupancy.Shown]:
        """Joe, somebody of his class, somebody of it who has not logged in, somebody of another."""
        self.looks += 1
        return [
            occupancy.Shown(at, user, "", "", 0.0, "", classes) for at, (user, classes) in enumerate(
                [("joe", "home,near"), ("ann", "home"), ("", "home"), ("bob", "far")])
        ]

    def under(self, settings: object) -> Shown:
        return self

    def shown(self, ends: object, tls: object) -> str:
        return "192.0.2.1"


@pytest.mark.parametrize(("text", "expanded"), [
    ("%u in %C, %N of %M: %%u", "joe in /sub, 4 of 0: %u"), ("100%", "100%"), ("%", "%"), ("%%%", "%%"),
    ("%q%\n%u", "%q%\njoe"),
    ("%{", "%{"), ("%{u}", "%{u}"), ("%{%u}", "%{joe}"), ("%{mod_quotatab.nothing}%u", "%{mod_quotatab.nothing}joe"),
    ("%{a\n}%u", "%{a\n}joe"), ("%}%u", "%}joe"), ("%{}%u", "%{}joe"),
])
def test_variables(text: str, expanded: str) -> None:
    assert expand(text, cast(Session, Shown())) == expanded


@pytest.mark.parametrize(("text", "expanded"), [
    ("%y of %z (%x)", "2 of 9 (home,near)"),
    ("%{total_bytes_in} %{total_bytes_out} %{total_bytes_xfer}", "300 2000 2300"),
    ("%{total_files_in} %{total_files_out} %{total_files_xfer}", "5 4 9"),
    ("%{time:%Y}!%{time:}!%{time:now %%}", "YEAR!!now %"),
    ("%{env:SITE} %{env:TLS} %{env:MACHINE} %{env:HIDDEN} %{env:NOWHERE}", "Berne yes mine (none) (none)"),
])
def test_variables_of_the_howto(text: str, expanded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ProFTPD's page on display files has them; ProFTPD 1.3.8 answers the same."""
    monkeypatch.setenv("MACHINE", "mine")
    monkeypatch.setenv("HIDDEN", "yes")
    assert expand(text, cast(Session, Shown())) == expanded.replace("YEAR", time.strftime("%Y"))


@pytest.mark.parametrize("text", [
    "%{time:%999999999c}", "%{time:%10Y}", "%{time:a\0b}", "%{time:\udcff}", "%{time:\u00e9}", "%{time:%}",
    "%{time:%-}", "%{time:" + 65 * "x" + "}"])
def test_a_format_of_the_time_that_is_none_stays(text: str) -> None:
    assert expand(text, cast(Session, Shown())) == text


def test_a_file_is_one_look_at_all_sessions() -> None:
    shown = Shown()
    assert expanded(["%N", "%y of %z", "%u"] * 100, cast(Session, shown)) == ["4", "2 of 9", "joe"] * 100
    assert shown.looks == 1
    expanded(["%u"], cast(Session, shown))
    assert shown.looks == 1


class Room:
    """A store and a quota that count how often they are asked."""

    def __init__(self) -> None:
        self.asked = {"free": 0, "quota": 0}

    def available(self, path: str) -> int:
        self.asked["free"] += 1
        return 5 << 20

    def variables(self) -> dict[str, str]:
        self.asked["quota"] += 1
        return {"limit.name": "joe"}


def test_a_file_is_one_look_at_the_free_space_and_the_quota() -> None:
    shown, room = Shown(), Room()
    session = cast(Any, shown)
    session.store = session.fs = session.quota = room
    lines = expanded(["%f, %F", "%{mod_quotatab.limit.name}"] * 100, session, foreign=True)
    assert lines == ["5MB, 5120", "joe"] * 100
    assert room.asked == {"free": 1, "quota": 1}


@pytest.mark.parametrize("lines", [
    ["%C" * (MOST_BYTES // 2)], ["%C"] * (MOST_BYTES // 3), ["%{time:" + "%c" * 32 + "}"] * (MOST_BYTES // 73),
    ["%C" * 1000 + "\udcff"] * 32,
])
def test_a_file_becomes_no_longer_than_it_may(lines: list[str]) -> None:
    """Users bring such files, and have long paths."""
    shown = Shown()
    shown.cwd = "/" + 3999 * "d"
    tracemalloc.start()
    try:
        found = expanded(lines, cast(Session, shown), foreign=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(map(len, found)) == MOST_SHOWN
    assert peak < 8 * MOST_SHOWN
    if "%C" in lines[0]:
        assert set("".join(found)) == {"/", "d"}


def test_what_a_file_may_be_is_shown_to_its_end() -> None:
    lines = ["x" * 1000, "%u!", ""] * 60
    assert expanded(lines, cast(Session, Shown())) == ["x" * 1000, "joe!", ""] * 60


def test_a_user_reads_no_environment_with_a_file_of_his(hosts: Hosts) -> None:
    hosts.server.give("foreign/message.txt", b"%{env:PATH} %{total_files_xfer}\n")
    with hosts.logged_in("files") as client:
        assert client.expect(250, "CWD foreign").lines[0] == "%{env:PATH} 0"
    shutil.rmtree(hosts.server.home() / "foreign")


@pytest.mark.parametrize("text", ["%{", "%{x", "%{}", "%%{", "%{time:"])
def test_a_line_of_beginnings_takes_no_longer_than_another(text: str) -> None:
    session = cast(Session, Shown())
    began = time.process_time()
    expand(text * (8 * MOST_BYTES // len(text)), session)
    assert time.process_time() - began < 1.0


def test_a_relative_display_connect_is_the_servers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read where the server runs, before anybody has logged in."""
    monkeypatch.chdir("/etc")
    first = Path("/etc/passwd").read_text().splitlines()[0]
    with one_session(host="DisplayConnect passwd") as served:
        assert served.client.connect().lines[0] == first
        served.client.quit()

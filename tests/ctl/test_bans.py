"""`ban` and `permit`: what mod_ban answers, asked by ftpsctl and by ftpdctl, and what becomes of sessions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.testing.client import UnexpectedReply
from ftpsd.testing.configs import ServerConfig, User
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from tests.ctl.desk import ME, desk
from tests.ctl.test_live import FTPDCTL, ftpdctl, run

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
    assert done.stderr == ""
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

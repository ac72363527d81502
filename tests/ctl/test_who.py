"""ftpwho's, ftpcount's and ftptop's tables, in the form of a real ProFTPD 1.3.8, and hostile bytes in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.ctl.who import Report, as_json, count, duration, rate, top, uptime, who
from ftpsd.ftp.phase import Phase
from ftpsd.server.scoreboard import Entry

NOW = 1_795_272_620.0


def entry(phase: Phase, **more: Any) -> Entry:
    fields: dict[str, Any] = {
        "index": 0, "pid": 1048, "process_start": 1, "opened": NOW - 6, "changed": NOW - 5, "bytes": 0, "phase": phase,
        "peer": "127.0.0.1", "peer_port": 4711, "local": "127.0.0.1", "local_port": 2121, "user": "fred",
        "command": "", "session": "0123456789ab", "protocol": "ftps", "client_class": "local",
        "server": "main server", "location": "/in", "peer_name": "localhost", "thread": 1864,
    }
    return Entry(**(fields | more))


DOWNLOAD = entry(Phase.SENDING, command="RETR big", transferred=1_015_808, size=4 << 20)
UPLOAD = entry(Phase.RECEIVING, command="STOR up", transferred=215_040, thread=1867)
IDLE = entry(Phase.IDLE, command="CWD /tmp", thread=1868, peer_name="")
STRANGER = entry(Phase.CONNECTED, user="root", thread=25488, client_class="", opened=NOW)
REPORT = Report(1048, NOW - 30, (DOWNLOAD, UPLOAD, IDLE, STRANGER))


def lines_of(outform: str | None = None, *, verbose: bool = False, server: str | None = None) -> list[str]:
    return who(REPORT, NOW, verbose=verbose, outform=outform, server=server)


def test_who() -> None:
    assert lines_of() == [
        "standalone FTP daemon [1048], up for 0 min",
        " 1864 fred     [  0m6s] ( 24%) RETR big",
        " 1867 fred     [  0m6s] (n/a) STOR up",
        " 1868 fred     [  0m6s]   0m5s idle",
        "25488 (none)   [  0m0s] (authenticating)",
        "Service class (none)               -   1 user",
        "Service class local                -   3 users",
    ]


def test_verbose() -> None:
    lines = lines_of(verbose=True)
    assert lines[1:10] == [
        " 1864 fred     [  0m6s] ( 24%) RETR big", "\tKB/s: 198.40", "\tclient: localhost [127.0.0.1]",
        "\tserver: 127.0.0.1:2121 (main server)", "\tprotocol: ftps", "\tlocation: /in", "\tclass: local",
        "\tsession: 0123456789ab", "",
    ]
    assert lines.count("") == 4
    assert "\tclient: 127.0.0.1 [127.0.0.1]" in lines


def test_one_line_each() -> None:
    lines = lines_of("oneline", verbose=True)
    assert lines[1] == (
        " 1864 fred     [  0m6s] ( 24%) RETR big KB/s: 198.40 client: localhost [127.0.0.1] server: 127.0.0.1:2121"
        " (main server) protocol: ftps location: /in class: local session: 0123456789ab")
    assert len(lines) == 7


def test_compat() -> None:
    assert lines_of("compat")[1:5] == [
        " 1864 0m5s   (24%) RETR big", " 1867 0m5s   STOR up", " 1868 0m5s   idle", "25488 -"]


def test_one_server_only() -> None:
    assert lines_of(server="second")[1:] == ["ftpsd Server 'second'", "no users connected"]
    assert count(REPORT, server=None) == [
        "Master ftpsd process 1048:", "Service class (none)               -   1 user",
        "Service class local                -   3 users"]
    assert count(Report(1, 0, ()), server="x") == [
        "Master ftpsd process 1:", "ftpsd Server 'x'", "0 users"]


def test_sessions_that_are_processes_of_their_own() -> None:
    report = Report(0, 0, REPORT.entries)
    assert who(report, NOW, verbose=False, outform=None, server=None)[0] == "inetd FTP daemon:"
    assert count(report, server=None)[0] == "inetd FTP connections:"
    assert as_json(report, NOW, server=None)["server"] == {"server_type": "inetd", "started_ms": 0}


def test_json() -> None:
    found = as_json(REPORT, NOW, server=None)
    assert found["server"] == {"server_type": "standalone", "pid": 1048, "started_ms": int((NOW - 30) * 1000)}
    download, upload, idle, stranger = found["connections"]
    assert download == {
        "pid": 1864, "connected_since_ms": int((NOW - 6) * 1000), "remote_name": "localhost",
        "remote_address": "127.0.0.1", "local_address": "127.0.0.1", "local_port": 2121, "user": "fred",
        "class": "local", "protocol": "ftps", "location": "/in", "command": "RETR", "command_args": "big",
        "downloading": True, "transfer_completed": "24", "transfer_bytes": 1_015_808, "transfer_duration_ms": 5000,
        "session": "0123456789ab", "server_name": "main server",
    }
    assert upload["uploading"] is True
    assert "transfer_completed" not in upload
    assert (idle["idling"], idle["idle_since_ms"]) == (True, int((NOW - 5) * 1000))
    assert stranger["authenticating"] is True
    assert "user" not in stranger


def test_top() -> None:
    def shown(states: str = "AIDU", *, rates: bool = False, width: int = 100) -> list[str]:
        return top(REPORT, NOW, clock="Sat Nov 21", rates=rates, states=frozenset(states), width=width)

    assert shown()[:4] == [
        "ftptop: Sat Nov 21, up for 0 min", "4 Total FTP Sessions: 1 downloading, 1 uploading, 1 idle", "",
        "PID     S USER         CLIENT                 SERVER                TIME     COMMAND",
    ]
    assert shown()[4] == "1864    D fred         localhost              127.0.0.1:2121        0m6s     RETR big"
    assert [line[8] for line in shown("DI")[4:]] == ["D", "I"]
    assert shown(rates=True)[4] == "1864    D fred         localhost              127.0.0.1:2121        198.4    24%"
    assert shown("A")[4].endswith("(authenticating)")
    assert max(len(line) for line in shown(width=20)) == 20


@pytest.mark.parametrize(("seconds", "text"), [
    (0, "  0m0s"), (62, "  1m2s"), (3599, " 59m59s"), (3720, "  1h2m"), (86_400 * 3 + 4 * 3600, "  3d4h"),
    (-5, "  0m0s"),
])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_uptimes() -> None:
    assert uptime(59) == "up for 0 min"
    assert uptime(3600) == "up for 1 hr 0 min"
    assert uptime(2 * 86_400 + 3 * 3600 + 240) == "up for 2 days 3 hrs 4 min"


def test_a_download_beyond_its_size_and_a_rate_without_time() -> None:
    grown = entry(Phase.SENDING, command="RETR x", transferred=10, size=5, changed=NOW)
    assert "(100%)" in who(Report(1, 0, (grown,)), NOW, verbose=False, outform=None, server=None)[1]
    assert rate(grown, NOW) < 100


hostile = st.text(alphabet=st.sampled_from("a \n\r\t\x1b\x00\x7f\x9b\u202e\u2028\ud8ff\\[%:("), max_size=80)


@given(hostile, hostile, hostile, hostile, st.sampled_from(Phase), st.sampled_from([None, "oneline", "compat"]))
def test_no_client_can_forge_a_line_or_a_column(
    name: str, command: str, location: str, peer_name: str, phase: Phase, outform: str | None,
) -> None:
    bad = entry(phase, user=name, command=command, location=location, peer_name=peer_name)
    good = entry(phase, user="u", command="RETR x", location="/", peer_name="h")
    found, expected = (
        who(Report(1, 0, (each,)), NOW, verbose=True, outform=outform, server=None) for each in (bad, good))
    assert len(found) == len(expected)
    assert all(line.isprintable() for line in "".join(found).split("\t"))
    if outform != "compat" and phase is not Phase.CONNECTED and name:
        assert found[1].split()[2] == "["
    if outform == "oneline":
        assert found[1].count(": ") == expected[1].count(": ")
    for line in top(Report(1, 0, (bad,)), NOW, clock="", rates=False, states=frozenset("AIDU"), width=999):
        assert line.isprintable()
    assert json.dumps(as_json(Report(1, 0, (bad,)), NOW, server=None)).isprintable()


def test_packed_and_unpacked() -> None:
    assert Report.unpacked(REPORT.packed()) == REPORT
    for garbage in ([], ["{"], ["[1]"], ["[1, 2]", "[1]"], ["[1, 2]", "{}"]):
        with pytest.raises(ValueError):
            Report.unpacked(garbage)

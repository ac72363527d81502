"""`shut`, and what clients of a server see of it."""

from __future__ import annotations

import re
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ftpsd.access.closing import parse
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.cli.test_program import call, config
from tests.server.harness import until


def shut(path: Path, *arguments: str, name: str = "ftpshut") -> str:
    """Run it; what it says on standard error."""
    return call("-f", str(path), *arguments, name=name).stderr


def test_it_writes_what_ftpshut_writes(tmp_path: Path) -> None:
    path = tmp_path / "shutmsg"
    before = datetime.now()
    assert shut(path, "-l", "90", "-d", "0", "+30", "Going", "down", "-x", "-l 90", "%s") == ""
    lines = path.read_text().splitlines()
    assert re.fullmatch(r"\d{4} \d+ \d+ \d+ \d+ \d+ 0130 0000", lines[0])
    assert lines[1:] == ["Going down -x -l 90 %s"]
    written = parse(path.read_text())
    assert timedelta(minutes=29, seconds=59) < written.at - before < timedelta(minutes=31)
    assert path.stat().st_mode & 0o777 == 0o644
    done = call("-f", str(path), "-R", name="ftpshut")
    assert (done.returncode, done.stdout) == (0, f"{path} removed\n")
    assert not path.exists()


@pytest.mark.parametrize(("arguments", "says"), [
    ([], "ftpshut: say when: now, +minutes or HHMM"),
    (["x"], "ftpshut: Invalid time interval specified."),
    (["2561"], "ftpshut: Invalid time interval specified."),
    (["-l", "x", "+3"], "ftpshut: Invalid value for '-l'"),
    (["-R"], "error removing '"),
    (["now", "Going", "-c", "/etc/other.conf"], "ftpshut: -c stands behind the time: write options before it"),
    (["+30", "-R"], "ftpshut: -R stands behind the time"),
])
def test_misuse(tmp_path: Path, arguments: list[str], says: str) -> None:
    assert says in shut(tmp_path / "shutmsg", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_the_configuration_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "down"
    chosen = config(tmp_path, f"ShutMessageFile {path}\n")
    assert call("shut", "-c", chosen, "now").returncode == 0
    assert path.exists()
    chosen = config(tmp_path, "ShutMessageFile none\n")
    assert "ShutMessageFile none" in call("shut", "-c", chosen, "now").stderr
    assert "error writing" in call("shut", "-f", str(tmp_path / "a" / "b"), "now").stderr


def _turned_away(server: RunningServer) -> tuple[ScriptedClient, str]:
    """A newcomer, and what he hears: each worker notices the file by itself."""
    deadline = time.monotonic() + 10
    while True:
        newcomer = server.client()
        line = newcomer.read_line()
        if not line.startswith("220") or time.monotonic() > deadline:
            return newcomer, line
        newcomer.close()


def test_a_servers_clients(ftps_server: ServerFactory, tmp_path: Path) -> None:
    """Newcomers first, then those who are there; and the doors open again. The words are ProFTPD's."""
    path = tmp_path / "shutmsg"
    server = ftps_server(directives=[f"ShutMessageFile {path}"])
    server.give_directory("in")
    alice = server.client("TLSv1.3").begin()
    alice.expect(250, "CWD in")
    stranger = server.client()
    stranger.connect()
    assert shut(path, "-l", "10", "-d", "1", "+3", "down at %s for %R") == ""
    server.wait_for_log("new connections are turned away", log="system")
    newcomer, line = _turned_away(server)
    when = r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}"
    assert re.fullmatch(
        rf"500 FTP server shut down \(down at {when} for 127\.0\.0\.1\) -- please try again later", line)
    newcomer.expect_end()
    alice.expect(200, "NOOP")
    server.wait_for_log("connection refused (down at ", log="system")

    assert shut(path, "now", "bye %U in %C\x1b[2J") == ""
    reply = alice.read_reply()
    assert (reply.code, reply.lines) == (421, ("FTP server shutting down - bye alice in /in\\x1b[2J",))
    alice.expect_end()
    assert stranger.read_reply().text == "FTP server shutting down - bye NONE in (none)\\x1b[2J"
    path.unlink()

    def open_again() -> bool:
        client = server.client()
        found = client.read_line().startswith("220")
        client.close("fin")
        return found

    until(open_again, "the doors to open")


def test_later_workers_know_it_too(ftps_server: ServerFactory, tmp_path: Path) -> None:
    path = tmp_path / "shutmsg"
    server = ftps_server(directives=[f"ShutMessageFile {path}", "Workers 1"])
    shut(path, "+3", "soon")
    server.wait_for_log("new connections are turned away", log="system")
    server.signal(signal.SIGHUP)
    server.wait_for_log("the new configuration is served", log="system")
    assert server.client().read_line().startswith("500 FTP server shut down (soon)")

"""`who`, `count`, `top`: the programs, by our names and by ProFTPD's."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.ftp.phase import Phase
from ftpsd.server.scoreboard import Scoreboard
from ftpsd.testing.plugin import ServerFactory
from tests.cli.test_program import CALL_AS, SOURCES, call, config


@pytest.fixture
def board(tmp_path: Path) -> Iterator[str]:
    """The path of a scoreboard with one session of alice's."""
    path = str(tmp_path / "scoreboard")
    made = Scoreboard.create(path)
    slot = made.acquire(("192.0.2.7", 4711), ("127.0.0.1", 21))
    assert slot is not None
    slot.update(user="alice", phase=Phase.IDLE)
    slot.describe(client_class="local", server="Test Server", location="/", protocol="ftps", session="0123456789ab")
    yield path
    made.close()


@pytest.mark.parametrize(("name", "arguments"), [("ftpsd", ["who"]), ("ftpwho", [])])
def test_who(board: str, name: str, arguments: list[str]) -> None:
    done = call(*arguments, "-f", board, name=name)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"standalone FTP daemon [{os.getpid()}], up for 0 min")
    assert "alice    [  0m" in lines[1]
    assert lines[2] == "Service class local                -   1 user"


def test_who_knows_other_forms(board: str) -> None:
    assert json.loads(call("-o", "json", "-f", board, name="ftpwho").stdout)["connections"][0]["user"] == "alice"
    assert len(call("-v", "-o", "oneline", "-f", board, name="ftpwho").stdout.splitlines()) == 3
    assert "no users connected" in call("-S", "other", "-f", board, name="ftpwho").stdout
    done = call("-o", "bogus", "-f", board, name="ftpwho")
    assert (done.returncode, done.stderr) == (1, "ftpwho: unknown outform value: 'bogus'\n")


@pytest.mark.parametrize(("name", "arguments"), [("ftpsd", ["count"]), ("ftpcount", [])])
def test_count(board: str, name: str, arguments: list[str]) -> None:
    done = call(*arguments, "-f", board, name=name)
    assert done.stdout == f"Master ftpsd process {os.getpid()}:\nService class local                -   1 user\n"


def test_the_configuration_names_the_file(board: str, tmp_path: Path) -> None:
    path = tmp_path / "test.conf"
    path.write_text(f"ScoreboardFile {board}\n")
    assert "1 user\n" in call("count", "-c", str(path)).stdout


def test_a_scoreboard_that_is_none(tmp_path: Path) -> None:
    done = call("-f", str(tmp_path / "missing"), name="ftpwho")
    assert done.returncode == 1
    assert done.stderr.startswith(f"ftpwho: {tmp_path}/missing: No such file or directory\n(Perhaps you need")
    (tmp_path / "other").write_text("x")
    assert "scoreboard is corrupted or old" in call("-f", str(tmp_path / "other"), name="ftpcount").stderr


def test_a_dead_servers_scoreboard_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "scoreboard")
    subprocess.run(
        [sys.executable, "-c", f"from ftpsd.server.scoreboard import Scoreboard; Scoreboard.create({path!r})"],
        check=True, timeout=60, env=dict(os.environ, PYTHONPATH=str(SOURCES)),
    )
    done = call("-f", path, name="ftpwho")
    assert "is what a dead server left" in done.stderr
    assert "no users connected" in done.stdout


def test_without_a_file_the_control_socket_is_asked(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=["ScoreboardFile none"])
    server.client("TLSv1.3").begin()
    done = call("who", "-v", "-c", str(server.files.configuration))
    assert "\tprotocol: ftps" in done.stdout, done.stderr
    assert "alice" in done.stdout
    server.stop()
    done = call("who", "-c", str(server.files.configuration))
    assert done.returncode == 1
    assert "there is no ScoreboardFile, and no control socket: error contacting server" in done.stderr


def test_neither_file_nor_socket_are_configured(tmp_path: Path) -> None:
    done = call("count", "-c", config(tmp_path, f"ControlsSocket {tmp_path}/none\n"))
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(("options", "shown"), [
    ([], "I"), (["-A"], ""), (["-I"], "I"), (["-i"], ""), (["-a"], "I"), (["-D"], ""), (["-U"], ""),
])
def test_top_in_a_batch(board: str, options: list[str], shown: str) -> None:
    done = call("-b", "-n", "1", *options, "-f", board, name="ftptop")
    assert (done.returncode, done.stderr) == (0, "")
    head, *rows = done.stdout.split("COMMAND\n")
    assert "1 Total FTP Sessions: 0 downloading, 0 uploading, 1 idle" in head
    assert rows[0][8:9] == shown
    assert "\x1b" not in done.stdout


def test_top_repeats(board: str) -> None:
    assert call("top", "-b", "-n", "3", "-d", "0", "-f", board).stdout.count("Total FTP Sessions") == 3
    assert call("-V", name="ftptop").stdout.startswith("ftptop/")


def test_top_on_a_terminal(board: str) -> None:
    """The key t shows speeds, q ends it."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(PYTHONPATH=str(SOURCES), TERM="xterm", COLUMNS="100", LINES="24")
        os.execv(sys.executable, [sys.executable, "-c", CALL_AS.format(name="ftptop"), "-d", "1", "-f", board])
    shown = _until(terminal, b"", b"COMMAND")
    shown = _until(terminal, shown, b"alice")
    os.write(terminal, b"t")
    _until(terminal, shown, b"DONE")
    os.write(terminal, b"q")
    deadline = time.monotonic() + 20
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        try:
            os.read(terminal, 4096)
        except OSError:
            time.sleep(0.01)
    assert os.waitstatus_to_exitcode(ended[1]) == 0
    os.close(terminal)


def _until(terminal: int, shown: bytes, wanted: bytes) -> bytes:
    deadline = time.monotonic() + 20
    while wanted not in shown and time.monotonic() < deadline:
        shown += os.read(terminal, 4096)
    assert wanted in shown
    return shown

"""The control socket of a real server: what its sessions and its clients see. Driven by ftpsctl and by ftpdctl."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ftpsd
from ftpsd.server.scoreboard import Scoreboard
from ftpsd.testing.client import ConnectionEnded
from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from tests.ctl.desk import ME
from tests.server.harness import PATIENCE, alive, children, until

ALLOW = tuple(f"{name} all allow user {ME}" for name in ("ControlsACLs", "AdminControlsACLs", "TLSControlsACLs"))
FTPDCTL = shutil.which("ftpdctl")
NAMES = 500
"""More than there are names in a row that ftpdctls of other users have left in /tmp."""


def run(server: RunningServer, *words: str, program: str = "ftpsctl") -> subprocess.CompletedProcess[str]:
    """A control program as people call it."""
    code = "import sys; sys.argv[0] = sys.argv.pop(1); from ftpsd.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, program, "-s", str(server.files.controls), *words],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(ftpsd.__file__).parents[1])},
    )


def ftpdctl(server: RunningServer, *words: str) -> tuple[int, str]:
    """ProFTPD's own control program: exit status, and what it prints.

    It makes a socket /tmp/ftp.clPID and cannot, where another user's ftpdctl with that pid has left one whose server
    did not delete it: then the next one is asked.
    """
    assert FTPDCTL is not None
    command = [FTPDCTL, "-s", str(server.files.controls), *words]
    for _ in range(NAMES):
        with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            text, _ = process.communicate(timeout=60)
        if not text.endswith(": Address already in use\n"):
            break
    assert not os.path.lexists(f"/tmp/ftp.cl{process.pid:05}"), text
    return process.returncode, text


@pytest.fixture(scope="module")
def shared(ftps_certificates: Certificates) -> Iterator[RunningServer]:
    """One server for everything that leaves it as it was."""
    sections = "<Class local>\n  From 127.0.0.0/8\n</Class>"
    with server_directory() as files:
        config = ServerConfig(certificate=ftps_certificates.server, directives=(*ALLOW, "Workers 2"), sections=sections)
        server = start_ftpsd(config, files, ftps_certificates.authority_file)
        server.give("large", bytes(32 << 20))
        try:
            yield server
        finally:
            server.stop()


def test_kicked_users_are_told(shared: RunningServer, tls_version: str) -> None:
    clients = [shared.client(tls_version).begin() for _ in range(4)]
    bystander = shared.client(tls_version)
    bystander.connect()
    done = run(shared, "kick", "user", "alice")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ftpsctl: kicked user 'alice'\n", "")
    for client in clients:
        reply = client.expect(421)
        assert reply.text == "Disconnected by the administrator, closing control connection"
        client.expect_end()
    assert bystander.command("NOOP").code in (200, 530, 550)
    bystander.close()


def test_a_kick_ends_a_transfer(shared: RunningServer, tls_version: str) -> None:
    client = shared.client(tls_version).begin()
    connection = client.data()
    client.send_line("RETR large")
    client.expect(150)
    connection.handshake().read()
    assert run(shared, "kick", "class", "local").returncode == 0
    codes = [client.read_reply().code]
    if codes[0] != 421:
        codes.append(client.read_reply().code)
    assert codes[-1] == 421
    connection.close("rst")


def test_a_session_that_does_not_listen_loses_its_socket(shared: RunningServer) -> None:
    """A client that takes no more bytes keeps its session busy; it is cut off."""
    client = shared.client("TLSv1.3").begin()
    connection = client.data()
    client.send_line("RETR large")
    client.expect(150)
    connection.handshake()
    run(shared, "kick", "host", "127.0.0.1")
    board = shared.files.directory / "scoreboard"
    port = client.control.socket.getsockname()[1]

    def gone() -> bool:
        shown = Scoreboard.open(str(board))
        try:
            return all(entry.peer_port != port for entry in shown.entries())
        finally:
            shown.close()

    until(gone, "the session to end")
    connection.close("rst")


def test_debug_level_is_for_the_sessions_that_are_there(shared: RunningServer) -> None:
    client = shared.client("TLSv1.3").begin()
    client.expect(200, "NOOP")
    numbers = itertools.count()

    def is_logged() -> bool:
        """Of a command of its own: the order and a command may reach the worker in either order."""
        name = f"nothing-{next(numbers)}"
        client.expect(550, f"CWD {name}")
        return any(f"CWD {name}" in line for line in shared.system_log())

    assert not is_logged()
    run(shared, "debug", "level", "10")
    until(is_logged, "commands in the log")
    run(shared, "debug", "level", "0")
    until(lambda: not is_logged(), "commands not to be in the log")
    client.quit()


def test_what_the_server_indents_is_shown_so(shared: RunningServer) -> None:
    with shared.client() as client:
        client.begin()
        done = run(shared, "who", "-v")
    assert "ftpsctl: \tprotocol: ftps\n" in done.stdout
    assert "\\t" not in done.stdout


def test_failures_have_an_exit_status(shared: RunningServer, tmp_path: Path) -> None:
    done = run(shared, "kick", "bogus", "x")
    assert (done.returncode, done.stdout) == (1, "ftpsctl: unknown kick type requested: 'bogus'\n")
    done = run(shared, "kick", "bogus", "x", program="/usr/bin/ftpdctl")
    assert (done.returncode, done.stdout) == (0, "ftpdctl: unknown kick type requested: 'bogus'\n")
    done = run(shared, "-s", str(tmp_path / "none"), "help", program="ftpdctl")
    assert done.returncode == 1
    assert done.stderr == f"ftpdctl: error contacting server using '{tmp_path}/none': No such file or directory\n"
    done = run(shared)
    assert (done.returncode, done.stderr) == (2, "ftpsctl: missing required action; `help` lists them\n")
    assert run(shared, "--bogus").returncode == 2
    assert run(shared, "--bogus", program="ftpdctl").returncode == 1
    done = run(shared, "-s", "relative", "help")
    assert (done.returncode, done.stderr) == (2, "ftpsctl: alternate socket path must be an absolute path\n")


def test_the_configuration_names_the_socket(shared: RunningServer) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ftpsd.cli.main", "ctl", "-c", str(shared.files.configuration), "status", "all"],
        capture_output=True, text=True, timeout=60,
    )
    assert done.stdout == f"status: 127.0.0.1#{shared.port} UP\n", done.stderr


@pytest.mark.client
@pytest.mark.skipif(FTPDCTL is None, reason="no ftpdctl here (Debian: proftpd-core)")
def test_the_real_ftpdctl(shared: RunningServer) -> None:
    """It does not notice that there is another server."""
    client = shared.client("TLSv1.3").begin()
    assert ftpdctl(shared, "status", "all") == (0, f"ftpdctl: status: 127.0.0.1#{shared.port} UP\n")
    assert ftpdctl(shared, "nonsense") == (0, "ftpdctl: unsupported action requested\n")
    status, text = ftpdctl(shared, "get", "directives")
    assert status == 0
    assert text.count("\n") > 250
    assert ftpdctl(shared, "kick", "user", "alice") == (0, "ftpdctl: kicked user 'alice'\n")
    client.expect(421)
    status, text = ftpdctl(shared, "-v", "help")
    assert "ftpdctl: kick: disconnect a class, host, or user\n" in text


def test_access_denied_says_how_to_allow_it(ftps_server: ServerFactory) -> None:
    server = ftps_server(without_tls=True)
    done = run(server, "kick", "user", "alice")
    assert (done.returncode, done.stdout) == (1, "ftpsctl: access denied\n")
    assert f"`AdminControlsACLs kick allow user {ME}`" in done.stderr
    assert run(server, "lsctrl").stdout == "ftpsctl: access denied\n"
    assert run(server, "help").returncode == 0


def test_restart_and_a_dead_worker(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=(*ALLOW, "Workers 2"))
    pid = server.process.pid
    old = server.client("TLSv1.3").begin()
    assert run(server, "restart").stdout == "ftpsctl: restarted server\n"
    old.expect(200, "NOOP")
    client = server.client("TLSv1.3").begin()
    worker = next(child for child in children(pid) if child != max(children(pid)))
    os.kill(worker, signal.SIGKILL)
    until(lambda: not alive(worker), "the worker to die")
    assert run(server, "kick", "user", "alice").returncode == 0
    assert run(server, "debug", "level", "1").returncode == 0
    for each in (old, client):
        with contextlib.suppress(ConnectionEnded):  # the killed worker had no time to say anything
            assert each.read_reply().code == 421
        each.expect_end()
    server.files.configuration.write_text("Nonsense on\n")
    done = run(server, "restart")
    assert done.returncode == 1
    assert "unknown configuration directive" in done.stdout
    assert "nothing has changed" in done.stdout
    server.client("TLSv1.3").begin().quit()


def test_a_host_that_is_down_serves_nobody(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=ALLOW)
    place = f"127.0.0.1#{server.port}"
    client = server.client("TLSv1.3").begin()
    assert run(server, "down", place).stdout == f"ftpsctl: down: {place} disabled\n"
    until(lambda: _turned_away(server), "newcomers to be turned away")
    client.expect(200, "NOOP")
    assert run(server, "status", "all").stdout == f"ftpsctl: status: {place} DOWN\n"
    assert run(server, "up", place).stdout == f"ftpsctl: up: {place} enabled\n"
    server.client("TLSv1.3").begin().quit()


def _turned_away(server: RunningServer) -> bool:
    """Whether a newcomer is; a worker of the old configuration may take one more before it hears of the new one."""
    newcomer = server.client()
    reply = newcomer.read_reply()
    if reply.code == 220:
        newcomer.close()
        return False
    assert reply.text == "Sorry, no server available to handle request on this address"
    newcomer.expect_end()
    return True


def _refused(server: RunningServer) -> bool:
    try:
        server.client().close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_graceful_shutdown_waits_for_the_last_session(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=ALLOW)
    client = server.client("TLSv1.3").begin()
    assert run(server, "shutdown", "graceful").stdout == "ftpsctl: shutting down\n"
    client.expect(200, "NOOP")
    assert "the server is about to end" in run(server, "restart").stdout
    until(lambda: _refused(server), "newcomers to be refused, by all workers")
    assert server.process.poll() is None
    client.quit()
    assert server.process.wait(PATIENCE) == 0
    assert not server.files.controls.exists()
    assert not server.files.pid_file.exists()


def test_shutdown_ends_it_now(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=ALLOW)
    client = server.client("TLSv1.3").begin()
    assert run(server, "shutdown").returncode == 0
    assert client.read_reply().code == 421
    assert server.process.wait(PATIENCE) == 0

"""The service manager's watchdog, and life as process 1."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.server.notify import Notifier
from tests.server.harness import PATIENCE, TREE, Server, alive, children, running, until

UNITS = TREE / "packaging" / "systemd"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path) as made:
        yield made


@pytest.mark.parametrize(("environment", "expected"), [
    ({}, None),
    ({"WATCHDOG_USEC": "30000000"}, None),
    ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "30000000"}, 30.0),
    ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
    ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None),
    ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "0"}, None),
    ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, None),
])
def test_whether_there_is_a_watchdog(environment: dict[str, str], expected: float | None) -> None:
    given = dict(environment)
    assert Notifier(given).watchdog == expected
    assert given == {}, "children must not think that they are watched"


def test_it_is_fed_while_a_worker_answers(server: Server) -> None:
    path = server.directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.settimeout(PATIENCE)
        notify.bind(str(path))
        server.write(workers=2)
        server.process = server.launch("-n", NOTIFY_SOCKET=str(path), WATCHDOG_USEC="600000")
        while not notify.recv(100).startswith(b"READY=1"):
            pass
        for _ in range(6):
            assert notify.recv(100) == b"WATCHDOG=1"
        workers = children(server.pid)
        os.kill(workers[0], signal.SIGSTOP)
        for _ in range(6):
            assert notify.recv(100) == b"WATCHDOG=1"
        os.kill(workers[1], signal.SIGSTOP)
        notify.settimeout(0.7)
        until(lambda: _says_nothing(notify), "silence")
        notify.settimeout(PATIENCE)
        until(lambda: "no worker answers" in server.said, "word of it")
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        assert notify.recv(100) == b"WATCHDOG=1"


def _says_nothing(notify: socket.socket) -> bool:
    try:
        notify.recv(100)
    except TimeoutError:
        return True
    return False


@pytest.mark.root
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare here (util-linux)")
def test_process_1_reaps_orphans_and_obeys_signals(server: Server) -> None:
    """As in a container: nobody else takes the zombies, and no signal has a default action."""
    server.write()
    number = server.listener.fileno()
    ours = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
        " os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()));"
        " os.execv(sys.executable, [sys.executable, '-m', 'tests.server.fake_server', sys.argv[2], '-n'])"
    )
    with (server.directory / "stderr").open("ab") as errors:
        outside = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", ours, str(number),
             str(server.config)],
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, pass_fds=(number,), cwd=TREE,
            env=dict(os.environ, PYTHONPATH=f"{TREE / 'src'}:{TREE}"),
        )
    try:
        until(lambda: server.pidfile.exists() or outside.poll() is not None, "the start")
        assert server.pid == 1, server.said
        (first,) = children(outside.pid)
        orphan = f"(sleep 0.1; echo $? > {server.directory}/orphan) &"
        subprocess.run(["nsenter", "-t", str(first), "-p", "-r", "sh", "-c", orphan], check=True, timeout=PATIENCE)
        until(lambda: (server.directory / "orphan").exists(), "the orphan to end")
        workers = [child for child in children(first) if alive(child)]
        until(lambda: sorted(children(first)) == sorted(child for child in workers if alive(child)), "no zombies")
        os.kill(next(child for child in children(first)), signal.SIGKILL)
        until(lambda: "killed by SIGKILL" in server.said, "word of the dead worker")
        until(lambda: len([child for child in children(first) if alive(child)]) == 2, "the new worker")
        assert server.talk().name == "first"
        os.kill(first, signal.SIGTERM)
        until(lambda: outside.poll() is not None, "the end")
        assert outside.returncode == 0
        assert not server.pidfile.exists()
    finally:
        outside.kill()
        outside.wait(PATIENCE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here (systemd)")
def test_the_units_are_good(tmp_path: Path) -> None:
    for name in ("ftpsd.service", "ftpsd.socket"):
        text = (UNITS / name).read_text().replace("/usr/bin/ftpsd", sys.executable)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True, text=True, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if "ftpsd" in line]
    assert complaints == [], done.stderr


def test_the_unit_says_what_the_program_can_do() -> None:
    """Options of the unit are options of the program, and its times fit the server's."""
    from ftpsd.cli.options import OPTIONS
    from ftpsd.server.crew import START_DEADLINE

    known = {name for option in OPTIONS for name in option.opts}
    lines = dict(
        line.split("=", 1) for line in (UNITS / "ftpsd.service").read_text().splitlines() if "=" in line)
    used = {word for key in ("ExecStart", "ExecStartPre") for word in lines[key].split() if word.startswith("-")}
    assert used <= known
    assert (lines["Type"], lines["ExecReload"]) == ("notify", "/bin/kill -HUP $MAINPID")
    assert float(lines["TimeoutStartSec"]) > START_DEADLINE

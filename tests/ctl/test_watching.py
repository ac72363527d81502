"""`trace user|host|session`: a pipe goes to the workers; what comes back of real sessions."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ftpsd
from ftpsd.server.orders import Watch
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.ctl.desk import Desk, desk, parse
from tests.ctl.test_live import ALLOW

PASSWORD = "hunter2-and-more"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def ask(here: Desk, text: str, *fds: int) -> tuple[int, list[str]]:
    words = [word.encode() for word in text.split()]
    data = struct.pack("=iI", 0, len(words)) + b"".join(struct.pack("=I", len(word)) + word for word in words)
    client = here.connect()
    socket.send_fds(client, [data], fds)
    return parse(here.receive(client))


@pytest.mark.parametrize(("asked", "order", "answer"), [
    ("trace user alice", Watch("user", "alice", 300.0), "trace: user 'alice' for 300 seconds"),
    ("trace host -t 7 192.0.2.0/24", Watch("host", "192.0.2.0/24", 7.0), "trace: host '192.0.2.0/24' for 7 seconds"),
    ("trace user bob -t 1", Watch("user", "bob", 1.0), "trace: user 'bob' for 1 second"),
    ("trace session 0123 -t 3600", Watch("session", "0123", 3600.0), "trace: session '0123' for 3600 seconds"),
])
def test_a_pipe_goes_to_the_workers(here: Desk, asked: str, order: Watch, answer: str) -> None:
    reader, writer = os.pipe()
    assert ask(here, asked, writer) == (0, [answer])
    assert here.supervisor.orders == [order]
    os.close(writer)
    assert os.read(reader, 1) == b"", "the server keeps no copy"
    os.close(reader)


@pytest.mark.parametrize(("asked", "says"), [
    ("trace user", "trace user: say one user"), ("trace user a b", "trace user: say one user"),
    ("trace user a -t", "trace: '' is not a number of seconds from 1 to 3600"),
    ("trace user a -t 0", "trace: '0' is not a number of seconds from 1 to 3600"),
    ("trace user a -t 9999", "trace: '9999' is not a number of seconds from 1 to 3600"),
    ("trace user a", "trace user: only ftpsctl can show that"),
])
def test_misuse(here: Desk, asked: str, says: str) -> None:
    assert ask(here, asked) == (-1, [says])
    assert here.supervisor.orders == []


def test_only_a_pipe_will_do(here: Desk, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert ask(here, "trace user a", file.fileno()) == (-1, ["trace user: what came with the request is no pipe"])


def test_whoever_sends_many_descriptors_is_cut_off(here: Desk) -> None:
    before = len(os.listdir("/proc/self/fd"))
    reader, writer = os.pipe()
    client = here.connect()
    socket.send_fds(client, [struct.pack("=iII", 0, 1, 4) + b"help"], [writer] * 5)
    assert here.receive(client) == b""
    socket_of_client = client.fileno()
    assert socket_of_client >= 0
    client.close()
    os.close(reader)
    os.close(writer)
    assert len(os.listdir("/proc/self/fd")) == before
    assert here.ask("help")[0] == 0


def watching(server: RunningServer, *words: str) -> subprocess.Popen[str]:
    code = "import sys; sys.argv[0] = 'ftpsctl'; from ftpsd.cli.main import main; main()"
    made = subprocess.Popen(
        [sys.executable, "-c", code, "-s", str(server.files.controls), "trace", *words], text=True,
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path(ftpsd.__file__).parents[1])},
    )
    assert made.stdout is not None
    assert made.stdout.readline().startswith("ftpsctl: trace: ")
    return made


def shown_until(process: subprocess.Popen[str], last: str) -> str:
    """What it shows up to a line with `last` (pytest's own time limit guards this)."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if last in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


def test_one_user_of_a_real_server(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(directives=(*ALLOW, "Workers 2"), users=[User(password=PASSWORD), User("bob", PASSWORD)])
    server.give("file", b"contents")
    alice, bob = (server.client(tls_version).begin(user=name, password=PASSWORD) for name in ("alice", "bob"))
    tracer = watching(server, "user", "alice", "-t", "60")
    try:
        bob.expect(250, "CWD /")
        alice.expect(200, "NOOP")
        assert alice.retrieve("RETR file") == b"contents"
        newcomer = server.client(tls_version).begin(password=PASSWORD)
        newcomer.quit()
        alice.quit()
        shown = shown_until(tracer, "FTP session closed") + shown_until(tracer, "FTP session closed")
    finally:
        tracer.terminate()
        tracer.wait(20)
        assert tracer.stdout is not None
        tracer.stdout.close()
    bob.expect(200, "NOOP")
    assert "> RETR file" in shown
    assert "< 226 Transfer complete" in shown
    assert "> USER alice" in shown
    assert "> PASS (hidden)" in shown
    assert re.search(r"TLS .*ClientHello", shown)
    assert PASSWORD not in shown
    assert "bob" not in shown
    assert "CWD" not in shown
    assert len({line.split()[2] for line in shown.splitlines()}) == 2, "two sessions"
    server.client(tls_version).begin(password=PASSWORD).quit()


def test_a_host_from_its_first_byte_on(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=ALLOW)
    tracer = watching(server, "host", "127.0.0.0/8", "-t", "60")
    try:
        server.client("TLSv1.3").begin().quit()
        shown = shown_until(tracer, "FTP session closed")
    finally:
        tracer.terminate()
        tracer.wait(20)
        assert tracer.stdout is not None
        tracer.stdout.close()
    order = "* FTP session opened|< 220 |> AUTH TLS|ClientHello|TLSv1.3 connection accepted|> USER alice"
    places = [shown.index(part) for part in order.split("|")]
    assert places == sorted(places)


def test_it_ends_when_its_time_is_up(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=ALLOW)
    tracer = watching(server, "session", "0123456789ab", "-t", "1")
    assert tracer.wait(30) == 0
    assert tracer.stdout is not None
    assert tracer.stdout.read() == ""
    tracer.stdout.close()

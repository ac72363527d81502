"""`trace user|host|session`: a pipe goes to the workers; what comes back of real sessions."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

import ftpsd
from ftpsd.server.orders import Watch
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.ctl.desk import Desk, desk, parse
from tests.ctl.test_live import ALLOW
from tests.server.harness import PATIENCE, until

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


class Tracer:
    """`ftpsctl trace …` on a server, and the lines that it has shown so far."""

    def __init__(self, server: RunningServer, *words: str) -> None:
        code = "import sys; sys.argv[0] = 'ftpsctl'; from ftpsd.cli.main import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "-s", str(server.files.controls), "trace", *words], text=True,
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path(ftpsd.__file__).parents[1])},
        )
        self.lines: list[str] = []
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("ftpsctl: trace: ")
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def sessions(self) -> set[str]:
        return {line.split()[2] for line in self.lines}

    def wait_for_sessions(self, *clients: ScriptedClient) -> None:
        """Until each of the clients' sessions is shown: it may be served before its worker has the order."""

        def all_are_shown() -> bool:
            for client in clients:
                client.expect(200, "NOOP")
            return len(self.sessions) == len(clients)

        until(all_are_shown, "every session to be shown")

    def wait_for(self, text: str, count: int = 1) -> str:
        """All that it has shown when so many lines have `text`."""
        until(lambda: sum(text in line for line in self.lines) >= count, text)
        return "".join(self.lines)


def in_every_worker(server: RunningServer, version: str, count: int) -> list[ScriptedClient]:
    """Alice's sessions, one in each worker."""
    found: dict[int, ScriptedClient] = {}

    def all_have_one() -> bool:
        client = server.client(version).begin(password=PASSWORD)
        found.setdefault(server.worker_of(client.control.socket.getsockname()[1]), client)
        if client not in found.values():
            client.quit()
        return len(found) == count

    until(all_have_one, "a session in every worker")
    return list(found.values())


def test_one_user_of_a_real_server(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server(directives=(*ALLOW, "Workers 2"), users=[User(password=PASSWORD), User("bob", PASSWORD)])
    server.give("file", b"contents")
    alice, again = in_every_worker(server, tls_version, 2)
    bob = server.client(tls_version).begin(user="bob", password=PASSWORD)
    with Tracer(server, "user", "alice", "-t", "60") as tracer:
        tracer.wait_for_sessions(alice, again)
        bob.expect(250, "CWD /")
        assert alice.retrieve("RETR file") == b"contents"
        newcomer = server.client(tls_version).begin(password=PASSWORD)
        newcomer.quit()
        alice.quit()
        shown = tracer.wait_for("FTP session closed", 2)
    bob.expect(200, "NOOP")
    assert "> RETR file" in shown
    assert "< 226 Transfer complete" in shown
    assert "> USER alice" in shown
    assert "> PASS (hidden)" in shown
    assert re.search(r"TLS .*ClientHello", shown)
    assert PASSWORD not in shown
    assert "bob" not in shown
    assert "CWD" not in shown
    assert len(tracer.sessions) == 3
    server.client(tls_version).begin(password=PASSWORD).quit()


def test_a_host_from_its_first_byte_on(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=(*ALLOW, "Workers 1"))
    before = server.client("TLSv1.3").begin()
    with Tracer(server, "host", "127.0.0.0/8", "-t", "60") as tracer:
        tracer.wait_for_sessions(before)
        known = tracer.sessions
        server.client("TLSv1.3").begin().quit()
        tracer.wait_for("FTP session closed")
        shown = "".join(line for line in tracer.lines if line.split()[2] not in known)
    order = "* FTP session opened|< 220 |> AUTH TLS|ClientHello|TLSv1.3 connection accepted|> USER alice"
    places = [shown.index(part) for part in order.split("|")]
    assert places == sorted(places)


def test_it_ends_when_its_time_is_up(ftps_server: ServerFactory) -> None:
    server = ftps_server(directives=ALLOW)
    with Tracer(server, "session", "0123456789ab", "-t", "1") as tracer:
        assert tracer.process.wait(PATIENCE) == 0
    assert tracer.lines == []

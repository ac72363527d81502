"""The same file with ServerType inetd, served by a real ProFTPD and by ftpsd that the same parent starts.

Deliberate differences, asserted here: on SIGTERM ProFTPD says nothing to its client, ftpsd says 421; who cannot be
served for want of a scoreboard hears nothing from ProFTPD and 421 from ftpsd; what a process held that was killed
counts on in ProFTPD.
"""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pytest

from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.plugin import Certificates, need_proftpd
from ftpsd.testing.server import PROFTPD
from tests.server.inetd import FTPSD, PATIENCE, Inetd, inetd

pytestmark = [pytest.mark.peer, pytest.mark.root]

Dialect = Literal["ftpsd", "proftpd"]
SECOND = '<VirtualHost 127.0.0.2>\nPort @PORT@\nServerName "Second"\n</VirtualHost>\n'


@dataclass(frozen=True)
class Found:
    """What a server did: codes of replies ("": the end), exit statuses, whether files were there."""

    logins: tuple[int, ...]
    after_quit: tuple[int, ...]
    after_kill: tuple[int, ...]
    ended: str
    statuses: tuple[int, ...]
    pid_file: bool
    unsocketed: int
    unusable: tuple[bytes, int]


def log_in(server: Inetd) -> tuple[int, socket.socket]:
    sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    lines = sock.makefile("rb")
    assert lines.readline().startswith(b"220 ")
    sock.sendall(b"USER alice\r\n")
    assert lines.readline().startswith(b"331 ")
    sock.sendall(b"PASS secret\r\n")
    return int(lines.readline()[:3]), sock


def examine(program: Sequence[str], dialect: Dialect, certificates: Certificates) -> Found:
    config = ServerConfig(None, directives=("MaxClients 1", "MaxInstances 1"), dialect=dialect)
    with inetd(config, certificates.authority_file, program=program) as server:
        first, one = log_in(server)
        second, two = log_in(server)
        pid_file = server.files.pid_file.exists()
        two.close()
        one.sendall(b"QUIT\r\n")
        assert (server.status(0), server.status(1)) == (0, 0)
        third, three = log_in(server)
        server.process(2).send_signal(signal.SIGTERM)
        ended = three.recv(100)[:3].decode()
        server.status(2)
        fourth, four = log_in(server)
        server.process(3).kill()
        server.process(3).wait(PATIENCE)
        fifth, five = log_in(server)
        for sock in (one, three, four, five):
            sock.close()
        statuses = tuple(server.status(number) for number in range(3))
        unsocketed = subprocess.run(
            [*program, "-c", str(server.files.configuration)], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=PATIENCE, check=False).returncode
        text = server.files.configuration.read_text()
        board = str(server.files.directory / "scoreboard")
        server.files.configuration.write_text(text.replace(board, "/nonexistent/scoreboard"))
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
            told = sock.recv(100)
        unusable = told[:3], server.status()
    return Found((first, second), (third,), (fourth, fifth), ended, statuses, pid_file, unsocketed, unusable)


def test_the_same_file(ftps_certificates: Certificates) -> None:
    need_proftpd()
    theirs = examine([str(PROFTPD)], "proftpd", ftps_certificates)
    ours = examine(FTPSD, "ftpsd", ftps_certificates)
    assert theirs.logins == ours.logins == (230, 530)
    assert theirs.after_quit == ours.after_quit == (230,)
    assert (theirs.after_kill, ours.after_kill) == ((230, 530), (230, 230))
    assert (theirs.ended, ours.ended) == ("", "421")
    assert theirs.statuses == ours.statuses == (0, 0, 0)
    assert (theirs.pid_file, theirs.unsocketed) == (ours.pid_file, ours.unsocketed) == (False, 1)
    assert (theirs.unusable, ours.unusable) == ((b"", 1), (b"421", 1))


def test_the_address_chooses_the_host(ftps_certificates: Certificates) -> None:
    need_proftpd()
    found = []
    both: tuple[tuple[Sequence[str], Dialect], ...] = (([str(PROFTPD)], "proftpd"), (FTPSD, "ftpsd"))
    for program, dialect in both:
        config = ServerConfig(None, sections=SECOND, dialect=dialect)
        with inetd(config, ftps_certificates.authority_file, program=program, every=True) as server:
            names = []
            for address in ("127.0.0.1", "127.0.0.2"):
                with socket.create_connection((address, server.port), PATIENCE) as sock:
                    names.append(sock.recv(200).partition(b"(")[2].partition(b")")[0])
        found.append(names)
    assert found == [[b"Test Server", b"Second"]] * 2

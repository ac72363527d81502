"""The server has no descriptor left: the client hears that it is the server's fault, and may pass."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from typing import NoReturn

import pytest

from ftpsd.native import _system
from ftpsd.testing.client import parse_pasv
from tests.session.inprocess import InProcess, one_session, system_log

NONE_LEFT = "Unable to build data connection: Too many open files [server-exhausted]"


@pytest.fixture
def served() -> Iterator[InProcess]:
    """A session, logged in without TLS."""
    with one_session(["TLSEngine off"], tls=()) as served:
        served.client.read_reply()
        served.client.login()
        yield served


def none_left(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.mark.parametrize("command", ["PASV", "EPSV"])
def test_no_passive_port(served: InProcess, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the fault of PassivePorts, and nobody waits five seconds for one."""
    with monkeypatch.context() as patch:
        patch.setattr(_system, "listen", none_left)
        assert served.client.expect(425, command).text == NONE_LEFT
    served.client.expect(227, "PASV")
    assert "no passive port could be had: [Errno 24] Too many open files [server-exhausted]" in system_log(served)


def test_what_else_the_system_says_of_ports(served: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> NoReturn:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(_system, "listen", forbidden)
    words = "Unable to build data connection: Permission denied [passive-ports-exhausted]"
    assert served.client.expect(425, "PASV").text == words


def test_a_passive_connection_that_cannot_be_taken(served: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client has come: no word of firewalls."""
    monkeypatch.setattr(_system, "accept", none_left)
    with socket.create_connection(parse_pasv(served.client.expect(227, "PASV").text)):
        assert served.client.expect(425, "LIST").text == NONE_LEFT
    line = "the data connection from 127.0.0.1 could not be accepted: Too many open files [server-exhausted]"
    assert line in system_log(served)


def test_an_active_connection_that_cannot_begin(served: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served.client.expect(200, f"EPRT |1|127.0.0.1|{listener.getsockname()[1]}|")
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", none_left)
            assert served.client.expect(425, "LIST").text == NONE_LEFT


@pytest.mark.parametrize(("method", "command"), [
    ("open_read", "RETR f"), ("open_write", "STOR f"), ("stat", "MDTM f"), ("check_directory", "CWD f"),
])
def test_a_file_that_cannot_be_opened(
    served: InProcess, method: str, command: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No 550, which some clients take for the news that there is no such file."""
    monkeypatch.setattr(type(served.session().fs), method, none_left)
    assert served.client.expect(451, command).text == "f: Too many open files [server-exhausted]"

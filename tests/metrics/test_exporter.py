"""The exporter's HTTP, driven as the supervisor's loop drives it."""

from __future__ import annotations

import dataclasses
import errno
import select
import socket
import time
from collections.abc import Iterator
from typing import NoReturn

import pytest

from ftpsd.metrics import exporter as module
from ftpsd.metrics.exporter import LONGEST_REQUEST, MOST_CLIENTS, Exporter
from ftpsd.metrics.tally import Tally
from ftpsd.settings.model import Configuration, Host, Settings
from ftpsd.settings.server import ServerSettings
from ftpsd.settings.values import HostPort


def configuration(address: HostPort | None) -> Configuration:
    server = dataclasses.replace(ServerSettings(), metrics_address=address)
    return Configuration(hosts=(Host(settings=Settings(server=server)),))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def exporter(said: list[str]) -> Iterator[Exporter]:
    tally = Tally()
    tally.open()
    made = Exporter(tally, tuple, said.append)
    made.follow(configuration(HostPort("127.0.0.1", 0)))
    yield made
    made.close()


def connect(exporter: Exporter) -> socket.socket:
    assert exporter.address is not None
    return socket.create_connection(exporter.address, 5)


def turn(exporter: Exporter, seconds: float = 1.0) -> None:
    """One turn of the supervisor's loop."""
    poll = select.poll()
    for fd, mask in exporter.interests().items():
        poll.register(fd, mask)
    exporter.attend({fd for fd, _ in poll.poll(seconds * 1000)})


def ask(exporter: Exporter, request: bytes) -> bytes:
    with connect(exporter) as sock:
        turn(exporter)
        sock.sendall(request)
        answer = b""
        sock.setblocking(False)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            turn(exporter, 0.01)
            try:
                data = sock.recv(1 << 16)
            except BlockingIOError:
                continue
            if not data:
                return answer
            answer += data
    raise AssertionError(answer)


def test_get(exporter: Exporter) -> None:
    head, _, body = ask(exporter, b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"ftpsd_sessions_opened_total 0.0" in body


@pytest.mark.parametrize(("request_", "status", "empty"), [
    (b"HEAD /metrics HTTP/1.1\r\n\r\n", b"200", True), (b"GET / HTTP/1.0\n\n", b"200", False),
    (b"GET /metrics?x=1 HTTP/1.1\r\n\r\n", b"200", False), (b"GET /etc/passwd HTTP/1.1\r\n\r\n", b"404", False),
    (b"POST /metrics HTTP/1.1\r\n\r\n", b"405", False), (b"\r\n\r\n", b"405", False),
    (b"\xff\xfe x\r\n\r\n", b"405", False),
])
def test_other_requests(exporter: Exporter, request_: bytes, status: bytes, empty: bool) -> None:
    answer = ask(exporter, request_)
    assert answer.split()[1] == status
    assert answer.endswith(b"\r\n\r\n") is empty


@pytest.mark.parametrize("accept", [
    "text/plain;version=x", "application/openmetrics-text;version=x", "text/plain;version=1.x;escaping=values",
    "application/openmetrics-text;version=9.9.9;escaping=x", "application/openmetrics-text;version=1.0.0.0.\xff",
])
def test_a_format_that_is_none(exporter: Exporter, said: list[str], accept: str) -> None:
    answer = ask(exporter, f"GET /metrics HTTP/1.1\r\nAccept: {accept}\r\n\r\n".encode("latin-1"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"ftpsd_sessions_opened_total 0.0" in answer
    assert said == []


def test_what_fails_is_told_once(exporter: Exporter, said: list[str]) -> None:
    def broken() -> tuple[()]:
        raise RuntimeError("no gauges")

    exporter._gauges = broken
    for _ in range(3):
        assert ask(exporter, b"GET /metrics HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 500 ")
    (text,) = said
    assert "no gauges" in text
    exporter.follow(configuration(HostPort("127.0.0.1", 0)))
    ask(exporter, b"GET /metrics HTTP/1.1\r\n\r\n")
    assert len(said) == 2


def test_a_request_byte_by_byte(exporter: Exporter) -> None:
    with connect(exporter) as sock:
        turn(exporter)
        for byte in b"GET /metrics HTTP/1.1\r\n\r\n":
            sock.sendall(bytes([byte]))
            turn(exporter)
        turn(exporter, 0.1)
        assert sock.recv(15) == b"HTTP/1.1 200 OK"


def test_a_request_that_is_too_long_is_cut_off(exporter: Exporter) -> None:
    with connect(exporter) as sock:
        turn(exporter)
        sock.sendall(b"x" * (LONGEST_REQUEST + 1))
        while len(exporter.interests()) > 1:
            turn(exporter)


def test_who_is_slow_is_cut_off(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    with connect(exporter) as sock:
        turn(exporter)
        exporter.attend(())
        assert len(exporter.interests()) == 1
        assert sock.recv(1) == b""


def test_no_more_clients_than_that(exporter: Exporter) -> None:
    socks = [connect(exporter) for _ in range(MOST_CLIENTS)]
    for _ in socks:
        turn(exporter)
    assert len(exporter.interests()) == MOST_CLIENTS, "the listener waits until one has gone"
    for sock in socks:
        sock.close()
    turn(exporter)
    assert len(exporter.interests()) == 1


def test_a_reload_moves_it_or_ends_it(exporter: Exporter) -> None:
    before = exporter.address
    exporter.follow(configuration(HostPort("127.0.0.1", 0)))
    assert exporter.address == before, "nothing has changed"
    exporter.follow(configuration(HostPort("127.0.0.2", 0)))
    assert exporter.address is not None
    assert exporter.address[0] == "127.0.0.2"
    exporter.follow(configuration(None))
    assert exporter.interests() == {}


def test_an_address_that_cannot_be_had_is_said(exporter: Exporter, said: list[str]) -> None:
    assert exporter.address is not None
    taken = HostPort(*exporter.address)
    other = Exporter(Tally(), tuple, said.append)
    other.follow(configuration(taken))
    assert other.address is None
    assert said == [f"MetricsAddress {taken}: Address already in use; there is no exporter"]


def test_a_client_for_whom_there_is_no_descriptor(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """He waits; the supervisor's loop does not spin meanwhile, and takes him in when there is one again."""
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENFILE, "no descriptor")

    monkeypatch.setattr(module, "REST", 0.2)
    with connect(exporter):
        with monkeypatch.context() as patch:
            patch.setattr(socket.socket, "accept", full)
            turn(exporter)
            assert (exporter.interests(), exporter.due() is not None) == ({}, True)
        deadline = time.monotonic() + 5
        while not exporter._clients:
            assert time.monotonic() < deadline
            turn(exporter, 0.01)

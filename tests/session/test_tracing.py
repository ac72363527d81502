"""Live traces: whose sessions they show, in what words, and that they never hold a session up."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.log import events
from ftpsd.log.bus import EventLog
from ftpsd.log.events import Event, Origin
from ftpsd.reasons.codes import Good
from ftpsd.session.tracing import LONGEST_LINE, MOST, LiveTrace, Tracing, described
from ftpsd.tls import diagnostics
from tests.server.harness import until

ALICE = Origin("0123456789ab", "192.0.2.7", peer_name="client.example.org", port=4711, user="alice")
BOB = ALICE._replace(session_id="ba9876543210", peer="2001:db8::1", peer_name="2001:db8::1", user="bob")
NOOP = events.CommandReceived("NOOP", "NOOP")


@pytest.fixture(autouse=True)
def no_diagnosis() -> Iterator[None]:
    yield
    diagnostics.attend(None)


class Pipe:
    """A trace and what can be read of it."""

    def __init__(self, kind: str = "user", name: str = "alice") -> None:
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.told: list[Event] = []
        self.trace = LiveTrace(kind, name, writer, lambda event, origin: self.told.append(event))

    def read(self) -> str:
        try:
            return os.read(self.reader, 1 << 20).decode()
        except BlockingIOError:
            return ""

    def __enter__(self) -> Pipe:
        return self

    def __exit__(self, *error: object) -> None:
        self.trace.close()
        os.close(self.reader)


@pytest.mark.parametrize(("kind", "name", "whose"), [
    ("user", "alice", "alice"), ("user", "bob", "bob"), ("user", "ali", ""), ("session", "ba9876543210", "bob"),
    ("host", "192.0.2.7", "alice"), ("host", "192.0.2.0/24", "alice"), ("host", "192.0.2.99/24", "alice"),
    ("host", "2001:DB8::1", "bob"),
    ("host", "Client.example.org", "alice"), ("host", "example.org", ""), ("host", "0.0.0.0/0", "alice"),
])
def test_whose_sessions_are_shown(kind: str, name: str, whose: str) -> None:
    with Pipe(kind, name) as pipe:
        for origin in (ALICE, BOB):
            pipe.trace.emit(NOOP, origin)
        pipe.trace.emit(events.Notice("of the server"), Origin())
        lines = pipe.read().splitlines()
        assert [line.split()[3] for line in lines] == ([whose] if whose else [])


def test_a_user_is_followed_from_the_name_on() -> None:
    with Pipe() as pipe:
        before = ALICE._replace(user="")
        pipe.trace.emit(events.CommandReceived("AUTH", "AUTH TLS"), before)
        pipe.trace.emit(events.CommandReceived("USER", "USER alice"), before)
        pipe.trace.emit(events.ReplySent(331, "Password required for alice"), before)
        pipe.trace.emit(events.SessionClosed(Good.QUIT), before)
        pipe.trace.emit(NOOP, before)
        texts = [line.split("] ", 1)[1] for line in pipe.read().splitlines()]
        assert texts[:2] == ["> USER alice", "< 331 Password required for alice"]
        assert texts[-1] == "* FTP session closed."


def test_tls_of_the_sessions_thread_comes_through_the_log() -> None:
    with Pipe() as pipe:
        assert not diagnostics.attended()
        pipe.trace.emit(NOOP, ALICE)
        assert diagnostics.attended()
        diagnostics._threads.diagnosis.note(("[msg]: one", "[msg]: two"))
        assert pipe.told == [events.TLSMessages(("[msg]: one", "[msg]: two"))]
        pipe.read()
        pipe.trace.emit(pipe.told[0], ALICE)
        assert [line.split("] ", 1)[1] for line in pipe.read().splitlines()] == ["TLS [msg]: one", "TLS [msg]: two"]


def test_a_diagnosis_that_is_there_stays() -> None:
    own = diagnostics.Diagnosis(lambda lines: None)
    diagnostics.attend(own)
    with Pipe() as pipe:
        pipe.trace.emit(NOOP, ALICE)
        assert diagnostics._threads.diagnosis is own


def test_what_has_no_room_is_counted() -> None:
    with Pipe() as pipe:
        line = events.ReplySent(200, "x" * 5000)
        began = time.monotonic()
        for _ in range(200):
            pipe.trace.emit(line, ALICE)
        assert time.monotonic() - began < 5
        shown = pipe.read()
        assert max(len(each) for each in shown.splitlines()) <= LONGEST_LINE
        count = len(shown.splitlines())
        assert 0 < count < 200
        pipe.trace.emit(NOOP, ALICE)
        assert pipe.read().splitlines()[0] == f"*** {200 - count} lines lost: they were not read fast enough"


def test_nobody_reads() -> None:
    pipe = Pipe()
    os.close(pipe.reader)
    pipe.trace.emit(NOOP, ALICE)
    began = time.monotonic()
    pipe.trace.wait(30)
    assert time.monotonic() - began < 5
    pipe.trace.close()
    pipe.trace.close()
    pipe.trace.emit(NOOP, ALICE)


hostile = st.text(alphabet=st.sampled_from("a \n\r\t\x1b\x00\x9b\u202e\udcff"), max_size=50)


@given(hostile, hostile)
def test_no_client_forges_a_line(text: str, user: str) -> None:
    origin = ALICE._replace(user=user)
    for event in (events.CommandReceived("X", text), events.ReplySent(200, text), events.Debug(1, text),
                  events.TLSMessages((text,)), events.LoginSucceeded(text, False, "password")):
        with Pipe("session", origin.session_id) as pipe:
            pipe.trace.emit(event, origin)
            shown = pipe.read()
            assert all(line.isprintable() and line.startswith("20") for line in shown.splitlines())
            assert shown.count("\n") == len(described(event, origin))
        diagnostics.attend(None)


def test_traces_come_and_go() -> None:
    log = EventLog()
    switched: list[str] = []
    tracing = Tracing(log.add, log.remove, lambda: switched.append("on"), lambda: switched.append("off"))
    pipes = [Pipe() for _ in range(MOST + 1)]
    for pipe in pipes:
        tracing.begin(pipe.trace, 60)
    assert len(log.sinks) == MOST
    assert pipes[-1].read() == f"*** there are {MOST} traces already: end one of them\n"
    assert os.read(pipes[-1].reader, 1) == b"", "and its pipe is closed"
    assert "off" not in switched
    for pipe in pipes:
        os.close(pipe.reader)
    until(lambda: not log.sinks, "the end of all traces")
    until(lambda: switched[-1] == "off", "TLS to be silent again")
    until(lambda: not any(thread.name == "trace" for thread in threading.enumerate()), "the threads to end")


@pytest.mark.parametrize(("error", "why"), [
    (RuntimeError("can't start new thread"), "can't start new thread"), (MemoryError(), "out of memory")])
def test_a_trace_that_cannot_be_watched_is_refused(monkeypatch: pytest.MonkeyPatch, error: Exception, why: str) -> None:
    def fail(thread: threading.Thread) -> None:
        raise error

    log = EventLog()
    switched: list[str] = []
    tracing = Tracing(log.add, log.remove, lambda: switched.append("on"), lambda: switched.append("off"))
    monkeypatch.setattr(threading.Thread, "start", fail)
    pipes = [Pipe() for _ in range(MOST + 1)]
    for pipe in pipes:
        tracing.begin(pipe.trace, 60)
        assert pipe.read() == f"*** {why}: raise the limit of threads (ulimit -u, TasksMax)\n"
        assert os.read(pipe.reader, 1) == b"", "and its pipe is closed"
        os.close(pipe.reader)
    assert not log.sinks
    assert switched == ["on", "off"] * len(pipes)


def test_a_trace_ends_when_its_time_is_up() -> None:
    log = EventLog()
    tracing = Tracing(log.add, log.remove, lambda: None, lambda: None)
    pipe = Pipe()
    tracing.begin(pipe.trace, 0.05)
    until(lambda: not log.sinks, "the end")
    os.set_blocking(pipe.reader, True)
    assert os.read(pipe.reader, 10) == b""
    os.close(pipe.reader)

"""EventLog: events as JSON objects."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ftpsd.log import events, jsonlog
from ftpsd.log.bus import EventLog
from ftpsd.log.events import Event, Level, Origin
from ftpsd.log.identity import writer_id
from ftpsd.log.sinks import open_sinks
from ftpsd.reasons.codes import Code, Good
from tests.log.support import CLIENT, NOON, clock, configuration, host

EVENTS: tuple[Event, ...] = (
    events.SessionOpened(implicit=True), events.SessionClosed(Good.QUIT, events.Counters(1), 2.0),
    events.CommandDenied("RETR", 550, "x", Code.FILE_NOT_FOUND, ("why",), tls=False),
    events.HandshakeSucceeded("control", "TLSv1.3", "C", 256, False, ("x",)),
    events.ClientCertificate("CN = x", verified=True), events.HandshakeFailed("data", Code.HANDSHAKE_TIMEOUT),
    events.DataConnectionRefused(Code.DATA_NOT_RESUMED, ("x",)), events.LoginSucceeded("joe"),
    events.LoginFailed("joe", Code.LOGIN_NO_HOME), events.LoginAttemptsExceeded(3),
    events.TransferEnded("STOR", "/a\udcff", "in", 1, 0.123456789, False, Code.DATA_RESET),
    events.HostileInput("HTTP", "GET"), events.TimedOut("TimeoutIdle", 600), events.Notice("x"),
    events.TLSNote("a", "b"), events.FileDeleted("/a", 3),
)


def test_a_login_that_failed() -> None:
    event = events.LoginFailed("joe", Code.LOGIN_WRONG_PASSWORD, 2, "USER joe (Login failed): Incorrect password")
    found = jsonlog.entry(event, CLIENT, NOON)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:05\.250Z", found.pop("time"))
    assert found == {
        "event": "login-failed", "session": "abc", "peer": "192.0.2.7", "peer_port": 4000, "server": "",
        "thread": writer_id(), "tls": False, "user": "joe", "reason": "login-wrong-password", "attempts": 2,
        "detail": "USER joe (Login failed): Incorrect password",
    }


def test_tls_is_whether_the_session_is_under_tls() -> None:
    """Not whether the refusal is one for the TLSLog."""
    for secure in (True, False):
        for log in (True, False):
            event = events.CommandDenied("RETR", 550, "x", Code.FILE_NOT_FOUND, tls=log)
            assert jsonlog.entry(event, CLIENT._replace(secure=secure), NOON)["tls"] is secure


def test_an_event_of_the_server_has_no_session() -> None:
    found = jsonlog.entry(events.Notice("text", Level.ERR), Origin(), NOON)
    assert found.keys() == {"time", "event", "text", "level", "reason"}
    assert found["level"] == "err"


def test_the_end_of_a_session() -> None:
    event = events.SessionClosed(Good.QUIT, events.Counters(commands=3, bytes_sent=10), 1.5)
    found = jsonlog.entry(event, CLIENT, NOON)
    assert found["counters"]["bytes_sent"] == 10
    assert found["seconds"] == 1.5


def test_every_event_becomes_json() -> None:
    assert {type(event) for event in EVENTS} == jsonlog.TOLD
    for event in EVENTS:
        value = json.loads(json.dumps(jsonlog.entry(event, CLIENT, NOON)))
        assert value["event"] == event.kind


@given(st.text(st.characters(codec=None)))
def test_nothing_forges_a_line(text: str) -> None:
    line = json.dumps(jsonlog.entry(events.LoginFailed(text, Code.LOGIN_WRONG_PASSWORD), CLIENT, NOON))
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["event"] == "login-failed"


def test_from_the_directive_to_the_file(tmp_path: Path) -> None:
    sinks, notices = open_sinks(configuration(host(event_log=str(tmp_path / "log"))), clock=clock)
    log = EventLog(sinks)
    heard: list[Event] = [events.SessionOpened(), events.CommandReceived("NOOP", "NOOP"), events.TLSNote("a", "b")]
    for event in heard:
        log.emit(event, CLIENT)
    log.close()
    found = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [one["event"] for one in found] == ["session-opened", "tls-note"]
    assert found[1]["lines"] == ["a", "b"]
    assert notices == []

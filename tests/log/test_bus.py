"""From events to sinks: failures, repeats, origins."""

from __future__ import annotations

import threading

import pytest

from ftpsd.log import events
from ftpsd.log.bus import EventLog
from ftpsd.log.events import Event, Origin
from ftpsd.log.repeats import FREELY, Repeats
from ftpsd.reasons.codes import Code, Good
from ftpsd.settings.logging import LoggingSettings
from tests.log.support import CLIENT


class Memory:
    hears: frozenset[type[Event]] | None = None

    def __init__(self, *, capped: bool = True, broken: bool = False, notices: tuple[str, ...] = ()) -> None:
        self.capped = capped
        self.broken = broken
        self.notices = list(notices)
        self.seen: list[tuple[Event, Origin]] = []
        self.closed = 0

    def __str__(self) -> str:
        return "memory"

    def emit(self, event: Event, origin: Origin) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.seen.append((event, origin))

    def reopen(self) -> list[str]:
        return self.notices

    def close(self) -> None:
        self.closed += 1

    @property
    def events(self) -> list[Event]:
        return [event for event, _ in self.seen]


def test_a_broken_sink_harms_nobody_and_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    good = Memory()
    log = EventLog([Memory(broken=True), good])
    for _ in range(5):
        log.emit(events.Notice("x"))
    assert len(good.seen) == 5
    assert log.failures == 5
    assert capsys.readouterr().err == "ftpsd: cannot write to memory: No space left on device\n"


def test_server_events_have_no_peer() -> None:
    sink = Memory()
    EventLog([sink]).emit(events.Notice("x"))
    assert sink.seen == [(events.Notice("x"), Origin())]


def test_the_origin_follows_the_session() -> None:
    sink = Memory()
    log = EventLog([sink]).bind(Origin(peer="192.0.2.7"))
    log.emit(events.SessionOpened())
    log.emit(events.HandshakeSucceeded("data", "TLSv1.3", "C", 256, True))
    assert not log.origin.secure
    log.emit(events.HandshakeSucceeded("control", "TLSv1.3", "C", 256, False))
    log.emit(events.LoginSucceeded("ftp", anonymous=True, email="a@b"))
    log.emit(events.FileDeleted("/x"))
    origins = [origin for _, origin in sink.seen]
    assert [origin.user for origin in origins] == ["", "", "", "ftp", "ftp"]
    assert [origin.secure for origin in origins] == [False, False, True, True, True]
    assert (origins[-1].anonymous, origins[-1].email, origins[-1].logged_in) == (True, "a@b", True)


def test_users_hosts_and_settings_can_be_set() -> None:
    log = EventLog().bind(CLIENT)
    settings = LoggingSettings()
    log.enter("eve", settings)
    assert log.origin.user == "eve"
    assert log.origin.logging is settings
    log.set_origin(CLIENT)
    assert log.origin == CLIENT


def test_replace_closes_what_is_gone() -> None:
    old, kept, new = Memory(), Memory(), Memory()
    log = EventLog([old, kept])
    log.replace([kept, new])
    assert (old.closed, kept.closed, new.closed) == (1, 0, 0)
    assert log.sinks == (kept, new)
    log.close()
    assert (kept.closed, new.closed, len(log.sinks)) == (1, 1, 0)


def test_reopen_collects_each_notice_once() -> None:
    log = EventLog([Memory(notices=("a", "b")), Memory(notices=("b",))])
    assert log.reopen() == ["a", "b"]


def test_repeated_refusals_are_thinned_out() -> None:
    capped, counting = Memory(), Memory(capped=False)
    log = EventLog([capped, counting]).bind(CLIENT)
    refusal = events.DataConnectionRefused(Code.DATA_FOREIGN_PEER, ("x",))
    for _ in range(1000):
        log.emit(refusal)
    assert len(counting.seen) == 1000
    assert len(capped.seen) == FREELY + len((64, 128, 256, 512))
    log.emit(events.SessionClosed(Good.QUIT))
    *_, summary, closed = capped.events
    assert summary == events.Notice(
        f"notice: {1000 - FREELY - 4} repeated messages of this session were not logged",
        reason=Good.REPEATED_MESSAGES)
    assert closed == events.SessionClosed(Good.QUIT)


def test_different_arguments_do_not_evade_the_cap() -> None:
    sink = Memory()
    log = EventLog([sink]).bind(CLIENT)
    for number in range(500):
        log.emit(events.CommandDenied("RETR", 550, f"x{number}", Code.FILE_NOT_FOUND, (f"line {number}",)))
        log.emit(events.TLSNote(f"note {number}"))
        log.emit(events.Notice(f"notice {number}"))
    assert len(sink.seen) < 500


@pytest.mark.parametrize(
    "event",
    [
        events.TransferEnded("RETR", "/a", "out", 1, 1.0, True),
        events.FileDeleted("/a"),
        events.LoginSucceeded("x"),
        events.CommandReceived("NOOP", "NOOP"),
        events.ReplySent(200, "OK"),
        events.Trace("x", 1, "y"),
    ],
)
def test_what_is_never_thinned_out(event: Event) -> None:
    repeats = Repeats()
    assert all(repeats.admits(event) for _ in range(500))
    assert repeats.summary() is None


def test_threads_may_write_at_once() -> None:
    sink = Memory(capped=False)
    log = EventLog([sink])

    def work() -> None:
        session = log.bind(CLIENT)
        for number in range(200):
            session.emit(events.Trace("x", 1, str(number)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(sink.seen) == 1600


def test_a_sink_is_told_what_it_hears_and_nothing_is_made_for_nobody() -> None:
    some, every = Memory(), Memory()
    some.hears = frozenset({events.Notice})
    log = EventLog([some])
    session = log.bind(CLIENT)
    assert session.hears(events.Notice)
    assert not session.hears(events.ReplySent)
    session.emit(events.ReplySent(200, "Okay"))
    log.replace([some, every])
    assert session.hears(events.ReplySent)
    session.emit(events.ReplySent(200, "Okay"))
    session.emit(events.Notice("x"))
    assert some.events == [events.Notice("x")]
    assert every.events == [events.ReplySent(200, "Okay"), events.Notice("x")]

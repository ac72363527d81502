"""MetricsAddress: what sessions do is counted, over all workers, reloads and deaths of workers."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ftpsd.log import events
from ftpsd.metrics.tally import Tally
from ftpsd.reasons.codes import Code, Good
from ftpsd.session import counting, handlers
from ftpsd.session.service import Service
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.ports import free_port
from ftpsd.testing.server import RunningServer
from tests.log.support import CLIENT
from tests.settings.support import configuration

Samples = dict[tuple[str, tuple[str, ...]], float]


def scrape(port: int) -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text) for sample in family.samples}


def await_sample(port: int, name: str, *labels: str, at_least: float) -> Samples:
    deadline = time.monotonic() + 10
    while (found := scrape(port)).get((name, labels), 0.0) < at_least:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def session(server: RunningServer) -> None:
    with server.client() as client:
        client.connect()
        client.auth()
        client.command("USER alice")
        client.command("PASS wrong")
        client.login()
        client.protect()
        client.expect(200, "TYPE I")
        client.retrieve("RETR file")
        client.store("STOR up", b"12345")
        client.command("RETR nothere")
        client.quit()


def test_what_sessions_do_is_counted(ftps_server: ServerFactory) -> None:
    port = free_port()
    server = ftps_server(directives=[f"MetricsAddress 127.0.0.1:{port}", "Workers 2"])
    server.give("file", b"0123456789")
    for _ in range(4):
        session(server)
    found = await_sample(port, "ftpsd_sessions_closed_total", "quit", at_least=4)
    assert found["ftpsd_sessions_opened_total", ()] == 4
    assert found["ftpsd_logins_total", ("password",)] == 4
    assert found["ftpsd_login_failures_total", ("login-wrong-password",)] == 4
    assert found["ftpsd_tls_handshakes_total", ("no", "TLSv1.3")] == 4
    assert found["ftpsd_transfers_total", ("download", "complete")] == 4
    assert found["ftpsd_transfer_bytes_total", ("download",)] == 40
    assert found["ftpsd_transfer_bytes_total", ("upload",)] == 20
    assert found["ftpsd_transfer_seconds_count", ("upload",)] == 4
    assert found["ftpsd_commands_denied_total", ("file-not-found",)] == 4
    assert found["ftpsd_sessions_limit", ()] > 0
    assert abs(found["ftpsd_start_time_seconds", ()] - time.time()) < 120
    with server.client() as client:
        client.connect()
        await_sample(port, "ftpsd_sessions", "connected", at_least=1)


def test_counts_survive_reloads_and_deaths(ftps_server: ServerFactory) -> None:
    port = free_port()
    server = ftps_server(directives=[f"MetricsAddress 127.0.0.1:{port}", "Workers 1"])
    server.give("file", b"0123456789")
    session(server)
    await_sample(port, "ftpsd_sessions_closed_total", "quit", at_least=1)
    server.signal(signal.SIGHUP)
    await_sample(port, "ftpsd_reloads", at_least=1)
    session(server)
    await_sample(port, "ftpsd_sessions_closed_total", "quit", at_least=2)
    for worker in _children(server.process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while True:
        try:
            session(server)
            break
        except (AssertionError, OSError):
            assert time.monotonic() < deadline
    found = await_sample(port, "ftpsd_sessions_closed_total", "quit", at_least=3)
    assert found["ftpsd_transfer_bytes_total", ("download",)] >= 30


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def test_without_the_directive_nothing_is_counted(ftps_server: ServerFactory) -> None:
    server = ftps_server()
    descriptors = [os.readlink(f"/proc/{server.process.pid}/fd/{fd}")
                   for fd in os.listdir(f"/proc/{server.process.pid}/fd")]
    assert not any("ftpsd-metrics" in target for target in descriptors)


def test_every_event_that_is_counted_counts() -> None:
    tally = Tally()
    tally.open()
    tally.join()
    sink = counting.CountingSink(tally)
    cases = (
        events.SessionOpened(), events.SessionClosed(Good.QUIT, events.Counters(commands=3)),
        events.LoginSucceeded("joe"), events.LoginFailed("joe", Code.LOGIN_UNKNOWN_USER),
        events.HandshakeSucceeded("control", "TLSv1.3", "C", 256, True),
        events.HandshakeFailed("data", Code.HANDSHAKE_EOF), events.DataConnectionRefused(Code.DATA_NOT_RESUMED),
        events.CommandDenied("RETR", 550, "x", Code.FILE_NOT_FOUND), events.HostileInput("HTTP", "GET"),
        events.TransferEnded("RETR", "/a", "out", 5, 1.0, False, Code.DATA_RESET), events.FileDeleted("/a"),
    )
    assert {type(event) for event in cases} == counting.COUNTED
    for event in cases:
        before = tally.totals()
        sink.emit(event, CLIENT)
        assert tally.totals() != before, event


def test_without_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from ftpsd.errors import ConfigError

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name="prometheus_client")

    handlers.load()
    monkeypatch.setattr("ftpsd.session.counting.importlib.import_module", missing)
    with pytest.raises(ConfigError, match="prometheus_client"):
        counting.sink(Tally())
    service = Service(configuration(
        f"MetricsAddress 127.0.0.1:9\nSystemLog {tmp_path}/system\nTransferLog {tmp_path}/transfers\n"))
    with pytest.raises(ConfigError, match="prometheus_client"):
        service.prepare()
    service.close()
    still_open = [file.resolve() for file in Path("/proc/self/fd").iterdir()]
    assert not [file for file in still_open if file.is_relative_to(tmp_path)], "reloads that fail leave no file open"

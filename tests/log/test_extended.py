"""ExtendedLog from the configuration to files, syslog, the journal and standard output."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import syslog
from collections.abc import Sequence
from pathlib import Path

import pytest

from ftpsd.log import journal
from ftpsd.log.bus import EventLog
from ftpsd.log.events import Notice, Origin
from ftpsd.log.record import CommandDone, Record
from ftpsd.log.sinks import open_sinks
from ftpsd.settings.logformat import ExtendedLog, LogFormat, extended_log, parse_format
from ftpsd.settings.model import Configuration
from tests.log.support import CLIENT, clock, configuration, host
from tests.log.test_formats import EXIT, PASS, RETR


def logs(*words: str) -> tuple[ExtendedLog, ...]:
    return tuple(log for line in words for log in extended_log(line.split()))


SHORT = LogFormat("short", parse_format("%m %s"))


def opened(settings: Configuration, **options: object) -> tuple[EventLog, list[str]]:
    sinks, notices = open_sinks(settings, clock=clock, **options)  # type: ignore[arg-type]
    return EventLog(sinks), notices


def write(log: EventLog, *records: Record, origin: Origin = CLIENT) -> None:
    for record in records:
        log.emit(CommandDone(record), origin)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_each_log_gets_its_classes_and_its_format(tmp_path: Path) -> None:
    log, notices = opened(configuration(host(
        extended_logs=logs(f"{tmp_path}/all ALL short", f"{tmp_path}/read READ short", f"{tmp_path}/exit EXIT short"),
        log_formats=(SHORT,))))
    write(log, RETR, PASS, EXIT)
    log.emit(Notice("not for these"), CLIENT)
    log.close()
    assert lines(tmp_path / "all") == ["RETR 226", "PASS 530"]
    assert lines(tmp_path / "read") == ["RETR 226"]
    assert lines(tmp_path / "exit") == ["EXIT -"]
    assert notices == []
    assert log.failures == 0


def test_without_a_format_the_line_is_a_common_log_one(tmp_path: Path) -> None:
    log, _ = opened(configuration(host(extended_logs=logs(f"{tmp_path}/log"))))
    write(log, PASS)
    log.close()
    (line,) = lines(tmp_path / "log")
    assert line.startswith("client.example UNKNOWN - [01/Nov/2026:12:00:05 ")
    assert line.endswith('] "PASS (hidden)" 530 -')


@pytest.mark.parametrize(("name", "keys"), [
    ("json", {"command", "remote_ip", "response_code", "timestamp", "raw_command"}), ("json:short", {"command"}),
])
def test_json(tmp_path: Path, name: str, keys: set[str]) -> None:
    log, _ = opened(configuration(host(extended_logs=logs(f"{tmp_path}/log ALL {name}"), log_formats=(SHORT,))))
    write(log, RETR)
    log.close()
    (line,) = lines(tmp_path / "log")
    found = json.loads(line)
    assert found["command"] == "RETR"
    assert keys <= found.keys()
    if name == "json:short":
        assert found == {"command": "RETR", "response_code": 226}


def test_the_first_format_of_a_name_counts(tmp_path: Path) -> None:
    formats = (SHORT, LogFormat("short", ("other",)))
    log, _ = opened(configuration(host(extended_logs=logs(f"{tmp_path}/log ALL short"), log_formats=formats)))
    write(log, RETR)
    log.close()
    assert lines(tmp_path / "log") == ["RETR 226"]


def test_each_host_has_its_own(tmp_path: Path) -> None:
    first, second = (
        host(number, extended_logs=logs(f"{tmp_path}/{number} ALL short"), log_formats=(SHORT,)) for number in range(2))
    log, _ = opened(configuration(first, second, host(2)))
    for number in range(3):
        write(log, RETR, origin=CLIENT._replace(host_id=number))
    log.close()
    assert [len(lines(tmp_path / name)) for name in "01"] == [1, 1]
    assert log.failures == 0


def test_the_settings_of_a_login_count(tmp_path: Path) -> None:
    anonymous = logs(f"{tmp_path}/anonymous ALL short")
    everybody = logs(f"{tmp_path}/all ALL short")
    settings = configuration(host(
        extended_logs=everybody, log_formats=(SHORT,), anonymous=[{"extended_logs": anonymous}]))
    log, _ = opened(settings)
    own = settings.hosts[0].anonymous[0].settings.logging
    write(log, RETR, origin=CLIENT._replace(logging=own))
    log.close()
    assert lines(tmp_path / "anonymous") == ["RETR 226"]
    assert lines(tmp_path / "all") == []


def test_to_syslog(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[int, str]] = []
    monkeypatch.setattr(syslog, "syslog", lambda number, text: said.append((number, text)))
    monkeypatch.setattr(syslog, "openlog", lambda *arguments: None)
    log, _ = opened(configuration(host(
        extended_logs=logs("syslog:notice ALL short"), log_formats=(SHORT,), syslog_facility="LOCAL3")))
    write(log, RETR)
    log.close()
    assert said == [(syslog.LOG_NOTICE | syslog.LOG_LOCAL3, "RETR 226")]


def test_to_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(5)
        named = LogFormat("named", parse_format("%m %f %{note:TLS_CIPHER}"))
        log, notices = opened(configuration(host(
            extended_logs=logs("journal:info ALL named"), log_formats=(named,))), journal_path=str(path))
        write(log, dataclasses.replace(RETR, path="/a\nb"))
        entry = receiver.recv(4096)
        log.close()
    assert notices == []
    assert entry.decode().splitlines() == [
        "MESSAGE=RETR /srv/a\\nb AES", "PRIORITY=6", "SYSLOG_IDENTIFIER=ftpsd", "FTPSD_COMMAND=RETR",
        "FTPSD_FILE=/srv/a\\nb", "FTPSD_NOTE_TLS_CIPHER=AES"]


def test_values_with_newlines_in_the_journal() -> None:
    assert journal.entry({"A": "1", "B": "x\ny"}) == b"A=1\nB\n\x03\0\0\0\0\0\0\0x\ny\n"


def test_without_a_journal(tmp_path: Path) -> None:
    log, notices = opened(configuration(host(extended_logs=logs("journal:info"))), journal_path=str(tmp_path / "none"))
    assert len(notices) == 1
    assert "unable to open the journal" in notices[0]
    write(log, RETR)
    assert log.failures == 0
    log.close()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_to_standard_output(stream: str, tmp_path: Path) -> None:
    code = (
        "from tests.log.test_extended import *\n"
        f"log, _ = opened(configuration(host(extended_logs=logs('{stream} ALL json'))))\n"
        "write(log, RETR, PASS)\nlog.reopen()\nlog.close()\nprint('still open', file=sys." + stream + ")\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60,
        cwd=Path(__file__).parents[2], env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))
    first, second, last = getattr(done, stream).splitlines()
    assert [json.loads(first)["command"], json.loads(second)["command"], last] == ["RETR", "PASS", "still open"]


def test_a_file_that_cannot_be_opened_is_a_notice(tmp_path: Path) -> None:
    log, notices = opened(configuration(host(extended_logs=logs(f"{tmp_path}/no/log", f"{tmp_path}/log"))))
    write(log, RETR)
    log.close()
    assert len(notices) == 1
    assert f"unable to open ExtendedLog '{tmp_path}/no/log'" in notices[0]
    assert len(lines(tmp_path / "log")) == 1
    assert log.failures == 0


def test_rotation_by_reopening(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log, _ = opened(configuration(host(extended_logs=logs(f"{path} ALL short"), log_formats=(SHORT,))))
    write(log, RETR)
    path.rename(tmp_path / "log.1")
    write(log, PASS)
    assert log.reopen() == []
    write(log, RETR)
    log.close()
    assert lines(tmp_path / "log.1") == ["RETR 226", "PASS 530"]
    assert lines(path) == ["RETR 226"]


def test_rotation_by_copying_and_truncating(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log, _ = opened(configuration(host(extended_logs=logs(f"{path} ALL short"), log_formats=(SHORT,))))
    write(log, RETR, RETR)
    shutil.copy(path, tmp_path / "log.1")
    os.truncate(path, 0)
    write(log, PASS)
    log.close()
    assert lines(path) == ["PASS 530"], "written where the file ends now, not where it ended before"


def test_nothing_is_opened_where_nothing_is_configured() -> None:
    log, _ = opened(configuration(host()))
    names: Sequence[str] = [str(sink) for sink in log.sinks]
    assert "ExtendedLog" not in names
    log.close()

"""From directives to files on disk."""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import stat
import subprocess
import sys
import syslog
import threading
from pathlib import Path
from typing import Any

import pytest

from ftpsd.errors import ConfigError
from ftpsd.log import events, wtmp
from ftpsd.log.bus import EventLog
from ftpsd.log.events import Level, Origin
from ftpsd.log.files import LONGEST_ENTRY, LogFile, LogFileError, LogFiles, open_log
from ftpsd.log.identity import short_hostname, writer_id
from ftpsd.log.sinks import open_sinks
from ftpsd.log.writers import StderrSink, traced
from ftpsd.reasons.codes import Good
from ftpsd.settings.declaration import Combine
from ftpsd.settings.model import Change, ConditionalSection, Configuration
from ftpsd.settings.values import TraceChannel
from tests.log.support import CLIENT, NOON, STAMP, clock, configuration, host


def open_log_of(settings: Configuration, **options: object) -> tuple[EventLog, list[str]]:
    sinks, notices = open_sinks(settings, clock=clock, **options)  # type: ignore[arg-type]
    return EventLog(sinks), notices


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_tls_log(tmp_path: Path) -> None:
    path = tmp_path / "tls.log"
    log, notices = open_log_of(configuration(host(tls_log=path)))
    log.emit(events.TLSNote("first", "second\n  (1) error:0A000123:SSL routines::x"), CLIENT)
    log.emit(events.Notice("not for this log"), CLIENT)
    log.close()
    head = f"{STAMP} mod_tls/2.9.2[{writer_id()}]: "
    assert lines(path) == [head + "first", head + "second", "  (1) error:0A000123:SSL routines::x"]
    assert notices == []


def test_each_host_has_its_own_tls_log(tmp_path: Path) -> None:
    log, _ = open_log_of(configuration(
        host(0, tls_log=tmp_path / "0"), host(1, tls_log=tmp_path / "1"), host(2)))
    for number in range(3):
        log.emit(events.TLSNote(f"host {number}"), CLIENT._replace(host_id=number))
    log.close()
    assert [len(lines(tmp_path / name)) for name in "01"] == [1, 1]
    assert lines(tmp_path / "1")[0].endswith("host 1")


def test_system_log_line(tmp_path: Path) -> None:
    path = tmp_path / "system.log"
    log, _ = open_log_of(configuration(host(system_log=str(path))))
    session = log.bind(CLIENT)
    session.emit(events.SessionOpened())
    session.emit(events.LoginSucceeded("joe\nforged"))
    log.emit(events.Notice("hello"))
    log.close()
    head = f"{STAMP} {short_hostname()} ftpsd[{writer_id()}] "
    assert lines(path) == [
        f"{head}ftp.example (client.example[192.0.2.7]): FTP session opened.",
        f"{head}ftp.example (client.example[192.0.2.7]): USER joe\\nforged: Login successful.",
        f"{head}{short_hostname()}: hello",
    ]
    assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0


def test_syslog_level_and_debug_level(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log, _ = open_log_of(configuration(host(system_log=str(path), syslog_level="notice", debug_level=9)))
    for level in Level:
        log.emit(events.Notice(level.name, level), CLIENT)
    log.emit(events.Debug(1, "debug"), CLIENT)
    log.close()
    assert [line.rpartition(" ")[2] for line in lines(path)] == [
        "EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE"]


def test_debug_lines_up_to_the_level(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log, _ = open_log_of(configuration(host(system_log=str(path), debug_level=2)), debug_level=4)
    for level in range(1, 8):
        log.emit(events.Debug(level, f"level{level}"), CLIENT)
    log.emit(events.CommandReceived("USER", "USER joe"), CLIENT)
    log.emit(events.ReplySent(331, "x"), CLIENT)
    log.close()
    assert [line.partition("): ")[2] for line in lines(path)] == [
        "level1", "level2", "level3", "level4", "received command 'USER joe'"]


def test_server_log_takes_its_hosts_lines(tmp_path: Path) -> None:
    log, _ = open_log_of(configuration(
        host(0, system_log=str(tmp_path / "all")), host(1, server_log=str(tmp_path / "one"))))
    log.emit(events.SessionOpened(), CLIENT)
    log.emit(events.SessionOpened(), CLIENT._replace(host_id=1))
    log.close()
    assert len(lines(tmp_path / "all")) == len(lines(tmp_path / "one")) == 1


def test_one_file_for_all_logs(tmp_path: Path) -> None:
    path = tmp_path / "log"
    rules = (TraceChannel("DEFAULT", 1, 20),)
    log, notices = open_log_of(configuration(host(
        system_log=str(path), tls_log=path, transfer_log=str(path), trace_log=str(path), trace=rules)))
    log.emit(events.TLSNote("tls"), CLIENT)
    log.emit(events.SessionOpened(), CLIENT)
    log.emit(events.TransferEnded("RETR", "/a", "out", 1, 0.0, True), CLIENT)
    log.close()
    assert len(lines(path)) == 4
    assert notices == []


def test_transfer_log_of_the_login(tmp_path: Path) -> None:
    main, guests, group = (tmp_path / name for name in ("main", "guests", "group"))
    base = host(transfer_log=str(main), anonymous=[{"transfer_log": str(guests)}, {"transfer_log": None}])
    change = Change("logging", "transfer_log", str(group), Combine.LAST)
    base = dataclasses.replace(base, conditionals=(ConditionalSection("group", None, (change,)),))
    log, _ = open_log_of(configuration(base))
    session = log.bind(CLIENT)
    ended = events.TransferEnded("RETR", "/a", "out", 1, 0.0, True)
    session.emit(ended)
    for section in base.anonymous:
        session.enter(CLIENT.user, section.settings.logging)
        session.emit(ended)
    session.enter(CLIENT.user, dataclasses.replace(base.settings.logging, transfer_log=str(group)))
    session.emit(ended)
    log.close()
    assert [len(lines(path)) for path in (main, guests, group)] == [1, 1, 1]
    assert stat.S_IMODE(main.stat().st_mode) & 0o022 == 0


def test_trace(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    rules = (TraceChannel("command", 1, 10),)
    log, _ = open_log_of(configuration(host(trace_log=str(path), trace=rules)))
    log.emit(events.CommandReceived("PASS", "PASS (hidden)"), CLIENT)
    log.emit(events.ReplySent(331, "x"), CLIENT)
    log.close()
    assert lines(path) == [f"{STAMP} [{writer_id()}] <command:7>: dispatching CMD command 'PASS (hidden)'"]


@pytest.mark.parametrize(("rules", "channel", "level", "wanted"), [
    ((), "tls", 1, False),
    (((("DEFAULT"), 1, 10),), "tls", 10, True),
    ((("DEFAULT", 1, 10),), "tls", 11, False),
    ((("DEFAULT", 1, 10), ("tls", 1, 3)), "tls", 5, False),
    ((("DEFAULT", 1, 10), ("tls", 0, 0)), "tls", 1, False),
    ((("DEFAULT", 0, 0), ("tls", 1, 3)), "auth", 1, False),
    ((("tls", 5, 7),), "tls", 4, False),
    ((("TLS", 5, 7),), "tls", 6, True),
])
def test_which_messages_are_traced(
    rules: tuple[tuple[str, int, int], ...], channel: str, level: int, wanted: bool
) -> None:
    assert traced(tuple(TraceChannel(*rule) for rule in rules), channel, level) is wanted


def test_world_writable_directories_and_symlinks(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    log, notices = open_log_of(configuration(host(0, tls_log=shared / "x"), host(1, tls_log=link)))
    assert notices == [
        f"notice: unable to open TLSLog: parent directory is world-writable ('{shared}/x')",
        f"notice: unable to open TLSLog: cannot log to a symbolic link ('{link}')",
    ]
    assert not (tmp_path / "elsewhere").exists()
    log.emit(events.TLSNote("x"), CLIENT)
    log.close()
    log, notices = open_log_of(configuration(host(tls_log=link, allow_log_symlinks=True)))
    log.emit(events.TLSNote("x"), CLIENT)
    log.close()
    assert notices == []
    assert len(lines(tmp_path / "elsewhere")) == 1


@pytest.mark.parametrize(("field", "notice"), [
    ("transfer_log", "notice: unable to open TransferLog '{path}': No such file or directory"),
    ("server_log", "notice: unable to open ServerLog '{path}': No such file or directory"),
])
def test_logs_that_may_be_missing(tmp_path: Path, field: str, notice: str) -> None:
    path = tmp_path / "missing" / "log"
    settings: dict[str, Any] = {field: str(path)}
    log, notices = open_log_of(configuration(host(**settings)))
    log.close()
    assert notices == [notice.format(path=path)]


@pytest.mark.parametrize("field", ["system_log", "trace_log"])
def test_logs_that_must_work(tmp_path: Path, field: str) -> None:
    path = tmp_path / "missing" / "log"
    before = set(os.listdir("/proc/self/fd"))
    settings: dict[str, Any] = {field: str(path)}
    with pytest.raises(ConfigError, match=r"unable to open \w+ '.*': No such file or directory"):
        open_sinks(configuration(host(tls_log=tmp_path / "tls", **settings)))
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_directory_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogFileError, match="Is a directory"):
        open_log(str(tmp_path))


def test_without_logs_nothing_is_opened(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    log, notices = open_log_of(configuration())
    log.emit(events.SessionOpened(), CLIENT)
    assert set(os.listdir("/proc/self/fd")) == before
    assert (notices, log.failures) == ([], 0)
    log.close()


def test_a_fifo_that_nobody_reads_yet_or_any_more(tmp_path: Path) -> None:
    """What ftpmail and other programs read: as with ProFTPD they may begin later, and begin again."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    log, notices = open_log_of(configuration(host(tls_log=path)))
    assert notices == []
    for text in ("one", "two"):
        log.emit(events.TLSNote(text), CLIENT)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        assert os.read(reader, 4096).decode().endswith(f" {text}\n")
        os.close(reader)
    for _ in range(10):
        log.emit(events.TLSNote("x" * 60_000), CLIENT)  # more than the pipe holds: lost, and nobody waits
    log.emit(events.TLSNote("last"), CLIENT)
    log.close()


def test_a_fifo_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write permission is enough, as long as somebody reads."""
    path, real = tmp_path / "fifo", os.open
    os.mkfifo(path)

    def without_reading(name: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_ACCMODE != os.O_WRONLY:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(name, flags, mode)

    reader = real(path, os.O_RDONLY | os.O_NONBLOCK)
    monkeypatch.setattr(os, "open", without_reading)
    log, notices = open_log_of(configuration(host(tls_log=path)))
    assert notices == []
    log.emit(events.TLSNote("one"), CLIENT)
    assert os.read(reader, 4096).decode().endswith(" one\n")
    log.close()
    os.close(reader)


def test_reopen_after_rotation(tmp_path: Path) -> None:
    path = tmp_path / "system.log"
    log, _ = open_log_of(configuration(host(system_log=str(path), tls_log=path)))
    before = len(os.listdir("/proc/self/fd"))
    log.emit(events.Notice("one"))
    path.rename(tmp_path / "system.log.1")
    log.emit(events.Notice("two"))
    assert log.reopen() == []
    log.emit(events.Notice("three"))
    assert len(os.listdir("/proc/self/fd")) == before
    path.rename(tmp_path / "system.log.2")
    tmp_path.chmod(0o777)
    assert log.reopen() == [
        f"notice: unable to reopen log '{path}', going on with the old file: "
        "parent directory is world-writable"]
    log.emit(events.Notice("four"))
    log.close()
    assert [line.rpartition(" ")[2] for line in lines(tmp_path / "system.log.1")] == ["one", "two"]
    assert [line.rpartition(" ")[2] for line in lines(tmp_path / "system.log.2")] == ["three", "four"]


def test_entries_are_whole_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "log"
    files = LogFiles()
    file = files.get(str(path))
    assert files.get(f"{tmp_path}/./log") is file
    file.write("x" * 10 * LONGEST_ENTRY)
    file.write("\udce4\ud800")

    def work(word: str) -> None:
        for _ in range(50):
            file.write(word * 200)

    threads = [threading.Thread(target=work, args=(word,)) for word in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    files.close()
    file.write("after the end")
    first, second, *rest = lines(path)
    assert len(first) == LONGEST_ENTRY + 3
    assert second == "\\udce4\\ud800"
    assert len(rest) == 200
    assert all(re.fullmatch(r"(.)\1{199}", row) for row in rest)


def test_several_processes_append_to_one_file(tmp_path: Path) -> None:
    """Workers inherit the descriptor; lines of all of them stay whole."""
    path = tmp_path / "log"
    program = (
        "import os, sys\n"
        "from ftpsd.log.files import LogFiles\n"
        "file = LogFiles().get(sys.argv[1])\n"
        "children = []\n"
        "for word in 'abc':\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        for _ in range(300): file.write(word * 100)\n"
        "        os._exit(0)\n"
        "    children.append(child)\n"
        "for child in children: os.waitpid(child, 0)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)
    assert sorted(set(lines(path))) == ["a" * 100, "b" * 100, "c" * 100]
    assert len(lines(path)) == 900


def test_syslog(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[int, str]] = []
    opened: list[tuple[object, ...]] = []
    monkeypatch.setattr(syslog, "syslog", lambda priority, text: written.append((priority, text)))
    monkeypatch.setattr(syslog, "openlog", lambda *arguments: opened.append(arguments))
    log, _ = open_log_of(configuration(host(0, system_log="syslog"), host(1, syslog_facility="LOCAL3")))
    log.emit(events.SessionOpened(), CLIENT)
    log.emit(events.LoginSucceeded("joe"), CLIENT)
    log.emit(events.LoginSucceeded("joe"), CLIENT._replace(host_id=1))
    log.close()
    client = "ftp.example (client.example[192.0.2.7]): "
    assert opened[0][0] == "ftpsd"
    assert written == [
        (syslog.LOG_INFO | syslog.LOG_DAEMON, client + "FTP session opened."),
        (syslog.LOG_INFO | syslog.LOG_AUTHPRIV, client + "USER joe: Login successful."),
        (syslog.LOG_INFO | syslog.LOG_LOCAL3, client + "USER joe: Login successful."),
    ]


def test_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log, _ = open_log_of(configuration(), stderr=True, debug_level=1, program="proftpd")
    log.emit(events.SessionOpened(), CLIENT)
    log.emit(events.Debug(1, "a"), CLIENT)
    log.emit(events.Debug(2, "b"), CLIENT)
    log.emit(events.ReplySent(200, "OK"), CLIENT)
    log.close()
    written = capsys.readouterr().err.splitlines()
    assert [line.partition("): ")[2] for line in written] == ["FTP session opened.", "a"]
    assert " proftpd[" in written[0]
    assert StderrSink(clock).reopen() == []


def test_wtmp(tmp_path: Path) -> None:
    path = tmp_path / "wtmp"
    path.touch()
    log, _ = open_log_of(configuration(host(wtmp_log=True)), wtmp_path=str(path))
    session = log.bind(CLIENT)
    session.emit(events.SessionOpened())
    session.emit(events.LoginSucceeded("joe"))
    session.emit(events.SessionClosed(Good.QUIT))
    other = log.bind(CLIENT)
    other.emit(events.SessionClosed(Good.QUIT))
    log.close()
    size = len(wtmp.record(login=True, line="", user="", host="", address="", pid=0, now=0))
    data = path.read_bytes()
    assert len(data) == 2 * size
    login, logout = (wtmp.Record.from_buffer_copy(data, at) for at in (0, size))
    assert (login.type, login.user, login.host, login.line) == (7, b"joe", b"client.example", b"ftpdabc")
    assert (logout.type, logout.user, logout.line) == (8, b"", b"ftpdabc")
    assert bytes(login.address)[:4] == bytes((192, 0, 2, 7))
    assert login.seconds == int(NOON)


def test_wtmp_can_be_off(tmp_path: Path) -> None:
    path = tmp_path / "wtmp"
    path.touch()
    base = host(wtmp_log=True, anonymous=[{"wtmp_log": False}])
    log, _ = open_log_of(configuration(base), wtmp_path=str(path))
    session = log.bind(CLIENT)
    session.enter(CLIENT.user, base.anonymous[0].settings.logging)
    session.emit(events.LoginSucceeded("ftp", anonymous=True))
    log.close()
    assert path.read_bytes() == b""
    assert wtmp.open_wtmp(str(tmp_path / "none")) is None


@pytest.mark.skipif(not Path("/usr/bin/last").exists(), reason="needs last(1)")
def test_last_reads_our_records(tmp_path: Path) -> None:
    path = tmp_path / "wtmp"
    with path.open("wb") as file:
        for login, now in ((True, NOON), (False, NOON + 60)):
            file.write(wtmp.record(
                login=login, line="ftpdabc", user="joe", host="client.example", address="2001:db8::1",
                pid=7, now=now))
    shown = subprocess.run(
        ["/usr/bin/last", "-f", str(path)], capture_output=True, text=True, check=True, timeout=30).stdout
    assert re.search(r"^joe\s+ftpdabc\s+client\.example\s.*\(00:01\)", shown, re.MULTILINE)


def test_names_of_sinks(tmp_path: Path) -> None:
    rules = (TraceChannel("DEFAULT", 1, 20),)
    (tmp_path / "wtmp").touch()
    settings = configuration(host(wtmp_log=True, trace_log=str(tmp_path / "trace"), trace=rules))
    log, _ = open_log_of(settings, stderr=True, wtmp_path=str(tmp_path / "wtmp"))
    assert [str(sink) for sink in log.sinks] == [
        "SystemLog", "TLSLog", "TransferLog", "TraceLog", "wtmp", "standard error"]
    assert log.reopen() == []
    log.close()


def test_file_names_are_written_as_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "xferlog"
    log, _ = open_log_of(configuration(host(transfer_log=str(path))))
    log.emit(events.TransferEnded("RETR", "/\udce4\udc9b x", "out", 1, 0.0, True), CLIENT)
    log.close()
    assert b" /\xe4__x b " in path.read_bytes()


def test_a_full_disk_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not os.access("/dev/full", os.W_OK):
        pytest.skip("needs /dev/full")
    log, notices = open_log_of(configuration(host(tls_log=Path("/dev/full"))))
    log.emit(events.TLSNote("x"), Origin())
    log.close()
    assert (notices, log.failures) == ([], 1)
    assert "cannot write to TLSLog: No space left on device" in capsys.readouterr().err


def test_file_names_itself(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "x"), os.open(tmp_path / "x", os.O_WRONLY | os.O_CREAT))
    assert str(file) == str(tmp_path / "x")
    file.close()
    file.close()


@pytest.mark.parametrize(("options", "of_session", "of_server"), [
    ({"Hostname", "Timestamp", "VirtualHost"},
     "TIME HOST ftpsd[ID] ftp.example (client.example[192.0.2.7]): text", "TIME HOST ftpsd[ID] HOST: text"),
    ({"Hostname"}, "HOST ftpsd[ID] (client.example[192.0.2.7]): text", "HOST ftpsd[ID]: text"),
    ({"Timestamp"}, "TIME ftpsd[ID] (client.example[192.0.2.7]): text", "TIME ftpsd[ID]: text"),
    ({"VirtualHost"}, "ftpsd[ID] ftp.example (client.example[192.0.2.7]): text", "ftpsd[ID] HOST: text"),
    ({"RoleBasedProcessLabels"}, "session[ID] (client.example[192.0.2.7]): text", "daemon[ID]: text"),
])
def test_log_options(tmp_path: Path, options: set[str], of_session: str, of_server: str) -> None:
    path = tmp_path / "log"
    log, _ = open_log_of(configuration(host(system_log=str(path), log_options=frozenset(options))))
    log.emit(events.Notice("text"), CLIENT)
    log.emit(events.Notice("text"))
    log.close()
    known = {"TIME": STAMP, "HOST": short_hostname(), "ID": str(writer_id())}
    expected = (re.sub("TIME|HOST|ID", lambda match: known[match[0]], line) for line in (of_session, of_server))
    assert lines(path) == list(expected)


def test_log_options_and_syslog(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(syslog, "syslog", lambda number, text: said.append(text))
    monkeypatch.setattr(syslog, "openlog", lambda *arguments: None)
    log, _ = open_log_of(configuration(host(system_log="syslog", log_options=frozenset())))
    log.emit(events.Notice("text"), CLIENT)
    log.emit(events.Notice("text"))
    log.close()
    assert said == ["(client.example[192.0.2.7]): text", "text"]


@pytest.mark.parametrize(("options", "expected"), [
    ({"Timestamp", "TimestampMillis"}, "2026-11-01 12:00:05,250 [ID] <tls:5>: text"),
    ({"Timestamp"}, "2026-11-01 12:00:05 [ID] <tls:5>: text"),
    ({"TimestampMillis"}, "[ID] <tls:5>: text"),
    ({"ConnIPs"}, "[ID] (client 192.0.2.7, server 192.0.2.1:21) <tls:5>: text"),
])
def test_trace_options(tmp_path: Path, options: set[str], expected: str) -> None:
    path = tmp_path / "trace"
    log, _ = open_log_of(configuration(host(
        trace_log=str(path), trace=(TraceChannel("tls", 1, 20),), trace_options=frozenset(options))))
    log.emit(events.TLSNote("text"), CLIENT)
    log.close()
    assert lines(path) == [expected.replace("ID", str(writer_id()))]

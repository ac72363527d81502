"""PidFile, service manager's protocols, signal queue, options."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.server import options, signals
from ftpsd.server.notify import Notifier, inherited_sockets
from ftpsd.server.options import Options
from ftpsd.server.pidfile import PidFile
from ftpsd.server.signals import SignalQueue


def test_pidfile(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("12345678\n")
    pidfile = PidFile(str(path))
    pidfile.write()
    assert path.read_text() == f"{os.getpid()}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    pidfile.remove()
    assert list(tmp_path.iterdir()) == []
    pidfile.remove()


def test_pidfile_of_another_server_stays(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    ours, other = PidFile(str(path)), PidFile(str(path))
    ours.write()
    other.write()
    ours.remove()
    assert path.exists()
    other.remove()
    assert not path.exists()


def test_pidfile_is_not_written_through_a_link(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "pid"
    target.write_text("precious")
    path.symlink_to(target)
    PidFile(str(path)).write()
    assert target.read_text() == "precious"
    assert not path.is_symlink()


def test_notifier_without_a_manager_says_nothing() -> None:
    Notifier({}).ready()
    Notifier({"NOTIFY_SOCKET": "/nonexistent/socket"}).ready()


@pytest.mark.parametrize("abstract", [False, True])
def test_notifier(tmp_path: Path, abstract: bool) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(5)
        manager.bind("" if abstract else str(tmp_path / "notify"))
        bound = manager.getsockname()
        name = "@" + bound[1:].decode() if abstract else bound
        environment = {"NOTIFY_SOCKET": name}
        notifier = Notifier(environment)
        assert environment == {}
        notifier.ready()
        assert manager.recv(100) == f"READY=1\nMAINPID={os.getpid()}".encode()


@pytest.mark.parametrize("environment", [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_PID": "1"}])
def test_no_sockets_for_us(environment: dict[str, str]) -> None:
    assert inherited_sockets(environment) == []
    assert environment == {}


def test_a_bad_count_of_sockets_is_refused() -> None:
    with pytest.raises(ConfigError, match="LISTEN_FDS is 'many'"):
        inherited_sockets({"LISTEN_FDS": "many"})


@pytest.fixture
def queue() -> Iterator[SignalQueue]:
    before = signal.getsignal(signal.SIGUSR1)
    made = SignalQueue([signal.SIGUSR1, signal.SIGUSR2])
    yield made
    made.close()
    signal.signal(signal.SIGUSR1, before)


def test_signals_are_queued_in_order(queue: SignalQueue) -> None:
    assert queue.take() == []
    for number in (signal.SIGUSR2, signal.SIGUSR1, signal.SIGUSR2):
        signal.raise_signal(number)
    assert queue.take() == [signal.SIGUSR2, signal.SIGUSR1, signal.SIGUSR2]
    queue.wake()
    assert queue.take() == []


def test_signals_wait_while_held(queue: SignalQueue) -> None:
    with signals.held():
        signal.raise_signal(signal.SIGUSR1)
        assert queue.take() == []
    assert queue.take() == [signal.SIGUSR1]


@pytest.mark.parametrize(("number", "shown"), [(15, "SIGTERM"), (9, "SIGKILL"), (63, "signal 63")])
def test_signal_names(number: int, shown: str) -> None:
    assert signals.name(number) == shown


@pytest.mark.parametrize(("text", "program", "file"), [
    ("", "ftpsd", "/run/ftpsd.pid"), ("", options.DROP_IN, "/run/proftpd.pid"),
    ("PidFile /run/other.pid\n", options.DROP_IN, "/run/other.pid"), ("PidFile none\n", options.DROP_IN, None),
    ("PidFile /run/ftpsd.pid\n", options.DROP_IN, "/run/ftpsd.pid"),
])
def test_pid_file_of_who_stands_in_for_proftpd(tmp_path: Path, text: str, program: str, file: str | None) -> None:
    """Debian's unit (Type=forking) and init script wait for theirs, which its configuration does not name."""
    path = tmp_path / "proftpd.conf"
    path.write_text(f"{text}<VirtualHost 127.0.0.1>\n</VirtualHost>\n")
    loaded = options.load(Options(config=str(path), program=program))
    assert [host.settings.server.pid_file for host in loaded.hosts] == [file, file]


@pytest.mark.parametrize(("text", "program", "files"), [
    ("", "ftpsd", [None, None]), ("", options.DROP_IN, ["/var/log/xferlog"] * 2),
    ("TransferLog none\n", options.DROP_IN, [None, "/var/log/xferlog"]),
    ("<Global>\nTransferLog /var/log/x\n</Global>\n", options.DROP_IN, ["/var/log/x"] * 2),
])
def test_transfer_log_of_who_stands_in_for_proftpd(
    tmp_path: Path, text: str, program: str, files: list[str | None],
) -> None:
    """ProFTPD's default, which its own sample configurations leave unsaid."""
    path = tmp_path / "proftpd.conf"
    path.write_text(f"{text}<VirtualHost 127.0.0.1>\n</VirtualHost>\n")
    loaded = options.load(Options(config=str(path), program=program))
    assert [host.settings.logging.transfer_log for host in loaded.hosts] == files


def test_configuration_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Options(config="x.conf").config_path() == str(tmp_path / "x.conf")
    first, second = str(tmp_path / "ftpsd.conf"), str(tmp_path / "proftpd.conf")
    monkeypatch.setattr(options, "DEFAULT_PATHS", (first, second))
    with pytest.raises(ConfigError, match="no configuration file: neither"):
        Options().config_path()
    Path(second).touch()
    assert Options().config_path() == second
    Path(first).touch()
    assert Options().config_path() == first

"""ServerType inetd: a process for one connection, which somebody else has accepted (`server.handed`).

What the supervisor and a worker do for many sessions is done here for one, in one process. The main thread keeps the
rights that the process was started with and minds signals and ShutMessageFile; the session has a thread of its own,
which lays its rights down as it does in a worker. The process ends with the session.

Nobody is above it: there is no PidFile, no control socket, no metrics, and no look for new certificates, as each
connection reads them anew. The scoreboard is a file that all these processes share and that none of them removes
(`Scoreboard.join`), so that limits in number count across them. Where it cannot be used nobody is served, as limits
would silently not hold; `ScoreboardFile none` says that they need not. As in ProFTPD MaxInstances and MaxConnectionRate
are left to whoever starts the processes.

SIGTERM ends the session (421), SIGUSR1 opens logs anew; the signals of terminals do nothing.
"""

from __future__ import annotations

import _thread
import contextlib
import faulthandler
import gc
import os
import select
import signal
import socket
import sys
import threading
import time

from ftpsd.errors import ConfigError
from ftpsd.ftp.addresses import one_spelling
from ftpsd.ftp.replies import Reply
from ftpsd.server import handed
from ftpsd.server.closing import ClosingWatch
from ftpsd.server.contract import Service, ServiceFactory
from ftpsd.server.generation import located
from ftpsd.server.journal import Journal
from ftpsd.server.options import Options
from ftpsd.server.orders import Order
from ftpsd.server.scoreboard import JOIN_DEADLINE, Scoreboard
from ftpsd.server.signals import SignalQueue
from ftpsd.server.slot import Slot
from ftpsd.server.worker import CAUGHT, CUT_OFF, GOODBYE, IGNORED, STACK_SIZE, reopen_logs, serve
from ftpsd.settings import Configuration, place
from ftpsd.settings.logging import SYSLOG

FAREWELL = 2.0
"""Seconds that a client has to take the reply of a server that cannot serve it."""

LAST_WORDS = 5.0
"""Seconds that logs in Redis and in a database have after the session, whose client has gone by then."""

_REFUSAL = Reply(421, "Service not available, closing control connection")
_End = tuple[str, int]


def run(options: Options, configuration: Configuration, factory: ServiceFactory) -> int:
    """Serve the connection that was handed over until it ends; the exit status.

    What keeps it from being served is said on standard error (syslog, where that is the connection) and in the
    SystemLog, and the client is sent away.
    """
    os.chdir("/")
    shown = options.foreground and not options.quiet and not handed.is_shielded()
    with contextlib.ExitStack() as undo:
        journal = Journal(stderr=shown, program=options.program)
        journal.open(configuration)
        undo.callback(journal.close)
        try:
            sock = handed.take(os.environ)
        except ConfigError as error:
            _complain(str(error), configuration, journal)
            return 1
        undo.callback(sock.close)
        signals = SignalQueue(CAUGHT, IGNORED)
        undo.callback(signals.close)
        try:
            service, slot = _prepared(sock, configuration, factory, undo)
            single = Single(service, sock, slot, journal, signals)
            local, port = _end(sock.getsockname())
            if configuration.host_for(local, port) is None:
                journal.say(f"nobody serves {local} port {port}: write Port {port}, or DefaultServer on")
            single.start(configuration)
        except (ConfigError, OSError) as error:
            _complain(_told(error), configuration, journal)
            _send_away(sock, configuration)
            return 1
        except Exception:
            _send_away(sock, configuration)
            raise
        return single.run()


class Single:
    """The life of one session."""

    def __init__(
        self, service: Service, sock: socket.socket, slot: Slot, journal: Journal, signals: SignalQueue,
    ) -> None:
        self.journal = journal
        self._service = service
        self._socket = sock
        self._slot = slot
        self._signals = signals
        self._over = threading.Event()
        self._watch = ClosingWatch(self)

    def start(self, configuration: Configuration) -> None:
        """Begin the session. Raises `ConfigError`, and then has not."""
        faulthandler.enable(2)
        gc.enable()
        threading.stack_size(STACK_SIZE)
        try:
            self._service.start_worker()
            self._watch.follow(configuration)
            _thread.start_new_thread(self._session, ())
        except RuntimeError as error:
            raise ConfigError(str(error), remedy="Raise the limit of processes and threads (ulimit -u).") from None

    def run(self) -> int:
        """Until the session has ended, and what it leaves is written; the exit status."""
        while not self._over.is_set():
            numbers = self._wait()
            if signal.SIGUSR1 in numbers:
                reopen_logs(self._service, self.journal)
            if signal.SIGTERM in numbers:
                self.journal.say("received SIGTERM: the session is ended")
                self._end()
                return 0
        self._slot.release()
        self._service.settle(LAST_WORDS)
        return 0

    def command(self, order: Order) -> None:
        """What `ClosingWatch` wants done."""
        order.carry_out(self._service)

    def _session(self) -> None:
        try:
            serve(self._service, self.journal, self._socket, self._slot)
        finally:
            self._over.set()
            self._signals.wake()

    def _wait(self) -> list[signal.Signals]:
        """The signals that have come; returns for the end of the session, too."""
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        due = self._watch.due()
        poll.poll(None if due is None else max(0.0, due - time.monotonic()) * 1000)
        if due is not None and due <= time.monotonic():
            self._watch.attend(())
        return self._signals.take()

    def _end(self) -> None:
        """The session is told; if it does not go it loses its socket; if it still does not it dies with the process."""
        self._service.stop()
        if self._over.wait(GOODBYE):
            return
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if not self._over.wait(CUT_OFF):
            self._slot.release()
            os._exit(0)


def _prepared(
    sock: socket.socket, configuration: Configuration, factory: ServiceFactory, undo: contextlib.ExitStack,
) -> tuple[Service, Slot]:
    """All that a session needs; `undo` gives it back. Raises `ConfigError`, and `OSError` when the client has gone."""
    local, peer = _end(sock.getsockname()), _end(sock.getpeername())
    service = factory(configuration)
    undo.callback(service.close)
    with located(configuration):
        service.prepare()
    board = _scoreboard(configuration)
    undo.callback(board.close)
    slot = board.acquire(peer, local, patience=JOIN_DEADLINE)
    if slot is None:
        raise ConfigError(f"{board.denied}, new connection denied")
    undo.callback(slot.release)
    return service, slot


def _end(address: tuple[str, int]) -> _End:
    """An end of the connection as the scoreboard has it; who starts us may listen to IPv4 through IPv6."""
    return one_spelling(address[0]), int(address[1])


def _scoreboard(configuration: Configuration) -> Scoreboard:
    """Raises `ConfigError`."""
    path = configuration.server.scoreboard_file
    if path is None:
        return Scoreboard.create()
    try:
        return Scoreboard.join(path)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        where = place(configuration, "ScoreboardFile")
        raise ConfigError(
            f"unable to use '{path}': {why}", directive="ScoreboardFile", location=where,
            remedy="Name a file that only the server may write to, in an existing directory and not another server's.",
        ) from None


def _told(error: ConfigError | OSError) -> str:
    if isinstance(error, ConfigError):
        return str(error)
    where = f"{error.filename}: " if error.filename is not None else ""
    return f"fatal: {where}{error.strerror or error}"


def _complain(text: str, configuration: Configuration, journal: Journal) -> None:
    """On standard error, and in the SystemLog unless that is where the former went."""
    print(text, file=sys.stderr, flush=True)
    if not (handed.is_shielded() and configuration.hosts[0].settings.logging.system_log == SYSLOG):
        journal.say(text, console=False)


def _send_away(sock: socket.socket, configuration: Configuration) -> None:
    """A client that expects TLS from the first byte is told nothing."""
    with contextlib.suppress(OSError):
        host = configuration.host_for(*_end(sock.getsockname()))
        if host is None or "UseImplicitSSL" not in host.settings.tls.options:
            sock.settimeout(FAREWELL)
            sock.sendall(_REFUSAL.encode())

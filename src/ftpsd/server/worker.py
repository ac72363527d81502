"""A worker process: one accept loop, one thread per session.

The loop waits for listeners, signals and the lifeline (a pipe whose other end the supervisor holds: when it
ends, the supervisor is dead). Several workers share the listening sockets; a worker that has more sessions
than another steps back for a moment before it accepts, so that sessions spread evenly.

Signals, sent by the supervisor: SIGTERM ends the worker and its sessions at once; SIGUSR2 makes it accept
nothing more and end with its last session; SIGUSR1 reopens logs. The process keeps the rights that it was
started with, because each session's thread lays them down for itself.
"""

from __future__ import annotations

import _thread
import contextlib
import faulthandler
import functools
import os
import select
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from ftpsd.data.pump import give_way_to, keep_to_processor
from ftpsd.errors import FtpsdError
from ftpsd.reasons.system import EXHAUSTED
from ftpsd.server import orders
from ftpsd.server.contract import Service
from ftpsd.server.journal import Journal
from ftpsd.server.listeners import Listeners
from ftpsd.server.orders import Dismiss, Order, Ping, Watch
from ftpsd.server.scoreboard import Scoreboard, WorkerRow
from ftpsd.server.signals import SignalQueue
from ftpsd.server.slot import Slot

CAUGHT = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE)

STACK_SIZE = 512 * 1024
"""Bytes of address space per session thread; memory is taken only as far as the stack is used."""

STEP_BACK, LONGEST_STEP_BACK = 0.001, 0.01
"""Seconds that a busier worker leaves a new connection to the others, for each session that it has more."""

BACK_OFF = 0.2
"""Seconds without accepting after the process or the system ran out of descriptors, memory or threads."""

GOODBYE = 0.5
"""Seconds that sessions have to end by themselves when the worker is stopped."""

CUT_OFF = 0.2
"""Seconds more, after their sockets have been shut down."""

_AT_ONCE = 16
"""Descriptors that one wait tells of."""

_COMPLAINT_INTERVAL = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """What a worker shares with the supervisor: its row of the scoreboard (and those of all workers of its
    generation), the reading end of the lifeline, where orders come from, and the control connections of all workers, in
    which pumps see that a command waits."""

    board: Scoreboard
    row: int
    rows: tuple[int, ...]
    lifeline: int
    channel: socket.socket
    commands: select.epoll


class Worker:
    """The life of a worker process, in its main thread."""

    def __init__(self, service: Service, listeners: Listeners, place: Place, journal: Journal) -> None:
        self._service = service
        self._listeners = listeners
        self._place = place
        self._journal = journal
        self._changed = threading.Condition()
        self._sessions: dict[Slot, socket.socket] = {}
        self._overdue: list[tuple[float, Slot]] = []
        self._served = 0
        self._accepting = False
        self._draining = False
        self._stopping = False
        self._resume_at: float | None = None
        self._complained_at = -_COMPLAINT_INTERVAL
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._signals = SignalQueue(CAUGHT, IGNORED)

    def run(self, started: Callable[[], None]) -> None:
        """Serve until told to end. `started` is called when connections can be accepted."""
        faulthandler.enable(2)  # sys.stderr may be syslog (`server.handed`)
        self._settle_down()
        threading.stack_size(STACK_SIZE)
        self._service.start_worker()
        self._watch(self._signals.fileno(), self._take_signals)
        self._watch(self._place.lifeline, self._supervisor_died)
        self._watch(self._place.channel.fileno(), self._take_orders)
        self._start_accepting()
        started()
        while not self._stopping and not (self._draining and not self._sessions):
            self._turn()
        self._stop_accepting()
        self._end_sessions()
        self._service.close()

    def _settle_down(self) -> None:
        """Where there is a worker for each processor, each keeps to its own: threads that take turns with the
        interpreter gain nothing from a second one."""
        processors = sorted(os.sched_getaffinity(0))
        if len(processors) == len(self._place.rows) > 1:
            with contextlib.suppress(OSError):
                keep_to_processor(processors[self._place.rows.index(self._place.row)])
        give_way_to(self._place.commands.fileno())

    def _watch(self, fd: int, handler: Callable[[], None]) -> None:
        """`handler` is called whenever `fd` has input."""
        self._handlers[fd] = handler
        self._epoll.register(fd, select.EPOLLIN)

    def _ignore(self, fd: int) -> None:
        del self._handlers[fd]
        self._epoll.unregister(fd)

    def _turn(self) -> None:
        if self._resume_at is None and not self._overdue:
            ready = self._epoll.poll(-1, _AT_ONCE)
        else:
            ready = self._epoll.poll(self._keep_time(), _AT_ONCE)
        for fd, _ in ready:
            handler = self._handlers.get(fd)
            if handler is not None:  # one of this turn may have ended the interest in it
                handler()

    def _keep_time(self) -> float | None:
        """Does what is due; the seconds until something else is (None: nothing will be)."""
        now = time.monotonic()
        if self._resume_at is not None and now >= self._resume_at:
            self._resume_at = None
            self._start_accepting()
        while self._overdue and now >= self._overdue[0][0]:
            self._cut_off(self._overdue.pop(0)[1])
        moments = [at for at, _ in self._overdue[:1]] + ([] if self._resume_at is None else [self._resume_at])
        return max(min(moments) - now, 0.0) if moments else None

    def _take_signals(self) -> None:
        for number in self._signals.take():
            if number == signal.SIGTERM:
                self._stopping = True
            elif number == signal.SIGUSR1:
                reopen_logs(self._service, self._journal)
            elif not self._draining:
                self._draining = True
                self._resume_at = None
                self._stop_accepting()
                self._listeners.close()

    def _take_orders(self) -> None:
        fds: list[int] = []
        try:
            data, fds, _, _ = socket.recv_fds(self._place.channel, orders.LONGEST, 1, socket.MSG_CMSG_CLOEXEC)
            if not data:
                self._ignore(self._place.channel.fileno())
                return
            self._obey(orders.decode(data), fds)
        except BlockingIOError:
            pass
        except (OSError, ValueError, FtpsdError) as error:
            self._journal.say(f"unable to do what the supervisor wants: {error}")
        except Exception:  # all workers get the order: none may end by it, and its sessions with it
            self._journal.say(f"a defect in ftpsd, please report it:\n{traceback.format_exc()}")
        finally:
            for fd in fds:
                os.close(fd)

    def _obey(self, order: Order, fds: list[int]) -> None:
        match order:
            case Dismiss():
                self._dismiss(order)
            case Ping():
                self._place.board.set_pulse(self._place.row, order.number)
            case Watch() if fds:
                self._service.trace(order.kind, order.target, order.seconds, fds.pop())
            case _:
                order.carry_out(self._service)

    def _dismiss(self, order: Dismiss) -> None:
        """The sessions are told; who has not gone in time loses his socket."""
        meant = dict(order.places)
        with self._changed:
            slots = [slot for slot in self._sessions if meant.get(slot.index) == slot.opened]
        self._service.dismiss(slots, order.text)
        deadline = time.monotonic() + GOODBYE
        self._overdue += [(deadline, slot) for slot in slots]

    def _cut_off(self, slot: Slot) -> None:
        with self._changed:
            sock = self._sessions.get(slot)
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _supervisor_died(self) -> None:
        self._journal.say("the supervisor is gone: this worker ends too")
        self._stopping = True

    def _start_accepting(self) -> None:
        if not self._accepting:
            self._accepting = True
            for sock in self._listeners.sockets.values():
                self._watch(sock.fileno(), functools.partial(self._accept, sock))
            self._show()

    def _stop_accepting(self) -> None:
        if self._accepting:
            self._accepting = False
            for sock in self._listeners.sockets.values():
                self._ignore(sock.fileno())
            self._show()

    def _back_off(self, why: str) -> None:
        self._stop_accepting()
        self._resume_at = time.monotonic() + BACK_OFF
        self._complain(f"unable to accept connections for the moment: {why}")

    def _complain(self, text: str) -> None:
        """Say it, but not again and again under a flood."""
        if time.monotonic() - self._complained_at >= _COMPLAINT_INTERVAL:
            self._complained_at = time.monotonic()
            self._journal.say(text)

    def _show(self) -> None:
        shown = WorkerRow(os.getpid(), self._accepting, len(self._sessions), self._served)
        self._place.board.set_worker(self._place.row, shown)

    def _count(self) -> None:
        self._place.board.count_worker(self._place.row, len(self._sessions), self._served)

    def _accept(self, listener: socket.socket) -> None:
        if not self._accepting:
            return
        least = self._place.board.least_loaded(self._place.rows)
        if least is not None and least < len(self._sessions):
            time.sleep(min(STEP_BACK * (len(self._sessions) - least), LONGEST_STEP_BACK))
        try:
            sock, peer = listener.accept()
        except MemoryError as error:
            self._back_off(_what_is_short(error))
            return
        except OSError as error:
            if error.errno in EXHAUSTED:
                remedy = "raise the limit of open files (ulimit -n) or lower MaxInstances"
                self._back_off(f"{error.strerror}; {remedy}")
            return
        try:
            self._admit(sock, (str(peer[0]), int(peer[1])))
        except MemoryError as error:
            sock.close()
            self._back_off(_what_is_short(error))

    def _admit(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        try:
            local = sock.getsockname()
        except OSError:
            sock.close()
            return
        board = self._place.board
        slot = board.acquire(peer, (str(local[0]), int(local[1])))
        if slot is None:
            sock.close()
            self._complain(f"{board.denied}, new connection denied")
            return
        try:
            with self._changed:
                self._sessions[slot] = sock
                self._served += 1
                self._count()
            with contextlib.suppress(OSError):  # what is not in there, its commands wait a little longer
                self._place.commands.register(sock, select.EPOLLIN)
            _thread.start_new_thread(self._session, (sock, slot))  # Thread.start() would wait until it runs
        except (RuntimeError, MemoryError) as error:
            self._forget(sock, slot)
            self._back_off(_what_is_short(error))

    def _session(self, sock: socket.socket, slot: Slot) -> None:
        try:
            serve(self._service, self._journal, sock, slot)
        finally:
            self._forget(sock, slot)

    def _forget(self, sock: socket.socket, slot: Slot) -> None:
        sock.close()
        slot.release()
        with self._changed:
            self._sessions.pop(slot, None)
            self._count()
            if self._stopping:
                self._changed.notify_all()
            if self._draining:
                self._signals.wake()

    def _end_sessions(self) -> None:
        """Everybody is told; who does not go loses his socket; who still does not dies with the process."""
        self._listeners.close()
        if not self._sessions:
            return
        self._service.stop()
        with self._changed:
            if self._changed.wait_for(lambda: not self._sessions, GOODBYE):
                return
            for sock in self._sessions.values():
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._sessions, CUT_OFF)


def _what_is_short(error: RuntimeError | MemoryError) -> str:
    """Why a session cannot begin, and the remedy."""
    if isinstance(error, MemoryError):
        return "out of memory; raise the limit of memory (ulimit -v, MemoryMax) or lower MaxInstances"
    return f"{error}; raise the limit of threads (ulimit -u) or lower MaxInstances"


def serve(service: Service, journal: Journal, sock: socket.socket, slot: Slot) -> None:
    """A session, to its end. Whatever it raises is an error of ours: it is said, and ends nothing but the session."""
    try:
        service.serve(sock, slot)
    except BaseException:
        journal.say(f"a session ended by an error in ftpsd, please report it:\n{traceback.format_exc()}")


def reopen_logs(service: Service, journal: Journal) -> None:
    """SIGUSR1. A log that cannot be opened again is told of, and ends nothing."""
    journal.reopen()
    try:
        service.reopen_logs()
    except (OSError, FtpsdError) as error:
        journal.say(f"unable to reopen the logs: {error}")

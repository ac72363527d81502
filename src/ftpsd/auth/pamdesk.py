"""PAM is asked in processes of its own, one for each question.

Modules are written for programs that serve one user. Some change the ids of the process for a moment, which glibc does
in every thread of it, and aborts the process where that fails in some: the threads of sessions have given their rights
up, so that one login would end everybody's session, or act with another's rights. Some keep state in static memory,
wait for minutes, or crash.

A process with threads is not to be forked. So each worker forks a *keeper* before its first thread, and the keeper a
*desk*; neither has threads. The desk does nothing but fork: a question arrives with the socket for its answer, and a
child of the desk asks PAM, answers and ends. The keeper does nothing but replace a desk that was killed; it holds the
desk's end of the channel, too, so that questions wait there meanwhile. Both end with the worker, whose end of the
channel nobody else holds. They keep nothing of what the worker had open, or else the worker's listeners, locks and
connections would outlive it there.

Where there is no desk (it could not be forked, it was killed and its keeper, too, a tool asks), PAM is asked in the
thread that wants to know.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from ftpsd.auth.pam import Pam, PamUnanswered

PATIENCE: Final = 120.0
"""Seconds that PAM has for an answer; some modules wait for somebody's telephone."""

MOST_AT_ONCE: Final = 256
"""Questions of a worker under way; further ones wait."""

_QUESTION_BYTES: Final = 64 * 1024
_ANSWER_BYTES: Final = 4096
_SLACK: Final = 5.0
_GONE: Final = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ECONNREFUSED)
_LOOK_AGAIN: Final = 1000
_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 5.0
_STEADY: Final = 10.0
"""Seconds after which a desk counts as sound: the next death is the first again."""

_CHANNEL: Final = 3
_TOLD_TO_ALL: Final = (
    signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)
_UNANSWERED: Final = 2
_NO_ANSWER: Final = "the process that asked PAM gave no answer: a module has crashed, or waited for too long"


class Desk:
    """Asks PAM on behalf of a worker. Safe for threads. `note` receives lines for the system log."""

    def __init__(
        self, note: Callable[[str], None], *, make: Callable[[str], Pam] = Pam, patience: float = PATIENCE,
    ) -> None:
        self._note = note
        self._make = make
        self._patience = patience
        self._services: dict[str, Pam] = {}
        self._channel: socket.socket | None = None
        self.pid = 0
        """The keeper's process; 0: there is none."""

    def service(self, name: str) -> Pam:
        """A PAM service that is asked at the desk. Raises `PamUnavailable`."""
        if name not in self._services:
            self._services[name] = self._make(name)
        return _AtDesk(name, self)

    def start(self) -> None:
        """In a worker, once, after all services are known and before it has threads."""
        if not self._services or threading.active_count() > 1:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self.pid = self._forked(theirs)
        except OSError as error:
            ours.close()
            self._note(f"no process for PAM can be started ({error.strerror}): modules are asked in the worker itself")
            return
        ours.settimeout(self._patience)
        self._channel = ours

    def _forked(self, channel: socket.socket) -> int:
        held = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                _be_keeper(channel, self._services, self._patience)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        return pid

    def ask(self, service: str, name: str, password: str, host: str = "") -> tuple[bool, str]:
        """What `Pam.check` says, after at most `PATIENCE` seconds. Raises `PamUnanswered`."""
        channel = self._channel
        if channel is None:
            return self._services[service].check(name, password, host)
        question = json.dumps([service, name, password, host]).encode()
        if len(question) > _QUESTION_BYTES:
            return False, "name and password are too long for PAM"
        try:
            answers, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise PamUnanswered(f"PAM cannot be asked: {error.strerror}") from None
        with answers:
            try:
                with theirs:
                    socket.send_fds(channel, [question], [theirs.fileno()])
            except TimeoutError:
                raise PamUnanswered(f"PAM took no question for {self._patience:g} seconds") from None
            except OSError as error:
                if error.errno not in _GONE:
                    raise PamUnanswered(f"PAM cannot be asked: {error.strerror}") from None
                self._lose(error)
                return self._services[service].check(name, password, host)
            return self._answer(answers)

    def _answer(self, answers: socket.socket) -> tuple[bool, str]:
        answers.settimeout(self._patience + _SLACK)
        try:
            answer = answers.recv(_ANSWER_BYTES)
        except OSError:
            answer = b""
        reason = answer[1:].decode("utf-8", "replace")
        if not answer or answer[0] == _UNANSWERED:
            raise PamUnanswered(reason or _NO_ANSWER)
        return answer[0] == 1, reason

    def _lose(self, error: OSError) -> None:
        if self._channel is not None:
            self._channel = None
            self._note(f"the process for PAM has ended ({error.strerror}): modules are asked in the worker itself")

    def close(self) -> None:
        """The desk ends, now or with the questions that are under way."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        if self.pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
            self.pid = 0


class _AtDesk(Pam):
    """A service whose questions go to a desk."""

    def __init__(self, service: str, desk: Desk) -> None:
        self.service = service
        self._desk = desk

    def check(self, name: str, password: str, host: str = "") -> tuple[bool, str]:
        return self._desk.ask(self.service, name, password, host)


# -- the keeper's process, and the desk's


def _be_keeper(channel: socket.socket, services: Mapping[str, Pam], patience: float) -> NoReturn:
    try:
        gc.disable()
        _let_go(channel)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.umask(0o077)
        _keep(socket.socket(fileno=_CHANNEL), services, patience)
    finally:
        os._exit(0)


def _keep(channel: socket.socket, services: Mapping[str, Pam], patience: float) -> None:
    """Until the worker has gone: there is a desk. One that dies young is replaced ever more slowly."""
    pause = _PAUSE
    while True:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            pid = os.fork()
            if pid == 0:
                _be_desk(channel, services, patience)
            if not _outlived(channel, pid):
                return
        pause = _PAUSE if time.monotonic() - began >= _STEADY else min(2 * pause, _LONGEST_PAUSE)
        if _hung_up(channel, pause):
            return


def _be_desk(channel: socket.socket, services: Mapping[str, Pam], patience: float) -> NoReturn:
    try:
        _serve(channel, services, patience)
    finally:
        os._exit(0)


def _outlived(channel: socket.socket, pid: int) -> bool:
    """Waits for the end of the desk (True), or of the worker."""
    try:
        desk = os.pidfd_open(pid)
    except (OSError, AttributeError):  # before Linux 5.3, in a sandbox: the desk, too, ends with the worker
        os.waitpid(pid, 0)
        return True
    try:
        poll = select.poll()
        poll.register(channel, 0)
        poll.register(desk, select.POLLIN)
        ended = all(found != channel.fileno() for found, _ in poll.poll())
    finally:
        os.close(desk)
    if ended:
        os.waitpid(pid, 0)
    return ended


def _hung_up(channel: socket.socket, seconds: float) -> bool:
    """Whether the worker goes within that time."""
    poll = select.poll()
    poll.register(channel, 0)
    return bool(poll.poll(seconds * 1000))


def _let_go(channel: socket.socket) -> None:
    """Keeps `channel` alone, and lets the worker decide when to end: signals may be sent to everybody in a group."""
    os.dup2(channel.fileno(), _CHANNEL, inheritable=False)
    os.closerange(_CHANNEL + 1, os.sysconf("SC_OPEN_MAX"))
    for standard in range(_CHANNEL):
        os.close(standard)
        os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        os.set_inheritable(standard, True)
    signal.set_wakeup_fd(-1)
    for number in _TOLD_TO_ALL:
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)


def _serve(channel: socket.socket, services: Mapping[str, Pam], patience: float) -> None:
    """Until the worker has gone. A child that outlives its patience is killed, whatever its module does to signals."""
    children: dict[int, float] = {}
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    while True:
        full = len(children) >= MOST_AT_ONCE
        ready = [] if full else poll.poll(_LOOK_AGAIN if children else None)
        if full:
            time.sleep(_PAUSE)
        _reap(children)
        if not ready:
            continue
        question, fds, _, _ = socket.recv_fds(channel, _QUESTION_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        if not fds:
            return
        with contextlib.suppress(OSError):
            pid = os.fork()
            if pid == 0:
                _put(question, fds[0], services, patience)
            children[pid] = time.monotonic() + patience
        os.close(fds[0])


def _reap(children: dict[int, float]) -> None:
    """Takes note of children that have ended, and ends those whose time (monotonic) is over."""
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            children.pop(pid, None)
    now = time.monotonic()
    for pid in [pid for pid, until in children.items() if until < now]:
        os.kill(pid, signal.SIGKILL)


def _put(question: bytes, fd: int, services: Mapping[str, Pam], patience: float) -> NoReturn:
    """A child's life: one question. It ends in time by itself, too: its desk may be killed or leave with the worker."""
    try:
        os.close(_CHANNEL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        _die_in(patience)
        service, name, password, host = json.loads(question)
        try:
            answer, reason = services[service].check(name, password, host)
            code = int(answer)
        except Exception as error:
            code, reason = _UNANSWERED, f"PAM cannot be asked: {error!r}"
        os.write(fd, bytes([code]) + reason.encode("utf-8", "replace")[:_ANSWER_BYTES - 1])
    finally:
        os._exit(0)


class _Event(ctypes.Structure):
    """`struct sigevent`, which has 64 bytes."""

    _fields_ = (
        ("value", ctypes.c_void_p), ("signal", ctypes.c_int), ("notify", ctypes.c_int), ("rest", ctypes.c_byte * 48))


class _Times(ctypes.Structure):
    """`struct itimerspec`."""

    _fields_ = tuple((name, ctypes.c_long) for name in ("every", "every_ns", "seconds", "ns"))


def _die_in(seconds: float) -> None:
    """The process is killed then: by a timer of its own, as modules use the alarm themselves, which there is one of."""
    library, timer = ctypes.CDLL(None), ctypes.c_void_p()
    event = _Event(signal=signal.SIGKILL, notify=0)  # SIGEV_SIGNAL
    whole, rest = divmod(seconds, 1)
    times = _Times(seconds=int(whole), ns=int(rest * 1e9))
    try:
        made = library.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer)) == 0
        made = made and library.timer_settime(timer, 0, ctypes.byref(times), None) == 0
    except AttributeError:
        made = False
    if not made:
        signal.setitimer(signal.ITIMER_REAL, seconds)

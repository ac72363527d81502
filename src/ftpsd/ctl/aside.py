"""Work of an action that has to wait for other machines, in a process of its own: the supervisor's loop may not wait.

The process is a copy of the supervisor that keeps nothing of it but memory and one pipe; it ends with the answer, at
its deadline, or with the client that asked.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import NoReturn

from ftpsd.ctl.actions.base import Answer, Failed
from ftpsd.ctl.protocol import RESPONSE, Decoder, ProtocolError, encode
from ftpsd.server import signals

PATIENCE = 10.0
"""Seconds that such a process has."""

NO_ANSWER = Answer.failure("no answer in time")

_CHUNK = 65_536
_PIPE = 3


class Aside:
    """`work` under way. Raises `OSError` where there can be no process. `fd` becomes readable when there is more."""

    def __init__(self, work: Callable[[], Answer]) -> None:
        self.fd, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            with signals.held():
                self._pid = os.fork()
                if self._pid == 0:
                    _be(work, writer)
        except OSError:
            os.close(self.fd)
            raise
        finally:
            os.close(writer)
        self._decoder = Decoder(RESPONSE)

    def read(self) -> Answer | None:
        """The answer, when all of it is here; one that is none says so."""
        try:
            data = os.read(self.fd, _CHUNK)
            message = self._decoder.feed(data)
        except BlockingIOError:
            return None
        except (OSError, ProtocolError):
            return NO_ANSWER
        if message is not None:
            return Answer(message.texts, message.status)
        return None if data else NO_ANSWER

    def kill(self) -> None:
        """Ends the process, in whatever state it is; `fd` is still to be closed."""
        with contextlib.suppress(ChildProcessError):  # process 1 of a container may have taken note of its end already
            if not os.waitpid(self._pid, os.WNOHANG)[0]:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)


def _be(work: Callable[[], Answer], writer: int) -> NoReturn:
    try:
        os.set_blocking(writer, True)
        os.dup2(writer, _PIPE)
        os.closerange(_PIPE + 1, os.sysconf("SC_OPEN_MAX"))
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGALRM, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        _send(_done(work))
    finally:
        os._exit(0)


def _done(work: Callable[[], Answer]) -> Answer:
    try:
        return work()
    except Failed as error:
        return Answer.failure(*str(error).splitlines())


def _send(answer: Answer) -> None:
    left = memoryview(encode(answer.status, answer.lines))
    while left:
        left = left[os.write(_PIPE, left):]

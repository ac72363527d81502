"""What makes a process a daemon: its session, its descriptors, its limits; and what others can tell of a process."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import sys
import time
from dataclasses import dataclass

START_DEADLINE = 60.0
"""Seconds that the launching process waits for the daemon to say that it accepts connections."""

_STARTED = b"started"
_ANSWER_LIMIT = 65_536


@dataclass(slots=True)
class Launch:
    """How a launch went. In the daemon itself `answer_fd` leads back to the process that was started."""

    daemon: bool
    error: str | None = None
    answer_fd: int = -1

    def succeeded(self) -> None:
        """In the daemon: let the launching process end with success."""
        self._answer(_STARTED)

    def failed(self, text: str) -> None:
        """In the daemon: let the launching process say `text` and fail. In the foreground: say it."""
        if self.answer_fd < 0:
            print(text, file=sys.stderr, flush=True)
        self._answer(text.encode("utf-8", "surrogateescape")[:_ANSWER_LIMIT])

    def forget(self) -> None:
        """In a child of the daemon: it is not this process that answers."""
        if self.answer_fd >= 0:
            os.close(self.answer_fd)
            self.answer_fd = -1

    def _answer(self, data: bytes) -> None:
        if self.answer_fd >= 0:
            with contextlib.suppress(OSError):
                os.write(self.answer_fd, data)
            os.close(self.answer_fd)
            self.answer_fd = -1


def detach() -> Launch:
    """Go on as a daemon: no terminal, no working directory, standard streams at /dev/null.

    Returns in two processes. In the launching one `daemon` is false and `error` says what the daemon said
    before it ended (None: it accepts connections); it waits for that at most `START_DEADLINE` seconds.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child:
        os.close(writer)
        os.waitpid(child, 0)
        answer = _read_answer(reader)
        os.close(reader)
        return Launch(False, None if answer == _STARTED else _explain(answer))
    os.close(reader)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    if null > 2:
        os.close(null)
    return Launch(True, None, writer)


def _read_answer(reader: int) -> bytes:
    deadline = time.monotonic() + START_DEADLINE
    answer = bytearray()
    while (left := deadline - time.monotonic()) > 0 and len(answer) < _ANSWER_LIMIT:
        if not select.select([reader], [], [], left)[0]:
            break
        chunk = os.read(reader, 4096)
        if not chunk:
            return bytes(answer)
        answer += chunk
    return bytes(answer)


def _explain(answer: bytes) -> str:
    if answer:
        return answer.decode("utf-8", "surrogateescape")
    return "fatal: the server ended before it accepted connections; its log says why (try -n -d 5)"


def raise_descriptor_limit() -> None:
    """As many open files as this process may have (RLIMIT_NOFILE, soft up to hard)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def has_ended(pid: int) -> bool:
    """Whether a process has died, its parent may not know yet; a process that cannot be asked about has not."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(0))
    finally:
        os.close(fd)


def is_running(pid: int, start: int) -> bool:
    """Whether the process that began at `start` (see `process_start`; 0: not known) still runs."""
    return not has_ended(pid) and start in (0, process_start(pid) or start)


def process_start(pid: int) -> int | None:
    """Start of a process, clock ticks since boot (proc_pid_stat(5), field 22); None: no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None

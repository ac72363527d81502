"""The supervisor's workers: forked, counted, restarted when they die, told to end."""

from __future__ import annotations

import contextlib
import enum
import gc
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ftpsd.errors import FtpsdError
from ftpsd.server import orders, signals
from ftpsd.server.generation import Generation
from ftpsd.server.journal import Journal
from ftpsd.server.orders import Order
from ftpsd.server.scoreboard import Scoreboard
from ftpsd.server.worker import Place, Worker

START_DEADLINE = 10.0
"""Seconds that a new generation's workers have to say that they accept connections."""

STEADY = 10.0
"""Seconds after which a worker counts as sound: the next death is the first again."""

FIRST_DELAY, LONGEST_DELAY = 0.05, 10.0
"""Seconds before a worker that died young is restarted; doubled at each death in a row."""

KILL_DEADLINE = 0.5
"""Seconds that the kernel has to end a worker after SIGKILL; one stuck in a dead disk may take for ever."""

_READY = b"+"
_TEXT_LIMIT = 8192


class StartError(FtpsdError):
    """The workers of a new generation did not come up."""


class State(enum.Enum):
    """`SERVING` workers are replaced when they die, `LEAVING` ones are not."""

    SERVING = enum.auto()
    LEAVING = enum.auto()


@dataclass(slots=True)
class Child:
    """A worker as the supervisor sees it. `failures` counts deaths in a row in its row; `channel` takes orders."""

    pid: int
    row: int
    generation: int
    began: float
    channel: socket.socket
    failures: int = 0
    state: State = State.SERVING


@dataclass(frozen=True, slots=True)
class Vacancy:
    """A row of the present generation whose worker died; filled again at `due` (monotonic)."""

    row: int
    failures: int
    due: float


class Crew:
    """All workers of all generations that still have some.

    `leave_supervisor` runs in each child first and closes what only the supervisor needs; `journal`
    is the server's log, in the supervisor and in workers.
    """

    def __init__(
        self, board: Scoreboard, journal: Journal, leave_supervisor: Callable[[Generation], None],
    ) -> None:
        self._board = board
        self._journal = journal
        self._leave_supervisor = leave_supervisor
        self._children: dict[int, Child] = {}
        self._vacancies: list[Vacancy] = []
        self._present: Generation | None = None
        self._readers: list[int] = []
        self._lifeline, self._life = os.pipe2(os.O_CLOEXEC)
        self._commands = select.epoll()

    @property
    def pids(self) -> list[int]:
        """Every worker that is alive, oldest first."""
        return list(self._children)

    def start(self, generation: Generation) -> None:
        """Fork the workers of `generation` and wait until they accept; then it is the present one.

        Raises `StartError`; then its workers are gone again and the present generation serves on.
        """
        taken = {child.row for child in self._children.values()}  # one just forked does not show itself yet
        generation.rows = self._board.free_rows(generation.worker_count, taken)
        if len(generation.rows) < generation.worker_count:
            raise StartError("too many workers of earlier configurations still have sessions; try later")
        pids: list[int] = []
        gc.collect()
        try:
            for row in generation.rows:
                pids.append(self._spawn_watched(generation, row))
            self._await_readers()
        except (StartError, OSError) as error:
            self._abandon(pids)
            raise error if isinstance(error, StartError) else StartError(f"unable to fork: {error}") from None
        finally:
            self._close_readers()
        self._present = generation
        self._vacancies.clear()

    def _spawn_watched(self, generation: Generation, row: int) -> int:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        self._readers.append(reader)
        try:
            return self._spawn(generation, row, 0, writer)
        finally:
            os.close(writer)

    def _close_readers(self) -> None:
        while self._readers:
            os.close(self._readers.pop())

    def _await_readers(self) -> None:
        deadline = time.monotonic() + START_DEADLINE
        for reader in self._readers:
            poll = select.poll()
            poll.register(reader, select.POLLIN)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise StartError(f"a worker did not start within {START_DEADLINE:.0f} seconds")
            answer = os.read(reader, _TEXT_LIMIT)
            if answer != _READY:
                text = answer.decode("utf-8", "surrogateescape") or "it ended without a word"
                raise StartError(f"a worker could not start: {text}")

    def _abandon(self, pids: list[int]) -> None:
        for pid in pids:
            self._kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + KILL_DEADLINE
        for pid in pids:
            while os.waitpid(pid, os.WNOHANG)[0] == 0 and time.monotonic() < deadline:
                time.sleep(0.002)
            self._clear(self._children.pop(pid))

    def _spawn(self, generation: Generation, row: int, failures: int, answer_fd: int = -1) -> int:
        ours, theirs = orders.channel()
        gc.freeze()  # the child's collector leaves the shared pages alone
        try:
            with signals.held(), theirs:
                pid = os.fork()
                if pid == 0:
                    ours.close()
                    self._be_worker(generation, row, theirs, answer_fd)
        except OSError:
            ours.close()
            raise
        finally:
            gc.unfreeze()
        self._children[pid] = Child(pid, row, generation.number, time.monotonic(), ours, failures)
        return pid

    def _be_worker(
        self, generation: Generation, row: int, channel: socket.socket, answer_fd: int,
    ) -> NoReturn:
        """The rest of a child's life."""
        status = 1
        answer = _Answer(answer_fd)
        try:
            os.close(self._life)
            self._close_readers()
            for other in self._children.values():
                other.channel.close()
            self._leave_supervisor(generation)
            place = Place(self._board, row, generation.rows, self._lifeline, channel, self._commands)
            worker = Worker(generation.service, generation.listeners, place, self._journal)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            worker.run(answer.ready)
            status = 0
        except FtpsdError as error:
            answer.failed(str(error), self._journal)
        except BaseException:
            answer.failed(traceback.format_exc(), self._journal)
        finally:
            os._exit(status)

    def drain(self, number: int) -> None:
        """The workers of generation `number` accept no more and end with their last session."""
        for child in self._children.values():
            if child.generation == number:
                child.state = State.LEAVING
                self._kill(child.pid, signal.SIGUSR2)

    def retire(self) -> None:
        """All workers accept no more and end with their last session; none is replaced."""
        self._vacancies.clear()
        for child in self._children.values():
            child.state = State.LEAVING
            self._kill(child.pid, signal.SIGUSR2)

    def reopen_logs(self, but: int | None = None) -> None:
        """All workers open their logs anew, except for those of generation `but`."""
        for child in self._children.values():
            if child.generation != but:
                self._kill(child.pid, signal.SIGUSR1)

    def command(self, order: Order, fds: Sequence[int] = ()) -> None:
        """Every worker gets `order` and copies of `fds`; one that takes none any more (it is dead, or stuck) is passed
        over."""
        data = orders.encode(order)
        for child in self._children.values():
            try:
                socket.send_fds(child.channel, [data], fds)
            except BlockingIOError:
                self._journal.say(f"worker {child.pid} does not take orders: it misses '{order.name}'")
            except OSError:
                pass

    def reap(self) -> None:
        """Take note of workers that have ended: free their slots, plan the replacement."""
        orphans = _adopted() if os.getpid() == 1 else {}
        for child in list(self._children.values()):
            status = orphans.get(child.pid)
            if status is None:
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if not pid:
                    continue
            del self._children[child.pid]
            self._clear(child)
            if child.state is State.SERVING:
                self._plan_replacement(child, os.waitstatus_to_exitcode(status))

    def _clear(self, child: Child) -> None:
        child.channel.close()
        self._board.reap(child.pid)
        self._board.clear_worker(child.row)

    def _plan_replacement(self, child: Child, exit_code: int) -> None:
        now = time.monotonic()
        failures = 1 if now - child.began >= STEADY else child.failures + 1
        delay = min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY)
        self._vacancies.append(Vacancy(child.row, failures, now + delay))
        how = f"killed by {signals.name(-exit_code)}" if exit_code < 0 else f"ended with status {exit_code}"
        self._journal.say(f"worker {child.pid} {how}: its sessions are lost; a new one starts in {delay:g} s")

    def next_start(self) -> float | None:
        """Seconds until `refill()` has something to do; None: nothing is planned."""
        if not self._vacancies:
            return None
        return max(0.0, min(vacancy.due for vacancy in self._vacancies) - time.monotonic())

    def refill(self) -> None:
        """Start the replacements that are due."""
        now = time.monotonic()
        due = [vacancy for vacancy in self._vacancies if vacancy.due <= now]
        for vacancy in due:
            self._vacancies.remove(vacancy)
            assert self._present is not None
            try:
                self._spawn(self._present, vacancy.row, vacancy.failures)
            except OSError as error:
                self._journal.say(f"unable to fork a worker: {error.strerror}; again in {LONGEST_DELAY:g} s")
                self._vacancies.append(Vacancy(vacancy.row, vacancy.failures, now + LONGEST_DELAY))

    def stop(self, seconds: float, wait: Callable[[float], None]) -> None:
        """End every worker: SIGTERM, after `seconds` SIGKILL. `wait(s)` waits s seconds or for a signal."""
        self._vacancies.clear()
        for child in self._children.values():
            child.state = State.LEAVING
            self._kill(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self._children and (left := deadline - time.monotonic()) > 0:
            wait(left)
            self.reap()
        self._abandon(list(self._children))
        self.close()

    def close(self) -> None:
        """Close the lifeline: workers that still live, end."""
        self._commands.close()
        for fd in (self._lifeline, self._life):
            with contextlib.suppress(OSError):
                os.close(fd)

    def _kill(self, pid: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _adopted() -> dict[int, int]:
    """Status of every child that has ended, ours or an orphan: as process 1 of a container we inherit those."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = found[1]
    return ended


class _Answer:
    """What a new worker tells the supervisor that waits for it, once."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def ready(self) -> None:
        self._send(_READY)

    def failed(self, text: str, journal: Journal) -> None:
        if self._fd >= 0:
            self._send(text.encode("utf-8", "surrogateescape")[:_TEXT_LIMIT])
        else:
            journal.say(f"a worker ended by an error: {text}")

    def _send(self, data: bytes) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.write(self._fd, data)
            os.close(self._fd)
            self._fd = -1

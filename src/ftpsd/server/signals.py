"""Signals as data: handlers do nothing, the numbers arrive in a queue that a selector can watch."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterable, Iterator
from types import FrameType

_WAKE = 0
"""No signal has this number."""


class SignalQueue:
    """Catches `caught`, ignores `ignored`; for the main thread of a process, one at a time.

    `fileno()` becomes readable when there is something to `take()`.
    """

    def __init__(self, caught: Iterable[signal.Signals], ignored: Iterable[signal.Signals] = ()) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._caught = tuple(caught)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in self._caught:
            signal.signal(number, _do_nothing)
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    def fileno(self) -> int:
        """The descriptor to watch for readability."""
        return self._reader.fileno()

    def take(self) -> list[signal.Signals]:
        """The signals that have arrived since the last call, in order; empty for a mere `wake()`."""
        received = bytearray()
        with contextlib.suppress(BlockingIOError):
            while chunk := self._reader.recv(4096):
                received += chunk
        return [signal.Signals(number) for number in received if number in self._caught]

    def wake(self) -> None:
        """Make the queue readable, from any thread."""
        with contextlib.suppress(OSError):
            self._writer.send(bytes([_WAKE]))

    def close(self) -> None:
        """Give back the descriptors and the default handlers."""
        signal.set_wakeup_fd(-1)
        for number in self._caught:
            signal.signal(number, signal.SIG_DFL)
        self._reader.close()
        self._writer.close()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Signals wait until the block is left: around `fork`, so that none reaches a half-made child."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def name(number: int) -> str:
    """`SIGTERM` for 15; for a number without a name, `signal N`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _do_nothing(number: int, frame: FrameType | None) -> None:
    pass

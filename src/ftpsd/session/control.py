"""The control connection as lines in and replies out, over whatever protects it at the moment.

Lines are read ahead of need: while a transfer runs, what the client sends meanwhile is looked at for ABOR
and its kin, and the rest waits here, in order, for its turn (clients.md 8: several commands in one burst).
Both the bytes of an unfinished line (`LineReader`) and the waiting lines are bounded, generously, as an ABOR behind
them is seen only when it is read; a client that goes on beyond that is simply not read from until its earlier
commands were answered.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Callable

from ftpsd.data import traffic
from ftpsd.ftp.charset import Charset
from ftpsd.ftp.lines import Line, LineReader
from ftpsd.ftp.replies import Reply
from ftpsd.tls.channel import ControlChannel

_READ_SIZE = 960
"""Bytes at a time: a piece of memory that the allocator keeps at hand for each thread."""

_MOST_READS = 64
"""Reads in a row: whoever sends faster than that is read keeps nobody from looking at a clock or moving data."""

MAX_WAITING = 64
"""Lines that may wait while a transfer runs, however long they are."""

_MOST_WAITING = 512
_MOST_BYTES = 32_768
"""And as many as these, of as many letters as these all in all."""

SEND_TIMEOUT = 30.0
"""Seconds that a client may take to accept the bytes of a reply."""


class Control:
    """Lines from and replies to the client."""

    def __init__(self, sock: socket.socket, line_limit: int, *, every_line: bool = False) -> None:
        """`line_limit` is CommandBufferSize (bytes), `every_line` MultilineRFC2228."""
        self.every_line = every_line
        self._socket = sock
        self.channel = ControlChannel(sock)
        self.descriptor = sock.fileno()
        """What to poll, as long as the session runs."""
        self.reader = LineReader(line_limit)
        self.waiting = self.reader.lines
        """Commands in the order in which they came."""
        self.ended = False
        self._looked: tuple[Line | None, Callable[[Line], bool] | None, int] = (None, None, 0)
        """The first line of those that `take` has looked at, for what, and how many they are."""
        self.charset: Charset | None = None
        """Where names are converted: the client's character set and the disk's."""

    def speak(self, charset: Charset, *, judged: bool) -> None:
        """From now on the client speaks `charset`; `judged`: its lines are looked at for what is not valid in it."""
        letter = charset.letter
        self.charset = charset if charset.converts or letter else None
        self.reader.letter = letter
        self.reader.decode = charset.received if charset.converts or judged else None
        if self.waiting:
            self.reader.read_again()

    def carried(self) -> tuple[int, int]:
        """Bytes received and sent so far, those of TLS included."""
        return traffic.carried(self._socket)

    @property
    def full(self) -> bool:
        """Whether so many commands wait that no more are read."""
        many = len(self.waiting)
        return many >= MAX_WAITING and (
            many >= _MOST_WAITING or sum(len(line.text) for line in self.waiting) >= _MOST_BYTES)

    def pull(self) -> None:
        """Takes in what has arrived, without waiting; sets `ended` at the end of the connection.

        What poll sees may be left for the next time, what only TLS knows of (decrypted already) is not, unless lines
        wait. Raises `TLSError` or `OSError` when the connection broke.
        """
        left = _MOST_READS
        while not self.ended and not (self.waiting and self.full):
            data = self.channel.recv_available(_READ_SIZE)
            if data is None:
                return
            if not data:
                self.ended = True
                return
            self.reader.feed(data)
            if self.reader.responses:
                self.channel.send(self.reader.take_responses(), SEND_TIMEOUT)
                left = 0  # it may have taken long
            if self.waiting and len(data) < _READ_SIZE:
                return  # there is something to do; what else may have come, `waiting.wait` finds out
            left -= 1
            if left <= 0 and not self.channel.has_pending():
                return

    def take(self, wanted: Callable[[Line], bool]) -> Line | None:
        """Removes and returns the first waiting line that is `wanted` out of turn, or None.

        Those that were looked at before are not again: a client that sends one by one would keep us busy.
        """
        if not self.waiting:
            return None
        first, before, passed = self._looked
        if first is not self.waiting[0] or before is not wanted:
            passed = 0
        for line in itertools.islice(self.waiting, passed, None):
            if wanted(line):
                del self.waiting[passed]
                break
            passed += 1
        else:
            self._looked = (self.waiting[0], wanted, passed)
            return None
        self._looked = (self.waiting[0] if self.waiting else None, wanted, passed)
        return line

    def forget_input(self) -> None:
        """Throws away every byte that came before a TLS handshake (the class of CVE-2011-0411)."""
        self.reader.clear()

    def wake(self) -> None:
        """Ends the wait of the session's thread (called by another thread): reading gives the end from now
        on.
        """
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def begin(self, lines: bytes) -> None:
        """Sends the beginning of a reply of several lines (`replies.opened`); raises as `send`."""
        self.channel.send(lines, SEND_TIMEOUT)

    def send(self, reply: Reply) -> None:
        """Sends a reply; raises `TLSError` or `OSError` when the client does not take it in time."""
        self.channel.send(reply.encode(every_line=self.every_line, charset=self.charset), SEND_TIMEOUT)

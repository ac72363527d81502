"""Bytes from the control connection to command lines.

The control connection is a Telnet stream (RFC 959 section 3, RFC 854): a line ends in CR LF, CR NUL means a
bare CR, and 0xFF (IAC) begins a Telnet command. Real clients send little of that, but ABOR still comes as
IAC IP, IAC DM, "ABOR", and file names may hold 0xFF, doubled. A bare LF ends a line too, and a CR before a
line end is dropped, as every FTP server has it.

One pass, one state: each byte is looked at once (whole pieces where nothing special is in them), so that
time is linear and nothing is ever scanned again. Memory is bounded by `limit`: of a line that is longer
nothing is kept, and when its end has come the reader says so once (`Line.too_long`).

Before a command everything of Telnet is known, and an IAC that begins none of its commands is dropped: when urgent
data is not received in line, the DM that belongs to an IAC is missing and what follows is the client's next command.
Within a command only what clients send is Telnet's: a doubled IAC, IP, DM and options. Any other 0xFF is part of a name
in a character set that nobody has told us. Where one has been told in which 0xFF is a letter (`letter`), it is just
that within a command, as few clients of such character sets double it, and nothing is doubled in replies.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

IAC = 0xFF
_DONT, _DO, _WONT, _WILL, _SB, _SE = 0xFE, 0xFD, 0xFC, 0xFB, 0xFA, 0xF0
_ANSWER = {_WILL: _DONT, _DO: _WONT}
_OPTIONS = frozenset({_WILL, _WONT, _DO, _DONT})
_IP, _DM = 0xF4, 0xF2
_FIRST_COMMAND = 0xF0
_MAX_LINES = 1024
_MAX_RESPONSES = 96
_MAX_SUBNEGOTIATION = 512
_SPECIAL = re.compile(rb"[\n\r\xff]")
_LF, _CR, _NUL = 0x0A, 0x0D, 0x00


Decoder = Callable[[bytes], tuple[str, bool]]


class Line(NamedTuple):
    """A command line without its end.

    `too_long`: it was over the limit and `text` is empty. `invalid`: it is not valid in the client's character set.
    `raw`: its bytes, where they cannot be had from the text (`LineReader.decode`).
    """

    text: str
    too_long: bool = False
    invalid: bool = False
    raw: bytes | None = None


class _State(Enum):
    DATA = "data"
    CR = "after CR"
    COMMAND = "after IAC"
    OPTION = "after IAC and WILL, WONT, DO or DONT"
    SUB = "in a subnegotiation"
    SUB_COMMAND = "after IAC in a subnegotiation"


def _is_one_line(data: bytes, size: int) -> bool:
    """Whether it is a whole line and nothing else, with nothing special in it."""
    return data.find(b"\n") == size - 1 and 0 <= data.find(b"\r") == size - 2 and b"\xff" not in data


class LineReader:
    """Collects bytes and hands out lines.

    `limit`: longest line in bytes, without its end (CommandBufferSize). `responses`: Telnet answers that
    are to be sent (every option is declined, RFC 854); at most a few are kept.
    """

    def __init__(self, limit: int = 512) -> None:
        if limit < 1:
            raise ValueError("the limit of a line must be positive")
        self.limit = limit
        self.decode: Decoder | None = None
        """What makes text of a line and says whether that was valid; None: UTF-8 with `surrogateescape`."""
        self.letter = False
        """Whether 0xFF within a command is data and no IAC (`Charset.letter`)."""
        self.lines: deque[Line] = deque()
        """The whole lines that have come; whoever takes them does so from the left."""
        self._clean()

    def _clean(self) -> None:
        self._line = bytearray()
        self.lines.clear()
        self._too_long = False
        self._state = _State.DATA
        self._verb = 0
        self._sub = 0
        self.responses = b""

    def clear(self) -> None:
        """Throws away everything that has come: lines, half a line, Telnet state, answers (after AUTH)."""
        self._clean()

    @property
    def pending(self) -> int:
        """Bytes of the line that has not ended yet."""
        return len(self._line)

    @property
    def full(self) -> bool:
        """Whether so many lines wait that the caller should take some before it feeds more."""
        return len(self.lines) >= _MAX_LINES

    def take_responses(self) -> bytes:
        """The Telnet answers to send, which are then forgotten."""
        answers, self.responses = self.responses, b""
        return answers

    def next_line(self) -> Line | None:
        """The next whole line, or None."""
        return self.lines.popleft() if self.lines else None

    def read_again(self) -> None:
        """Makes text of the lines that wait anew: `decode` has changed after they had come."""
        for at, line in enumerate(self.lines):
            if not line.too_long:
                raw = line.text.encode("utf-8", "surrogateescape") if line.raw is None else line.raw
                self.lines[at] = self._line_of(raw)

    def _line_of(self, raw: bytes) -> Line:
        if self.decode is None:
            return Line(raw.decode("utf-8", "surrogateescape"))
        text, valid = self.decode(raw)
        return Line(text, invalid=not valid, raw=raw)

    def feed(self, data: bytes) -> None:
        """Takes in bytes as they came from the connection."""
        position, size = 0, len(data)
        if not self._line and size - 2 <= self.limit and self._state is _State.DATA and not self._too_long \
                and self.decode is None and _is_one_line(data, size):
            self.lines.append(Line(data[:-2].decode("utf-8", "surrogateescape")))
            return
        while position < size:
            if self._state is _State.DATA:
                position = self._plain(data, position)
            if position < size:
                self._special(data[position])
                position += 1

    def _plain(self, data: bytes, start: int) -> int:
        """Keeps what stands before the next special byte; returns where that is."""
        found = _SPECIAL.search(data, start)
        stop = len(data) if found is None else found.start()
        self._keep(data[start:stop])
        return stop

    def _keep(self, piece: bytes) -> None:
        if self._too_long or not piece:
            return
        if len(self._line) + len(piece) > self.limit:
            self._too_long = True
            self._line.clear()
        else:
            self._line += piece

    @property
    def _within(self) -> bool:
        return bool(self._line) or self._too_long

    def _end_line(self) -> None:
        self.lines.append(Line("", too_long=True) if self._too_long else self._line_of(bytes(self._line)))
        self._line.clear()
        self._too_long = False

    def _special(self, byte: int) -> None:
        match self._state:
            case _State.DATA:
                self._in_data(byte)
            case _State.CR:
                self._after_cr(byte)
            case _State.COMMAND:
                self._after_iac(byte)
            case _State.OPTION:
                self._answer(byte)
                self._state = _State.DATA
            case _State.SUB:
                self._in_subnegotiation(byte)
            case _State.SUB_COMMAND:
                self._state = _State.DATA if byte == _SE else _State.SUB

    def _in_data(self, byte: int) -> None:
        if byte == _LF:
            self._end_line()
        elif byte == _CR:
            self._state = _State.CR
        elif byte == IAC and not (self.letter and self._within):
            self._state = _State.COMMAND
        else:
            self._keep(bytes((byte,)))

    def _after_cr(self, byte: int) -> None:
        self._state = _State.DATA
        if byte == _NUL:
            self._keep(b"\r")
        elif byte == _CR:
            self._state = _State.CR
        else:
            self._in_data(byte)

    def _after_iac(self, byte: int) -> None:
        self._state = _State.DATA
        if byte == IAC:
            self._keep(b"\xff")
        elif byte in _OPTIONS:
            self._verb = byte
            self._state = _State.OPTION
        elif self._within:
            if byte not in (_IP, _DM):
                self._keep(b"\xff")
                self._in_data(byte)
        elif byte == _SB:
            self._sub = 0
            self._state = _State.SUB
        elif byte < _FIRST_COMMAND:
            self._in_data(byte)

    def _answer(self, option: int) -> None:
        answer = _ANSWER.get(self._verb)
        if answer is not None and len(self.responses) < _MAX_RESPONSES:
            self.responses += bytes((IAC, answer, option))

    def _in_subnegotiation(self, byte: int) -> None:
        self._sub += 1
        if byte == IAC:
            self._state = _State.SUB_COMMAND
        elif byte == _LF or self._sub > _MAX_SUBNEGOTIATION:
            self._state = _State.DATA

"""The control connection of a probe: lines and replies (RFC 959 section 4.2), and the usual beginnings."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from ftpsd.diag.probe.facts import Answer
from ftpsd.diag.probe.wire import Ended, ProbeError, Wire

_MOST_LINE = 8192
_MOST_LINES = 500
_LEAST = 0.001
_REPLY = re.compile(rb"([1-6][0-9]{2})([ -])(.*)", re.DOTALL)


class NotFTP(ProbeError):
    """What came is no reply of an FTP server."""


class Dialogue:
    """Commands and replies over a wire."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._buffer = b""

    def answer(self, *, timeout: float | None = None) -> Answer:
        """The next reply, all of it within `timeout` seconds; raises `Ended` and `NotFTP`."""
        code, lines = "", list[str]()
        for line in self._lines(timeout):
            match = _REPLY.fullmatch(line)
            if not code:
                if match is None:
                    raise NotFTP(f"no reply of an FTP server: {_decode(line)[:80]!r}")
                code = match[1].decode()
            whole = match is not None and match[1].decode() == code
            lines.append(_decode(match[3] if whole and match is not None else line))
            if whole and match is not None and match[2] == b" ":
                return Answer(int(code), tuple(lines))
        raise NotFTP("a reply without end")

    def _lines(self, timeout: float | None) -> Iterator[bytes]:
        patience = self.wire.timeout if timeout is None else timeout
        deadline = time.monotonic() + patience
        for _ in range(_MOST_LINES):
            while b"\n" not in self._buffer:
                if len(self._buffer) > _MOST_LINE:
                    raise NotFTP("a line without end")
                self._buffer += self.wire.read(timeout=max(_LEAST, deadline - time.monotonic()))
            line, _, self._buffer = self._buffer.partition(b"\n")
            yield line.removesuffix(b"\r")

    def send(self, text: str, *, secret: bool = False) -> None:
        """A command; a `secret` one shows its name only. Raises `Ended`."""
        data = text.encode("utf-8", "surrogateescape") + b"\r\n"
        self.wire.write(data, shown=data.split()[0] + b" ********\r\n" if secret else None)

    def ask(self, text: str, *, secret: bool = False) -> Answer:
        """A command and its reply; code 0 where none came."""
        try:
            self.send(text, secret=secret)
            return self.answer()
        except Ended as error:
            return Answer(0, (str(error),))

    @property
    def waiting(self) -> bool:
        """Whether something has come that was not read yet."""
        return b"\n" in self._buffer or not self.wire.quiet(0.0)

    def silent(self, seconds: float) -> bool:
        """Whether no further reply comes for so long."""
        return b"\n" not in self._buffer and self.wire.quiet(seconds)

    def forget(self) -> None:
        """Throws away what was read and not asked for."""
        self._buffer = b""

    def close(self) -> None:
        """QUIT without waiting for the answer, and away."""
        try:
            self.wire.write(b"QUIT\r\n")
        except Ended:
            pass
        self.wire.close()


def _decode(line: bytes) -> str:
    return line.decode("utf-8", "replace")

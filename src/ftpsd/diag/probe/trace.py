"""What went over every connection, printed while it does, in the way of ssldump(1) with `-d`: who, when, which message.

    New TCP connection #1: 127.0.0.1(64148) <-> 127.0.0.1(21)
    1    0.0423 (0.0423)  S>C
    ---------------------------------------------------------------
    220 ready
    ---------------------------------------------------------------
    1 1  0.0433 (0.0010)  C>S  Handshake
          ClientHello …

Times are seconds since the connection was made, and since what came before on it. Records are numbered by message, as
OpenSSL shows them; passwords are masked by whoever sends them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ftpsd.ftp.replies import harmless
from ftpsd.tls import dump

_RULE = "-" * 63
_MOST_TEXT = 4000


@dataclass
class _Seen:
    start: float
    last: float
    records: int = 0


class Trace:
    """An `Observer` that writes lines. `clock` gives seconds."""

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._seen: dict[int, _Seen] = {}

    def connected(self, number: int, local: tuple[str, int], remote: tuple[str, int]) -> None:
        now = self._clock()
        self._seen[number] = _Seen(now, now)
        self._write(f"New TCP connection #{number}: {local[0]}({local[1]}) <-> {remote[0]}({remote[1]})")

    def text(self, number: int, sent: bool, data: bytes, private: bool) -> None:
        if private:
            self._write(f"{self._record(number)}  {_direction(sent)}  application_data")
        else:
            self._write(f"{self._plain(number)}  {_direction(sent)}")
        for line in (_RULE, *_shown(data), _RULE):
            self._write(line)

    def message(self, number: int, sent: bool, version: int, kind: int, data: bytes) -> None:
        self._write(f"{self._record(number)}  {_direction(sent)}  {dump.title(kind)}")
        for line in dump.lines(version, kind, data):
            self._write(line)

    def ended(self, number: int, sent: bool) -> None:
        if number in self._seen:
            self._write(f"{self._plain(number)}  {_direction(sent)}  TCP FIN")
        if sent:
            self._seen.pop(number, None)

    def _record(self, number: int) -> str:
        self._seen[number].records += 1
        return f"{number} {self._seen[number].records:<3}{self._times(number)}"

    def _plain(self, number: int) -> str:
        return f"{number}    {self._times(number)}"

    def _times(self, number: int) -> str:
        seen, now = self._seen[number], self._clock()
        since, seen.last = now - seen.last, now
        return f"{now - seen.start:.4f} ({since:.4f})"


def _direction(sent: bool) -> str:
    return "C>S" if sent else "S>C"


def _shown(data: bytes) -> list[str]:
    """Text as it is, what is none as its size."""
    text = data[:_MOST_TEXT].decode("utf-8", "replace")
    if "\N{REPLACEMENT CHARACTER}" in text or "\0" in text:
        return [f"({len(data)} bytes)"]
    shown = [harmless(line.removesuffix("\r")) for line in text.removesuffix("\n").split("\n")]
    return shown + (["…"] if len(data) > _MOST_TEXT else [])

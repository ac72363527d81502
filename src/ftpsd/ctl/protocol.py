"""What goes over the control socket: ProFTPD's own protocol, so that its ftpdctl works too.

A connection carries one request and one response, each a message:

    int32     status: 0 in requests; in responses 0, or -1 when the request was refused or failed
    uint32    how many strings follow
    each:     uint32 length, then so many bytes

in the byte order of the machine. The strings of a request are the action and its parameters, those of a response
are lines for people. The server closes after its response.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from ftpsd.errors import FtpsdError

OK, FAILED = 0, -1
_HEAD = struct.Struct("=iI")
_LENGTH = struct.Struct("=I")


class ProtocolError(FtpsdError):
    """Bytes that are no message, or a message beyond its bounds."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a message may be: strings, bytes of one, bytes of all."""

    count: int
    length: int
    total: int


REQUEST = Bounds(count=64, length=4096, total=65_536)
RESPONSE = Bounds(count=100_000, length=65_536, total=32 << 20)


@dataclass(frozen=True, slots=True)
class Message:
    """A request or response. Bytes that are no UTF-8 are lone surrogates."""

    status: int
    texts: tuple[str, ...]


def encode(status: int, texts: Iterable[str], bounds: Bounds = RESPONSE) -> bytes:
    """A message. What goes beyond `bounds` is cut off: long strings shortened, last strings left out."""
    parts: list[bytes] = []
    total = 0
    for text in texts:
        data = text.encode("utf-8", "surrogateescape")[: bounds.length]
        total += len(data)
        if len(parts) == bounds.count or total > bounds.total:
            break
        parts += (_LENGTH.pack(len(data)) + data,)
    return _HEAD.pack(status, len(parts)) + b"".join(parts)


class Decoder:
    """Takes a message in pieces of any size; holds no more than its bounds allow."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._buffer = bytearray()
        self._texts: list[str] = []
        self._status = 0
        self._count: int | None = None
        self._total = 0

    def feed(self, data: bytes) -> Message | None:
        """The message once it is complete; raises `ProtocolError`. What comes behind it is ignored."""
        self._buffer += data
        if self._count is None and not self._head():
            return None
        assert self._count is not None
        while len(self._texts) < self._count:
            if not self._string():
                return None
        return Message(self._status, tuple(self._texts))

    def _head(self) -> bool:
        if len(self._buffer) < _HEAD.size:
            return False
        self._status, count = _HEAD.unpack_from(self._buffer)
        if count > self._bounds.count:
            raise ProtocolError(f"{count} strings are more than {self._bounds.count}")
        self._count = count
        del self._buffer[: _HEAD.size]
        return True

    def _string(self) -> bool:
        if len(self._buffer) < _LENGTH.size:
            return False
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > self._bounds.length:
            raise ProtocolError(f"a string of {length} bytes is longer than {self._bounds.length}")
        if self._total + length > self._bounds.total:
            raise ProtocolError(f"more than {self._bounds.total} bytes")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return False
        self._texts.append(bytes(self._buffer[_LENGTH.size : end]).decode("utf-8", "surrogateescape"))
        self._total += length
        del self._buffer[:end]
        return True

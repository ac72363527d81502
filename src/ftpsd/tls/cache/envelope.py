"""What backends that keep plain bytes (files, memcached, Redis) put around a value.

    4 bytes     magic
    8 bytes     when it was stored, microseconds since the epoch
    8 bytes     when it expires, the same
    16 bytes    the beginning of SHA-256 over the key and everything else
    …           the value

Or the same as JSON, for people who look into memcached (TLSSessionCache memcache:/json). Files have the value first,
so that programs that read DER and stop at its end can read them. The checksum tells damage, not forgery.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAGIC = b"FTC1"
_HEAD = struct.Struct("!4sQQ16s")
_MICRO = 1_000_000
OVERHEAD = 256
"""Bytes that are more than enough for what goes around a value (but JSON's base64 needs four for three, too)."""

MOST_BRACKETS = 500
"""In JSON from other machines. The `json` module recurses in C for each level. What bounds that in CPython 3.13 is a
number of calls (10,000) for which the stack of a session's thread is too small; other versions stop in time."""


class BadEntry(ValueError):
    """Bytes that are no entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`stored` and `expires`: seconds since the epoch."""

    value: bytes
    stored: float
    expires: float


Pack = Callable[[bytes, Entry], bytes]
Unpack = Callable[[bytes, bytes], Entry]


def _checksum(key: bytes, stored: int, expires: int, value: bytes) -> bytes:
    head = struct.pack("!HQQ", len(key), stored, expires)
    return hashlib.sha256(head + key + value).digest()[:16]


def pack(key: bytes, entry: Entry) -> bytes:
    stored, expires = int(entry.stored * _MICRO), int(entry.expires * _MICRO)
    return _HEAD.pack(MAGIC, stored, expires, _checksum(key, stored, expires, entry.value)) + entry.value


def unpack(key: bytes, data: bytes) -> Entry:
    """Raises `BadEntry`."""
    return _opened(key, data[:_HEAD.size], data[_HEAD.size:])


def pack_behind(key: bytes, entry: Entry) -> bytes:
    """The same with the value first."""
    packed = pack(key, entry)
    return packed[_HEAD.size:] + packed[:_HEAD.size]


def unpack_behind(key: bytes, data: bytes) -> Entry:
    """Raises `BadEntry`."""
    return _opened(key, data[-_HEAD.size:], data[:-_HEAD.size])


def _opened(key: bytes, head: bytes, value: bytes) -> Entry:
    if len(head) < _HEAD.size:
        raise BadEntry("too short")
    magic, stored, expires, checksum = _HEAD.unpack(head)
    if magic != MAGIC or checksum != _checksum(key, stored, expires, value):
        raise BadEntry("damaged")
    return Entry(value, stored / _MICRO, expires / _MICRO)


def pack_json(key: bytes, entry: Entry) -> bytes:
    stored, expires = int(entry.stored * _MICRO), int(entry.expires * _MICRO)
    return json.dumps({
        "stored": stored, "expires": expires, "checksum": _checksum(key, stored, expires, entry.value).hex(),
        "data": base64.b64encode(entry.value).decode(),
    }).encode()


def read_json(data: bytes) -> Any:
    """JSON that somebody else may have written, to be read in any thread. Raises `ValueError`, also for more than
    MOST_BRACKETS."""
    if data.count(b"[") + data.count(b"{") > MOST_BRACKETS:
        raise ValueError("nested too deeply")
    return json.loads(data)


def unpack_json(key: bytes, data: bytes) -> Entry:
    """Raises `BadEntry`."""
    try:
        fields = read_json(data)
        stored, expires, checksum = fields["stored"], fields["expires"], bytes.fromhex(fields["checksum"])
        value = base64.b64decode(fields["data"], validate=True)
        if not (isinstance(stored, int) and isinstance(expires, int)):
            raise BadEntry("damaged")
        if checksum != _checksum(key, stored, expires, value):
            raise BadEntry("damaged")
    except (ValueError, TypeError, KeyError, binascii.Error, struct.error) as error:
        raise BadEntry(str(error)) from None
    return Entry(value, stored / _MICRO, expires / _MICRO)

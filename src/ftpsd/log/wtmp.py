"""WtmpLog: logins and logouts in wtmp, so that last(1) shows them.

The file is only appended to, never created (utmp(5): it is kept where it exists), one record per write. The
C library's `updwtmp` sets up an alarm for its lock, which a process full of threads cannot have; a record
is small enough to be appended in one piece without it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket

PATH = "/var/log/wtmp"
_USER_PROCESS, _DEAD_PROCESS = 7, 8
_LINE, _USER, _HOST = 32, 32, 256
_NATIVE_TIMES = platform.machine() in ("aarch64", "loongarch64")
_Time = ctypes.c_long if _NATIVE_TIMES else ctypes.c_int32


class _ExitStatus(ctypes.Structure):
    _fields_ = [("termination", ctypes.c_short), ("exit", ctypes.c_short)]


class Record(ctypes.Structure):
    """`struct utmp` of the C library (utmp(5))."""

    _fields_ = [
        ("type", ctypes.c_short), ("pid", ctypes.c_int32), ("line", ctypes.c_char * _LINE),
        ("id", ctypes.c_char * 4), ("user", ctypes.c_char * _USER), ("host", ctypes.c_char * _HOST),
        ("exit", _ExitStatus), ("session", _Time), ("seconds", _Time), ("microseconds", _Time),
        ("address", ctypes.c_ubyte * 16), ("unused", ctypes.c_char * 20),
    ]


def record(*, login: bool, line: str, user: str, host: str, address: str, pid: int, now: float) -> bytes:
    """A record of a login, or of the logout that belongs to it (same `line`).

    `now`: seconds since the epoch.
    """
    entry = Record(
        type=_USER_PROCESS if login else _DEAD_PROCESS, pid=pid, line=_bytes(line, _LINE),
        user=_bytes(user, _USER) if login else b"", host=_bytes(host, _HOST) if login else b"",
        session=pid, seconds=int(now), microseconds=int(now % 1 * 1_000_000),
    )
    for index, byte in enumerate(_packed(address)):
        entry.address[index] = byte
    return bytes(entry)


def _bytes(text: str, size: int) -> bytes:
    return text.encode("utf-8", "replace").replace(b"\0", b"?")[:size]


def _packed(address: str) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.inet_pton(family, address)
    except OSError:
        return b""


def open_wtmp(path: str = PATH) -> int | None:
    """A descriptor for appending to wtmp; None where there is none or we may not."""
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return None

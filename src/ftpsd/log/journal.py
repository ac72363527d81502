r"""The journal of systemd, by its native protocol: datagrams of fields (systemd.io/JOURNAL_NATIVE_PROTOCOL).

    MESSAGE=text\n            a value without a newline
    FTPSD_FILE\n<size>value\n  any value; <size> is eight bytes, the lowest first
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"
_SEND_SECONDS = 1.0
"""What the journal may take to accept an entry; one that it does not is lost, and counted."""


def entry(fields: Mapping[str, str]) -> bytes:
    """The datagram of an entry."""
    return b"".join(_field(name, value) for name, value in fields.items())


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"


def field_name(label: str) -> str:
    """The journal's name of a variable: `FTPSD_NOTE_TLS_CIPHER` of `NOTE:TLS_CIPHER`."""
    return "FTPSD_" + re.sub("[^A-Z0-9]", "_", label.upper())[:58]


class Journal:
    """A connection to the journal. Safe for threads. Raises `OSError` where there is no journal."""

    def __init__(self, path: str = SOCKET) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(_SEND_SECONDS)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def send(self, fields: Mapping[str, str]) -> None:
        """Writes an entry. Raises `OSError`."""
        self._socket.send(entry(fields))

    def close(self) -> None:
        """Ends the connection; more than once is harmless."""
        self._socket.close()

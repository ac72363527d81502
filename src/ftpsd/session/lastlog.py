"""UseLastlog: the file that lastlog(8) shows. One record for each uid, at the place of its number."""

from __future__ import annotations

import os
import struct
import threading
import time

from ftpsd.auth.account import Account
from ftpsd.log import events
from ftpsd.session.state import Session

PATH = "/var/log/lastlog"
_RECORD = struct.Struct("=i32s256s")
"""lastlog(5): seconds since 1970, the terminal, the host."""


def record(session: Session, account: Account) -> None:
    """Writes the login down, as root; where that cannot be done a line in the log says so."""
    line = f"ftpd{threading.get_native_id()}".encode()
    host = session.peer_name.encode("utf-8", "surrogateescape")[:255]
    data = _RECORD.pack(int(time.time()) & 0x7FFFFFFF, line, host)
    try:
        fd = os.open(PATH, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.pwrite(fd, data, account.uid * _RECORD.size)
        finally:
            os.close(fd)
    except OSError as error:
        session.log.emit(events.Debug(1, f"UseLastlog: unable to write {PATH}: {error.strerror}"))

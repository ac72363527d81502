"""What inetd, xinetd or systemd (Accept=yes) hands over: one TCP connection that somebody else has accepted.

It is standard input (inetd's way, and systemd's with StandardInput=socket) or descriptor 3, of which LISTEN_FDS tells
(systemd's without it). Standard output and error are mostly the same connection: whatever is written there would be a
reply to the client, and perhaps a secret. `shield` turns them away before anything can be said; what is said on
standard error then goes to syslog.
"""

from __future__ import annotations

import fcntl
import io
import os
import socket
import stat
import sys
import syslog
from collections.abc import Mapping, MutableMapping

from ftpsd.errors import ConfigError
from ftpsd.log.escape import escape
from ftpsd.log.identity import PROGRAM
from ftpsd.server.notify import FIRST_FD, forget_passed, passed

_LONGEST_LINE = 8192
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_REMEDY = (
    "ServerType inetd is for servers that inetd (`stream tcp nowait`), xinetd (`wait = no`) or systemd (Accept=yes)"
    " starts. Write ServerType standalone otherwise.")


class SyslogStream(io.TextIOBase):
    """Standard error for who has none: each line is an entry of syslog (LOG_DAEMON, LOG_ERR)."""

    def __init__(self) -> None:
        super().__init__()
        self._line = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._say(line)
        if len(self._line) > _LONGEST_LINE:
            self.flush()
        return len(text)

    def flush(self) -> None:
        line, self._line = self._line, ""
        self._say(line)

    def _say(self, line: str) -> None:
        if line:
            syslog.openlog(PROGRAM, syslog.LOG_PID, syslog.LOG_DAEMON)
            syslog.syslog(syslog.LOG_ERR, escape(line))


def fill() -> None:
    """Standard streams that are closed lead nowhere from now on, and what is said on standard error goes to syslog:
    otherwise the next file or connection gets one of their numbers, and what is printed."""
    for fd in (0, 1, 2):
        if _identity(fd) is None:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stderr is None:
        sys.stderr = SyslogStream()


def is_shielded() -> bool:
    """Whether standard error was the connection, or none, so that syslog has what is said there."""
    return isinstance(sys.stderr, SyslogStream)


def shield(environment: Mapping[str, str]) -> None:
    """Where standard output or error is the connection that was handed over, nothing that is written there gets to it
    from now on. Elsewhere (a terminal, a file, a service manager's journal) nothing changes."""
    for fd in (0, FIRST_FD) if environment.get("LISTEN_FDS") else (0,):
        if _is_connection(fd):
            _turn_away(_identity(fd), (1, 2))


def take(environment: MutableMapping[str, str]) -> socket.socket:
    """The connection, which nothing else in this process leads to any more; it waits (blocks).

    LISTEN_FDS is taken out of the environment. Raises `ConfigError` when there is no connection.
    """
    count = passed(environment)
    forget_passed(environment)
    if count > 1:
        raise ConfigError(f"LISTEN_FDS is {count}: ServerType inetd serves one connection", remedy=_REMEDY)
    fd, name = (FIRST_FD, f"descriptor {FIRST_FD} (LISTEN_FDS)") if count else (0, "standard input")
    try:
        sock = socket.socket(fileno=fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FD))
    except OSError as error:
        raise ConfigError(f"unable to get connection info: {name}: {error.strerror}", remedy=_REMEDY) from None
    try:
        _demand_connection(sock, name)
    except ConfigError:
        sock.close()
        raise
    _turn_away(_identity(sock.fileno()), (0, 1, 2))
    if fd == FIRST_FD:
        os.close(fd)
    sock.setblocking(True)
    return sock


def _demand_connection(sock: socket.socket, name: str) -> None:
    """Raises `ConfigError` unless it is TCP and connected."""
    if sock.family not in _FAMILIES or sock.type != socket.SOCK_STREAM:
        raise ConfigError(f"unable to get connection info: {name} is not a TCP connection", remedy=_REMEDY)
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ConfigError(
            f"unable to get connection info: {name} is a listening socket, not a connection", remedy=_REMEDY)
    try:
        sock.getpeername()
    except OSError as error:
        raise ConfigError(
            f"unable to get connection info: {name}: {error.strerror}", remedy="The client has gone already.") from None


def _is_connection(fd: int) -> bool:
    """Whether it is a socket of TCP: those of other kinds (a login's, the journal's) have people at the other end."""
    try:
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            return False
        with socket.socket(fileno=os.dup(fd)) as sock:
            return sock.family in _FAMILIES and sock.type == socket.SOCK_STREAM
    except OSError:
        return False


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _turn_away(connection: tuple[int, int] | None, fds: tuple[int, ...]) -> None:
    """Those of `fds` that are the connection lead nowhere from now on."""
    for fd in fds:
        if _identity(fd) == connection:
            null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            os.dup2(null, fd)
            os.close(null)
            if fd == 2:
                sys.stderr = SyslogStream()

"""The service manager's protocols: sd_notify(3) and sd_listen_fds(3)."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping, MutableMapping

from ftpsd.errors import ConfigError

FIRST_FD = 3
"""The first descriptor that is passed (SD_LISTEN_FDS_START)."""


class Notifier:
    """Tells the service manager about our state, where `NOTIFY_SOCKET` names one; else says nothing."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        self._watchdog = environment.pop("WATCHDOG_USEC", "")
        self._watched = environment.pop("WATCHDOG_PID", "")

    @property
    def watchdog(self) -> float | None:
        """Seconds after which the service manager gives us up unless we say that we are well; None: never."""
        if not self._address or not self._watchdog.isdecimal() or int(self._watchdog) == 0:
            return None
        meant = not self._watched or self._watched == str(os.getpid())
        return int(self._watchdog) / 1e6 if meant else None

    def well(self) -> None:
        """For the watchdog."""
        self._send("WATCHDOG=1")

    def ready(self) -> None:
        """Connections are accepted (again)."""
        self._send(f"READY=1\nMAINPID={os.getpid()}")

    def reloading(self) -> None:
        """A reload has begun; `ready()` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1)
            sock.sendto(message.encode(), address)


def inherited_sockets(environment: MutableMapping[str, str]) -> list[socket.socket]:
    """Listening TCP sockets passed to this process (`LISTEN_FDS`), taken out of the environment.

    `LISTEN_PID`, where given, must name this process. Raises `ConfigError` for descriptors of another kind.
    """
    count = passed(environment)
    forget_passed(environment)
    return [_take_over(fd) for fd in range(FIRST_FD, FIRST_FD + count)]


def passed(environment: Mapping[str, str]) -> int:
    """How many descriptors, from `FIRST_FD` on, were passed to this process. Raises `ConfigError`."""
    count, pid = environment.get("LISTEN_FDS", ""), environment.get("LISTEN_PID", "")
    if not count or (pid and pid != str(os.getpid())):
        return 0
    if not count.isdecimal():
        raise ConfigError(f"LISTEN_FDS is '{count}', not a number of sockets")
    return int(count)


def forget_passed(environment: MutableMapping[str, str]) -> None:
    """Other programs that are started are not meant."""
    for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        environment.pop(name, None)


def _take_over(fd: int) -> socket.socket:
    try:
        os.set_inheritable(fd, False)
        sock = socket.socket(fileno=fd)
    except OSError as error:
        text = f"descriptor {fd}, passed by LISTEN_FDS, is not a socket: {error.strerror}"
        raise ConfigError(text) from None
    internet = sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM
    if not internet or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ConfigError(
            f"descriptor {fd}, passed by LISTEN_FDS, is not a listening TCP socket",
            remedy="in the .socket unit use ListenStream=PORT and Accept=no",
        )
    sock.setblocking(False)
    return sock

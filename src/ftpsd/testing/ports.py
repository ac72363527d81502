"""Ports for programs that cannot be given a socket, and for those who shall find nobody.

The kernel gives ports from 32768 on (/proc/sys/net/ipv4/ip_local_port_range) to every outgoing connection and to
whoever binds to port 0. One that was got so and closed may belong to another test a moment later; and who connects to
it may even be connected to itself. Ports below those are taken by nobody but who asks for them here.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
import socket

LOWEST, HIGHEST = 20_000, 32_000


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Ports on which nobody listens at `address`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found: list[int] = []
    with contextlib.ExitStack() as stack:
        while len(found) < count:
            port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
            try:
                stack.enter_context(socket.create_server((address, port), family=family))
                found.append(port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
    return found


def free_port(address: str = "127.0.0.1") -> int:
    """One of `free_ports`."""
    return free_ports(1, address)[0]


def free_range(count: int, address: str = "127.0.0.1") -> int:
    """The first of so many ports in a row on which nobody listens at `address`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        low = LOWEST + secrets.randbelow(HIGHEST - LOWEST - count)
        with contextlib.ExitStack() as stack:
            try:
                for port in range(low, low + count):
                    stack.enter_context(socket.create_server((address, port), family=family))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return low

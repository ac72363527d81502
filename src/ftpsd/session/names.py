"""Host names of clients (UseReverseDNS), with a deadline.

The resolver can take half a minute to give up, and a session must not wait for that before its greeting:
look-ups run in a few threads of their own, a session waits `PATIENCE` seconds at most and goes on with the
address. A name counts only when it leads back to the address (otherwise whoever owns the reverse zone could
pick any name).
"""

from __future__ import annotations

import socket
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor

PATIENCE = 3.0
"""Seconds that a session waits for a name."""

_THREADS = 4
_REMEMBERED = 4096


class HostNames:
    """Looks up and remembers names; safe for threads. Answers are the address where there is no name."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._known: OrderedDict[str, Future[str]] = OrderedDict()
        self._lock = threading.Lock()

    def start(self) -> None:
        """In the worker, after the fork: the threads must not take on a session's rights."""
        self._pool = ThreadPoolExecutor(_THREADS, "names")
        for _ in range(_THREADS):
            self._pool.submit(threading.Event().wait, 0.001)

    def stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def of(self, address: str) -> str:
        """The name of `address`, or the address itself."""
        if self._pool is None:
            return address
        with self._lock:
            future = self._known.get(address)
            if future is None:
                future = self._known[address] = self._pool.submit(look_up, address)
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        try:
            return future.result(PATIENCE)
        except (TimeoutError, OSError):
            return address


def look_up(address: str) -> str:
    """The name that belongs to `address` in both directions, or the address."""
    try:
        name = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    except OSError:
        return address
    return name if address in found else address

"""The ring of ticket keys, shared by the machines of a pool through Redis or memcached.

Theory
------
One entry holds all keys of the pool, sealed. Every few seconds a machine fetches it, adds what it does not know yet,
and writes the union back if the entry lacked something of its own. Two machines that write at the same moment overwrite
each other; whose keys were lost sees that at its next look and writes again. So all rings become the same, and no lock
is needed, and when the server has lost everything, the first machine that looks brings it back.

A new key does not encrypt before every machine has had several looks (`LEAD`). Who makes it: the youngest key is due on
all machines at the same moment, so each waits a random while longer, looks once more, and makes one only if nobody has.
Should two do it, there are two keys, and no harm.

A machine that cannot reach the server makes keys for itself, and shares them when it can. A machine that starts looks
before it accepts connections, and then knows the tickets of the others and of its own former life.
"""

from __future__ import annotations

import os
import random
import stat
import time
from collections.abc import Callable

from ftpsd.errors import ConfigError
from ftpsd.native._openssl import OpenSSLError, TicketKeys, wipe_memory
from ftpsd.tls.cache.base import Store

INTERVAL = 10.0
"""Seconds between two looks of a machine."""

LEAD = 6 * INTERVAL
"""Seconds for which a new key waits until it encrypts."""

SHORTEST_SECRET = 32
LONGEST_SECRET = 4096
"""Bytes of the file, blanks at its end not counted."""

DIRECTIVE = "TLSSessionTicketPool"


class KeyPool:
    """A machine's part in the pool. `store`: where the entry lies."""

    def __init__(self, keys: TicketKeys, store: Store) -> None:
        self.store = store
        self._keys = keys
        self._patience = random.uniform(0, 3 * INTERVAL)
        self._foreign = False

    @property
    def name(self) -> bytes:
        """The entry's key: pools with different secrets do not meet."""
        return b"ring " + self._keys.pool

    def look(self, note: Callable[[str], None], timeout: float | None = None) -> None:
        """Fetches and brings what is missing on either side, within `timeout` seconds for each. Never raises."""
        try:
            lacking = self._take(note, timeout)
            if lacking and self._keys.facts():
                self.store.store(self.name, self._keys.sealed(), time.time() + self._keys.age, timeout=timeout)
        except OpenSSLError as error:
            note(f"{DIRECTIVE}: {error}")

    def _take(self, note: Callable[[str], None], timeout: float | None) -> bool:
        """Adds the pool's keys to the ring; whether the pool lacks some of ours."""
        found = self.store.fetch(self.name, timeout=timeout)
        if found is None:
            return True
        try:
            lacking = self._keys.merge(found, time.time())[1]
        except ValueError:
            if not self._foreign:
                note(f"{DIRECTIVE}: what lies in the {self.store.name} is not sealed with this secret; it is replaced")
            self._foreign = True
            return True
        self._foreign = False
        return lacking

    def keep(self, period: float, note: Callable[[str], None]) -> None:
        """A look, if no other process of this machine has just had one; and a new key, if one is due."""
        now = time.time()
        if not self._keys.claim(now, INTERVAL):
            return
        self.look(note)
        if self._keys.maintain(now, period + self._patience, LEAD):
            self.look(note)


def read_secret(path: str) -> bytearray:
    """The pool's secret; the caller wipes it. Raises `ConfigError`."""
    remedy = f"Write: openssl rand -base64 48 > {path}; chmod 600 {path}; and copy it to every machine of the pool."
    content = bytearray(LONGEST_SECRET + 1)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found, size = os.fstat(fd), os.readv(fd, [content])
        finally:
            os.close(fd)
    except OSError as error:
        raise ConfigError(f"unable to use '{path}': {error.strerror}", directive=DIRECTIVE, remedy=remedy) from None
    while size > 0 and content[size - 1] in b" \t\r\n":
        size -= 1
    secret = content[:size]
    wipe_memory(content)
    trouble = _objection(found, size)
    if trouble:
        wipe_memory(secret)
        raise ConfigError(f"unable to use '{path}': {trouble}", directive=DIRECTIVE, remedy=remedy)
    return secret


def _objection(found: os.stat_result, size: int) -> str:
    """What is wrong with a file, and with a secret of that size; "": nothing."""
    if not stat.S_ISREG(found.st_mode):
        return "it is no ordinary file"
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or found.st_uid not in (0, os.geteuid()):
        return "others can read or change it"
    if not SHORTEST_SECRET <= size <= LONGEST_SECRET:
        return f"a secret has {SHORTEST_SECRET} to {LONGEST_SECRET} characters"
    return ""

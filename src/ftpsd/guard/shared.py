"""Bans that several machines share (BanCache): each one an entry of its own on memcached or Redis, until it ends.

Only bans that BanOnEvent made are shared: one of an administrator is for the machine on which he made it. The table
of each machine counts in any case; what is here comes to it. While the servers do not answer nobody waits for them
(`tls.cache.base`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Sequence

from ftpsd.access.bans import EVERY_SERVER, Ban, Kind, Suspect
from ftpsd.tls.cache.base import Store
from ftpsd.tls.cache.envelope import read_json


class SharedBans:
    """The bans of a pool of machines."""

    def __init__(self, store: Store, release: Callable[[], None], *, match_server: bool) -> None:
        """`release` gives the store back. `match_server`: only bans made at a host with the same address and port
        count."""
        self.store = store
        self._release = release
        self._match_server = match_server

    def start(self) -> None:
        """In a worker, before its first session."""
        self.store.start()

    def close(self) -> None:
        """What is there stays."""
        self._release()

    def add(self, ban: Ban) -> None:
        """Tells the others."""
        entry = {
            "kind": int(ban.kind), "name": ban.name, "server": ban.server.hex(), "expires": ban.expires,
            "reason": ban.reason, "message": ban.message,
        }
        self.store.store(self._key(ban.kind, ban.name, ban.server), json.dumps(entry).encode(), ban.expires)

    def remove(self, bans: Iterable[Ban]) -> None:
        """An administrator has lifted them. Waits for the servers, for some seconds; raises `CacheError`."""
        self.store.forget(list(dict.fromkeys(self._key(ban.kind, ban.name, ban.server) for ban in bans)))

    def find(self, suspect: Suspect, server: bytes, kinds: Sequence[Kind]) -> Ban | None:
        """Somebody's ban, as far as another machine knows."""
        for kind in kinds:
            for name in suspect.names(kind):
                found = self.store.fetch(self._key(kind, name, server))
                ban = _read(found) if found is not None else None
                if ban is not None and (ban.kind, ban.name) == (kind, name):
                    return ban
        return None

    def _key(self, kind: Kind, name: str, server: bytes) -> bytes:
        at = server if self._match_server else EVERY_SERVER
        return hashlib.blake2b(repr((int(kind), name, at)).encode("utf-8", "surrogateescape"), digest_size=24).digest()


def _read(data: bytes) -> Ban | None:
    """What another machine wrote; None: it is nothing that we know."""
    try:
        entry = read_json(data)
        expires = float(entry["expires"])
        if not math.isfinite(expires):
            return None
        return Ban(
            Kind(entry["kind"]), str(entry["name"]), bytes.fromhex(entry["server"]), expires,
            str(entry["reason"]), str(entry["message"]))
    except (ValueError, LookupError, TypeError, ArithmeticError):
        return None

"""From a directive's value to a cache, and which caches a server has open.

A reload makes the next service beside the present one. Where both name the same cache, it is the same object: what is
in it stays, and the workers of both use it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from ftpsd.native._openssl import SharedCache
from ftpsd.settings.values import SessionCache
from ftpsd.tls.cache.base import Store
from ftpsd.tls.cache.files import FileStore, prepare_directory
from ftpsd.tls.cache.shared import INTERNAL_SIZE, SharedStore, open_segment

Purpose = Literal["sessions", "responses"]
"""What a cache holds: TLS sessions, or OCSP responses."""

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that makes one cache another than the next. `directive` is what errors name."""

    place: SessionCache
    purpose: Purpose
    directive: str


@dataclass(slots=True)
class _Opened:
    store: Store
    users: int


class Stores:
    """The caches that are open, each with the number of its users."""

    def __init__(self) -> None:
        self._opened: dict[Plan, _Opened] = {}

    def lease(self, place: SessionCache, purpose: Purpose, directive: str, note: Note) -> Store:
        """The cache at `place` (of a kind that is not `off`); `release` it. Raises `ConfigError`."""
        plan = Plan(replace(place, timeout=0), purpose, directive)
        opened = self._opened.get(plan)
        if opened is not None and _removed(opened.store):
            del self._opened[plan]
            opened = None
        if opened is None:
            opened = self._opened[plan] = _Opened(_open(plan, note), 0)
        opened.users += 1
        return opened.store

    def release(self, store: Store) -> None:
        """One user less; a cache that nobody uses is closed."""
        for plan, opened in list(self._opened.items()):
            if opened.store is store:
                opened.users -= 1
                if opened.users > 0:
                    return
                del self._opened[plan]
        store.close()


def _removed(store: Store) -> bool:
    """Whether an administrator has taken the cache away: a reload makes a new one."""
    return isinstance(store, SharedStore) and store.memory.facts().removed


def _open(plan: Plan, note: Note) -> Store:
    place = plan.place
    if place.kind == "shm":
        return open_segment(place.path, place.size, directive=plan.directive, note=note)
    if place.kind == "fs":
        prepare_directory(place.path, plan.directive)
        return FileStore(place.path)
    return SharedStore(SharedCache(INTERNAL_SIZE))

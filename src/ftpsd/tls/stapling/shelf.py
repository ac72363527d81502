"""Places for OCSP responses that the processes and generations of a server share, and who may write there.

A place is memory made before workers are forked. Writing takes a lock of the kernel's on a byte of a file that has no
name: the kernel gives it back when the process dies, so nothing stays locked. (Locks of fcntl belong to processes;
among the threads of one process only the one stapler writes.)

A shelf outlives reloads: where a certificate and the rules for its responses have stayed the same, the next
configuration finds the place of the present one, with the response in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import weakref
from collections.abc import Iterator

from ftpsd.native._openssl import Staple, StapleState


class Place:
    """Where the response of one certificate is."""

    def __init__(self, shelf: Shelf, number: int) -> None:
        self.staple = Staple()
        self._shelf = shelf
        self._number = number

    @contextlib.contextmanager
    def writing(self) -> Iterator[bool]:
        """Whether it is ours to write for the time of the block; never waits."""
        try:
            fcntl.lockf(self._shelf.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._number)
        except (BlockingIOError, PermissionError):
            yield False
            return
        try:
            yield True
        finally:
            fcntl.lockf(self._shelf.file, fcntl.LOCK_UN, 1, self._number)

    def state(self) -> StapleState:
        return self.staple.get()

    def put(self, response: bytes, *, until: float, due: float, failures: int = 0) -> None:
        """For whoever is `writing`."""
        self.staple.put(response, until=int(until), due=int(due), failures=failures)


class Shelf:
    """The places of a server; made in its supervisor."""

    def __init__(self) -> None:
        self.file = os.memfd_create("ftpsd-staples", os.MFD_CLOEXEC)
        self._places: weakref.WeakValueDictionary[tuple[str, ...], Place] = weakref.WeakValueDictionary()
        self._numbers = itertools.count()
        weakref.finalize(self, os.close, self.file)

    def place(self, rules: tuple[str, ...]) -> Place:
        """The place of what follows these rules; a new one when nobody has it any more."""
        found = self._places.get(rules)
        if found is None:
            found = self._places[rules] = Place(self, next(self._numbers))
        return found

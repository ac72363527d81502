"""Gives files to other users: UserOwner, and GroupOwner with groups that a user is no member of.

Only root may do that, and a session has given up being root for good. So the worker keeps one thread that is root and
does nothing but chown descriptors that sessions hand to it: ids come from the configuration, files from the session's
own opening, never a name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import threading
from concurrent.futures import Future

PATIENCE = 10.0
"""Seconds that a session waits."""
_MOST_WAITING = 256

_Job = tuple[int, int, int, "Future[None]"]


class Giver:
    """The thread that is root. `start` it from one that is, in the worker."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_MOST_WAITING)
        self._running = False

    def start(self) -> None:
        """Starts the thread; where the process is not root there is none."""
        if os.geteuid() == 0 and not self._running:
            self._running = True
            threading.Thread(target=self._serve, name="giver", daemon=True).start()

    def stop(self) -> None:
        """Lets the thread end; does not wait."""
        if self._running:
            self._running = False
            with contextlib.suppress(queue.Full):
                self._jobs.put_nowait(None)

    def give(self, fd: int, uid: int, gid: int) -> None:
        """Makes the file open as `fd` (O_PATH will do) that of `uid` and `gid`, -1: as it is. Raises `OSError`."""
        if not self._running:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        done: Future[None] = Future()
        try:
            self._jobs.put((fd, uid, gid, done), timeout=PATIENCE)
            done.result(PATIENCE)
        except (queue.Full, TimeoutError):
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            fd, uid, gid, done = job
            try:
                chown_open(fd, uid, gid)
            except OSError as error:
                done.set_exception(error)
            else:
                done.set_result(None)


def chown_open(fd: int, uid: int, gid: int) -> None:
    """chown(2) of what a descriptor stands for, O_PATH too."""
    os.chown(f"/proc/self/fd/{fd}", uid, gid)

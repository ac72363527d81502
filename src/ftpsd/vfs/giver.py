"""Gives files to other users: UserOwner, and GroupOwner with groups that a user is no member of.

Only root may do that, and a session has given up being root for good. So the worker keeps one thread that is root and
does nothing but chown descriptors that sessions hand to it: ids come from the configuration, files from the session's
own opening, never a name.

A session may give up waiting, close its file, and its descriptor's number is another file's then. So each job has a
descriptor of its own: whoever decides what becomes of the job (the session that cancels it, or the thread that takes
it up, never both) closes that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import threading
import time
from concurrent.futures import Future

PATIENCE = 10.0
"""Seconds that a session waits. What one file system holds up for longer is not waited for by others."""
_MOST_WAITING = 256

_Job = tuple[int, int, int, "Future[None]"]


class Giver:
    """The thread that is root. `start` it from one that is, in the worker."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_MOST_WAITING)
        self._running = False
        self._begun: float | None = None
        """When the thread has taken up what it is at (monotonic); None: nothing."""

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
        now, begun = time.monotonic(), self._begun
        if begun is not None and now - begun > PATIENCE:
            raise _again()
        done: Future[None] = Future()
        own = os.dup(fd)
        try:
            self._jobs.put((own, uid, gid, done), timeout=PATIENCE)
            done.result(max(0.0, now + PATIENCE - time.monotonic()))
        except (queue.Full, TimeoutError):
            raise _again() from None
        finally:
            if done.cancel():
                os.close(own)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            fd, uid, gid, done = job
            if not done.set_running_or_notify_cancel():
                continue
            self._begun = time.monotonic()
            failure = _chowned(fd, uid, gid)
            self._begun = None
            if failure is not None:
                done.set_exception(failure)
            else:
                done.set_result(None)


def _chowned(fd: int, uid: int, gid: int) -> OSError | None:
    """Changes the owner and closes `fd`; what failed."""
    try:
        chown_open(fd, uid, gid)
    except OSError as error:
        return error
    except OverflowError:  # a number that no id can be, from a directory or database
        return OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    finally:
        with contextlib.suppress(OSError):
            os.close(fd)
    return None


def _again() -> OSError:
    return OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def chown_open(fd: int, uid: int, gid: int) -> None:
    """chown(2) of what a descriptor stands for, O_PATH too."""
    os.chown(f"/proc/self/fd/{fd}", uid, gid)

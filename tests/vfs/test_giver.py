"""Files given to other users by the thread that is root, also when a file system keeps that waiting."""

from __future__ import annotations

import errno
import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.vfs import giver as module
from ftpsd.vfs.giver import Giver

PATIENCE = 20.0


class Slow:
    """A chown that waits until it is let go on, and tells which files it was for."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.files: queue.Queue[str] = queue.Queue()

    def __call__(self, fd: int, uid: int, gid: int) -> None:
        self.begun.release()
        assert self.go_on.acquire(timeout=PATIENCE)
        self.files.put(os.readlink(f"/proc/self/fd/{fd}"))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    slow = Slow()
    monkeypatch.setattr(module, "chown_open", slow)
    return slow


@pytest.fixture
def giver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Giver]:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    giver = Giver()
    giver.start()
    yield giver
    giver.stop()


def opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)


def still_open(path: Path) -> int:
    """How many descriptors of this process stand for a file."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}") == str(path)
        except FileNotFoundError:
            pass
    return count


def gives_up(giver: Giver, fd: int) -> None:
    with pytest.raises(OSError) as caught:
        giver.give(fd, 1, 1)
    assert caught.value.errno == errno.EAGAIN


def takes_up(giver: Giver, slow: Slow, fd: int) -> None:
    """The thread is at it, and nobody waits any more; what was given up before the thread came to it is given again."""
    gives_up(giver, fd)
    while not slow.begun.acquire(timeout=0.05):
        gives_up(giver, fd)


def test_a_job_is_for_its_file_and_not_for_the_number_of_a_descriptor(
    tmp_path: Path, giver: Giver, slow: Slow, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    first, second, other = tmp_path / "first", tmp_path / "second", tmp_path / "other"
    hung = opened(first)
    takes_up(giver, slow, hung)
    monkeypatch.setattr(giver, "_begun", None)  # as if it had only just taken it up
    waiting = opened(second)
    gives_up(giver, waiting)  # the job still stands in the queue
    for fd in (hung, waiting):
        os.close(fd)
    assert still_open(second) == 0
    taken = [opened(other) for _ in range(2)]
    assert set(taken) & {hung, waiting}
    monkeypatch.setattr(module, "PATIENCE", PATIENCE)
    slow.go_on.release()
    slow.go_on.release()
    giver.give(taken[0], 1, 1)  # the thread lives, and has come past the jobs before
    assert [slow.files.get_nowait(), slow.files.get_nowait()] == [str(first), str(other)]
    assert slow.files.empty()
    assert still_open(first) == 0
    assert still_open(other) == 2
    for fd in taken:
        os.close(fd)


def test_nobody_waits_behind_what_has_hung_for_long(
    tmp_path: Path, giver: Giver, slow: Slow, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    fd = opened(tmp_path / "f")
    takes_up(giver, slow, fd)
    assert giver._begun is not None
    giver._begun -= 1
    with monkeypatch.context() as patch:
        patch.setattr(giver._jobs, "put", None)  # it is not asked
        gives_up(giver, fd)
    slow.go_on.release()
    assert slow.files.get(timeout=PATIENCE) == str(tmp_path / "f")
    os.close(fd)


@pytest.mark.parametrize(("failure", "code"), [
    (PermissionError(errno.EPERM, "no"), errno.EPERM),
    (OverflowError("uid is greater than maximum"), errno.EINVAL),
])
def test_what_fails_is_told_and_ends_no_thread(
    tmp_path: Path, giver: Giver, monkeypatch: pytest.MonkeyPatch, failure: Exception, code: int,
) -> None:
    def fails(fd: int, uid: int, gid: int) -> None:
        raise failure

    monkeypatch.setattr(module, "chown_open", fails)
    fd = opened(tmp_path / "f")
    for _ in range(2):
        with pytest.raises(OSError) as caught:
            giver.give(fd, 1, 1)
        assert caught.value.errno == code
        assert still_open(tmp_path / "f") == 1
    os.close(fd)


def test_without_root_there_is_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    giver = Giver()
    giver.start()
    with pytest.raises(PermissionError):
        giver.give(0, 1, 1)

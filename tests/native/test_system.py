"""The system calls by themselves: openat2, modes and times of descriptors, renames, credentials, Landlock."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpsd.native import _system

openat2 = pytest.mark.skipif(not _system.has_openat2(), reason="this kernel has no openat2")


def test_constants_are_the_kernels() -> None:
    assert (
        _system.RESOLVE_NO_XDEV, _system.RESOLVE_NO_MAGICLINKS, _system.RESOLVE_NO_SYMLINKS,
        _system.RESOLVE_BENEATH, _system.RESOLVE_IN_ROOT,
    ) == (1, 2, 4, 8, 16)
    assert _system.landlock_abi() >= 0


@openat2
def test_openat2_confines_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "f").write_text("x")
    top = os.open(tmp_path / "root", os.O_PATH)
    try:
        with pytest.raises(FileNotFoundError) as caught:
            _system.openat2(top, b"../f", os.O_RDONLY)
        assert caught.value.filename == b"../f"
        fd = _system.openat2(top, b"../f", os.O_RDONLY, in_root=False)
        assert not os.get_inheritable(fd)
        os.close(fd)
        fd = _system.openat2(top, b"new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o100600)
        assert stat.S_IMODE(os.fstat(fd).st_mode) == 0o600
        os.close(fd)
    finally:
        os.close(top)


@openat2
def test_openat2_follows_no_magic_links() -> None:
    top = os.open("/", os.O_PATH)
    try:
        with pytest.raises(OSError) as caught:
            _system.openat2(top, b"/proc/self/exe", os.O_RDONLY)
        assert caught.value.errno == errno.ELOOP
        with pytest.raises(OSError) as closed:
            _system.openat2(-1, b"x", os.O_RDONLY)
        assert closed.value.errno == errno.EBADF
    finally:
        os.close(top)


@pytest.mark.parametrize("call", [
    lambda: _system.openat2(-100, b"a\0b", 0), lambda: _system.rename_at(-100, b"a\0", -100, b"b"),
    lambda: _system.rename_at(-100, b"a", -100, b"b\0"),
    lambda: _system.Listing(-1, path=b"\0"),
])
def test_names_with_nul(call: Callable[[], object]) -> None:
    with pytest.raises(OSError) as caught:
        call()
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("flags", [os.O_PATH, os.O_RDONLY])
def test_mode_and_times_of_descriptors(tmp_path: Path, flags: int) -> None:
    path = tmp_path / "f"
    path.write_text("x")
    fd = os.open(path, flags)
    try:
        _system.chmod_fd(fd, 0o4611)
        _system.utime_fd(fd, 1_500_000_001, -1)
        _system.utime_fd(fd, None, 7_000_000_000)
        _system.utime_fd(fd, None, None)
    finally:
        os.close(fd)
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_atime_ns, status.st_mtime_ns) == (
        0o4611, 1_500_000_001, 7_000_000_000)
    with pytest.raises(OSError) as caught:
        _system.chmod_fd(fd, 0o600)
    assert caught.value.errno == errno.EBADF
    with pytest.raises(OSError) as caught:
        _system.utime_fd(fd, None, 0)
    assert caught.value.errno == errno.EBADF


def test_renames_that_do_not_replace(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    top = os.open(tmp_path, os.O_PATH)
    try:
        with pytest.raises(FileExistsError):
            _system.rename_at(top, b"a", top, b"b", replace=False)
        _system.rename_at(top, b"a", top, b"c", replace=False)
        _system.rename_at(top, b"c", top, b"b")
    finally:
        os.close(top)
    assert os.listdir(tmp_path) == ["b"]
    assert (tmp_path / "b").read_text() == "a"


def test_credentials_as_python_sees_them() -> None:
    now = _system.thread_credentials()
    assert now[:6] == (*os.getresuid(), *os.getresgid())
    assert sorted(now.groups) == sorted(os.getgroups())


def in_thread(work: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    if failures:
        raise failures[0]


@pytest.mark.parametrize(("uid", "gid", "groups", "shield"), [
    (-1, 1, [], None), (2**32 - 1, 1, [], None), (1, 2**32, [], None), (1, 1, [-1], None), (1, 1, [], 0),
    (0, 0, [], 5), (1, 1, [2**32 - 1], 2),
])
def test_numbers_that_are_no_ids_change_nothing(
    uid: int, gid: int, groups: list[int], shield: int | None,
) -> None:
    def work() -> None:
        before = _system.thread_credentials()
        with pytest.raises((ValueError, OverflowError)):
            _system.set_thread_credentials(uid, gid, groups, shield=shield)
        assert _system.thread_credentials() == before

    in_thread(work)


@pytest.mark.skipif(os.geteuid() == 0, reason="is about processes that are not root")
def test_an_ordinary_user_cannot_change() -> None:
    def work() -> None:
        before = _system.thread_credentials()
        calls: list[Callable[[], None]] = [
            lambda: _system.set_thread_credentials(1, 1, []), lambda: _system.set_thread_effective(1, 1, []),
            _system.restore_thread_root,
        ]
        for call in calls:
            with pytest.raises(_system.CredentialsError) as caught:
                call()
            assert caught.value.errno == errno.EPERM
        assert _system.thread_credentials() == before

    in_thread(work)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
@pytest.mark.root
def test_only_the_calling_thread_changes() -> None:
    def work() -> None:
        _system.set_thread_effective(61001, 61002, [61004, 61003])
        assert _system.thread_credentials() == (0, 61001, 0, 0, 61002, 0, (61003, 61004))
        _system.restore_thread_root([7])
        assert _system.thread_credentials() == (0, 0, 0, 0, 0, 0, (7,))
        _system.set_thread_credentials(61001, 61002, [5, 5])
        assert _system.thread_credentials() == (61001, 61001, 61001, 61002, 61002, 61002, (5, 5))
        with pytest.raises(_system.CredentialsError):
            _system.restore_thread_root()

    before = _system.thread_credentials()
    in_thread(work)
    assert _system.thread_credentials() == before


@pytest.mark.skipif(_system.landlock_abi() < 2, reason="this kernel has no Landlock")
def test_landlock_rules_must_be_descriptors() -> None:
    def work() -> None:
        with pytest.raises(OSError) as caught:
            _system.landlock_rules([(-1, True)])
        assert caught.value.errno == errno.EBADF
        os.listdir("/")
        assert _system.landlock_restrict(b"") == _system.landlock_abi()
        with pytest.raises(PermissionError):
            os.listdir("/")

    in_thread(work)
    assert os.listdir("/")


def resident() -> int:
    """KiB of this process's anonymous memory."""
    found = re.search(r"^RssAnon:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_an_idle_thread_gives_back_its_stack() -> None:
    def work() -> None:
        json.loads("[" * 900 + "]" * 900)  # each level lies on the C stack
        before = resident()
        _system.release_stack()
        freed.append(before - resident())
        json.loads("[" * 900 + "]" * 900)

    freed: list[int] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert freed[0] >= 48


FRAMES = """
import _thread, resource, threading
from ftpsd.native import _system

def deep(n):
    return n and 1 + deep(n - 1)

def faults(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        done = _thread.allocate_lock()
        done.acquire()
        _thread.start_new_thread(lambda: (deep(50), done.release()), ())
        done.acquire()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(50)
before = faults(300)
_system.keep_frames()
_system.keep_frames()
faults(50)
fewer = before - faults(300)
together = [threading.Thread(target=deep, args=(900,)) for _ in range(60)]
for thread in together: thread.start()
for thread in together: thread.join()
print(fewer >= 200, deep(900))
"""


def test_the_frames_of_a_thread_serve_the_next() -> None:
    done = subprocess.run([sys.executable, "-c", FRAMES], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "True 900"


def test_the_allocator_can_be_told() -> None:
    script = "from ftpsd.native import _system; print(_system.tune_allocator(2, 131072))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str("glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or ""))

"""Rights of one thread: taken on for good, borrowed before login, confined by Landlock."""

from __future__ import annotations

import errno
import functools
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.native import _system
from ftpsd.vfs import rights
from ftpsd.vfs.jail import Jail

from .conftest import in_thread

ANNE, BERT, GROUP, EXTRA, WORKER = 61001, 61002, 61003, 61004, 61005

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
landlock = pytest.mark.skipif(_system.landlock_abi() < 2, reason="no Landlock here")


def effective() -> tuple[int, int]:
    now = _system.thread_credentials()
    return now.euid, now.egid


# ---- for good ----------------------------------------------------------------------------------------


def escapes() -> list[Callable[[], object]]:
    """Everything that would be a way back to root."""
    return [
        lambda: _system.restore_thread_root(),
        lambda: _system.set_thread_effective(0, 0, ()),
        lambda: _system.set_thread_effective(WORKER + 1, GROUP, ()),
        lambda: _system.set_thread_credentials(0, 0, ()),
        lambda: _system.set_thread_credentials(BERT, GROUP, ()),
        lambda: os.chown("/", 0, 0),
        lambda: os.close(os.open("/etc/shadow", os.O_RDONLY)),
    ]


@root_only
@pytest.mark.root
@pytest.mark.parametrize("shielded", [False, True])
def test_a_user_is_taken_on_for_good(public: Path, shielded: bool) -> None:
    def work() -> tuple[_system.ThreadCredentials, str, list[str]]:
        if shielded:
            rights.as_worker(WORKER, WORKER, [WORKER])
        notices = rights.take_on(ANNE, GROUP, [GROUP, EXTRA], str(public), confine=False)
        for attempt in escapes():
            with pytest.raises(PermissionError if attempt in escapes()[5:] else OSError):
                attempt()
        status = Path("/proc/thread-self/status").read_text()
        return _system.thread_credentials(), status, notices

    now, status, notices = in_thread(work)
    keeper = WORKER if shielded else ANNE
    assert now == (keeper, ANNE, keeper, GROUP, GROUP, GROUP, (GROUP, EXTRA))
    for line in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert f"{line}:\t{0:016x}" in status
    assert f"Uid:\t{keeper}\t{ANNE}\t{keeper}\t{ANNE}" in status
    assert notices == []
    assert _system.thread_credentials().euid == 0
    assert os.getresuid() == (0, 0, 0)


@root_only
@pytest.mark.root
def test_supplementary_groups_are_dropped(public: Path) -> None:
    def work() -> tuple[int, ...]:
        _system.set_thread_effective(WORKER, WORKER, [0, EXTRA, GROUP])
        rights.take_on(ANNE, GROUP, [], str(public), confine=False)
        return _system.thread_credentials().groups

    assert in_thread(work) == ()


@root_only
@pytest.mark.root
def test_root_stays_root_when_it_logs_in(public: Path) -> None:
    def work() -> _system.ThreadCredentials:
        rights.as_worker(WORKER, WORKER)
        rights.take_on(0, 0, [0], str(public))
        with Jail(str(public)).open_write("/f") as opened:
            os.fchown(opened.fd, ANNE, GROUP)
        return _system.thread_credentials()

    assert in_thread(work) == (0, 0, 0, 0, 0, 0, (0,))
    assert (public / "f").stat().st_uid == ANNE


@root_only
@pytest.mark.root
@pytest.mark.parametrize(("uid", "left"), [(0, (0, 0, 0)), (ANNE, (WORKER, ANNE, WORKER))])
def test_what_was_taken_on_for_good_outlives_the_privileged_block(
    public: Path, uid: int, left: tuple[int, int, int],
) -> None:
    def work() -> tuple[int, int, int]:
        rights.become_worker(WORKER, WORKER)
        with rights.privileged():
            with rights.privileged():
                assert effective() == (0, 0)
            assert effective() == (0, 0)
            rights.take_on(uid, GROUP, [GROUP], str(public), confine=False)
        return _system.thread_uids()

    assert in_thread(work) == left


@root_only
@pytest.mark.root
def test_two_users_at_once_each_with_its_own_rights(public: Path) -> None:
    for name, uid in (("anne", ANNE), ("bert", BERT)):
        (public / name).mkdir(mode=0o700)
        os.chown(public / name, uid, GROUP)
    (public / "shared").mkdir()
    (public / "shared").chmod(0o777)
    barrier = threading.Barrier(2, timeout=30)
    failures: list[BaseException] = []

    def work(me: str, other: str, uid: int) -> None:
        try:
            jail = Jail(str(public))
            barrier.wait()
            rights.take_on(uid, GROUP, [GROUP], str(public))
            for round in range(50):
                barrier.wait()
                for place in (f"/{me}/f{round}", f"/shared/{me}{round}"):
                    with jail.open_write(place, umask=0o077) as opened:
                        assert (os.fstat(opened.fd).st_uid, os.fstat(opened.fd).st_gid) == (uid, GROUP)
                jail.mkdir(f"/{me}/d{round}")
                barrier.wait()
                for refused in (f"/{other}/f{round}", f"/shared/{other}{round}"):
                    with pytest.raises(PermissionError):
                        jail.open_read(refused)
                    with pytest.raises(PermissionError):
                        jail.open_write(refused)
                with pytest.raises(PermissionError):
                    list(jail.names(f"/{other}"))
                assert effective() == (uid, GROUP)
            jail.close()
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    threads = [
        threading.Thread(target=work, args=("anne", "bert", ANNE)),
        threading.Thread(target=work, args=("bert", "anne", BERT)),
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert effective()[0] == 0
        os.listdir(public / "anne")
        threads[0].join(0.01)
        threads[1].join(0.01)
    assert failures == []
    assert {status.st_uid for status in map(os.stat, (public / "bert").iterdir())} == {BERT}


@root_only
@pytest.mark.root
@pytest.mark.parametrize("shielded", [False, True])
def test_a_users_processes_may_signal_its_thread_only_without_a_shield(public: Path, shielded: bool) -> None:
    ready, done = threading.Event(), threading.Event()
    numbers: list[int] = []

    def work() -> None:
        if shielded:
            rights.as_worker(WORKER, WORKER)
        rights.take_on(ANNE, GROUP, [], str(public), confine=False)
        numbers.append(threading.get_native_id())
        ready.set()
        done.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(30)
        kill = subprocess.run(
            ["/bin/sh", "-c", f"kill -0 {numbers[0]}"], user=ANNE, group=GROUP, extra_groups=[], check=False,
            stderr=subprocess.DEVNULL, timeout=30)
    finally:
        done.set()
        thread.join(30)
    assert (kill.returncode == 0) is not shielded


# ---- for a while -------------------------------------------------------------------------------------


@root_only
@pytest.mark.root
def test_before_login_a_thread_is_the_worker_and_root_where_needed() -> None:
    def work() -> list[tuple[int, int]]:
        seen = []
        before = _system.thread_credentials()
        with rights.as_worker(WORKER, GROUP, [EXTRA]):
            seen.append(effective())
            assert _system.thread_credentials().groups == (EXTRA,)
            with pytest.raises(PermissionError):
                os.close(os.open("/etc/shadow", os.O_RDONLY))
            with rights.privileged():
                seen.append(effective())
                os.close(os.open("/etc/shadow", os.O_RDONLY))
                with rights.privileged():
                    seen.append(effective())
                seen.append(effective())
            seen.append(effective())
            with pytest.raises(KeyError), rights.privileged():
                raise KeyError
            seen.append(effective())
            assert _system.thread_credentials().groups == (EXTRA,)
        assert _system.thread_credentials() == before
        return seen

    worker, root = (WORKER, GROUP), (0, 0)
    assert in_thread(work) == [worker, root, root, root, worker, worker]


@root_only
@pytest.mark.root
def test_leaving_the_blocks_after_login_does_not_bring_root_back(public: Path) -> None:
    def work() -> tuple[int, int]:
        with rights.as_worker(WORKER, WORKER), rights.privileged():
            rights.take_on(ANNE, GROUP, [], str(public), confine=False)
        with rights.privileged():
            return effective()

    assert in_thread(work) == (ANNE, GROUP)


def test_uid_0_as_worker_changes_nothing() -> None:
    def work() -> bool:
        before = _system.thread_credentials()
        with rights.as_worker(0, 0):
            return _system.thread_credentials() == before

    assert in_thread(work)


@pytest.mark.skipif(os.geteuid() == 0, reason="is about processes that are not root")
def test_an_ordinary_user_stays_that_user(public: Path) -> None:
    def work() -> list[str]:
        before = _system.thread_credentials()
        rights.as_worker(WORKER, WORKER)
        with rights.privileged():
            assert _system.thread_credentials() == before
        assert rights.take_on(os.geteuid(), os.getegid(), [], str(public), confine=False) == []
        notices = rights.take_on(ANNE, GROUP, [GROUP], str(public))
        assert _system.thread_credentials() == before
        return notices

    notices = in_thread(work)
    assert f"unable to switch to UID {ANNE}, GID {GROUP}" in notices[0]
    assert f"goes on as UID {os.geteuid()}" in notices[0]


def test_worker_ids_of_the_configuration() -> None:
    own = (os.geteuid(), os.getegid())
    assert rights.resolve_worker(None, None) == own
    if os.geteuid() != 0:
        assert rights.resolve_worker("nobody-at-all", None) == own
        return
    assert rights.resolve_worker("root", "root") == (0, 0)
    assert rights.resolve_worker(str(ANNE), str(GROUP)) == (ANNE, GROUP)
    assert rights.resolve_worker("0", str(GROUP)) == (0, GROUP)
    for user, group, directive in (("nobody-at-all", None, "User"), (None, "no-such-group", "Group")):
        with pytest.raises(ConfigError) as caught:
            rights.resolve_worker(user, group)
        assert caught.value.directive == directive


def in_process(script: str) -> list[str]:
    """The words that a process of its own prints: umask and dumps are everybody's."""
    ran = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(rights.__file__).parents[2])})
    return ran.stdout.split()


def test_a_prepared_process_has_no_umask() -> None:
    script = "import os; from ftpsd.vfs import rights; rights.prepare_process(); print(os.umask(0))"
    assert in_process(script) == ["0"]


_DUMPABLE = (
    "import ctypes, os; from ftpsd.native import _system; from ftpsd.vfs import rights;"
    "prctl = ctypes.CDLL(None).prctl; get = lambda: prctl(3, 0, 0, 0, 0);"
)


@root_only
@pytest.mark.root
@pytest.mark.parametrize("change", [
    "rights.prepare_process()", "_system.set_thread_credentials(0, 0, [0])", "_system.set_thread_effective(0, 0, [0])",
    "_system.restore_thread_root([0])", "_system.restore_thread_root()",
])
def test_no_core_has_what_a_process_knows(change: str) -> None:
    """A change that changes nothing takes nothing back in the kernel, so that what we say is seen."""
    assert in_process(f"{_DUMPABLE} os.setgroups([0]); print(get()); {change}; print(get())") == ["1", "0"]


def test_an_ordinary_users_process_is_not_closed_to_itself() -> None:
    leave_root = "os.geteuid() or (os.setuid(65534), prctl(4, 1, 0, 0, 0))"
    assert in_process(f"{_DUMPABLE} {leave_root}; rights.prepare_process(); print(get())") == ["1"]


@root_only
@pytest.mark.root
def test_a_process_with_users_in_it_cannot_be_debugged_by_them(public: Path) -> None:
    script = (
        "import ctypes; from ftpsd.vfs import rights;"
        "get = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0);"
        f"print(get()); rights.take_on({ANNE}, {GROUP}, [], {str(public)!r}, confine=False); print(get())"
    )
    assert in_process(script) == ["1", "0"]


# ---- Landlock ----------------------------------------------------------------------------------------


@landlock
def test_a_confined_thread_has_its_root_and_nothing_else(public: Path) -> None:
    inside, outside = public / "in", public / "out"
    for place in (inside, outside):
        (place / "d").mkdir(parents=True)
        place.chmod(0o777)
        (place / "d").chmod(0o777)
        (place / "f").write_text("x")
        (place / "f").chmod(0o666)

    def work() -> None:
        rights.take_on(os.geteuid() or ANNE, os.getegid() or GROUP, [], str(inside))
        attempts: list[Callable[[], object]] = [
            lambda: os.open(outside / "f", os.O_RDONLY), lambda: os.open(outside / "f", os.O_WRONLY),
            lambda: os.open(outside, os.O_RDONLY), lambda: os.mkdir(outside / "x"),
            lambda: os.unlink(outside / "f"), lambda: os.rmdir(outside / "d"),
            lambda: os.symlink("f", outside / "s"), lambda: os.truncate(outside / "f", 0),
        ]
        for refused in attempts:
            with pytest.raises(PermissionError):
                refused()
        with pytest.raises(OSError) as moved:
            os.rename(inside / "f", outside / "g")
        assert moved.value.errno in (errno.EXDEV, errno.EACCES)
        with pytest.raises(PermissionError):
            os.execv("/bin/true", ["true"])
        os.close(os.open("/etc/passwd", os.O_RDONLY))
        with pytest.raises(PermissionError):
            os.open("/dev/null", os.O_WRONLY)
        jail = Jail(str(inside))
        with jail.open_write("/new") as opened:
            os.write(opened.fd, b"content")
            os.ftruncate(opened.fd, 3)
        jail.mkdir("/d/e")
        jail.rename("/new", "/d/e/moved")
        jail.chmod("/d/e/moved", 0o600)
        jail.utime("/d/e/moved", 1.0)
        assert list(jail.names("/d/e")) == ["moved"]
        with jail.open_hidden("/f") as hidden:
            hidden.commit()
        jail.unlink("/d/e/moved")
        jail.rmdir("/d/e")
        assert jail.real_path("/f") == str(inside / "f")
        jail.close()

    in_thread(work)
    (outside / "f").write_text("the others may")
    assert in_thread(lambda: (outside / "f").read_text()) == "the others may"


@landlock
def test_further_paths_and_a_descriptor_as_root(public: Path) -> None:
    for name in ("in", "read", "write"):
        (public / name).mkdir()
        (public / name).chmod(0o777)
        (public / name / "f").write_text("x")
        (public / name / "f").chmod(0o666)

    def work() -> None:
        fd = os.open(public / "in", os.O_PATH | os.O_DIRECTORY)
        rights.take_on(
            os.geteuid() or ANNE, os.getegid() or GROUP, [], fd,
            readable=[str(public / "read"), "/not/there"],
            writable=[str(public / "write"), str(public / "write/f")])
        os.close(os.open(public / "read/f", os.O_RDONLY))
        with pytest.raises(PermissionError):
            os.open(public / "read/f", os.O_WRONLY)
        os.close(os.open(public / "write/f", os.O_RDWR | os.O_TRUNC))
        jail = Jail(fd)
        with jail.open_write("/f"):
            pass
        jail.close()

    in_thread(work)


@landlock
def test_the_machines_own_root_is_not_confined() -> None:
    def work() -> str:
        assert rights.take_on(os.geteuid(), os.getegid(), os.getgroups(), "/") == []
        return Path("/proc/thread-self/status").read_text()

    assert "NoNewPrivs:\t0" in in_thread(work)


def test_without_landlock_there_is_a_notice(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_system, "landlock_abi", lambda: 1)
    notices = in_thread(lambda: rights.take_on(os.geteuid(), os.getegid(), os.getgroups(), str(public)))
    assert any("Landlock" in text for text in notices)


@root_only
@pytest.mark.root
def test_a_change_that_fails_is_an_error(public: Path) -> None:
    bad: list[tuple[int, int, list[int]]] = [(2**32 - 1, GROUP, []), (ANNE, -1, []), (ANNE, GROUP, [2**40])]
    for ids in bad:
        with pytest.raises((ValueError, OverflowError, OSError)):
            in_thread(functools.partial(rights.take_on, *ids, str(public)))
    with pytest.raises(FileNotFoundError):
        in_thread(lambda: rights.take_on(ANNE, GROUP, [], str(public / "missing")))
    with pytest.raises(OSError):
        in_thread(lambda: rights.take_on(ANNE, GROUP, list(range(65537)), str(public)))


def test_what_everybody_may_read_is_asked_for_once(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "c").mkdir()
    (tmp_path / "link").symlink_to("a")
    found = rights._outermost([f"{tmp_path}/link/b", f"{tmp_path}/a", f"{tmp_path}/c", f"{tmp_path}/a/b", "/"])
    assert found == [f"{tmp_path}/a", f"{tmp_path}/c"]


class _Together:
    """A lock that three threads ask for before the first of them gets it."""

    def __init__(self) -> None:
        self._lock, self._all = threading.Lock(), threading.Barrier(3, timeout=10)

    def __enter__(self) -> None:
        self._all.wait()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_threads_that_need_it_at_once_open_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many first logins at a time: what is opened for all of them stays open, so each more would be lost for good."""
    asked: list[object] = []
    monkeypatch.setattr(rights, "_shared", rights._Everybodys())
    monkeypatch.setattr(rights._shared, "lock", _Together())

    def nothing(paths: object) -> list[str]:
        asked.append(paths)
        return []

    monkeypatch.setattr(rights, "_outermost", nothing)
    threads = [threading.Thread(target=rights._everybodys) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert len(asked) == 1


# ---- root in name only -------------------------------------------------------------------------------


@pytest.mark.parametrize(("effective", "missing"), [
    ("000001ffffffffff", None), ("00000000000000c0", None), ("0000000000000000", "no CAP_SETGID and CAP_SETUID here"),
    ("0000000000000040", "no CAP_SETUID here"), ("0000000000000080", "no CAP_SETGID here"),
])
def test_root_needs_its_capabilities(
    effective: str, missing: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tftpsd\nCapPrm:\t{'0' * 16}\nCapEff:\t{effective}\n")
    monkeypatch.setattr(rights, "STATUS", str(status))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if missing is None:
        rights.check_process()
        return
    with pytest.raises(ConfigError, match=missing):
        rights.check_process()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    rights.check_process()


def test_where_the_kernel_says_nothing_of_capabilities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(rights, "STATUS", str(tmp_path / "none"))
    rights.check_process()
    (tmp_path / "none").write_text("Name:\tftpsd\n")
    rights.check_process()

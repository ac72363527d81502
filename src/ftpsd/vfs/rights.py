"""Whose rights a session has.

Theory
------
The worker process is root; its threads are sessions. Linux keeps credentials per *thread*, so each session
has its own:

* Before login a session thread runs as the configured User and Group (`become_worker`): effective ids only, so
  that it can be root for the moments that need it (`privileged`: reading shadow passwords, opening the root
  of the login).
* At login `take_on` makes it the user for good: groups, gid and uid, no capabilities, then a Landlock
  domain that leaves it the login's root and read-only the system's own directories (name service, time
  zones, Python's modules). There is no way back; the thread ends with the session. Other threads of the
  worker notice nothing.

The kernel lets any process of a user send signals to a thread whose real or saved uid is that user's, and a
fatal signal to one thread ends the whole worker with everybody's sessions. So after login the real and
saved uid are those of the *worker's* User (when there is one, and it is not root), only the effective one
is the user's: access to files goes by that alone.

Threads of a process that is not root stay who they are: `take_on` says so in a notice and still confines by
Landlock.

What the server must do: call `prepare_process()` once in each process that runs sessions,
before its first thread. Threads share the umask, so it is 0, and everything in this project that creates a
file says its whole mode.

A process whose threads become users is made undumpable, so that no user can attach a debugger to the thread
that runs as them, and no core has keys and passwords in it. The kernel would take that back with every change of ids
where fs.suid_dumpable says so (systemd-coredump sets it): `_system` says it again each time. What is left of the
worker's User in a thread (its real and saved uid) is nobody's files.

Anything here that cannot be done as asked raises (`OSError`, mostly `CredentialsError`), and the session
must end: half of a change of rights is never served from.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from ftpsd.errors import ConfigError
from ftpsd.native import _system

READABLE = (
    "/etc", "/usr", "/lib", "/lib64", "/bin", "/sbin", "/opt", "/run", "/var/lib/sss", "/var/db",
    "/var/cache/nscd",
    "/proc", "/dev/null", "/dev/urandom", "/dev/zero",
)
"""What a confined session may still read: name service, time zones, shared libraries, Python."""

STATUS = "/proc/self/status"
_NEEDED = {"CAP_SETGID": 6, "CAP_SETUID": 7}
"""Capabilities without which root cannot become anybody else: their numbers, see capabilities(7)."""

CredentialsError = _system.CredentialsError
"""A change of rights failed half-way: the thread must do nothing more."""

_REMEDY = "Create it or name another."


class _Thread(threading.local):
    worker: tuple[int, int, Sequence[int]] | None = None
    """The uid, gid and groups that `become_worker` gave this thread, which it goes back to after `privileged`."""
    settled = False
    """Whether `take_on` has changed it for good: nothing is taken back then."""


_thread = _Thread()


def prepare_process() -> None:
    """Once per process that runs sessions, before its threads and keys: umask 0, and no compiled modules, whose
    directories would be everybody's to write to under it. No cores, where sessions take on rights."""
    sys.dont_write_bytecode = True
    os.umask(0)
    if os.geteuid() == 0:  # where it is not, /proc would be closed to the process itself
        _system.forbid_dumps()


def check_process() -> None:
    """Whether threads of this process can take on other rights.

    Raises `ConfigError` where it is root in name only, as in a container without capabilities: no session could begin.
    """
    if os.geteuid() != 0:
        return
    try:
        lines = Path(STATUS).read_text().splitlines()
    except OSError:
        return
    effective = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), -1)
    missing = [name for name, number in _NEEDED.items() if not effective >> number & 1]
    if missing:
        raise ConfigError(
            f"sessions cannot take on the rights of their users: root has no {' and '.join(missing)} here",
            remedy="Let the container or the unit have them (--cap-add, CapabilityBoundingSet=), or start ftpsd as an"
            " ordinary user.")


def resolve_worker(user: str | None, group: str | None) -> tuple[int, int]:
    """(uid, gid) of the directives User and Group, names or numbers; the process's own where they are unset.

    Raises `ConfigError` when there is no such account. In a process that is not root: the process's own ids.
    """
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    uid, gid = os.geteuid(), os.getegid()
    if user is not None:
        uid, gid = _user(user)
    if group is not None:
        gid = _group(group)
    return uid, gid


def _user(name: str) -> tuple[int, int]:
    try:
        entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except KeyError:
        if name.isdecimal():
            return int(name), os.getegid()
        raise ConfigError(f"unknown user '{name}'", directive="User", remedy=_REMEDY) from None
    return entry.pw_uid, entry.pw_gid


def _group(name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"unknown group '{name}'", directive="Group", remedy=_REMEDY) from None


def _may_change() -> bool:
    """Whether this thread is root or can be so again."""
    return 0 in _system.thread_uids()


def become_worker(uid: int, gid: int, groups: Sequence[int] = ()) -> None:
    """From now on the thread is the worker's user, root only in `privileged()`.

    Nothing happens in a process that is not root, or with uid 0.
    """
    if uid == 0 or not _may_change():
        return
    _system.set_thread_effective(uid, gid, groups)
    _thread.worker = (uid, gid, groups)


class as_worker:
    """`become_worker`; as a context manager for a block (unless `take_on` has been for good meanwhile)."""

    def __init__(self, uid: int, gid: int, groups: Sequence[int] = ()) -> None:
        self._before = _system.thread_credentials() if uid != 0 and _may_change() else None
        become_worker(uid, gid, groups)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        if self._before is not None and not _thread.settled and _may_change():
            _return_to(self._before)
            _thread.worker = None


def _return_to(before: _system.ThreadCredentials) -> None:
    if before.euid == 0:
        _system.restore_thread_root(before.groups)
    else:
        _system.set_thread_effective(before.euid, before.egid, before.groups)


class privileged:
    """Root for the block, where the thread can be that; otherwise (ordinary user, after login) nothing.

    What the thread was before it is again afterwards, unless the block has called `take_on`.
    """

    __slots__ = ("_back",)

    def __init__(self) -> None:
        self._back: tuple[int, int, Sequence[int]] | None = None

    def __enter__(self) -> None:
        real, effective, saved = _system.thread_uids()
        if effective == 0 or 0 not in (real, saved):
            return
        back = _thread.worker
        if back is None or back[0] != effective:
            before = _system.thread_credentials()
            back = before.euid, before.egid, before.groups
        _system.restore_thread_root()
        self._back = back

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        if self._back is not None and not _thread.settled and _may_change():
            _system.set_thread_effective(*self._back)


@contextlib.contextmanager
def acting_as(uid: int, gid: int, groups: Sequence[int]) -> Iterator[None]:
    """The effective rights of a user for the block, where the thread can be that; otherwise those that it has.

    For what is done in a user's name before `take_on`. Raises `CredentialsError`.
    """
    before = _system.thread_credentials()
    if not _may_change():
        yield
        return
    try:
        _system.set_thread_effective(uid, gid, groups)
        yield
    finally:
        _return_to(before)


def take_on(
    uid: int, gid: int, groups: Sequence[int], root: str | int, *, readable: Sequence[str] = (),
    writable: Sequence[str | int] = (), confine: bool = True,
) -> list[str]:
    """Makes the calling thread that user for good, with nothing but `root` (a path or descriptor) to work in.

    `readable` and `writable` are further paths (or descriptors) that it may open. `confine=False` leaves Landlock out.
    Returns notices: what could not be done here and does not endanger anything. Raises `OSError` when a
    step failed; then the thread must end.
    """
    notices: list[str] = []
    opened: list[int] = []
    try:
        rules = _rules(opened, root, readable, writable) if confine else b""
        if _may_change():
            shield = _thread.worker[0] if _thread.worker is not None and uid != 0 else None
            _thread.settled = True  # half a change is not taken back either
            _system.set_thread_credentials(uid, gid, groups, shield=shield)
        elif (uid, gid) != (os.geteuid(), os.getegid()):
            notices.append(
                f"unable to switch to UID {uid}, GID {gid}: the server is not running as root; "
                f"the session goes on as UID {os.geteuid()}, GID {os.getegid()}")
        if rules:
            notices += _confine(rules)
    finally:
        for fd in opened:
            os.close(fd)
    return notices


def _rules(
    opened: list[int], root: str | int, readable: Sequence[str], writable: Sequence[str | int],
) -> bytes:
    """Landlock's rules; none when the root is the machine's own, which leaves nothing to confine. What has to be
    opened for them is added to `opened`.
    """
    if isinstance(root, int) and not readable and not writable:
        return b"" if _system.is_machine_root(root) else _system.landlock_rules([(root, True)]) + _everybodys()
    with privileged():
        fd = root if isinstance(root, int) else _open(opened, root)
        if _system.is_machine_root(fd):
            return b""
        rules = [(fd, True)]
        rules += [(path if isinstance(path, int) else _open(opened, path), True) for path in writable]
        for path in readable:
            with contextlib.suppress(OSError):
                rules.append((_open(opened, path), False))
        return _system.landlock_rules(rules) + _everybodys()


class _Everybodys:
    """The rules for what every session of a process may read: of descriptors that are opened once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process = 0
        self.rules = b""


_shared = _Everybodys()


def _everybodys() -> bytes:
    if _shared.process != os.getpid():
        with _shared.lock, privileged():
            if _shared.process != os.getpid():  # whoever had the lock before has not opened it all
                found = []
                for path in _outermost((*READABLE, sys.prefix, sys.base_prefix, *filter(None, sys.path))):
                    with contextlib.suppress(OSError):
                        found.append((os.open(path, os.O_PATH | os.O_CLOEXEC), False))
                _shared.rules, _shared.process = _system.landlock_rules(found), os.getpid()
    return _shared.rules


def _outermost(paths: Iterable[str]) -> list[str]:
    """Where these lead, without what lies below another: a rule for a directory is one for all that is in it."""
    real = dict.fromkeys(map(os.path.realpath, paths))
    real.pop("/", None)  # Python is told to look for modules where it was started, and that confines nobody
    return [path for path in real if not any(str(above) in real for above in Path(path).parents)]


def _open(opened: list[int], path: str) -> int:
    opened.append(os.open(path, os.O_PATH | os.O_CLOEXEC))
    return opened[-1]


def _confine(rules: bytes) -> list[str]:
    abi = _system.landlock_abi()
    if abi < 2:
        return ["no Landlock here (Linux 5.19 or later is needed): only path resolution confines the session"]
    _system.landlock_restrict(rules)
    return []

"""Linux system calls that Python lacks, with the GIL released. Errors are `OSError` with the call's errno.

What is said of "the thread" means the calling thread alone: the calls are made raw, never through the C
library, which would change every thread of the process.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

RESOLVE_NO_XDEV: Final[int]
RESOLVE_NO_MAGICLINKS: Final[int]
RESOLVE_NO_SYMLINKS: Final[int]
RESOLVE_BENEATH: Final[int]
RESOLVE_IN_ROOT: Final[int]

class ThreadCredentials(NamedTuple):
    ruid: int
    euid: int
    suid: int
    rgid: int
    egid: int
    sgid: int
    groups: tuple[int, ...]

class CredentialsError(OSError):
    """A change of credentials did not take, or could be undone. The thread must do nothing more."""

def has_openat2() -> bool: ...
def openat2(
    dirfd: int, path: bytes, flags: int, mode: int = 0, *, in_root: bool = True, straight: bool = False
) -> int:
    """Open below `dirfd`, which is the root for `..`, absolute paths and symbolic links (`in_root`).

    `straight`: a symbolic link on the way is ELOOP.

    O_CLOEXEC is always added; magic links are never followed. Tries again a bounded number of times when a
    concurrent rename makes the kernel unsure (then EAGAIN). `mode` is taken as it is, less the process umask.
    """

def leads_straight(dirfd: int, path: bytes) -> bool:
    """Whether `path` below `dirfd` (as `openat2`) leads to something, and passes no symbolic link on the way."""

def stands_straight(path: bytes) -> bool:
    """The same for an absolute path of the machine; False for others."""

def is_machine_root(fd: int) -> bool:
    """Whether a descriptor is that of "/". Raises `OSError`."""

def lies_straight(dirfd: int, path: bytes) -> bool:
    """As `leads_straight` for a path at the end of which there may be nothing yet."""

def straight_directory(dirfd: int, path: bytes) -> bool | None:
    """Whether a directory is at `path`, and no link on the way; None: neither is certain."""

def open_regular(dirfd: int, path: bytes, flags: int, proc: int) -> tuple[int, int, int, int] | None:
    """Open an existing regular file below `dirfd` (as `openat2`), which blocks on nothing and disturbs no device.

    (descriptor, size, device, inode); None: what is there is no regular file, or lies on the device `proc`.
    """

def create_regular(parent: int, name: bytes, flags: int, mode: int, proc: int) -> tuple[int, int, int, int] | None:
    """Make a regular file in the open directory `parent`. `FileExistsError` where the name is taken, be it by a link.

    The answer is `open_regular`'s.
    """

def listen(
    address: str, low: int, high: int, options: tuple[tuple[int, int, int], ...], backlog: int
) -> tuple[int, int]:
    """A listening TCP socket on `address` (IPv4 or IPv6) and a port drawn at random from `low` to `high`, with
    `options` (level, name, value) and SO_REUSEADDR: (descriptor, port). Non-blocking, close-on-exec.

    Raises `OSError`: EADDRINUSE when 64 ports in a row were taken.
    """

def accept(listener: int) -> tuple[int, str]:
    """A connection that waits: (descriptor, the peer's address). Non-blocking, close-on-exec. Raises `OSError`."""

def wait_for(first: int, first_events: int, second: int, second_events: int, deadline: float) -> int:
    """Waits for poll events on either descriptor (-1: none) until `deadline` (seconds of the monotonic clock; 0: does
    not wait). 1: the first is ready, 2: the second, 3: both, 0: neither. Raises `OSError`.
    """

def release_stack() -> None:
    """Give back the pages of the calling thread's stack that are not in use now. Raises `OSError`."""

def keep_frames() -> None:
    """The interpreter's memory for the frames of threads that end serves those that begin (256 KiB at most)."""

def tune_allocator(arenas: int, large: int) -> bool:
    """At most so many arenas for all threads; blocks of `large` bytes go back to the system at once when freed.

    Once per process, before its threads. Whether the C library's allocator knows how.
    """

def chmod_fd(fd: int, mode: int) -> None:
    """Set the mode of what a descriptor (O_PATH too) stands for."""

def utime_fd(fd: int, accessed_ns: int | None, modified_ns: int | None) -> None:
    """Set the times (nanoseconds) of what a descriptor (O_PATH too) stands for; None leaves one alone."""

def rename_at(olddir: int, old: bytes, newdir: int, new: bytes, *, replace: bool = True) -> None:
    """renameat2; `replace=False` is RENAME_NOREPLACE (`FileExistsError`)."""

def open_watch() -> int:
    """A descriptor (inotify(7), never waits, close-on-exec) that becomes readable when a directory that
    `watch_directory` gave it changes. Raises `OSError` where there are no more of them."""

def watch_directory(fd: int, path: str) -> None:
    """Has `fd` tell of entries of the directory that appear, vanish, are renamed, have been written, or change owner or
    mode. Raises `OSError`."""

def thread_uids() -> tuple[int, int, int]:
    """Real, effective and saved uid of the calling thread."""

def thread_credentials() -> ThreadCredentials: ...
def set_thread_credentials(uid: int, gid: int, groups: Sequence[int], *, shield: int | None = None) -> None:
    """Take on a user for good: groups, real, effective and saved ids, no capabilities; verified, fail closed.

    From a thread whose real or saved uid is 0. With uid 0 (RootLogin) capabilities stay. `shield`: a uid of
    the server's own that becomes the real and saved uid, so that the user's other processes on this machine
    may not signal the thread (and with it the worker). `CredentialsError` when anything is not as asked.
    """

def set_thread_effective(uid: int, gid: int, groups: Sequence[int]) -> None:
    """Effective ids and groups, for a while; real and saved stay 0. `CredentialsError` if it did not take."""

def restore_thread_root(groups: Sequence[int] | None = None) -> None:
    """Effective ids 0 again (and `groups`, unless None) after `set_thread_effective`."""

def landlock_abi() -> int:
    """The kernel's Landlock ABI; 0 where there is none. Asked once per process."""

def landlock_rules(paths: Sequence[tuple[int, bool]]) -> bytes:
    """The rules for directories and files (O_PATH descriptors; writable or read-only), for `landlock_restrict`.

    They are good as long as the descriptors stay open, and can be joined with `+`. Raises `OSError`.
    """

def landlock_restrict(rules: bytes) -> int:
    """Confine the thread for good to what `rules` (of `landlock_rules`) allow.

    Sets no_new_privs for the thread. Returns the ABI used. ABI 1 cannot allow renames between directories.
    """

FACT_NAMES: Final[tuple[str, ...]]
"""The MLST facts that there are, in the order in which they are printed."""

def forbid_dumps() -> None:
    """Make the process (all threads) undumpable: no core, no ptrace by a user whom a thread has become."""

class Listing:
    """A listing of the directory `dirfd` (read from its start, left open), or of `names` in it.

    What is there is looked at once, now; the lines are written when they are asked for: all of them as `body`, or
    piece by piece by the pump that sends them (`Pump(source=…)`), which takes no more memory the longer they get.

    `form` is "list" (`ls -l`), "nlst" (names) or "mlsd" (facts, RFC 3659); lines end in CRLF. `shown` prints
    other texts than `names`; `prefix` comes before each name of nlst and mlsd. `owner` and `group` are called
    once per distinct number (None: print the number). `now` (seconds since the epoch) decides between year
    and time of day.

    Links are followed below `rootfd` (a descriptor; `path` is the directory's own path there), or by `follow`
    when `rootfd` is -1; one that leads nowhere is left out, except where LIST shows the link itself.
    `parentfd` is shown as ".." (-1: the directory itself, for the root). Facts tell the thread's own rights.

    `keep` is asked about every entry (its name, and whether it is a symbolic link); what it does not want is
    left out. `fake_mode` (permission bits) is shown instead of the files' own, `fake_uid` and `fake_gid` in facts.

    CR and LF in names become "?", with `list` all control characters; in names of owners and groups control
    characters, blanks and ";" become "_". `limit` (0: none) ends the listing early; more than `max_entries`
    entries, `max_bytes` bytes of names, or of lines in `body`, is an OSError with EFBIG. An entry
    that vanishes meanwhile, or may not be looked at, is left out.
    """

    def __init__(
        self,
        dirfd: int,
        *,
        form: str = "list",
        names: Sequence[bytes] | None = None,
        shown: Sequence[bytes] | None = None,
        prefix: bytes = b"",
        all: bool = False,
        almost_all: bool = False,
        classify: bool = False,
        dereference: bool = False,
        show_symlinks: bool = True,
        slink: bool = False,
        reverse: bool = False,
        human: bool = False,
        sort: str = "name",
        time: str = "modify",
        gmt: bool = True,
        now: int = 0,
        facts: Iterable[str] = (),
        numeric: bool = False,
        owner: Callable[[int], str] | None = None,
        group: Callable[[int], str] | None = None,
        rootfd: int = -1,
        parentfd: int = -1,
        path: bytes = b"/",
        follow: Callable[[bytes], os.stat_result | None] | None = None,
        want_directories: bool = False,
        limit: int = 0,
        max_entries: int = 200_000,
        max_bytes: int = 33_554_432,
        keep: Callable[[bytes, bool], bool] | None = None,
        fake_mode: int = -1,
        fake_uid: int = -1,
        fake_gid: int = -1,
        dos: bool = False,
        bare: bool = False,
    ) -> None: ...
    @property
    def body(self) -> bytes:
        """All lines, written anew each time."""

    @property
    def pull(self) -> object:
        """For one pump: where its bytes come from (pull.h), from the first line on."""

    @property
    def entries(self) -> int:
        """How many lines there are."""

    @property
    def directories(self) -> list[bytes]:
        """The names of sub-directories, in order; empty without `want_directories`."""

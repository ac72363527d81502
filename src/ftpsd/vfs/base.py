"""What a session sees as files: the interface between the protocol and a store.

Theory
------
A session names files by *virtual* paths: absolute, `/`-separated `str`, UTF-8 with `surrogateescape`.
`/` is the root that the login was given; no path, whatever `..` and symbolic links it contains, means
anything outside of it. A store (the local one is `ftpsd.vfs.jail.Jail`; an object store would be
another) implements `FileSystem` and upholds that.

Errors are `OSError` with a meaningful `errno`; the session turns them into replies (`550 PATH: strerror`).
Refusals that have no errno of their own are the subclasses below, so that a caller may either tell them
apart or treat them as what they are: failed system calls.

Every method acts with the rights of the calling thread (`ftpsd.vfs.rights`). A `FileSystem` belongs to
one session and is used by one thread at a time, except `close()`, which may come from any thread.
"""

from __future__ import annotations

import abc
import errno
import os
import stat
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from ftpsd.native._system import Listing

if TYPE_CHECKING:
    from ftpsd.vfs.trees import Guide

StoreMode = Literal["store", "append", "unique", "resume"]
Form = Literal["list", "nlst", "mlsd"]
SortKey = Literal["name", "time", "size", "none"]
TimeKind = Literal["modify", "access", "change"]

ALL_FACTS = frozenset({
    "modify", "perm", "size", "type", "unique", "UNIX.group", "UNIX.groupname", "UNIX.mode", "UNIX.owner",
    "UNIX.ownername",
})


class NotRegularFile(OSError):
    """The path names a directory, FIFO, socket or device where a regular file is needed."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EINVAL, "Not a regular file", path)


class HiddenFileThere(FileExistsError):
    """The file under which an upload hides until it is complete (HiddenStores) is there already: somebody uploads, or a
    server was killed meanwhile. `filename` is its virtual path.
    """


class BadRestart(OSError):
    """A transfer was to be resumed beyond the end of the file."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EINVAL, "Restart position beyond end-of-file", path)


class ListingTooLarge(OSError):
    """A listing came to its bound of entries or bytes."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EFBIG, "Listing too large", path)


Body = bytes | Listing
"""The lines of a listing: written, or (one directory's) to be written while they are sent; `max_bytes` bounds their
names only then."""


def decimal_name(identifier: int) -> str:
    """The owner or group name where nobody knows a better one: the number."""
    return str(identifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingOptions:
    """How a listing is to look; the letters are those of LIST (`LIST -la`), the defaults the site's.

    `form` chooses the body: `list` is `ls -l`, `nlst` bare names, `mlsd` facts (RFC 3659).
    `owner` and `group` are asked once per distinct number. `facts` are the chosen MLST facts (RFC 3659 7.8).
    `max_files`, `max_directories` and `max_depth` are the words of ListOptions (0: none): beyond them a
    listing ends silently. Beyond `max_entries` entries or `max_bytes` bytes it fails (`ListingTooLarge`). A listing
    costs a session about twice its bytes while it is made; `FileSystem.lines` of one directory about its bytes.
    """

    form: Form = "list"
    all: bool = False                  # -a  names with a leading dot, "." and ".."
    almost_all: bool = False           # -A  names with a leading dot
    bare: bool = False                 # -1  LIST: names only; NLST: without the directory before them
    classify: bool = False             # -F  a mark behind directories and programs
    columns: bool = False              # -C  LIST: names in columns
    dereference: bool = False          # -L  what a symbolic link leads to
    directory: bool = False            # -d  the directory itself, not what it holds
    human: bool = False                # -h  sizes like 4.0k
    long: bool = False                 # -l  taken and without effect: LIST is long, NLST never
    numeric: bool = False              # -n  numbers instead of owner and group names
    recursive: bool = False            # -R  LIST: sub-directories too
    reverse: bool = False              # -r
    sort: SortKey = "name"             # -t time, -S size, -U none
    time: TimeKind = "modify"          # -u access, -c change
    show_symlinks: bool = True         # ShowSymlinks
    slink: bool = False                # FactsOptions UseSlink: type=OS.unix=slink:TARGET
    gmt: bool = True                   # TimesGMT
    max_files: int = 0
    max_directories: int = 0
    max_depth: int = 0
    max_entries: int = 200_000
    max_bytes: int = 32 * 1024 * 1024
    facts: frozenset[str] = ALL_FACTS
    owner: Callable[[int], str] = field(default=decimal_name)
    group: Callable[[int], str] = field(default=decimal_name)
    visible: Callable[[str, str, bool], bool] | None = None
    """Whether a name in a directory (virtual path) is listed; asked with whether it is a link. None: all are."""
    fake_mode: int = -1
    """Permission bits, and in facts numbers of owner and group, to show instead of the files' own; -1: those."""
    fake_uid: int = -1
    fake_gid: int = -1
    windows: bool = False
    """ListStyle Windows: LIST has the lines of a Windows server, and not "." and ".."."""
    globs: bool = True
    """UseGlobbing: `*`, `?` and `[…]` are patterns."""


class OpenFile:
    """An open regular file: `fd` (blocking, close-on-exec), `size` in bytes when it was opened, virtual `path`.

    `created` says whether the file is new, `hidden` whether it still has a temporary name. A context
    manager: a hidden file that was neither committed nor kept is removed at the end of the block.
    """

    def __init__(
        self, fd: int, size: int, path: str, *, created: bool = False, hidden: bool = False,
    ) -> None:
        self.fd = fd
        self.size = size
        self.path = path
        self.created = created
        self.hidden = hidden
        self.removed = False
        """Whether the file is gone, because a transfer that failed was discarded (or could not be committed)."""
        self.spared = False
        """Whether `begin` has an old file to empty."""

    def fileno(self) -> int:
        """The descriptor, for whoever wants a file-like thing."""
        return self.fd

    def begin(self) -> None:
        """The transfer starts: empties a file that `truncate=False` spared. Harmless otherwise."""

    def commit(self) -> None:
        """Close; a hidden file takes its final name, atomically. Raises `OSError` (disk full, name taken)."""
        self.close()

    def keep(self) -> None:
        """Close and leave what is there: a partial file, a hidden one under its temporary name."""
        self.close()

    def discard(self) -> None:
        """Close and remove what the transfer left: the temporary file, or the file that was written.

        A file that somebody has put in its place meanwhile is not touched. Raises `OSError`.
        """
        self.close()

    def close(self) -> None:
        """Close the descriptor; more than once is harmless. Raises `OSError` when the last write failed."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        if self.hidden and self.fd >= 0:
            self.discard()
        else:
            self.close()


class FileSystem(abc.ABC):
    """A store. Paths are virtual; every method may raise `OSError`."""

    @abc.abstractmethod
    def open_read(self, path: str) -> OpenFile:
        """Open a regular file for reading (RETR). `NotRegularFile` for others; never blocks on a FIFO."""

    @abc.abstractmethod
    def open_write(
        self, path: str, *, mode: StoreMode = "store", offset: int = 0, overwrite: bool = True,
        umask: int | None = None, truncate: bool = True, dangling: bool = True,
    ) -> OpenFile:
        """Open a regular file for writing.

        `store` (STOR) creates or empties it, with `truncate=False` not before `OpenFile.begin()`; `append`
        (APPE) creates or appends; `resume` (REST n, STOR) needs at least `offset` bytes there, cuts nothing
        off and leaves the position at `offset` (`BadRestart`); `unique` (STOU) takes `path` as the beginning
        of a name and creates a file that did not exist: `OpenFile.path` is the full name. `overwrite=False`
        (AllowOverwrite off): an existing file is `FileExistsError`, without a race. The mode of a new file
        is 0666 less `umask` (None: the store's own). A link that leads nowhere has its target made inside the root, or
        with `dangling=False` is `NotRegularFile`.
        """

    @abc.abstractmethod
    def open_hidden(
        self, path: str, *, prefix: str = ".in.", suffix: str = ".", overwrite: bool = True,
        umask: int | None = None, dangling: bool = True,
    ) -> OpenFile:
        """Open a temporary file beside `path` (HiddenStores): prefix + name + suffix, which must not exist.

        `commit()` gives it its final name (replacing an old file only if `overwrite`), `discard()` removes
        it. The old file is untouched until `commit()`. Where `path` is a link, it is beside what that leads to and
        replaces that; `dangling` as in `open_write`.
        """

    @abc.abstractmethod
    def stat(self, path: str, *, follow: bool = True) -> os.stat_result:
        """Status of what the path names; `follow=False`: of a final symbolic link itself."""

    @abc.abstractmethod
    def may(self, path: str, mode: int) -> bool:
        """Whether the thread may read, write or enter (os.R_OK, W_OK, X_OK) what the path leads to."""

    @abc.abstractmethod
    def listing(self, path: str, options: ListingOptions, *, shown: str | None = None) -> bytes:
        """The whole body of LIST, NLST or MLSD for a directory, a file or a pattern (`*`, `?`, `[…]`).

        `shown` is the path as the client wrote it (None: it gave none); names of files, of what a pattern
        matches and in NLST begin with it. Lines end in CRLF. A missing file and a pattern without a match
        are `FileNotFoundError`; `mlsd` of what is no directory is `NotADirectoryError`.
        """

    def lines(self, path: str, options: ListingOptions, *, shown: str | None = None) -> Body:
        """What `listing` gives, to be sent once; everything that can fail has happened."""
        return self.listing(path, options, shown=shown)

    @abc.abstractmethod
    def facts(self, path: str, options: ListingOptions) -> str:
        """MLST: the facts, a blank and the virtual path, of one file or directory (RFC 3659 section 7)."""

    @abc.abstractmethod
    def names(self, path: str) -> Generator[str, None, None]:
        """The names in a directory as they are read, in no order, without `.` and `..`. To be closed: the directory is
        open meanwhile.
        """

    @abc.abstractmethod
    def mkdir(
        self, path: str, *, umask: int | None = None, made: Callable[[int], None] | None = None
    ) -> None:
        """Make a directory of mode 0777 less `umask`. `FileExistsError` when the name is taken.

        `made` is called with a descriptor (O_PATH) of it.
        """

    @abc.abstractmethod
    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""

    @abc.abstractmethod
    def pin(self, path: str) -> int:
        """A descriptor (O_PATH) of what stands at `path`, a link itself: what it was can be asked when it is gone."""

    @abc.abstractmethod
    def unlink(self, path: str) -> None:
        """Remove a file or a symbolic link (the link itself). A directory is `IsADirectoryError`."""

    @abc.abstractmethod
    def rename(self, old: str, new: str, *, overwrite: bool = True) -> None:
        """Rename atomically; a final symbolic link is moved itself.

        `overwrite=False`: `FileExistsError` when `new` exists, without a race.
        """

    @abc.abstractmethod
    def symlink(self, source: str, path: str) -> None:
        """Make at `path` a symbolic link to what is at `source`, a relative one: it means the same outside the root."""

    @abc.abstractmethod
    def remove_tree(
        self, path: str, may: Callable[[str, bool], None],
        gone: Callable[[str, os.stat_result], None] = lambda *_: None,
    ) -> None:
        """Remove a directory and all that is in it; links are removed, not followed.

        `may` is asked with every path and whether it is a directory's, and raises where that may not be removed; `gone`
        is told what has been removed, and what it was.
        """

    @abc.abstractmethod
    def copy(self, source: str, target: str, guide: Guide) -> None:
        """Copy a file, a link (the link itself) or a directory with all that is in it, as `guide` says.

        A directory into itself is EINVAL; a file onto itself does nothing.
        """

    @abc.abstractmethod
    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits (a final symbolic link is followed inside the root)."""

    @abc.abstractmethod
    def chgrp(self, path: str, gid: int) -> None:
        """Give what the path leads to to a group (by number)."""

    @abc.abstractmethod
    def utime(self, path: str, modified: float, *, accessed: float | None = None) -> None:
        """Set the modification time (seconds since the epoch, UTC) and, where given, the access time."""

    @abc.abstractmethod
    def readlink(self, path: str) -> str:
        """Where a symbolic link points, as written."""

    @abc.abstractmethod
    def check_directory(self, path: str) -> None:
        """CWD: a directory that the thread may enter; else `NotADirectoryError`, `PermissionError`."""

    @abc.abstractmethod
    def canonical(self, path: str) -> str:
        """The virtual path with symbolic links and `..` resolved; what cannot be looked at stays as it is."""

    @abc.abstractmethod
    def real_path(self, path: str, *, follow: bool = True) -> str:
        """Where it lies for the administrator (logs, `<Directory>`): the root's real path plus `canonical()`.

        `follow=False`: a link in the last place stands for itself. Nothing may be opened by this name.
        """

    def straight_directory(self, path: str) -> bool | None:
        """Whether a directory is at `path`, whose real path then is the root's and `path` behind it: no link stands
        in the way. Cheap; None where that would have to be looked into.
        """
        return None

    @abc.abstractmethod
    def virtual_of(self, real: str) -> str | None:
        """The virtual path of a real one; None when it lies outside the root. Text only, asks no disk."""

    def available(self, path: str) -> int:
        """Bytes that the thread may still store below a directory. ENOTSUP: the store cannot say."""
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), path)

    @abc.abstractmethod
    def close(self) -> None:
        """Give back what the store holds; more than once is harmless."""


def is_regular(status: os.stat_result) -> bool:
    """Whether a status is that of a regular file."""
    return stat.S_ISREG(status.st_mode)

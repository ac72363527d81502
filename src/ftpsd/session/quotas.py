"""Quotas in a session: what is refused, how much room an upload has, what is tallied.

A session of a host with QuotaEngine has a `SessionQuota` from its login on. A limit or tally that cannot be had (a
database is away) refuses what would be counted, and is asked for again the next time: a quota that is not known is not
the same as none.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftpsd.access.quotas import (
    APPEND,
    DIRECTORY,
    DOWNLOAD,
    UPLOAD,
    Amounts,
    Field,
    Key,
    Limit,
    QuotaType,
    Reached,
    added,
    exceeded,
    keys,
    masked,
    report,
    room,
    shown,
)
from ftpsd.data.outcomes import End, Outcome
from ftpsd.errors import Refusal
from ftpsd.ftp import paths
from ftpsd.guard.quotas import Quotas
from ftpsd.log import events
from ftpsd.reasons.codes import Code
from ftpsd.settings.quotas import SCAN_ON_LOGIN, QuotaSettings
from ftpsd.sql.turns import TableError
from ftpsd.vfs.base import OpenFile, StoreMode

if TYPE_CHECKING:
    from ftpsd.session.state import Session

SCAN_SECONDS = 60.0
"""Seconds that ScanOnLogin may take; what it has not seen by then changes nothing."""
SCAN_WAITING = 100_000
"""Directories that it has still to look into when it gives up, too: their names are kept."""


def begin(session: Session) -> None:
    """A login has succeeded: from now on its quota counts."""
    quotas = session.service.quotas.of(session.host)
    if quotas is None:
        return
    session.quota = SessionQuota(session, quotas, session.host.settings.quotas)
    session.quota.find()


class SessionQuota:
    """The limit of a session, and the tally that it shares with others (or has for itself)."""

    def __init__(self, session: Session, quotas: Quotas, settings: QuotaSettings) -> None:
        self._session = session
        self._quotas = quotas
        self._settings = settings
        self._limit: Limit | None = None
        self._tally = Amounts()
        self._found = False

    def find(self) -> None:
        """Looks for the limit, and the tally; trouble with tables is logged, and they are asked again later."""
        try:
            self._find()
        except TableError as error:
            self._tell(f"error: {error}")
            self._session.log.emit(events.of_server(f"quota: {error}", Code.QUOTA_UNAVAILABLE))

    def _find(self) -> None:
        session, account = self._session, self._session.login.account
        assert account is not None
        limit = self._quotas.limit_for(keys(account.name, account.group_names, sorted(session.classes)))
        if limit is None:
            self._tell("no quota entry found, turning QuotaEngine off")
        else:
            self._tell(f"found limit entry for {_called(limit.key)}")
            if not limit.per_session:
                self._quotas.tallies.create(limit.key)
                self._tally = self._quotas.tallies.read(limit.key) or Amounts()
            if SCAN_ON_LOGIN in self._settings.options and (limit.limited("bytes_in") or limit.limited("files_in")):
                self._scan(limit)
        self._limit, self._found = limit, True

    # ---- before a command

    def check(self, name: str, fields: Iterable[Field], path: str, code: int = 552) -> None:
        """Raises `Refusal` where the limit is reached that the command `name` counts against."""
        limit = self._known(name)
        if limit is None or self.excluded(path):
            return
        reached = exceeded(limit, self._present(name, limit), fields)
        if reached is not None:
            text = f"{name} denied: quota exceeded: used {self._shown(reached)}"
            self._tell(text)
            raise Refusal(code, text, Code.QUOTA_REACHED)

    def check_upload(self, name: str, path: str) -> None:
        """As `check`, for a command that stores a file."""
        self.check(name, APPEND if name == "APPE" else UPLOAD, path)

    def check_download(self, name: str, path: str) -> None:
        """As `check`, for one that sends a file."""
        self.check(name, DOWNLOAD, path, 451)

    def check_directory(self, name: str, path: str) -> None:
        """As `check`, for one that makes a directory (QuotaDirectoryTally)."""
        if self._settings.directory_tally:
            self.check(name, DIRECTORY, path)

    def upload(self, name: str, path: str, mode: StoreMode, offset: int = 0) -> Upload:
        """What becomes of an upload to the virtual `path`, which `check_upload` has let through."""
        before = 0 if mode in ("unique", "append") else self.size(path) or 0
        replaced = {"store": before, "resume": before - offset}.get(mode, 0)
        return Upload(self, path, self._room(path, replaced), name=name, mode=mode)

    def copy(self, path: str) -> Copy:
        """As `upload`, for a copy within the server; `path` is the file itself, not a link to it."""
        return Copy(self, path, self._room(path, self.stored(path) or 0))

    def _room(self, path: str, replaced: int) -> int | None:
        if self._limit is None or self.excluded(path):
            return None
        return room(self._limit, self._tally, replaced=replaced)

    def counts(self, path: str) -> bool:
        """Whether the entry at `path` is tallied and goes when the user removes it: a file of his own, no link."""
        account = self._session.login.account
        try:
            status = self._session.fs.stat(path, follow=False)
        except OSError:
            return False
        his = account is not None and status.st_uid in (account.uid, os.geteuid())
        removable = self._session.fs.may(paths.parent(path), os.W_OK | os.X_OK)
        return stat.S_ISREG(status.st_mode) and his and removable and not self.excluded(path)

    def left(self, name: str, path: str) -> int | None:
        """Bytes that may still be stored at the virtual `path`; None: any number. Raises `Refusal` as `check`."""
        limit = self._known(name)
        if limit is None or self.excluded(path):
            return None
        return room(limit, self._present(name, limit), replaced=0)

    # ---- after a command

    def downloaded(self, name: str, path: str, outcome: Outcome) -> list[str]:
        """Counts a download; what the reply says beside."""
        change = Amounts(
            bytes_out=outcome.transferred, bytes_xfer=outcome.transferred,
            files_out=int(outcome.complete), files_xfer=int(outcome.complete))
        self.count(path, change)
        return self.notice(name, DOWNLOAD)

    def removed(self, path: str, status: os.stat_result) -> None:
        """A file is gone, deleted or replaced. One of another user is given back to him. Links were never counted."""
        if stat.S_ISDIR(status.st_mode):
            self.directory(path, -1)
        if not stat.S_ISREG(status.st_mode):
            return
        change = Amounts(bytes_in=-status.st_size, files_in=-1)
        account = self._session.login.account
        limit = self._limit
        if limit is None or account is None or self.excluded(path):
            return
        if limit.key.type is QuotaType.USER and status.st_uid not in (account.uid, os.geteuid()):
            self._credit(status.st_uid, change)
            return
        self.count(path, change)

    def unlink(self, path: str) -> os.stat_result:
        """Removes the file (or link) at `path` and gives back what is in it when its name is gone. Raises `OSError`."""
        fd = self._session.fs.pin(path)
        try:
            self._session.fs.unlink(path)
            status = os.fstat(fd)
        finally:
            os.close(fd)
        self.removed(path, status)
        return status

    @contextlib.contextmanager
    def renaming_over(self, path: str, source: str) -> Iterator[None]:
        """A rename of `source` to `path` in the block gives back what it replaces, unless that is itself."""
        fd = -1
        with contextlib.suppress(OSError):
            fd = self._session.fs.pin(path)
        try:
            itself = fd >= 0 and self._is(source, fd)
            yield
            if fd >= 0 and not itself:
                self.removed(path, os.fstat(fd))
        finally:
            if fd >= 0:
                os.close(fd)

    def _is(self, path: str, fd: int) -> bool:
        try:
            return os.path.samestat(self._session.fs.stat(path, follow=False), os.fstat(fd))
        except OSError:
            return False

    def renaming(self, name: str, source: str, path: str) -> Amounts | None:
        """What a rename changes that leads a file out of what QuotaExcludeFilter spares, or into it; None: nothing.

        Raises `Refusal` where what did not count has no room. Directories are not looked into.
        """
        size = self.stored(source) if self._settings.exclude_filter is not None else None
        spared = self.excluded(path)
        if size is None or self.excluded(source) == spared:
            return None
        if spared:
            return Amounts(bytes_in=-size, files_in=-1)
        self.check_upload(name, path)
        left = self.left(name, path)
        if left is not None and size > left:
            raise Refusal(552, f"{name} denied: quota exceeded", Code.QUOTA_REACHED)
        return Amounts(bytes_in=size, files_in=1)

    def directory(self, path: str, more: int) -> None:
        """A directory was made (1) or removed (-1)."""
        if self._settings.directory_tally:
            self.count(path, Amounts(files_in=more, files_xfer=max(0, more)))

    def count(self, path: str, change: Amounts, *, strictly: bool = False) -> Reached | None:
        """Adds to the tally; `strictly`: unless that passes a hard limit, which is the answer then."""
        limit = self._limit
        if limit is None or self.excluded(path):
            return None
        change = masked(limit, change)
        try:
            if limit.per_session:
                after = added(limit if strictly else None, self._tally, change)
            else:
                after = self._quotas.tallies.add(limit.key, change, limit if strictly else None)
        except TableError as error:
            self._tell(f"error: unable to write tally: {error}")
            self._session.log.emit(events.of_server(f"quota: {error}", Code.QUOTA_UNAVAILABLE))
            return None
        if isinstance(after, Reached):
            return after
        self._tally = after
        return None

    def notice(self, name: str, fields: Iterable[Field]) -> list[str]:
        """What a client is told whose tally has come to a limit."""
        reached = exceeded(self._limit, self._tally, fields) if self._limit is not None else None
        if reached is None:
            return []
        self._tell(f"{name}: quota reached: used {self._shown(reached)}")
        return [f"{name}: notice: quota reached: used {self._shown(reached)}"]

    def passed(self, name: str, path: str, reached: Reached | None, *, spared: bool) -> list[str]:
        """What a client is told whose upload was cut, and removed unless it added to a file."""
        lines = [] if reached is None else [f"quota reached: used {self._shown(reached)}"]
        if not spared:
            lines.append(f"quota reached: '{paths.name(path)}' removed")
        for line in lines:
            self._tell(f"{name}: {line}")
        return [f"{name}: notice: {line}" for line in lines]

    def report(self) -> list[str] | None:
        """SITE QUOTA; None: no quota is in effect."""
        self._tell(f"SITE QUOTA requested by user {self._session.user_name}")
        limit = self._known("SITE QUOTA")
        if limit is None:
            return None
        return report(limit, self._present("SITE QUOTA", limit), self._settings.display_units)

    def variables(self) -> dict[str, str]:
        """What stands for %{mod_quotatab.limit.bytes_in} and its kin in display files, behind `mod_quotatab.`."""
        limit, tally = self._limit, self._tally
        if limit is not None:
            with contextlib.suppress(TableError):
                tally = self._read(limit)
        return shown(limit, tally, self._settings.display_units)

    def excluded(self, path: str) -> bool:
        """QuotaExcludeFilter: whether what lies at a virtual path does not count."""
        pattern = self._settings.exclude_filter
        return pattern is not None and pattern.fits(self._session.fs.real_path(path), in_doubt=False)

    # ---- the tables

    def _known(self, name: str) -> Limit | None:
        if not self._found:
            self.find()
        if not self._found:
            raise Refusal(451, f"{name}: the quota cannot be determined", Code.QUOTA_UNAVAILABLE)
        return self._limit

    def _present(self, name: str, limit: Limit) -> Amounts:
        """The tally, as others may have changed it."""
        try:
            self._tally = self._read(limit)
        except TableError as error:
            self._tell(f"error: unable to read tally: {error}")
            raise Refusal(451, f"{name}: the quota cannot be determined", Code.QUOTA_UNAVAILABLE) from None
        return self._tally

    def _read(self, limit: Limit) -> Amounts:
        """The tally of `limit` now: the session's own, or the table's. Raises `TableError`."""
        return self._tally if limit.per_session else self._quotas.tallies.read(limit.key) or Amounts()

    def _credit(self, uid: int, change: Amounts) -> None:
        owner = self._session.runtime.authenticator.names.owner(uid)
        key = Key(QuotaType.USER, owner)
        try:
            if self._quotas.tallies.read(key) is None:
                self._tell(f"no tally entry found for user '{owner}'")
                return
            self._quotas.tallies.add(key, change, None)
            self._tell(f"credited user '{owner}' for the deleted file/bytes")
        except TableError as error:
            self._tell(f"error: unable to write tally: {error}")

    def size(self, path: str) -> int | None:
        """Bytes of what is at a virtual path; None: nothing is."""
        try:
            return self._session.fs.stat(path).st_size
        except OSError:
            return None

    def stored(self, path: str) -> int | None:
        """Bytes of the file at a virtual path; None: there is none, but perhaps a link or a directory."""
        status = self._status(path)
        return status.st_size if status is not None and stat.S_ISREG(status.st_mode) else None

    def _status(self, path: str) -> os.stat_result | None:
        """Of a link itself; None: nothing is there that could be asked about."""
        try:
            return self._session.fs.stat(path, follow=False)
        except OSError:
            return None

    def _shown(self, reached: Reached) -> str:
        return reached.shown(self._settings.display_units)

    def _tell(self, text: str) -> None:
        self._session.log.emit(events.ModuleNote("quota", text))

    # ---- ScanOnLogin

    def _scan(self, limit: Limit) -> None:
        started = time.monotonic()
        found = self._counted(limit, started + SCAN_SECONDS)
        if found is None:
            most = f"longer than {SCAN_SECONDS:.0f} s, or more than {SCAN_WAITING} directories to come"
            self._tell(f"scanning '{self._session.cwd}' takes too long ({most}): the tally stays")
            return
        size, count = found
        seconds = int(time.monotonic() - started)
        self._tell(f"found {size:.2f} bytes in {count} files for {_called(limit.key)} in {seconds} secs")
        self._limit = limit
        wanted = masked(limit, Amounts(bytes_in=size, files_in=count))
        change = Amounts(
            bytes_in=wanted.bytes_in - self._tally.bytes_in, files_in=wanted.files_in - self._tally.files_in)
        self._tell(f"updating tally ({change.bytes_in:.2f} bytes, {change.files_in} files difference)")
        if limit.per_session:
            self._tally = replace_amounts(self._tally, change)
        else:
            after = self._quotas.tallies.add(limit.key, masked(limit, change), None)
            if isinstance(after, Amounts):
                self._tally = after

    def _counted(self, limit: Limit, deadline: float) -> tuple[int, int] | None:
        """Bytes and files below the current directory that are the limit's, and directories where those count as files;
        None: it takes too long."""
        fs, mine, directories = self._session.fs, self._whose(limit), self._settings.directory_tally
        size = count = 0
        waiting = [self._session.cwd]
        while waiting:
            directory = waiting.pop()
            try:
                with contextlib.closing(fs.names(directory)) as names:
                    for name in names:
                        if time.monotonic() > deadline or len(waiting) > SCAN_WAITING:
                            return None
                        path = f"{directory.rstrip('/')}/{name}"
                        status = self._status(path)
                        if status is None:
                            continue
                        if stat.S_ISDIR(status.st_mode):
                            waiting.append(path)
                            count += directories and mine(status) and not self.excluded(path)
                        elif stat.S_ISREG(status.st_mode) and mine(status) and not self.excluded(path):
                            size, count = size + status.st_size, count + 1
            except OSError as error:
                self._tell(f"unable to scan '{directory}': {error.strerror}")
        return size, count

    def _whose(self, limit: Limit) -> Callable[[os.stat_result], bool]:
        account = self._session.login.account
        assert account is not None
        if limit.key.type is QuotaType.USER:
            return lambda status: status.st_uid in (account.uid, os.geteuid())
        if limit.key.type is QuotaType.GROUP:
            return lambda status: status.st_gid in account.groups
        return lambda status: True


def replace_amounts(tally: Amounts, change: Amounts) -> Amounts:
    """The tally after a change, whatever the limit."""
    after = added(None, tally, change)
    assert isinstance(after, Amounts)
    return after


@dataclass(slots=True)
class Writing:
    """A file that is being written, and what that does to the tally. `room`: for how many bytes (None: any number).

    Others may write, empty or remove the same file meanwhile. Nobody is then given back what another is given back for,
    though more may be counted than there is. Whoever empties a file gives back what is in it, at that moment; whoever
    removes it, what is in it then; whoever writes counts how far beyond the beginning he has come (`start`: what was
    there when he came), whether the file still has a name or not. That holds as long as a file is not emptied behind
    somebody who counts from what was there: so everybody who writes holds a shared lock (flock) on the file, and only
    who has it alone gives something back for emptying it. The kernel takes the lock back with the descriptor.
    """

    quota: SessionQuota
    path: str
    room: int | None
    existed: bool = False
    start: int = 0
    grown: int = 0

    def bound(self, largest: int | None) -> int | None:
        """How many bytes may come at most, if `largest` may otherwise."""
        if self.room is None:
            return largest
        return self.room if largest is None else min(self.room, largest)

    def take(self, opened: OpenFile) -> None:
        """The file has been opened, and not touched yet."""
        _lock(opened.fd, fcntl.LOCK_SH)
        self.existed = not opened.created
        self.start = os.fstat(opened.fd).st_size if self.existed else 0

    def begin(self, opened: OpenFile) -> None:
        """The bytes come: what was there goes, unless it is added to."""
        if not self.existed:
            opened.begin()
            return
        alone = _lock(opened.fd, fcntl.LOCK_EX)
        before = os.fstat(opened.fd).st_size
        opened.begin()
        after = os.fstat(opened.fd)
        if after.st_size < before:
            self.start = after.st_size
            if alone and after.st_nlink:
                self.quota.count(self.path, Amounts(bytes_in=after.st_size - before))
        _lock(opened.fd, fcntl.LOCK_SH)

    def written(self, opened: OpenFile) -> None:
        """The bytes are there, and the file is still open."""
        size, position = os.fstat(opened.fd).st_size, os.lseek(opened.fd, 0, os.SEEK_CUR)
        self.grown = max(0, (min(size, position) if position > self.start else size) - self.start)

    def replacing(self, opened: OpenFile) -> Amounts:
        """What a file with a hidden name will take the place of."""
        replaced = self.quota.stored(self.path) if opened.hidden else None
        return Amounts() if replaced is None else Amounts(bytes_in=-replaced, files_in=-1)

    def outcome(self, opened: OpenFile) -> Amounts:
        """What became of the file, once it is closed; without what it has replaced."""
        if not opened.removed:
            return Amounts(bytes_in=self.grown, files_in=int(not self.existed))
        return Amounts(bytes_in=-self.start, files_in=-1) if self.existed else Amounts()


@dataclass(slots=True)
class Upload(Writing):
    """An upload that counts."""

    name: str = ""
    mode: StoreMode = "store"
    charged: Amounts | None = None
    reached: Reached | None = None

    @property
    def spares(self) -> bool:
        """Whether an upload that is cut leaves what was there before: one that adds to a file."""
        return self.mode in ("append", "resume") and self.existed

    def judge(self, opened: OpenFile, outcome: Outcome, largest: int | None) -> Outcome:
        """The outcome with the quota in mind, while the file is open: what was complete may have come too late.

        `largest`: what another bound allows.
        """
        too_large = outcome.end is End.STORE_TOO_LARGE and (largest is None or self.bound(largest) != largest)
        self.path = opened.path
        self.written(opened)
        if outcome.complete:
            change = self._change(outcome, self.outcome(opened), self.replacing(opened))
            self.reached = self.quota.count(self.path, change, strictly=True)
            self.charged = change if self.reached is None else None
        if not too_large and self.reached is None:
            return outcome
        if self.spares:
            os.ftruncate(opened.fd, min(self.start, os.fstat(opened.fd).st_size))
            self.written(opened)
        return outcome._replace(end=End.QUOTA_REACHED)

    def settle(self, opened: OpenFile, outcome: Outcome) -> list[str]:
        """Counts what has become of an incomplete upload, which is closed; what the reply says beside."""
        if outcome.end is End.QUOTA_REACHED:
            self._count_rest(opened, outcome._replace(transferred=0))
            return self.quota.passed(self.name, self.path, self.reached, spared=self.spares)
        if self.charged is not None and not outcome.complete:  # the file could not take its name
            self.quota.count(self.path, Amounts(*(-amount for amount in self.charged)))
            self.charged = None
        if self.charged is None:
            self._count_rest(opened, outcome._replace(transferred=0) if opened.removed else outcome)
        return self.quota.notice(self.name, APPEND if self.name == "APPE" else UPLOAD)

    def _count_rest(self, opened: OpenFile, outcome: Outcome) -> None:
        self.quota.count(self.path, self._change(outcome, self.outcome(opened), Amounts()))

    def _change(self, outcome: Outcome, came: Amounts, replaced: Amounts) -> Amounts:
        return Amounts(
            bytes_in=came.bytes_in + replaced.bytes_in, bytes_xfer=outcome.transferred,
            files_in=0 if self.mode == "append" else came.files_in + replaced.files_in,
            files_xfer=int(outcome.complete and self.mode != "append"))


@dataclass(slots=True)
class Copy(Writing):
    """A copy within the server: it counts as an upload, and no bytes are transferred."""

    def end(self, opened: OpenFile, act: Callable[[], None]) -> None:
        """`act` is what ends the writing: commits, keeps or discards the file. Raises what it raises."""
        self.written(opened)
        replaced = self.replacing(opened)
        try:
            act()
        finally:
            came = self.outcome(opened)
            gone = Amounts() if opened.hidden else replaced
            self.quota.count(
                self.path, Amounts(bytes_in=came.bytes_in + gone.bytes_in, files_in=came.files_in + gone.files_in))


def _lock(fd: int, kind: int) -> bool:
    """Whether the lock is held now. A file system without locks has nobody who could hold one."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno != errno.EWOULDBLOCK
    return True


def _called(key: Key) -> str:
    return "all" if key.type is QuotaType.ALL else f"{key.type} '{key.name}'"

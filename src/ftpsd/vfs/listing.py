"""LIST, NLST, MLSD and MLST for the local store: what is to be listed, in which order, under which name.

The lines themselves are made in C (`ftpsd.native._system.Listing`), a directory at a time; here are
the cases (directory, file, pattern, recursion, columns) and the bounds. What stands before a name is what
the client wrote: ProFTPD prints `LIST sub/x` as `sub/x` and the entries of `LIST sub` bare, and clients
rely on both.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Protocol

from ftpsd.native._system import Listing
from ftpsd.vfs.base import Body, Form, ListingOptions, ListingTooLarge
from ftpsd.vfs.names import decode, encode, split
from ftpsd.vfs.resolve import KernelResolver, Resolver, refuse_proc

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_MAGIC = re.compile(rb"[*?[]")
_SCREEN = 80
_TAB = 8
_MOST_MATCHED_DIRECTORIES = 10_000
_MANY, _SHORT = 20_000, 64
"""More bare names than that are written at once, unless more bytes than that stand before each: what is known of a file
takes three times the memory of its name, and a client may take its time."""


_LONGEST_COMPONENT = 1024
"""Bytes of one component of a pattern. A name has 255 at most (NAME_MAX), so that is four for each byte of a name, as
in `[ab]`; translating a pattern takes time by the square of the brackets in it."""


def names(fd: int) -> Generator[bytes, None, None]:
    """The names in an open directory as they are read, in no order, without `.` and `..`. Raises `OSError`."""
    with os.scandir(fd) as entries:
        for entry in entries:
            yield os.fsencode(entry.name)


class Places(Protocol):
    """Where the paths of a session lie (`vfs.jail`, `vfs.folders`)."""

    def place(self, path: bytes) -> tuple[Resolver, bytes]:
        """Who opens a path, and what it is called there."""

    def shown_in(self, directory: bytes) -> Sequence[bytes]:
        """Names in a directory that stand for what lies elsewhere, in order; they hide what has the same name."""


def body(places: Places, path: str, options: ListingOptions, shown: str | None) -> bytes:
    """The body of a listing; see `FileSystem.listing`."""
    return _Lister(places, options).body(encode(path), None if shown is None else encode(shown))


def lines(places: Places, path: str, options: ListingOptions, shown: str | None) -> Body:
    """What `body` is, not written yet where it is one directory's; see `FileSystem.lines`."""
    return _Lister(places, options).lines(encode(path), None if shown is None else encode(shown))


def facts(places: Places, path: str, options: ListingOptions) -> str:
    """The line of MLST, without CRLF; see `FileSystem.facts`."""
    lines = _Lister(places, options).line(encode(path), encode(path) or b"/", mlst=True)
    if not lines:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return decode(lines[:-2])


_DIRECTORY_PATH = os.O_PATH | os.O_DIRECTORY


def _within(directory: bytes, name: bytes) -> bytes:
    return directory.rstrip(b"/") + b"/" + name


class _Descriptor:
    """Closes a descriptor at the end of a block."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __enter__(self) -> int:
        return self._fd

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


@dataclass(frozen=True, slots=True)
class _Match:
    """Names in one directory that a pattern matched; `before` is what is printed in front of each."""

    directory: bytes
    before: bytes
    names: list[bytes]


class _Lister:
    """One listing: the options and what is left of its bounds."""

    def __init__(self, places: Places, options: ListingOptions) -> None:
        self._places = places
        self._options = options
        self._entries = options.max_entries
        self._bytes = options.max_bytes
        self._files = options.max_files
        self._now = int(time.time())
        self._matchers: dict[bytes, re.Pattern[str]] = {}
        self._bare = options.form == "list" and (options.bare or options.columns)
        self._form: Form = "nlst" if self._bare else options.form

    def body(self, path: bytes, shown: bytes | None) -> bytes:
        found = self.lines(path, shown)
        return found if isinstance(found, bytes) else self._written(path, found)

    def lines(self, path: bytes, shown: bytes | None) -> Body:
        options = self._options
        try:
            is_directory = self._is_directory(path)
        except FileNotFoundError:
            if options.form == "mlsd" or not options.globs or not _MAGIC.search(path):
                raise
            return self._pattern(path, shown)
        if options.form == "mlsd" and not is_directory:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        if is_directory and (options.form != "list" or not options.directory):
            top = self._top(path, shown)
            if not self._deep and not options.columns and not self._places.shown_in(path):
                return self._written(path, top) if self._better_written(top, shown) else top
            return self._columns(self._tree(path, shown, top))
        return self._columns(self.line(path, shown or b"."))

    def _open(self, path: bytes, flags: int) -> int:
        resolver, inside = self._places.place(path)
        return resolver.open(inside, flags)

    def _directory(self, path: bytes, flags: int) -> int:
        """A directory whose names, or links, are to be told."""
        fd = self._open(path, flags)
        try:
            refuse_proc(fd, path)
        except BaseException:
            os.close(fd)
            raise
        return fd

    # ---- one call into C -----------------------------------------------------------------------------

    def line(self, path: bytes, shown: bytes, *, mlst: bool = False) -> bytes:
        """The line of one path."""
        directory, name = split(path)
        if name in self._places.shown_in(directory):
            return self._elsewhere(path, shown, mlst=mlst) if name in self._others(directory, dots=True) else b""
        with _Descriptor(self._directory(directory, _DIRECTORY_PATH)) as fd:
            return self._written(directory, self._call(fd, directory, names=[name or b"."], shown=[shown], mlst=mlst))

    def _call(
        self, fd: int, path: bytes, *, names: list[bytes] | None = None, shown: list[bytes] | None = None,
        prefix: bytes = b"", want_directories: bool = False, mlst: bool = False,
        place: tuple[Resolver, bytes] | None = None,
    ) -> Listing:
        """`place`: where the directory lies, if what stands for `path` is to be listed; nobody is asked about it."""
        options = self._options
        resolver, inside = place or self._places.place(path)
        kernel = isinstance(resolver, KernelResolver)
        dots = names is None and (options.all or options.form == "mlsd")
        with _Parent(resolver, inside, wanted=dots) as parent:
            try:
                return Listing(
                    fd, form="mlsd" if mlst else self._form, names=names, shown=shown, prefix=prefix,
                    all=options.all and not options.windows, almost_all=options.almost_all or options.all,
                    classify=options.classify,
                    dereference=options.dereference, show_symlinks=options.show_symlinks and not mlst,
                    slink=options.slink, reverse=options.reverse, human=options.human, sort=options.sort,
                    time=options.time, gmt=options.gmt, now=self._now, facts=options.facts,
                    numeric=options.numeric, owner=options.owner, group=options.group,
                    rootfd=resolver.root if kernel else -1, parentfd=parent, path=inside,
                    follow=None if kernel else _Follow(resolver, inside),
                    want_directories=want_directories, limit=self._files, max_entries=self._entries,
                    max_bytes=self._bytes, keep=None if place else self._visible_in(path), fake_mode=options.fake_mode,
                    fake_uid=options.fake_uid, fake_gid=options.fake_gid, dos=options.windows, bare=self._bare,
                )
            except OSError as error:
                if error.errno == errno.EFBIG:
                    raise ListingTooLarge(decode(path)) from None
                raise

    def _written(self, path: bytes, got: Listing) -> bytes:
        """All lines of a listing, counted against the bounds."""
        try:
            body = got.body
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise ListingTooLarge(decode(path)) from None
            raise
        self._entries -= got.entries
        self._bytes -= len(body)
        if self._options.max_files:
            self._files -= got.entries
        return body

    def _visible_in(self, directory: bytes) -> Callable[[bytes, bool], bool] | None:
        """What `ListingOptions.visible` says of names in one directory; `.` and `..` are nobody's secret."""
        visible, covered = self._options.visible, self._places.shown_in(directory)
        if visible is None:
            return (lambda name, link: name not in covered) if covered else None
        where = decode(directory).rstrip("/") or "/"
        return lambda name, link: name in (b".", b"..") or (
            name not in covered and visible(where, decode(name), link))

    @property
    def _full(self) -> bool:
        """Whether ListOptions maxfiles is reached."""
        return self._options.max_files != 0 and self._files <= 0

    def _is_directory(self, path: bytes) -> bool:
        with _Descriptor(self._open(path, os.O_PATH)) as fd:
            return stat.S_ISDIR(os.fstat(fd).st_mode)

    # ---- what lies elsewhere -------------------------------------------------------------------------

    def _others(self, directory: bytes, *, dots: bool = False) -> list[bytes]:
        """The names that `Places` shows in a directory and that are listed; `dots`: those with a leading dot, too."""
        options, where = self._options, decode(directory).rstrip("/") or "/"
        dots = dots or options.all or options.almost_all or options.form == "mlsd"
        return [
            name for name in self._places.shown_in(directory)
            if (dots or not name.startswith(b".")) and (
                options.visible is None or options.visible(where, decode(name), False))]

    def _elsewhere(self, path: bytes, shown: bytes, *, mlst: bool = False) -> bytes:
        """The line of such a name; nothing where what it stands for cannot be looked at."""
        resolver, inside = self._places.place(path)
        directory, name = split(inside)
        try:
            os.close(resolver.open(inside, os.O_PATH))
            with _Descriptor(resolver.open(directory, _DIRECTORY_PATH)) as fd:
                got = self._call(
                    fd, path, names=[name or b"."], shown=[shown], mlst=mlst or self._form == "mlsd",
                    place=(resolver, directory))
                return self._written(path, got)
        except ListingTooLarge:
            raise
        except OSError:
            return b""

    # ---- directories ---------------------------------------------------------------------------------

    @property
    def _deep(self) -> bool:
        """Whether sub-directories are listed, too."""
        return self._options.recursive and self._form == "list"

    def _top(self, path: bytes, shown: bytes | None) -> Listing:
        """The directory that was asked for."""
        with _Descriptor(self._directory(path, _DIRECTORY)) as fd:
            return self._call(fd, path, prefix=self._prefix(shown), want_directories=self._deep)

    def _prefix(self, shown: bytes | None) -> bytes:
        """What stands before the names in the directory that was asked for."""
        options = self._options
        return shown.rstrip(b"/") + b"/" if options.form == "nlst" and not options.bare and shown is not None else b""

    def _whole(self, path: bytes, got: Listing, prefix: bytes = b"") -> bytes:
        """All lines of a directory: of what is in it, then of what is shown there."""
        parts = [self._written(path, got)]
        for name in self._others(path):
            if self._full:
                break
            parts.append(self._elsewhere(_within(path, name), prefix + name))
        return b"".join(parts)

    def _sub_directories(self, path: bytes, got: Listing) -> list[bytes]:
        """What a recursive listing enters, last first."""
        others = [name for name in self._others(path) if self._may_be_entered(_within(path, name))]
        return [*others[::-1], *reversed(got.directories)]

    def _may_be_entered(self, path: bytes) -> bool:
        try:
            return self._is_directory(path)
        except OSError:
            return False

    def _better_written(self, top: Listing, shown: bytes | None) -> bool:
        """Whether its lines take much less memory than what they are made of."""
        return self._form == "nlst" and len(shown or b"") <= _SHORT and top.entries > _MANY

    def _tree(self, path: bytes, shown: bytes | None, top: Listing) -> bytes:
        whole = self._whole(path, top, self._prefix(shown))
        if not self._deep:
            return whole
        head = b"" if shown is None else shown.rstrip(b"/") + b"/"
        below = self._below(path.rstrip(b"/") + b"/", head, self._sub_directories(path, top))
        return b"".join((whole, *below))

    def _below(self, path: bytes, head: bytes, names: list[bytes]) -> Iterator[bytes]:
        """The listings of sub-directories (of these names, the last one first), each before its own (`ls -R`)."""
        options = self._options
        seen = 1
        waiting = [(path + name, head + name, 2) for name in names]
        while waiting and not self._full:
            path, head, depth = waiting.pop()
            if options.max_depth and depth > options.max_depth:
                continue
            seen += 1
            if options.max_directories and seen > options.max_directories:
                return
            got = self._sub_directory(path)
            if got is None:
                continue
            body = self._whole(path, got)
            self._bytes -= len(head) + 5
            self._entries -= 1
            if self._bytes < 0 or self._entries < 0:
                raise ListingTooLarge(decode(path))
            yield b"\r\n" + _harmless(head) + b":\r\n" + body
            below = self._sub_directories(path, got)
            waiting += [(path + b"/" + name, head + b"/" + name, depth + 1) for name in below]

    def _sub_directory(self, path: bytes) -> Listing | None:
        """None when it may not be read, is gone or has become something else."""
        try:
            with _Descriptor(self._directory(path, _DIRECTORY | os.O_NOFOLLOW)) as fd:
                return self._call(fd, path, want_directories=True)
        except ListingTooLarge:
            raise
        except OSError:
            return None

    # ---- patterns ------------------------------------------------------------------------------------

    def _pattern(self, path: bytes, shown: bytes | None) -> bytes:
        parts = []
        matched = False
        for match in self._matches(path, shown):
            matched = True
            if self._full:
                break
            parts.append(self._matched(match))
        if not matched:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self._columns(b"".join(parts))

    def _matched(self, match: _Match) -> bytes:
        """The lines of names in one directory: of what is in it, then of what is shown there."""
        others = self._others(match.directory, dots=True)
        with _Descriptor(self._directory(match.directory, _DIRECTORY_PATH)) as fd:
            shown = [match.before + name for name in match.names]
            parts = [self._written(match.directory, self._call(fd, match.directory, names=match.names, shown=shown))]
        for name in others:
            if name in match.names and not self._full:
                parts.append(self._elsewhere(match.directory + name, match.before + name))
        return b"".join(parts)

    def _matches(self, path: bytes, shown: bytes | None) -> Iterator[_Match]:
        components = [part for part in path.split(b"/") if part]
        first = next(at for at, part in enumerate(components) if _MAGIC.search(part))
        start = b"/" + b"".join(part + b"/" for part in components[:first])
        places = [(start, _before(components[first:], shown, start))]
        for component in components[first:-1]:
            places = list(self._step(places, component))
        for directory, before in places:
            found = list(self._listed_in(directory, components[-1]))
            if found:
                yield _Match(directory, before, found)

    def _step(self, places: list[tuple[bytes, bytes]], component: bytes) -> Iterator[tuple[bytes, bytes]]:
        count = 0
        for directory, before in places:
            for name in self._listed_in(directory, component):
                count += 1
                if count > _MOST_MATCHED_DIRECTORIES:
                    raise ListingTooLarge(decode(directory))
                yield directory + name + b"/", before + name + b"/"

    def _listed_in(self, directory: bytes, component: bytes) -> Iterable[bytes]:
        """As `_in_directory`, but what is hidden has to be written in full: no pattern tells its name."""
        found = self._in_directory(directory, component)
        keep = self._visible_in(directory)
        if keep is None or not _MAGIC.search(component):
            return found
        others = self._others(directory, dots=True)
        return (name for name in found if name in others or keep(name, True))

    def _in_directory(self, directory: bytes, component: bytes) -> list[bytes]:
        """Names there that a component of a pattern matches; a leading dot must be written or asked for."""
        if len(component) > _LONGEST_COMPONENT:
            return []
        if not _MAGIC.search(component):
            return [component] if self._exists(directory, component) else []
        fits = self._matcher(component)
        dots = self._options.all or self._options.almost_all or component.startswith(b".")
        found = []
        with contextlib.closing(self._read(directory)) as everything:
            for name in everything:
                self._entries -= 1
                if self._entries < 0:
                    raise ListingTooLarge(decode(directory))
                if (dots or not name.startswith(b".")) and fits.match(decode(name)):
                    found.append(name)
        return sorted(found)

    def _read(self, directory: bytes) -> Generator[bytes, None, None]:
        """What is in a directory, and what is shown there, each once; nothing where it may not be read."""
        covered = dict.fromkeys(self._places.shown_in(directory))
        try:
            fd = self._directory(directory, _DIRECTORY)
        except OSError:
            return
        with _Descriptor(fd):
            yield from covered
            yield from (name for name in names(fd) if name not in covered)

    def _matcher(self, component: bytes) -> re.Pattern[str]:
        """What says whether a name fits: made once, however many directories are looked into."""
        found = self._matchers.get(component)
        if found is None:
            found = self._matchers[component] = _matcher(component)
        return found

    def _exists(self, directory: bytes, name: bytes) -> bool:
        try:
            with _Descriptor(self._directory(directory, _DIRECTORY_PATH)):
                os.close(self._open(directory + name, os.O_PATH | os.O_NOFOLLOW))
        except OSError:
            return False
        return True

    # ---- columns -------------------------------------------------------------------------------------

    def _columns(self, lines: bytes) -> bytes:
        """LIST -C: the names down the columns, tabs between them, as wide as a terminal."""
        if self._options.form != "list" or not self._options.columns or not lines:
            return lines
        cells = lines.split(b"\r\n")[:-1]
        width = (max(len(cell) for cell in cells) // _TAB + 1) * _TAB
        across = max(1, _SCREEN // width)
        down = -(-len(cells) // across)
        rows = (cells[row::down] for row in range(down))
        return b"".join(_row(row, width) + b"\r\n" for row in rows)


class _Follow:
    """Says what a link in a directory leads to, where the kernel has no openat2."""

    def __init__(self, resolver: Resolver, directory: bytes) -> None:
        self._resolver = resolver
        self._directory = directory

    def __call__(self, name: bytes) -> os.stat_result | None:
        try:
            with _Descriptor(self._resolver.open(self._directory + b"/" + name, os.O_PATH)) as fd:
                return os.fstat(fd)
        except OSError:
            return None


class _Parent:
    """The directory above, for `..`: -1 when it is not wanted or not to be had."""

    def __init__(self, resolver: Resolver, path: bytes, *, wanted: bool) -> None:
        self._fd = -1
        if wanted:
            try:
                self._fd = resolver.open(path + b"/..", _DIRECTORY_PATH)
            except OSError:
                pass

    def __enter__(self) -> int:
        return self._fd

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)


def _before(pattern: list[bytes], shown: bytes | None, start: bytes) -> bytes:
    """What stands before the pattern in the client's words (or the absolute directory if they do not fit)."""
    written = (shown or b"").split(b"/")
    if shown is None or written[-len(pattern):] != pattern:
        return start
    head = written[:-len(pattern)]
    return b"".join(part + b"/" for part in head)


def _matcher(component: bytes) -> re.Pattern[str]:
    return re.compile(translate(decode(component.replace(b"[^", b"[!"))))


def _harmless(name: bytes) -> bytes:
    return bytes(0x3F if byte < 0x20 or byte == 0x7F else byte for byte in name)


def _row(cells: list[bytes], width: int) -> bytes:
    """Cells padded with tabs to columns of `width`."""
    padded = [cell + b"\t" * -(-(width - len(cell)) // _TAB) for cell in cells[:-1]]
    return b"".join(padded) + cells[-1]

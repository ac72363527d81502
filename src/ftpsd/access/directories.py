"""Which <Directory> holds in a place.

Theory
------
In ProFTPD 1.3.8 one section holds, with those that it lies in; others count for nothing, even if they fit, too. What
lies in what is decided by the sections' paths as they are written, wildcards and all, never by the files: one lies in
the nearest other whose path, without `*` and `/` at its end, is the beginning of its own up to a `/`. Sections with `~`
or `%u` have no path when that is decided, so they lie in none. Once a login has begun they have one, and are put into
their places the next time that something changes the sections of a session: an <IfUser>, <IfGroup> or <IfAuthenticated>
that is in force, or an .ftpaccess file, which is a section of its own.

A place is looked up from the outside in: of several sections beside each other the first that fits is gone into. Their
order is that of the file reversed, the host's before <Global>'s, where they lie in none, and that of the file within a
section (each one that is put into it is put before the others). What <IfUser> and its like bring stands before what was
there.

What a section says (but for <Limit>) those in it have, too, unless they say something else. That is copied as soon as a
section has its place, so that what is said in one into which it comes later has no say where even its host says
something.

A tree with files may have lost a section from a place where it holds without them; it stays in force all the same
(`session.places`).

Sections in an <Anonymous> that are relative to its root have a path of their own for this (`sub` is `/sub`), and
<Directory *> is the <Anonymous> itself.

All of it has been compared with a real ProFTPD, by chance: tests/peer/test_peer_directories.py. Three things are
otherwise: links on the way of a section's path are followed; where an <IfUser> brings a section again, those in the old
one stay; there an AllowAll or DenyAll beside <Limit> sections does not take away theirs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

from ftpsd.ftp.paths import is_within
from ftpsd.settings.model import DirectorySection, directory_pattern
from ftpsd.settings.user_paths import unescaped

CLASSES = 1
"""The stage of what <IfClass> brings: it is laid on top, before a login, and put into nothing."""


class Fits(Protocol):
    """Says by something that is not None that a real path is in a section."""

    def fullmatch(self, path: str, /) -> object | None: ...


class Below:
    """A directory and all in it. Clients choose how many there are: a compiled expression takes more, and stays."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def fullmatch(self, path: str, /) -> object | None:
        """Whether `path` is there."""
        return path if is_within(path, self._path) else None


@dataclass(eq=False, slots=True)
class Node:
    """A section, the one that it lies in, and those that lie in it. `file` is an .ftpaccess for the same directory."""

    name: str
    fits: Fits
    section: DirectorySection | None = None
    file: DirectorySection | None = None
    above: Node | None = None
    below: list[Node] = field(default_factory=list)
    inherited: tuple[DirectorySection, ...] | None = None
    """The sections whose directives it has taken over, inner ones first, once it has been put into its place."""
    late: bool = field(init=False)
    """Whether only a login says where it is."""
    beginning: str = field(init=False)
    """How the names of sections begin that lie in it."""

    def __post_init__(self) -> None:
        self.late = self.section is not None and self.section.late
        # A file's directory is no pattern, whatever it is called.
        self.beginning = f"{self.name.rstrip('*/' if self.section is not None else '/')}/"

    @property
    def said(self) -> DirectorySection:
        """What the administrator says here, else the file."""
        found = self.section or self.file
        assert found is not None
        return found

    def gained(self) -> Iterator[DirectorySection]:
        """What came later, inner ones first: it has no say where something is said already."""
        for node in self.outwards():
            if node.section is not None and node.file is not None:
                yield node.file
            if node is not self and not any(node.said is one for one in self.inherited or ()):
                yield node.said

    def take(self, inner: Node) -> None:
        """`inner` lies in it, before the others."""
        self.below.insert(0, inner)
        inner.above = self

    def outwards(self) -> Iterator[Node]:
        """The section, the one that it lies in, and so on."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.above


def node_of(section: DirectorySection, written: str, led: str) -> Node:
    """A section of a login. `written` is the pattern that it is there, `led` the same with its links resolved."""
    fits = directory_pattern(led)
    if led != written:
        fits = re.compile(f"{directory_pattern(written).pattern}|{fits.pattern}", re.DOTALL)
    name = re.sub("/+", "/", f"/{section.path}")
    if section.late or written != led:
        name = unescaped(led)
    return Node(name, fits, section)


class Forest:
    """The sections of a login. `nodes` stand in the order of the file, what conditional sections bring after the host's
    and in stages; `last` is the last stage there was, whether it brought something or not.
    """

    def __init__(self, nodes: Sequence[Node], last: int = 0) -> None:
        self._top: Node | None = None
        self._settled = False
        for node in reversed([node for node in nodes if _is_whole(node)]):
            node.above, self._top = self._top, node
        found: list[Node] = []
        staged = {
            stage: list(of_stage) for stage, of_stage in groupby(
                (node for node in nodes if not _is_whole(node)), lambda node: _stage(node))}
        for stage in range(max(last, *staged, 0) + 1):
            added = staged.get(stage, [])
            paths = {node.section.path for node in added if node.section is not None}
            found = [*reversed(added), *_without(found, paths, late=stage > CLASSES)]
            if stage != CLASSES:
                _arrange(found, None, late=stage > CLASSES)
            for node in found:
                node.above = self._top
            _inherit(found)
        self._roots = found

    def at(self, path: str) -> Node | None:
        """The section that holds at a real path; None: there is none."""
        found = _at(self._roots, path)
        if found is None and self._top is not None and self._top.fits.fullmatch(path) is not None:
            return self._top
        return found

    def with_files(self, files: Sequence[DirectorySection], around: Sequence[DirectorySection] = ()) -> Forest:
        """The same with .ftpaccess files, outer ones first. Those of `around` hold everywhere, around all else."""
        copy = Forest(())
        copy._top, copy._settled = self._top, True
        for file in around:
            copy._top = Node("/", _EVERYWHERE, file=file, above=copy._top)
            _inherit([copy._top])
        copy._roots = [_copied(node, copy._top) for node in self._roots]
        if not self._settled:
            _arrange(copy._roots, copy._top, late=True)
        for file in reversed(files):  # ProFTPD begins at the inner end
            copy._add(file)
        _inherit(copy._roots)
        return copy

    def _add(self, file: DirectorySection) -> None:
        beside = _at(self._roots, file.path)
        if beside is not None and beside.name.rstrip("/") == file.path.rstrip("/"):
            beside.file = file
            return
        node = Node(file.path, Below(file.path), file=file, above=beside or self._top)
        level = self._roots if beside is None else beside.below
        level.append(node)
        _settle(level, node)

    def __len__(self) -> int:
        """How many sections and files there are."""
        return sum(1 for _ in _all(self._roots))


_EVERYWHERE = Below("/")


def _is_whole(node: Node) -> bool:
    return node.section is not None and node.section.path == "*"


def _stage(node: Node) -> int:
    return node.section.stage if node.section is not None else 0


def _copied(node: Node, above: Node | None) -> Node:
    copy = Node(node.name, node.fits, node.section, node.file, above, inherited=node.inherited)
    copy.below = [_copied(inner, copy) for inner in node.below]
    return copy


def _inherit(nodes: Sequence[Node]) -> None:
    """Those that have just been put into their places take over what is said in those that they lie in."""
    for node in nodes:
        if node.inherited is None:
            _, *outer = node.outwards()
            node.inherited = tuple(one.said for one in outer)
        _inherit(node.below)


def _without(nodes: Sequence[Node], paths: Collection[str], above: Node | None = None, *, late: bool) -> list[Node]:
    """The sections but for those of the paths, in whose place stand those that lie in them."""
    found: list[Node] = []
    for node in nodes:
        if node.name in paths and (late or not node.late):
            found += _without(node.below, paths, above, late=late)
        else:
            node.above, node.below = above, _without(node.below, paths, node, late=late)
            found.append(node)
    return found


def _at(nodes: Sequence[Node], path: str) -> Node | None:
    for node in nodes:
        if node.name == path:
            return node
        if node.fits.fullmatch(path) is not None:
            return _at(node.below, path) or node
    return None


def _arrange(nodes: list[Node], above: Node | None, *, late: bool) -> None:
    """Puts the sections beside each other, all in `above`, into those of them that they lie in; late ones only where
    `late` is set. Hosts have thousands of sections, and each login has its own: what one may lie in is looked up.
    """
    outer_by_beginning: dict[str, list[Node]] = {}
    for node in _all(nodes):
        if late or not node.late:
            outer_by_beginning.setdefault(node.beginning, []).append(node)
    for node in nodes:
        if node.late and not late:
            continue
        around = [
            one for end, letter in enumerate(node.name) if letter == "/"
            for one in outer_by_beginning.get(node.name[: end + 1], ()) if one is not node]
        if around:
            outer, _ = _nearest(nodes, above, node, around)
            if outer is not None:
                outer.take(node)
    nodes[:] = [node for node in nodes if node.above is above]
    for node in nodes:
        if node.below:
            _arrange(node.below, node, late=late)


def _settle(nodes: list[Node], new: Node) -> None:
    """`_arrange` where nothing but `new`, the last of the nodes, has no place yet."""
    _gather(nodes, new)
    outer, _ = _nearest(nodes, new.above, new, list(_around(nodes, new)))
    if outer is not None:
        nodes.remove(new)
        outer.take(new)
        _gather(outer.below, new)


def _gather(nodes: list[Node], outer: Node) -> None:
    """Puts those of the nodes that lie in `outer`, which stands beside them, there."""
    for node in nodes[:]:
        if node is not outer and node.name.startswith(outer.beginning):
            nodes.remove(node)
            outer.take(node)


def _all(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _all(node.below)


def _around(nodes: Sequence[Node], inner: Node) -> Iterator[Node]:
    """Whatever a section may lie in."""
    for node in nodes:
        if inner.name.startswith(node.beginning) and node is not inner:
            yield node
            yield from _around(node.below, inner)


def _nearest(
    nodes: Sequence[Node], above: Node | None, inner: Node, around: Sequence[Node],
) -> tuple[Node | None, int]:
    """What a section lies in, of the nodes, all in `above`, and those in them, so far as they are `around` it; and how
    many characters the names of the two have in common.
    """
    best: Node | None = None
    common = 0
    here = [node for node in around if node.above is above]
    if len(here) > 1:
        here.sort(key=nodes.index)
    for node in here:
        deeper, length = _nearest(node.below, node, inner, around)
        if deeper is None:
            deeper, length = node, _common(node.name, inner.name)
        if length > common:
            best, common = deeper, length
    return best, common


def _common(left: str, right: str) -> int:
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index
    return min(len(left), len(right))

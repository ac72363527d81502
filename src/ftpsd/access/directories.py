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

from ftpsd.settings.model import DirectorySection, directory_pattern
from ftpsd.settings.user_paths import escaped, unescaped

CLASSES = 1
"""The stage of what <IfClass> brings: it is laid on top, before a login, and put into nothing."""


@dataclass(eq=False, slots=True)
class Node:
    """A section, the one that it lies in, and those that lie in it. `file` is an .ftpaccess for the same directory."""

    name: str
    fits: re.Pattern[str]
    section: DirectorySection | None = None
    file: DirectorySection | None = None
    late: bool = False
    above: Node | None = None
    below: list[Node] = field(default_factory=list)
    inherited: tuple[DirectorySection, ...] | None = None
    """The sections whose directives it has taken over, inner ones first, once it has been put into its place."""
    beginning: str = ""
    """How the names of sections begin that lie in it."""

    def __post_init__(self) -> None:
        self.beginning = f"{self.name.rstrip('*/')}/"

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
    name = section.path if section.path.startswith("/") else f"/{section.path}"
    if section.late or written != led:
        name = unescaped(led)
    return Node(name, fits, section, late=section.late)


class Forest:
    """The sections of a login. `nodes` stand in the order of the file, what conditional sections bring after the host's
    and in stages; `last` is the last stage there was, whether it brought something or not.
    """

    def __init__(self, nodes: Sequence[Node], last: int = 0) -> None:
        self._top: Node | None = None
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
                _arrange(found, late=stage > CLASSES)
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

    def with_files(self, files: Sequence[DirectorySection]) -> Forest:
        """The same with .ftpaccess files, outer ones first."""
        copy = Forest(())
        copy._top = self._top
        copy._roots = [_copied(node, self._top) for node in self._roots]
        _arrange(copy._roots, late=True)
        for file in reversed(files):  # ProFTPD begins at the inner end
            copy._add(file)
        _inherit(copy._roots)
        return copy

    def _add(self, file: DirectorySection) -> None:
        beside = _at(self._roots, file.path)
        if beside is not None and beside.name.rstrip("/") == file.path.rstrip("/"):
            beside.file = file
        else:
            node = Node(file.path, directory_pattern(escaped(file.path)), file=file, above=beside or self._top)
            (self._roots if beside is None else beside.below).append(node)
        _arrange(self._roots, late=True)


def _is_whole(node: Node) -> bool:
    return node.section is not None and node.section.path == "*"


def _stage(node: Node) -> int:
    return node.section.stage if node.section is not None else 0


def _copied(node: Node, above: Node | None) -> Node:
    copy = Node(node.name, node.fits, node.section, node.file, node.late, above, inherited=node.inherited)
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


def _arrange(nodes: list[Node], *, late: bool) -> None:
    """Puts the sections beside each other into those of them that they lie in; late ones only where `late` is set."""
    for node in [node for node in nodes if late or not node.late]:
        outer, _ = _nearest(nodes, node, late=late)
        if outer is not None:
            nodes.remove(node)
            outer.below.insert(0, node)
            node.above = outer
    for node in nodes:
        _arrange(node.below, late=late)


def _nearest(nodes: Sequence[Node], inner: Node, *, late: bool) -> tuple[Node | None, int]:
    """What a section lies in, of these and those in them, and how many characters the two have in common."""
    best: Node | None = None
    common = 0
    for node in nodes:
        if not inner.name.startswith(node.beginning) or node is inner or (node.late and not late):
            continue
        deeper, length = _nearest(node.below, inner, late=late)
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

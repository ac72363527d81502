"""What is in force where: the <Directory> sections and .ftpaccess files of a path, laid over a login's settings.

Which of several sections that fit a path hold, and in which order, `access.directories` says.

A <Directory> may be written with `~`, `~name`, `%u` or relative to the root of an <Anonymous>; at login that becomes a
path of this machine, twice where a link is on its way: as it is written and as it leads. Paths to be judged come with
their links resolved, so that a link gets nobody around a section.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from itertools import compress
from operator import not_

from ftpsd.access.directories import Forest, Node, node_of
from ftpsd.ftp.paths import is_within
from ftpsd.settings.model import DirectorySection, HomeOf, Settings, laid_over
from ftpsd.settings.restrictions import Restrictions
from ftpsd.settings.user_paths import escaped, first_wildcard, unescaped

_MOST_REMEMBERED = 4096
"""Sections and files in the combinations with .ftpaccess files that a session keeps; users can make many of them."""

RealPath = Callable[[str], str]


class Places:
    """The settings of one login, by real path."""

    def __init__(self, base: Settings, nodes: Sequence[Node] = ()) -> None:
        self.base = base
        self._forest = Forest(nodes, base.stages)
        self._with_files: dict[tuple[int, ...], Forest] = {}
        self._kept = 0
        self._remembered: dict[tuple[Node, Node | None], Settings] = {}
        sections = [node.section for node in nodes if node.section is not None]
        self.restricted = any(base.restrictions) or any(section.restrictions for section in sections)
        """Whether a <Limit> or DenyAll stands anywhere."""
        self.varied = bool(nodes)
        """Whether the place matters: whether there are <Directory> sections."""
        self._changed = {(change.group, change.field) for section in sections for change in section.changes}

    def anywhere(self, group: str, *names: str) -> bool:
        """Whether one of the fields is set (not None, False or empty) for the login, or touched by a <Directory>."""
        settings = getattr(self.base, group)
        return any(getattr(settings, name) for name in names) or any((group, name) in self._changed for name in names)

    def touches(self, group: str) -> bool:
        """Whether a <Directory> changes a field of the group."""
        return any(changed == group for changed, _ in self._changed)

    def at(self, real: str, dynamic: Sequence[DirectorySection] = ()) -> Settings:
        """What is in force at the real path `real`; `dynamic` are the .ftpaccess files on its way, outer ones first.

        A file that is on the way, but around another directory (the way led into a virtual folder), holds around all
        else. Where files would take a <Directory> out of force it holds before all others: they are users'. Where a
        file and a <Directory> stand for the same directory, the administrator's directives count, his DenyAll unless
        the file says AllowAll, and of <Limit> sections the file's are asked first, as in ProFTPD.
        """
        real = real.rstrip("/") or "/"
        forest = self._over(real, dynamic) if dynamic else self._forest
        usual = self._forest.at(real)
        node = usual if forest is self._forest else forest.at(real) or usual
        if node is None:
            return self.base
        key = (node, usual)
        settings = self._remembered.get(key)
        if settings is None:
            settings = self._remembered[key] = _laid(self.base, node, _lost(node, usual))
        return settings

    def sections_at(self, real: str) -> list[DirectorySection]:
        """The <Directory> sections that hold at the real path `real`, outer ones first."""
        node = self._forest.at(real.rstrip("/") or "/")
        found = [] if node is None else [one.section for one in node.outwards() if one.section is not None]
        return found[::-1]

    def _over(self, real: str, files: Sequence[DirectorySection]) -> Forest:
        within = [is_within(real, file.path) for file in files]
        key = (*map(id, files), *within)
        forest = self._with_files.get(key)
        if forest is None:
            if not self._with_files or self._kept >= _MOST_REMEMBERED:
                self.forget()
                self._forest = self._forest.with_files(())  # ProFTPD arranges everything anew, and leaves it so
            around = compress(files, map(not_, within))
            forest = self._with_files[key] = self._forest.with_files([*compress(files, within)], [*around])
            self._kept += len(forest)
        return forest

    def forget(self) -> None:
        """An .ftpaccess file has changed."""
        self._with_files.clear()
        self._kept = 0
        self._remembered.clear()


def _lost(node: Node, usual: Node | None) -> list[DirectorySection]:
    """The <Directory> sections, inner ones first, that hold where there are no files, but not at `node` with them."""
    if usual is None or usual is node:
        return []
    held = [one.section for one in node.outwards()]
    return [
        one.section for one in usual.outwards()
        if one.section is not None and not any(one.section is section for section in held)]


def _laid(base: Settings, node: Node, lost: Sequence[DirectorySection]) -> Settings:
    late = [section.yielding(base.said) for section in node.gained()]
    sections = [*reversed(late), *reversed(node.inherited or ()), node.said, *reversed(lost)]
    return laid_over(base, sections, _restrictions(list(node.outwards()), lost))


def _restrictions(inner_first: Sequence[Node], lost: Sequence[DirectorySection]) -> list[Restrictions]:
    """What the sections restrict, files before what stands for their directory; the first says if all is denied."""
    found = [
        section.restrictions for node in inner_first for section in (node.file, node.section) if section is not None]
    own, file = inner_first[0].section, inner_first[0].file
    if own is not None and file is not None and file.restrictions.everything is None:
        found[0] = dataclasses.replace(found[0], everything=own.restrictions.everything)
    before = [section.restrictions for section in lost]
    if before and found[0].everything == "deny":
        before[0] = dataclasses.replace(before[0], everything="deny")
    return [*before, *found]


def places_of(
    settings: Settings, *, home: str, root: str, user: str, home_of: HomeOf, real_path: RealPath
) -> Places:
    """The places of a login with `settings`: `home` and `root` are real paths, `real_path` says where a path leads."""
    found = []
    for section in settings.directories:
        written = section.absolute(home=home, root=root, user=user, home_of=home_of)
        led = _led(written, real_path)
        found.append(node_of(section, written, led))
    return Places(settings, found)


def _led(path: str, real_path: RealPath) -> str:
    """The pattern `path` with the links resolved in what stands before its first wildcard."""
    wild = first_wildcard(path)
    plain = path if wild is None else path[: path.rfind("/", 0, wild) + 1]
    rest = path[len(plain):]
    if "\0" in path:
        return path
    real = escaped(real_path(unescaped(plain).rstrip("/") or "/"))
    return f"{real.rstrip('/')}/{rest}" if rest else real

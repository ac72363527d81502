"""What is in force where: the <Directory> sections and .ftpaccess files that fit a path, laid over a login's settings.

A <Directory> may be written with `~`, `~name`, `%u` or relative to the root of an <Anonymous>; at login that becomes a
path of this machine, twice where a link is on its way: as it is written and as it leads. Paths to be judged come with
their links resolved, so that a link gets nobody around a section.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ftpsd.settings.model import DirectorySection, HomeOf, Settings, directory_pattern, laid_over
from ftpsd.settings.restrictions import Restrictions
from ftpsd.settings.user_paths import escaped, first_wildcard, unescaped

_MOST_REMEMBERED = 512
"""Combinations of sections whose settings a session keeps."""

RealPath = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Place:
    """A <Directory> of this login: what it fits, and how deep it lies (components)."""

    patterns: tuple[re.Pattern[str], ...]
    depth: int
    section: DirectorySection

    def fits(self, real: str) -> bool:
        return any(pattern.fullmatch(real) for pattern in self.patterns)


def _components(path: str) -> int:
    return len([part for part in path.split("/") if part])


class Places:
    """The settings of one login, by real path."""

    def __init__(self, base: Settings, places: Sequence[_Place] = ()) -> None:
        self.base = base
        self._places = places
        self._remembered: dict[tuple[object, ...], Settings] = {}
        sections = [place.section for place in places]
        self.restricted = any(base.restrictions) or any(section.restrictions for section in sections)
        """Whether a <Limit> or DenyAll stands anywhere."""
        self.varied = bool(places)
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

        Where a file and a <Directory> stand for the same directory, the administrator's directives count, his DenyAll
        unless the file says AllowAll, and of <Limit> sections the file's are asked first, as in ProFTPD.
        """
        found = self._fitting(real)
        if not found and not dynamic:
            return self.base
        key = (*map(id, found), None, *map(id, dynamic))
        settings = self._remembered.get(key)
        if settings is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            settings = self._remembered[key] = self._laid(found, dynamic)
        return settings

    def sections_at(self, real: str) -> list[DirectorySection]:
        """The <Directory> sections that fit the real path `real`, outer ones first."""
        return [place.section for place in sorted(self._fitting(real), key=lambda place: place.depth)]

    def _fitting(self, real: str) -> list[_Place]:
        path = real.rstrip("/") or "/"
        return [place for place in self._places if place.fits(path)]

    def forget(self) -> None:
        """An .ftpaccess file has changed."""
        self._remembered.clear()

    def _laid(self, found: Iterable[_Place], dynamic: Iterable[DirectorySection]) -> Settings:
        static = [(place.depth, 1, index, place.section) for index, place in enumerate(found)]
        files = [(_components(section.path), 0, index, section) for index, section in enumerate(dynamic)]
        outer_first = sorted([*static, *files], key=lambda entry: entry[:3])
        inner_first = sorted([*static, *files], key=lambda entry: (-entry[0], entry[1], -entry[2]))
        return laid_over(self.base, [entry[3] for entry in outer_first], _restrictions(inner_first))


def _restrictions(inner_first: Sequence[tuple[int, int, int, DirectorySection]]) -> list[Restrictions]:
    """What the sections (depth, 0 for a file, place, section) restrict; the first alone says whether all is denied."""
    found = [section.restrictions for *_, section in inner_first]
    (depth, static, *_), *others = inner_first
    beside = next((section.restrictions for at, kind, _, section in others if at == depth and kind), None)
    if not static and beside is not None and found[0].everything is None:
        found[0] = dataclasses.replace(found[0], everything=beside.everything)
    return found


def places_of(
    settings: Settings, *, home: str, root: str, user: str, home_of: HomeOf, real_path: RealPath
) -> Places:
    """The places of a login with `settings`: `home` and `root` are real paths, `real_path` says where a path leads."""
    found = []
    for section in settings.directories:
        if section.empty:  # as if it were not there: it does not end the DenyAll of the directories above
            continue
        written = section.absolute(home=home, root=root, user=user, home_of=home_of)
        led = _led(written, real_path)
        patterns = tuple(directory_pattern(path) for path in dict.fromkeys((written, led)))
        found.append(_Place(patterns, _components(led), section))
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

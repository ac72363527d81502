"""What the parser makes of a file: directives and sections, each with its place."""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.errors import Location


@dataclass(frozen=True, slots=True)
class Directive:
    """`Name word …`; `name` as it was written."""

    name: str
    words: tuple[str, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class Section:
    """`<Name word …>` … `</Name>`; `name` as it was written, without brackets."""

    name: str
    words: tuple[str, ...]
    location: Location
    children: tuple[Node, ...] = ()


Node = Directive | Section


@dataclass(frozen=True, slots=True)
class Tree:
    """A configuration: its nodes in order, the files that were read, the names that are defined at the
    end, and what is doubtful about its conditions."""

    nodes: tuple[Node, ...]
    files: tuple[str, ...]
    defines: frozenset[str]
    notices: tuple[str, ...] = ()

"""Reads a configuration and finds all its errors, where a start stops at the first.

A line that cannot be is noted and taken out, and the rest is read again, until it can. So one run shows everything that
is to be mended, and the other looks have something to look at. What cannot be taken out (a section that does not end)
ends it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from ftpsd.config import Directive, FileSource, Node, Section, Tree, parse
from ftpsd.errors import ConfigError, Location
from ftpsd.settings.builder import Resolve
from ftpsd.settings.loader import configured, interface_names
from ftpsd.settings.model import Configuration
from ftpsd.settings.registry import has_module, module_meant

MOST_ERRORS = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """`configuration` is what was left when all `errors` were taken out (None: nothing); `tree` as it was written."""

    errors: tuple[ConfigError, ...]
    configuration: Configuration | None = None
    tree: Tree | None = None

    def directives(self) -> Iterator[Directive]:
        """Every directive that was read, also those in sections."""
        if self.tree is not None:
            yield from _directives(self.tree.nodes)


def _directives(nodes: Iterable[Node]) -> Iterator[Directive]:
    for node in nodes:
        if isinstance(node, Section):
            yield from _directives(node.children)
        else:
            yield node


def read(path: str, *, defines: Collection[str] = (), resolve: Resolve) -> Reading:
    """The configuration file `path`, as far as it can be read."""
    errors: list[ConfigError] = []
    try:
        tree = parse(
            os.path.abspath(path), FileSource(), environment=os.environ, defines=defines, has_module=has_module,
            meant=module_meant)
    except ConfigError as error:
        return Reading((error,))
    rest: Tree | None = tree
    interfaces = interface_names()
    while rest is not None and len(errors) < MOST_ERRORS:
        try:
            whole = configured(rest, resolve=resolve, interfaces=interfaces)
        except ConfigError as error:
            errors.append(error)
            rest = _without(rest, error.location)
        else:
            return Reading(tuple(errors), whole, tree)
    return Reading(tuple(errors), None, tree)


def _without(tree: Tree, location: Location | None) -> Tree | None:
    """`tree` without what stands at `location`; None: nothing does."""
    if location is None:
        return None
    nodes = _pruned(tree.nodes, location)
    return None if nodes == tree.nodes else replace(tree, nodes=nodes)


def _pruned(nodes: tuple[Node, ...], location: Location) -> tuple[Node, ...]:
    return tuple(
        replace(node, children=_pruned(node.children, location)) if isinstance(node, Section) else node
        for node in nodes if node.location != location
    )

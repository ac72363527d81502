"""All declarations, by name and by module."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from types import MappingProxyType

from ftpsd.errors import Location
from ftpsd.settings import folders, ldap, limit_directives, modules, otp, undone
from ftpsd.settings.declaration import METADATA_KEY, Declaration, Status
from ftpsd.settings.model import NOT_GROUPS, Configuration, Settings


def _fields() -> list[Declaration]:
    found = []
    defaults = Settings()
    for group in dataclasses.fields(Settings):
        if group.name in NOT_GROUPS:
            continue
        for field in dataclasses.fields(getattr(defaults, group.name)):
            declaration: Declaration = field.metadata[METADATA_KEY]
            found.append(dataclasses.replace(declaration, group=group.name, field=field.name))
    return found


_WITHOUT_FIELDS = (
    limit_directives,
    folders,
    ldap,
    otp,
    undone,
)
"""Modules with declarations of directives that are no fields."""


def _by_key() -> Mapping[str, Declaration]:
    table: dict[str, Declaration] = {}
    others = (declaration for module in _WITHOUT_FIELDS for declaration in module.DECLARATIONS)
    for declaration in (*_fields(), *others):
        if declaration.key in table:
            raise AssertionError(f"{declaration.name} is declared twice")
        table[declaration.key] = declaration
    return MappingProxyType(dict(sorted(table.items())))


DIRECTIVES: Mapping[str, Declaration] = _by_key()
"""Every known directive by its name in lower case, sorted."""


def _modules() -> tuple[str, ...]:
    effective = {Status.SUPPORTED, Status.NO_EFFECT}
    named = {declaration.module for declaration in DIRECTIVES.values() if declaration.status in effective}
    return tuple(
        sorted(f"{name}.c" for name in (named | set(modules.ALWAYS) | {"mod_ifsession"}) - {modules.OWN})
    )


MODULES: tuple[str, ...] = _modules()
"""ProFTPD's modules that ftpsd has: `mod_tls.c` …, sorted."""

SECTIONS = (
    "Global",
    "VirtualHost",
    "Anonymous",
    "Directory",
    "Limit",
    "Class",
    "IfClass",
    "IfUser",
    "IfGroup",
    "IfAuthenticated",
    "IfModule",
    "IfDefine",
)


def has_module(name: str) -> bool:
    """Whether <IfModule name> is true."""
    return name.lower() in MODULES


def module_meant(name: str) -> str | None:
    """The module that a name in <IfModule> was probably to be; None: none, or it is another one of ProFTPD's."""
    known = {f"{other}.c": None for other in modules.OTHERS} | {module: module for module in MODULES}
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.85)
    return known[close[0]] if close else None


def place(configuration: Configuration, directive: str) -> Location | None:
    """Where `directive` stands; None: nowhere, or in several places."""
    declaration = DIRECTIVES.get(directive.lower())
    if declaration is None:
        return None
    found = {host.origin(declaration.group, declaration.field) for host in configuration.every_host} - {None}
    return found.pop() if len(found) == 1 else None


def remedy_for_unknown(name: str) -> str | None:
    """What to do about a directive that ftpsd does not know: a typing error, or a module's that it lacks."""
    close = difflib.get_close_matches(name.lower(), DIRECTIVES, n=1, cutoff=0.9)
    module = modules.of_directive(name)
    if close or module is None:
        return suggestion(name)
    return (
        f"It belongs to {module}, which ftpsd does not have: take the line out, "
        f"or put it between <IfModule {module}.c> and </IfModule>."
    )


def suggestion(name: str) -> str | None:
    """`Did you mean X?` for a directive's or section's (`<X>`) name that does not exist."""
    known = {key: declaration.name for key, declaration in DIRECTIVES.items()}
    known |= {f"<{section.lower()}>": f"<{section}>" for section in SECTIONS}
    known |= {"include": "Include", "define": "Define"}
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.7)
    return f"Did you mean {known[close[0]]}?" if close else None

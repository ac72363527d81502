"""The configuration as a whole: errors, notices, lines without effect, lines that mean something else in ProFTPD."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ftpsd.access import limits
from ftpsd.config import Directive
from ftpsd.diag.finding import Finding, Severity
from ftpsd.diag.reading import Reading
from ftpsd.errors import ConfigError, Location
from ftpsd.reasons.codes import Code
from ftpsd.session import redislogs
from ftpsd.settings.declaration import Status
from ftpsd.settings.registry import DIRECTIVES

_PLACE = re.compile(r"\bon line (\d+) of '([^']*)'")
_UNREMARKABLE = frozenset({"LoadModule", "ModulePath", "ModuleOrder", "LoadFile"})
"""They stand in every configuration of ProFTPD, and their absence of effect surprises nobody."""


def look(reading: Reading) -> list[Finding]:
    found = [_error(error) for error in reading.errors]
    if reading.configuration is not None:
        said = reading.configuration
        notices = (*said.notices, *limits.unknown_words(said), *redislogs.unknown_words(said))
        found += [_notice(text) for text in notices]
    found += _idle(reading)
    found += _different(reading)
    return found


def _error(error: ConfigError) -> Finding:
    return Finding(
        Severity.ERROR, Code.CONFIG_ERROR, error.text, error.remedy or "", error.location, error.directive or "")


def _notice(text: str) -> Finding:
    match = _PLACE.search(text)
    location = Location(match[2], int(match[1])) if match is not None else None
    severity = Severity.NOTE if text.startswith("these modules are not part of") else Severity.WARNING
    return Finding(severity, Code.CONFIG_NOTICE, text, "", location)


def _first_of_each(reading: Reading) -> Iterator[tuple[Directive, int]]:
    """The first line of every directive, and how many there are."""
    lines: dict[str, list[Directive]] = {}
    for directive in reading.directives():
        lines.setdefault(directive.name.lower(), []).append(directive)
    yield from ((found[0], len(found)) for found in lines.values())


def _idle(reading: Reading) -> Iterator[Finding]:
    for line, count in _first_of_each(reading):
        declaration = DIRECTIVES.get(line.name.lower())
        if declaration is None or declaration.status is not Status.NO_EFFECT or declaration.name in _UNREMARKABLE:
            continue
        more = f" (and {count - 1} more)" if count > 1 else ""
        yield Finding(
            Severity.NOTE, Code.DIRECTIVE_WITHOUT_EFFECT,
            f"{declaration.name}{more} has no effect: {declaration.reason}", "It may stay or go.", line.location,
            declaration.name)


def _different(reading: Reading) -> Iterator[Finding]:
    for line, _ in _first_of_each(reading):
        declaration = DIRECTIVES.get(line.name.lower())
        if declaration is not None and declaration.differs:
            yield Finding(
                Severity.NOTE, Code.DIRECTIVE_DIFFERS, f"otherwise than in ProFTPD: {declaration.differs}", "",
                line.location, declaration.name)

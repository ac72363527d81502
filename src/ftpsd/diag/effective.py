"""`ftpsd check --explain DIRECTIVE`: what is in force for every host, and which lines say so."""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.config import Directive
from ftpsd.diag import sections, values
from ftpsd.diag.reading import Reading
from ftpsd.diag.sections import Said
from ftpsd.errors import Location
from ftpsd.settings.addresses import described
from ftpsd.settings.declaration import Combine, Declaration
from ftpsd.settings.model import Host


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the configuration about the directive. `counts`: it has a part in the value that is in force."""

    text: str
    location: Location | None
    section: str = ""
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Effective:
    """The value for one host: lines that make it (none: the default), and lines of sections that say otherwise."""

    host: str
    value: str
    lines: tuple[Line, ...]
    elsewhere: tuple[Line, ...]


def explain(reading: Reading, declaration: Declaration) -> list[Effective]:
    """The directive's value for every host of a configuration that could be read."""
    written = {line.location: line for line in reading.directives()}
    hosts = reading.configuration.hosts if reading.configuration is not None else ()
    return [_of_host(host, declaration, written) for host in hosts]


def _of_host(host: Host, declaration: Declaration, written: dict[Location, Directive]) -> Effective:
    group, field = declaration.group, declaration.field
    value = getattr(getattr(host.settings, group), field)
    own = sections.own(host, group, field)
    adding = declaration.combine in (
        Combine.APPEND, Combine.INWARD, Combine.CLEARABLE, Combine.UNION, Combine.BY_KEY)
    lines = [_line(said, declaration, written, counts=adding or said is own[-1]) for said in own]
    others = [_line(said, declaration, written) for said in sections.elsewhere(host, group, field)]
    return Effective(described(host), values.shown(value), tuple(lines), tuple(others))


def _line(
    said: Said, declaration: Declaration, written: dict[Location, Directive], *, counts: bool = True
) -> Line:
    place = said.change.location
    directive = written.get(place) if place is not None else None
    if declaration.secret:
        text = f"{declaration.name} {values.HIDDEN}"
    elif directive is not None:
        text = " ".join((directive.name, *directive.words))
    else:
        text = f"{declaration.name} {values.shown(said.change.value)}"
    return Line(text, place, said.section, counts)

"""Where the value of a setting comes from, for a host or for a login: the lines that say it, by section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ftpsd.settings.model import AnonymousSection, Change, ConditionalSection, DirectorySection, Host


@dataclass(frozen=True, slots=True)
class Said:
    """A line that gives a setting a value, and the section that it stands in."""

    section: str
    change: Change


def _of(changes: Iterable[Change], group: str, field: str, section: str) -> Iterator[Said]:
    yield from (Said(section, each) for each in changes if (each.group, each.field) == (group, field))


def own(host: Host, group: str, field: str) -> list[Said]:
    """What server config or the <VirtualHost> itself says, and what <Global> said before; the last one counts, but for
    directives that add to what they inherit."""
    return list(_of(host.changes, group, field, ""))


def elsewhere(host: Host, group: str, field: str) -> list[Said]:
    """What sections say that apply to some logins or directories only."""
    found = [*_in_directories(host.directories, group, field, "")]
    for conditional in host.conditionals:
        name = named(conditional)
        found += _of((*conditional.early, *conditional.changes), group, field, name)
        found += _in_directories(conditional.directories, group, field, f"{name} ")
    for anonymous in host.anonymous:
        found += _of(anonymous.changes, group, field, f"<Anonymous {anonymous.root}>")
        found += _in_directories(anonymous.directories, group, field, f"<Anonymous {anonymous.root}> ")
    return found


def _in_directories(sections: Iterable[DirectorySection], group: str, field: str, head: str) -> Iterator[Said]:
    for section in sections:
        yield from _of(section.changes, group, field, f"{head}<Directory {section.path}>")


def named(section: ConditionalSection) -> str:
    """`<IfUser alice>`."""
    expression = section.expression
    if expression is None:
        words = ""
    elif expression.pattern is not None:
        words = f" regex {'!' if expression.negated else ''}{expression.pattern.pattern}"
    else:
        words = f" {(',' if expression.operator == 'and' else ' OR ').join(expression.names)}"
    return f"<If{section.kind.capitalize()}{words}>"


def for_login(
    host: Host, group: str, field: str, *, holding: Iterable[ConditionalSection] = (),
    anonymous: AnonymousSection | None = None, directories: Iterable[DirectorySection] = (),
) -> Said | None:
    """The line that decides for a login under the sections that apply to it; None: the default."""
    found = own(host, group, field)
    conditional = [said for section in holding for said in _of(section.changes, group, field, named(section))]
    inside = list(_of(anonymous.changes, group, field, f"<Anonymous "
    f"{anonymous.root}>")) if anonymous is not None else []
    below = list(_in_directories(directories, group, field, ""))
    ordered = [*found, *inside, *below, *conditional]
    return ordered[-1] if ordered else None

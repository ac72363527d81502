"""<IfClass> sections that say of a host what only a host can say: ServerIdent, AuthUserFile, TLSEngine.

Who belongs to a class is known as soon as a client connects, before anything else of its session. So such a section
makes another host of the one that it stands in, with settings of its own, on the same addresses: `Host.for_classes`
says which of them a client finds. Where several sections may hold together, there is one for each combination.
"""

from __future__ import annotations

import dataclasses
from itertools import chain, combinations

from ftpsd.errors import ConfigError
from ftpsd.settings.model import ConditionalSection, Configuration, Host

MOST_SECTIONS = 4
"""Such sections in one host: each doubles the hosts that are made of it."""


def with_variants(configuration: Configuration) -> Configuration:
    """The configuration with the variants of its hosts. Raises `ConfigError` where there would be too many."""
    number, hosts = len(configuration.hosts), list[Host]()
    for host in configuration.hosts:
        made = _variants(host, number)
        number += len(made)
        hosts.append(dataclasses.replace(host, variants=made) if made else host)
    return dataclasses.replace(configuration, hosts=tuple(hosts))


def _variants(host: Host, number: int) -> tuple[tuple[tuple[int, ...], Host], ...]:
    early = [place for place, section in enumerate(host.conditionals) if section.early]
    if len(early) > MOST_SECTIONS:
        raise ConfigError(
            f"more than {MOST_SECTIONS} sections of one host that say what is said of hosts"
            f" ({host.conditionals[early[0]].early[0].location} is the first)",
            location=host.conditionals[early[MOST_SECTIONS]].location, directive="<IfClass>",
            remedy="Write what several classes have in common into one section: <IfClass one,two>.")
    plain = tuple(dataclasses.replace(section, early=()) for section in host.conditionals)
    together = chain.from_iterable(combinations(early, count) for count in range(1, len(early) + 1))
    return tuple(
        (holding, _variant(host, holding, number + more, plain=plain)) for more, holding in enumerate(together))


def _variant(host: Host, holding: tuple[int, ...], number: int, *, plain: tuple[ConditionalSection, ...]) -> Host:
    changes = tuple(change for place in holding for change in host.conditionals[place].early)
    settings = host.settings.changed(changes)
    anonymous = tuple(
        dataclasses.replace(section, settings=settings.changed(section.changes, section.directories))
        for section in host.anonymous)
    return dataclasses.replace(
        host, id=number, settings=settings, conditionals=plain, anonymous=anonymous, changes=(*host.changes, *changes))

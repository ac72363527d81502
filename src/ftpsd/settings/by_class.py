"""<IfClass> sections that say of a host what only a host can say: ServerIdent, AuthUserFile, TLSEngine.

Who belongs to a class is known as soon as a client connects, before anything else of its session. So such a section
makes another host of the one that it stands in, with settings of its own, on the same addresses: `Host.for_classes`
says which of them a client finds. A client is of one class at most, so there are no more of them than classes, and one
for clients of none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from ftpsd.settings.model import ConditionalSection, Configuration, Host


def with_variants(configuration: Configuration) -> Configuration:
    """The configuration with the variants of its hosts, those that it had made anew.

    The numbers of variants follow from classes and sections alone: they stay when settings change.
    """
    comers = ((), *((section.name,) for section in configuration.classes))
    number, hosts = len(configuration.hosts), list[Host]()
    for host in configuration.hosts:
        made = _variants(host, number, comers)
        number += len(made)
        hosts.append(dataclasses.replace(host, variants=made) if made or host.variants else host)
    return dataclasses.replace(configuration, hosts=tuple(hosts))


def _variants(
    host: Host, number: int, comers: Collection[tuple[str, ...]],
) -> tuple[tuple[tuple[int, ...], Host], ...]:
    """One for each set of sections that holds for somebody; `comers`: the classes that a client may be of."""
    found = dict.fromkeys(filter(None, map(host.early_for, comers)))
    plain = tuple(dataclasses.replace(section, early=()) for section in host.conditionals)
    return tuple((holding, _variant(host, holding, number + more, plain=plain)) for more, holding in enumerate(found))


def _variant(host: Host, holding: tuple[int, ...], number: int, *, plain: tuple[ConditionalSection, ...]) -> Host:
    changes = tuple(change for place in holding for change in host.conditionals[place].early)
    return dataclasses.replace(host.with_changes(changes), id=number, conditionals=plain, variants=())

"""From the directives of hosts to what the stapler looks after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography import x509

from ftpsd.native._openssl import Context, Staple
from ftpsd.settings.model import Host
from ftpsd.tls.certificates import Credential
from ftpsd.tls.stapling import subjects
from ftpsd.tls.stapling.shelf import Shelf
from ftpsd.tls.stapling.stapler import Stapled

_ONLY_WITH = {
    "stapling_responder": "TLSStaplingResponder", "stapling_options": "TLSStaplingOptions",
    "stapling_timeout": "TLSStaplingTimeout",
}


@dataclass(frozen=True, slots=True)
class Stapling:
    """What all hosts share. `by_default`: hosts that do not say TLSStapling off have it on (TLSStaplingCache)."""

    shelf: Shelf = field(default_factory=Shelf)
    by_default: bool = False

    def wanted(self, host: Host) -> bool:
        chosen = host.settings.tls.stapling
        return self.by_default if chosen is None else chosen


def attach(
    context: Context, host: Host, credential: Credential, chain: Sequence[x509.Certificate], stapling: Stapling,
) -> tuple[list[Stapled], list[str]]:
    """Has the context staple what belongs to the certificate that it got last: (what is to be looked after, notices).

    `chain`: certificates among which its issuer may be.
    """
    settings, path, leaf = host.settings.tls, credential.certificate_file, credential.leaf
    must = subjects.demands_stapling(leaf)
    warnings = [subjects.demand(path, on=stapling.wanted(host))] if must else []
    if not stapling.wanted(host):
        return [], warnings
    subject, why = subjects.subject_of(leaf, path, chain, settings)
    if subject is None:
        if must or "NoFakeTryLater" not in settings.stapling_options:
            context.staple(Staple(), fake=True)
        return [], [f"TLSStapling: {why}", *warnings]
    place = stapling.shelf.place(subject.rules)
    context.staple(place.staple, fake=subject.fake)
    return [Stapled(subject, place, host.id, path)], []


def without_effect(host: Host, stapling: Stapling) -> list[str]:
    """Notices of directives that only matter with stapling, where that is off."""
    if stapling.wanted(host):
        return []
    return [
        f"{directive} has no effect: TLSStapling is off"
        for name, directive in _ONLY_WITH.items() if host.origin("tls", name) is not None
    ]


def once(stapled: Iterable[Stapled]) -> tuple[Stapled, ...]:
    """Each place once, also where several hosts have the same certificate."""
    return tuple({id(one.place): one for one in reversed(list(stapled))}.values())[::-1]

"""The address that clients are told instead of the server's own: MasqueradeAddress, TLSMasqueradeAddress.

A NAT device that knows FTP rewrites what PASV answers in clear, and cannot under TLS: hence two directives.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ftpsd.errors import ConfigError, Location
from ftpsd.session.endpoints import Ends
from ftpsd.settings.loader import of_interface
from ftpsd.settings.model import Host, Settings
from ftpsd.tls.policy import TLSState

_DIRECTIVES = {"transfer": "MasqueradeAddress", "tls": "TLSMasqueradeAddress"}


@dataclass(frozen=True, slots=True)
class Masquerade:
    """IP addresses; `tls` is for sessions whose control connection has had TLS (also after CCC), where it is set."""

    plain: str | None = None
    tls: str | None = None
    known: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The addresses of all names that the host's sections write."""

    def under(self, settings: Settings) -> Masquerade:
        """What holds where sections (<IfClass> and its kin) may say otherwise than the host."""
        plain, tls = settings.transfer.masquerade_address, settings.tls.masquerade_address
        return Masquerade(plain and self.known.get(plain), tls and self.known.get(tls), self.known)

    def shown(self, ends: Ends, tls: TLSState) -> str:
        """The server's address as a session's client is told."""
        chosen = (self.tls if tls.mechanism else None) or self.plain
        return chosen or ends.announced or ends.local

    def passive(self, ends: Ends, tls: TLSState) -> str:
        """The address in the reply to PASV, which can only say IPv4 addresses."""
        shown = self.shown(ends, tls)
        return ends.local if ":" in shown else shown


def resolve(host: Host) -> Masquerade:
    """What a host's directives say, names looked up. Raises `ConfigError`."""
    settings = host.settings
    known: dict[str, str] = {}
    for directive, name, location in _written(host):
        if name not in known:
            known[name] = _address(name, directive, location or host.location)
    return Masquerade(known=known).under(settings)


def _written(host: Host) -> Iterator[tuple[str, str, Location | None]]:
    """(directive, address or name, where) of the host and of its conditional sections."""
    for group, directive in _DIRECTIVES.items():
        name = getattr(host.settings, group).masquerade_address
        if name is not None:
            yield directive, name, host.origin(group, "masquerade_address")
        for change in host.changes_for_some(group, "masquerade_address"):
            yield directive, change.value, change.location


def _address(name: str, directive: str, location: Location | None) -> str:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        if own := of_interface(name):
            return own[0]
        reason = error.strerror if isinstance(error, OSError) else "no host name"
        raise ConfigError(
            f"unable to resolve '{name}': {reason}", directive=directive,
            location=location,
            remedy="Write the address, or a name that this machine can resolve.",
        ) from None
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])

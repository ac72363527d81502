"""The address that clients are told instead of the server's own: MasqueradeAddress, TLSMasqueradeAddress.

A NAT device that knows FTP rewrites what PASV answers in clear, and cannot under TLS: hence two directives.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from ftpsd.errors import ConfigError
from ftpsd.session.endpoints import Ends
from ftpsd.settings.model import Host
from ftpsd.tls.policy import TLSState


@dataclass(frozen=True, slots=True)
class Masquerade:
    """IP addresses; `tls` is for sessions whose control connection has had TLS (also after CCC), where it is set."""

    plain: str | None = None
    tls: str | None = None

    def shown(self, ends: Ends, tls: TLSState) -> str:
        """The server's address as a session's client is told."""
        chosen = (self.tls if tls.mechanism else None) or self.plain
        return chosen or ends.local

    def passive(self, ends: Ends, tls: TLSState) -> str:
        """The address in the reply to PASV, which can only say IPv4 addresses."""
        shown = self.shown(ends, tls)
        return ends.local if ":" in shown else shown


def resolve(host: Host) -> Masquerade:
    """What a host's directives say, names looked up. Raises `ConfigError`."""
    return Masquerade(
        _address(host, "transfer", "masquerade_address", "MasqueradeAddress"),
        _address(host, "tls", "masquerade_address", "TLSMasqueradeAddress"),
    )


def _address(host: Host, group: str, field: str, directive: str) -> str | None:
    name = host.settings.transfer.masquerade_address if group == "transfer" else host.settings.tls.masquerade_address
    if name is None:
        return None
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no host name"
        raise ConfigError(
            f"unable to resolve '{name}': {reason}", directive=directive,
            location=host.origin(group, field) or host.location,
            remedy="Write the address, or a name that this machine can resolve.",
        ) from None
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])

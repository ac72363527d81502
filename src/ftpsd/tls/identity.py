"""Names in certificates, and whether they are those of a peer: pure functions.

A certificate says for whom it was issued in its subject alternative names and, in older ones, in the
CommonName. Authorities have signed names with embedded NULs for whoever asked, which C programs then read as
the part before the NUL (ProFTPD bug 3275): where a name has one, the certificate is rejected. Names are
compared as DNS compares them, without regard to case; there are no wildcards, for a client is one machine.
An internationalised name stands in a certificate in its ASCII form (`xn--…`), as the resolver gives it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from ftpsd.errors import FtpsdError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

ADDRESS_REQUIRED = "iPAddressRequired"
NAME_REQUIRED = "dNSNameRequired"
COMMON_NAME_REQUIRED = "CommonNameRequired"
DEMANDS = frozenset({ADDRESS_REQUIRED, NAME_REQUIRED, COMMON_NAME_REQUIRED})
"""The TLSOptions that want to see the client's address or name in its certificate."""


UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What `cryptography` raises for certificates and extensions that are not as they should be."""


class Suspicious(FtpsdError):
    """A name in a certificate has an embedded NUL; `lines` for the TLSLog."""

    def __init__(self, kind: str, value: str) -> None:
        self.lines = (
            f"cert {kind} contains embedded NULs, rejecting as possible spoof attempt",
            f"suspicious {kind} value: '{visible(value)}'",
        )
        super().__init__(self.lines[0])


def visible(value: str) -> str:
    """`value` with its control characters written out, for the log."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in value)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a certificate, as they stand there. `unreadable` says why there are none of them."""

    common_names: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()
    emails: tuple[str, ...] = ()
    unreadable: str = ""


def names_of(der: bytes) -> Names:
    """The names of a DER certificate. What cannot be parsed yields no names, never an exception."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        subject = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        common_names = tuple(part.value for part in subject if isinstance(part.value, str))
    except UNREADABLE as error:
        return Names(unreadable=str(error))
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Names(common_names)
    except UNREADABLE as error:
        return Names(common_names, unreadable=str(error))
    return Names(
        common_names, tuple(found.get_values_for_type(x509.DNSName)),
        tuple(_single(found.get_values_for_type(x509.IPAddress))),
        tuple(found.get_values_for_type(x509.RFC822Name)),
    )


def _single(
    values: Iterable[Address | ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> Iterable[Address]:
    """Addresses; networks (8 or 32 bytes) belong into name constraints and are nobody's address."""
    for value in values:
        if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
            yield value


def plain_address(address: Address) -> Address:
    """An IPv4-mapped IPv6 address as IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped if mapped is not None else address


def has_address(names: Names, address: str) -> bool:
    """Whether an IP SAN is `address` (without scope); IPv4-mapped forms are the IPv4 address."""
    try:
        wanted = plain_address(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    return any(plain_address(found) == wanted for found in names.addresses)


def stands_for(pattern: str, name: str) -> bool:
    """Whether a DNS name of a server's certificate (perhaps `*.example.org`) stands for the host `name`."""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if pattern.startswith("*."):
        return pattern == name or (name.partition(".")[2] == pattern[2:] and bool(name.partition(".")[0]))
    return pattern == name


def has_dns_name(names: Names, name: str) -> bool:
    """Whether a DNS SAN is `name`. Raises `Suspicious`."""
    return _has(names.dns, name, "dNSName SAN")


def has_common_name(names: Names, name: str) -> bool:
    """Whether a CommonName is `name` (a host name or an address). Raises `Suspicious`."""
    return _has(names.common_names, name, "CommonName")


def _has(values: Iterable[str], name: str, kind: str) -> bool:
    values = tuple(values)
    for value in values:
        if "\0" in value:
            raise Suspicious(kind, value)
    wanted = _canonical(name)
    return bool(wanted) and wanted.isascii() and any(_canonical(value) == wanted for value in values)


def _canonical(name: str) -> str:
    """In lower case, without the dot of the root."""
    return name.lower().removesuffix(".") if name.isascii() else name


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a connection.

    `name` is his name by reverse DNS that leads back to the address (None: there is none); `reverse_dns`:
    UseReverseDNS is on.
    """

    address: str
    name: str | None = None
    reverse_dns: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ok`, with `lines` for the TLSLog."""

    ok: bool
    lines: tuple[str, ...] = ()


def check_client(der: bytes, options: frozenset[str], peer: Peer) -> Verdict:
    """iPAddressRequired, dNSNameRequired and CommonNameRequired: all that are configured must be met."""
    names = names_of(der)
    lines: list[str] = []
    for option, check in _CHECKS:
        if option not in options:
            continue
        if option != ADDRESS_REQUIRED and not peer.reverse_dns:
            lines.append(f"reverse DNS off, disabling TLSOption {option}")
            continue
        try:
            ok, text = check(names, peer)
        except Suspicious as found:
            return Verdict(False, (*lines, *found.lines))
        lines.append(text)
        if not ok:
            return Verdict(False, tuple(lines))
    return Verdict(True, tuple(lines))


def _check_address(names: Names, peer: Peer) -> tuple[bool, str]:
    if not names.addresses:
        return False, _missing("X509v3 SubjectAltName iPAddress", names)
    if has_address(names, peer.address):
        return True, f"client cert iPAddress SAN matches client IP '{peer.address}'"
    return False, f"client cert iPAddress SANs do not match client IP '{peer.address}'"


def _check_dns_name(names: Names, peer: Peer) -> tuple[bool, str]:
    if not names.dns:
        return False, _missing("X509v3 SubjectAltName dNSName", names)
    if has_dns_name(names, peer.name or ""):
        return True, f"client cert dNSName SAN matches remote name '{peer.name}'"
    return False, f"client cert dNSName SANs do not match remote name '{peer.name or peer.address}'"


def _check_common_name(names: Names, peer: Peer) -> tuple[bool, str]:
    if not names.common_names:
        return False, _missing("CommonName", names)
    if has_common_name(names, peer.name or ""):
        return True, f"client cert CommonName matches client FQDN '{peer.name}'"
    return False, f"client cert CommonName does not match client FQDN '{peer.name or peer.address}'"


def _missing(what: str, names: Names) -> str:
    reason = f" (unable to read it: {names.unreadable})" if names.unreadable else ""
    return f"client cert missing required {what}{reason}"


_CHECKS = (
    (ADDRESS_REQUIRED, _check_address),
    (NAME_REQUIRED, _check_dns_name),
    (COMMON_NAME_REQUIRED, _check_common_name),
)

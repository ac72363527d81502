"""What is known of a certificate that is served: all that a comparison, a warning or a gauge needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ftpsd.tls import identity
from ftpsd.tls.certificates import Chain, Credential
from ftpsd.tls.identity import UNREADABLE


@dataclass(frozen=True, slots=True)
class Served:
    """A certificate of a host. `server` is its ServerName, `directive` and `path` say where the certificate comes from.

    `names`: DNS names and addresses in lower case, sorted; a certificate without SAN has its CommonName there. `chain`:
    (names, ends) of the authorities that are sent along; `rooted`: it leads to a certificate that is its own issuer.
    """

    host: int
    server: str
    directive: str
    path: str
    fingerprint: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    chain: tuple[tuple[str, datetime], ...] = ()
    rooted: bool = False
    for_servers: bool = True

    @property
    def self_signed(self) -> bool:
        """Whether nobody else vouches for it."""
        return self.rooted and not self.chain


def served(host: int, server: str, credential: Credential, chain: Chain) -> Served:
    """The facts of `credential`, which is sent with `chain`."""
    leaf = credential.leaf
    return Served(
        host, server, credential.kind.certificate_directive, credential.certificate_file, fingerprint(leaf),
        names(leaf), leaf.not_valid_before_utc, leaf.not_valid_after_utc,
        tuple((link.subject.rfc4514_string(), link.not_valid_after_utc) for link in chain.certificates),
        chain.missing is None, for_servers(leaf),
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256, hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and addresses in a certificate, in lower case; without SAN its CommonName."""
    found = identity.names_of(certificate.public_bytes(Encoding.DER))
    known = (*found.dns, *map(str, found.addresses)) or found.common_names
    return tuple(sorted({name.lower() for name in known}))


def for_servers(certificate: x509.Certificate) -> bool:
    """Whether clients take it for a server's (RFC 5280 section 4.2.1.12)."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return True
    return not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}.isdisjoint(usage)

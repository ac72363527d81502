"""What a TLS session tells others: session notes, and the variables of StdEnvVars and ExportCertData. Pure.

Notes are always there; the rest only with the option. Names and the shape of the values are mod_tls's (which took
them from Apache's mod_ssl), so that log formats and scripts keep working.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ftpsd.tls.certificates import name_text

STANDARD, CERTIFICATES = "StdEnvVars", "ExportCertData"
SNI = "mod_tls.sni"
NOT_PRINTABLE = "certificate serial number not printable"
_LONGEST_SERIAL = 3
"""Bytes."""

_PARTS = {
    NameOID.COUNTRY_NAME: "C", NameOID.COMMON_NAME: "CN", NameOID.GIVEN_NAME: "G", NameOID.INITIALS: "I",
    NameOID.LOCALITY_NAME: "L", NameOID.ORGANIZATION_NAME: "O", NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.STATE_OR_PROVINCE_NAME: "ST", NameOID.SURNAME: "S", NameOID.TITLE: "T", NameOID.USER_ID: "UID",
    NameOID.EMAIL_ADDRESS: "Email", x509.ObjectIdentifier("2.5.4.13"): "D",
}
_KEYS = {
    rsa.RSAPublicKey: "rsaEncryption", ec.EllipticCurvePublicKey: "id-ecPublicKey", dsa.DSAPublicKey: "dsaEncryption",
    ed25519.Ed25519PublicKey: "ED25519", ed448.Ed448PublicKey: "ED448",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a handshake agreed on; certificates in DER, the client's chain from the leaf on (empty: none)."""

    version: str
    cipher: str
    bits_used: int
    bits_possible: int
    session_id: bytes
    server_name: str | None
    library: str
    server: bytes | None = None
    client: tuple[bytes, ...] = ()


class Exported(NamedTuple):
    """Session notes and variables by name, and lines for the TLSLog."""

    notes: Mapping[str, str]
    variables: Mapping[str, str]
    lines: tuple[str, ...]


def exported(facts: Facts, options: frozenset[str]) -> Exported:
    """What `facts` tell under these TLSOptions."""
    lines: list[str] = []
    client = facts.client[0] if facts.client else None
    notes = _known(_notes(facts), lines)
    if client is not None:
        notes |= _known(_client_notes(client), lines)
    found: dict[str, str] = {}
    if STANDARD in options:
        found = {name: value for name, value in notes.items() if name != SNI} | _known(_standard(facts), lines)
        for prefix, der in (("TLS_SERVER_", facts.server), ("TLS_CLIENT_", client)):
            if der is not None:
                found |= _known(_certificate(prefix, der, lines), lines)
    if STANDARD in options or CERTIFICATES in options:
        found |= _known(_texts(facts), lines)
    return Exported(notes, found, tuple(lines))


def _known(pairs: Iterator[tuple[str, str]], lines: list[str]) -> dict[str, str]:
    """As many of the pairs as can be had: a client may show a certificate that does not parse."""
    found: dict[str, str] = {}
    try:
        for name, value in pairs:
            found[name] = value
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        lines.append(f"certificate not printable: {error}")
    return found


def _notes(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "FTPS", "1"
    yield "TLS_PROTOCOL", facts.version
    yield "TLS_CIPHER", facts.cipher
    if facts.server_name is not None:
        yield "TLS_SERVER_NAME", facts.server_name
        yield SNI, facts.server_name
    yield "TLS_LIBRARY_VERSION", facts.library


def _client_notes(der: bytes) -> Iterator[tuple[str, str]]:
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if names:
        yield "TLS_CLIENT_S_DN_CN", str(names[0].value)
    yield "TLS_CLIENT_A_KEY", _key(certificate)
    yield "TLS_CLIENT_A_SIG", _signature(certificate)


def _standard(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.session_id:
        yield "TLS_SESSION_ID", facts.session_id.hex().upper()
    if facts.bits_used < 56:
        yield "TLS_CIPHER_EXPORT", "1"
    yield "TLS_CIPHER_KEYSIZE_POSSIBLE", str(facts.bits_possible)
    yield "TLS_CIPHER_KEYSIZE_USED", str(facts.bits_used)


def _certificate(prefix: str, der: bytes, lines: list[str]) -> Iterator[tuple[str, str]]:
    certificate = x509.load_der_x509_certificate(der)
    yield f"{prefix}M_VERSION", str(certificate.version.value + 1)
    serial = certificate.serial_number
    if serial.bit_length() <= 8 * _LONGEST_SERIAL:
        yield f"{prefix}M_SERIAL", str(serial)
    else:
        lines.append(NOT_PRINTABLE)
    for letter, name in (("S", certificate.subject), ("I", certificate.issuer)):
        yield f"{prefix}{letter}_DN", name_text(name)
        for attribute in reversed(list(name)):
            part = _PARTS.get(attribute.oid)
            if part is not None:
                yield f"{prefix}{letter}_DN_{part}", str(attribute.value)
    yield f"{prefix}V_START", _moment(certificate.not_valid_before_utc)
    yield f"{prefix}V_END", _moment(certificate.not_valid_after_utc)
    yield f"{prefix}A_SIG", _signature(certificate)
    yield f"{prefix}A_KEY", _key(certificate)
    yield from _extensions(prefix, certificate)


def _extensions(prefix: str, certificate: x509.Certificate) -> Iterator[tuple[str, str]]:
    try:
        extensions = list(certificate.extensions)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return
    for extension in extensions:
        value = extension.value.public_bytes().hex(":").upper()
        yield f"{prefix}EXT_{extension.oid._name.replace(' ', '_')}", value


def _texts(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.server is not None:
        yield "TLS_SERVER_CERT", _pem(facts.server)
    for number, der in enumerate(facts.client):
        yield ("TLS_CLIENT_CERT_CHAIN" + str(number) if number else "TLS_CLIENT_CERT"), _pem(der)


def _pem(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()


def _moment(moment: datetime) -> str:
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{months[moment.month - 1]} {moment.day:2d} {moment:%H:%M:%S} {moment.year} GMT"


def _signature(certificate: x509.Certificate) -> str:
    return certificate.signature_algorithm_oid._name


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "UNKNOWN"
    return next((name for kind, name in _KEYS.items() if isinstance(key, kind)), "UNKNOWN")

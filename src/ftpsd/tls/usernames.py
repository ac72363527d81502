"""TLSUserName: whose name a client's certificate bears. Pure.

What is compared is exact and case-sensitive, with the name that the client gives with USER. A value with an
embedded NUL is passed over: an authority that signs it has been tricked. A certificate with several
CommonNames or e-mail addresses bears the names of several users.
"""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509

from ftpsd.tls.identity import UNREADABLE, Verdict, names_of, visible

_ENCODINGS = {
    0x0C: "utf-8", 0x12: "ascii", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1A: "ascii",
    0x1C: "utf-32-be", 0x1E: "utf-16-be",
}
"""ASN.1's string types by tag: UTF8, Numeric, Printable, T61, IA5, Visible, Universal, BMP."""


def check(selector: str, certificate: bytes, user: str) -> Verdict:
    """Whether `selector` (the value of TLSUserName) finds `user` in a DER certificate."""
    kind, field, values = _values(selector, certificate)
    lines: list[str] = []
    for value in values:
        if "\0" in value:
            lines += (
                f"client cert {kind} contains embedded NULs, ignoring as possible spoof attempt",
                f"suspicious {field} value: '{visible(value)}'",
            )
        elif user and value == user:
            lines += (
                f"matched client cert {field} '{value}' to user '{user}'",
                f"TLS/X509 TLSUserName '{selector}' check successful for user '{user}'",
            )
            return Verdict(True, tuple(lines))
    return Verdict(False, (*lines, f"TLS/X509 TLSUserName '{selector}' check failed for user '{user}'"))


def _values(selector: str, certificate: bytes) -> tuple[str, str, Iterable[str]]:
    """(what the log calls the place of a spoof, and of a match, the values there)."""
    if selector == "CommonName":
        return selector, selector, names_of(certificate).common_names
    if selector == "EmailSubjAltName":
        return "Email SAN", "Email SubjAltName", names_of(certificate).emails
    try:
        found = extension_values(x509.load_der_x509_certificate(certificate), selector)
    except UNREADABLE:
        found = []
    return f"{selector} extension", f"{selector} extension", found


def extension_values(certificate: x509.Certificate, oid: str) -> list[str]:
    """The text of an extension. Raises what is in `identity.UNREADABLE`."""
    return [
        text_of(extension.value.public_bytes())
        for extension in certificate.extensions if extension.oid.dotted_string == oid
    ]


def text_of(octets: bytes) -> str:
    """The value of an extension that is one DER string; anything else as it is."""
    if len(octets) >= 2 and octets[0] in _ENCODINGS:
        size, head = _length(octets)
        if head + size == len(octets):
            try:
                return octets[head:].decode(_ENCODINGS[octets[0]])
            except UnicodeDecodeError:
                pass
    return octets.decode("utf-8", "surrogateescape")


def _length(octets: bytes) -> tuple[int, int]:
    """(length of the value, where it begins) of a DER element; a length that is none gives (-1, 0)."""
    first = octets[1]
    if first < 0x80:
        return first, 2
    count = first & 0x7F
    if not 1 <= count <= 4 or len(octets) < 2 + count:
        return -1, 0
    return int.from_bytes(octets[2:2 + count], "big"), 2 + count

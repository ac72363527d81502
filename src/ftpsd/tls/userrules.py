"""TLSUserRule: whose certificate a client has shown, by rules over what stands in it. Pure.

An expression has to match a whole value, so that `CN=alice` is not found in the middle of somebody else's name. What is
compared is exact and case-sensitive. A value with an embedded NUL is passed over: an authority that signs it has been
tricked. So is everything that cannot be read, and what takes an expression too long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ObjectIdentifier

from ftpsd.settings.tls_users import NAME_PARTS, CertificateRule
from ftpsd.tls.identity import UNREADABLE, Verdict, visible
from ftpsd.tls.usernames import extension_values, text_of

_UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_MOST = 32
"""Values of one field that are looked at."""
_MOST_SHOWN = 4


def check(rules: Sequence[CertificateRule], der: bytes, user: str) -> Verdict:
    """Whether one of `rules` says that the DER certificate is that of `user`."""
    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError as error:
        return Verdict(False, (f"TLS/X509 TLSUserRule: unable to read the client cert: {error}",))
    names: dict[str, None] = {}
    for rule in rules:
        for name in _names(rule, certificate):
            if user and name == user:
                return Verdict(True, (f"TLS/X509 TLSUserRule '{rule}' check successful for user '{user}'",))
            names[name] = None
    shown = ", ".join(f"'{visible(name)}'" for name in list(names)[:_MOST_SHOWN])
    whose = f"the client cert is that of {shown}" if names else "no rule fits the client cert"
    return Verdict(False, (f"TLS/X509 TLSUserRule check failed for user '{user}': {whose}",))


def _names(rule: CertificateRule, certificate: x509.Certificate) -> Iterator[str]:
    """Whose the certificate is by `rule`."""
    first, *others = rule.conditions
    for field, pattern in others:
        if not any(pattern.whole(value) for value in values(certificate, field)):
            return
    for value in values(certificate, first.field):
        matched = first.pattern.whole(value)
        name = rule.name_of(matched) if matched is not None else ""
        if name:
            yield name


def values(certificate: x509.Certificate, field: str) -> list[str]:
    """What a certificate says in `field` (`settings.tls_users`): as many as there are, up to a bound."""
    try:
        found = list(_values(certificate, field))
    except UNREADABLE:
        return []
    return [value for value in found[:_MOST] if "\0" not in value]


def _values(certificate: x509.Certificate, field: str) -> Iterable[str]:
    part = NAME_PARTS.get(field)
    if part is not None:
        attributes = certificate.subject.get_attributes_for_oid(ObjectIdentifier(part))
        return [one.value for one in attributes if isinstance(one.value, str)]
    match field:
        case "subject":
            return _whole(certificate.subject)
        case "issuer":
            return _whole(certificate.issuer)
        case "serial":
            return [f"{certificate.serial_number:x}"]
        case "fingerprint":
            return [certificate.fingerprint(hashes.SHA256()).hex()]
        case "policy":
            return _policies(certificate)
        case "email" | "dns" | "ip" | "uri" | "upn":
            return _alternatives(certificate, field)
    return extension_values(certificate, field)


def _whole(name: x509.Name) -> list[str]:
    """RFC 4514 writes NULs out: what has one is looked for in the parts."""
    return [] if any("\0" in str(part.value) for part in name) else [name.rfc4514_string()]


def _policies(certificate: x509.Certificate) -> list[str]:
    try:
        policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return []
    return [policy.policy_identifier.dotted_string for policy in policies]


def _alternatives(certificate: x509.Certificate, field: str) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    match field:
        case "email":
            return names.get_values_for_type(x509.RFC822Name)
        case "dns":
            return names.get_values_for_type(x509.DNSName)
        case "ip":
            return [str(address) for address in names.get_values_for_type(x509.IPAddress)]
        case "uri":
            return names.get_values_for_type(x509.UniformResourceIdentifier)
    return [text_of(name.value) for name in names.get_values_for_type(x509.OtherName) if name.type_id == _UPN]

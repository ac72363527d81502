"""TLSUserRule: whose certificate a client has shown, by rules over what stands in it.

An expression has to match a whole value, so that `CN=alice` is not found in the middle of somebody else's name. What is
compared is exact and case-sensitive. A value with an embedded NUL is passed over: an authority that signs it has been
tricked. So is everything that cannot be read, and what takes an expression too long; all rules together have a second.
What is passed over is said, as a rule that fits nothing is hard to find otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID, ObjectIdentifier

from ftpsd.settings.tls_users import NAME_PARTS, CertificateRule, Condition
from ftpsd.tls.identity import UNREADABLE, Verdict, visible
from ftpsd.tls.usernames import extension_values, text_of

MOST = 32
"""Values of one field that are looked at."""

PATIENCE = 1.0
"""Seconds for all rules of a host."""

_UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_MOST_SHOWN = 4
_WRITTEN = {NameOID.EMAIL_ADDRESS: "emailAddress", NameOID.SERIAL_NUMBER: "serialNumber"}


def check(rules: Sequence[CertificateRule], der: bytes, user: str) -> Verdict:
    """Whether one of `rules` says that the DER certificate is that of `user`."""
    try:
        shown = _Shown(x509.load_der_x509_certificate(der))
    except UNREADABLE as error:
        return Verdict(False, (f"TLS/X509 TLSUserRule: unable to read the client cert: {error}",))
    names: dict[str, None] = {}
    for rule in rules:
        for name in _names(rule, shown):
            if user and name == user:
                return Verdict(True, (f"TLS/X509 TLSUserRule '{rule}' check successful for user '{user}'",))
            names[name] = None
    texts = ", ".join(f"'{visible(name)}'" for name in list(names)[:_MOST_SHOWN])
    whose = f"the client cert is that of {texts}" if names else "no rule fits the client cert"
    return Verdict(False, (*shown.remarks, f"TLS/X509 TLSUserRule check failed for user '{user}': {whose}"))


def _names(rule: CertificateRule, shown: _Shown) -> Iterator[str]:
    """Whose the certificate is by `rule`."""
    first, *others = rule.conditions
    if all(any(True for _ in shown.matches(condition)) for condition in others):
        for matched in shown.matches(first):
            name = rule.name_of(matched)
            if name:
                yield name


class _Shown:
    """A certificate whose fields are read once; `remarks` say what was passed over."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self.remarks: dict[str, None] = {}
        self._certificate = certificate
        self._values: dict[str, list[str]] = {}
        self._end = time.monotonic() + PATIENCE

    def matches(self, condition: Condition) -> Iterator[tuple[str | None, ...]]:
        """The values that a condition's expression matches, with its groups."""
        for value in self._of(condition.field):
            try:
                if time.monotonic() > self._end:
                    raise TimeoutError
                matched = condition.pattern.whole(value)
            except TimeoutError:
                self._remark(f"'{condition.pattern.pattern}' takes too long, client cert {condition.field} passed over")
                continue
            if matched is not None:
                yield matched

    def _of(self, field: str) -> list[str]:
        if field not in self._values:
            self._values[field] = self._read(field)
        return self._values[field]

    def _read(self, field: str) -> list[str]:
        try:
            found = values(self._certificate, field)
        except UNREADABLE as error:
            self._remark(f"unable to read client cert {field}: {error}")
            return []
        for value in found:
            if "\0" in value:
                self._remark(f"client cert {field} contains embedded NULs, ignoring as possible spoof attempt")
        if len(found) > MOST:
            self._remark(f"client cert has {len(found)} values of {field}, {MOST} are looked at")
        return [value for value in found[:MOST] if "\0" not in value]

    def _remark(self, text: str) -> None:
        self.remarks[f"TLS/X509 TLSUserRule: {text}"] = None


def values(certificate: x509.Certificate, field: str) -> list[str]:
    """What a certificate says in `field` (`settings.tls_users`). Raises what is in `identity.UNREADABLE`."""
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
            return list(_alternatives(certificate, field))
    return extension_values(certificate, field)


def _whole(name: x509.Name) -> list[str]:
    """RFC 4514 writes NULs out; a name that has one is none."""
    nul = next((part.value for part in name if isinstance(part.value, str) and "\0" in part.value), None)
    return [name.rfc4514_string(_WRITTEN) if nul is None else nul]


def _policies(certificate: x509.Certificate) -> list[str]:
    try:
        policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return []
    return [policy.policy_identifier.dotted_string for policy in policies]


def _alternatives(certificate: x509.Certificate, field: str) -> Iterable[str]:
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

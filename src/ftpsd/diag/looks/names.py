"""Whether a certificate bears the names and addresses that clients connect to (RFC 9525)."""

from __future__ import annotations

import ipaddress
import re

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ftpsd.diag.subject import Subject
from ftpsd.reasons.codes import Code
from ftpsd.tls import identity

_HOST_NAME = re.compile(r"(?=.{4,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}\.?")


def of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and addresses in a certificate, for people."""
    found = identity.names_of(certificate.public_bytes(Encoding.DER))
    return (*found.dns, *map(str, found.addresses))


def look(subject: Subject, leaf: x509.Certificate, path: str, directive: str) -> None:
    found = identity.names_of(leaf.public_bytes(Encoding.DER))
    if not found.dns and not found.addresses:
        subject.warn(
            Code.CERT_WITHOUT_SAN,
            f"'{path}' has no subject alternative name, and today's clients look at nothing else",
            "Request one with the host's name as DNS name (openssl req -addext subjectAltName=DNS:NAME).", of=directive)
        return
    for name, source in _wanted(subject):
        if not any(identity.stands_for(pattern, name) for pattern in found.dns):
            subject.warn(
                Code.CERT_NAMES,
                f"'{path}' does not bear the name {name} ({source}): clients that connect by it warn or refuse",
                f"Request one that names it, too, or correct {source}. It has: {', '.join(of(leaf))}.",
                of=source if source != "<VirtualHost>" else directive)
    own = [each for each in subject.host.addresses if _is_certified_kind(each)]
    if found.addresses and own and not any(identity.has_address(found, each) for each in own):
        subject.note(
            Code.CERT_NAMES, f"'{path}' bears addresses, but none of this host's ({', '.join(own)})",
            "Request one with the right address, if clients connect by address.", of=directive)


def _is_certified_kind(word: str) -> bool:
    """Whether `word` is an address of one machine (not a wildcard, not a name)."""
    try:
        return not ipaddress.ip_address(word.strip("[]")).is_unspecified
    except ValueError:
        return False


def _wanted(subject: Subject) -> list[tuple[str, str]]:
    """(name, where it stands) of the names that clients may know this host by."""
    core = subject.settings.core
    wanted = [(alias, "ServerAlias") for alias in core.server_alias if not set("*?[") & set(alias)]
    if subject.host.id:
        names = [each for each in subject.host.addresses if _HOST_NAME.fullmatch(each)]
        wanted += [(each, "<VirtualHost>") for each in names]
    if not wanted and _HOST_NAME.fullmatch(core.server_name):
        wanted.append((core.server_name, "ServerName"))
    return wanted

"""TLSProtocol and TLSCipherSuite, against the OpenSSL that is loaded and the certificates that there are."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from ftpsd.diag.subject import Subject
from ftpsd.reasons.codes import Code
from ftpsd.tls import contexts, library, suites

_OBSOLETE = frozenset({"TLSv1", "TLSv1.1"})
_WEAK = re.compile(r"NULL|(?:^|-)A(?:EC)?DH|RC4|(?:^|-)DES-CBC|EXP|MD5")
_SHOWN = 4


def look(subject: Subject, kinds: Collection[str]) -> None:
    """`kinds`: the kinds of keys that the host's certificates have (RSA, EC …)."""
    tls = subject.settings.tls
    protocols = tls.protocol & frozenset(suites.VERSIONS)
    for name in sorted(tls.protocol - protocols):
        subject.note(
            Code.PROTOCOL_UNAVAILABLE, f"TLSProtocol {name} has no effect: {library.version()} does not have it",
            f"Take {name} out.", of="TLSProtocol")
    _obsolete(subject, protocols)
    ciphers = contexts.ciphers_of(tls)
    level = 0 if protocols & _OBSOLETE or "AllowWeakSecurity" in tls.options else None
    remaining = suites.offered(protocols, ciphers, tls.tls13_cipher_suite, level=level)
    for version, names in remaining.items():
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        subject.fact("protocols", f"{version}: {', '.join(names[:_SHOWN]) or 'no cipher'}{more}")
    _words(subject)
    _lacking(subject, remaining)
    _weak(subject, remaining)
    if kinds:
        _fitting(subject, remaining, frozenset(kinds))


def _obsolete(subject: Subject, protocols: frozenset[str]) -> None:
    obsolete = sorted(protocols & _OBSOLETE)
    if obsolete:
        subject.warn(
            Code.PROTOCOL_OBSOLETE,
            f"{' and '.join(obsolete)} {'is' if len(obsolete) == 1 else 'are'} obsolete and weak (RFC 8996); OpenSSL's "
            "security level is 0 for all clients of this host because of it",
            "Write TLSProtocol TLSv1.2 TLSv1.3; give clients that cannot do better a <VirtualHost> of their own.",
            of="TLSProtocol")


def _words(subject: Subject) -> None:
    tls = subject.settings.tls
    unknown = suites.unmatched(tls.cipher_suite) if tls.cipher_suite is not None else ()
    if tls.tls13_cipher_suite is not None:
        unknown += suites.unmatched13(tls.tls13_cipher_suite)
    for word in unknown:
        if suites.is_of_the_past(word):
            subject.note(
                Code.CIPHER_WORD_UNMATCHED, f"'{word}' matches no cipher of {library.version()} any more", "Remove it.",
                of="TLSCipherSuite")
            continue
        subject.warn(
            Code.CIPHER_WORD_UNMATCHED, f"'{word}' matches no cipher of {library.version()}",
            "Correct or remove it; `openssl ciphers -v 'ALL:eNULL'` lists the names.", of="TLSCipherSuite")


def _lacking(subject: Subject, remaining: Mapping[str, tuple[str, ...]]) -> None:
    lacking = [version for version, names in remaining.items() if not names]
    if len(lacking) == len(remaining):
        subject.error(
            Code.PROTOCOL_WITHOUT_CIPHER, "no cipher is left for any protocol version: every handshake will fail",
            "Remove TLSCipherSuite.", of="TLSCipherSuite")
        return
    for version in lacking:
        subject.warn(
            Code.PROTOCOL_WITHOUT_CIPHER,
            f"{version} is switched on, but TLSCipherSuite leaves no cipher for it: clients that know nothing newer "
            f"fail",
            f"Take {version} out of TLSProtocol, or widen TLSCipherSuite.",
            of="TLSCipherSuite" if subject.says("TLSCipherSuite") else "TLSProtocol")


def _weak(subject: Subject, remaining: Mapping[str, tuple[str, ...]]) -> None:
    weak = sorted({name for names in remaining.values() for name in names if _WEAK.search(name)})
    if weak:
        subject.warn(
            Code.CIPHER_WEAK,
            f"weak ciphers are offered: {', '.join(weak[:_SHOWN])}{' …' if len(weak) > _SHOWN else ''}",
            "Add :!aNULL:!eNULL:!RC4:!3DES to TLSCipherSuite, or remove it.", of="TLSCipherSuite")


def _needs(name: str) -> str:
    """The kind of key that a cipher of TLS 1.2 and older needs; "": any."""
    if "ECDSA" in name:
        return "EC"
    if "DSS" in name:
        return "DSA"
    if "PSK" in name or "ADH" in name or "AECDH" in name:
        return ""
    return "RSA"


def _fitting(subject: Subject, remaining: Mapping[str, tuple[str, ...]], kinds: frozenset[str]) -> None:
    able = {"EC" if kind.startswith("ED") else kind for kind in kinds} | {""}
    for version, names in remaining.items():
        if version == "TLSv1.3" or not names or any(_needs(name) in able for name in names):
            continue
        have = " and ".join(sorted(kinds))
        subject.warn(
            Code.CERT_WITHOUT_CIPHER,
            f"no cipher that is left for {version} can use a certificate with a key of kind {have}",
            "Add a certificate of another kind, or widen TLSCipherSuite.", of="TLSCipherSuite")

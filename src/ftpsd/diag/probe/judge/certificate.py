"""The server's certificate and chain as a client gets them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ftpsd.diag.looks import certificates as look
from ftpsd.diag.looks import names
from ftpsd.diag.probe.facts import Facts, Identity
from ftpsd.diag.probe.verdict import Verdict, error, good, note, warning
from ftpsd.reasons.codes import Code
from ftpsd.settings.addresses import is_ip
from ftpsd.tls import identity as identities
from ftpsd.tls import ocsp as responses
from ftpsd.tls.certificates import issued, name_text
from ftpsd.tls.live import expiry
from ftpsd.tls.live import facts as known

_UNKNOWN_ISSUER = frozenset({2, 20, 21, 27})
_SELF_SIGNED = frozenset({18})
_SELF_SIGNED_IN_CHAIN = frozenset({19})
_DATES = frozenset({9, 10, 13, 14})
_NAMES = frozenset({62, 64})
_KNOWN = _UNKNOWN_ISSUER | _SELF_SIGNED | _SELF_SIGNED_IN_CHAIN | _DATES | _NAMES | {26}
"""X509_V_ERR_… numbers that are judged here, from the certificates themselves or from what OpenSSL says."""


def judge(facts: Facts, now: datetime) -> Iterator[Verdict]:
    shown = facts.identity
    if shown is None or not shown.chain:
        return
    try:
        chain = [x509.load_der_x509_certificate(each) for each in shown.chain]
    except ValueError as problem:
        yield error(Code.CERT_UNREADABLE, f"The certificate cannot be read: {problem}.")
        return
    found = [
        *_trust(shown, chain), *_dates(chain, now), *_names(chain[0], shown.named), *_strength(chain[0]),
        *_order(chain),
    ]
    found += _others(shown)
    if not found:
        found = [good(
            f"The certificate is trusted, names “{shown.named}”, and is valid for "
            f"{expiry.span(chain[0].not_valid_after_utc - now)}.")]
        if shown.strict:
            found.append(note(Code.CERT_IRREGULAR, f"The certificate breaks rules for public sites: {shown.strict}."))
    yield from found
    if shown.staple:
        yield from _staple(shown.staple, chain, now)


def _trust(shown: Identity, chain: Sequence[x509.Certificate]) -> Iterator[Verdict]:
    codes = {each.code for each in shown.objections}
    leaf, last = chain[0], chain[-1]
    whose = "the authorities that you named" if shown.own_trust else "the authorities that this machine trusts"
    if codes & _SELF_SIGNED or (codes & _UNKNOWN_ISSUER and issued(leaf, leaf)):
        yield warning(Code.CERT_SELF_SIGNED, "The certificate is self-signed: nobody vouches for it.")
    elif codes & _SELF_SIGNED_IN_CHAIN or (codes & _UNKNOWN_ISSUER and issued(last, last)):
        yield warning(
            Code.SERVER_CERT_UNTRUSTED, f"The certificate is of “{name_text(last.subject)}”, which is not among "
            f"{whose}.")
    elif codes & _UNKNOWN_ISSUER and len(chain) == 1:
        yield error(
            Code.CHAIN_INCOMPLETE, f"The chain is incomplete: the certificate of “{name_text(last.issuer)}”, who "
            "signed the server's, is not sent.")
    elif codes & _UNKNOWN_ISSUER:
        yield warning(
            Code.SERVER_CERT_UNTRUSTED, f"The chain leads to “{name_text(last.issuer)}”, which is not among {whose}.")


def _dates(chain: Sequence[x509.Certificate], now: datetime) -> Iterator[Verdict]:
    leaf, *rest = chain
    first, last = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if last < now:
        yield error(Code.CERT_EXPIRED, f"The certificate expired on {last:%Y-%m-%d}.")
    elif first > now:
        yield error(Code.CERT_NOT_YET_VALID, f"The certificate is not valid before {first:%Y-%m-%d %H:%M} UTC.")
    elif expiry.is_near(first, last, now):
        yield warning(
            Code.CERT_EXPIRES_SOON, f"The certificate {expiry.when(last, now)}.")
    for each in rest:
        if each.not_valid_after_utc < now:
            yield error(Code.CHAIN_EXPIRED, f"“{name_text(each.subject)}” in the chain expired on "
                        f"{each.not_valid_after_utc:%Y-%m-%d}.")


def _names(leaf: x509.Certificate, wanted: str) -> Iterator[Verdict]:
    found = identities.names_of(leaf.public_bytes(Encoding.DER))
    if not found.dns and not found.addresses:
        yield error(Code.CERT_WITHOUT_SAN, "The certificate names no host (subjectAltName): today's clients refuse it.")
    elif identities.has_address(found, wanted) or any(identities.stands_for(pattern, wanted) for pattern in found.dns):
        return
    elif is_ip(wanted):
        yield warning(
            Code.CERT_NAMES, f"The certificate is not for the address {wanted}, but for {', '.join(names.of(leaf))}.")
    else:
        yield error(Code.CERT_NAMES, f"The certificate is not for “{wanted}”, but for {', '.join(names.of(leaf))}.")


def _strength(leaf: x509.Certificate) -> Iterator[Verdict]:
    if look.is_weak_key(leaf):
        yield error(Code.CERT_WEAK_KEY, f"The key ({look.described_key(leaf)}) is too short.")
    if look.is_weakly_signed(leaf):
        yield error(Code.CERT_WEAK_SIGNATURE, f"The certificate is signed with {look.signature(leaf)}.")
    if not known.for_servers(leaf):
        yield error(Code.CERT_NOT_FOR_SERVERS, "The certificate was not issued for servers.")


def _order(chain: Sequence[x509.Certificate]) -> Iterator[Verdict]:
    """Each certificate is to certify the one before it (RFC 5246 section 7.4.2)."""
    if all(upper.subject == lower.issuer for lower, upper in pairwise(chain)):
        return
    related = {name_text(each.issuer) for each in chain}
    stray = [each for each in chain[1:] if name_text(each.subject) not in related]
    if stray:
        yield note(Code.CHAIN_UNRELATED, f"“{name_text(stray[0].subject)}” is sent along without need.")
    else:
        yield warning(Code.CHAIN_DISORDERED, "The certificates of the chain are sent in a wrong order.")


def _others(shown: Identity) -> list[Verdict]:
    """What OpenSSL says that nothing here stands for."""
    texts = dict.fromkeys(each.text for each in shown.objections if each.code not in _KNOWN)
    return [error(Code.SERVER_CERT_REJECTED, f"OpenSSL refuses the certificate: {text}.") for text in texts]


def _staple(staple: bytes, chain: Sequence[x509.Certificate], now: datetime) -> Iterator[Verdict]:
    if len(chain) < 2:
        return
    try:
        found = responses.judge(staple, responses.request(chain[0], chain[1], None), chain[1], None, now)
    except responses.BadResponse as problem:
        yield warning(Code.STAPLE_UNUSABLE, f"The stapled OCSP response is of no use: {problem}.")
        return
    if found.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        yield error(Code.CERT_REVOKED, "The certificate has been revoked, as the stapled OCSP response says.")
    else:
        yield good("A valid OCSP response is stapled.")

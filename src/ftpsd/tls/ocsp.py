"""What an OCSP responder says about the certificates of a client's chain (RFC 6960).

A responder's word counts when it is signed by the issuer of the certificate, or by somebody whom the issuer
has certified for that (id-kp-OCSPSigning), is of now, and answers our question. Then "revoked" ends it;
everything else (unknown, no responder, no answer, a bad one) tells nothing, and the next mechanism of
TLSVerifyOrder is asked.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ftpsd.errors import FtpsdError
from ftpsd.tls import certificates
from ftpsd.tls.identity import UNREADABLE
from ftpsd.tls.responder import Unreachable
from ftpsd.tls.revocation import REVOKED, Finding

Ask = Callable[[str, bytes, float], bytes]
"""`responder.ask`, or what a test puts in its place."""

SKEW = timedelta(minutes=5)
"""How far the clocks of responder and server may be apart."""
OLDEST = timedelta(days=1)
"""Age of a response that does not say when the next one comes."""
_MOST_RESPONDERS = 4
_NONCE_SIZE = 16
_NUMBERS = {
    ocsp.OCSPCertStatus.GOOD: 0, ocsp.OCSPCertStatus.REVOKED: 1, ocsp.OCSPCertStatus.UNKNOWN: 2,
}


class BadResponse(FtpsdError):
    """A response that nothing can be concluded from; `part`: what is wrong with it."""

    def __init__(self, text: str, part: Literal["form", "status", "nonce", "signature", "dates"] = "form") -> None:
        super().__init__(text)
        self.part = part


def responders(certificate: x509.Certificate) -> tuple[str, ...] | None:
    """The OCSP addresses in a certificate; None: it has no AuthorityInfoAccess."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return None
    return tuple(
        access.access_location.value for access in found
        if access.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(access.access_location, x509.UniformResourceIdentifier)
    )


def check(chain: Sequence[x509.Certificate], ask: Ask, timeout: float) -> Finding:
    """Asks the responders of a verified `chain` (leaf first, root last; the root vouches for itself).

    All of it takes at most `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    lines: list[str] = []
    for depth, (certificate, issuer) in enumerate(itertools.pairwise(chain)):
        subject = certificates.name_text(certificate.subject)
        addresses = responders(certificate)
        if not addresses:
            lines.append(_no_address(subject, addresses))
            continue
        for url in addresses[:_MOST_RESPONDERS]:
            lines.append(f"checking OCSP URL '{url}' for client cert '{subject}'")
            status, found = _ask_one(certificate, issuer, url, ask, deadline - time.monotonic())
            lines += found
            if status is ocsp.OCSPCertStatus.REVOKED:
                return Finding(tuple(lines), REVOKED, depth)
            if status is ocsp.OCSPCertStatus.GOOD:
                break
    return Finding(tuple(lines))


def _no_address(subject: str, addresses: tuple[str, ...] | None) -> str:
    if addresses is None:
        return (
            f"Client cert '{subject}' contained no AuthorityInfoAccess attribute, unable to verify via OCSP"
        )
    return (
        f"found no OCSP URLs in AuthorityInfoAccess attribute for client cert '{subject}', "
        "unable to verify via OCSP"
    )


def _ask_one(
    certificate: x509.Certificate, issuer: x509.Certificate, url: str, ask: Ask, timeout: float
) -> tuple[ocsp.OCSPCertStatus | None, list[str]]:
    """(what one responder says, lines); None: nothing."""
    subject = certificates.name_text(certificate.subject)
    nonce = secrets.token_bytes(_NONCE_SIZE)
    question = request(certificate, issuer, nonce)
    try:
        if timeout <= 0:
            raise Unreachable("timed out")
        answer = ask(url, question.public_bytes(Encoding.DER), timeout)
    except Unreachable as error:
        if str(error) == "timed out":
            return None, [f"timed out talking to OCSP responder '{url}'"]
        return None, [f"error receiving response from OCSP responder at '{url}': {error}"]
    try:
        found = judge(answer, question, issuer, nonce, datetime.now(UTC))
    except BadResponse as error:
        return None, [f"unable to verify client cert '{subject}' via OCSP responder at '{url}': {error}"]
    status = found.certificate_status
    word = status.name.lower()
    lines = [
        f"client cert '{subject}' has '{word}' ({_NUMBERS[status]}) status according to OCSP responder at "
        f"'{url}'"
    ]
    if status is ocsp.OCSPCertStatus.REVOKED and found.revocation_reason is not None:
        reason = found.revocation_reason.value
        lines.append(f"client cert '{subject}' has '{word}' status due to: {reason}")
    return status, lines


def request(
    certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes | None
) -> ocsp.OCSPRequest:
    """The question about a certificate; without a `nonce` where that is None."""
    # Certificate ids are looked up, not trusted: responders know them by SHA-1 (RFC 5019).
    draft = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())
    return (draft if nonce is None else draft.add_extension(x509.OCSPNonce(nonce), critical=False)).build()


def judge(
    answer: bytes, question: ocsp.OCSPRequest, issuer: x509.Certificate, nonce: bytes | None, now: datetime, *,
    verify: bool = True, vouched: Sequence[x509.Certificate] = (),
) -> ocsp.OCSPSingleResponse:
    """What the DER `answer` says to `question`; raises `BadResponse`.

    `nonce` None: none was sent. Without `verify` anybody may have signed it; `vouched` may sign beside the issuer.
    """
    try:
        response = ocsp.load_der_ocsp_response(answer)
    except ValueError:
        raise BadResponse("not an OCSP response") from None
    status = response.response_status
    if status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise BadResponse(f"response status '{status.name.lower()}' ({status.value})", "status")
    try:
        if nonce is not None:
            _check_nonce(response, nonce)
        if verify:
            _check_signer(response, issuer, now, vouched)
        found = next((one for one in response.responses if _answers(one, question)), None)
    except (*UNREADABLE, UnsupportedAlgorithm) as error:
        raise BadResponse(f"unreadable response: {error}") from None
    if found is None:
        raise BadResponse("the response is about other certificates")
    _check_dates(found, now)
    return found


def nonce_of(response: ocsp.OCSPResponse) -> bytes | None:
    """The nonce of a successful response; raises what unreadable extensions raise."""
    try:
        return response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return None


def _check_nonce(response: ocsp.OCSPResponse, nonce: bytes) -> None:
    """Many responders prepare responses and leave the nonce out; one that is there must be ours."""
    echoed = nonce_of(response)
    if echoed is not None and not secrets.compare_digest(echoed, nonce):
        raise BadResponse("the nonce is not ours", "nonce")


def _answers(found: ocsp.OCSPSingleResponse, question: ocsp.OCSPRequest) -> bool:
    return (
        found.serial_number == question.serial_number
        and isinstance(found.hash_algorithm, hashes.SHA1)
        and found.issuer_key_hash == question.issuer_key_hash
        and found.issuer_name_hash == question.issuer_name_hash
    )


def _check_dates(found: ocsp.OCSPSingleResponse, now: datetime) -> None:
    until = found.next_update_utc
    if found.this_update_utc > now + SKEW:
        raise BadResponse("the response is of the future", "dates")
    if now - SKEW > (until if until is not None else found.this_update_utc + OLDEST):
        raise BadResponse("the response is outdated", "dates")


def _check_signer(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime, vouched: Sequence[x509.Certificate]
) -> None:
    """Accepts the issuer's signature, that of whom it delegated, and those of `vouched`."""
    for signer in (issuer, *response.certificates, *vouched):
        if not _is_responder(response, signer) or not (signer in vouched or _may_answer(signer, issuer, now)):
            continue
        if _signed(response, signer):
            return
    raise BadResponse("the response is not signed by the issuer or a responder of its own", "signature")


def _is_responder(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    """Whether the response names `signer` as its responder."""
    if response.responder_name is not None:
        return response.responder_name == signer.subject
    digest = hashes.Hash(hashes.SHA1())
    digest.update(_key_bits(signer))
    return digest.finalize() == response.responder_key_hash


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The subjectPublicKey of a certificate without the header of its BIT STRING."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return b""


def _may_answer(signer: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    if signer == issuer:
        return True
    if not signer.not_valid_before_utc <= now <= signer.not_valid_after_utc:
        return False
    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        signer.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, *UNREADABLE, TypeError, InvalidSignature):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _signed(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key = signer.public_key()
    signature, data = response.signature, response.tbs_response_bytes
    digest = response.signature_hash_algorithm
    try:
        if isinstance(key, rsa.RSAPublicKey) and digest is not None:
            key.verify(signature, data, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and digest is not None:
            key.verify(signature, data, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, data)
        else:
            return False
    except InvalidSignature:
        return False
    return True

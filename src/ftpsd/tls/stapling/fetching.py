"""One OCSP response for stapling: asked for, or found in a cache, and judged as a client would.

What is not fit to be sent is an error: clients would refuse it, or be misled. A signed "revoked" is sent, because
it is true and the owner of the certificate should hear of it from somebody; "unknown" is not, because it mostly means
that the responder has not heard of a new certificate yet, and some clients treat it like "revoked" (ProFTPD sends it).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as x509_ocsp

from ftpsd.errors import FtpsdError
from ftpsd.native._openssl import STAPLE_MAX
from ftpsd.tls import ocsp
from ftpsd.tls.ocsp import BadResponse
from ftpsd.tls.responder import Unreachable
from ftpsd.tls.stapling.schedule import Validity
from ftpsd.tls.stapling.subjects import Subject

Ask = Callable[[Subject, bytes], bytes]
"""Sends a request (DER) to the subject's responder; raises `Unreachable`."""

NONCE_SIZE = 16
_PARTS = {
    "status": "OCSP response not successful",
    "nonce": "error verifying OCSP response nonce",
    "signature": "error verifying basic OCSP response data",
    "dates": "failed time-based validity check of OCSP response",
    "form": "error getting basic OCSP response",
}


class NoResponse(FtpsdError):
    """There is no response that could be sent; the text says why."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response that can be sent. `lines` are remarks for the TLSLog."""

    der: bytes
    validity: Validity
    revoked: bool
    status: str
    lines: tuple[str, ...] = ()


def ask(subject: Subject, send: Ask, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Response:
    """The responder's answer about a certificate. Raises `NoResponse`."""
    nonce = secrets.token_bytes(NONCE_SIZE) if subject.nonce else None
    question = ocsp.request(subject.certificate, subject.issuer, nonce)
    try:
        answer = send(subject, question.public_bytes(Encoding.DER))
    except Unreachable as error:
        if str(error) == "timed out":
            raise NoResponse(f"timed out talking to OCSP responder '{subject.url}'") from None
        raise NoResponse(f"error obtaining OCSP response from responder '{subject.url}': {error}") from None
    return _judge(subject, answer, question, nonce, now())


def judge(subject: Subject, answer: bytes, now: datetime) -> Response:
    """Whether a response that somebody has kept can (still) be sent. Raises `NoResponse`."""
    question = ocsp.request(subject.certificate, subject.issuer, None)
    return _judge(subject, answer, question, None, now)


def _judge(
    subject: Subject, answer: bytes, question: x509_ocsp.OCSPRequest, nonce: bytes | None, now: datetime
) -> Response:
    try:
        found = ocsp.judge(
            answer, question, subject.issuer, nonce, now, verify=subject.verify, vouched=subject.vouched)
    except BadResponse as error:
        reason = str(error).removeprefix("response status ")
        raise NoResponse(f"{_PARTS[error.part]}: {reason}") from None
    if len(answer) > STAPLE_MAX:
        raise NoResponse(f"an OCSP response of {len(answer)} bytes is too large to be stapled")
    status, until = found.certificate_status, found.next_update_utc
    if status is x509_ocsp.OCSPCertStatus.UNKNOWN:
        raise NoResponse("found certificate status 'unknown' in OCSP response: the responder does not know it")
    validity = Validity(
        found.this_update_utc.timestamp(), (until or found.this_update_utc + ocsp.OLDEST).timestamp(),
        until is not None)
    if validity.until <= now.timestamp():
        raise NoResponse(f"{_PARTS['dates']}: the response is outdated")
    return Response(
        answer, validity, status is x509_ocsp.OCSPCertStatus.REVOKED, status.name.lower(), _remarks(answer, nonce))


def _remarks(answer: bytes, nonce: bytes | None) -> tuple[str, ...]:
    if nonce is None or ocsp.nonce_of(x509_ocsp.load_der_ocsp_response(answer)) is not None:
        return ()
    return ("WARNING: OCSP response is missing request nonce",)

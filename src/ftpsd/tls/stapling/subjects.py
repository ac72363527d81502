"""What can be asked about a certificate of the server's, and what its owner should know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ftpsd.settings.tls import TLSSettings
from ftpsd.tls import certificates, ocsp
from ftpsd.tls.identity import UNREADABLE

_STATUS = {x509.TLSFeatureType.status_request, x509.TLSFeatureType.status_request_v2}


@dataclass(frozen=True, slots=True)
class Subject:
    """A certificate whose OCSP responses are wanted.

    `url` is the responder; `vouched` may sign responses beside the issuer; `nonce`, `verify`: see
    TLSStaplingOptions; `timeout` in seconds; `must`: the certificate demands stapling; `fake`: without a response
    clients get a `tryLater`.
    """

    certificate: x509.Certificate
    issuer: x509.Certificate
    vouched: tuple[x509.Certificate, ...]
    url: str
    nonce: bool
    verify: bool
    timeout: float
    must: bool
    fake: bool

    @property
    def fingerprint(self) -> str:
        """SHA-1 in hexadecimal, which is what caches and logs call the certificate."""
        return fingerprint(self.certificate)

    @property
    def rules(self) -> tuple[str, ...]:
        """Subjects with the same rules share their responses."""
        return (self.fingerprint, self.url, str(self.nonce), str(self.verify))


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA1()).hex()


def demands_stapling(certificate: x509.Certificate) -> bool:
    """Whether the certificate has the TLS feature status_request (RFC 7633: "must staple")."""
    try:
        features = certificate.extensions.get_extension_for_class(x509.TLSFeature).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False
    return not _STATUS.isdisjoint(features)


def subject_of(
    certificate: x509.Certificate, path: str, chain: Sequence[x509.Certificate], settings: TLSSettings
) -> tuple[Subject | None, str]:
    """(what can be asked about the certificate, ""), or (None, why nothing can).

    `chain`: certificates among which its issuer may be; `path` names it in the text.
    """
    issuer = next((found for found in chain if certificates.issued(certificate, found)), None)
    if issuer is None or issuer == certificate:
        return None, _no_issuer(certificate, path)
    url = settings.stapling_responder or next(iter(ocsp.responders(certificate) or ()), None)
    if url is None:
        return None, (
            f"no OCSP responder URL found in certificate '{path}' (fingerprint '{fingerprint(certificate)}'): name"
            " one with TLSStaplingResponder"
        )
    options = settings.stapling_options
    must = demands_stapling(certificate)
    return Subject(
        certificate, issuer, tuple(chain), url, nonce="NoNonce" not in options, verify="NoVerify" not in options,
        timeout=float(settings.stapling_timeout), must=must, fake=must or "NoFakeTryLater" not in options,
    ), ""


def _no_issuer(certificate: x509.Certificate, path: str) -> str:
    if certificate.issuer == certificate.subject:
        return f"certificate '{path}' is self-signed: there is no authority to ask about it"
    return (
        f"certificate '{path}': its issuer ({certificates.name_text(certificate.issuer)}) is in none of"
        " TLSCertificateChainFile, TLSCACertificateFile and the certificate file, so nobody can be asked about it: put"
        " the issuer's certificate into TLSCertificateChainFile"
    )


def demand(path: str, *, on: bool) -> str:
    """The warning about a certificate that demands what it does not get; `on`: TLSStapling is."""
    remedy = "" if on else ": write TLSStapling on"
    return (
        f"certificate '{path}' demands stapling (TLS feature status_request, RFC 7633), and no OCSP response can be"
        f" stapled: clients that know the feature refuse it{remedy}"
    )

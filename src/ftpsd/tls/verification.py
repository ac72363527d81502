"""A client's certificate beyond its chain: has it been revoked, and is it the client's?

Two moments. While the handshake runs and the chain has been found good, OpenSSL asks whether anything in it
has been revoked (`Verification.revoked`, the verify callback): an objection fails the handshake with its
alert, as any other fault of a certificate. That thread may wait for an OCSP responder, under a deadline and
without a lock. After the handshake `Verification.accept` looks at what OpenSSL does not: certificates that
came with a resumed session (they may have expired or been revoked since; what could not be looked up again is
not resumed, see `may_resume`), and whether the certificate names the client's address or host name, as TLSOptions
can demand.

With TLSVerifyClient off all of this is only logged: nobody has asked for certificates that verify.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from ftpsd.errors import Location
from ftpsd.native._openssl import Connection
from ftpsd.reasons.codes import Code
from ftpsd.settings.tls import TLSSettings
from ftpsd.tls import certificates, identity, logtext, ocsp, responder
from ftpsd.tls.identity import Peer
from ftpsd.tls.revocation import Finding, Privileged, Revocations

OCSP_TIMEOUT = 10.0
"""Seconds for all questions about one chain."""
_UNSPECIFIED = 1
_EXPIRED = 10
_UNANCHORED = frozenset({2, 18, 19, 20, 21})
"""No issuer, self-signed, self-signed in chain, no local issuer, not verifiable: X509_V_ERR_… numbers."""
_WORDS = {
    8: "CRL signature failure", 11: "CRL is not yet valid", 12: "CRL has expired", 23: "certificate revoked",
    35: "key usage does not include CRL signing", _UNSPECIFIED: "unspecified certificate verification error",
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """What `Verification.accept` decided.

    `reason` is None when the client may go on. `verified`: there is a certificate and nothing is wrong with it;
    `pinnable`: nothing but that no authority here vouches for it. `lines` for the TLSLog.
    """

    lines: tuple[str, ...] = ()
    reason: Code | None = None
    verified: bool = False
    pinnable: bool = False


_WITHOUT = Accepted()
"""No certificate, and none is needed."""


class Verification:
    """Judges client certificates by one host's settings. Safe for threads."""

    def __init__(
        self, settings: TLSSettings, trusted: Sequence[x509.Certificate],
        where: Callable[[str], Location | None], ask: ocsp.Ask = responder.ask,
        privileged: Privileged = contextlib.nullcontext,
    ) -> None:
        """`trusted` are the authorities; `ask` is how OCSP responders are asked; `privileged` are the rights
        to read revocation lists again. Raises `ConfigError` for lists that cannot be used."""
        self._settings = settings
        self._trusted = tuple(trusted)
        self._revocations = Revocations(settings, where, privileged)
        self._ask = ask

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """Those of TLSVerifyOrder that can tell anything here."""
        return tuple(name for name in self._settings.verify_order if name != "crl" or self._revocations)

    @property
    def notices(self) -> tuple[str, ...]:
        """What an administrator may not have meant."""
        settings = self._settings
        found = [*self._revocations.notices]
        if self._revocations and "crl" not in settings.verify_order:
            found.append("TLSVerifyOrder does not name crl: the configured revocation lists have no effect")
        demands = sorted(settings.options & identity.DEMANDS)
        if demands and settings.verify_client != "on":
            found.append(f"TLSOptions {' '.join(demands)} without effect: it needs TLSVerifyClient on")
        wanted = ["TLSUserName"] if settings.user_name is not None else []
        wanted += ["TLSUserRule"] if settings.user_rules else []
        wanted += ["TLSOptions AllowDotLogin"] if "AllowDotLogin" in settings.options else []
        if wanted and not self.asks():
            found.append(
                f"{' and '.join(wanted)} without effect: clients are not asked for certificates (that takes "
                "TLSCACertificateFile or TLSVerifyClient, and no NoCertRequest)")
        needed = any(one.login != "either" for one in settings.user_logins)
        if needed and not (wanted and self.asks()):
            found.append(
                "TLSUserLogin lets nobody in for whom it wants a certificate: that takes TLSUserName, TLSUserRule or "
                "TLSOptions AllowDotLogin, and clients that are asked for certificates")
        return tuple(found)

    def asks(self) -> bool:
        """Whether clients are asked for certificates."""
        wanted = self._settings.verify_client
        if wanted == "on":
            return True
        return "NoCertRequest" not in self._settings.options and (wanted == "optional" or bool(self._trusted))

    def revoked(self, connection: Connection, chain: tuple[bytes, ...]) -> tuple[int, int] | None:
        """OpenSSL's verify callback (`Context.set_verify_callback`); leaves its log lines in
        `connection.verification`.

        Data connections ask nobody over the network: their certificate has to be that of the control
        connection, which was asked about.
        """
        found = self._judge(chain, network=connection.role == "control")
        connection.verification = found.lines
        return (found.depth, found.code) if found.code else None

    def may_resume(self, connection: Connection, certificate: bytes) -> bool:
        """Whether a control connection may resume a session with that certificate (`Context.set_resume_callback`).

        A session keeps the client's certificate without its chain. Where an authority between it and the root is not
        among those trusted here, its revocation list or responder could not be asked: then the client is to shake hands
        in full, which brings the chain.
        """
        try:
            return self._chain(x509.load_der_x509_certificate(certificate)).missing is None
        except (ValueError, x509.InvalidVersion):
            return False

    def _chain(self, leaf: x509.Certificate) -> certificates.Chain:
        return certificates.build_chain(leaf, (), self._trusted)

    def _judge(self, chain: Sequence[bytes], *, network: bool) -> Finding:
        try:
            parsed = [x509.load_der_x509_certificate(der) for der in chain]
        except (ValueError, x509.InvalidVersion) as error:
            return Finding((f"unable to check for revocation: {error}",), _UNSPECIFIED)
        return self._ask_all(parsed, network=network)

    def _ask_all(self, chain: Sequence[x509.Certificate], *, network: bool) -> Finding:
        """Asks the mechanisms in turn, until one objects."""
        lines: tuple[str, ...] = ()
        for mechanism in self.mechanisms:
            if mechanism == "crl":
                found = self._revocations.check(chain, datetime.now(UTC))
            elif network:
                found = ocsp.check(chain, self._ask, self._patience())
            else:
                continue
            lines += found.lines
            if found.code:
                return Finding(lines, found.code, found.depth)
        return Finding(lines)

    def _patience(self) -> float:
        """Seconds for responders: they must not use up the time that the handshake has."""
        limit = self._settings.timeout_handshake
        return min(OCSP_TIMEOUT, limit / 2) if limit else OCSP_TIMEOUT

    def accept(self, connection: Connection, peer: Peer | None) -> Accepted:
        """After a handshake on a control connection: whether the client behind `peer` (None: not known, for
        tests of the parts) may go on."""
        wanted = self._settings.verify_client
        certificate = connection.peer_certificate
        if certificate is None:
            if wanted != "on":
                return _WITHOUT
            lacking = "resumed session lacks the client certificate that is required"
            return Accepted((lacking,), Code.CLIENT_CERT_MISSING)
        lines, problem = self._problem(connection, certificate)
        if problem and wanted != "off":
            return Accepted(lines, logtext.objection_code(problem))
        if wanted != "on" or peer is None:
            return Accepted(lines, verified=not problem, pinnable=not problem or _is_pinnable(connection))
        verdict = identity.check_client(certificate, self._settings.options, peer)
        reason = None if verdict.ok else Code.CLIENT_CERT_NAME
        return Accepted((*lines, *verdict.lines), reason, verified=verdict.ok, pinnable=verdict.ok)

    def _problem(self, connection: Connection, certificate: bytes) -> tuple[tuple[str, ...], int]:
        """(lines, X509_V_ERR_… number of what is wrong with the certificate, 0: nothing).

        Faults of this handshake's are logged already.
        """
        code, text = connection.verify_result
        if not connection.resumed:
            return (), code
        lines: tuple[str, ...] = ()
        if not code:
            lines, code, text = self._check_again(connection, certificate)
        return (*lines, f"client certificate failed verification: {text}") if code else lines, code

    def _check_again(self, connection: Connection, certificate: bytes) -> tuple[tuple[str, ...], int, str]:
        """(lines, number, problem) of a certificate that was verified when its session began."""
        try:
            leaf = x509.load_der_x509_certificate(certificate)
        except (ValueError, x509.InvalidVersion) as error:
            return (), _UNSPECIFIED, str(error)
        if leaf.not_valid_after_utc < datetime.now(UTC):
            return (), _EXPIRED, "certificate has expired"
        if not self.mechanisms:
            return (), 0, ""
        found = self._ask_all((leaf, *self._chain(leaf).certificates), network=True)
        return found.lines, found.code, _WORDS.get(found.code, f"error {found.code}")


def _is_pinnable(connection: Connection) -> bool:
    """Whether the only fault of a certificate is that its authority is not trusted here."""
    codes = {failure.code for failure in connection.verify_failures} or {connection.verify_result[0]}
    certificate = connection.peer_certificate
    if certificate is None or not codes <= _UNANCHORED:
        return False
    try:
        leaf = x509.load_der_x509_certificate(certificate)
    except (ValueError, x509.InvalidVersion):
        return False
    return leaf.not_valid_before_utc <= datetime.now(UTC) <= leaf.not_valid_after_utc

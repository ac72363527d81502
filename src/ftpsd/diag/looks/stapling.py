"""Whether OCSP responses can be stapled, and who demands it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from cryptography import x509

from ftpsd.diag.subject import Subject
from ftpsd.errors import ConfigError
from ftpsd.reasons.codes import Code
from ftpsd.tls import certificates
from ftpsd.tls.certificates import Credential
from ftpsd.tls.stapling import subjects

_PORTS = {"http": 80, "https": 443}


def look(subject: Subject) -> None:
    tls = subject.settings.tls
    try:
        credentials, _ = certificates.load_credentials(tls, subject.where)
        chain = (*certificates.chain_file(tls, subject.where), *certificates.authorities(tls, subject.where))
    except ConfigError:
        return  # `certificates.look` says so
    for credential in credentials:
        if _is_on(subject):
            _responder(subject, credential, (*chain, *credential.extras))
        elif subjects.demands_stapling(credential.leaf):
            subject.warn(
                Code.STAPLING_OFF,
                f"'{credential.certificate_file}' demands stapling (TLS feature status_request), and TLSStapling is"
                " off: clients that know the feature refuse it", "Write TLSStapling on.",
                of=credential.kind.certificate_directive)


def _is_on(subject: Subject) -> bool:
    chosen = subject.settings.tls.stapling
    return subject.configuration.hosts[0].settings.tls.stapling_cache is not None if chosen is None else chosen


def _responder(subject: Subject, credential: Credential, chain: Sequence[x509.Certificate]) -> None:
    path = credential.certificate_file
    found, why = subjects.subject_of(credential.leaf, path, chain, subject.settings.tls)
    if found is None:
        subject.warn(
            Code.STAPLING_IMPOSSIBLE, f"no OCSP response can be stapled: {why}",
            "Mend that, or take TLSStapling on out.", of="TLSStapling")
        return
    subject.fact("stapling", f"{path}: {found.url}")
    parts = urlsplit(found.url)
    silent = subject.machine.unreachable(parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 80))
    if silent:
        refused = "; clients that know what the certificate demands refuse it then" if found.must else ""
        subject.warn(
            Code.RESPONDER_UNREACHABLE,
            f"the OCSP responder of '{path}', {found.url}, cannot be reached ({silent}): there is nothing to staple"
            f"{refused}", "Let this machine connect to it, or name another one: TLSStaplingResponder.",
            of="TLSStapling")

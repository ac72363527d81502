"""The authorities of clients and their revocation lists."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509

from ftpsd.diag.subject import Subject
from ftpsd.errors import ConfigError
from ftpsd.reasons.codes import Code
from ftpsd.tls import certificates, revocation
from ftpsd.tls.certificates import name_text
from ftpsd.tls.identity import UNREADABLE

SOON = timedelta(days=3)
_DAYS = "%Y-%m-%d"


def look(subject: Subject) -> None:
    trusted = _authorities(subject)
    _verification(subject, trusted)
    for path, directive in _list_files(subject):
        _lists(subject, path, directive, trusted)


def _authorities(subject: Subject) -> tuple[x509.Certificate, ...]:
    tls = subject.settings.tls
    try:
        trusted = certificates.authorities(tls, subject.where)
    except ConfigError as error:
        subject.config_error(
            Code.CA_UNREADABLE, error, "Name a file (or directory) of certificates in PEM form.")
        return ()
    directive = "TLSCACertificateFile" if tls.ca_certificate_file is not None else "TLSCACertificatePath"
    for each in trusted:
        name = name_text(each.subject)
        if each.not_valid_after_utc < subject.machine.now():
            subject.warn(
                Code.CA_EXPIRED, f"the authority '{name}' expired on {each.not_valid_after_utc:{_DAYS}}: no client "
                f"of its "
                "is let in", "Add its present certificate, or take it out.", of=directive)
        if not _is_authority(each):
            subject.warn(
                Code.CA_NOT_AN_AUTHORITY, f"'{name}' is no authority's certificate: no client can be verified with it",
                "Put the certificate of the authority that issued it here.", of=directive)
    return trusted


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.version is x509.Version.v1
    except UNREADABLE:
        return False


def _verification(subject: Subject, trusted: tuple[x509.Certificate, ...]) -> None:
    tls = subject.settings.tls
    named = tls.ca_certificate_file is not None or tls.ca_certificate_path is not None
    if tls.verify_client != "off" and not named:
        subject.warn(
            Code.VERIFY_ANY_AUTHORITY,
            f"TLSVerifyClient {tls.verify_client} without TLSCACertificateFile: certificates of every authority "
            f"that the "
            "system trusts are taken, anybody can get one",
            "Name the authority of your clients with TLSCACertificateFile.", of="TLSVerifyClient")
    if tls.verify_client == "on" and tls.verify_depth == 0:
        subject.error(
            Code.VERIFY_DEPTH_ZERO, "TLSVerifyDepth 0: every client's certificate chain is too long",
            "Write the number of certificates from the client's to the root, 3 for example.", of="TLSVerifyDepth")
    if subject.says("TLSVerifyClient") and tls.verify_client == "on" and "NoCertRequest" in tls.options:
        subject.note(
            Code.DIRECTIVE_WITHOUT_EFFECT,
            "TLSOptions NoCertRequest has no effect: TLSVerifyClient on asks clients for certificates",
            "Take one of them out.", of="TLSOptions")
    if trusted:
        subject.fact("authorities", *(name_text(each.subject) for each in trusted))


def _list_files(subject: Subject) -> Iterator[tuple[str, str]]:
    tls = subject.settings.tls
    if tls.ca_revocation_file is not None:
        yield tls.ca_revocation_file, "TLSCARevocationFile"
    path, directive = tls.ca_revocation_path, "TLSCARevocationPath"
    if path is None:
        return
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        subject.error(
            Code.CRL_UNREADABLE, f"unable to read '{path}': {error.strerror}", "Name a directory of lists.",
            of=directive)
        return
    yield from ((os.path.join(path, name), directive) for name in names if os.path.isfile(os.path.join(path, name)))


def _lists(subject: Subject, path: str, directive: str, trusted: tuple[x509.Certificate, ...]) -> None:
    try:
        found = revocation.lists_in(certificates.read_file(path))
    except OSError as error:
        subject.error(
            Code.CRL_UNREADABLE, f"unable to read '{path}': {error.strerror or error}", "Correct the path.",
            of=directive)
        return
    except ValueError as error:
        subject.error(
            Code.CRL_UNREADABLE, f"unable to use '{path}': {error}",
            "Fetch it again; a job that does so should rename the new file when it is complete.", of=directive)
        return
    if not found:
        subject.error(
            Code.CRL_UNREADABLE, f"'{path}' holds no revocation list",
            "It must be in PEM form; `openssl crl -inform DER -in FILE` converts it.", of=directive)
    if "crl" not in subject.settings.tls.verify_order:
        subject.warn(
            Code.DIRECTIVE_WITHOUT_EFFECT, f"{directive} has no effect: TLSVerifyOrder does not name crl",
            "Add crl to TLSVerifyOrder.", of=directive)
    for each in found:
        _list(subject, each, path, directive, trusted)


def _list(
    subject: Subject, entry: x509.CertificateRevocationList, path: str, directive: str,
    trusted: tuple[x509.Certificate, ...],
) -> None:
    now, name = subject.machine.now(), name_text(entry.issuer)
    until = entry.next_update_utc
    end = f", valid until {until:{_DAYS}}" if until is not None else ""
    subject.fact("revocation lists", f"{path}: {name}, of {entry.last_update_utc:{_DAYS}}{end}")
    fetch = "Fetch the authority's present list, regularly (cron); the server notices the new file by itself."
    if until is not None and until < now:
        subject.error(
            Code.CRL_EXPIRED, f"the list of '{name}' in '{path}' expired on {until:{_DAYS}}: no client of that "
            f"authority is "
            "let in", fetch, of=directive)
    elif until is not None and until - now < min(SOON, (until - entry.last_update_utc) / 3):
        subject.warn(
            Code.CRL_EXPIRES_SOON, f"the list of '{name}' in '{path}' expires on {until:{_DAYS}}; then no client of "
            f"that "
            "authority is let in any more", fetch, of=directive)
    if entry.last_update_utc > now:
        subject.error(
            Code.CRL_NOT_YET_VALID, f"the list of '{name}' in '{path}' is not valid before "
            f"{entry.last_update_utc:{_DAYS}}: "
            "no client of that authority is let in", "Set this machine's clock right.", of=directive)
    issuers = [each for each in trusted if each.subject == entry.issuer]
    if trusted and not issuers:
        subject.warn(
            Code.CRL_FOREIGN, f"'{path}' has a list of '{name}', which is no authority of clients here: it has no "
            f"effect",
            "Add the authority to TLSCACertificateFile, or take the list out.", of=directive)
    elif issuers and not any(revocation.signature_is_good(entry, each) for each in issuers):
        subject.error(
            Code.CRL_BAD_SIGNATURE, f"the signature of the list of '{name}' in '{path}' is wrong: no client of that "
            "authority is let in", fetch, of=directive)

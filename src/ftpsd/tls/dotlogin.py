"""`~/.tlslogin`: certificates that their owner may log in with instead of a password (AllowDotLogin).

The file is read with root's rights on behalf of somebody who has not logged in, and decides who logs in. So
nothing about it is taken on trust: it is opened below the resolved home without following a link, without
waiting for a FIFO's writer, and only a regular file of limited size counts that nobody but its owner (the
user or root) can have written, in a directory of which the same is true. Whole certificates are compared: the
client has proved that it holds the key of the one that it showed.
"""

from __future__ import annotations

import os
import stat

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ftpsd.tls import certificates
from ftpsd.tls.identity import Verdict

NAME = ".tlslogin"
LARGEST = 1024 * 1024
"""Bytes of the file that are read; a larger one is refused."""
_MOST_SHOWN = 4


class _Unusable(Exception):
    """Why the file does not count."""


def check(home: str, uid: int, user: str, certificate: bytes) -> Verdict:
    """Whether the DER `certificate` is one of those in `<home>/.tlslogin` of `user`, whose number is `uid`.

    Needs the right to read the file; the caller is root for the moment.
    """
    path = os.path.join(home, NAME)
    failed = f"TLS/X509 .tlslogin check failed for user '{user}'"
    try:
        found = certificates.certificates_in(_read(home, uid))
    except (_Unusable, OSError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        return Verdict(False, (f".tlslogin check: unable to open '{path}': {reason}", failed))
    if any(local.public_bytes(Encoding.DER) == certificate for local in found):
        return Verdict(True, (f"TLS/X509 .tlslogin check successful for user '{user}'",))
    if not found:
        return Verdict(False, (f".tlslogin check: '{path}' contains no certificate", failed))
    return Verdict(False, (*_mismatch(found, certificate), failed))


def _read(home: str, uid: int) -> bytes:
    """The bytes of the file. Raises `_Unusable` or `OSError`."""
    owners = {uid, 0, os.geteuid()}
    directory = os.open(os.path.realpath(home), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _check(os.fstat(directory), "the home directory", home, owners)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        file = os.open(NAME, flags, dir_fd=directory)
    finally:
        os.close(directory)
    with open(file, "rb") as opened:
        state = os.fstat(file)
        if not stat.S_ISREG(state.st_mode):
            raise _Unusable("not a regular file")
        _check(state, "it", os.path.join(home, NAME), owners)
        data = opened.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise _Unusable("it is too large")
    return data


def _check(state: os.stat_result, what: str, path: str, owners: set[int]) -> None:
    """A group may be anybody, too: that it is nobody else's primary one (in LDAP, an AuthUserFile) cannot be told."""
    if state.st_mode & stat.S_IWOTH:
        raise _Unusable(f"{what} is world-writable")
    if state.st_mode & stat.S_IWGRP:
        raise _Unusable(f"{what} is group-writable (mend it: chmod g-w '{path}')")
    if state.st_uid not in owners:
        raise _Unusable(f"{what} belongs to somebody else (UID {state.st_uid})")


def _mismatch(local: tuple[x509.Certificate, ...], certificate: bytes) -> tuple[str, ...]:
    shown = (f".tlslogin local file certificate: {_description(one)}" for one in local[:_MOST_SHOWN])
    try:
        remote = _description(x509.load_der_x509_certificate(certificate))
    except ValueError:
        remote = "(unreadable)"
    return (
        ".tlslogin local/remote certificate MISMATCH", *shown,
        f".tlslogin remote client certificate: {remote}",
    )


def _description(certificate: x509.Certificate) -> str:
    """What tells certificates apart."""
    subject = certificates.name_text(certificate.subject)
    issuer = certificates.name_text(certificate.issuer)
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    serial = f"{certificate.serial_number:X}"
    return f"subject {subject}; issuer {issuer}; serial number {serial}; SHA-256 {fingerprint}"

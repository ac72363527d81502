"""The files that certificates of a configuration come from, and whether they have changed."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ftpsd.errors import ConfigError, Location
from ftpsd.reasons.codes import Code
from ftpsd.settings.model import Configuration, Host
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.tls_keys import is_token
from ftpsd.tls import certificates
from ftpsd.tls.certificates import KEY_KINDS, Credential
from ftpsd.tls.live.facts import fingerprint
from ftpsd.tls.live.judge import Objection
from ftpsd.tls.revocation import Revocations

LONGEST_WAY = 40
"""Symbolic links on the way to a file; the kernel follows no more."""

MOST_IN_DIRECTORY = 4096
"""Entries of a directory that are looked at."""

State = Mapping[str, tuple[int, ...]]
"""What tells one state of files from another, cheaply; a file that is not there has ()."""

Contents = Mapping[str, bytes]
"""SHA-256 of each file; b"" for one that cannot be read."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is in a certificate's file; `fingerprint` as `Served` has it."""

    host: int
    path: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Watched:
    """Files and directories: `pairs` make a new generation when they change, `lists` are revocation lists, which
    workers read again by themselves."""

    pairs: tuple[str, ...]
    lists: tuple[str, ...]

    @property
    def directories(self) -> tuple[str, ...]:
        """Where the kernel is asked to look: where the files are, and every link on the way to them."""
        found: dict[str, None] = {}
        for path in (*self.pairs, *self.lists):
            with contextlib.suppress(OSError):  # a link is gone just now: its directory changes again
                found.update(dict.fromkeys(_links(path)))
            real = os.path.realpath(path)
            found[real if os.path.isdir(real) else os.path.dirname(real)] = None
        return tuple(found)


def _links(path: str, most: int = LONGEST_WAY) -> Iterable[str]:
    """The directories of the symbolic links on the way to `path`."""
    parts = path.split("/")
    for end in range(2, len(parts) + 1):
        place = "/".join(parts[:end])
        if most > 0 and os.path.islink(place):
            above = os.path.dirname(place) or "/"
            yield os.path.realpath(above)
            target = os.path.join(above, os.readlink(place), *parts[end:])
            yield from _links(os.path.abspath(target), most - 1)
            return


def secured(configuration: Configuration) -> Iterable[Host]:
    """The hosts that have TLS, and those that clients of classes find in their places where it is another."""
    found: dict[int, Host] = {}
    for host in configuration.every_host:
        if host.settings.tls.engine:
            found.setdefault(id(host.settings.tls), host)
    return found.values()


def watched(configuration: Configuration) -> Watched:
    """What the hosts of a configuration that have TLS name, be it for the clients of a class alone."""
    pairs: dict[str, None] = {}
    lists: dict[str, None] = {}
    for host in secured(configuration):
        tls = host.settings.tls
        pairs.update(dict.fromkeys(_pairs(tls)))
        lists.update(dict.fromkeys(filter(None, (tls.ca_revocation_file, tls.ca_revocation_path))))
    return Watched(tuple(pairs), tuple(lists))


def _pairs(tls: TLSSettings) -> Iterable[str]:
    for kind in KEY_KINDS:
        certificate, key = kind.certificate_file(tls), kind.key_file(tls)
        if certificate is not None:
            yield certificate
        if key is not None and not is_token(key):
            yield key
    yield from filter(None, (
        tls.pkcs12_file, tls.certificate_chain_file, tls.ca_certificate_file, tls.ca_certificate_path))


def state(paths: Iterable[str]) -> State:
    """The state of files; a directory stands for its files."""
    return {file: _stat(file) for path in paths for file in _files(path)}


def contents(paths: Iterable[str]) -> Contents:
    """What is in the files."""
    return {file: _digest(file) for path in paths for file in _files(path)}


def _files(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            names = sorted(entry.path for entry, _ in zip(entries, range(MOST_IN_DIRECTORY), strict=False))
        return [path, *names]
    except OSError:
        return [path]


def _stat(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _digest(path: str) -> bytes:
    try:
        return hashlib.sha256(certificates.read_file(path)).digest()
    except OSError:
        return b""


def objection(configuration: Configuration) -> Objection | None:
    """What is wrong with the files as they are, as far as it can be told before anything is made of them.

    Keys that are encrypted or on a token are left to who can open them.
    """
    for host in secured(configuration):
        try:
            found, _ = certificates.load_credentials(host.settings.tls, _nowhere)
        except ConfigError as error:
            return Objection(Code.CERT_UNREADABLE, error.text, error.remedy or "")
        for credential in found:
            wrong = _mismatch(credential)
            if wrong is not None:
                return wrong
    return None


def leaves(configuration: Configuration) -> Iterable[Leaf]:
    """The certificates in the files of certificates as they are now; those that cannot be read are left out."""
    for host in configuration.every_host:
        tls = host.settings.tls
        for kind in KEY_KINDS:
            path = kind.certificate_file(tls) if tls.engine else None
            if path is not None:
                with contextlib.suppress(OSError):
                    for leaf in certificates.certificates_in(certificates.read_file(path))[:1]:
                        yield Leaf(host.id, path, fingerprint(leaf))


def _nowhere(directive: str) -> Location | None:
    return None


def _mismatch(credential: Credential) -> Objection | None:
    if is_token(credential.key_file) or certificates.is_encrypted(credential.key):
        return None
    try:
        own = load_pem_private_key(credential.key, None).public_key()
    except UnsupportedAlgorithm:
        return None  # OpenSSL may know it
    except (ValueError, TypeError):
        return Objection(
            Code.CERT_UNREADABLE, f"'{credential.key_file}' holds no private key",
            "It must be in PEM form (-----BEGIN PRIVATE KEY-----).")
    try:
        certified = certificates.key_of(credential.leaf)
    except ValueError:
        return Objection(
            Code.CERT_UNREADABLE, f"the key in the certificate '{credential.certificate_file}' cannot be read",
            "The file is damaged: put the certificate there again.")
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if certified is None or own.public_bytes(*form) == certified.public_bytes(*form):
        return None
    return Objection(
        Code.CERT_KEY_MISMATCH,
        f"the key '{credential.key_file}' does not belong to the certificate '{credential.certificate_file}'",
        "Put the key there that the certificate was requested with.")


def lists_objection(host: Host) -> Objection | None:
    """What is wrong with a host's revocation lists."""
    try:
        Revocations(host.settings.tls, _nowhere)
    except ConfigError as error:
        return Objection(Code.CRL_UNREADABLE, error.text, error.remedy or "")
    return None

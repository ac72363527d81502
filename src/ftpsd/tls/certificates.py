"""Certificates and keys as the host's directives name them: read, judged and put into chains.

Everything that an administrator can get wrong in these files is found here, at start, with the directive that
names the file: files that cannot be used are fatal, what only some clients will mind (dates, chains, kinds of
keys, modes) is a notice. Kinds of keys are data (`KEY_KINDS`), so that a further kind is one more entry.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from ftpsd.errors import ConfigError, Location
from ftpsd.native._openssl import OpenSSLError
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.tls_keys import is_token
from ftpsd.tls.identity import UNREADABLE

Locator = Callable[[str], Location | None]
"""Where a directive stands."""

LONGEST_CHAIN = 20
_LARGEST_FILE = 16 * 1024 * 1024
_PEM = re.compile(
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----\r?\n.*?-----END (?:X509 )?CERTIFICATE-----", re.DOTALL
)
_ENCRYPTED = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class KeyKind:
    """A kind of key that a certificate may have, and the directives that name its files."""

    name: str
    certificate_directive: str
    key_directive: str
    certificate_file: Callable[[TLSSettings], str | None]
    key_file: Callable[[TLSSettings], str | None]


KEY_KINDS = (
    KeyKind(
        "RSA", "TLSRSACertificateFile", "TLSRSACertificateKeyFile",
        lambda settings: settings.rsa_certificate_file, lambda settings: settings.rsa_certificate_key_file,
    ),
    KeyKind(
        "EC", "TLSECCertificateFile", "TLSECCertificateKeyFile",
        lambda settings: settings.ec_certificate_file, lambda settings: settings.ec_certificate_key_file,
    ),
    KeyKind(
        "DSA", "TLSDSACertificateFile", "TLSDSACertificateKeyFile",
        lambda settings: settings.dsa_certificate_file, lambda settings: settings.dsa_certificate_key_file,
    ),
)
_EDWARDS = ("ED25519", "ED448")


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate with its key. `extras` are certificates that follow the first one in its file; `key` is
    PEM text, empty when `key_file` names a key on a token."""

    kind: KeyKind
    certificate_file: str
    key_file: str
    leaf: x509.Certificate
    extras: tuple[x509.Certificate, ...]
    key: bytes


def pem(certificates: Iterable[x509.Certificate]) -> bytes:
    """`certificates` as PEM text."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def read_file(path: str) -> bytes:
    """The bytes of a file of reasonable size; raises `OSError`."""
    with open(path, "rb") as file:
        data = file.read(_LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        raise OSError(27, "file is too large", path)
    return data


def certificates_in(data: bytes) -> tuple[x509.Certificate, ...]:
    """Every certificate in PEM `data` that can be parsed, in order, without repeats."""
    found: dict[x509.Certificate, None] = {}
    for match in _PEM.finditer(data):
        try:
            found[x509.load_pem_x509_certificate(match[0])] = None
        except ValueError:
            continue
    return tuple(found)


def load_credentials(
    settings: TLSSettings, where: Callable[[str], Location | None]
) -> tuple[tuple[Credential, ...], tuple[str, ...]]:
    """(every configured certificate with its key, notices). `where` locates a directive.

    Raises `ConfigError`.
    """
    credentials = []
    notices: list[str] = []
    for kind in KEY_KINDS:
        path = kind.certificate_file(settings)
        if path is None:
            continue
        credential = _load_credential(kind, path, kind.key_file(settings) or path, where)
        credentials.append(credential)
        notices += _kind_notices(credential) + worries(credential)
    return tuple(credentials), tuple(notices)


def worries(credential: Credential) -> list[str]:
    """Notices of dates and of a key that others can read."""
    dates = _date_notices(credential.leaf, credential.certificate_file, datetime.now(UTC))
    return dates + mode_notices(credential.key_file)


def _load_credential(
    kind: KeyKind, path: str, key_path: str, where: Callable[[str], Location | None]
) -> Credential:
    directive = kind.certificate_directive
    missing = f"'{path}' does not exist or does not contain a certificate"
    try:
        found = certificates_in(read_file(path))
    except OSError as error:
        remedy = f"{error.strerror or error}."
        raise ConfigError(missing, location=where(directive), directive=directive, remedy=remedy) from None
    if not found:
        remedy = "The file must hold a certificate in PEM form (-----BEGIN CERTIFICATE-----)."
        raise ConfigError(missing, location=where(directive), directive=directive, remedy=remedy)
    if is_token(key_path):
        return Credential(kind, path, key_path, found[0], found[1:], b"")
    try:
        key = read_file(key_path)
    except OSError as error:
        raise unusable(key_path, error.strerror or str(error), kind.key_directive, where) from None
    return Credential(kind, path, key_path, found[0], found[1:], key)


def unusable(
    path: str, reason: str, directive: str, where: Callable[[str], Location | None], remedy: str | None = None
) -> ConfigError:
    """`unable to use 'P': reason`."""
    text = f"unable to use '{path}': {reason}"
    return ConfigError(text, location=where(directive), directive=directive, remedy=remedy)


def reason_of(error: OpenSSLError) -> str:
    """The first cause in OpenSSL's queue, which is the one nearest to the file."""
    for entry in error.queue:
        if entry.reason:
            return entry.reason
    return str(error)


def is_encrypted(key: bytes) -> bool:
    """Whether a PEM key needs a passphrase."""
    return _ENCRYPTED.search(key) is not None


def key_of(certificate: x509.Certificate) -> CertificatePublicKeyTypes | None:
    """The certificate's key; None: `cryptography` does not know its kind or curve (OpenSSL may).

    Raises `ValueError` where it is damaged.
    """
    try:
        return certificate.public_key()
    except UnsupportedAlgorithm:
        return None


_KINDS = {"1.2.840.113549.1.1.1": "RSA", "1.2.840.10045.2.1": "EC", "1.2.840.10040.4.1": "DSA"}


def kind_of(certificate: x509.Certificate) -> str:
    """The kind of the certificate's key, in mod_tls's words; of a key that cannot be read what it says it is."""
    try:
        key = key_of(certificate)
    except ValueError:
        key = None
    if key is None:
        kind = certificate.public_key_algorithm_oid.dotted_string
        return _KINDS.get(kind, kind)
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC"
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA"
    return type(key).__name__.lstrip("_").removesuffix("PublicKey").upper()


def _kind_notices(credential: Credential) -> list[str]:
    found = kind_of(credential.leaf)
    if found == credential.kind.name or (found in _EDWARDS and credential.kind.name == "EC"):
        return []
    path = credential.certificate_file
    return [f"certificate '{path}': expected {credential.kind.name} certificate, found {found}"]


def _date_notices(certificate: x509.Certificate, path: str, now: datetime) -> list[str]:
    if certificate.not_valid_after_utc < now:
        return [f"certificate '{path}': expired on {date_text(certificate.not_valid_after_utc)}"]
    if certificate.not_valid_before_utc > now:
        return [f"certificate '{path}': not valid before {date_text(certificate.not_valid_before_utc)}"]
    return []


def date_text(moment: datetime) -> str:
    """As OpenSSL prints it: `Jan  2 03:04:05 2026 GMT`."""
    return f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S %Y} GMT"


def mode_notices(path: str) -> list[str]:
    """What is to be said about a key file that others can read or change."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return []
    if not mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
        return []
    return [f"key file '{path}' is open to others (mode {stat.S_IMODE(mode):04o}): chmod 600 '{path}'"]


def authorities(
    settings: TLSSettings, where: Callable[[str], Location | None]
) -> tuple[x509.Certificate, ...]:
    """The certificates of TLSCACertificateFile, then those of TLSCACertificatePath; raises `ConfigError`."""
    found: dict[x509.Certificate, None] = {}
    if settings.ca_certificate_file is not None:
        certificates = _bundle(settings.ca_certificate_file, "TLSCACertificateFile", where)
        found.update(dict.fromkeys(certificates))
    if settings.ca_certificate_path is not None:
        found.update(dict.fromkeys(_directory(settings.ca_certificate_path, where)))
    return tuple(found)


def chain_file(
    settings: TLSSettings, where: Callable[[str], Location | None]
) -> tuple[x509.Certificate, ...]:
    """The certificates of TLSCertificateChainFile; raises `ConfigError`."""
    if settings.certificate_chain_file is None:
        return ()
    return _bundle(settings.certificate_chain_file, "TLSCertificateChainFile", where)


def _bundle(
    path: str, directive: str, where: Callable[[str], Location | None]
) -> tuple[x509.Certificate, ...]:
    try:
        found = certificates_in(read_file(path))
    except OSError as error:
        raise unusable(path, error.strerror or str(error), directive, where) from None
    if not found:
        raise unusable(path, "file contained no certificate data", directive, where)
    return found


def _directory(path: str, where: Callable[[str], Location | None]) -> Iterable[x509.Certificate]:
    """The certificates of every readable file in a directory, by name; others are passed over."""
    directive = "TLSCACertificatePath"
    if not os.path.isdir(path):
        text = "parameter must be a directory path"
        raise ConfigError(text, location=where(directive), directive=directive)
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        raise unusable(path, error.strerror or str(error), directive, where) from None
    found: list[x509.Certificate] = []
    for name in names:
        file = os.path.join(path, name)
        try:
            if os.path.isfile(file):
                found += certificates_in(read_file(file))
        except OSError:
            continue
    return found


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `issuer` has signed the certificate."""
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Chain:
    """What is sent after a leaf. `missing`: the issuer at which it breaks off, None: it reaches a root."""

    certificates: tuple[x509.Certificate, ...]
    missing: x509.Name | None


def build_chain(
    leaf: x509.Certificate, given: Sequence[x509.Certificate], store: Sequence[x509.Certificate]
) -> Chain:
    """The chain of `leaf`, in order, from certificates that were `given` for it and from the trusted `store`.

    Without anything given the chain goes up to the root when the store has it (as OpenSSL builds it); where
    an administrator gave certificates, a root comes along only if it is among those: clients have it anyway.
    """
    chain: list[x509.Certificate] = []
    last = leaf
    while not issued(last, last):
        issuer = next((candidate for candidate in given if issued(last, candidate)), None)
        stored = issuer is None
        if issuer is None:
            issuer = next((candidate for candidate in store if issued(last, candidate)), None)
        if issuer is None or issuer in chain or len(chain) >= LONGEST_CHAIN:
            return Chain(tuple(chain), last.issuer)
        if stored and given and issued(issuer, issuer):
            break
        chain.append(issuer)
        last = issuer
    return Chain(tuple(chain), None)


_SHORT_NAMES = {
    "2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU",
    "2.5.4.4": "SN", "2.5.4.42": "GN", "2.5.4.5": "serialNumber", "2.5.4.12": "title", "2.5.4.13": "description",
    "2.5.4.9": "street", "2.5.4.17": "postalCode", "2.5.4.43": "initials", "2.5.4.46": "dnQualifier",
    "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
    "1.2.840.113549.1.9.1": "emailAddress",
}
_QUOTED = re.compile(r'[,+"\\<>;]|^[# ]| $')


def name_text(name: x509.Name) -> str:
    """A distinguished name on one line as mod_tls logs it: `C = US, O = "Castaglia, Inc", CN = client`."""
    return ", ".join(
        " + ".join(f"{_short(part)} = {_quoted(part.value)}" for part in rdn) for rdn in name.rdns
    )


def _short(part: x509.NameAttribute[str | bytes]) -> str:
    return _SHORT_NAMES.get(part.oid.dotted_string, part.oid.dotted_string)


def _quoted(value: str | bytes) -> str:
    if isinstance(value, bytes):
        return "#" + value.hex().upper()
    if _QUOTED.search(value):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "".join(char if char.isprintable() else f"\\{ord(char):02X}" for char in value)


def subject_of(der: bytes) -> str:
    """The subject of a DER certificate for the log; of one that cannot be parsed, a word that says so."""
    try:
        return name_text(x509.load_der_x509_certificate(der).subject)
    except UNREADABLE:
        return "(unreadable subject)"


def is_self_issued(der: bytes) -> bool:
    """Whether subject and issuer of a DER certificate are one."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return certificate.subject == certificate.issuer
    except UNREADABLE:
        return False

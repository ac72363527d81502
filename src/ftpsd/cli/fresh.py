"""New files of a new site: certificates that nobody else vouches for, and files with the modes that they need."""

from __future__ import annotations

import datetime
import ipaddress
import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE_MODE, SECRET_MODE = 0o644, 0o600
_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key (PEM). `fingerprint`: SHA-256, as clients show it."""

    certificate: bytes
    key: bytes
    fingerprint: str


def account() -> tuple[int, int]:
    """Whose files they should be: ours; as root those of the user behind sudo, or of nobody."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    if "SUDO_UID" in os.environ and "SUDO_GID" in os.environ:
        return int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
    try:
        nobody = pwd.getpwnam("nobody")
        return nobody.pw_uid, nobody.pw_gid
    except KeyError:
        return 65534, 65534


def write(path: Path, data: bytes, mode: int) -> None:
    """Write `data` to a file that is not there yet; never with more rights than `mode`. Raises `OSError`."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)


def authority(name: str, days: int) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name)
    made = (
        _draft(subject, subject, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made, key


def server(
    names: Iterable[str], days: int, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
) -> Pair:
    """A server's certificate for `names` (DNS names and addresses), signed by `issuer` or (None) by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    known = list(dict.fromkeys(names))
    subject = _named(known[0])
    above, signer = (subject, key) if issuer is None else (issuer[0].subject, issuer[1])
    made = (
        _draft(subject, above, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in known]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair(made.public_bytes(Encoding.PEM), pem, made.fingerprint(hashes.SHA256()).hex(":").upper())


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_LONGEST_COMMON_NAME])])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _draft(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(issuer).public_key(key).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )

"""A throw-away certificate authority: root, intermediates and leaves as PEM files.

Keys of authorities are fresh in every process, so two authorities never vouch for each other's leaves.
Keys of leaves are cached per kind and name: RSA generation would otherwise dominate a test run.
Never use any of this outside tests.
"""

from __future__ import annotations

import datetime
import functools
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

KeyKind = Literal["rsa", "p256", "ed25519"]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

DAY = datetime.timedelta(days=1)


def new_key(kind: KeyKind) -> PrivateKey:
    """A fresh private key: RSA-2048, P-256 or Ed25519."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


@functools.lru_cache(maxsize=256)
def cached_key(kind: KeyKind, name: str) -> PrivateKey:
    """The key of this kind for `name`, generated once per process."""
    return new_key(kind)


@dataclass(frozen=True, slots=True)
class Files:
    """Where an identity was written: leaf certificate, private key, intermediates (None: there are none)."""

    certificate: Path
    key: Path
    chain: Path | None
    kind: KeyKind


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its private key and the intermediates between it and the root, nearest first."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def kind(self) -> KeyKind:
        """Which kind of key it is."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return "rsa"
        return "p256" if isinstance(self.key, ec.EllipticCurvePrivateKey) else "ed25519"

    @property
    def certificate_pem(self) -> bytes:
        """The leaf certificate alone, PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def chain_pem(self) -> bytes:
        """The intermediates, PEM, nearest to the leaf first; empty when the root signed the leaf."""
        return b"".join(link.public_bytes(serialization.Encoding.PEM) for link in self.chain)

    def key_pem(self, password: bytes | None = None) -> bytes:
        """The private key, PKCS#8 PEM, encrypted when a password is given."""
        encryption = (
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        )
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )

    def write(self, directory: Path, stem: str, *, password: bytes | None = None) -> Files:
        """Write `stem.cert.pem`, `stem.key.pem` (mode 0600) and, if there are any, `stem.chain.pem`."""
        files = Files(
            certificate=directory / f"{stem}.cert.pem",
            key=directory / f"{stem}.key.pem",
            chain=directory / f"{stem}.chain.pem" if self.chain else None,
            kind=self.kind,
        )
        files.certificate.write_bytes(self.certificate_pem)
        files.key.touch(mode=0o600)
        files.key.write_bytes(self.key_pem(password))
        if files.chain is not None:
            files.chain.write_bytes(self.chain_pem)
        return files


def _name(common_name: str) -> x509.Name:
    return x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ftpsd tests"),
        x509.NameAttribute(NameOID.COMMON_NAME, common_name),
    ])


def _general_names(names: tuple[str, ...]) -> list[x509.GeneralName]:
    """DNS names, IP addresses and e-mail addresses, told apart by their form."""
    found: list[x509.GeneralName] = []
    for name in names:
        if "@" in name:
            found.append(x509.RFC822Name(name))
            continue
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest)


def _draft(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, first: datetime.timedelta,
    last: datetime.timedelta,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + first)
        .not_valid_after(now + last)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=not signs_certificates,
        data_encipherment=False, key_agreement=False, key_cert_sign=signs_certificates,
        crl_sign=signs_certificates, encipher_only=False, decipher_only=False,
    )


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority; make one with `create`, then `intermediate` and `leaf`."""

    identity: Identity

    @classmethod
    def create(cls, name: str = "ftpsd test root", *, kind: KeyKind = "p256") -> Authority:
        """A self-signed root, valid from yesterday for ten years."""
        return cls(cls._certify(name, new_key(kind), None))

    @property
    def pem(self) -> bytes:
        """The authority's own certificate, PEM: what a peer has to trust when this is the root."""
        return self.identity.certificate_pem

    def write(self, path: Path) -> Path:
        """Write the authority's own certificate to `path`."""
        path.write_bytes(self.pem)
        return path

    def intermediate(self, name: str = "ftpsd test intermediate", *, kind: KeyKind = "p256") -> Authority:
        """An authority below this one."""
        return Authority(self._certify(name, new_key(kind), self.identity))

    def leaf(
        self, name: str = "localhost", *,
        alternatives: tuple[str, ...] = ("localhost", "127.0.0.1", "::1"), kind: KeyKind = "rsa",
        first: datetime.timedelta = -DAY, last: datetime.timedelta = 365 * DAY,
    ) -> Identity:
        """A certificate for servers and clients alike.

        `alternatives` are subject alternative names (DNS, IP or e-mail), `first` and `last` the validity
        relative to now, so `last=-DAY` with an earlier `first` gives an expired one.
        """
        key = cached_key(kind, name)
        issuer = self.identity
        draft = _draft(_name(name), issuer.certificate.subject, key, first, last)
        draft = draft.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        draft = draft.add_extension(_key_usage(signs_certificates=False), critical=True)
        draft = draft.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        draft = draft.add_extension(_authority_key_identifier(issuer.certificate), critical=False)
        if alternatives:
            names = x509.SubjectAlternativeName(_general_names(alternatives))
            draft = draft.add_extension(names, critical=False)
        return Identity(_sign(draft, issuer.key), key, self._chain_for_children())

    def _chain_for_children(self) -> tuple[x509.Certificate, ...]:
        certificate = self.identity.certificate
        if certificate.issuer == certificate.subject:
            return ()
        return (certificate, *self.identity.chain)

    @staticmethod
    def _certify(name: str, key: PrivateKey, issuer: Identity | None) -> Identity:
        subject = _name(name)
        above = issuer.certificate.subject if issuer else subject
        draft = _draft(subject, above, key, -DAY, 3650 * DAY)
        draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        draft = draft.add_extension(_key_usage(signs_certificates=True), critical=True)
        if issuer is None:
            return Identity(_sign(draft, key), key)
        draft = draft.add_extension(_authority_key_identifier(issuer.certificate), critical=False)
        chain = Authority(issuer)._chain_for_children()
        return Identity(_sign(draft, issuer.key), key, chain)


def _authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)

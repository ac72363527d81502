"""Certificates, revocation lists and OCSP responses as nobody should issue them, for the tests of clients."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from ftpsd.testing.ca import Authority, Identity, PrivateKey

DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
CLIENT_AUTH = (ExtendedKeyUsageOID.CLIENT_AUTH,)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@functools.lru_cache(maxsize=32)
def key(name: str) -> PrivateKey:
    """The key of that name: `rsa…`, `weak` (RSA with 1024 bits), `ed…`, else P-256."""
    if name.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if name.startswith("weak"):
        return rsa.generate_private_key(public_exponent=65537, key_size=1024)
    if name.startswith("ed"):
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def subject(*common_names: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common_names])


def alternatives(*names: str) -> tuple[x509.GeneralName, ...]:
    """SANs by their form: `@` an e-mail address, digits and colons an IP address, else a DNS name."""
    found: list[x509.GeneralName] = []
    for name in names:
        if "@" in name:
            found.append(x509.RFC822Name(name))
            continue
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return tuple(found)


@dataclass(frozen=True)
class Draft:
    """What a certificate is to say; `sign` makes it."""

    names: tuple[str, ...] = ("client",)
    san: tuple[str, ...] = ()
    key: str = "client"
    first: datetime.timedelta = -DAY
    last: datetime.timedelta = DAY
    usage: Sequence[ObjectIdentifier] = CLIENT_AUTH
    signs: bool = True
    is_ca: bool = False
    path_length: int | None = None
    crl_sign: bool = True
    responders: tuple[str, ...] = ()
    issuer_key: bool = True
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    parts: tuple[tuple[ObjectIdentifier, str], ...] = ()

    def sign(self, issuer: Identity | None = None) -> Identity:
        """The certificate, signed by `issuer` (None: by itself), with the chain up to the root."""
        own = key(self.key)
        above = issuer.certificate.subject if issuer is not None else self._subject()
        builder = (
            x509.CertificateBuilder().subject_name(self._subject()).issuer_name(above)
            .public_key(own.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now() + self.first).not_valid_after(now() + self.last)
        )
        for extension, critical in self._extensions(issuer):
            builder = builder.add_extension(extension, critical)
        signer = issuer.key if issuer is not None else own
        digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        certificate = builder.sign(signer, digest)
        chain = () if issuer is None else (issuer.certificate, *issuer.chain)
        return Identity(certificate, own, chain)

    def _subject(self) -> x509.Name:
        """`parts`, then the CommonNames."""
        return x509.Name([*(x509.NameAttribute(oid, text) for oid, text in self.parts), *subject(*self.names)])

    def _extensions(self, issuer: Identity | None) -> Iterator[tuple[x509.ExtensionType, bool]]:
        yield x509.BasicConstraints(self.is_ca, self.path_length), True
        yield x509.KeyUsage(
            digital_signature=self.signs, content_commitment=not self.signs, key_encipherment=False,
            data_encipherment=False, key_agreement=False, key_cert_sign=self.is_ca,
            crl_sign=self.is_ca and self.crl_sign, encipher_only=False, decipher_only=False), True
        yield x509.SubjectKeyIdentifier.from_public_key(key(self.key).public_key()), False
        if issuer is not None and self.issuer_key:
            yield x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False
        if self.usage:
            yield x509.ExtendedKeyUsage(self.usage), False
        if self.san:
            yield x509.SubjectAlternativeName(alternatives(*self.san)), False
        if self.responders:
            yield x509.AuthorityInformationAccess([
                x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))
                for url in self.responders]), False
        yield from self.more


def authority(name: str, above: Identity | None, **changes: object) -> Identity:
    """An authority with its own key."""
    fields: dict[str, object] = {"names": (name,), "key": name, "usage": (), "is_ca": True, **changes}
    return Draft(**fields).sign(above)  # type: ignore[arg-type]


def crl(
    issuer: Identity, *revoked: Identity, first: datetime.timedelta = -HOUR, last: datetime.timedelta = DAY,
    signer: Identity | None = None, key_identifier: bool = True, reason: x509.ReasonFlags | None = None,
    more: Sequence[x509.ExtensionType] = (),
) -> bytes:
    """A revocation list (PEM) in the name of `issuer`, signed with the key of `signer` (default: the same), with the
    extensions `more`."""
    builder = (
        x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
        .last_update(now() + first).next_update(now() + last)
    )
    if key_identifier:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    for extension in more:
        builder = builder.add_extension(extension, critical=True)
    for identity in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(identity.certificate.serial_number)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.revocation_date(now() - HOUR).build())
    made = (signer or issuer).key
    return builder.sign(made, hashes.SHA256()).public_bytes(PEM)


@dataclass(frozen=True)
class Answers:
    """How a responder answers: `status`, signed by `signer` on behalf of `issuer`."""

    issuer: Identity
    signer: Identity

    def answer(self, mode: str, question: bytes) -> bytes:
        """The DER response to a DER request. `mode` is what the responder does with it."""
        if mode == "garbage":
            return b"not a response"
        if mode == "later":
            unsuccessful = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
            return unsuccessful.public_bytes(DER)
        asked = ocsp.load_der_ocsp_request(question)
        age = datetime.timedelta(days=9) if mode == "outdated" else HOUR
        if mode == "future":
            age = -DAY
        status = {"revoked": ocsp.OCSPCertStatus.REVOKED, "unknown": ocsp.OCSPCertStatus.UNKNOWN}.get(
            mode, ocsp.OCSPCertStatus.GOOD)
        revoked = status is ocsp.OCSPCertStatus.REVOKED
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            issuer_name_hash=asked.issuer_name_hash if mode != "other-name" else bytes(20),
            issuer_key_hash=asked.issuer_key_hash if mode != "other-key" else bytes(20),
            serial_number=asked.serial_number + (mode == "other"), algorithm=hashes.SHA1(), cert_status=status,
            this_update=now() - age, next_update=now() - age + 2 * DAY if mode != "undated" else None,
            revocation_time=now() - HOUR if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )
        by = ocsp.OCSPResponderEncoding.NAME if mode == "by-name" else ocsp.OCSPResponderEncoding.HASH
        builder = builder.responder_id(by, self.signer.certificate)
        if self.signer is not self.issuer:
            builder = builder.certificates([self.signer.certificate])
        if mode != "no-nonce" and len(asked.extensions):
            nonce = asked.extensions.get_extension_for_class(x509.OCSPNonce).value
            echoed = x509.OCSPNonce(b"other" * 4) if mode == "nonce" else nonce
            builder = builder.add_extension(echoed, critical=False)
        digest = None if isinstance(self.signer.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return builder.sign(self.signer.key, digest).public_bytes(DER)


@contextmanager
def responder(**answers: Answers) -> Iterator[str]:
    """An HTTP responder on loopback; its address. `<address>/<name>/<mode>` answers as `answers[name]`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            name, _, mode = self.path.strip("/").partition("/")
            status = int(mode) if mode.isdigit() else 200
            answer = b"" if mode.isdigit() else answers[name].answer(mode, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


DAMAGED, UNKNOWN = "damaged", "unknown"


def spoil_key(certificate: x509.Certificate, how: str) -> x509.Certificate:
    """The P-256 certificate with a point that is not on the curve (DAMAGED), or with a curve that `cryptography`
    does not know (UNKNOWN)."""
    der = bytearray(certificate.public_bytes(DER))
    if how == DAMAGED:
        point = certificate.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        der[der.index(point) + 33] ^= 1
    else:
        curve = bytes.fromhex("2a8648ce3d030107")
        der[der.index(curve) + len(curve) - 1] = 5
    return x509.load_der_x509_certificate(bytes(der))


def of(made: Authority) -> Identity:
    """The identity of an authority of `ftpsd.testing.ca`."""
    return made.identity

"""The server's certificates as a careful colleague reads them: pair, chain as clients see it, names, dates, key.

What is found is what the server will do at start (`tls.certificates` builds the chain), judged by what clients do with
it. Nobody is asked for a passphrase: of an encrypted key only its mode can be judged.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ftpsd.diag.looks import names
from ftpsd.diag.machine import is_forbidden
from ftpsd.diag.subject import Subject
from ftpsd.errors import ConfigError
from ftpsd.reasons.codes import Code
from ftpsd.settings.server import INETD
from ftpsd.settings.tls_keys import is_token
from ftpsd.tls import certificates, keys, parameters
from ftpsd.tls.certificates import KEY_KINDS, Credential, KeyKind, kind_of, name_text
from ftpsd.tls.keys import PKCS12
from ftpsd.tls.live import expiry, facts

_SMALLEST_RSA, _SMALLEST_EC = 2048, 224
_WEAK_HASHES = (hashes.MD5, hashes.SHA1)


def look(subject: Subject) -> tuple[str, ...]:
    """The kinds of the keys of the host's usable certificates."""
    given, trusted = _given(subject), _trusted(subject)
    found = [credential for credential in _credentials(subject) if credential is not None]
    used: list[x509.Certificate] = []
    for credential in found:
        _leaf(subject, credential)
        used += _chain(subject, credential, given, trusted)
    _unrelated(subject, given, used)
    if not found and not _named(subject):
        subject.error(
            Code.NO_CERTIFICATE, "TLSEngine is on, but no certificate is configured: AUTH is answered with 431",
            "Set TLSRSACertificateFile or TLSECCertificateFile here or in <Global>; server config's do not count in a "
            "<VirtualHost>.", of="TLSEngine")
    _pre_shared(subject)
    return tuple(kind_of(credential.leaf) for credential in found)


def _pre_shared(subject: Subject) -> None:
    """Keys that the server leaves out; what else is wrong with one stops it."""
    directive = "TLSPreSharedKey"
    for shared in subject.settings.tls.pre_shared_keys:
        if is_forbidden(shared.file):
            subject.cannot_look(shared.file, of=directive)
            continue
        with contextlib.suppress(OSError):
            unused = parameters.psk_objection(shared)
            if unused is not None:
                subject.warn(Code.CONFIG_NOTICE, *unused, of=directive)


def _named(subject: Subject) -> bool:
    tls = subject.settings.tls
    return any(kind.certificate_file(tls) for kind in (*KEY_KINDS, PKCS12))


# -- files


def _credentials(subject: Subject) -> Iterable[Credential | None]:
    tls = subject.settings.tls
    for kind in KEY_KINDS:
        path = kind.certificate_file(tls)
        if path is not None:
            yield _credential(subject, kind, path, kind.key_file(tls) or path)
    if tls.pkcs12_file is not None:
        yield _pkcs12(subject, tls.pkcs12_file)


def _read(subject: Subject, path: str, directive: str, code: Code) -> bytes | None:
    try:
        return certificates.read_file(path)
    except PermissionError as error:
        if subject.machine.is_root():
            subject.error(code, f"unable to read '{path}': {error.strerror}", of=directive)
        else:
            subject.cannot_look(path, of=directive)
    except OSError as error:
        subject.error(
            code, f"unable to read '{path}': {error.strerror or error}", "Correct the path, or make the file.",
            of=directive)
    return None


def _credential(subject: Subject, kind: KeyKind, path: str, key_path: str) -> Credential | None:
    directive = kind.certificate_directive
    data = _read(subject, path, directive, Code.CERT_UNREADABLE)
    if data is None:
        return None
    found = certificates.certificates_in(data)
    if not found:
        subject.error(
            Code.CERT_UNREADABLE, f"'{path}' holds no certificate",
            "It must be in PEM form (-----BEGIN CERTIFICATE-----); `openssl x509 -inform DER -in FILE` converts it.",
            of=directive)
        return None
    try:
        certificates.key_of(found[0])
    except ValueError:
        subject.error(
            Code.CERT_UNREADABLE, f"the key in the certificate '{path}' cannot be read",
            "The file is damaged: put the certificate there again.", of=directive)
        return None
    key = b""
    if not is_token(key_path):
        named = kind.key_directive if key_path != path else directive
        key = _read(subject, key_path, named, Code.CERT_UNREADABLE) or b""
        if key:
            _pair(subject, found[0], key, (path, key_path), named)
            _mode(subject, key_path, named)
    credential = Credential(kind, path, key_path, found[0], found[1:], key)
    actual = kind_of(found[0])
    if actual != kind.name and not (actual.startswith("ED") and kind.name == "EC"):
        subject.warn(
            Code.CERT_KIND, f"'{path}' has a key of kind {actual}, {directive} is for {kind.name}",
            f"Name it with TLS{'EC' if actual.startswith('ED') else actual}CertificateFile.", of=directive)
    return credential


def _pair(subject: Subject, leaf: x509.Certificate, key: bytes, paths: tuple[str, str], directive: str) -> None:
    """`paths` are those of the certificate and of its key."""
    path = paths[1]
    if certificates.is_encrypted(key):
        provider = subject.configuration.hosts[0].settings.tls.pass_phrase_provider
        if provider is None and subject.configuration.server.server_type == INETD:
            subject.error(
                Code.CERT_KEY_ENCRYPTED,
                f"the key '{path}' is encrypted, and with ServerType inetd there is nobody to ask for its passphrase: "
                "no connection is served",
                f"openssl pkey -in {path} -out NEW, chmod 600 NEW; or name a TLSPassPhraseProvider.", of=directive)
        elif provider is None:
            subject.warn(
                Code.CERT_KEY_ENCRYPTED,
                f"the key '{path}' is encrypted: its passphrase is asked for at start, and a start without a terminal "
                "fails", f"openssl pkey -in {path} -out NEW, chmod 600 NEW; or name a TLSPassPhraseProvider.",
                of=directive)
        return
    try:
        own = load_pem_private_key(key, None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        subject.error(
            Code.CERT_UNREADABLE, f"'{path}' holds no private key",
            "It must be in PEM form (-----BEGIN PRIVATE KEY-----).", of=directive)
        return
    certified = certificates.key_of(leaf)
    if certified is not None and _public(own) != _public(certified):
        subject.error(
            Code.CERT_KEY_MISMATCH, f"the key '{path}' does not belong to the certificate '{paths[0]}'",
            "Find the key that the certificate was requested with, or request a new certificate for this key.",
            of=directive)


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _mode(subject: Subject, path: str, directive: str) -> None:
    for text in certificates.mode_notices(path):
        problem, _, remedy = text.partition(": ")
        subject.warn(Code.CERT_KEY_OPEN, problem, f"{remedy}, and treat the key as known to others.", of=directive)


def _pkcs12(subject: Subject, path: str) -> Credential | None:
    if _read(subject, path, "TLSPKCS12File", Code.CERT_UNREADABLE) is None:
        return None
    _mode(subject, path, "TLSPKCS12File")
    try:
        return dataclasses.replace(keys.load_pkcs12(path, keys.Unlocker(subject.host, subject.where)), key=b"")
    except keys.Locked:
        subject.note(
            Code.CANNOT_LOOK, f"'{path}' is encrypted: it was not looked at",
            f"`openssl pkcs12 -in {path} -info -noout` asks for the password and shows what is in it.",
            of="TLSPKCS12File")
    except ConfigError as error:
        subject.config_error(Code.CERT_UNREADABLE, error)
    return None


def _given(subject: Subject) -> tuple[x509.Certificate, ...]:
    try:
        return certificates.chain_file(subject.settings.tls, subject.where)
    except ConfigError as error:
        subject.config_error(Code.CERT_UNREADABLE, error, "Name a file of certificates in PEM form.")
        return ()


def _trusted(subject: Subject) -> tuple[x509.Certificate, ...]:
    try:
        return certificates.authorities(subject.settings.tls, subject.where)
    except ConfigError:
        return ()  # `authorities.look` says so


# -- the certificate


def _leaf(subject: Subject, credential: Credential) -> None:
    leaf, path, directive = credential.leaf, credential.certificate_file, credential.kind.certificate_directive
    left = leaf.not_valid_after_utc - subject.machine.now()
    until = expiry.span(left) if left.total_seconds() > 0 else "over"
    subject.fact(
        "certificates",
        f"{path}: {name_text(leaf.subject) or 'no subject'}, {described_key(leaf)}, valid until "
        f"{leaf.not_valid_after_utc:%Y-%m-%d} ({until}), names: {', '.join(names.of(leaf)) or 'none'}")
    _dates(subject, leaf, path, directive)
    _strength(subject, leaf, path, directive)
    _purpose(subject, leaf, path, directive)
    names.look(subject, leaf, path, directive)


def _dates(subject: Subject, leaf: x509.Certificate, path: str, directive: str) -> None:
    now = subject.machine.now()
    watched = subject.configuration.hosts[0].settings.certificates.watch
    renew = f"Renew it{': the server takes the new files by itself' if watched else ', then reload (SIGHUP)'}."
    if leaf.not_valid_after_utc < now:
        subject.error(
            Code.CERT_EXPIRED, f"the certificate '{path}' expired on {_day(leaf.not_valid_after_utc)}: clients "
            f"refuse it",
            renew, of=directive)
    elif leaf.not_valid_before_utc > now:
        subject.error(
            Code.CERT_NOT_YET_VALID,
            f"the certificate '{path}' is not valid before {_day(leaf.not_valid_before_utc)}: clients refuse it",
            "Wait, or set this machine's clock right.", of=directive)
    elif expiry.is_near(leaf.not_valid_before_utc, leaf.not_valid_after_utc, now):
        subject.warn(
            Code.CERT_EXPIRES_SOON, f"the certificate '{path}' {expiry.when(leaf.not_valid_after_utc, now)}", renew,
            of=directive)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _key(certificate: x509.Certificate) -> CertificatePublicKeyTypes | None:
    """None: there is no telling."""
    try:
        return certificates.key_of(certificate)
    except ValueError:
        return None


def described_key(certificate: x509.Certificate) -> str:
    """`RSA 2048`, `EC secp256r1`, `ED25519`."""
    key = _key(certificate)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    size = getattr(key, "key_size", None)
    return f"{kind_of(certificate)} {size}" if size is not None else kind_of(certificate)


def is_weak_key(certificate: x509.Certificate) -> bool:
    """Whether the key is shorter than what OpenSSL and clients accept."""
    key = _key(certificate)
    small = isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey) and key.key_size < _SMALLEST_RSA
    return small or (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < _SMALLEST_EC)


def _strength(subject: Subject, leaf: x509.Certificate, path: str, directive: str) -> None:
    if is_weak_key(leaf):
        subject.error(
            Code.CERT_WEAK_KEY,
            f"the key of '{path}' ({described_key(leaf)}) is too short: OpenSSL and clients refuse it",
            "Make a new key of at least 2048 bits (RSA) or 256 bits (EC) and a certificate for it.", of=directive)
    if is_weakly_signed(leaf):
        subject.warn(
            Code.CERT_WEAK_SIGNATURE, f"the certificate '{path}' is signed with {signature(leaf)}: clients refuse it",
            "Have it signed with SHA-256 or better.", of=directive)


def is_weakly_signed(certificate: x509.Certificate) -> bool:
    """Whether the signature rests on a hash that clients do not accept any more."""
    try:
        return isinstance(certificate.signature_hash_algorithm, _WEAK_HASHES)
    except UnsupportedAlgorithm:
        return True


def signature(certificate: x509.Certificate) -> str:
    """The hash of the signature: `SHA256`."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    return algorithm.name.upper() if algorithm is not None else "an unknown algorithm"


def _purpose(subject: Subject, leaf: x509.Certificate, path: str, directive: str) -> None:
    if not facts.for_servers(leaf):
        subject.error(
            Code.CERT_NOT_FOR_SERVERS,
            f"the certificate '{path}' was not issued for servers (extended key usage): clients refuse it",
            "Request one for TLS servers (serverAuth).", of=directive)


# -- the chain


def _chain(
    subject: Subject, credential: Credential, given: tuple[x509.Certificate, ...],
    trusted: tuple[x509.Certificate, ...],
) -> list[x509.Certificate]:
    """Judges the chain as a client gets it; the certificates in it."""
    leaf, path, directive = credential.leaf, credential.certificate_file, credential.kind.certificate_directive
    written = (*given, *credential.extras)
    chain = certificates.build_chain(leaf, written, trusted)
    sent = chain.certificates
    _show(subject, leaf, sent)
    if leaf.subject == leaf.issuer:
        subject.note(
            Code.CERT_SELF_SIGNED, f"'{path}' is self-signed: clients ask their users, or must be given it",
            "A public authority's certificate (Let's Encrypt) is trusted everywhere.", of=directive)
    elif chain.missing is not None and sent and chain.missing not in subject.machine.public_roots():
        subject.note(
            Code.CHAIN_INCOMPLETE,
            f"the chain of '{path}' ends with '{_name(sent[-1])}': clients must know '{name_text(chain.missing)}', "
            f"which "
            "issued it", "That is right if it is a root that your clients have.", of=directive)
    elif chain.missing is not None and chain.missing not in subject.machine.public_roots():
        subject.warn(
            Code.CHAIN_INCOMPLETE,
            f"the chain of '{path}' is incomplete: clients get no certificate of '{name_text(chain.missing)}', which "
            f"issued it", "Put the authority's intermediate certificates into TLSCertificateChainFile, or use the "
            "fullchain file.", of=directive)
    _expired(subject, sent, directive)
    in_order = [each for each in written if each in sent]
    if in_order != [each for each in sent if each in in_order]:
        subject.note(
            Code.CHAIN_DISORDERED, f"the certificates of the chain of '{path}' are in a wrong order: they are sent in "
            "the right one, other programs would not do so", "Sort them: each one behind the one that it issued.",
            of="TLSCertificateChainFile" if given else directive)
    return [leaf, *sent]


def _show(subject: Subject, leaf: x509.Certificate, sent: Sequence[x509.Certificate]) -> None:
    for depth, certificate in enumerate((leaf, *sent)):
        subject.fact(
            "chain", f"{depth} {name_text(certificate.subject) or 'no subject'}, issued by "
            f"{name_text(certificate.issuer)}")


def _name(certificate: x509.Certificate) -> str:
    return name_text(certificate.subject)


def _expired(subject: Subject, sent: Sequence[x509.Certificate], directive: str) -> None:
    now = subject.machine.now()
    for certificate in sent:
        if certificate.not_valid_after_utc < now:
            subject.error(
                Code.CHAIN_EXPIRED,
                f"'{_name(certificate)}' in the chain expired on {_day(certificate.not_valid_after_utc)}: clients "
                f"refuse "
                "the server", "Get the authority's present intermediate certificates.", of=directive)


def _unrelated(
    subject: Subject, given: Sequence[x509.Certificate], used: Sequence[x509.Certificate]
) -> None:
    idle = [each for each in given if each not in used]
    if used and idle:
        subject.warn(
            Code.CHAIN_UNRELATED,
            f"{len(idle)} of the certificates in TLSCertificateChainFile belong to no chain and are not sent: "
            f"'{_name(idle[0])}'", "Remove them; perhaps this is the chain of another certificate.",
            of="TLSCertificateChainFile")


def is_secret(path: str) -> bool:
    """Whether the key at `path` is on a token, or encrypted, or not to be read."""
    if is_token(path):
        return True
    try:
        return certificates.is_encrypted(certificates.read_file(path))
    except OSError:
        return True

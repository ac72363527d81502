"""From files, tokens and passphrases to certificates with keys in an OpenSSL context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from ftpsd.errors import ConfigError
from ftpsd.native._openssl import Context, OpenSSLError
from ftpsd.settings.model import Host
from ftpsd.settings.tls_keys import is_token
from ftpsd.tls import certificates
from ftpsd.tls.certificates import Credential, KeyKind, Locator
from ftpsd.tls.passphrases import Passphrases, Request

PKCS12 = KeyKind(
    "PKCS12", "TLSPKCS12File", "TLSPKCS12File", lambda settings: settings.pkcs12_file, lambda settings: None,
)

class Locked(ConfigError):
    """Nobody can be asked for the password of a file."""


_MISMATCHES = ("mismatch", "no private key assigned", "no certificate assigned")


@dataclass(frozen=True, slots=True)
class Unlocker:
    """Finds the passphrases of a host's keys. Without `passphrases` there are none."""

    host: Host
    where: Locator
    passphrases: Passphrases | None = None
    provider: str | None = None

    def request(self, kind: KeyKind, path: str) -> Request:
        """Whose passphrase is wanted."""
        core = self.host.settings.core
        addresses = (*self.host.resolved, *self.host.addresses, "0.0.0.0")
        return Request(
            kind.name, path, addresses[0], core.port, core.server_name, kind.key_directive, self.provider,
            self.where(kind.key_directive),
        )


def load_pkcs12(path: str, unlocker: Unlocker) -> Credential:
    """The certificate, key and chain of TLSPKCS12File. Raises `ConfigError`; `Locked` without `passphrases`."""
    where = unlocker.where
    try:
        data = certificates.read_file(path)
    except FileNotFoundError:
        directive = PKCS12.certificate_directive
        raise ConfigError(
            f"'{path}' does not exist", location=where(directive), directive=directive
        ) from None
    except OSError as error:
        raise _bad_pkcs12(path, error.strerror or str(error), unlocker) from None
    found = _open_pkcs12(path, data, unlocker)
    if found.key is None or found.cert is None:
        missing = "private key" if found.key is None else "certificate"
        raise _bad_pkcs12(path, f"the file holds no {missing}", unlocker)
    key = found.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    extras = tuple(extra.certificate for extra in found.additional_certs)
    return Credential(PKCS12, path, path, found.cert.certificate, extras, key)


def _open_pkcs12(path: str, data: bytes, unlocker: Unlocker) -> pkcs12.PKCS12KeyAndCertificates:
    """Tries without a password and with an empty one before anybody is asked."""
    opened: list[pkcs12.PKCS12KeyAndCertificates] = []

    def opens(password: bytes | memoryview | None) -> bool:
        # The library takes nothing but bytes: a copy that cannot be wiped, and lives as long as this call.
        given = None if password is None else bytes(password)
        try:
            opened.append(pkcs12.load_pkcs12(data, given))
        except ValueError as error:
            if "password" not in str(error).lower():
                raise _bad_pkcs12(path, str(error), unlocker) from None
            return False
        return True

    if opens(None) or opens(b""):
        return opened[0]
    if unlocker.passphrases is None:
        directive = PKCS12.certificate_directive
        raise Locked(
            f"unable to use '{path}': the file is encrypted", location=unlocker.where(directive), directive=directive)
    unlocker.passphrases.unlock(unlocker.request(PKCS12, path), opens)
    return opened[0]


def _bad_pkcs12(path: str, reason: str, unlocker: Unlocker) -> ConfigError:
    remedy = "It is made by: openssl pkcs12 -export -in CERT -inkey KEY -certfile CHAIN -out FILE."
    return certificates.unusable(path, reason, PKCS12.certificate_directive, unlocker.where, remedy)


def use(context: Context, credential: Credential, unlocker: Unlocker) -> None:
    """Gives OpenSSL a certificate and its key, and has it check that they belong together.

    Raises `ConfigError`.
    """
    kind, where = credential.kind, unlocker.where
    try:
        context.use_certificate(certificates.pem([credential.leaf]))
    except OpenSSLError as error:
        reason = certificates.reason_of(error)
        path, directive = credential.certificate_file, kind.certificate_directive
        weak = reason.endswith(("too small", "too weak"))
        remedy = f"`ftpsd explain '{reason}'` says why, and what to do." if weak else None
        raise certificates.unusable(path, reason, directive, where, remedy) from None
    try:
        if is_token(credential.key_file):
            _use_token(context, credential, unlocker)
        elif certificates.is_encrypted(credential.key):
            _use_encrypted(context, credential, unlocker)
        else:
            context.use_private_key(credential.key)
        context.check_private_key()
    except OpenSSLError as error:
        raise _key_error(credential, certificates.reason_of(error), unlocker) from None


def _use_encrypted(context: Context, credential: Credential, unlocker: Unlocker) -> None:
    if unlocker.passphrases is None:
        raise certificates.unusable(
            credential.key_file, "the key is encrypted", credential.kind.key_directive, unlocker.where,
            remedy=f"Decrypt it: openssl pkey -in {credential.key_file} -out NEWFILE, and chmod 600 NEWFILE.",
        )
    request = unlocker.request(credential.kind, credential.key_file)
    unlocker.passphrases.unlock(request, _opens(partial(context.use_private_key, credential.key)))


def _use_token(context: Context, credential: Credential, unlocker: Unlocker) -> None:
    uri = credential.key_file
    try:
        context.use_key_uri(uri)
    except OpenSSLError as error:
        has_pin = "pin-value=" in uri or "pin-source=" in uri
        if has_pin or unlocker.passphrases is None or _is_mismatch(certificates.reason_of(error)):
            raise
        request = unlocker.request(credential.kind, uri)
        unlocker.passphrases.unlock(request, _opens(partial(context.use_key_uri, uri)))


def _opens(use: Callable[[memoryview], None]) -> Callable[[memoryview], bool]:
    """Tells whether a passphrase or PIN opens a key; raises that it is another certificate's key."""
    def opens(secret: memoryview) -> bool:
        try:
            use(secret)
        except OpenSSLError as error:
            if _is_mismatch(certificates.reason_of(error)):
                raise
            return False
        return True

    return opens


def _is_mismatch(reason: str) -> bool:
    return any(word in reason for word in _MISMATCHES)


def _key_error(credential: Credential, reason: str, unlocker: Unlocker) -> ConfigError:
    directive, where = credential.kind.key_directive, unlocker.where
    if b"PRIVATE KEY-----" not in credential.key and not is_token(credential.key_file):
        named = credential.key_file != credential.certificate_file
        return certificates.unusable(
            credential.key_file, "there is no private key in it",
            directive if named else credential.kind.certificate_directive, where,
            f"Name the file that has the key with {directive}.",
        )
    if not _is_mismatch(reason):
        remedy = _TOKEN_REMEDY if is_token(credential.key_file) else None
        return certificates.unusable(public(credential.key_file), reason, directive, where, remedy)
    return ConfigError(
        f"error checking key from {directive} '{public(credential.key_file)}': {reason}",
        location=where(directive), directive=directive,
        remedy=f"The key does not belong to the certificate in '{credential.certificate_file}'.",
    )


_TOKEN_REMEDY = (
    "Is the token there (p11tool --list-tokens), and is OpenSSL's provider or engine for PKCS#11 installed"
    " (packages pkcs11-provider, libengine-pkcs11-openssl)?"
)


def public(place: str) -> str:
    """A key's place for messages: without the PIN that a URI may hold."""
    head, pin, tail = place.partition("pin-value=")
    if not pin or not is_token(place):
        return place
    ends = [tail.find(mark) for mark in (";", "&") if mark in tail]
    return f"{head}pin-value=…{tail[min(ends):] if ends else ''}"

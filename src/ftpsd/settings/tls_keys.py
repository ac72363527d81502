"""mod_tls: the directives about certificates, keys, key exchange and where they come from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from ftpsd.settings.arguments import Argument, ArgumentError, Path, Special, absolute_path, want
from ftpsd.settings.declaration import EVERY_HOST, ROOT, Combine
from ftpsd.settings.declaration import directive as _directive

MODULE = "mod_tls"

directive = partial(_directive, contexts=EVERY_HOST)

LONGEST_IDENTITY = 256
"""Bytes of a pre-shared key's identity."""


class PreSharedKey(NamedTuple):
    """A TLSPreSharedKey line: who has the key, and the file that holds it in hexadecimal."""

    identity: str
    file: str


def pre_shared_key(words: Sequence[str]) -> tuple[PreSharedKey, ...]:
    """`IDENTITY hex:/path`."""
    want(words, 2, 2)
    identity, file = words
    size = len(identity.encode("utf-8", "surrogateescape"))
    if size > LONGEST_IDENTITY:
        raise ArgumentError(
            f"TLSPreSharedKey identity '{identity}' exceeds maximum length {LONGEST_IDENTITY}",
            remedy="Choose a shorter name.",
        )
    if not identity or "\0" in identity:
        raise ArgumentError("an identity cannot be empty", remedy="Write for example: camera1 hex:/path.")
    if not file.startswith("hex:"):
        raise ArgumentError(
            f"unsupported TLSPreSharedKey format: {file}", remedy="Write hex: before the path of the file."
        )
    return (PreSharedKey(identity, absolute_path(file.removeprefix("hex:"))),)


def curves(words: Sequence[str]) -> str | None:
    """Names of groups with blanks or colons between them, or `auto` (None)."""
    want(words, 1)
    names = [name for word in words for name in word.split(":")]
    if [name.lower() for name in names] == ["auto"]:
        return None
    if not all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in names):
        raise ArgumentError(
            f"unable to use ECDH curves '{':'.join(names)}'",
            remedy="Write for example X25519:P-256, or auto.",
        )
    return ":".join(names)


def crypto_device(words: Sequence[str]) -> str | None:
    """`none`, `ALL`, an engine's name or `provider:NAME`."""
    want(words, 1, 1)
    word = words[0]
    if word.lower() in ("none", "off"):
        return None
    if word.lower() == "all":
        return "ALL"
    if not re.fullmatch(r"(provider:)?[A-Za-z0-9_.-]+", word):
        raise ArgumentError(f"'{word}' is no name of an engine", remedy="Write ALL, a name or provider:NAME.")
    return word


@dataclass(frozen=True)
class KeyPlace(Argument[str]):
    """An absolute path, or a URI that names a key on a token."""

    syntax: str = "/path|pkcs11:URI"

    def parse(self, words: Sequence[str]) -> str:
        want(words, 1, 1)
        if is_token(words[0]):
            return words[0]
        return absolute_path(words[0])


def is_token(place: str) -> bool:
    """Whether a key's place is a PKCS#11 URI (RFC 7512)."""
    return place[:7].lower() == "pkcs11:"


def file_of(name: str, doc: str, example: str, *, needs: tuple[str, ...] = ()) -> str | None:
    """A field for a directive whose argument is an absolute path."""
    value: str | None = directive(
        name, Path(), None, module=MODULE, needs=needs, good=(example,), bad=("", example[1:]), doc=doc,
    )
    return value


def key_of(kind: str) -> str | None:
    """The field of `TLS<kind>CertificateKeyFile`."""
    certificate = f"TLS{kind}CertificateFile"
    value: str | None = directive(
        f"TLS{kind}CertificateKeyFile", KeyPlace(), None, module=MODULE, needs=(certificate,),
        good=(f"/etc/ftpsd/{kind.lower()}.key", "pkcs11:token=ftpsd;object=server;type=private"),
        bad=("", f"etc/{kind.lower()}.key", "a b"),
        doc=f"Key (PEM) of {certificate}; default: the same file. A pkcs11: URI names a key on a token; its"
        " PIN is in the URI (pin-value, pin-source) or asked for like a passphrase.",
    )
    return value


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Certificates, keys and key exchange of one host. A path is absolute; None: not configured."""

    rsa_certificate_file: str | None = file_of(
        "TLSRSACertificateFile", "Certificate (PEM) with an RSA key, and its chain.", "/etc/ftpsd/rsa.pem",
    )
    rsa_certificate_key_file: str | None = key_of("RSA")
    ec_certificate_file: str | None = file_of(
        "TLSECCertificateFile", "Certificate (PEM) with an EC or Ed25519 key, and its chain.",
        "/etc/ftpsd/ec.pem",
    )
    ec_certificate_key_file: str | None = key_of("EC")
    dsa_certificate_file: str | None = file_of(
        "TLSDSACertificateFile", "Certificate (PEM) with a DSA key, and its chain. For TLS 1.2 and older"
        " only, with a TLSCipherSuite that has DSS ciphers.", "/etc/ftpsd/dsa.pem",
    )
    dsa_certificate_key_file: str | None = key_of("DSA")
    pkcs12_file: str | None = file_of(
        "TLSPKCS12File", "Certificate, key and chain in one file (PKCS #12), beside those of the other"
        " directives.", "/etc/ftpsd/server.p12",
    )
    pass_phrase_provider: str | None = directive(
        "TLSPassPhraseProvider", Path(), None, module=MODULE, contexts=ROOT,
        good=("/usr/local/sbin/passphrase",), bad=("", "passphrase", "/a /b"),
        doc="Program that writes the passphrase of an encrypted key to its standard output. Its arguments are"
        " servername:port and RSA, DSA, EC or PKCS12; it has 10 seconds. Without it the terminal is asked.",
    )
    ecdh_curve: str | None = directive(
        "TLSECDHCurve", Special("auto|group[:group …]", curves), None, module=MODULE,
        good=("auto", "X25519:P-256", "prime256v1", "P-256 P-384"), bad=("", "P/256", ":"),
        default_text="auto",
        doc="Groups for the key exchange, the preferred one first; `auto`: what OpenSSL prefers.",
    )
    dh_param_file: str | None = file_of(
        "TLSDHParamFile", "Parameters (PEM) for DHE ciphers of TLS 1.2 and older, at least 2048 bits;"
        " default: OpenSSL's own, as strong as the certificate's key.", "/etc/ftpsd/dh.pem",
    )
    pre_shared_keys: tuple[PreSharedKey, ...] = directive(
        "TLSPreSharedKey", Special("identity hex:/path", pre_shared_key), (), module=MODULE,
        combine=Combine.APPEND, default_text="none",
        good=("camera1 hex:/etc/ftpsd/camera1.psk",),
        bad=("", "camera1", "camera1 /etc/psk", "camera1 hex:psk", f"{'x' * 257} hex:/etc/psk"),
        doc="A key that a client shares with the server, which takes the place of certificates. The file"
        " holds at least 20 hexadecimal digits and is open to nobody else.",
    )
    server_info_file: str | None = file_of(
        "TLSServerInfoFile", "Extensions (PEM: SERVERINFO FOR …, or SERVERINFOV2 FOR … for TLS 1.3 too) that clients"
        " get with the server's certificate if they ask for them, for example signed certificate timestamps.",
        "/etc/ftpsd/serverinfo.pem",
    )
    crypto_device: str | None = directive(
        "TLSCryptoDevice", Special("none|ALL|engine|provider:NAME", crypto_device), None, module=MODULE,
        good=("none", "ALL", "pkcs11", "provider:legacy"), bad=("", "a b", "/usr/lib/engine.so"),
        doc="An engine of OpenSSL (ALL: every one that is built in) or a provider, in use for the whole"
        " server.",
    )
    random_seed: str | None = file_of(
        "TLSRandomSeed", "File that is stirred into OpenSSL's random numbers at start, for what it is worth:"
        " the kernel seeds them well.", "/var/lib/ftpsd/seed",
    )


__all__ = ["KeyPlace", "KeySettings", "PreSharedKey", "file_of", "is_token"]

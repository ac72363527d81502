"""TLS as a client, for who asks servers questions (`ftpsd probe`): what is offered, and what came of it.

An `Offer` is one way of saying hello. Unlike a client that means to move files, it may offer versions and ciphers that
nobody should use: whether a server takes them is the question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ftpsd.native._openssl import Connection, Context, OpenSSLError, Session, TLSError
from ftpsd.tls import certificates
from ftpsd.tls.suites import VERSIONS

__all__ = [
    "SAFE", "VERSIONS", "Connection", "Context", "Credential", "Offer", "OpenSSLError", "Session", "TLSError",
    "Watcher", "ciphers_of", "context",
]

SAFE = "DEFAULT"
"""Ciphers that authenticate and encrypt: everything, in short, over which a password may go."""

EVERY = "ALL:COMPLEMENTOFALL"
_MOST_DEPTH = 20

Watcher = Callable[[Connection, bool, int, int, bytes], None]
"""See `Context.set_message_callback`."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A client's certificate, with those between it and its authority behind it, and its key (PEM, not encrypted)."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client offers.

    versions   of `VERSIONS`
    ciphers    for TLS 1.2 and older, in OpenSSL's notation
    suites13   for TLS 1.3; "": OpenSSL's default
    alpn       names of application protocols
    tickets    whether TLS 1.2 may use session tickets
    status     whether a stapled OCSP response is asked for
    """

    versions: tuple[str, ...] = VERSIONS
    ciphers: str = SAFE
    suites13: str = ""
    alpn: tuple[bytes, ...] = ()
    tickets: bool = True
    status: bool = False


def context(
    offer: Offer, *, authorities: bytes | None = None, credential: Credential | None = None,
    watch: Watcher | None = None,
) -> Context:
    """A client's context. `authorities` (PEM) are trusted, b"": the system's, None: nobody's certificate is verified.
    One that does not verify is recorded (`Connection.verify_failures`) and accepted. Raises `OpenSSLError`.
    """
    made = Context(server=False)
    made.set_security_level(0)
    made.set_protocols(offer.versions)
    made.set_ciphers(offer.ciphers)
    if offer.suites13:
        made.set_ciphersuites(offer.suites13)
    if offer.alpn:
        made.set_alpn(offer.alpn)
    made.set_options(renegotiation=True, legacy_renegotiation=True, ktls=False)
    made.ask_for_tickets(offer.tickets)
    if credential is not None:
        _show(made, credential)
    if authorities is not None:
        _trust(made, authorities)
    if watch is not None:
        made.set_message_callback(watch)
    return made


def _show(made: Context, credential: Credential) -> None:
    made.use_certificate(credential.certificate)
    made.use_private_key(credential.key)
    made.check_private_key()
    above = certificates.certificates_in(credential.certificate)[1:]
    if above:
        made.add_chain_certificate(certificates.pem(above))


def _trust(made: Context, authorities: bytes) -> None:
    if authorities:
        made.add_trusted(authorities)
    else:
        made.use_default_trust()
    made.set_verify("request", depth=_MOST_DEPTH, optional_failure_ok=True)


def ciphers_of(version: str) -> tuple[str, ...]:
    """Every cipher that this OpenSSL can offer for a version, the weakest too; () where it lacks the version."""
    made = Context(server=False)
    made.set_security_level(0)
    try:
        made.set_protocols([version])
        made.set_ciphers(EVERY)
        if version == "TLSv1.3":
            made.set_ciphersuites(":".join(SUITES13))
    except OpenSSLError:
        return ()
    return tuple(name for name in made.ciphers() if name.startswith("TLS_") is (version == "TLSv1.3"))


SUITES13 = (
    "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256", "TLS_AES_128_CCM_SHA256",
    "TLS_AES_128_CCM_8_SHA256",
)
"""Every cipher suite of TLS 1.3 (RFC 8446 appendix B.4)."""

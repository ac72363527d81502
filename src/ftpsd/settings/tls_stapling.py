"""mod_tls: OCSP responses that are sent along with the server's certificates."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlsplit

from ftpsd.settings.arguments import ArgumentError, Boolean, Duration, Special, want
from ftpsd.settings.declaration import EVERY_HOST, ROOT, Combine
from ftpsd.settings.declaration import directive as _directive
from ftpsd.settings.tls_sessions import MODULE, SessionSettings, cache_place
from ftpsd.settings.values import SessionCache

directive = partial(_directive, contexts=EVERY_HOST)

CACHE_KINDS = ("shm", "fs", "memcache", "redis")
"""Where OCSP responses can be kept (TLSStaplingCache)."""

OPTIONS = ("NoNonce", "NoVerify", "NoFakeTryLater")
"""The words of TLSStaplingOptions."""

_WORDS = {option.lower(): option for option in OPTIONS}


def stapling_options(words: Sequence[str]) -> frozenset[str]:
    """One or more of `OPTIONS`, in any case."""
    want(words, 1)
    for word in words:
        if word.lower() not in _WORDS:
            raise ArgumentError(f"unknown TLSStaplingOption '{word}'", remedy=f"They are {', '.join(OPTIONS)}.")
    return frozenset(_WORDS[word.lower()] for word in words)


def responder(words: Sequence[str]) -> str:
    """The address of an OCSP responder."""
    want(words, 1, 1)
    url = words[0]
    remedy = "Write for example http://ocsp.example.org/."
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise ArgumentError(f"error parsing OCSP URL '{url}'", remedy=remedy)
    return url


def stapling_cache(words: Sequence[str]) -> SessionCache | None:
    """`off`, or a place of a kind in `CACHE_KINDS`."""
    want(words, 1, 1)
    if words[0].lower() in ("off", "none"):
        return None
    kind, colon, _ = words[0].partition(":")
    if colon and kind.lower() not in CACHE_KINDS:
        raise ArgumentError(
            f"OCSP stapling cache type '{kind}' not available", remedy=f"The types are {', '.join(CACHE_KINDS)}.")
    return replace(cache_place(words[0], CACHE_KINDS), timeout=0)


@dataclass(frozen=True, slots=True)
class StaplingSettings(SessionSettings):
    """Stapling of one host."""

    stapling: bool | None = directive(
        "TLSStapling", Boolean(), None, module=MODULE, good=("on", "off"), bad=("", "must"),
        default_text="on where TLSStaplingCache is set, else off",
        doc="Clients that ask for the status of the server's certificate (status_request, RFC 6066) get its"
        " authority's answer (OCSP) along with it. The answers are fetched ahead of need, never in a handshake: when"
        " the server starts, when half of their validity has passed, and after a failure again and again. The"
        " issuer of the certificate must be in TLSCertificateChainFile, TLSCACertificateFile or the certificate's"
        " file.",
    )
    stapling_cache: SessionCache | None = directive(
        "TLSStaplingCache",
        Special("off|fs:/path=directory|shm:/file=path[&size=bytes]|memcache:|redis:", stapling_cache), None,
        module=MODULE, contexts=ROOT, default_text="off",
        good=("fs:/path=/var/lib/ftpsd/ocsp", "shm:/file=/run/ftpsd/ocsp", "memcache:", "redis:/prefix=a", "off"),
        bad=("", "fs", "fs:/var/lib/ocsp", "fs:/path=ocsp", "paper:/path=/x", "internal:"),
        doc="Where OCSP responses are kept beyond a restart of the server, and shared with other servers. fs: a"
        " directory that only root may write to, with a file FINGERPRINT.der for each certificate (SHA-1,"
        " hexadecimal); a response that somebody puts there is served too. shm: shared memory for every ftpsd that"
        " names the same file. memcache, redis: as for TLSSessionCache. Without a cache the workers of the server"
        " share them in memory.",
    )
    stapling_options: frozenset[str] = directive(
        "TLSStaplingOptions", Special("option …", stapling_options), frozenset(), module=MODULE,
        combine=Combine.UNION, default_text="none", good=("NoNonce", "nononce NoVerify NoFakeTryLater"),
        bad=("", "Nonce", "NoNonce Verify"),
        doc="NoNonce: no nonce in requests (responders that prepare their answers ignore it anyway)."
        " NoVerify: the signature of a response is not verified. NoFakeTryLater: while there is no response, clients"
        " get none; otherwise they get a `tryLater` that the server makes (and always with a certificate that"
        " demands stapling, RFC 7633).",
    )
    stapling_responder: str | None = directive(
        "TLSStaplingResponder", Special("http://…", responder), None, module=MODULE,
        good=("http://ocsp.example.org/", "http://127.0.0.1:8080/ocsp", "https://ocsp.example.org"),
        bad=("", "ocsp.example.org", "ldap://ocsp.example.org/", "http://", "http://host:x/", "http://a b/"),
        default_text="the one that the certificate names",
        doc="Address of the OCSP responder that is asked. Responses are signed, so http is what is usual.",
    )
    stapling_timeout: int = directive(
        "TLSStaplingTimeout", Duration(1, 300), 10, module=MODULE, good=("3", "30"), bad=("", "0", "soon", "301"),
        doc="Seconds that the responder has for an answer, connecting included.",
    )


__all__ = ["CACHE_KINDS", "OPTIONS", "StaplingSettings", "responder", "stapling_cache", "stapling_options"]

"""Which ciphers a list leaves, for each protocol version, with the OpenSSL that is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ftpsd.native._openssl import Context, OpenSSLError

VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_SEPARATORS = re.compile(r"[:, ]+")
_OF_THE_PAST = re.compile(
    "EXP|EXPORT|EXPORT40|EXPORT56|SSLV2|SSLV3|LOW|MEDIUM|MD5|RC2|RC4|DES|3DES|IDEA|SEED|ADH|AECDH|ANULL|ENULL|NULL|PSK|SRP|"
    "KRB5|DSS|KRSA|KDHE?|AECDH|ECDH|KECDH|CAMELLIA|ARIA|GOST.*|FZA|DH|EDH|ADSS|KSRP|ASRP|APSK|SHA1?", re.IGNORECASE)
_OLD_CIPHER = re.compile(r"(?:[A-Z0-9]+-)*(?:RC4|RC2|DES|IDEA|SEED|EXP|NULL|MD5)(?:-|$)")


def offered(
    protocols: Iterable[str], ciphers: str, tls13: str | None, *, level: int | None = None
) -> dict[str, tuple[str, ...]]:
    """The names of the ciphers that remain for each of `protocols`, in the server's order.

    `ciphers` and `tls13` are lists in OpenSSL's notation (None: its default), `level` the security level (None: its
    default). A list that OpenSSL refuses leaves nothing.
    """
    wanted = frozenset(protocols)
    return {version: _offered(version, ciphers, tls13, level) for version in VERSIONS if version in wanted}


def _offered(version: str, ciphers: str, tls13: str | None, level: int | None) -> tuple[str, ...]:
    context = Context(server=True)
    try:
        context.set_protocols([version])
        if level is not None:
            context.set_security_level(level)
        context.set_ciphers(ciphers)
        if tls13 is not None:
            context.set_ciphersuites(tls13)
    except OpenSSLError:
        return ()
    return tuple(name for name in context.ciphers() if name.startswith("TLS_") is (version == "TLSv1.3"))


def unmatched(ciphers: str) -> tuple[str, ...]:
    """The words of a list for TLS 1.2 and older that match no cipher, as they are written.

    Not among them: words that exclude or move what OpenSSL once had.
    """
    found = []
    for word in _SEPARATORS.split(ciphers.strip()):
        name = word.lstrip("!-+")
        if not name or name.startswith("@") or name.upper() == "DEFAULT" or "=" in name:
            continue
        if word != name and is_of_the_past(name):
            continue
        if not _matches(name):
            found.append(word)
    return tuple(dict.fromkeys(found))


def is_of_the_past(word: str) -> bool:
    """Whether a word means something that OpenSSL once had (`MEDIUM`, `RC4-SHA`), so that it is no slip of the pen."""
    return all(_OF_THE_PAST.fullmatch(part) or _OLD_CIPHER.match(part) for part in word.lstrip("!-+").split("+"))


def unmatched13(ciphersuites: str) -> tuple[str, ...]:
    """The words of a list for TLS 1.3 that are no cipher's name."""
    known = _offered("TLSv1.3", "ALL", None, 0)
    every = {*known, "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"}
    return tuple(word for word in _SEPARATORS.split(ciphersuites.strip()) if word and word not in every)


def _matches(name: str) -> bool:
    try:
        Context(server=True).set_ciphers(name)
    except OpenSSLError:
        return False
    return True

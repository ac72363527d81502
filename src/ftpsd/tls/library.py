"""The TLS library as such, for those who may not ask the native floor themselves."""

from __future__ import annotations

import re

from ftpsd.native import _openssl
from ftpsd.settings.tls import MODULE_VERSION


def version() -> str:
    """The OpenSSL that is loaded: `OpenSSL 3.0.16 11 Feb 2025`."""
    return _openssl.library_version()


def rest_thread() -> None:
    """The calling thread has nothing to do: OpenSSL frees the random generators that it keeps for it."""
    _openssl.rest_thread()


def notices() -> list[str]:
    """mod_tls's warning when the OpenSSL that is loaded is older than the headers we were built with.

    A newer one is what distributions' updates bring, and promised to be compatible: nothing to warn of.
    """
    headers, library = _openssl.header_version(), version()
    if _numbers(library) >= _numbers(headers):
        return []
    return [
        f"{MODULE_VERSION}: compiled using OpenSSL version '{headers}' headers, but linked to OpenSSL"
        f" version '{library}' library"
    ]


def _numbers(text: str) -> tuple[int, ...]:
    """(3, 0, 16) of `OpenSSL 3.0.16 11 Feb 2025`."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(map(int, found[0].split("."))) if found else ()

"""Which TLS library this is, for those who may not ask the native floor themselves."""

from __future__ import annotations

from ftpsd.native import _openssl


def version() -> str:
    """The OpenSSL that is loaded: `OpenSSL 3.0.16 11 Feb 2025`."""
    return _openssl.library_version()

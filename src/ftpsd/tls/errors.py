"""Errors of a TLS connection, under the name by which higher rooms know them (they do not import native)."""

from ftpsd.native._openssl import OpenSSLError, TLSError

__all__ = ["OpenSSLError", "TLSError"]

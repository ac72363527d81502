"""userPassword (RFC 2307): `{scheme}value`, compared here where LDAPAuthBinds is off."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

from ftpsd.auth import passwords

_DIGESTS = {
    "sha": "sha1", "ssha": "sha1", "md5": "md5", "smd5": "md5", "sha256": "sha256", "ssha256": "sha256",
    "sha384": "sha384", "ssha384": "sha384", "sha512": "sha512", "ssha512": "sha512",
}
_SCHEME = re.compile(r"\{([A-Za-z0-9._/-]{1,32})\}(.*)", re.DOTALL)


def matches(password: str, stored: str | None, default: str) -> bool:
    """Whether `password` is that of the value `stored`; without a scheme it is `default` (crypt, clear).

    One hash of libcrypt's is computed in every case, so that time does not tell which users exist or how they are
    stored. None, and schemes that are not known, match nothing. Raises `TimeoutError` as `passwords.matches` does.
    """
    found = _SCHEME.fullmatch(stored) if stored is not None else None
    scheme, value = (found[1].lower(), found[2]) if found is not None else (default, stored or "")
    if scheme in ("crypt", "argon2"):
        return passwords.matches(password, value or None)
    passwords.matches(password, None)
    secret = password.encode("utf-8", "surrogateescape")
    if scheme in ("clear", "cleartext"):
        return bool(value) and hmac.compare_digest(secret, value.encode("utf-8", "surrogateescape"))
    digest = _DIGESTS.get(scheme)
    return digest is not None and _digest_matches(secret, value, digest, salted=scheme.startswith("s") and (
        scheme.startswith("ss") or scheme == "smd5"))


def _digest_matches(secret: bytes, value: str, digest: str, *, salted: bool) -> bool:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    size = hashlib.new(digest, usedforsecurity=False).digest_size
    if len(data) < size or (len(data) > size) is not salted:
        return False
    hashed = hashlib.new(digest, secret + data[size:], usedforsecurity=False).digest()
    return hmac.compare_digest(hashed, data[:size])

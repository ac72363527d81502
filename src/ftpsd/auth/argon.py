"""Argon2 (RFC 9106), which libcrypt does not have: hashes as its reference implementation writes them.

    $argon2id$v=19$m=65536,t=3,p=4$salt$hash

The computing is cryptography's, without the GIL. Where it is linked to an OpenSSL before 3.2 there is no Argon2.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm

try:
    from cryptography.hazmat.primitives.kdf import argon2
except ImportError:  # before cryptography 44
    argon2 = None  # type: ignore[assignment]

PREFIX: Final = b"$argon2"
_HASH: Final = re.compile(
    rb"\$(argon2id|argon2i|argon2d)\$v=19\$m=([0-9]{1,8}),t=([0-9]{1,5}),p=([0-9]{1,3})\$([A-Za-z0-9+/]{11,128})"
    rb"\$([A-Za-z0-9+/]{6,172})")
_KINDS: Final = {b"argon2id": "Argon2id", b"argon2i": "Argon2i", b"argon2d": "Argon2d"}
LARGEST: Final = 4 * 1024 * 1024
"""KiB of memory that a hash may want."""

MOST_PASSES: Final = 1000
MEMORY, PASSES, LANES, SIZE, SALT_SIZE = 19456, 2, 1, 32, 16
"""KiB, and the rest, of new hashes: what OWASP's Password Storage Cheat Sheet asks for at least; many log in here."""


def _decode(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None


def hashed(password: bytes, setting: bytes) -> bytes | None:
    """The hash of `password` as `setting`, a whole hash, has been made; None: that is none, or there is no Argon2."""
    found = _HASH.fullmatch(setting)
    if found is None or int(found[2]) > LARGEST:
        return None
    salt, digest = _decode(found[5]), _decode(found[6])
    if salt is None or digest is None:
        return None
    head = setting[:found.start(6)]
    return _derive(_KINDS[found[1]], head, password, salt, len(digest), int(found[3]), int(found[4]), int(found[2]))


def make(password: bytes, passes: int = 0) -> bytes | None:
    """A new hash (Argon2id) with a fresh salt; None: there is no Argon2."""
    salt, passes = os.urandom(SALT_SIZE), passes or PASSES
    head = b"$argon2id$v=19$m=%d,t=%d,p=%d$%s$" % (
        MEMORY, passes, LANES, base64.b64encode(salt).rstrip(b"="))
    return _derive("Argon2id", head, password, salt, SIZE, passes, LANES, MEMORY)


def _derive(
    kind: str, head: bytes, password: bytes, salt: bytes, size: int, passes: int, lanes: int, memory: int,
) -> bytes | None:
    function = getattr(argon2, kind, None)
    if function is None:
        return None
    try:
        maker = function(salt=salt, length=size, iterations=passes, lanes=lanes, memory_cost=memory)
        digest: bytes = maker.derive(password)
    except (UnsupportedAlgorithm, ValueError, MemoryError):
        return None
    return head + base64.b64encode(digest).rstrip(b"=")

"""Hashed passwords through libcrypt, and Argon2 (`argon.py`).

Every scheme that the system's libcrypt reads works here, because the stored hash itself is the "setting"
that is handed to crypt(3): the library sees by its prefix which function and which cost were used.
`crypt_rn` works in a buffer of ours, so that any number of threads may hash at the same time, and ctypes
releases the GIL meanwhile. Modern schemes want memory (yescrypt: 16 MiB a call); therefore only as many
hashes are computed at once as the machine has processors.

A login must cost the same whether the user exists or not. `matches` computes exactly one hash in every
case: with the stored hash where that is one, otherwise with a stand-in of the same scheme and cost.
"""

from __future__ import annotations

import ctypes
import hmac
import os
import queue
from functools import cache
from types import TracebackType
from typing import Final

from ftpsd.auth import argon

SCHEMES: Final[dict[str, bytes]] = {
    "yescrypt": b"$y$", "gost-yescrypt": b"$gy$", "scrypt": b"$7$", "bcrypt": b"$2b$",
    "argon2id": b"$argon2id$", "sha512": b"$6$", "sha256": b"$5$", "md5": b"$1$", "des": b"",
}
DEFAULT_SCHEME: Final = "yescrypt"
MAX_PASSWORD: Final = 511     # bytes; libcrypt's CRYPT_MAX_PASSPHRASE_SIZE less its NUL

_LIBRARIES: Final = ("libcrypt.so.1", "libcrypt.so.2")
_CRYPT_DATA_SIZE: Final = 32768
_SETTING_SIZE: Final = 192
_QUEUE_SECONDS: Final = 30.0


class _Slot:
    """The right to compute a hash, with clean working space for it once there has been one."""

    __slots__ = ("space",)

    def __init__(self) -> None:
        self.space: ctypes.Array[ctypes.c_char] | None = None


def slots(count: int) -> queue.SimpleQueue[_Slot]:
    """As many slots as hashes may be computed at the same time; whoever computes one has taken his slot out."""
    free: queue.SimpleQueue[_Slot] = queue.SimpleQueue()
    for _ in range(count):
        free.put(_Slot())
    return free


_slots = slots(max(2, os.cpu_count() or 1))


class CryptUnavailable(OSError):
    """There is no libcrypt with `crypt_rn` (libxcrypt) on this system."""


@cache
def _library() -> ctypes.CDLL:
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name, use_errno=True)
            library.crypt_rn.restype = ctypes.c_char_p
            library.crypt_rn.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int]
            library.crypt_gensalt_rn.restype = ctypes.c_char_p
            library.crypt_gensalt_rn.argtypes = [
                ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
        except (OSError, AttributeError):
            continue
        return library
    raise CryptUnavailable(
        "no libcrypt with crypt_rn found; install libxcrypt (Debian: libcrypt1, Fedora: libxcrypt)")


class turn:
    """For a block that computes a hash: whoever logs in cannot have more memory used than a few of them want.

    Waits for a free slot at most 30 seconds, then raises `TimeoutError`.
    """

    __slots__ = ("_free", "_slot")

    def __enter__(self) -> _Slot:
        self._free = _slots
        try:
            self._slot = self._free.get(timeout=_QUEUE_SECONDS)
        except queue.Empty:
            raise TimeoutError("too many passwords are being checked at the same time") from None
        return self._slot

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self._free.put(self._slot)


def crypt(password: bytes, setting: bytes) -> bytes | None:
    """The hash of `password` under `setting` (a setting or a whole stored hash); None when it is not one.

    Raises `TimeoutError` as `turn` does.
    """
    library = _library()
    with turn() as slot:
        if setting.startswith(argon.PREFIX):
            return argon.hashed(password, setting)
        data = slot.space
        if data is None:
            data = slot.space = ctypes.create_string_buffer(_CRYPT_DATA_SIZE)
        try:
            hashed = library.crypt_rn(password, setting, data, _CRYPT_DATA_SIZE)
            return hashed if isinstance(hashed, bytes) else None
        finally:
            ctypes.memset(data, 0, _CRYPT_DATA_SIZE)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def is_usable(stored: str) -> bool:
    """Whether `stored` may be a hash at all: locked (`*`, `!`), shadowed (`x`) and empty fields are not."""
    return len(stored) > 1 and stored[0] not in "*!" and "\0" not in stored


@cache
def stand_in() -> str:
    """The hash of a random password with the default scheme: what unknown users are checked against."""
    return hash_password(os.urandom(16).hex())


def matches(password: str, stored: str | None, *, like: str | None = None) -> bool:
    """Whether `password` is the one whose hash is `stored`; computes one full hash in every case.

    `stored` None (unknown user) or not a hash never matches; `like` is then a hash whose scheme and cost
    are used for the computation (default: `stand_in()`). Raises `TimeoutError` as `crypt` does.
    """
    secret = _encode(password)
    acceptable = len(secret) <= MAX_PASSWORD and b"\0" not in secret
    if not acceptable:
        secret = b"x" * 16
    for candidate in (stored, like, stand_in()):
        if candidate is None or not is_usable(candidate):
            continue
        setting = _encode(candidate)
        hashed = crypt(secret, setting)
        if hashed is not None:
            return hmac.compare_digest(hashed, setting) and candidate is stored and acceptable
    return False


def verify(password: str, stored: str) -> bool:
    """Whether `password` is the one whose hash is `stored` (any scheme of libcrypt)."""
    return matches(password, stored)


def hash_password(password: str, scheme: str = DEFAULT_SCHEME, *, cost: int = 0) -> str:
    """A new hash of `password` with a fresh salt.

    `scheme` is a key of `SCHEMES`; `cost` is the scheme's own cost parameter (0: libcrypt's default).
    Raises `ValueError` for an unknown scheme, a cost that the scheme does not take, and a password that is
    empty, too long (more than `MAX_PASSWORD` bytes) or holds a NUL.
    """
    prefix = SCHEMES.get(scheme)
    if prefix is None:
        raise ValueError(f"unknown scheme '{scheme}'; known are {', '.join(SCHEMES)}")
    secret = _encode(password)
    if not secret or len(secret) > MAX_PASSWORD or b"\0" in secret:
        raise ValueError(f"a password must have 1 to {MAX_PASSWORD} bytes and no NUL")
    if scheme == "argon2id":
        made = argon.make(secret, cost) if cost <= argon.MOST_PASSES else None
        if made is None:
            raise ValueError(f"cannot make an '{scheme}' hash with cost {cost} here")
        return made.decode("ascii")
    output = ctypes.create_string_buffer(_SETTING_SIZE)
    # No random bytes of ours: libcrypt then takes as many as the scheme wants from the kernel.
    setting = _library().crypt_gensalt_rn(prefix, cost, None, 0, output, _SETTING_SIZE)
    if not isinstance(setting, bytes):
        raise ValueError(f"libcrypt cannot make a '{scheme}' hash with cost {cost}")
    hashed = crypt(secret, setting)
    if hashed is None:
        raise ValueError(f"libcrypt cannot make a '{scheme}' hash")
    return hashed.decode("ascii")

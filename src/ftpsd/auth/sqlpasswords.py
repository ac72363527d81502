"""Passwords of SQL accounts: SQLAuthTypes, and what mod_sql_passwd makes of password and salt.

    data = salt + password  (or password + salt; each hashed, or hashed and encoded, before: SQLPasswordOptions)
    SQLPasswordRounds times: data = ENCODE(HASH(data)), which is compared with what the database has

PBKDF2, Scrypt and Argon2 derive a key from password and salt, which is encoded and compared. The parameters of Scrypt
and Argon2 are those of libsodium, as mod_sql_passwd uses it.

All types are tried in their order until one fits. For a user whom nobody knows the same is done with the last password
that was looked up, or a stand-in, so that it takes as long. Where the database has no salt for him, or not how PBKDF2
is to be computed, it is computed all the same. As few at a time as hashes of libcrypt (`passwords.turn`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import importlib
from collections.abc import Callable
from typing import Any, Final

from ftpsd.auth import passwords
from ftpsd.errors import ConfigError, installing
from ftpsd.settings.arguments import ArgumentError
from ftpsd.settings.sql import SQLSettings
from ftpsd.settings.sql_passwords import Pbkdf2, Salt, SQLPasswordSettings, pbkdf2_of
from ftpsd.sql.errors import Failed
from ftpsd.sql.queries import NamedQueries

_MIB: Final = 1024 * 1024
SCRYPT_COST: Final = {"interactive": 2**14, "sensitive": 2**20}
ARGON2_COST: Final = {"interactive": (4, 32 * 1024), "sensitive": (8, 512 * 1024)}
"""Passes and KiB."""

SCRYPT_SALT, ARGON2_SALT = 32, 16
"""Bytes."""

LONGEST_SALT_FILE: Final = 64 * 1024
_ARGON2: Final = ("$argon2i$", "$argon2id$")
_DIGESTS: Final = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512"}


def encode(data: bytes, encoding: str) -> bytes:
    """`data` in base64, hex or HEX."""
    if encoding == "base64":
        return base64.b64encode(data)
    text = data.hex().encode()
    return text.upper() if encoding == "HEX" else text


def decode_salt(text: bytes, encoding: str) -> bytes:
    """A salt as it is used; raises `ValueError`."""
    match encoding:
        case "base64":
            return base64.b64decode(text, validate=True)
        case "hex" | "HEX":
            return binascii.unhexlify(text)
    return text


def digested(
    kind: str, password: bytes, salt: bytes | None, settings: SQLPasswordSettings, *, salt_first: bool,
) -> bytes:
    """ENCODE(HASH(data)), as SQLPasswordOptions and SQLPasswordRounds want it."""
    def hashed(data: bytes) -> bytes:
        return hashlib.new(_DIGESTS[kind], data, usedforsecurity=False).digest()

    def encoded(data: bytes) -> bytes:
        return encode(hashed(data), settings.encoding)

    chosen = settings.options
    if "HashPassword" in chosen:
        password = hashed(password)
    elif "HashEncodePassword" in chosen and salt:
        password = encoded(password)
    if salt and "HashSalt" in chosen:
        salt = hashed(salt)
    elif salt and "HashEncodeSalt" in chosen:
        salt = encoded(salt)
    data = (salt or b"") + password if salt_first else password + (salt or b"")
    for _ in range(settings.rounds):
        data = encoded(data)
    return data


def openssl(password: bytes, stored: str) -> bool:
    """`{digest}base64` of the password alone."""
    name, brace, value = stored.removeprefix("{").partition("}")
    if not brace or not stored.startswith("{"):
        return False
    try:
        digest = hashlib.new(name.lower(), password, usedforsecurity=False).digest()
    except (ValueError, TypeError):
        return False
    return hmac.compare_digest(base64.b64encode(digest), value.encode("utf-8", "surrogateescape"))


def ssha(password: bytes, stored: str) -> bool:
    """`{SSHA}base64` of a SHA-1 digest with its salt behind it (RFC 2307's scheme with a salt)."""
    if not stored.upper().startswith("{SSHA}"):
        return False
    try:
        raw = base64.b64decode(stored[6:], validate=True)
    except ValueError:
        return False
    found = hashlib.sha1(password + raw[20:], usedforsecurity=False).digest()
    return len(raw) > 20 and hmac.compare_digest(found, raw[:20])


def mysql(password: bytes, stored: str) -> bool:
    """PASSWORD() of MySQL 4.1 and later: `*` and SHA1(SHA1(password)) in hexadecimal."""
    inner = hashlib.sha1(password, usedforsecurity=False).digest()
    found = "*" + hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper()
    return hmac.compare_digest(found.encode(), stored.upper().encode("utf-8", "surrogateescape"))


def _argon2() -> Any:
    return importlib.import_module("argon2.low_level")


class SqlPasswords:
    """Checks passwords for one host. Safe for threads."""

    def __init__(self, sql: SQLSettings, settings: SQLPasswordSettings, queries: NamedQueries) -> None:
        self._types = sql.auth_types
        self._settings = settings
        self._queries = queries
        self._file_salt: bytes | None = None
        self._sample = ""
        self._how = _USUAL_PBKDF2
        self._checks: dict[str, Callable[[bytes, str, str], bool]] = {
            "Backend": lambda p, s, u: mysql(p, s),
            "Bcrypt": self._bcrypt, "Crypt": self._crypt, "Empty": lambda p, s, u: not s,
            "OpenSSL": lambda p, s, u: openssl(p, s), "SSHA": lambda p, s, u: ssha(p, s),
            "Plaintext": lambda p, s, u: bool(s) and hmac.compare_digest(p, _bytes(s)), "Sodium": self._sodium,
        }

    def prepare(self) -> None:
        """Reads the salt's file and imports what is needed. As root, before the fork; raises `ConfigError`."""
        salt = self._settings.salt_file
        if salt is not None:
            self._file_salt = self._read(salt)
        if {"Argon2", "Sodium"} & set(self._types):
            try:
                _argon2()
            except ImportError as error:
                raise ConfigError(
                    f"Argon2 cannot be checked: {error}", directive="SQLAuthTypes",
                    remedy=f"Install it: {installing('sql')}",
                ) from None

    def _read(self, salt: Salt) -> bytes:
        try:
            with open(salt.source, "rb") as stream:
                data = stream.read(LONGEST_SALT_FILE + 1)
            if len(data) > LONGEST_SALT_FILE:
                raise ValueError(f"it has more than {LONGEST_SALT_FILE} bytes")
            return decode_salt(data.removesuffix(b"\n"), self._settings.salt_encoding)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigError(
                f"unable to use {salt.source}: {why}", directive="SQLPasswordSaltFile",
                remedy="Correct the file or the path.") from None

    def matches(self, password: str, stored: str | None, user: str) -> bool:
        """Whether `password` fits what the database has for `user` (None: there is no such user).

        Raises `TimeoutError` as `passwords.crypt` does, `SqlError` where a salt cannot be had.
        """
        secret = _bytes(password)
        candidate = self._sample if stored is None else stored
        if stored:
            self._sample = stored
        fits = False
        for kind in self._types:
            fits = self._fits(kind, secret, candidate, user)
            if fits:
                break
        return fits and stored is not None

    def _fits(self, kind: str, secret: bytes, stored: str, user: str) -> bool:
        if kind in _DERIVE:
            return self._derived(kind, secret, stored, user)
        if kind in self._checks:
            return self._checks[kind](secret, stored, user)
        salt, first = self._salt(user)
        made = digested(kind, secret, salt, self._settings, salt_first=first)
        return hmac.compare_digest(made, _bytes(stored))

    def _derived(self, kind: str, secret: bytes, stored: str, user: str) -> bool:
        if kind == "Argon2" and stored.startswith(_ARGON2):
            return self._sodium(secret, stored, user)
        salt, _ = self._salt(user)
        key = _DERIVE[kind](self, secret, salt or b"", user)
        return key is not None and hmac.compare_digest(encode(key, self._settings.encoding), _bytes(stored))

    def _pbkdf2(self, secret: bytes, salt: bytes, user: str) -> bytes | None:
        how = self._settings.pbkdf2
        if how is None:
            return None
        known: Pbkdf2 | None = how
        if how.query:
            known = self._pbkdf2_of(how.query, user)
            self._how = how = known or self._how
        with passwords.turn():
            key = hashlib.pbkdf2_hmac(how.digest, secret, salt, how.iterations, how.length)
        return key if known is not None else None

    def _pbkdf2_of(self, query: str, user: str) -> Pbkdf2 | None:
        rows = self._queries.run(query, (user,))
        if not rows:
            return None
        words = [word or "" for word in rows[0]]
        try:
            return pbkdf2_of(*words)
        except (ArgumentError, TypeError) as error:
            raise Failed(f"the query '{query}' does not return a digest, iterations and a length: {error}") from None

    def _scrypt(self, secret: bytes, salt: bytes, user: str) -> bytes | None:
        fits, cost = len(salt) == SCRYPT_SALT, SCRYPT_COST[self._settings.cost]
        with passwords.turn():
            key = hashlib.scrypt(
                secret, salt=salt if fits else bytes(SCRYPT_SALT), n=cost, r=8, p=1, maxmem=cost * 1024 + _MIB,
                dklen=self._settings.scrypt_length)
        return key if fits else None

    def _argon2(self, secret: bytes, salt: bytes, user: str) -> bytes | None:
        fits, low, (passes, kib) = len(salt) == ARGON2_SALT, _argon2(), ARGON2_COST[self._settings.cost]
        with passwords.turn():
            key: bytes = low.hash_secret_raw(
                secret, salt if fits else bytes(ARGON2_SALT), time_cost=passes, memory_cost=kib, parallelism=1,
                hash_len=self._settings.argon2_length, type=low.Type.I)
        return key if fits else None

    def _sodium(self, secret: bytes, stored: str, user: str) -> bool:
        """A whole `$argon2…$` string."""
        low = _argon2()
        kind = low.Type.ID if stored.startswith("$argon2id$") else low.Type.I
        try:
            with passwords.turn():
                return bool(low.verify_secret(stored.encode(), secret, kind))
        except (importlib.import_module("argon2.exceptions").Argon2Error, UnicodeError):
            return False

    def _crypt(self, secret: bytes, stored: str, user: str) -> bool:
        if stored.startswith(_ARGON2):
            return self._sodium(secret, stored, user)
        return passwords.matches(secret.decode("utf-8", "surrogateescape"), stored)

    def _bcrypt(self, secret: bytes, stored: str, user: str) -> bool:
        wanted = stored if stored.startswith("$2") else None
        return passwords.matches(secret.decode("utf-8", "surrogateescape"), wanted, like=_BCRYPT_SAMPLE)

    def _salt(self, user: str) -> tuple[bytes | None, bool]:
        """The salt for `user`, and whether it stands before the password."""
        own = self._settings.user_salt
        if own is None:
            common = self._settings.salt_file
            return self._file_salt, common is not None and common.first
        if own.kind == "name":
            return _bytes(user), own.first
        rows = self._queries.run(own.source, (user,))
        text = rows[0][0] if rows and rows[0] else None
        if text is None:
            return None, own.first
        try:
            return decode_salt(_bytes(text), self._settings.salt_encoding), own.first
        except ValueError:
            raise Failed(f"the query '{own.source}' returns no salt in {self._settings.salt_encoding}") from None


_USUAL_PBKDF2: Final = Pbkdf2("sha256", 100_000, 32)
"""For an unknown user, until the database has said how it is done for another one."""

_Derive = Callable[[SqlPasswords, bytes, bytes, str], "bytes | None"]
_DERIVE: Final[dict[str, _Derive]] = {
    "PBKDF2": SqlPasswords._pbkdf2, "Scrypt": SqlPasswords._scrypt, "Argon2": SqlPasswords._argon2,
}
_BCRYPT_SAMPLE: Final = "$2b$12$" + "." * 53


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

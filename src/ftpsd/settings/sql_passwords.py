"""mod_sql_passwd: what the hashes of passwords in a database are made of."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ftpsd.settings.arguments import NONE_WORDS, ArgumentError, Boolean, Integer, OneOf, Special, absolute_path, want
from ftpsd.settings.arguments import whole_number as _whole_number
from ftpsd.settings.declaration import Combine
from ftpsd.settings.declaration import directive as _directive

directive = partial(_directive, module="mod_sql_passwd")

QUERY = "sql:/"
MOST_ROUNDS = 10_000_000
MOST_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Salt:
    """Salt of a file, of a query (`source` is its name) or the user's name ("name"); `first`: before the password."""

    kind: str
    source: str = ""
    first: bool = False


@dataclass(frozen=True, slots=True)
class Pbkdf2:
    """Digest, iterations and length in bytes; or a `query` that returns these three for %{0}."""

    digest: str = ""
    iterations: int = 0
    length: int = 0
    query: str = ""


def _position(words: Sequence[str]) -> bool:
    if len(words) < 2 or words[1].lower() == "append":
        return False
    if words[1].lower() != "prepend":
        raise ArgumentError(f"unknown parameter '{words[1]}'", remedy="Write Prepend or Append.")
    return True


def salt_file(words: Sequence[str]) -> Salt | None:
    """`/path|none [Prepend|Append]`."""
    want(words, 1, 2)
    if words[0].lower() in NONE_WORDS:
        return None
    return Salt("file", absolute_path(words[0]), _position(words))


def user_salt(words: Sequence[str]) -> Salt | None:
    """`name|sql:/query [Prepend|Append]`."""
    want(words, 1, 2)
    if words[0].lower() == "name":
        return Salt("name", "", _position(words))
    if words[0].startswith(QUERY) and len(words[0]) > len(QUERY):
        return Salt("query", words[0][len(QUERY):], _position(words))
    raise ArgumentError(f"badly formatted source '{words[0]}'", remedy="Write name, or sql:/ and the name of a query.")


def digest_name(word: str) -> str:
    """hashlib's name of a digest; raises `ArgumentError`."""
    name = word.lower().replace("-", "")
    try:
        hashlib.pbkdf2_hmac(name, b"", b"", 1)
    except ValueError:
        raise ArgumentError(f"unsupported digest algorithm '{word}'", remedy="Write sha1, sha256 or sha512.") from None
    return name


def pbkdf2_of(digest: str, iterations: str, length: str) -> Pbkdf2:
    """The three numbers as they stand in a configuration or a table; raises `ArgumentError`."""
    rounds, size = _whole_number(iterations, "number of iterations"), _whole_number(length, "length")
    if not 1 <= rounds <= MOST_ROUNDS or not 1 <= size <= MOST_LENGTH:
        raise ArgumentError(f"iterations must be 1 to {MOST_ROUNDS}, the length 1 to {MOST_LENGTH} bytes")
    return Pbkdf2(digest_name(digest), rounds, size)


def pbkdf2(words: Sequence[str]) -> Pbkdf2:
    """`digest iterations length` or `sql:/query`."""
    if len(words) == 1 and words[0].startswith(QUERY) and len(words[0]) > len(QUERY):
        return Pbkdf2(query=words[0][len(QUERY):])
    want(words, 3, 3)
    return pbkdf2_of(*words)


PASSWORD_OPTIONS = ("HashEncodePassword", "HashEncodeSalt", "HashPassword", "HashSalt")


def _encoding(none: bool) -> Special[str]:
    choices = ("base64", "hex", "HEX", *(("none",) if none else ()))

    def parse(words: Sequence[str]) -> str:
        want(words, 1, 1)
        found = words[0] if words[0] in ("hex", "HEX") else words[0].lower()
        if found not in choices:
            raise ArgumentError(f"unknown encoding '{words[0]}'", remedy=f"It is one of {', '.join(choices)}.")
        return found

    return Special("|".join(choices), parse)


def options(words: Sequence[str]) -> frozenset[str]:
    """Names of `PASSWORD_OPTIONS` in any case."""
    want(words, 1)
    known = {name.lower(): name for name in PASSWORD_OPTIONS}
    for word in words:
        if word.lower() not in known:
            raise ArgumentError(
                f"unknown SQLPasswordOption '{word}'", remedy=f"There are {', '.join(PASSWORD_OPTIONS)}.")
    return frozenset(known[word.lower()] for word in words)


@dataclass(frozen=True, slots=True)
class SQLPasswordSettings:
    """SQLAuthTypes beyond those of mod_sql itself: ENCODE(HASH(salt and password)), or a key derivation."""

    engine: bool = directive(
        "SQLPasswordEngine", Boolean(), False, good=("on",), bad=("md5",),
        doc="SQLAuthTypes may be Argon2, MD5, PBKDF2, Scrypt, SHA1, SHA256, SHA512, Sodium and SSHA.",
    )
    encoding: str = directive(
        "SQLPasswordEncoding", _encoding(none=False), "hex", good=("base64", "hex", "HEX"), bad=("", "rot13", "none"),
        doc="How a hash is written in the database; hex in lower case, HEX in upper case.",
    )
    salt_encoding: str = directive(
        "SQLPasswordSaltEncoding", _encoding(none=True), "none", good=("base64", "none"), bad=("", "utf8"),
        doc="How a salt is written in its file or the database.",
    )
    salt_file: Salt | None = directive(
        "SQLPasswordSaltFile", Special("/path|none [Prepend|Append]", salt_file), None, default_text="none",
        good=("/etc/ftpd/salt Prepend", "none"), bad=("", "salt", "/salt Beside"),
        doc="File with a salt for everybody (a newline at its end is no part of it), before or behind the password.",
    )
    user_salt: Salt | None = directive(
        "SQLPasswordUserSalt", Special("name|sql:/query [Prepend|Append]", user_salt), None, default_text="none",
        good=("name", "sql:/get-salt Prepend"), bad=("", "sql:/", "shoe-size"),
        doc="A salt for each user: his name, or what a query returns for %{0}. It takes the place of the file's.",
    )
    rounds: int = directive(
        "SQLPasswordRounds", Integer(1, MOST_ROUNDS), 1, good=("1", "3"), bad=("0", "many"),
        doc="How often password and salt are hashed and encoded (MD5, SHA1, SHA256, SHA512).",
    )
    options: frozenset[str] = directive(
        "SQLPasswordOptions", Special("option …", options), frozenset(), combine=Combine.FIRST, default_text="none",
        good=("HashEncodeSalt HashEncodePassword", "hashpassword"), bad=("", "Everything"),
        doc="What is done to password and salt before they are put together: HashPassword, HashEncodePassword (only"
        " with a salt), HashSalt, HashEncodeSalt.",
    )
    cost: str = directive(
        "SQLPasswordCost", OneOf(("interactive", "sensitive")), "interactive", good=("sensitive",), bad=("cheap",),
        doc="Cost of Argon2 (4 passes over 32 MiB, 8 over 512 MiB) and Scrypt (N 2^14, 2^20; r 8, p 1).",
    )
    pbkdf2: Pbkdf2 | None = directive(
        "SQLPasswordPBKDF2", Special("digest iterations length|sql:/query", pbkdf2), None, default_text="none",
        good=("sha1 200000 20", "sql:/get-pbkdf2"), bad=("", "sha1 0 20", "crc32 1 1", "sha1 1", "sql:/"),
        doc="Digest, iterations and length in bytes, or a query that returns these three for the user %{0}.",
    )
    scrypt_length: int = directive(
        "SQLPasswordScrypt", Integer(1, MOST_LENGTH, "bytes"), 32, good=("64",), bad=("0", "long"),
        doc="Length of a Scrypt hash. The salt must have 32 bytes.",
    )
    argon2_length: int = directive(
        "SQLPasswordArgon2", Integer(4, MOST_LENGTH, "bytes"), 32, good=("64",), bad=("0", "long"),
        doc="Length of an Argon2 hash. The salt must have 16 bytes.",
    )

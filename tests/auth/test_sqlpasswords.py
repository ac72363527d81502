"""SQLAuthTypes: what fits, what does not, and that unknown users cost as much."""

from __future__ import annotations

import base64
import hashlib
import importlib
from pathlib import Path
from typing import Any, cast

import pytest

from ftpsd.auth import passwords, sqlpasswords
from ftpsd.auth.passwords import hash_password
from ftpsd.auth.sqlpasswords import SqlPasswords
from ftpsd.errors import ConfigError
from ftpsd.settings.sql import SQLSettings
from ftpsd.settings.sql_passwords import Pbkdf2, Salt, SQLPasswordSettings
from ftpsd.sql.errors import Failed
from ftpsd.sql.queries import NamedQueries
from tests.auth.support import CHEAP

SALT16, SALT32 = b"0123456789abcdef", b"0123456789abcdef0123456789abcdef"


class Queries:
    """Answers of named queries, by name and user."""

    def __init__(self, answers: dict[str, list[tuple[str | None, ...]]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str]] = []

    def run(self, name: str, numbered: tuple[str, ...]) -> list[tuple[str | None, ...]]:
        self.asked.append((name, numbered[0]))
        return self.answers.get(name, [])


def checker(
    *types: str, salt: bytes | None = None, directory: Path | None = None, first: bool = False,
    answers: dict[str, list[tuple[str | None, ...]]] | None = None, **settings: Any,
) -> SqlPasswords:
    if salt is not None and directory is not None:
        path = directory / "salt"
        path.write_bytes(salt + b"\n")
        settings["salt_file"] = Salt("file", str(path), first)
    found = SqlPasswords(
        SQLSettings(auth_types=types), SQLPasswordSettings(engine=True, **settings),
        cast(NamedQueries, Queries(answers or {})))
    found.prepare()
    return found


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


MD5 = hashlib.md5(b"secret").hexdigest()


@pytest.mark.parametrize(("types", "stored"), [
    (("Crypt",), "sha512 1000"), (("Plaintext",), "secret"), (("Crypt", "Plaintext"), "secret"),
    (("Plaintext", "Crypt"), "sha512 1000"),
    (("Empty",), ""), (("OpenSSL",), "{md5}" + b64(hashlib.md5(b"secret").digest())),
    (("OpenSSL",), "{SHA256}" + b64(hashlib.sha256(b"secret").digest())), (("MD5",), MD5),
    (("SHA1", "MD5"), MD5), (("SHA512",), hashlib.sha512(b"secret").hexdigest()),
    (("SSHA",), "{SSHA}" + b64(hashlib.sha1(b"secretsalt").digest() + b"salt")),
    (("Backend",), "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7"),
    (("Bcrypt",), "bcrypt 4"), (("Crypt",), "bcrypt 4"), (("Crypt",), "yescrypt 1"),
])
def test_what_fits(types: tuple[str, ...], stored: str) -> None:
    scheme, _, cost = stored.partition(" ")
    if cost:
        stored = hash_password("secret", scheme, cost=int(cost))
    check = checker(*types)
    assert check.matches("secret", stored, "joe")
    assert check.matches("Secret", stored, "joe") is (types == ("Empty",))
    assert not check.matches("secret", None, "joe")


@pytest.mark.parametrize(("types", "stored", "password"), [
    (("Plaintext",), "", ""), (("Plaintext",), "secre", "secret"), (("OpenSSL",), "{bogus}AAAA", "secret"),
    (("OpenSSL",), "secret", "secret"), (("OpenSSL",), "{md5}", "secret"), (("SSHA",), "{SSHA}!!", "secret"),
    (("SSHA",), "{SSHA}" + b64(b"x"), "secret"), (("Crypt",), "secret", "secret"), (("Crypt",), "*", "*"),
    (("Crypt",), "$argon2id$broken", "secret"), (("MD5",), MD5.upper(), "secret"), (("Bcrypt",), CHEAP, "secret"),
    (("Backend",), "x\udce9", "secret"), (("MD5",), "é", "secret"), ((), "secret", "secret"),
])
def test_what_does_not(types: tuple[str, ...], stored: str, password: str) -> None:
    assert not checker(*types).matches(password, stored, "joe")


@pytest.mark.parametrize("kind", ["argon2i", "argon2id"])
@pytest.mark.parametrize("types", [("Crypt",), ("Sodium",), ("Argon2",)])
def test_whole_argon2_strings(types: tuple[str, ...], kind: str) -> None:
    low = pytest.importorskip("argon2.low_level")
    variant = low.Type.I if kind == "argon2i" else low.Type.ID
    stored = low.hash_secret(b"secret", SALT16, 1, 64, 1, 16, variant).decode()
    check = checker(*types)
    assert check.matches("secret", stored, "joe")
    assert not check.matches("wrong", stored, "joe")


def test_keys_of_scrypt_and_argon2(tmp_path: Path) -> None:
    low = pytest.importorskip("argon2.low_level")
    stored = hashlib.scrypt(b"secret", salt=SALT32, n=2**14, r=8, p=1, maxmem=2**26, dklen=40).hex()
    assert checker("Scrypt", salt=SALT32, directory=tmp_path, scrypt_length=40).matches("secret", stored, "joe")
    key = low.hash_secret_raw(b"secret", SALT16, 4, 32 * 1024, 1, 24, low.Type.I)
    check = checker("Argon2", salt=SALT16, directory=tmp_path, argon2_length=24, encoding="base64")
    assert check.matches("secret", b64(key), "joe")
    assert not checker("Argon2", salt=SALT32, directory=tmp_path).matches("secret", key.hex(), "joe")
    assert not checker("Scrypt", salt=SALT16, directory=tmp_path).matches("secret", stored, "joe")


def test_the_cost_of_the_expensive_ones() -> None:
    """libsodium's: opslimit 4 and 8, memlimit 32 and 512 MiB; N 2^14 and 2^20."""
    assert sqlpasswords.ARGON2_COST == {"interactive": (4, 32768), "sensitive": (8, 524288)}
    assert sqlpasswords.SCRYPT_COST == {"interactive": 16384, "sensitive": 1048576}


def test_pbkdf2(tmp_path: Path) -> None:
    key = hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 10, 24)
    check = checker("PBKDF2", salt=b"salt", directory=tmp_path, pbkdf2=Pbkdf2("sha256", 10, 24), encoding="base64")
    assert check.matches("secret", b64(key), "joe")
    assert not check.matches("wrong", b64(key), "joe")


def test_pbkdf2_of_each_user() -> None:
    key = hashlib.pbkdf2_hmac("sha512", b"secret", b"own", 7, 20).hex()
    answers: dict[str, list[tuple[str | None, ...]]] = {"how": [("SHA512", "7", "20")], "salt": [("own",)]}
    check = checker("PBKDF2", answers=answers, pbkdf2=Pbkdf2(query="how"), user_salt=Salt("query", "salt"))
    assert check.matches("secret", key, "joe")
    answers["how"] = [("rot13", "7", "20")]
    with pytest.raises(Failed, match="'how' does not return"):
        check.matches("secret", key, "joe")
    answers["how"] = []
    assert not check.matches("secret", key, "joe")


@pytest.mark.parametrize(("first", "options", "data"), [
    (False, (), b"secretsalt"), (True, (), b"saltsecret"),
    (False, ("HashPassword",), hashlib.md5(b"secret").digest() + b"salt"),
    (True, ("HashSalt",), hashlib.md5(b"salt").digest() + b"secret"),
    (False, ("HashEncodeSalt", "HashEncodePassword"),
     MD5.encode() + hashlib.md5(b"salt").hexdigest().encode()),
])
def test_salt_and_transformations(tmp_path: Path, first: bool, options: tuple[str, ...], data: bytes) -> None:
    stored = hashlib.md5(data).hexdigest()
    check = checker("MD5", salt=b"salt", directory=tmp_path, first=first, options=frozenset(options))
    assert check.matches("secret", stored, "joe")


def test_options_about_salt_without_one() -> None:
    options = frozenset({"HashEncodePassword", "HashSalt", "HashEncodeSalt"})
    assert checker("MD5", options=options).matches("secret", MD5, "joe")


def test_rounds() -> None:
    twice = hashlib.md5(MD5.encode()).hexdigest()
    assert checker("MD5", rounds=2).matches("secret", twice, "joe")


@pytest.mark.parametrize(("encoding", "written"), [("base64", b64(b"\xff\x01")), ("hex", "ff01"), ("HEX", "FF01")])
def test_salts_in_other_writing(tmp_path: Path, encoding: str, written: str) -> None:
    stored = hashlib.md5(b"secret\xff\x01").hexdigest()
    assert checker("MD5", salt=written.encode(), directory=tmp_path, salt_encoding=encoding).matches(
        "secret", stored, "joe")
    own = checker("MD5", answers={"q": [(written,)]}, user_salt=Salt("query", "q"), salt_encoding=encoding)
    assert own.matches("secret", stored, "joe")


def test_salt_of_each_user() -> None:
    stored = hashlib.md5(b"joesecret").hexdigest()
    assert checker("MD5", user_salt=Salt("name", first=True)).matches("secret", stored, "joe")
    nobody = checker("MD5", user_salt=Salt("query", "q"))
    assert nobody.matches("secret", MD5, "joe")
    broken = checker("MD5", user_salt=Salt("query", "q"), answers={"q": [("zz",)]}, salt_encoding="hex")
    with pytest.raises(Failed, match="no salt in hex"):
        broken.matches("secret", MD5, "joe")


@pytest.mark.parametrize("text", [None, b"x" * 70_000, b"zz"])
def test_a_salt_file_that_cannot_be_used_stops_the_start(tmp_path: Path, text: bytes | None) -> None:
    path = tmp_path / "salt"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(ConfigError, match="SQLPasswordSaltFile: unable to use"):
        checker("MD5", salt_file=Salt("file", str(path)), salt_encoding="hex")


def test_unknown_users_cost_the_same_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords.stand_in()
    done: list[bytes] = []
    real = passwords.crypt

    def counted(password: bytes, setting: bytes) -> bytes | None:
        hashed = real(password, setting)
        done.extend([setting] if hashed is not None else [])
        return hashed

    monkeypatch.setattr(passwords, "crypt", counted)
    check = checker("Crypt", "Plaintext")
    check.matches("x", None, "nobody")
    assert len(done) == 1
    check.matches("wrong", CHEAP, "joe")
    check.matches("wrong", None, "nobody")
    check.matches("wrong", "in the clear", "bob")
    assert len(done) == 4
    assert done[1] == done[2] == CHEAP.encode()


def test_unknown_users_have_their_salt_asked_for(tmp_path: Path) -> None:
    check = checker("MD5", user_salt=Salt("query", "q"))
    queries = cast(Queries, check._queries)
    check.matches("x", None, "nobody")
    assert queries.asked == [("q", "nobody")]


def waiting() -> dict[str, list[tuple[str | None, ...]]]:
    return {"how": [("SHA256", "7", "20")], "salt32": [(SALT32.decode(),)], "salt16": [(SALT16.decode(),)]}


@pytest.mark.parametrize(("kind", "salt", "where", "function"), [
    ("Scrypt", "salt32", "ftpsd.auth.sqlpasswords.hashlib", "scrypt"),
    ("Argon2", "salt16", "argon2.low_level", "hash_secret_raw"),
    ("PBKDF2", "salt16", "ftpsd.auth.sqlpasswords.hashlib", "pbkdf2_hmac"),
])
def test_keys_cost_as_much_for_whom_the_database_does_not_know(
    monkeypatch: pytest.MonkeyPatch, kind: str, salt: str, where: str, function: str,
) -> None:
    """Nobody has a salt (or iterations) for him; and no more are computed at once than there are slots."""
    module = importlib.import_module(where) if where.startswith("argon2") else hashlib
    real, computed, free = getattr(module, function), list[int](), passwords.slots(2)

    def counting(*words: Any, **more: Any) -> Any:
        computed.append(free.qsize())
        return real(*words, **more)

    monkeypatch.setattr(module, function, counting)
    monkeypatch.setattr(passwords, "_slots", free)
    known = checker(kind, answers=waiting(), user_salt=Salt("query", salt), pbkdf2=Pbkdf2(query="how"))
    unknown = checker(kind, user_salt=Salt("query", salt), pbkdf2=Pbkdf2(query="how"))
    assert not known.matches("secret", "00", "joe")
    assert not unknown.matches("secret", None, "nobody")
    assert computed.count(1) == 2  # one slot was taken each time

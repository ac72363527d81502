"""Hashes of every scheme, what never matches, and that every check costs one hash."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.auth import argon, passwords
from ftpsd.auth.passwords import SCHEMES, hash_password, matches, stand_in, verify

# Made by other programs (openssl passwd, Perl's crypt); the SHA ones are those of Drepper's specification.
FOREIGN = [
    ("geheim", "$1$abcdefgh$eKehL.s8tG6zTf8hBtmEF."),
    ("geheim", "abOkmxXhjDb.Y"),
    ("geheim", "_J9..rasmLJzOHaYqF5s"),
    ("Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
    ("Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI"
                     "68u4OTLiBFdcbYEdFCoEOfaS35inz1"),
    # The values of the schemes' own tests: crypt_blowfish, yescrypt (two), Argon2's reference implementation (two); the
    # last one is slappasswd's.
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("pleaseletmein", "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D"),
    ("pleaseletmein", "$y$jD5.7$LdJMENpBABJJ3hIHjB1Bi.$HboGM6qPrsK.StKYGt6KErmUYtioHreJd98oIugoNB6"),
    ("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ("password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"),
    ("geheim", "$argon2i$v=19$m=1024,t=2,p=1$X3G0Y10Jflykksqp1zA41w$YJ/c4GxyZnMp1IE+W734HakHVi6MpdQB3W+b5WedOxU"),
]
CHEAP = {"argon2id": 1, "yescrypt": 1, "gost-yescrypt": 1, "scrypt": 6, "bcrypt": 4, "sha512": 1000, "sha256": 1000}


class Counter:
    """Counts the hashes that libcrypt really computed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings: list[bytes] = []
        real = passwords.crypt

        def counted(password: bytes, setting: bytes) -> bytes | None:
            hashed = real(password, setting)
            if hashed is not None:
                self.settings.append(setting)
            return hashed

        monkeypatch.setattr(passwords, "crypt", counted)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_verifies_its_own_hash(scheme: str) -> None:
    stored = hash_password("geheim", scheme, cost=CHEAP.get(scheme, 0))
    assert stored.startswith(SCHEMES[scheme].decode())
    assert verify("geheim", stored)
    assert not verify("Geheim", stored)
    assert not verify("", stored)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_hashes_of_one_password_differ(scheme: str) -> None:
    cost = CHEAP.get(scheme, 0)
    assert hash_password("geheim", scheme, cost=cost) != hash_password("geheim", scheme, cost=cost)


@pytest.mark.parametrize(("password", "stored"), FOREIGN)
def test_hashes_that_other_programs_made(password: str, stored: str) -> None:
    assert verify(password, stored)
    assert not verify(password + " ", stored if stored[0] == "$" else stored[:-1] + "/")


@pytest.mark.parametrize(
    "stored", ["", "*", "!", "!!", "x", "*LK*", "*0", "*1", "$6$", "$1$", "$9$foo$bar", "$y$", "ab", "secret",
               "NP", "\0", "$6$salt\0$x"])
@pytest.mark.parametrize("password", ["", "x", "*", "!", "secret", "ab", "geheim"])
def test_what_is_no_hash_never_matches(stored: str, password: str) -> None:
    assert not verify(password, stored)


def test_a_locked_hash_does_not_match() -> None:
    stored = hash_password("geheim", "md5")
    assert not verify("geheim", "!" + stored)
    assert not verify("geheim", "*" + stored)


@pytest.mark.parametrize("password", ["a\0b", "\0", "x" * 512, "x" * 100_000, "é" * 256])
def test_passwords_that_libcrypt_cannot_take(password: str) -> None:
    truncated = hash_password("a", "md5")
    assert not verify(password, truncated)
    assert not verify(password, hash_password("x" * 16, "md5"))
    with pytest.raises(ValueError, match="bytes and no NUL"):
        hash_password(password)


def test_the_longest_password_and_bytes_that_are_no_utf8() -> None:
    for password in ("x" * 511, b"\xff\xfe".decode("utf-8", "surrogateescape"), "päßwörd 密码"):
        assert verify(password, hash_password(password, "sha512", cost=1000))


@pytest.mark.parametrize(("scheme", "cost"), [
    ("rot13", 0), ("", 0), ("bcrypt", 99), ("yescrypt", 4_000_000), ("argon2id", 5000),
])
def test_schemes_and_costs_that_do_not_exist(scheme: str, cost: int) -> None:
    with pytest.raises(ValueError, match=r"scheme|cost"):
        hash_password("geheim", scheme, cost=cost)


def test_an_empty_password_is_not_hashed() -> None:
    with pytest.raises(ValueError, match="1 to 511 bytes"):
        hash_password("")


@pytest.mark.parametrize("stored", [None, "", "*", "!", "x", "$9$foo$bar", "$6$", "right", "wrong"])
@pytest.mark.parametrize("password", ["geheim", "", "a\0b", "x" * 2000])
def test_every_check_computes_exactly_one_hash(
    monkeypatch: pytest.MonkeyPatch, stored: str | None, password: str,
) -> None:
    right = hash_password("geheim", "sha512", cost=1000)
    stored = {"right": right, "wrong": hash_password("other", "sha512", cost=1000)}.get(stored or "-", stored)
    stand_in()
    counter = Counter(monkeypatch)
    assert matches(password, stored, like=right) is (stored == right and password == "geheim")
    assert len(counter.settings) == 1
    assert counter.settings[0].startswith(b"$6$")


def test_unknown_users_cost_a_hash_of_the_default_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in()
    counter = Counter(monkeypatch)
    assert not matches("geheim", None)
    assert [setting[:3] for setting in counter.settings] == [b"$y$"]


def test_the_right_password_for_the_stand_in_does_not_let_anybody_in() -> None:
    like = hash_password("geheim", "md5")
    assert not matches("geheim", None, like=like)
    assert not matches("geheim", "*", like=like)


def test_threads_hash_independently_of_each_other() -> None:
    schemes = ["md5", "sha256", "sha512", "yescrypt", "des", "bcrypt"] * 4
    stored = {
        f"password {n}": hash_password(f"password {n}", scheme, cost=CHEAP.get(scheme, 0))
        for n, scheme in enumerate(schemes)
    }
    with ThreadPoolExecutor(8) as pool:
        good = list(pool.map(lambda item: verify(*item), stored.items()))
        bad = list(pool.map(lambda item: verify(item[0] + "x", item[1]), [
            item for item in stored.items() if not item[1].startswith(("$2b$",)) and len(item[1]) > 13]))
    assert all(good)
    assert not any(bad)


def test_a_full_house_is_an_error_and_not_an_endless_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    free = passwords.slots(1)
    monkeypatch.setattr(passwords, "_slots", free)
    monkeypatch.setattr(passwords, "_QUEUE_SECONDS", 0.01)
    stored = hash_password("geheim", "md5")
    slot = free.get(timeout=1)
    with pytest.raises(TimeoutError, match="too many passwords"):
        verify("geheim", stored)
    free.put(slot)
    assert verify("geheim", stored)


@settings(max_examples=50, deadline=None, database=None)
@given(st.text(max_size=200))
def test_no_text_in_the_password_field_raises(stored: str) -> None:
    assert not verify("a password nobody has", stored)


@pytest.mark.parametrize("stored", [
    "$argon2", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$",
    "$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm",
    "$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm",
    "$argon2id$v=19$m=1,t=0,p=0$c29tZXNhbHQ$CTFhFdXP", "$argon2x$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm",
    "$argon2id$v=19$m=64,t=1,p=1$c29$CTFhF",
])
def test_what_is_no_argon2_hash_never_matches(stored: str) -> None:
    assert not verify("password", stored)


def test_without_argon2_its_hashes_match_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = hash_password("geheim", "argon2id", cost=1)
    monkeypatch.setattr(argon, "argon2", None)
    assert not verify("geheim", stored)
    with pytest.raises(ValueError, match="argon2id"):
        hash_password("geheim", "argon2id")


@pytest.mark.parametrize(("scheme", "cost"), [("argon2id", 8), ("bcrypt", 9), ("yescrypt", 6), ("scrypt", 7)])
def test_other_threads_run_while_a_password_is_hashed(scheme: str, cost: int) -> None:
    """Whoever held the interpreter would let nobody else count."""
    stop = threading.Event()
    counted = 0

    def count() -> None:
        nonlocal counted
        while not stop.wait(0.001):
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    try:
        hash_password("geheim", scheme, cost=cost)
    finally:
        stop.set()
        thread.join()
    assert counted >= 5

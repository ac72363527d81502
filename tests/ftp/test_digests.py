"""HASH, XCRC and their kin: words, ranges, algorithms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.errors import Refusal
from ftpsd.ftp import digests
from ftpsd.ftp.ranges import ByteRange
from ftpsd.settings.digest import ALGORITHMS

ALL = frozenset(ALGORITHMS)


@pytest.mark.parametrize(("argument", "path", "words"), [
    ("file", "file", []), ("a b.txt", "a b.txt", []), ('"a b.txt"', "a b.txt", []), ('"file" ', "file", []),
    ('"file', "file", []), (" file", "file", []), ("file 0 5", "file", ["0", "5"]), ("a b 0 5", "a b", ["0", "5"]),
    ("file 5", "file", ["5"]), ('"a 5" 1 2', "a 5", ["1", "2"]), ('"a 5"', "a 5", []),
    ("file -1 5", "file", ["-1", "5"]), ("5", "5", []), ("1 2", "1", ["2"]), ("1 2 3", "1", ["2", "3"]),
    ("1 2 3 4", "1 2", ["3", "4"]),
    ('"say ""hi""" 0 1', 'say "hi"', ["0", "1"]), ("file x y", "file x y", []), ("file 0 x", "file 0 x", []),
    ("file 0x0 5z", "file", ["0x0", "5z"]), ('"f" x', "f", ["x"]), ("", "", []), ('""', "", []),
])
def test_the_path_and_what_is_behind_it(argument: str, path: str, words: list[str]) -> None:
    assert digests.split(argument) == (path, words)


@given(st.text(max_size=60))
def test_nothing_confuses_it(argument: str) -> None:
    path, words = digests.split(argument)
    assert len(path) <= len(argument)
    assert all(word in argument for word in words)


@given(st.text(min_size=1, max_size=30), st.integers(0, 10**18), st.integers(0, 10**18))
def test_what_is_quoted_comes_back(name: str, start: int, end: int) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    assert digests.split(f"{quoted} {start} {end}") == (name, [str(start), str(end)])


def test_spans() -> None:
    assert digests.span("XMD5", [], 12) == (0, 12)
    assert digests.span("XMD5", [], 0) == (0, 0)
    assert digests.span("XMD5", ["0", "12"], 12) == (0, 12)
    assert digests.span("XMD5", ["+3", "05"], 12) == (3, 5)


@pytest.mark.parametrize(("words", "text"), [
    (["5"], "Invalid number of parameters"), (["5", "5"], "XMD5 requires end (5) greater than start (5)"),
    (["6", "5"], "XMD5 requires end (5) greater than start (6)"), (["0", "13"], "XMD5: end exceeds file size"),
    (["12", "13"], "XMD5: end exceeds file size"), (["x", "5"], "XMD5 requires a start greater than or equal to 0"),
    (["-1", "5"], "XMD5 requires a start greater than or equal to 0"),
    (["0", "5x"], "XMD5 requires an end greater than 0"), (["0", "9" * 50], "XMD5 requires an end greater than 0"),
    (["\u0663", "5"], "XMD5 requires a start greater than or equal to 0"),
])
def test_what_is_no_span(words: list[str], text: str) -> None:
    with pytest.raises(Refusal) as refused:
        digests.span("XMD5", words, 12)
    assert (refused.value.code, refused.value.text) == (501, text)


@pytest.mark.parametrize(("chosen", "size", "span"), [
    (None, 12, (0, 12, "0-12")), (None, 0, (0, 0, "0-0")), (ByteRange(0, 4), 12, (0, 5, "0-4")),
    (ByteRange(3, 3), 12, (3, 4, "3-3")), (ByteRange(3, 99), 12, (3, 12, "3-11")),
])
def test_what_rang_chose(chosen: ByteRange | None, size: int, span: tuple[int, int, str]) -> None:
    assert digests.span_of_range(chosen, size, "x") == span


def test_a_range_behind_the_end() -> None:
    with pytest.raises(Refusal) as refused:
        digests.span_of_range(ByteRange(12, 20), 12, "x")
    assert refused.value.code == 554


def test_features() -> None:
    assert list(digests.features(ALL, "sha1")) == [
        "HASH CRC32;MD5;SHA-1*;SHA-256;SHA-512;", "XCRC", "MD5", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512"]
    assert list(digests.features({"sha256", "crc32"}, "sha256")) == ["HASH CRC32;SHA-256*;", "XCRC", "XSHA256"]


def test_names_and_defaults() -> None:
    assert digests.named("sha-256", ALL) == "sha256"
    for word, allowed in (("SHA256", ALL), ("MD5", {"sha1"}), ("", ALL)):
        with pytest.raises(Refusal):
            digests.named(word, allowed)
    assert digests.default(ALL, "sha512") == "sha512"
    assert digests.default({"crc32", "sha256"}, "md5") == "sha256"
    assert {digests.default({name}, "md5") for name in ALGORITHMS} == set(ALGORITHMS)

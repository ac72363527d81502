"""Lines and words, checked against what ProFTPD 1.3.8 does with the same text."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.config.lexer import LONGEST_LINE, Word, logical_lines, quote, split
from ftpsd.errors import ConfigError


def words(text: str) -> list[str]:
    return [word.text for word in split(text)]


def lines(text: str) -> list[tuple[str, int]]:
    return [(line.text, line.location.line) for line in logical_lines(text, "x.conf")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TimeoutIdle 20", ["TimeoutIdle", "20"]),
        ("  TimeoutIdle\t 20  ", ["TimeoutIdle", "20"]),
        ("TLSRequired on # or auth", ["TLSRequired", "on"]),
        ('ServerName "a # b" # c', ["ServerName", "a # b"]),
        ("ServerName a#b", ["ServerName", "a#b"]),
        ('Foo "#"', ["Foo", "#"]),
        ('Foo 2"0"', ["Foo", '2"0"']),
        ('Foo "20"x', ["Foo", "20", "x"]),
        (r'Foo "2\\0"', ["Foo", r"2\0"]),
        (r'Foo "2\0"', ["Foo", "20"]),
        (r'Foo "a\"b"', ["Foo", 'a"b']),
        (r"DenyFilter \*.*/", ["DenyFilter", r"\*.*/"]),
        ('Foo ""', ["Foo", ""]),
        ("# only a comment", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_quoted_words_are_told_apart() -> None:
    assert split('a "b"') == (Word("a"), Word("b", quoted=True))


@pytest.mark.parametrize("text", ['Foo "bar', 'Foo "', r'Foo "bar\"', '"'])
def test_unclosed_quote(text: str) -> None:
    with pytest.raises(ConfigError, match="not closed"):
        split(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n", [("a", 1), ("b", 2)]),
        ("a\r\nb", [("a", 1), ("b", 2)]),
        ("# c\n  # d\n\na", [("a", 4)]),
        ("Timeout 2\\\n0\nb", [("Timeout 20", 1), ("b", 3)]),
        ("Timeout 2\\  \n  0", [("Timeout 2  0", 1)]),
        ("# foo \\\nbar", [("bar", 2)]),
        ("DenyUser x \\\n # y \\\nz\nb", [("DenyUser x z", 1), ("b", 4)]),
        ("DenyUser x \\\n#y\\\n#z\\\n", [("DenyUser x", 1)]),
        ("# a \\\n# b\nc \\\n#d\\\n\ne", [("c", 3), ("e", 6)]),
        ("Timeout \\\n#20\n20", [("Timeout #20", 1), ("20", 3)]),
        ("Timeout 20\\", [("Timeout 20", 1)]),
        ("\\\n\\\n", []),
        ("\ufeffa", [("a", 1)]),
        ("\\\n\nb", [("b", 3)]),
    ],
)
def test_logical_lines(text: str, expected: list[tuple[str, int]]) -> None:
    assert lines(text) == expected


def test_nul_and_endless_lines_are_refused_with_their_place() -> None:
    with pytest.raises(ConfigError, match=r"NUL character on line 2 of 'x\.conf'"):
        lines("a\nb\0c")
    with pytest.raises(ConfigError, match="longer than 65536 characters on line 1"):
        lines("a\\\n" * LONGEST_LINE)


@given(st.text(st.characters(exclude_characters="\0"), max_size=200))
def test_the_lexer_raises_nothing_but_config_error(text: str) -> None:
    for line in logical_lines(text, "x"):
        assert line.text == line.text.strip(" \t\r\n\v\f")
        with contextlib.suppress(ConfigError):
            split(line.text, line.location)


@given(st.lists(st.text(st.characters(exclude_characters="\0\n", exclude_categories=())), max_size=5))
def test_quoting_round_trip(originals: list[str]) -> None:
    assert words(" ".join(["Name", *map(quote, originals)])) == ["Name", *originals]

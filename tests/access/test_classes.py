"""<Class>: which clients belong to it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.access.classes import asks_names, belongs, class_named, classes_of, rule_matches
from ftpsd.settings.expressions import ClassRule
from ftpsd.settings.model import ClassSection

NAME = "client.example.org"

RULES = [
    # word, address, name, matches
    ("all", "192.0.2.1", None, True),
    ("ALL", "::1", None, True),
    ("none", "192.0.2.1", None, False),
    ("192.0.2.1", "192.0.2.1", None, True),
    ("192.0.2.1", "192.0.2.10", None, False),
    ("192.0.2.1", "::ffff:192.0.2.1", None, True),
    ("::ffff:192.0.2.1", "192.0.2.1", None, True),
    ("2001:db8::1", "2001:DB8:0:0::1", None, True),
    ("2001:db8::1", "2001:db8::2", None, False),
    ("fe80::1", "fe80::1%eth0", None, True),
    ("192.0.2.0/24", "192.0.2.255", None, True),
    ("192.0.2.77/24", "192.0.2.1", None, True),
    ("192.0.2.0/24", "192.0.3.1", None, False),
    ("192.0.2.0/24", "::ffff:192.0.2.9", None, True),
    ("192.0.2.0/24", "2001:db8::1", None, False),
    ("0.0.0.0/0", "198.51.100.7", None, True),
    ("0.0.0.0/0", "::1", None, False),
    ("192.0.2.1/32", "192.0.2.1", None, True),
    ("::ffff:192.0.2.0/120", "192.0.2.7", None, True),
    ("192.0.2.0/255.255.255.0", "192.0.2.255", None, True),
    ("192.0.2.0/255.255.255.0", "192.0.3.1", None, False),
    ("10.0.0.0/255.0.0.0", "::ffff:10.9.8.7", None, True),
    ("0.0.0.0/0.0.0.0", "198.51.100.7", None, True),
    ("192.0.2.1/255.255.255.255", "192.0.2.2", None, False),
    ("::ffff:192.0.2.0/255.255.255.0", "192.0.2.7", None, True),
    ("2001:db8::/32", "2001:db8:ffff::1", None, True),
    ("2001:db8::/32", "2001:db9::1", None, False),
    ("::/0", "192.0.2.1", None, False),
    ("192.0.2.", "192.0.2.200", None, True),
    ("192.0.2.", "192.0.20.1", None, False),
    ("192.0.2.*", "192.0.2.200", None, True),
    ("192.0.?.1", "192.0.9.1", None, True),
    ("192.0.?.1", "192.0.10.1", None, False),
    ("192.0.[0-4].1", "192.0.3.1", None, True),
    ("192.0.[0-4].1", "192.0.5.1", None, False),
    ("2001:db8:*", "2001:db8::1", None, True),
    (NAME, "192.0.2.1", NAME, True),
    (NAME, "192.0.2.1", "Client.Example.ORG", True),
    (NAME, "192.0.2.1", "x" + NAME, False),
    (NAME, "192.0.2.1", None, False),
    (".example.org", "192.0.2.1", NAME, True),
    (".example.org", "192.0.2.1", "evilexample.org", False),
    (".example.org", "192.0.2.1", "example.org.evil", False),
    ("*.example.org", "192.0.2.1", NAME, True),
    ("cl*t.example.???", "192.0.2.1", NAME, True),
    ("*.example.org", "192.0.2.1", "192.0.2.1", False),
    (".example.org", "192.0.2.1", None, None),
    ("*.example.org", "192.0.2.1", None, None),
    ("localhost", "127.0.0.1", "localhost", True),
    ("example.org/24", "192.0.2.1", "example.org", False),
]


@pytest.mark.parametrize(("word", "address", "name", "expected"), RULES)
def test_rules(word: str, address: str, name: str | None, expected: bool | None) -> None:
    assert rule_matches(ClassRule(word), address, name) is expected


@pytest.mark.parametrize(("word", "address", "name", "expected"), RULES)
def test_negated_rules(word: str, address: str, name: str | None, expected: bool | None) -> None:
    """A rule that cannot say anything says nothing when negated, either."""
    negated = None if expected is None else not expected
    assert rule_matches(ClassRule(word, negated=True), address, name) is negated


def section(satisfy: str, *words: str, name: str = "c") -> ClassSection:
    rules = tuple(ClassRule(word.lstrip("!"), negated=word.startswith("!")) for word in words)
    return ClassSection(name, rules, satisfy)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (section("any"), False),
        (section("all"), False),
        (section("any", "192.0.2.1"), True),
        (section("any", "198.51.100.1", "192.0.2.0/24"), True),
        (section("any", "198.51.100.1", "198.51.100.2"), False),
        (section("any", "none", "all"), True),
        (section("all", "192.0.2.0/24", "!192.0.2.9"), True),
        (section("all", "192.0.2.0/24", "!192.0.2.1"), False),
        (section("all", "192.0.2.0/24", "none"), False),
        (section("all", "192.0.2.0/24", ".example.org"), False),
        (section("any", "!198.51.100.1"), True),
        (section("any", "!.example.org"), False),
    ])
def test_satisfy(subject: ClassSection, expected: bool) -> None:
    assert belongs(subject, "192.0.2.1", None) is expected


def test_the_first_class_that_fits_counts() -> None:
    classes = [
        section("any", "198.51.100.0/24", name="far"), section("any", "192.0.2.0/24", name="near"),
        section("any", "all", name="rest"),
    ]
    assert classes_of(classes, "198.51.100.9") == {"far"}
    assert classes_of(classes, "192.0.2.9") == {"near"}
    assert classes_of(classes, "2001:db8::1") == {"rest"}
    assert classes_of(classes[:2], "2001:db8::1") == frozenset()
    assert classes_of([], "192.0.2.1") == frozenset()


def test_a_class_by_its_name() -> None:
    classes = [section("any", "all", name="all"), section("any", "192.0.2.0/24", name="near")]
    assert class_named(classes, "near") is classes[1]
    assert class_named(classes, "Near") is None
    assert class_named([], "near") is None


@pytest.mark.parametrize(("words", "asks"), [
    ("", False), ("all none", False), ("192.0.2.1 2001:db8::/32 192.0.2. 192.0.*.1", False),
    ("a.example.org/24", False), ("192.0.2.1 a.example.org", True), (".example.org", True), ("!*.example.org", True),
    ("*.Example.org", True),
])
def test_whether_names_count(words: str, asks: bool) -> None:
    assert asks_names(section("any", *words.split())) is asks


@pytest.mark.parametrize("address", ["", "client.example.org", "192.0.2", "192.0.2.1/24"])
def test_what_is_no_address_is_an_error(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        rule_matches(ClassRule("all"), address, None)


@settings(database=None)
@given(st.text(min_size=1, max_size=40), st.ip_addresses(), st.none() | st.text(max_size=40))
def test_no_word_raises_and_negation_is_the_opposite(word: str, address: object, name: str | None) -> None:
    plain = rule_matches(ClassRule(word), str(address), name)
    negated = rule_matches(ClassRule(word, negated=True), str(address), name)
    assert (plain is None and negated is None) or (plain is not negated)

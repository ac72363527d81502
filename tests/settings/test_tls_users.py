"""TLSUserRule and TLSUserLogin: what may be written, and what it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.settings.arguments import ArgumentError
from ftpsd.settings.regexes import Regex
from ftpsd.settings.tls_users import login, login_of, rule
from tests.settings.support import configuration


@pytest.mark.parametrize(("words", "problem"), [
    (["alice", "CN"], "wrong number of parameters"), (["alice", "CN", "x", "O"], "wrong number of parameters"),
    (["alice", "name", "x"], "unknown field 'name'"), (["alice", "1.", "x"], "unknown field '1.'"),
    (["$1", "CN", "alice"], r"\$1 in '\$1', but the first expression has 0 groups"),
    (["$1-$2", "CN", "(a)", "O", "(b)"], r"\$2 in"), (["alice", "CN", "("], "unable to compile"),
    (["", "CN", "x"], "empty"), (["a", "fingerprint", "3F:A1"], "it has 4 hexadecimal digits, not 64"),
])
def test_rules_that_are_none(words: list[str], problem: str) -> None:
    with pytest.raises(ArgumentError, match=problem):
        rule(words)


@pytest.mark.parametrize(("name", "expression", "value", "found"), [
    ("alice", "x", "x", "alice"), ("$1", "(a+)@b", "aa@b", "aa"), ("$0", "[ab]+", "ab", "ab"),
    ("$2.$1", "(a)-(b)", "a-b", "b.a"), ("p$$$1", "(a)", "a", "p$a"), ("$1", "(a)|(b)", "b", ""),
    ("$1", "(a?)b", "b", ""), ("cost$", "x", "x", "cost$"), ("$1", "(.+)", "müller", "müller"),
])
def test_names(name: str, expression: str, value: str, found: str) -> None:
    (made,) = rule([name, "CN", expression])
    matched = made.conditions[0].pattern.whole(value)
    assert matched is not None
    assert made.name_of(matched) == found


@pytest.mark.parametrize(("expression", "value"), [
    ("alice", "alice2"), ("alice", "malice"), ("alice|bob", "bobby"), ("alice|bob", "malice"), ("a", "a\n"),
    ("^a", "ab"), ("a$", "a\n"), ("Alice", "alice"), ("", "a"),
])
def test_an_expression_matches_a_whole_value(expression: str, value: str) -> None:
    assert Regex(expression).whole(value) is None


def test_an_expression_may_take_too_long() -> None:
    with pytest.raises(TimeoutError):
        Regex("(a|aa)+b").whole("a" * 60)


@given(st.text(max_size=30))
def test_what_is_matched_as_a_whole_is_the_value(value: str) -> None:
    text = value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    assert Regex(r"(?s)(.*)").whole(text) == (text, text)


@pytest.mark.parametrize(("expression", "field", "kept"), [
    ("00:AB" * 16, "fingerprint", "00ab" * 16), ("003F", "serial", "3f"), ("00", "serial", "0"),
    ("[0-9]+", "serial", "[0-9]+"), ("AB", "CN", "AB"),
])
def test_numbers_as_openssl_shows_them(expression: str, field: str, kept: str) -> None:
    (made,) = rule(["alice", field, expression])
    assert made.conditions[0].pattern.pattern == kept


@pytest.mark.parametrize(("said", "sent", "found"), [
    ([], "alice", "either"), (["both"], "alice", "both"), (["both", "either alice"], "alice", "either"),
    (["both", "either bob"], "alice", "both"), (["certificate bob"], "alice", "either"),
    (["either al", "certificate alice"], "al", "certificate"), (["either alice", "both alice"], "alice", "both"),
    (["both", "certificate"], "alice", "certificate"), (["both al"], "al", "both"), (["both AL"], "al", "both"),
    (["both Alice"], "ALICE", "both"), (["both", "either Alice"], "Alice", "both"),  # the account's name is alice
    (["both", "either carol"], "carol", "both"), (["both bob,alice"], "alice", "both"),
    (["both bob, alice"], "x", "both"),
])
def test_the_strictest_that_is_said_of_somebody_counts(said: list[str], sent: str, found: str) -> None:
    logins = [one for text in said for one in login(text.split())]
    assert login_of(logins, "alice", (sent, sent)) == found


def test_blanks_in_quotes_are_no_part_of_a_name() -> None:
    assert login(["both", " alice, bob "]) == login(["both", "alice", "bob"])


def test_a_host_without_TLS_in_which_nobody_gets_in() -> None:
    text = "TLSUserLogin both\n<VirtualHost 127.0.0.1>\n{}\n</VirtualHost>\n"
    notices = configuration(f"TLSEngine off\n{text.format('TLSUserLogin either')}").notices
    (found,) = [notice for notice in notices if "TLSUserLogin" in notice]
    assert "which has no TLSEngine" in found
    assert not [notice for notice in configuration("TLSUserLogin both bob\nTLSEngine on").notices
                if "which has no TLSEngine" in notice]


@pytest.mark.parametrize("words", [
    ["both", "*"], ["both", "!carol"], ["either", "bob,!carol"], ["both", ","], ["both", " , "],
])
def test_names_that_are_none(words: list[str]) -> None:
    with pytest.raises(ArgumentError, match="name"):
        login(words)


def test_a_section_has_rules_of_its_own_or_those_of_everybody() -> None:
    made = configuration(
        "<Global>\nTLSUserRule $1 CN (.+)\nTLSUserRule bob OU Staff\nTLSUserLogin both\n</Global>\n"
        "<VirtualHost 127.0.0.1>\nTLSUserRule carol email carol@example.org\nTLSUserLogin certificate\n"
        "</VirtualHost>\n")
    tls = [host.settings.tls for host in made.hosts]
    assert [[str(one) for one in each.user_rules] for each in tls] == [
        ["$1 cn (.+)", "bob ou Staff"], ["carol email carol@example.org"]]
    assert [[one.login for one in each.user_logins] for each in tls] == [["both"], ["certificate"]]

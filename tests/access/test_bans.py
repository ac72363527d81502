"""Bans: whom they fit, what events are, what the banned are told."""

from __future__ import annotations

import pytest

from ftpsd.access.bans import (
    EVERY_SERVER,
    KINDS,
    Ban,
    Kind,
    Suspect,
    block,
    canonical_host,
    events_of,
    kind_of,
    rules_for,
    told,
)
from ftpsd.reasons.codes import Code, Good
from ftpsd.settings.bans import EVENTS, BanRule

HERE, THERE = b"here...1", b"there..2"
ALICE = Suspect("192.0.2.1", "Host.example.org", "alice", frozenset({"local"}))


@pytest.mark.parametrize(("ban", "server", "any_server", "counts"), [
    (Ban(Kind.USER, "x"), HERE, False, True),
    (Ban(Kind.USER, "x", HERE), HERE, False, True),
    (Ban(Kind.USER, "x", HERE), THERE, False, False),
    (Ban(Kind.USER, "x", HERE), THERE, True, True),
    (Ban(Kind.USER, "x", expires=100.5), HERE, False, True),
    (Ban(Kind.USER, "x", expires=100.0), HERE, False, False),
    (Ban(Kind.USER, "x", HERE, expires=99.0), THERE, True, False),
])
def test_where_and_when_a_ban_counts(ban: Ban, server: bytes, any_server: bool, counts: bool) -> None:
    assert ban.counts(server, 100.0, any_server=any_server) is counts


def test_the_same_ban() -> None:
    assert Ban(Kind.USER, "x", HERE, 5.0, "a").same(Ban(Kind.USER, "x", HERE, 0.0, "b"))
    assert not Ban(Kind.USER, "x").same(Ban(Kind.CLASS, "x"))
    assert not Ban(Kind.USER, "x").same(Ban(Kind.USER, "x", HERE))
    assert EVERY_SERVER not in (HERE, THERE)


@pytest.mark.parametrize(("kind", "names"), [
    (Kind.USER, ("alice",)), (Kind.HOST, ("192.0.2.1", "host.example.org")), (Kind.CLASS, ("local",)),
    (Kind.PAIR, ("alice@192.0.2.1",)),
])
def test_what_bans_call_a_client(kind: Kind, names: tuple[str, ...]) -> None:
    assert ALICE.names(kind) == names
    assert KINDS[kind.word] is kind


def test_nobody_has_no_names() -> None:
    nobody = Suspect("192.0.2.1")
    assert [nobody.names(kind) for kind in Kind] == [(), ("192.0.2.1",), (), ()]


def test_every_event_bans_somebody() -> None:
    found = {event: kind_of(event) for event in EVENTS}
    assert found["MaxClientsPerUser"] is found["MaxHostsPerUser"] is Kind.USER
    assert found["MaxClientsPerClass"] is Kind.CLASS
    assert found["MaxLoginAttemptsFromUser"] is Kind.PAIR
    assert sum(kind is Kind.HOST for kind in found.values()) == len(EVENTS) - 4
    assert kind_of("limit-denied") is Kind.HOST


def test_reason_codes_are_events() -> None:
    assert events_of(Code.LOGIN_ATTEMPTS_EXCEEDED) == (
        "MaxLoginAttempts", "MaxLoginAttemptsFromUser", "login-attempts-exceeded")
    assert events_of(Code.LOGIN_CERTIFICATE_NEEDED) == ("login-wrong-password", "login-certificate-needed")
    assert events_of(Code.LIMIT_DENIED) == ("limit-denied",)
    assert events_of(Good.QUIT) == ("quit",)
    rules = [BanRule("UnhandledCommand", 1, 1, 1), BanRule("limit-denied", 2, 1, 1)]
    assert rules_for(rules, events_of(Code.LIMIT_DENIED)) == rules[1:]


@pytest.mark.parametrize(("text", "canonical"), [
    ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:DB8::0:1", "2001:db8::1"),
    ("192.0.2.1/24", "192.0.2.0/24"), ("2001:db8::/32", "2001:db8::/32"), ("gw.example.org", None), ("1.2.3", None),
    ("", None), ("192.0.2.1/99", None),
])
def test_addresses_are_written_in_one_way(text: str, canonical: str | None) -> None:
    assert canonical_host(text) == canonical


def test_blocks() -> None:
    assert str(block("192.0.2.0/24")) == "192.0.2.0/24"
    assert block("192.0.2.1") is None
    assert block("a/b") is None


@pytest.mark.parametrize(("message", "shown"), [
    ("Host %a user %u class %c banned", "Host 192.0.2.1 user alice class local banned"),
    ("%%a %x %", "%192.0.2.1 %x %"), ("", ""),
])
def test_what_the_banned_are_told(message: str, shown: str) -> None:
    assert told(message, ALICE) == shown


def test_what_nobody_is_told() -> None:
    assert told("%u %c", Suspect("192.0.2.1")) == "(none) (none)"
    assert told("%u", Suspect("192.0.2.1", user="%a")) == "%a"

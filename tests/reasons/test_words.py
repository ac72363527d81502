"""Words of the trade are explained where they are used."""

from __future__ import annotations

import re

import pytest

from ftpsd.ftp.commands import COMMANDS
from ftpsd.reasons.reason import Reason
from ftpsd.reasons.table import TABLE
from ftpsd.reasons.words import WORDS, used_in


def texts(reason: Reason) -> tuple[str, ...]:
    return (reason.what, *reason.causes, *reason.confirm, *reason.server, *reason.client)


def test_every_word_is_used() -> None:
    every = used_in(*(text for reason in TABLE.values() for text in texts(reason)))
    assert set(WORDS) - set(every) <= {"PEM", "SAN", "server config"}


@pytest.mark.parametrize(("text", "found"), [
    ("It resumes sessions.", {"resume"}), ("resumed under TLS", {"resume"}), ("PROT P, not PROT C", {"PROT P"}),
    ("a <VirtualHost>", set()), ("Data connections and chains", {"data connection", "chain"}),
    ("blockchainless", set()),
    ("the ccc", set()), ("implicitly", set()),
])
def test_words_are_found_in_their_forms(text: str, found: set[str]) -> None:
    assert set(used_in(text)) == found


@pytest.mark.parametrize("reason", TABLE.values(), ids=lambda reason: reason.code)
def test_a_meaning_is_short(reason: Reason) -> None:
    """What is explained with an explanation does not bury it."""
    assert len(used_in(*texts(reason))) <= 12
    assert re.search("[a-z]", reason.what)


def test_meanings_are_half_sentences() -> None:
    for meaning in WORDS.values():
        assert not meaning.endswith(".")
        assert len(meaning) <= 100
    assert not set(WORDS) & set(COMMANDS) - {"CCC", "EPSV", "SSCN"}

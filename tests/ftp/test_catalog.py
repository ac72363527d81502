"""Translated replies."""

from __future__ import annotations

from ftpsd.ftp.catalog import catalog
from ftpsd.ftp.replies import Reply

FRENCH = catalog("fr-FR", {
    "": "Project-Id-Version: x",
    "Goodbye.": "Au revoir.",
    "Password required for %s": "Mot de passe requis pour %s",
    "%s: Operation not permitted": "%s : op\u00e9ration refus\u00e9e",
    "Transferring %s of %lu bytes": "%2$lu octets de %1$s",
    "%s: %s": "never",
    "Broken %s text": "%s %s",
    "100%% of %s done": "%s \u00e0 100%%",
    "empty text": "",
})


def test_lines() -> None:
    assert FRENCH.line("Goodbye.") == "Au revoir."
    assert FRENCH.line("Password required for joe") == "Mot de passe requis pour joe"
    assert FRENCH.line("a: b: Operation not permitted") == "a: b : op\u00e9ration refus\u00e9e"
    assert FRENCH.line("Transferring x of 12 bytes") == "12 octets de x"
    assert FRENCH.line("100% of x done") == "x \u00e0 100%"
    for text in ("Broken x text", "x: y", "empty text", "", "Something else"):
        assert FRENCH.line(text) == text


def test_a_name_is_no_pattern() -> None:
    assert FRENCH.line("%s: Operation not permitted") == "%s : op\u00e9ration refus\u00e9e"
    assert FRENCH.line("\\1.*: Operation not permitted").startswith("\\1.* :")


def test_only_the_ends_of_a_reply_are_looked_at() -> None:
    reply = FRENCH.reply(Reply(213, "Goodbye.", "Goodbye.", "Goodbye."))
    assert reply.lines == ("Au revoir.", "Goodbye.", "Au revoir.")
    assert FRENCH.reply(Reply(221, "Goodbye.")).lines == ("Au revoir.",)


def test_what_is_remembered_has_a_bound() -> None:
    for number in range(1000):
        FRENCH.line(f"{number}: Operation not permitted")
    assert len(FRENCH._known) <= 256

"""What is printed: on a terminal, elsewhere, and whatever a server sends."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from rich.console import Console

from ftpsd.diag.probe import judge, render
from ftpsd.diag.probe.facts import Answer, Facts, Greeting, Identity
from ftpsd.diag.probe.shown import lines
from tests.diag.probe.examples import NOW, chain, good

EVIL = "\x1b]0;owned\x07\x1b[31mred\r\n220 forged"


def printed(facts: Facts, *, width: int = 80, colours: bool = False, **options: bool) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, highlight=False, emoji=False, force_terminal=colours,
        color_system="256" if colours else None)
    render.for_people(facts, judge.decide(facts, NOW), console, **options)
    return out.getvalue()


def evil() -> Facts:
    return replace(
        good(), greeting=Greeting(Answer(421, (EVIL,)), False, 0.1), features=None,
        identity=Identity((b"no certificate",), "ftp.example.org", (), authorities=(EVIL,), asks_for_certificate=True))


def test_every_theme_is_told() -> None:
    assert list(lines(good())) == [
        "server", "certificate", "TLS", "ciphers", "commands", "sessions", "login", "data", "time"]
    assert lines(Facts("nowhere", unreachable="refused")) == {}


@pytest.mark.parametrize("details", [False, True])
def test_eighty_columns(details: bool) -> None:
    text = printed(evil(), details=details)
    assert max(map(len, text.splitlines())) <= 80


def test_the_fingerprint_can_be_compared() -> None:
    line = next(each for each in lines(good())["certificate"] if "SHA-256" in each)
    assert line.split()[1] == ":".join(f"{byte:02X}" for byte in chain()[0].fingerprint(hashes.SHA256()))


def test_colours_only_where_they_are_wanted() -> None:
    assert "\x1b[" in printed(good(), colours=True)
    assert "\x1b" not in printed(good())


def test_what_a_server_sends_stays_text() -> None:
    for text in (printed(evil(), details=True), printed(evil(), width=1000, details=True)):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert not any(line.startswith("220 forged") for line in text.splitlines())


def test_no_notes_means_no_notes() -> None:
    text = printed(good(), notes=False)
    assert "note" not in text
    assert "good" not in text
    assert "all is well" in text


def test_json_says_it_all() -> None:
    facts = evil()
    report = json.loads(json.dumps(render.for_programs(facts, judge.decide(facts, NOW))))
    assert report["status"] == 2
    assert report["facts"]["greeting"]["answer"]["code"] == 421
    assert {finding["code"] for finding in report["findings"]} >= {"greeting-refused", "cert-unreadable"}


def test_nobody_there() -> None:
    facts = Facts("nowhere", unreachable="refused")
    assert "[server-unreachable]" in printed(facts, details=True)

"""`ftpsd help`: options of a directive, each on a line of its own, and found by their names."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ftpsd.cli.help import command


def said(word: str) -> str:
    return CliRunner(env={"COLUMNS": "80"}).invoke(command, [word]).output


def test_each_option_begins_a_line() -> None:
    lines = said("TLSOptions").splitlines()
    assert "AllowClientRenegotiations: clients may renegotiate (TLS 1.2 and older), and" in lines
    assert "  TLSRenegotiate ctrl applies to them." in lines
    assert "NoCertRequest: clients are not asked for a certificate." in lines
    assert "Context:   server config, <VirtualHost>, <Global>, <Anonymous>, <IfClass>," in lines


def test_a_text_without_options_is_a_paragraph() -> None:
    assert "The directory that a session cannot leave, `~` is the home. The first whose\ngroups fit counts." in said(
        "DefaultRoot")


@pytest.mark.parametrize(("word", "directive"), [
    ("UseImplicitSSL", "TLSOptions"), ("stdenvvars", "TLSOptions"), ("dNSNameRequired", "TLSOptions"),
    ("NoFakeTryLater", "TLSStaplingOptions"), ("SyntaxCheck", "AuthFileOptions"),
])
def test_an_option_leads_to_its_directive(word: str, directive: str) -> None:
    assert f"It is a word for {directive}: `ftpsd help {directive}`." in said(word)


def test_a_slip_of_the_pen() -> None:
    assert "Did you mean TLSRequired?" in said("TLSRequierd")

"""`ftpsd explain`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from ftpsd.cli.explain import command
from ftpsd.reasons.codes import Code, Good
from ftpsd.reasons.trouble import Trouble
from ftpsd.reasons.troubles import TROUBLES


def explain(*words: str) -> str:
    result = CliRunner().invoke(command, words, standalone_mode=False)
    assert result.exception is None, result.exception
    return result.output


@pytest.mark.parametrize("code", Code, ids=str)
def test_every_code(code: Code) -> None:
    output = explain(code)
    assert output.startswith(f"{code}\n")
    assert "Why, the likeliest first" in output
    assert "\x1b" not in output, "no colours where there is no terminal"


@pytest.mark.parametrize("text", [
    "[data-not-resumed]",
    "425 Unable to build data connection: TLS session of the control connection was not reused [data-not-resumed]",
    "2026-11-21 10:29:46,770 mod_tls/2.9.2[7]: client did not reuse SSL session, … [data-not-resumed]",
])
def test_a_line_of_a_log(text: str) -> None:
    assert explain(*text.split()).startswith("data-not-resumed\n")


@pytest.mark.parametrize("code", Good, ids=str)
def test_what_went_well(code: Good) -> None:
    """EventLog and metrics have such reasons, too."""
    assert explain(code).startswith(f"{code}\n  Nothing is wrong: ")
    assert explain(f"[{code}]") == explain(code)
    assert json.loads(explain("--json", code)) == []


def test_all_codes() -> None:
    output = explain()
    assert all(f"{code}\n" in output for code in Code)


def test_for_programs() -> None:
    (found,) = json.loads(explain("--json", "no-shared-cipher"))
    assert found["code"] == "no-shared-cipher"
    assert found["server"]


def test_a_slip_of_the_pen() -> None:
    result = CliRunner().invoke(command, ["data-not-resumd"])
    assert result.exit_code == 1
    assert "did you mean data-not-resumed" in result.output


def test_nothing_like_a_code() -> None:
    result = CliRunner().invoke(command, ["Hello world"])
    assert result.exit_code == 1
    assert "`ftpsd explain` lists all codes." in result.output


@pytest.mark.parametrize(("said", "code"), [
    ("GnuTLS error -110: The TLS connection was non-properly terminated.", "close-notify-missing"),
    ("error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher", "no-shared-cipher"),
    ("425 Unable to build data connection: Operation not permitted", "data-not-resumed"),
    ("curl: (67) Access denied: 550", "tls-required-control"),
    ("ls: Fatal error: Certificate verification: Not trusted (60:5F:07)", "server-cert-untrusted"),
    ("Response: 431 Necessary security resource unavailable", "no-certificate"),
    ("error:0A000415:SSL routines::ssl/tls alert certificate expired", "server-cert-expired"),
])
def test_what_other_programs_say(said: str, code: str) -> None:
    output = explain(said)
    assert f"More: ftpsd explain {code}" in output
    assert code in {each["code"] for each in json.loads(explain("--json", said))}


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.key)
def test_every_message_on_the_page_of_troubles(trouble: Trouble) -> None:
    """Those of faults that have no code, too."""
    for said in trouble.symptoms:
        assert trouble.question in " ".join(explain(f"Error: {said}").split())
        found = {each["code"] for each in json.loads(explain("--json", f"Error: {said}"))}
        assert set(trouble.codes) <= found


@pytest.mark.parametrize(("said", "questions"), [
    ("gnutls_handshake: A TLS fatal alert has been received.",
     {"disabled-version", "no-shared-cipher", "client-certificate-missing"}),
    ("curl: (35) OpenSSL/3.0.19: error:0A000410:SSL routines::sslv3 alert handshake failure",
     {"no-shared-cipher", "client-certificate-missing"}),
    ("remote error: tls: certificate required", {"client-certificate-missing"}),
    ("tls: first record does not look like a TLS handshake", {"implicit-client"}),
    ("x509: certificate is valid for other.example, not localhost", {"wrong-name"}),
    ("Certificate verification: The certificate is NOT trusted. The certificate chain uses expired certificate.",
     {"expired"}),
    ("Certificate verification: The certificate is NOT trusted. The certificate issuer is unknown.", {"untrusted"}),
    ("client certificate failed verification: certificate has expired", {"client-certificate-expired"}),
    ("client certificate failed verification: unable to get local issuer certificate", {"client-ca-unknown"}),
    ("SSL routines::sslv3 alert certificate expired", {"expired", "crl-expired", "client-certificate-expired"}),
    ("unable to accept TLS connection: client rejected this server's certificate as expired", {"expired"}),
    ("unable to accept TLS connection: client rejected this server's certificate", {"wrong-name"}),
    ("curl: (64) Requested SSL level failed", {"no-certificate"}),
])
def test_whose_fault_it_is_that_other_programs_speak_of(said: str, questions: set[str]) -> None:
    """Clients' own words, and those of the log that name a client's certificate, are not taken for others'."""
    output = " ".join(explain(said).split())
    assert {each.key for each in TROUBLES if each.question in output.replace(said, "")} == questions


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.key)
def test_every_line_of_a_log_on_the_page_of_troubles(trouble: Trouble) -> None:
    """Those that end with no code, too: that is in the line behind them."""
    for sight in trouble.sights:
        if sight.place in ("TLSLog", "system log", "start"):
            line = f"2026-11-22 14:31:05,123 mod_tls/2.9.2[77]: {sight.text.replace('…', 'this')}"
            output = " ".join(explain(line).split())
            assert trouble.question in output or any(output.startswith(f"{code} ") for code in trouble.codes)


def test_what_other_programs_say_and_a_code_behind_it() -> None:
    """The code knows better."""
    output = explain("425 Unable to build data connection: Connection timed out [nat-private-address]")
    assert output.startswith("nat-private-address\n")


@pytest.mark.parametrize(("said", "codes"), [
    ("425", {"data-not-resumed", "data-not-connected", "passive-ports-exhausted", "active-unreachable"}),
    ("< 534", {"prot-refused", "ccc-refused"}),
    ("disk full", {"disk-full"}),
    ("certificate expired", {"cert-expired", "client-cert-expired"}),
    ("curl: (55) Send failure: Connection reset by peer", {"disk-full", "quota-reached", "store-too-large"}),
    ("ECONNRESET - Connection reset by peer", {"disk-full", "handshake-reset"}),
    ("connection refused", {"server-unreachable", "active-refused"}),
])
def test_what_may_be_meant(said: str, codes: set[str]) -> None:
    output = explain(said)
    assert codes <= set(output.splitlines())
    assert "Perhaps one of these" in output
    assert codes <= {one["code"] for one in json.loads(explain("--json", said))}


def test_of_a_reply_the_likeliest_comes_first() -> None:
    found = explain("425 Unable to build data connection: Operation timed out").splitlines()
    assert found[0] == "data-not-connected"
    assert "data-not-resumed" in found


@pytest.mark.parametrize("said", ["443", "10.4.2.425", "on", "the weather of yesterday"])
def test_too_little_is_nothing(said: str) -> None:
    assert CliRunner().invoke(command, [said]).exit_code == 1

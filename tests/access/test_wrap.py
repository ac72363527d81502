"""The language of hosts_access(5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.access.wrap import WrapClient, WrapRule, decide, malformed, parse, unknown_options, words

CLIENT = WrapClient("192.0.2.7", "Host.Example.org", "joe", "198.51.100.1")
NAMELESS = WrapClient("192.0.2.7")
SIX = WrapClient("2001:db8::7", "six.example.org")
MAPPED = WrapClient("::ffff:192.0.2.7", None)


def rules(text: str) -> list[WrapRule]:
    found, wrong = parse(text)
    assert wrong == []
    return found


def fits(word: str, client: WrapClient = CLIENT, service: str = "proftpd") -> bool:
    return not decide((), rules(f"ALL : {word}\n"), service, client).allowed


@pytest.mark.parametrize(("word", "answer"), [
    ("ALL", True), ("all", True), ("LOCAL", False), ("KNOWN", True), ("UNKNOWN", False), ("PARANOID", False),
    ("192.0.2.7", True), ("192.0.2.8", False), ("192.0.2.", True), ("192.0.", True), ("92.0.", False),
    ("192.0.2.0/24", True), ("192.0.2.0/255.255.255.0", True), ("192.0.3.0/24", False), ("0.0.0.0/0", True),
    (".example.org", True), (".EXAMPLE.org", True), (".xample.org", False), ("host.example.org", True),
    ("example.org", False), ("*.example.?rg", True), ("192.0.2.*", True), ("h?st.*", True), ("*.net", False),
    ("joe@192.0.2.7", True), ("ALL@ALL", True), ("KNOWN@.example.org", True), ("UNKNOWN@ALL", False),
    ("eve@ALL", False), ("j*@ALL", True), ("@staff", False), ("[2001:db8::]/32", False), ("192.0.2.0/99", False),
])
def test_words_for_clients(word: str, answer: bool) -> None:
    assert fits(word) is answer


@pytest.mark.parametrize(("word", "client", "answer"), [
    ("UNKNOWN", NAMELESS, True), ("KNOWN", NAMELESS, False), ("LOCAL", NAMELESS, False), (".org", NAMELESS, False),
    ("*", NAMELESS, True), ("LOCAL", WrapClient("192.0.2.1", "gw"), True), ("[2001:db8::]/32", SIX, True),
    ("[2001:db8::7]", SIX, True), ("[2001:db9::]/32", SIX, False), ("192.0.2.0/24", SIX, False),
    ("192.0.2.0/24", MAPPED, True), ("192.0.2.", MAPPED, True), ("UNKNOWN@ALL", NAMELESS, True),
    ("fe80::/10", WrapClient("fe80::1%eth0"), False), ("[fe80::]/10", WrapClient("fe80::1%eth0"), True),
])
def test_words_for_other_clients(word: str, client: WrapClient, answer: bool) -> None:
    if "::" in word and "[" not in word:
        assert parse(f"ALL : {word}\n")[0][0].clients == ("fe80",)
        return
    assert fits(word, client) is answer


@pytest.mark.parametrize(("text", "answer"), [
    ("192.0.2.0/24 EXCEPT 192.0.2.7", False), ("192.0.2.0/24 EXCEPT 192.0.2.8", True),
    ("ALL EXCEPT 192.0.2.0/24 EXCEPT 192.0.2.7", True), ("ALL EXCEPT 192.0.2.0/24 except 192.0.2.8", False),
    ("1.1.1.1, 192.0.2.7", True), ("EXCEPT 1.1.1.1", False), ("ALL EXCEPT", True),
])
def test_except(text: str, answer: bool) -> None:
    assert fits(text) is answer


@pytest.mark.parametrize(("services", "answer"), [
    ("ALL", True), ("proftpd", True), ("ProFTPD", False), ("sshd", False), ("sshd, proftpd", True),
    ("ALL EXCEPT proftpd", False), ("ALL EXCEPT sshd", True), ("proftpd@198.51.100.1", True),
    ("proftpd@198.51.100.2", False), ("ALL@198.51.100.0/24", True),
])
def test_services(services: str, answer: bool) -> None:
    found = decide((), rules(f"{services}: ALL"), "proftpd", CLIENT)
    assert (not found.allowed) is answer


def test_the_language_of_files() -> None:
    text = (
        "# a comment\n\n  \nproftpd : 192.0.2.1 \\\n  192.0.2.2, .example.org  : setenv A=b\\:c : DENY\n"
        "ALL:[2001:db8::1] user@[2001:db8::]/32\nALL: 1.2.3.4")
    assert rules(text) == [
        WrapRule(("proftpd",), ("192.0.2.1", "192.0.2.2", ".example.org"), ("setenv A=b:c", "DENY"), 4),
        WrapRule(("ALL",), ("[2001:db8::1]", "user@[2001:db8::]/32"), (), 6), WrapRule(("ALL",), ("1.2.3.4",), (), 7)]


@pytest.mark.parametrize("text", [
    "# old \\\nALL : 1.2.3.4\n", "  # old \\\n# older\\\nALL : 1.2.3.4", "\nALL : \\\n# was 5.6.7.8 \\\n  1.2.3.4\n",
])
def test_a_comment_takes_no_other_line_along(text: str) -> None:
    (rule,) = rules(text)
    assert (rule.services, rule.clients) == (("ALL",), ("1.2.3.4",))


@pytest.mark.parametrize("line", ["proftpd", ": ALL", "proftpd :", "proftpd : :DENY", ":", "\\\nx"])
def test_what_is_no_rule_is_said(line: str) -> None:
    found, wrong = parse(f"{line}\nALL : 1.2.3.4\n")
    assert [rule.clients for rule in found] == [("1.2.3.4",)]
    assert wrong == ["badly formatted rule at line 1: `services : clients` is needed"]


@pytest.mark.parametrize(("allow", "deny", "allowed", "line"), [
    ("", "", True, None), ("ALL: ALL", "ALL: ALL", True, 1), ("", "ALL: ALL", False, 1),
    ("ALL: 1.2.3.4", "ALL: 5.6.7.8\nALL: 192.0.2.7", False, 2), ("ALL: ALL: DENY", "", False, 1),
    ("ALL: 192.0.2.7: allow\nALL: ALL: deny", "", True, 1), ("", "ALL: ALL: ALLOW", True, 1),
    ("ALL: ALL: DENY: nice 10", "", True, 1), ("sshd: ALL", "ALL: ALL", False, 1),
])
def test_the_allow_table_is_asked_first(allow: str, deny: str, allowed: bool, line: int | None) -> None:
    found = decide(rules(allow), rules(deny), "proftpd", CLIENT)
    assert (found.allowed, found.rule.line if found.rule is not None else None) == (allowed, line)


def test_what_can_fit_nobody_is_known() -> None:
    (rule,) = rules("ALL : @staff 1.2.3.4/99 10.0.0.0/8 /etc/more joe@1.2.3.4/77 : nice 10 : ALLOW : spawn x")
    assert malformed(rule) == ("@staff", "1.2.3.4/99", "joe@1.2.3.4/77")
    assert unknown_options(rule) == ("nice 10", "ALLOW", "spawn x")


def test_very_many_rules_are_cut() -> None:
    found, wrong = parse("ALL:1.2.3.4\n" * 10_002)
    assert (len(found), len(wrong)) == (10_000, 1)


@given(st.text(max_size=200))
def test_any_text_is_a_table(text: str) -> None:
    found, wrong = parse(text)
    verdict = decide(found, found, "proftpd", CLIENT)
    assert verdict.rule is None or verdict.rule in found
    assert all(isinstance(word, str) for word in wrong)


def test_words() -> None:
    assert words(" a,b ,, c\td ") == ("a", "b", "c", "d")

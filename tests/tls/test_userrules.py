"""TLSUserRule: whose a certificate is."""

from __future__ import annotations

import shlex

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.settings.tls_users import NAME_PARTS, OTHER_FIELDS, CertificateRule, rule
from ftpsd.tls import certificates, usernames, userrules
from tests.tls.pki import Draft, authority

OID = "1.3.6.1.4.1.99999.2"
UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
ALTERNATIVES = x509.SubjectAlternativeName([
    x509.RFC822Name("alice@example.org"), x509.DNSName("alice.example.org"), x509.DNSName("*.alice.example.org"),
    x509.UniformResourceIdentifier("spiffe://example.org/partner/alice"),
    x509.OtherName(UPN, b"\x0c\x0balice@CORP."), x509.OtherName(ObjectIdentifier("1.2.3.4"), b"\x0c\x03bob"),
])
POLICIES = x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("1.3.6.1.4.1.99999.7"), None)])
ALICE = Draft(
    names=("alice", "al"), parts=(
        (NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Example, Ltd"),
        (NameOID.DOMAIN_COMPONENT, "example"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Transfers"), (NameOID.ORGANIZATIONAL_UNIT_NAME, "Night"),
        (NameOID.SERIAL_NUMBER, "4711")),
    more=((ALTERNATIVES, False), (POLICIES, False),
          (x509.UnrecognizedExtension(ObjectIdentifier(OID), b"\x0c\x05alice"), False)),
).sign(authority("Partner CA", None)).certificate
SUBJECT = r"CN=al,CN=alice,serialNumber=4711,OU=Night,OU=Transfers,DC=example,O=Example\, Ltd,C=DE"


def der(made: x509.Certificate) -> bytes:
    return made.public_bytes(Encoding.DER)


def rules(*texts: str) -> tuple[CertificateRule, ...]:
    return tuple(one for text in texts for one in rule(shlex.split(text)))


def whose(*texts: str, user: str = "alice", made: x509.Certificate = ALICE) -> bool:
    return userrules.check(rules(*texts), der(made), user).ok


@pytest.mark.parametrize("text", [
    "$0 CN alice", "$1 CN '(al.*)'", "alice cn al", "alice OU Night", "alice OU Transfers OU Night",
    "alice C DE O '.*Ltd'", "alice dc example", "alice serialNumber 4711", "$1 email '([^@]+)@example[.]org'",
    "$1 dns '([a-z]+)[.]example[.]org'", "$1 uri 'spiffe://example[.]org/partner/([a-z]+)'",
    "$1 upn '([a-z]+)@CORP[.]'", "alice policy '1.3.6.1.4.1.99999.7'", f"$0 {OID} .+", "alice issuer 'CN=Partner CA'",
    "alice issuer 'CN=Partner CA' OU Night CN al", "alice fingerprint FINGERPRINT", "alice serial SERIAL",
    "alice serial 00SERIAL",
])
def test_rules_that_fit(text: str) -> None:
    text = text.replace("FINGERPRINT", ALICE.fingerprint(hashes.SHA256()).hex(":").upper())
    text = text.replace("SERIAL", f"{ALICE.serial_number:X}")
    assert whose(text)
    assert whose("bob CN nobody", text)
    assert not whose(text, user="Alice")
    assert not whose(text, user="")


@pytest.mark.parametrize("text", [
    "alice CN lic", "alice CN Alice", "alice OU Night OU Day", "bob CN alice", "$1 CN '(bob)'", "alice email '.*bob.*'",
    "alice upn bob", "alice ip '.*'", "alice title '.*'", "alice L '.*'", "alice 1.2.3.4 '.*'", "alice O Example",
    "alice issuer 'CN=Partner CA' CN bob", "$1 CN '(a?)lice|(al)'", "alice serial 1", "alice subject al",
])
def test_rules_that_do_not(text: str) -> None:
    assert not whose(text)


def test_the_subject_is_as_RFC_4514_writes_it() -> None:
    """A comma in a CommonName has a backslash before it: no name is another one."""
    assert userrules.values(ALICE, "subject") == [SUBJECT]
    sly = Draft(names=("x,OU=Transfers",)).sign().certificate
    assert userrules.values(sly, "subject") == [r"CN=x\,OU=Transfers"]
    assert not whose("alice subject CN=x,OU=Transfers", made=sly)


def test_what_the_log_says() -> None:
    said = userrules.check(rules("$0 CN .+", "carol OU Night"), der(ALICE), "bob")
    assert said.lines == (
        "TLS/X509 TLSUserRule check failed for user 'bob': the client cert is that of 'alice', 'al', 'carol'",)
    said = userrules.check(rules("carol OU Day"), der(ALICE), "bob")
    assert said.lines == ("TLS/X509 TLSUserRule check failed for user 'bob': no rule fits the client cert",)
    said = userrules.check(rules("$1 CN '(al)'"), der(ALICE), "al")
    assert said.lines == ("TLS/X509 TLSUserRule '$1 cn (al)' check successful for user 'al'",)


@pytest.mark.parametrize("field", [*NAME_PARTS, *OTHER_FIELDS, OID])
def test_a_certificate_that_says_little(field: str) -> None:
    plain = Draft(names=()).sign().certificate
    assert userrules.values(plain, field) == [] or field in ("serial", "fingerprint", "subject", "issuer")


def test_what_is_passed_over_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(userrules, "PATIENCE", 600.0)  # on a busy machine the slow expression alone takes the second
    names = [x509.DNSName(f"h{number}") for number in range(40)]
    many = Draft(names=("a" * 60, "x\0y"), more=((x509.SubjectAlternativeName(names), False),)).sign().certificate
    said = userrules.check(rules("alice CN '(a|aa)+b'", "alice dns h39"), der(many), "alice")
    head = "TLS/X509 TLSUserRule: "
    assert said.lines == (
        f"{head}client cert cn contains embedded NULs, ignoring as possible spoof attempt",
        f"{head}'(a|aa)+b' takes too long, client cert cn passed over",
        f"{head}client cert has 40 values of dns, 32 are looked at",
        "TLS/X509 TLSUserRule check failed for user 'alice': no rule fits the client cert")


def test_all_rules_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(userrules, "PATIENCE", -1.0)
    said = userrules.check(rules("alice CN alice", "alice OU Night"), der(ALICE), "alice")
    assert not said.ok
    assert [line.split(": ")[1] for line in said.lines[:2]] == [
        "'alice' takes too long, client cert cn passed over", "'Night' takes too long, client cert ou passed over"]


def test_an_embedded_nul_is_no_end_of_a_name() -> None:
    sly = Draft(names=("alice\0.evil.example",), san=("alice\0@evil.example",)).sign().certificate
    assert not whose("$1 CN '(?s)(alice).*'", "$1 email '(?s)(alice).*'", "$1 subject '(?s)CN=(alice).*'", made=sly)


def test_an_expression_that_takes_for_ever_gives_nobody_a_name() -> None:
    long = Draft(names=("a" * 60,)).sign().certificate
    assert not whose("alice CN '(a|aa)+b'", made=long)


def test_names_that_cannot_be_read() -> None:
    names = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.17"), b"\x30\x03\x82\x01\xff")
    broken = Draft(more=((names, False),)).sign().certificate
    assert not whose("alice dns '.*'", "alice policy '.*'", "alice CN .*x", made=broken)


def test_a_certificate_of_a_version_that_there_is_not() -> None:
    """cryptography's InvalidVersion is no ValueError."""
    future = der(ALICE).replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x04", 1)
    assert future != der(ALICE)
    assert not userrules.check(rules("alice CN alice"), future, "alice").ok
    assert not usernames.check("CommonName", future, "alice").ok
    assert certificates.subject_of(future) == "(unreadable subject)"
    assert not certificates.is_self_issued(future)


@given(st.binary(max_size=200))
def test_octets_that_are_no_certificate_are_nobodys(octets: bytes) -> None:
    assert not userrules.check(rules("alice CN '.*'"), octets, "alice").ok

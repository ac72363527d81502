"""What may take the place of a certificate, and when its end is announced."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ftpsd.reasons.codes import Code
from ftpsd.tls.live import expiry
from ftpsd.tls.live.facts import Served
from ftpsd.tls.live.judge import judge

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LINK = ("CN=intermediate", NOW + 900 * DAY)
OLD = Served(
    0, "Test", "TLSRSACertificateFile", "/etc/cert.pem", "00", ("192.0.2.7", "ftp.example.org"), NOW - 60 * DAY,
    NOW + 30 * DAY, (LINK,))
NEW = replace(OLD, fingerprint="01", begins=NOW, ends=NOW + 90 * DAY)


@pytest.mark.parametrize(("old", "new", "code"), [
    (OLD, NEW, None),
    (OLD, OLD, None),
    (OLD, replace(NEW, ends=OLD.ends), None),
    (OLD, replace(NEW, ends=NOW + 29 * DAY), Code.CERT_EXPIRES_EARLIER),
    (OLD, replace(NEW, ends=NOW - DAY), Code.CERT_EXPIRED),
    (replace(OLD, ends=NOW - DAY), replace(NEW, ends=NOW + DAY), None),
    (replace(OLD, ends=NOW - DAY), replace(OLD, ends=NOW - DAY), None),
    (OLD, replace(NEW, begins=NOW + DAY), Code.CERT_NOT_YET_VALID),
    (OLD, replace(NEW, names=("192.0.2.7", "*.example.org")), None),
    (OLD, replace(NEW, names=("192.0.2.7", "ftp.example.org", "www.example.org")), None),
    (OLD, replace(NEW, names=("ftp.example.org",)), Code.CERT_NAMES_LOST),
    (OLD, replace(NEW, names=("192.0.2.7", "*.ftp.example.org")), Code.CERT_NAMES_LOST),
    (replace(OLD, names=("*.example.org",)), replace(NEW, names=("a.example.org",)), Code.CERT_NAMES_LOST),
    (replace(OLD, names=("*.example.org",)), replace(NEW, names=("*.example.org",)), None),
    (OLD, replace(NEW, chain=()), Code.CHAIN_INCOMPLETE),
    (OLD, replace(NEW, chain=(), rooted=True), None),
    (replace(OLD, chain=()), replace(NEW, chain=()), None),
    (OLD, replace(NEW, chain=(("CN=intermediate", NOW - DAY),)), Code.CHAIN_EXPIRED),
    (replace(OLD, chain=(), rooted=True), replace(NEW, names=("a.example.org",), ends=NOW + DAY), None),
    (replace(OLD, chain=(), rooted=True), replace(NEW, chain=(), rooted=True, ends=NOW + DAY),
     Code.CERT_EXPIRES_EARLIER),
    (OLD, replace(NEW, for_servers=False), Code.CERT_NOT_FOR_SERVERS),
])
def test_only_what_is_as_good_takes_its_place(old: Served, new: Served, code: Code | None) -> None:
    other = replace(OLD, host=1, ends=NOW - DAY)
    found = judge((old, other), (new, other), NOW)
    assert (found and found.code) == code
    if found is not None:
        assert "/etc/cert.pem" in found.text
        assert found.remedy


def test_a_certificate_of_another_kind_is_judged_alone() -> None:
    other = replace(NEW, directive="TLSECCertificateFile", names=("elsewhere.example.org",))
    assert judge((OLD,), (OLD, other), NOW) is None
    expired = judge((OLD,), (OLD, replace(other, ends=NOW)), NOW)
    assert expired is not None
    assert expired.code is Code.CERT_EXPIRED


@pytest.mark.parametrize(("lasts", "left", "code"), [
    (90, 31, None), (90, 29, Code.CERT_EXPIRES_SOON), (365, 31, None), (365, 29, Code.CERT_EXPIRES_SOON),
    (6, 3, None), (6, 1, Code.CERT_EXPIRES_SOON), (90, 0, Code.CERT_EXPIRED), (90, -5, Code.CERT_EXPIRED),
])
def test_when_the_end_is_announced(lasts: int, left: int, code: Code | None) -> None:
    one = replace(OLD, begins=NOW + (left - lasts) * DAY, ends=NOW + left * DAY)
    assert expiry.code_of(one, NOW) is code
    assert bool(expiry.warnings((one,), NOW)) is (code is not None)


@pytest.mark.parametrize(("left", "said"), [
    (9 * DAY, "expires on 2026-11-30, in 9 days"), (DAY, "expires on 2026-11-22, in 1 day"),
    (DAY / 24, "expires on 2026-11-21, in 1 hour"), (DAY / 25, "expires on 2026-11-21, in 57 minutes"),
    (DAY / 100_000, "expires on 2026-11-21, in less than a minute"),
    (timedelta(hours=5), "expires on 2026-11-21, in 5 hours"), (-DAY, "expired on 2026-11-20"),
])
def test_in_what_words(left: timedelta, said: str) -> None:
    assert expiry.warning(replace(OLD, ends=NOW + left), NOW) == f"certificate of Server Test {said}"


def test_the_nearest_end_comes_first_and_each_once() -> None:
    found = expiry.warnings((replace(OLD, ends=NOW + 5 * DAY), replace(OLD, ends=NOW), replace(OLD, ends=NOW)), NOW)
    said = [text.split(" Test ")[1].split(",")[0] for text in found]
    assert said == ["expired on 2026-11-21", "expires on 2026-11-26"]

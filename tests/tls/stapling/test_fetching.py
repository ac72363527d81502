"""Which responses are fit to be sent."""

from __future__ import annotations

import datetime
from datetime import UTC

import pytest
from cryptography import x509
from cryptography.x509 import ocsp as x509_ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from ftpsd.native._openssl import STAPLE_MAX
from ftpsd.settings.tls import TLSSettings
from ftpsd.tls.stapling import fetching
from ftpsd.tls.stapling.fetching import NoResponse
from ftpsd.tls.stapling.subjects import subject_of
from tests.tls import pki
from tests.tls.pki import DAY, HOUR, now
from tests.tls.stapling.rig import URL, Sender, certificate, issuer, response, subject


@pytest.mark.parametrize(
    ("mode", "options", "status", "lines"),
    [
        ("good", (), "good", ()),
        ("by-name", (), "good", ()),
        ("revoked", (), "revoked", ()),
        ("undated", (), "good", ()),
        ("no-nonce", (), "good", ("WARNING: OCSP response is missing request nonce",)),
        ("no-nonce", ("NoNonce",), "good", ()),
        ("good", ("NoNonce",), "good", ()),
    ],
)
def test_good_ones(mode: str, options: tuple[str, ...], status: str, lines: tuple[str, ...]) -> None:
    about = subject(stapling_options=frozenset(options))
    found = fetching.ask(about, Sender(mode=mode))
    assert (found.status, found.revoked, found.lines) == (status, status == "revoked", lines)
    assert found.validity.dated == (mode != "undated")
    assert found.validity.until - found.validity.since == pytest.approx(86400 * (2 if mode != "undated" else 1), abs=2)
    assert fetching.judge(about, found.der, now()).status == status


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("down", f"error obtaining OCSP response from responder '{URL}': Connection refused"),
        ("slow", f"timed out talking to OCSP responder '{URL}'"),
        ("later", "OCSP response not successful: 'try_later' (3)"),
        ("garbage", "error getting basic OCSP response: not an OCSP response"),
        ("other", "error getting basic OCSP response: the response is about other certificates"),
        ("nonce", "error verifying OCSP response nonce: the nonce is not ours"),
        ("outdated", "failed time-based validity check of OCSP response: the response is outdated"),
        ("future", "failed time-based validity check of OCSP response: the response is of the future"),
        ("unknown", "found certificate status 'unknown' in OCSP response: the responder does not know it"),
    ],
)
def test_bad_ones(mode: str, why: str) -> None:
    with pytest.raises(NoResponse) as caught:
        fetching.ask(subject(), Sender(mode=mode))
    assert str(caught.value) == why


def test_who_may_sign() -> None:
    about = subject()
    stranger = pki.authority("Stranger", None)
    delegated = pki.Draft(
        names=("responder",), key="responder", usage=(ExtendedKeyUsageOID.OCSP_SIGNING,)).sign(issuer())
    forged = response(about, signer=stranger)
    with pytest.raises(NoResponse, match="error verifying basic OCSP response data"):
        fetching.judge(about, forged, now())
    unverified = subject(certificate(), stapling_options=frozenset({"NoVerify"}))
    assert fetching.judge(unverified, response(unverified, signer=stranger), now()).status == "good"
    delegating = pki.Answers(issuer(), delegated)
    assert fetching.ask(about, lambda _, request: delegating.answer("good", request)).status == "good"


def test_a_certificate_of_the_chain_may_sign() -> None:
    """As in mod_tls, where what the administrator configured vouches for itself."""
    leaf = certificate()
    stranger = pki.authority("Configured", None)
    chain = [issuer().certificate, stranger.certificate]
    about, _ = subject_of(leaf.certificate, "/server.pem", chain, TLSSettings())
    assert about is not None
    assert fetching.judge(about, response(about, signer=stranger), now()).status == "good"


def test_what_clients_would_not_take_is_not_sent() -> None:
    about = subject()
    with pytest.raises(NoResponse, match="is too large to be stapled"):
        fetching.judge(about, response(about, padding=STAPLE_MAX), now())
    expires_in = datetime.timedelta(seconds=-30)  # within what clocks may differ, but we would send it too late
    with pytest.raises(NoResponse, match="outdated"):
        fetching.judge(about, response(about, age=HOUR, life=HOUR + expires_in), now())


def test_questions_have_a_nonce_unless_told_otherwise() -> None:
    seen = []

    def keep(_: object, request: bytes) -> bytes:
        seen.append(x509_ocsp.load_der_ocsp_request(request))
        return b""

    for options in ((), ("NoNonce",)):
        with pytest.raises(NoResponse):
            fetching.ask(subject(stapling_options=frozenset(options)), keep)
    nonces = [request.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce for request in seen[:1]]
    assert len(nonces[0]) == fetching.NONCE_SIZE
    assert len(seen[1].extensions) == 0
    assert seen[0].serial_number != 0


def test_the_clock_decides() -> None:
    about = subject()
    der = response(about)
    later = datetime.datetime.now(UTC) + 3 * DAY
    with pytest.raises(NoResponse, match="outdated"):
        fetching.judge(about, der, later)

"""From directives to what is stapled: issuers, responders, warnings at start."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography import x509

from ftpsd.settings.tls import TLSSettings
from ftpsd.testing.ca import Identity
from ftpsd.tls import contexts
from ftpsd.tls.contexts import HostTLS
from ftpsd.tls.stapling import setup
from ftpsd.tls.stapling.setup import Stapling
from ftpsd.tls.stapling.shelf import Shelf
from ftpsd.tls.stapling.subjects import Subject, demands_stapling
from tests.settings.support import configuration
from tests.tls.pki import Draft, authority
from tests.tls.rig import Files, host_of
from tests.tls.stapling.rig import SERVER, URL, certificate, issuer

DEMANDS = "demands stapling (TLS feature status_request, RFC 7633), and no OCSP response can be stapled"
REFUSE = "clients that know the feature refuse it"


def built(
    files: Files, leaf: Identity, *, given: bool = True, by_default: bool = False, shelf: Shelf | None = None,
    **settings: object,
) -> HostTLS:
    own = files.write("own.pem", leaf.certificate_pem, leaf.key_pem())
    chain = files.write("given.pem", issuer().certificate_pem) if given else None
    tls = replace(TLSSettings(ec_certificate_file=own, certificate_chain_file=chain), **settings)  # type: ignore[arg-type]
    return contexts.build(host_of(tls), stapling=Stapling(shelf or Shelf(), by_default))


@pytest.mark.parametrize(
    ("chosen", "by_default", "count"),
    [(True, False, 1), (True, True, 1), (None, False, 0), (None, True, 1), (False, True, 0)],
)
def test_what_switches_it_on(files: Files, chosen: bool | None, by_default: bool, count: int) -> None:
    host = built(files, certificate(), by_default=by_default, stapling=chosen)
    assert len(host.stapled) == count
    assert host.notices == ()


def test_every_kind_of_certificate(files: Files) -> None:
    leaves = {"rsa_certificate_file": certificate(key="rsa"), "ec_certificate_file": certificate(key="ed")}
    paths = {name: files.write(f"{name}.pem", leaf.certificate_pem, leaf.key_pem()) for name, leaf in leaves.items()}
    chain = files.write("given.pem", issuer().certificate_pem)
    tls = replace(TLSSettings(certificate_chain_file=chain, stapling=True), **paths)  # type: ignore[arg-type]
    found = contexts.build(host_of(tls)).stapled
    assert [one.subject.certificate for one in found] == [leaf.certificate for leaf in leaves.values()]
    assert [one.file for one in found] == list(paths.values())


@pytest.mark.parametrize("place", ["certificate_chain_file", "ca_certificate_file", "ec_certificate_file"])
def test_where_the_issuer_is_found(files: Files, place: str) -> None:
    leaf = certificate()
    own = [leaf.certificate_pem, leaf.key_pem()]
    if place == "ec_certificate_file":
        tls = TLSSettings(ec_certificate_file=files.write("own.pem", *own, issuer().certificate_pem), stapling=True)
    else:
        above = files.write("above.pem", authority("Another", None).certificate_pem, issuer().certificate_pem)
        tls = TLSSettings(ec_certificate_file=files.write("own.pem", *own), stapling=True)
        tls = replace(tls, **{place: above})  # type: ignore[arg-type]
    stapled, = contexts.build(host_of(tls)).stapled
    assert stapled.subject.issuer == issuer().certificate


def test_options(files: Files) -> None:
    host = built(
        files, certificate(), stapling=True, stapling_options=frozenset({"NoNonce", "NoVerify", "NoFakeTryLater"}),
        stapling_responder="http://other.invalid/", stapling_timeout=3)
    subject = host.stapled[0].subject
    assert (subject.nonce, subject.verify, subject.fake, subject.must) == (False, False, False, False)
    assert (subject.url, subject.timeout) == ("http://other.invalid/", 3.0)
    subject = built(files, certificate(), stapling=True).stapled[0].subject
    assert (subject.nonce, subject.verify, subject.fake, subject.url, subject.timeout) == (True, True, True, URL, 10.0)


def test_a_certificate_that_demands_it_gets_a_fake_in_any_case(files: Files) -> None:
    options = frozenset({"NoFakeTryLater"})
    subject = built(files, certificate(must=True), stapling=True, stapling_options=options).stapled[0].subject
    assert subject.must
    assert subject.fake


@pytest.mark.parametrize(
    ("leaf", "given", "settings", "notices"),
    [
        (certificate(must=True), True, {}, [f"{DEMANDS}: {REFUSE}: write TLSStapling on"]),
        (certificate(must=True), True, {"stapling": True}, []),
        (certificate(url=None), True, {"stapling": True}, ["no OCSP responder URL found in certificate"]),
        (certificate(url=None), True, {"stapling": True, "stapling_responder": URL}, []),
        (
            certificate(url=None, must=True), True, {"stapling": True},
            ["no OCSP responder URL found", f"{DEMANDS}: {REFUSE}"],
        ),
        (certificate(), False, {"stapling": True}, ["its issuer (CN = StaplingCA) is in none of", "its issuer"]),
        (Draft(usage=SERVER).sign(None), True, {"stapling": True}, ["is self-signed: there is no authority to ask"]),
    ],
)
def test_warnings_at_start(
    files: Files, leaf: Identity, given: bool, settings: dict[str, object], notices: Sequence[str]
) -> None:
    host = built(files, leaf, given=given, **settings)  # type: ignore[arg-type]
    assert len(host.notices) == len(notices), host.notices
    for notice, text in zip(host.notices, notices, strict=True):
        assert text in notice
        assert str(files.directory) in notice


def test_the_tls_feature() -> None:
    both = [x509.TLSFeatureType.status_request, x509.TLSFeatureType.status_request_v2]
    for features in (both, both[:1], both[1:]):
        leaf = Draft(more=((x509.TLSFeature(features), False),)).sign(issuer())
        assert demands_stapling(leaf.certificate)
    assert not demands_stapling(certificate().certificate)
    damaged = Draft(more=((x509.UnrecognizedExtension(x509.TLSFeature.oid, b"\x30\x05"), False),)).sign(issuer())
    assert not demands_stapling(damaged.certificate)


def test_hosts_with_one_certificate_share_its_response(files: Files) -> None:
    shelf, leaf = Shelf(), certificate()
    one, two = (built(files, leaf, shelf=shelf, stapling=True) for _ in range(2))
    other = built(files, leaf, shelf=shelf, stapling=True, stapling_options=frozenset({"NoVerify"}))
    assert one.stapled[0].place is two.stapled[0].place
    assert one.stapled[0].place is not other.stapled[0].place
    assert setup.once([*one.stapled, *two.stapled, *other.stapled]) == (*one.stapled, *other.stapled)


def test_directives_without_effect() -> None:
    text = "TLSEngine on\nTLSStaplingTimeout 3\nTLSStaplingResponder http://a/\nTLSStaplingOptions NoNonce\n"
    host = configuration(text).hosts[0]
    assert sorted(setup.without_effect(host, Stapling())) == [
        f"{name} has no effect: TLSStapling is off"
        for name in ("TLSStaplingOptions", "TLSStaplingResponder", "TLSStaplingTimeout")
    ]
    assert setup.without_effect(host, Stapling(by_default=True)) == []
    assert setup.without_effect(configuration("TLSEngine on\n").hosts[0], Stapling()) == []


def test_places_live_as_long_as_somebody_has_them() -> None:
    shelf = Shelf()
    place = shelf.place(("a", "b"))
    place.put(b"response", until=9e9, due=1.0)
    assert shelf.place(("a", "b")) is place
    del place
    assert shelf.place(("a", "b")).state().response == b""


def test_a_subject_says_all_of_what_its_response_rests_on() -> None:
    fields = {field.name for field in dataclasses.fields(Subject)}
    assert fields == {"certificate", "issuer", "vouched", "url", "nonce", "verify", "timeout", "must", "fake"}

"""Certificates of clients: what each of them means under TLSVerifyClient on, optional and off.

Every case is run with TLS 1.2 and 1.3. A chain that is good is accepted everywhere; one that is bad fails the
handshake with `on` and `optional`, and is only logged with `off`; names are looked at with `on` only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ObjectIdentifier

from ftpsd.native._openssl import Connection, Context, TLSError
from ftpsd.testing.ca import Identity
from ftpsd.testing.ports import free_port
from ftpsd.tls.channel import HandshakeFailed, HandshakeReport
from ftpsd.tls.identity import Peer
from tests.tls import pki
from tests.tls.pki import DAY, HOUR, Draft
from tests.tls.rig import TIMEOUT, VERSIONS, Files, Pair, background, build, hierarchy

MODES = ("on", "optional", "off")
SOMEBODY = Peer("192.0.2.1", "client.example.org")
Kind = Literal["good", "bad", "names", "none"]


@dataclass(frozen=True)
class World:
    """The authorities, and where OCSP responders are."""

    root: Identity
    ca: Identity
    stranger: Identity
    responders: str

    def leaf(self, **changes: object) -> Identity:
        """A client's certificate of ClientCA."""
        return Draft(**changes).sign(self.ca)  # type: ignore[arg-type]


@dataclass
class Setup:
    """What a case makes: the client's identity, what is trusted, which lists there are."""

    client: Identity | None
    trusted: tuple[Identity, ...]
    send_chain: bool = True
    lists: tuple[bytes, ...] = ()
    in_directory: bool = False
    settings: dict[str, object] = field(default_factory=dict)


Make = Callable[[World], Setup]


@dataclass(frozen=True)
class Case:
    """`line` stands in the TLSLog. For a bad chain it is OpenSSL's objection."""

    name: str
    kind: Kind
    line: str
    make: Make
    options: frozenset[str] = frozenset()
    peer: Peer = SOMEBODY


def plain(world: World, client: Identity, **changes: object) -> Setup:
    return Setup(client, (world.ca, world.root), settings=changes)


def leaf(**changes: object) -> Make:
    return lambda world: plain(world, world.leaf(**changes))


def with_lists(
    lists: Callable[[World, Identity], tuple[bytes, ...]], *, in_directory: bool = False, **settings: object,
) -> Make:
    def make(world: World) -> Setup:
        setup = plain(world, world.leaf(), **settings)
        assert setup.client is not None
        setup.lists = lists(world, setup.client)
        setup.in_directory = in_directory
        return setup
    return make


def with_responder(path: str, *, order: tuple[str, ...] = ("ocsp",), revoked: bool = False) -> Make:
    def make(world: World) -> Setup:
        url = path if path.startswith(("http:", "https:")) else f"{world.responders}/{path}"
        setup = plain(world, world.leaf(responders=(url,)), verify_order=order)
        assert setup.client is not None
        if "crl" in order:
            setup.lists = (pki.crl(world.ca, *([setup.client] if revoked else [])),)
        return setup
    return make


def below(draft: Draft | None = None, **authority: object) -> Make:
    """A leaf of an authority with peculiarities below Root; only Root is trusted."""
    def make(world: World) -> Setup:
        above = pki.authority("Peculiar", world.root, **authority)
        return Setup((draft or Draft()).sign(above), (world.root,))
    return make


def self_signed(trusted: bool, **settings: object) -> Make:
    def make(world: World) -> Setup:
        client = Draft(key="lonely").sign()
        return Setup(client, (client,) if trusted else (world.root,), settings=settings)
    return make


def namesake(world: World) -> Setup:
    """Of an authority with the name of ClientCA and another key, which a certificate can only pretend."""
    false = pki.authority(world.ca.certificate.subject.rfc4514_string(), None)
    same = Identity(world.ca.certificate, false.key, world.ca.chain)
    return plain(world, Draft(issuer_key=False).sign(same))


def untrusted_root(world: World) -> Setup:
    return plain(world, Draft().sign(world.stranger))


def wrong_ca(world: World) -> Setup:
    setup = untrusted_root(world)
    setup.send_chain = False
    return setup


def only_root(send: bool) -> Make:
    return lambda world: Setup(world.leaf(), (world.root,), send_chain=send)


def depth(number: int) -> Make:
    return lambda world: plain(world, world.leaf(), verify_depth=number)


def without_certificate(world: World) -> Setup:
    return Setup(None, (world.ca, world.root))


def only_issuers(world: World) -> Setup:
    where = x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://127.0.0.1/ca"))
    more = ((x509.AuthorityInformationAccess([where]), False),)
    return plain(world, world.leaf(more=more), verify_order=("ocsp",))


def closed_port() -> str:
    return f"http://127.0.0.1:{free_port()}/"


def san(*names: str) -> Make:
    return leaf(san=names)


def raw_san(octets: bytes) -> Make:
    """A SAN that no library would make."""
    extension = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.17"), octets)
    return leaf(more=((extension, False),))


def no_crl_sign(world: World) -> Setup:
    above = pki.authority("Mute", world.root, crl_sign=False)
    return Setup(Draft().sign(above), (above, world.root), lists=(pki.crl(above),))


IP, DNS, CN = (
    frozenset({word}) for word in ("iPAddressRequired", "dNSNameRequired", "CommonNameRequired"))
SPOOF = "contains embedded NULs, rejecting as possible spoof attempt"
NO_DNS = Peer("192.0.2.1", None, reverse_dns=False)
V6 = Peer("2001:db8::1", "client.example.org")
UNREADABLE = "client cert missing required X509v3 SubjectAltName dNSName (unable to read it"
REVOKED = "certificate revoked"

CASES = (
    # ---- the chain
    Case("good", "good", "Client: CN = client", leaf()),
    Case("rsa", "good", "Client: CN = client", leaf(key="rsa")),
    Case("ed25519", "good", "Client: CN = client", leaf(key="ed25519")),
    Case("no-certificate", "none", "client did not provide certificate, but one is required via "
         "'TLSVerifyClient on'", without_certificate),
    Case("intermediate-sent", "good", "Client: CN = client", only_root(True)),
    Case("intermediate-not-sent", "bad", "unable to get local issuer certificate", only_root(False)),
    Case("expired", "bad", "certificate has expired", leaf(first=-2 * DAY, last=-DAY)),
    Case("not-yet-valid", "bad", "certificate is not yet valid", leaf(first=DAY, last=2 * DAY)),
    Case("self-signed", "bad", "self-signed certificate", self_signed(False)),
    Case("self-signed-trusted", "good", "Client: CN = client", self_signed(True)),
    Case("self-signed-in-chain", "bad", "self-signed certificate in certificate chain", untrusted_root),
    Case("wrong-ca", "bad", "unable to get local issuer certificate", wrong_ca),
    Case("namesake-of-ca", "bad", "certificate signature failure", namesake),
    Case("depth-fits", "good", "Client: CN = client", depth(2)),
    Case("chain-too-long", "bad", "certificate chain too long", depth(1)),
    Case("depth-0", "bad", "certificate chain too long", depth(0)),
    Case("depth-0-trusted-itself", "good", "Client: CN = client", self_signed(True, verify_depth=0)),
    Case("intermediate-expired", "bad", "certificate has expired", below(first=-2 * DAY, last=-DAY)),
    Case("intermediate-no-ca", "bad", "invalid CA certificate", below(is_ca=False)),
    Case("path-length", "bad", "path length constraint exceeded",
         lambda world: Setup(
             Draft().sign(pki.authority("Lower", pki.authority("Upper", world.root, path_length=0))),
             (world.root,))),
    Case("name-constraints", "bad", "permitted subtree violation",
         below(Draft(san=("client.example.com",)), more=(
             (x509.NameConstraints([x509.DNSName("example.org")], None), True),))),
    Case("server-certificate", "bad", "unsuitable certificate purpose",
         leaf(usage=(ExtendedKeyUsageOID.SERVER_AUTH,))),
    Case("key-usage", "bad", "unsuitable certificate purpose", leaf(signs=False)),
    Case("any-usage", "good", "Client: CN = client", leaf(usage=())),
    Case("weak-key", "bad", "EE certificate key too weak", leaf(key="weak")),
    Case("intermediate-weak-key", "bad", "CA certificate key too weak", below(key="weak")),
    Case("critical-extension", "bad", "unhandled critical extension",
         leaf(more=((x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\5\0"), True),))),
    # ---- revocation lists
    Case("crl-clean", "good", "CA CRL: Issuer: O = ftpsd tests, CN = ClientCA, lastUpdate: ",
         with_lists(lambda world, client: (pki.crl(world.ca),))),
    Case("crl-leaf", "bad", REVOKED, with_lists(lambda world, client: (pki.crl(world.ca, client),))),
    Case("crl-in-directory", "bad", REVOKED,
         with_lists(lambda world, client: (pki.crl(world.ca, client),), in_directory=True)),
    Case("crl-intermediate", "bad", REVOKED,
         with_lists(lambda world, client: (pki.crl(world.ca), pki.crl(world.root, world.ca)))),
    Case("crl-expired", "bad", "CRL has expired",
         with_lists(lambda world, client: (pki.crl(world.ca, first=-2 * DAY, last=-DAY),))),
    Case("crl-not-yet-valid", "bad", "CRL is not yet valid",
         with_lists(lambda world, client: (pki.crl(world.ca, first=HOUR),))),
    Case("crl-bad-signature", "bad", "CRL signature failure",
         with_lists(lambda world, client: (pki.crl(world.ca, signer=world.stranger),))),
    Case("crl-of-root-expired", "bad", "CRL has expired",
         with_lists(lambda world, client: (pki.crl(world.root, first=-2 * DAY, last=-DAY),))),
    Case("crl-of-another-ca", "good", "Client: CN = client",
         with_lists(lambda world, client: (pki.crl(world.stranger, client, first=-2 * DAY, last=-DAY),))),
    Case("crl-of-another-key", "good", "Client: CN = client",
         with_lists(lambda world, client: (pki.crl(
             Identity(world.ca.certificate, world.stranger.key), client, signer=world.stranger),))),
    Case("crl-newer-one-counts", "good", "Client: CN = client",
         with_lists(lambda world, client: (
             pki.crl(world.ca, client, first=-2 * DAY, last=-DAY), pki.crl(world.ca)))),
    Case("crl-by-who-may-not", "bad", "key usage does not include CRL signing", no_crl_sign),
    Case("crl-not-asked", "good", "Client: CN = client",
         with_lists(lambda world, client: (pki.crl(world.ca, client),), verify_order=("ocsp",))),
    # ---- OCSP
    Case("ocsp-good", "good", "client cert 'CN = client' has 'good' (0) status according to OCSP responder",
         with_responder("ca/good")),
    Case("ocsp-revoked", "bad", REVOKED, with_responder("ca/revoked")),
    Case("ocsp-unknown", "good", "client cert 'CN = client' has 'unknown' (2) status according to OCSP",
         with_responder("ca/unknown")),
    Case("ocsp-unreachable", "good", "error receiving response from OCSP responder at 'http://127.0.0.1:",
         with_responder(closed_port())),
    Case("ocsp-no-aia", "good", "Client cert 'CN = client' contained no AuthorityInfoAccess attribute, unable "
         "to verify via OCSP", lambda world: plain(world, world.leaf(), verify_order=("ocsp",))),
    Case("ocsp-aia-without-it", "good", "found no OCSP URLs in AuthorityInfoAccess attribute for client cert "
         "'CN = client', unable to verify via OCSP", only_issuers),
    Case("ocsp-https", "good", "only http:// is supported", with_responder("https://127.0.0.1/")),
    Case("ocsp-try-later", "good", "response status 'try_later' (3)", with_responder("ca/later")),
    Case("ocsp-garbage", "good", "not an OCSP response", with_responder("ca/garbage")),
    Case("ocsp-http-error", "good", "HTTP status 500", with_responder("ca/500")),
    Case("ocsp-outdated", "good", "the response is outdated", with_responder("ca/outdated")),
    Case("ocsp-of-the-future", "good", "the response is of the future", with_responder("ca/future")),
    Case("ocsp-other-certificate", "good", "the response is about other certificates",
         with_responder("ca/other")),
    Case("ocsp-nonce", "good", "the nonce is not ours", with_responder("ca/nonce")),
    Case("ocsp-without-nonce", "good", "has 'good' (0) status", with_responder("ca/no-nonce")),
    Case("ocsp-signer-by-name", "good", "has 'good' (0) status", with_responder("ca/by-name")),
    Case("ocsp-without-end", "good", "has 'good' (0) status", with_responder("ca/undated")),
    Case("ocsp-stranger-says-revoked", "good", "not signed by the issuer", with_responder("stranger/revoked")),
    Case("ocsp-delegate", "bad", REVOKED, with_responder("delegate/revoked")),
    Case("ocsp-no-delegate", "good", "not signed by the issuer", with_responder("pretender/revoked")),
    Case("ocsp-unknown-then-crl", "bad", REVOKED,
         with_responder("ca/unknown", order=("ocsp", "crl"), revoked=True)),
    Case("crl-then-ocsp", "bad", REVOKED, with_responder("ca/revoked", order=("crl", "ocsp"))),
    Case("crl-ends-it", "bad", REVOKED,
         with_responder("ca/good", order=("crl", "ocsp"), revoked=True)),
    # ---- names
    Case("ip-v4", "good", "client cert iPAddress SAN matches client IP '192.0.2.1'", san("192.0.2.1"), IP),
    Case("ip-v6", "good", "client cert iPAddress SAN matches client IP '2001:db8::1'",
         san("10.0.0.1", "2001:DB8:0:0::1"), IP, V6),
    Case("ip-mapped", "good", "client cert iPAddress SAN matches client IP '192.0.2.1'",
         san("::ffff:192.0.2.1"), IP),
    Case("ip-other", "names", "client cert iPAddress SANs do not match client IP '192.0.2.1'",
         san("192.0.2.2", "::ffff:192.0.2.3", "2001:db8::1"), IP),
    Case("ip-missing", "names", "client cert missing required X509v3 SubjectAltName iPAddress",
         leaf(names=("192.0.2.1",), san=("client.example.org",)), IP),
    Case("ip-with-dns-off", "names", "client cert iPAddress SANs do not match client IP '192.0.2.1'",
         san("192.0.2.2"), IP, NO_DNS),
    Case("ip-of-three-bytes", "names", "client cert missing required X509v3 SubjectAltName iPAddress",
         raw_san(b"\x30\x05\x87\x03\xc0\x00\x02"), IP),
    Case("dns", "good", "client cert dNSName SAN matches remote name 'client.example.org'",
         san("other.example.org", "CLIENT.example.ORG"), DNS),
    Case("dns-other", "names", "client cert dNSName SANs do not match remote name 'client.example.org'",
         san("other.example.org", "client.example.org.example.com"), DNS),
    Case("dns-wildcard", "names", "client cert dNSName SANs do not match remote name 'client.example.org'",
         san("*.example.org"), DNS),
    Case("dns-nul", "names", f"cert dNSName SAN {SPOOF}", san("client.example.org\0.example.com"), DNS),
    Case("dns-nul-beside-the-right-one", "names", f"cert dNSName SAN {SPOOF}",
         san("client.example.org", "x\0y"), DNS),
    Case("dns-nul-not-looked-at", "good", "Client: CN = client", san("client.example.org\0.example.com")),
    Case("dns-idn", "good", "client cert dNSName SAN matches remote name 'xn--bcher-kva.example.org'",
         san("XN--bcher-kva.example.org"), DNS, Peer("192.0.2.1", "xn--bcher-kva.example.org")),
    Case("dns-raw-utf-8", "names", "client cert dNSName SANs do not match remote name",
         raw_san(b"\x30\x0a\x82\x08b\xc3\xbccher."), DNS, Peer("192.0.2.1", "b\xfccher.")),
    Case("dns-raw-latin-1", "names", UNREADABLE,
         raw_san(b"\x30\x09\x82\x07b\xfccher."), DNS, Peer("192.0.2.1", "b\xfccher.")),
    Case("dns-missing", "names", "client cert missing required X509v3 SubjectAltName dNSName",
         leaf(names=("client.example.org",)), DNS),
    Case("dns-of-nobody", "names", "client cert dNSName SANs do not match remote name '192.0.2.1'",
         san("192.0.2.1.example.org"), DNS, Peer("192.0.2.1")),
    Case("dns-off", "good", "reverse DNS off, disabling TLSOption dNSNameRequired", leaf(), DNS, NO_DNS),
    Case("cn", "good", "client cert CommonName matches client FQDN 'client.example.org'",
         leaf(names=("Client.Example.org",)), CN),
    Case("cn-several", "good", "client cert CommonName matches client FQDN 'client.example.org'",
         leaf(names=("somebody", "client.example.org")), CN),
    Case("cn-other", "names", "client cert CommonName does not match client FQDN 'client.example.org'",
         leaf(san=("client.example.org",)), CN),
    Case("cn-wildcard", "names", "client cert CommonName does not match client FQDN 'client.example.org'",
         leaf(names=("*.example.org",)), CN),
    Case("cn-nul", "names", f"cert CommonName {SPOOF}",
         leaf(names=("client.example.org\0.example.com",)), CN),
    Case("cn-missing", "names", "client cert missing required CommonName", leaf(names=()), CN),
    Case("cn-off", "good", "reverse DNS off, disabling TLSOption CommonNameRequired", leaf(), CN, NO_DNS),
    Case("all", "good", "client cert CommonName matches client FQDN 'client.example.org'",
         leaf(names=("client.example.org",), san=("client.example.org", "192.0.2.1")), IP | DNS | CN),
    Case("all-but-one", "names", "client cert CommonName does not match client FQDN 'client.example.org'",
         leaf(san=("client.example.org", "192.0.2.1")), IP | DNS | CN),
)
"""The table: what the certificate is, what it means, and what the TLSLog says."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    root, ca = pki.of(hierarchy().root), pki.of(hierarchy().client_ca)
    stranger = pki.authority("Stranger", None)
    usage = (ExtendedKeyUsageOID.OCSP_SIGNING,)
    delegate = Draft(names=("delegate",), key="delegate", usage=usage).sign(ca)
    pretender = Draft(names=("pretender",), key="pretender").sign(ca)
    answers = {
        "ca": pki.Answers(ca, ca), "stranger": pki.Answers(ca, stranger),
        "delegate": pki.Answers(ca, delegate), "pretender": pki.Answers(ca, pretender),
    }
    with pki.responder(**answers) as address:
        yield World(root, ca, stranger, address)


def client_of(setup: Setup, version: str) -> Context:
    """A client that shows what the case wants, whatever OpenSSL thinks of it."""
    context = Context(server=False)
    context.set_security_level(0)
    context.set_protocols([version])
    if setup.client is not None:
        context.use_certificate(setup.client.certificate_pem)
        context.use_private_key(setup.client.key_pem())
        if setup.send_chain and setup.client.chain:
            context.add_chain_certificate(setup.client.chain_pem)
    return context


def server_settings(files: Files, case: Case, setup: Setup, mode: str) -> dict[str, object]:
    settings: dict[str, object] = {
        "verify_client": mode, "options": case.options, **setup.settings,
        "ca_certificate_file": files.write("trusted.pem", *(one.certificate_pem for one in setup.trusted)),
    }
    if setup.lists and setup.in_directory:
        directory = files.directory / "crls"
        directory.mkdir()
        for number, text in enumerate(setup.lists):
            (directory / f"{number}.r0").write_bytes(text)
        settings["ca_revocation_path"] = str(directory)
    elif setup.lists:
        settings["ca_revocation_file"] = files.write("crl.pem", *setup.lists)
    return settings


def attempt(pair: Pair, context: Context, peer: Peer) -> HandshakeReport | HandshakeFailed:
    client = Connection(context, pair.client_socket.fileno(), server=False)

    def shake() -> None:
        try:
            client.handshake(TIMEOUT)
        except TLSError:
            pass  # what counts is what the server says

    with background(shake):
        try:
            return pair.channel.start_tls(pair.host, TIMEOUT, pair.identity, peer)
        except HandshakeFailed as error:
            return error
        finally:
            pair.client = client


REASONS = {"names": "client-cert-name", "none": "client-cert-missing"}
BAD = {
    "certificate chain too long": "client-cert-chain-too-long",
    "certificate has expired": "client-cert-expired",
    "certificate is not yet valid": "client-cert-not-yet-valid",
    "certificate revoked": "client-cert-revoked",
    "unsuitable certificate purpose": "client-cert-wrong-purpose",
    **dict.fromkeys(("CA certificate key too weak", "EE certificate key too weak"), "client-cert-weak"),
    **dict.fromkeys((
        "self-signed certificate", "self-signed certificate in certificate chain",
        "unable to get local issuer certificate",
    ), "client-cert-unknown-ca"),
    **dict.fromkeys((
        "CRL has expired", "CRL is not yet valid", "CRL signature failure", "key usage does not include CRL signing",
    ), "client-cert-crl-unusable"),
}
"""The reason codes of what OpenSSL says; anything else is "client-cert-invalid"."""


def is_refused(kind: Kind, mode: str) -> bool:
    """The verdict."""
    return (mode == "on" and kind != "good") or (mode == "optional" and kind == "bad")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_client_certificate(files: Files, world: World, case: Case, mode: str, version: str) -> None:
    setup = case.make(world)
    host = build(files, **server_settings(files, case, setup, mode))
    with Pair(host) as pair:
        found = attempt(pair, client_of(setup, version), case.peer)
        refused = is_refused(case.kind, mode)
        assert isinstance(found, HandshakeFailed) is refused, found
        if isinstance(found, HandshakeFailed):
            assert found.reason == (REASONS.get(case.kind) or BAD.get(case.line, "client-cert-invalid"))
        else:
            assert found.verified is (case.kind in ("good", "names"))
            assert (found.client is None) is (case.kind == "none")
        check_lines(case, mode, found.lines)


def check_lines(case: Case, mode: str, lines: tuple[str, ...]) -> None:
    text = "\n".join(lines)
    if case.kind == "bad":
        assert f"client certificate failed verification: {case.line}" in lines
        assert "error: unable to verify certificate at depth " in text
        assert "error: cert subject: " in text
        assert "error: cert issuer: " in text
    elif mode == "on" or (case.kind == "good" and not case.options):
        assert case.line in text


def test_the_table_is_long_enough() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_refused_name_is_told_under_tls(files: Files, world: World, version: str) -> None:
    case = next(case for case in CASES if case.name == "ip-other")
    setup = case.make(world)
    with Pair(build(files, **server_settings(files, case, setup, "on"))) as pair:
        assert isinstance(attempt(pair, client_of(setup, version), case.peer), HandshakeFailed)
        assert pair.exchange(b"421 TLS handshake failed\r\n") == b"421 TLS handshake failed\r\n"

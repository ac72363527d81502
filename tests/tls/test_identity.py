"""Names: of servers that we are the client of, of users in certificates, in `.tlslogin`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.testing.ca import Identity
from ftpsd.tls import dotlogin, identity, server_identity, usernames
from ftpsd.tls.identity import Peer
from tests.tls.pki import Draft

ALL = frozenset({"iPAddressRequired", "dNSNameRequired", "CommonNameRequired"})
OID = "1.3.6.1.4.1.99999.2"


def der(made: Identity) -> bytes:
    return made.certificate.public_bytes(Encoding.DER)


def certificate(*names: str, san: tuple[str, ...] = (), extension: bytes | None = None) -> bytes:
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    if extension is not None:
        more = ((x509.UnrecognizedExtension(ObjectIdentifier(OID), extension), False),)
    return der(Draft(names=names, san=san, more=more).sign())


def never() -> str | None:
    raise AssertionError("the name is not to be looked up")


ADDRESS, NAME = "192.0.2.7", "peer.example.org"
REFUSED = "unable to verify '192.0.2.7' server certificate: "


@pytest.mark.parametrize(
    ("mode", "shown", "problem", "name", "refusal"),
    [
        ("off", None, "certificate has expired", never, ""),
        ("off", certificate("x"), "", never, ""),
        ("on", None, "", never, "server did not present a certificate"),
        ("NoReverseDNS", None, "", never, "server did not present a certificate"),
        ("on", certificate(ADDRESS), "certificate has expired", never, "certificate has expired"),
        ("NoReverseDNS", certificate(ADDRESS), "self-signed certificate", never, "self-signed certificate"),
        ("on", certificate("x", san=(ADDRESS,)), "", never, ""),
        ("on", certificate("x", san=("::ffff:192.0.2.7",)), "", never, ""),
        ("on", certificate("x", ADDRESS), "", never, ""),
        ("NoReverseDNS", certificate("x", san=(ADDRESS,)), "", never, ""),
        ("NoReverseDNS", certificate(ADDRESS), "", never, ""),
        ("NoReverseDNS", certificate(NAME, san=(NAME,)), "", never,
         "certificate does not bear the server's IP address"),
        ("on", certificate("x", san=("PEER.example.org",)), "", lambda: NAME, ""),
        ("on", certificate("Peer.Example.org"), "", lambda: NAME, ""),
        ("on", certificate("x", san=("*.example.org",)), "", lambda: NAME,
         "certificate bears neither the server's IP address nor its name 'peer.example.org'"),
        ("on", certificate(NAME), "", lambda: None,
         "certificate does not bear the server's IP address, which has no name"),
        ("on", certificate(f"{ADDRESS}\0.example.com"), "", never,
         "cert CommonName contains embedded NULs, rejecting as possible spoof attempt"),
        ("on", certificate("x", san=(f"{NAME}\0.example.com",)), "", lambda: NAME,
         "cert dNSName SAN contains embedded NULs, rejecting as possible spoof attempt"),
        ("on", b"no certificate", "", lambda: NAME,
         "certificate bears neither the server's IP address nor its name 'peer.example.org'"),
    ],
)
def test_servers(
    mode: str, shown: bytes | None, problem: str, name: Callable[[], str | None], refusal: str
) -> None:
    verdict = server_identity.judge(mode, shown, problem, ADDRESS, name)
    assert verdict.ok is not bool(refusal)
    assert verdict.lines == ((REFUSED + refusal,) if refusal else ())


def test_addresses_are_compared_as_addresses() -> None:
    names = identity.names_of(certificate("x", san=("2001:db8::a", "::ffff:10.0.0.1")))
    assert identity.has_address(names, "2001:DB8:0::A")
    assert identity.has_address(names, "2001:db8::a%eth0")
    assert identity.has_address(names, "::ffff:a00:1")
    assert identity.has_address(names, "10.0.0.1")
    assert not identity.has_address(names, "10.0.0.2")
    assert not identity.has_address(names, "nowhere")


@given(st.binary(max_size=200))
def test_octets_that_are_no_certificate_have_no_names(octets: bytes) -> None:
    verdict = identity.check_client(octets, ALL, Peer("192.0.2.1", "a.example.org"))
    assert not verdict.ok
    assert not usernames.check("CommonName", octets, "alice").ok
    assert not usernames.check(OID, octets, "alice").ok


def utf8(text: str) -> bytes:
    octets = text.encode()
    return bytes([0x0C, len(octets)]) + octets


@pytest.mark.parametrize(
    ("selector", "shown", "line"),
    [
        ("CommonName", certificate("alice"), "matched client cert CommonName 'alice' to user 'alice'"),
        ("CommonName", certificate("bob", "alice"), "matched client cert CommonName 'alice' to user 'alice'"),
        ("CommonName", certificate("Alice"), None), ("CommonName", certificate("alice "), None),
        ("CommonName", certificate(), None), ("CommonName", certificate("x", san=("alice@x",)), None),
        ("EmailSubjAltName", certificate("x", san=("bob@example.org", "alice@example.org")), None),
        ("EmailSubjAltName", certificate("alice"), None),
        (OID, certificate("x", extension=utf8("alice")),
         f"matched client cert {OID} extension 'alice' to user 'alice'"),
        (OID, certificate("x", extension=b"\x16\x05alice"),
         f"matched client cert {OID} extension 'alice' to user 'alice'"),
        (OID, certificate("x", extension=b"\x1e\x0a" + "alice".encode("utf-16-be")),
         f"matched client cert {OID} extension 'alice' to user 'alice'"),
        (OID, certificate("x", extension=b"\x13\x81\x05alice"),
         f"matched client cert {OID} extension 'alice' to user 'alice'"),
        (OID, certificate("x", extension=b"alice"),
         f"matched client cert {OID} extension 'alice' to user 'alice'"),
        (OID, certificate("x", extension=utf8("bob")), None), (OID, certificate("alice"), None),
        (OID, certificate("x", extension=b"\x0c\x06alice"), None),
        ("1.3.6.1.4.1.99999.3", certificate("x", extension=utf8("alice")), None),
    ],
)
def test_user_names(selector: str, shown: bytes, line: str | None) -> None:
    verdict = usernames.check(selector, shown, "alice")
    assert verdict.ok is (line is not None)
    result = "successful" if verdict.ok else "failed"
    last = f"TLS/X509 TLSUserName '{selector}' check {result} for user 'alice'"
    assert verdict.lines == ((line, last) if line is not None else (last,))
    assert not usernames.check(selector, shown, "").ok


def test_an_email_address_is_a_user_name() -> None:
    shown = certificate("x", san=("bob@example.org", "alice@example.org"))
    verdict = usernames.check("EmailSubjAltName", shown, "alice@example.org")
    assert verdict.lines[0] == (
        "matched client cert Email SubjAltName 'alice@example.org' to user 'alice@example.org'")
    assert not usernames.check("EmailSubjAltName", shown, "Alice@example.org").ok


@pytest.mark.parametrize(
    ("selector", "shown", "kind", "field"),
    [
        ("CommonName", certificate("alice\0.example.org"), "CommonName", "CommonName"),
        ("EmailSubjAltName", certificate("x", san=("alice\0@example.org",)), "Email SAN", "Email SubjAltName"),
        (OID, certificate("x", extension=utf8("alice\0x")), f"{OID} extension", f"{OID} extension"),
    ],
)
def test_an_embedded_nul_is_no_end_of_a_user_name(selector: str, shown: bytes, kind: str, field: str) -> None:
    verdict = usernames.check(selector, shown, "alice")
    assert not verdict.ok
    assert verdict.lines[0] == f"client cert {kind} contains embedded NULs, ignoring as possible spoof attempt"
    assert verdict.lines[1].startswith(f"suspicious {field} value: 'alice\\x00")


@given(st.binary(max_size=40))
def test_any_octets_of_an_extension_are_text(octets: bytes) -> None:
    assert isinstance(usernames.text_of(octets), str)


ALICE, BOB = Draft(names=("alice",)).sign(), Draft(names=("bob",), key="bob").sign()
SUCCESS = ("TLS/X509 .tlslogin check successful for user 'alice'",)
FAILED = "TLS/X509 .tlslogin check failed for user 'alice'"


def dot_login(home: Path, shown: Identity = ALICE) -> tuple[str, ...]:
    return dotlogin.check(str(home), os.getuid(), "alice", der(shown)).lines


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir(mode=0o755)
    return directory


def give(home: Path, *parts: bytes, mode: int = 0o644) -> Path:
    path = home / ".tlslogin"
    path.write_bytes(b"".join(parts))
    path.chmod(mode)
    return path


def test_one_of_several_certificates(home: Path) -> None:
    give(home, b"notes\n", BOB.certificate_pem, b"\n", ALICE.certificate_pem)
    assert dot_login(home) == SUCCESS
    link = home.parent / "link"
    link.symlink_to(home)
    assert dot_login(link) == SUCCESS


def test_the_whole_certificate_is_compared(home: Path) -> None:
    renewed = Draft(names=("alice",)).sign()
    give(home, renewed.certificate_pem)
    lines = dot_login(home)
    assert lines[0] == ".tlslogin local/remote certificate MISMATCH"
    assert lines[1].startswith(".tlslogin local file certificate: subject CN = alice; issuer CN = alice; serial")
    assert lines[2].startswith(".tlslogin remote client certificate: subject CN = alice; issuer CN = alice; ")
    assert lines[3] == FAILED
    assert lines[1].rpartition(" ")[2] != lines[2].rpartition(" ")[2]


def unable(home: Path, reason: str) -> tuple[str, ...]:
    return (f".tlslogin check: unable to open '{home}/.tlslogin': {reason}", FAILED)


def test_a_file_that_is_not_there(home: Path) -> None:
    assert dot_login(home) == unable(home, "No such file or directory")
    assert dot_login(home / "gone") == unable(home / "gone", "No such file or directory")
    give(home, b"no certificate")
    assert dot_login(home) == (f".tlslogin check: '{home}/.tlslogin' contains no certificate", FAILED)


def test_a_link_is_not_followed(home: Path) -> None:
    elsewhere = home.parent / "certificate"
    elsewhere.write_bytes(ALICE.certificate_pem)
    (home / ".tlslogin").symlink_to(elsewhere)
    assert dot_login(home) == unable(home, "Too many levels of symbolic links")


def test_a_fifo_keeps_nobody_waiting(home: Path) -> None:
    os.mkfifo(home / ".tlslogin")
    assert dot_login(home) == unable(home, "not a regular file")


def test_a_directory_is_no_file(home: Path) -> None:
    (home / ".tlslogin").mkdir()
    assert dot_login(home)[0].startswith(f".tlslogin check: unable to open '{home}/.tlslogin': ")
    assert dot_login(home)[-1] == FAILED


def test_what_anybody_can_write_counts_for_nothing(home: Path) -> None:
    path = give(home, ALICE.certificate_pem, mode=0o646)
    assert dot_login(home) == unable(home, "it is world-writable")
    path.chmod(0o600)
    assert dot_login(home) == SUCCESS
    home.chmod(0o777)
    assert dot_login(home) == unable(home, "the home directory is world-writable")


@pytest.mark.parametrize("mode", [0o660, 0o664, 0o620])
def test_what_a_group_can_write_counts_for_nothing(home: Path, mode: int) -> None:
    """Any member could put a certificate there; who they all are nobody can say."""
    path = give(home, ALICE.certificate_pem, mode=mode)
    assert dot_login(home) == unable(home, f"it is group-writable (mend it: chmod g-w '{path}')")
    path.chmod(mode & ~0o020)
    assert dot_login(home) == SUCCESS
    home.chmod(0o2775)
    assert dot_login(home) == unable(home, f"the home directory is group-writable (mend it: chmod g-w '{home}')")
    home.chmod(0o2755)
    assert dot_login(home) == SUCCESS


def test_a_huge_file(home: Path) -> None:
    give(home, ALICE.certificate_pem, b" " * dotlogin.LARGEST)
    assert dot_login(home) == unable(home, "it is too large")


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else(home: Path) -> None:
    os.chown(give(home, ALICE.certificate_pem), 12345, -1)
    assert dot_login(home) == unable(home, "it belongs to somebody else (UID 12345)")
    assert dotlogin.check(str(home), 12345, "alice", der(ALICE)).lines == SUCCESS


@pytest.mark.parametrize(("pattern", "name", "fits"), [
    ("ftp.example.org", "FTP.example.org.", True), ("*.example.org", "ftp.example.org", True),
    ("*.example.org", "a.ftp.example.org", False), ("*.example.org", "example.org", False),
    ("www.example.org", "ftp.example.org", False), ("*.example.org", ".example.org", False),
    ("*.example.org", "*.Example.org", True),
])
def test_names_in_certificates_of_servers(pattern: str, name: str, fits: bool) -> None:
    assert identity.stands_for(pattern, name) is fits

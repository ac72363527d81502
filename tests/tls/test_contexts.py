"""From settings to contexts: what clients see of them, and what stops or worries a start."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from ftpsd.errors import ConfigError, Location
from ftpsd.native._openssl import Connection, Context, TLSError
from ftpsd.settings.declaration import Combine
from ftpsd.settings.model import AnonymousSection, Change, ConditionalSection, DirectorySection, Host
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.values import CipherSuite, SessionCache, TLSRequirement
from ftpsd.testing.ca import DAY
from ftpsd.tls import contexts
from ftpsd.tls.channel import HandshakeFailed
from tests.tls.rig import (
    TIMEOUT,
    VERSIONS,
    Files,
    Pair,
    background,
    build,
    client_context,
    hierarchy,
    host_of,
)

every_version = pytest.mark.parametrize("version", VERSIONS)


def common_names(ders: tuple[bytes, ...]) -> list[str]:
    subjects = [x509.load_der_x509_certificate(der).subject for der in ders]
    return [str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value) for name in subjects]


def handshake_fails(pair: Pair, client: Context) -> HandshakeFailed:
    """Both sides shake hands, and ours fails."""
    tls = Connection(client, pair.client_socket.fileno(), server=False)

    def shake() -> None:
        try:
            tls.handshake(TIMEOUT)
            tls.read(100, TIMEOUT)
        except TLSError:
            return

    with background(shake):
        try:
            pair.channel.start_tls(pair.host, TIMEOUT, b"i" * 32)
        except HandshakeFailed as error:
            pair.close()
            return error
    raise AssertionError("the handshake succeeded")


# --- chain and acceptable authorities -----------------------------------------------------------------------


@every_version
@pytest.mark.parametrize(
    ("chain", "authorities", "sent"),
    [
        ("", "", ["server"]),
        ("server_ca", "", ["server", "ServerCA"]),
        ("server_ca", "client_ca root", ["server", "ServerCA"]),
        ("root server_ca", "", ["server", "ServerCA", "Root"]),
        ("", "server_ca root", ["server", "ServerCA", "Root"]),
        ("", "client_ca server_ca", ["server", "ServerCA"]),
        ("", "client_ca root", ["server"]),
    ],
)
def test_chain(files: Files, version: str, chain: str, authorities: str, sent: list[str]) -> None:
    known = {"server_ca": hierarchy().server_ca, "client_ca": hierarchy().client_ca, "root": hierarchy().root}

    def bundle(name: str, words: str) -> str | None:
        return files.write(name, *(known[word].pem for word in words.split())) if words else None

    host = build(
        files, certificate_chain_file=bundle("c", chain), ca_certificate_file=bundle("a", authorities)
    )
    context = client_context(version)
    context.add_trusted(hierarchy().server_ca.pem)
    with Pair(host) as pair:
        pair.start_tls(context)
        assert common_names(pair.tls.peer_chain) == sent
    complaint = "its issuer (O = ftpsd tests, CN = ServerCA) is in none"
    assert any(complaint in notice for notice in host.notices) is (sent == ["server"])


@every_version
@pytest.mark.parametrize(
    ("settings", "requested"),
    [
        ({}, True),
        ({"verify_client": "optional"}, True),
        ({"verify_client": "on"}, True),
        ({"options": frozenset({"NoCertRequest"})}, False),
        ({"options": frozenset({"NoCertRequest"}), "verify_client": "optional"}, False),
        ({"options": frozenset({"NoCertRequest"}), "verify_client": "on"}, True),
    ],
)
def test_acceptable_authorities(
    files: Files, version: str, settings: dict[str, Any], requested: bool
) -> None:
    host = build(files, ca_certificate_file=files.authorities, **settings)
    with Pair(host) as pair:
        pair.start_tls(client_context(version, certificate=True))
        names = [name.rpartition("CN")[2].strip(" =") for name in pair.tls.client_ca_names]
        assert len(names) == (2 if requested else 0)
        if requested:
            assert names[0].startswith("ClientCA")
            assert names[1].startswith("Root")
    contradiction = settings.get("verify_client") == "on" and "options" in settings
    assert any("NoCertRequest has no effect" in notice for notice in host.notices) is contradiction


def test_nothing_is_requested_without_authorities(files: Files) -> None:
    with Pair(build(files)) as pair:
        report = pair.start_tls(client_context(certificate=True))
        assert report.client is None


def test_authorities_from_a_directory(files: Files) -> None:
    directory = files.directory / "ca"
    directory.mkdir()
    (directory / "1.pem").write_bytes(hierarchy().client_ca.pem)
    (directory / "2.pem").write_bytes(hierarchy().root.pem)
    with Pair(build(files, ca_certificate_path=str(directory), verify_client="on")) as pair:
        report = pair.start_tls(client_context(certificate=True))
        assert report.client == "O = ftpsd tests, CN = client"


# --- client certificates ------------------------------------------------------------------------------------


def begin_with(lines: tuple[str, ...], starts: tuple[str, ...]) -> bool:
    return len(lines) > len(starts) and all(map(str.startswith, lines, starts))


def unknown_client(version: str) -> Context:
    """A client whose certificate no authority of ours has issued."""
    context = client_context(version)
    leaf = hierarchy().root.create("Elsewhere").leaf("mallory", kind="p256")
    context.use_certificate(leaf.certificate_pem)
    context.use_private_key(leaf.key_pem())
    return context


@every_version
@pytest.mark.parametrize(
    ("verify", "client", "outcome"),
    [
        ("off", "none", "ok"), ("off", "good", "client"), ("off", "bad", "logged"),
        ("optional", "none", "ok"), ("optional", "good", "client"), ("optional", "bad", "rejected"),
        ("on", "none", "missing"), ("on", "good", "client"), ("on", "bad", "rejected"),
    ],
)
def test_verify_client(files: Files, version: str, verify: str, client: str, outcome: str) -> None:
    host = build(files, ca_certificate_file=files.authorities, verify_client=verify)
    context = client_context(version, certificate=client == "good")
    if client == "bad":
        context = unknown_client(version)
    objection = (
        "error: unable to verify certificate at depth 0: unable to get local issuer certificate",
        "error: cert subject: ", "error: cert issuer: ",
        "client certificate failed verification: unable to get local issuer certificate",
    )
    with Pair(host) as pair:
        if outcome in ("rejected", "missing"):
            failure = handshake_fails(pair, context)
            if outcome == "missing":
                assert failure.reason == "client-cert-missing"
                hint = "client did not provide certificate, but one is required via 'TLSVerifyClient on'"
                assert failure.lines[-1] == f"unable to accept TLS connection: {hint}"
                return
            assert failure.reason == "client-cert-unknown-ca"
            assert begin_with(failure.lines, objection)
            assert failure.lines[4].endswith("certificate verify failed")
            return
        report = pair.start_tls(context)
        if outcome == "ok":
            assert report.client is None
        elif outcome == "client":
            assert report.client == "O = ftpsd tests, CN = client"
            assert f"Client: {report.client}" in report.lines
        else:
            assert begin_with(report.lines, objection)
            assert report.client == "O = ftpsd tests, CN = mallory"


@every_version
@pytest.mark.parametrize(("depth", "accepted"), [(0, False), (1, False), (2, True), (10, True)])
def test_verify_depth(files: Files, version: str, depth: int, accepted: bool) -> None:
    """The client's chain is client, ClientCA, Root: the root stands at depth 2."""
    host = build(files, ca_certificate_file=files.authorities, verify_client="on", verify_depth=depth)
    with Pair(host) as pair:
        if accepted:
            assert pair.start_tls(client_context(version, certificate=True)).client is not None
            return
        failure = handshake_fails(pair, client_context(version, certificate=True))
    assert failure.lines[0] == "error: unable to verify certificate at depth 2: certificate chain too long"
    assert "client certificate failed verification: certificate chain too long" in failure.lines


def test_default_trust(files: Files) -> None:
    with Pair(build(files, verify_client="on")) as pair:
        failure = handshake_fails(pair, client_context(certificate=True))
    assert failure.reason == "client-cert-unknown-ca"


# --- keys, protocols, ciphers -------------------------------------------------------------------------------


@every_version
def test_two_kinds_of_keys(files: Files, version: str) -> None:
    host = build(files, rsa_certificate_file=files.rsa_certificate)
    assert host.has_certificates
    for cipher in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"):
        context = client_context("TLSv1.2")
        context.set_ciphers(cipher)
        with Pair(host) as pair:
            assert pair.start_tls(context).cipher == cipher
            assert common_names(pair.tls.peer_chain) == ["server", "ServerCA"]
    with Pair(host) as pair:
        pair.start_tls(client_context(version))


@pytest.mark.parametrize(
    ("protocols", "client", "accepted"),
    [
        ({"TLSv1.2", "TLSv1.3"}, "TLSv1.2", True), ({"TLSv1.2", "TLSv1.3"}, "TLSv1.3", True),
        ({"TLSv1.2", "TLSv1.3"}, "TLSv1.1", False), ({"TLSv1.3"}, "TLSv1.2", False),
        ({"TLSv1", "TLSv1.3"}, "TLSv1.2", False), ({"TLSv1", "TLSv1.1", "TLSv1.2"}, "TLSv1", True),
        ({"TLSv1.1"}, "TLSv1.1", True), ({"SSLv3", "TLSv1.2"}, "TLSv1.2", True),
    ],
)
def test_protocols(files: Files, protocols: set[str], client: str, accepted: bool) -> None:
    host = build(files, protocol=frozenset(protocols), rsa_certificate_file=files.rsa_certificate)
    assert host.protocols == protocols - {"SSLv3"}
    with Pair(host) as pair:
        if accepted:
            assert pair.start_tls(client_context(client)).version == client
        else:
            assert handshake_fails(pair, client_context(client)).reason == "protocol-disabled"
    assert any("SSLv3" in notice for notice in host.notices) is ("SSLv3" in protocols)
    assert any("obsolete" in notice for notice in host.notices) is bool(protocols & {"TLSv1", "TLSv1.1"})


def test_old_protocols_of_one_host_do_not_weaken_another(files: Files) -> None:
    build(files, protocol=frozenset({"TLSv1"}))
    with Pair(build(files, rsa_certificate_file=files.rsa_certificate)) as pair:
        assert handshake_fails(pair, client_context("TLSv1")).reason == "protocol-disabled"


def test_no_protocol_left(files: Files) -> None:
    with pytest.raises(ConfigError, match=r"^fatal: TLSProtocol: .* supports none of these protocols on"):
        build(files, protocol=frozenset({"SSLv3"}))


def test_ciphers(files: Files) -> None:
    old, new = "ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_AES_128_GCM_SHA256"
    suites = (CipherSuite(False, old), CipherSuite(True, new))
    host = build(files, cipher_suites=suites)
    assert host.ciphers == "ECDHE-ECDSA-AES256-GCM-SHA384:!EXPORT"
    for version, cipher in (("TLSv1.2", old), ("TLSv1.3", new)):
        with Pair(host) as pair:
            assert pair.start_tls(client_context(version)).cipher == cipher


@pytest.mark.parametrize("ours", [True, False])
def test_whose_preference(files: Files, ours: bool) -> None:
    suite = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"
    host = build(files, cipher_suites=(CipherSuite(False, suite),), server_cipher_preference=ours)
    context = client_context("TLSv1.2")
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
    with Pair(host) as pair:
        assert pair.start_tls(context).bits == (256 if ours else 128)


@pytest.mark.parametrize(
    ("suite", "text"),
    [
        (CipherSuite(False, "NONSENSE"), "unable to use ciphersuite 'NONSENSE:!EXPORT': no cipher match"),
        (CipherSuite(True, "TLS_NONSENSE"), "unable to use ciphersuite 'TLS_NONSENSE': no cipher match"),
    ],
)
def test_bad_ciphers(files: Files, suite: CipherSuite, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(files, cipher_suites=(suite,))
    assert str(caught.value).startswith(f"fatal: TLSCipherSuite: {text} on line 7 of '/etc/ftpsd.conf'")


# --- what stops a start -------------------------------------------------------------------------------------


def start_error(settings: TLSSettings, **fields: object) -> str:
    with pytest.raises(ConfigError) as caught:
        contexts.build(host_of(settings, **fields))
    return str(caught.value)


def test_key_of_another_certificate(files: Files) -> None:
    other = files.write("other.key", hierarchy().server_ca.leaf("other", kind="p256").key_pem())
    error = start_error(TLSSettings(ec_certificate_file=files.certificate, ec_certificate_key_file=other))
    assert error.startswith(
        f"fatal: TLSECCertificateKeyFile: error checking key from TLSECCertificateKeyFile '{other}': "
        "key values mismatch on line 7 of '/etc/ftpsd.conf'\n"
    )


def test_key_of_another_kind(files: Files) -> None:
    other = files.write("other.key", hierarchy().server_ca.leaf("other", kind="rsa").key_pem())
    error = start_error(TLSSettings(ec_certificate_file=files.certificate, ec_certificate_key_file=other))
    assert f"error checking key from TLSECCertificateKeyFile '{other}': " in error


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_not_a_key(files: Files, content: bytes) -> None:
    key = files.write("bad.key", content)
    error = start_error(TLSSettings(ec_certificate_file=files.certificate, ec_certificate_key_file=key))
    assert re.match(rf"fatal: TLSECCertificateKeyFile: unable to use '{key}': [a-z].* on line 7 of", error)


def test_encrypted_key(files: Files) -> None:
    leaf = hierarchy().server_ca.leaf("server", kind="p256")
    certificate = files.write("c.pem", leaf.certificate_pem)
    key = files.write("k.pem", leaf.key_pem(b"secret"))
    settings = TLSSettings(ec_certificate_file=certificate, ec_certificate_key_file=key)
    error = start_error(settings)
    assert f"unable to use '{key}': the key is encrypted" in error
    assert "openssl pkey -in" in error


def test_missing_files(files: Files) -> None:
    assert start_error(TLSSettings(rsa_certificate_file="/nonexistent")).startswith(
        "fatal: TLSRSACertificateFile: '/nonexistent' does not exist or does not contain a certificate on"
    )
    assert start_error(TLSSettings(ca_certificate_file="/nonexistent")).startswith(
        "fatal: TLSCACertificateFile: unable to use '/nonexistent': No such file or directory on line 7"
    )


def test_no_certificate_is_not_fatal(files: Files) -> None:
    host = contexts.build(host_of(TLSSettings()))
    assert not host.has_certificates
    assert len(host.notices) == 1
    assert "no certificate is configured; AUTH will be refused (431)" in host.notices[0]
    assert host.notices[0].startswith("Server Test (port 21): ")
    second = host_of(TLSSettings(), addresses=("2001:db8::7",))
    assert contexts.build(second).notices[0].startswith("Server Test ([2001:db8::7]:21): ")


def test_worries_do_not_stop_a_start(files: Files) -> None:
    leaf = hierarchy().server_ca.leaf("old", kind="p256", first=-9 * DAY, last=-DAY)
    path = files.write("old.pem", leaf.certificate_pem, leaf.key_pem())
    Path(path).chmod(0o644)
    host = contexts.build(host_of(TLSSettings(rsa_certificate_file=path)))
    kinds = [" ".join(notice.split("': ")[1].split()[:2]) for notice in host.notices if "': " in notice]
    assert host.has_certificates
    assert kinds[:2] == ["expected RSA", "expired on"]
    assert any("is open to others" in notice for notice in host.notices)
    assert any("its issuer" in notice for notice in host.notices)


ON, OFF = TLSRequirement(1, 1, 1), TLSRequirement()
FREED = (Change("tls", "required", OFF, Combine.LAST),)
STILL = (Change("tls", "required", TLSRequirement(0, 0, 1), Combine.LAST),)
OTHER = (Change("tls", "options", frozenset({"NoCertRequest"}), Combine.UNION),)


def anonymous(host: Host, requirement: TLSRequirement) -> AnonymousSection:
    settings = replace(host.settings, tls=replace(host.settings.tls, required=requirement))
    return AnonymousSection("~ftp", settings)


@pytest.mark.parametrize("required", [ON, TLSRequirement(1, 0, 1), TLSRequirement(0, 1, 1)])
def test_allow_per_user_conflict(files: Files, required: TLSRequirement) -> None:
    settings = TLSSettings(required=required, options=frozenset({"AllowPerUser"}))
    host = host_of(settings)
    conflict = (
        "fatal: mod_tls/2.9.2: Server Test: cannot enforce both 'TLSRequired auth' and "
        "'TLSOptions AllowPerUser' at the same time"
    )
    assert start_error(settings).startswith(conflict)
    hopeless: list[dict[str, object]] = [
        {"anonymous": (anonymous(host, required),)},
        {"conditionals": (ConditionalSection("user", None, STILL),)},
        {"conditionals": (ConditionalSection("user", None, OTHER),)},
    ]
    for fields in hopeless:
        assert start_error(settings, **fields).startswith(conflict)
    satisfiable: list[dict[str, object]] = [
        {"anonymous": (anonymous(host, OFF),)},
        {"conditionals": (ConditionalSection("group", None, FREED),)},
        {"conditionals": (ConditionalSection("group", None, (), (DirectorySection("/a", FREED),)),)},
    ]
    for fields in satisfiable:
        contexts.check_per_user(replace(host, **fields))  # type: ignore[arg-type]
    freed = replace(host.settings, directories=(DirectorySection("/pub", FREED),))
    contexts.check_per_user(replace(host, settings=freed))


@pytest.mark.parametrize("required", [OFF, TLSRequirement(0, 1, 0), TLSRequirement(0, -1, 0)])
def test_allow_per_user_without_conflict(required: TLSRequirement) -> None:
    contexts.check_per_user(host_of(TLSSettings(required=required, options=frozenset({"AllowPerUser"}))))
    contexts.check_per_user(host_of(TLSSettings(required=ON)))


# --- sessions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "tickets"), [("TLSv1.2", False), ("TLSv1.2", True), ("TLSv1.3", False)]
)
def test_sessions_do_not_cross_hosts(files: Files, version: str, tickets: bool) -> None:
    settings = TLSSettings(ec_certificate_file=files.certificate, session_tickets=tickets)
    one, two = (contexts.build(host_of(settings, id=number)) for number in (1, 2))
    context = client_context(version)
    context.add_trusted(hierarchy().server_ca.pem)
    for second, resumed in ((one, True), (two, False)):
        with Pair(one) as first, Pair(second) as other:
            first.start_tls(context)
            session = first.newest_session()
            assert other.start_tls(context, session).resumed is resumed


@pytest.mark.parametrize(
    ("cache", "options", "required"),
    [
        (None, frozenset(), True), (SessionCache("off", 0), frozenset(), False),
        (SessionCache("internal", 60), frozenset(), True),
        (None, frozenset({"NoSessionReuseRequired"}), False),
    ],
)
def test_reuse_required(cache: SessionCache | None, options: frozenset[str], required: bool) -> None:
    host = contexts.build(host_of(TLSSettings(options=options)), cache=cache)
    assert host.reuse_required is required


def test_words(files: Files) -> None:
    words = build(files, timeout_handshake=30).words("TLSv1.1")
    assert (words.timeout, words.offered) == (30, "TLSv1.1")
    assert words.ciphers == contexts.DEFAULT_CIPHERS
    assert words.protocols == {"TLSv1.2", "TLSv1.3"}


def test_errors_name_the_directive_s_own_line() -> None:
    own = Location("/etc/tls.conf", 3)
    change = Change("tls", "ca_certificate_file", "/nonexistent", Combine.LAST, own)
    host = replace(host_of(TLSSettings(ca_certificate_file="/nonexistent")), changes=(change,))
    with pytest.raises(ConfigError) as caught:
        contexts.build(host)
    assert caught.value.location == own

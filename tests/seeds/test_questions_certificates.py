"""The seeds' questions about certificates: made, sent, chained, demanded; chains that are too long."""

from __future__ import annotations

import re
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from ftpsd.testing.configs import ServerFiles
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer
from tests.clients.base import run
from tests.seeds.support import Hierarchy, failed_auth, flag, in_order, s_client, serving, showing

STARTING = "TLS/TLS-C requested, starting TLS handshake"
UNABLE = "unable to accept TLS connection"
FAILED = "TLS/TLS-C negotiation failed on control channel"
NAMES = "Acceptable client certificate CA names"
NO_NAMES = "No client certificate CA names sent"


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    """The seeds' picture."""
    return Hierarchy.create()


def openssl(work: Path, *arguments: str) -> None:
    run(["openssl", *arguments], work)


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_how_do_i_generate_the_certificate_files(
    directory: ServerFiles, ftps_certificates: Certificates, tls_version: str, kind: str
) -> None:
    """The files of Apache's mod_ssl: key, request, certificate of one's own CA; openssl makes them."""
    work = directory.directory
    algorithm = ["rsa:2048"] if kind == "RSA" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    openssl(work, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt",
            "-days", "30", "-subj", "/CN=my CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(work, "req", "-new", "-newkey", *algorithm, "-nodes", "-keyout", "server.key",
            "-out", "server.csr", "-subj", "/CN=localhost")
    (work / "san").write_text("subjectAltName=DNS:localhost\n")
    openssl(work, "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "30",
            "-CAcreateserial", "-extfile", "san", "-out", "server.crt")
    (work / "server.key").chmod(0o600)
    body = (
        f"TLSEngine on\nTLSRequired on\nTLS{kind}CertificateFile {work / 'server.crt'}\n"
        f"TLS{kind}CertificateKeyFile {work / 'server.key'}\nTLSLog {directory.tls_log}\n"
    )
    with serving(body, directory, ftps_certificates) as server:
        context = ssl.create_default_context(cafile=str(work / "ca.crt"))
        context.minimum_version = context.maximum_version = ssl.TLSVersion[tls_version.replace(".", "_")]
        with server.client(context=context).begin() as client:
            client.store("STOR up.txt", b"up")


def test_s_client_shows_the_certificate_chain_and_the_acceptable_ca_names(
    ftps_server: ServerFactory, ftps_certificates: Certificates, hierarchy: Hierarchy, tls_version: str,
    tmp_path: Path,
) -> None:
    """The seeds' example: the chain from the trusted CA file, the CA names, the certificate itself."""
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(
        hierarchy.their_client_ca.pem + hierarchy.their_root.pem + hierarchy.my_server_ca.pem
        + hierarchy.my_root.pem)
    leaf = replace(hierarchy.cert_a.write(tmp_path, "certA"), chain=None)
    server = ftps_server(tls=["TLSRequired off", f"TLSCACertificateFile {bundle}"], certificate=leaf)
    root = hierarchy.my_root.write(tmp_path / "root.pem")
    output = s_client(server, tmp_path, flag(tls_version), "-CAfile", str(root))
    subjects = re.findall(r"^ ?\d s:.*CN ?= ?(\S+)", output, re.MULTILINE)
    assert subjects[:2] == ["localhost", "MyServerCA"]
    names = output.partition(NAMES)[2].partition("---")[0]
    for name in ("TheirClientCA", "TheirRootCA", "MyServerCA", "MyRootCA"):
        assert name in names
    assert "Verify return code: 0 (ok)" in output


def test_s_client_shows_no_ca_names_with_no_cert_request(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tls_version: str, tmp_path: Path
) -> None:
    trusted = f"TLSCACertificateFile {ftps_certificates.authority_file}"
    server = ftps_server(tls=["TLSRequired off", trusted, "TLSOptions NoCertRequest"])
    output = s_client(server, tmp_path, flag(tls_version))
    assert NO_NAMES in output
    assert NAMES not in output
    plain = s_client(server, tmp_path, flag(tls_version), "-quiet", text="QUIT\r\n")
    assert "221 Goodbye." in plain


def test_tls_client_auth_a_client_without_certificate_is_refused(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tls_version: str
) -> None:
    """The section "TLS Client Auth/Mutual Auth": `TLSVerifyClient on` and its log."""
    trusted = f"TLSCACertificateFile {ftps_certificates.authority_file}"
    server = ftps_server(tls=[trusted, "TLSVerifyClient on"])
    failed_auth(server, server.context(tls_version))
    server.wait_for_log(FAILED)
    in_order(
        server.tls_log(), STARTING, f"{UNABLE}: protocol error:", "peer did not return a certificate",
        "client did not provide certificate, but one is required via 'TLSVerifyClient on'", FAILED)


def test_tls_client_auth_a_client_with_a_valid_certificate_is_let_in(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tls_version: str
) -> None:
    trusted = f"TLSCACertificateFile {ftps_certificates.authority_file}"
    server = ftps_server(tls=[trusted, "TLSVerifyClient on"])
    context = showing(server, ftps_certificates.client, tls_version)
    with server.client(context=context).begin() as client:
        client.store("STOR up.txt", b"up")
    in_order(server.tls_log(), "Client: ", "connection accepted")


def verify_depth(
    start: ServerFactory, hierarchy: Hierarchy, work: Path, depth: int
) -> RunningServer:
    """A server that trusts TheirRootCA and takes client chains of this depth."""
    root = hierarchy.their_root.write(work / "their-root.pem")
    return start(tls=[
        "TLSRequired on", f"TLSCACertificateFile {root}", "TLSVerifyClient on", f"TLSVerifyDepth {depth}",
    ])


def test_when_my_client_connects_certificate_chain_too_long(
    ftps_server: ServerFactory, hierarchy: Hierarchy, tls_version: str, tmp_path: Path
) -> None:
    server = verify_depth(ftps_server, hierarchy, tmp_path, 0)
    failed_auth(server, showing(server, hierarchy.cert_1.write(tmp_path, "cert1"), tls_version))
    server.wait_for_log(FAILED)
    log = "\n".join(server.tls_log())
    assert re.search(r"error: unable to verify certificate at depth [12]: certificate chain too long", log)
    assert "client certificate failed verification: certificate chain too long" in log


def test_when_my_client_connects_certificate_chain_too_long_cure(
    ftps_server: ServerFactory, hierarchy: Hierarchy, tls_version: str, tmp_path: Path
) -> None:
    """The default of 10 is sufficient, and so is the chain's own length."""
    for depth in (10, 2):
        server = verify_depth(ftps_server, hierarchy, tmp_path, depth)
        context = showing(server, hierarchy.cert_1.write(tmp_path, "cert1"), tls_version)
        with server.client(context=context).begin() as client:
            client.quit()
        in_order(server.tls_log(), "Client: ", "connection accepted")


def chained(
    start: ServerFactory, hierarchy: Hierarchy, work: Path, *, backwards: bool = False
) -> RunningServer:
    """The answer's arrangement: certA, MyServerCA and MyRootCA as chain, TheirClientCA trusted."""
    leaf = replace(hierarchy.cert_a.write(work, "certA"), chain=None)
    links = [hierarchy.my_server_ca.pem, hierarchy.my_root.pem]
    (work / "chain.pem").write_bytes(b"".join(reversed(links) if backwards else links))
    (work / "their.pem").write_bytes(hierarchy.their_client_ca.pem + hierarchy.their_root.pem)
    return start(certificate=leaf, tls=[
        "TLSRequired on", f"TLSCertificateChainFile {work / 'chain.pem'}",
        f"TLSCACertificateFile {work / 'their.pem'}", "TLSVerifyClient optional",
    ])


@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "out of order"])
def test_when_should_the_tlscertificatechainfile_directive_be_used(
    ftps_server: ServerFactory, hierarchy: Hierarchy, tls_version: str, tmp_path: Path, backwards: bool
) -> None:
    """MyServerCA and MyRootCA are sent, whatever their order, and are not among the acceptable names."""
    server = chained(ftps_server, hierarchy, tmp_path, backwards=backwards)
    root = hierarchy.my_root.write(tmp_path / "root.pem")
    output = s_client(server, tmp_path, flag(tls_version), "-CAfile", str(root))
    subjects = re.findall(r"^ ?\d s:.*CN ?= ?(\S+)", output, re.MULTILINE)
    assert subjects == ["localhost", "MyServerCA", "MyRootCA"]
    names = output.partition(NAMES)[2].partition("---")[0]
    assert "TheirClientCA" in names
    assert "MyServerCA" not in names
    assert "Verify return code: 0 (ok)" in output


@pytest.mark.parametrize(("name", "accepted"), [("cert_1", True), ("cert_b", False)])
def test_when_should_the_tlscertificatechainfile_directive_be_used_clients(
    ftps_server: ServerFactory, hierarchy: Hierarchy, tls_version: str, tmp_path: Path, name: str,
    accepted: bool,
) -> None:
    """Certificates of TheirClientCA are accepted, those of MyServerCA are not, although it is sent."""
    server = chained(ftps_server, hierarchy, tmp_path)
    server.authority = hierarchy.my_root.write(tmp_path / "root.pem")
    identity = hierarchy.cert_1 if name == "cert_1" else hierarchy.cert_b
    context = showing(server, identity.write(tmp_path, name), tls_version)
    if accepted:
        with server.client(context=context).begin() as client:
            client.quit()
        in_order(server.tls_log(), "Client: ", "connection accepted")
        return
    failed_auth(server, context)
    server.wait_for_log(FAILED)
    in_order(server.tls_log(), "client certificate failed verification: ", f"{UNABLE}: protocol error")

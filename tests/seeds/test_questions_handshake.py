"""The seeds' questions about handshakes that fail: versions, ciphers, odd clients, things in between."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
from pathlib import Path

import pytest

from ftpsd.testing.ca import Authority
from ftpsd.testing.client import ScriptedClient, client_context
from ftpsd.testing.configs import ServerConfig, ServerFiles
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer
from tests.clients.base import run
from tests.seeds.support import (
    failed_auth,
    flag,
    in_order,
    lftp,
    old_client,
    refusal,
    s_client,
    serving,
    trusting,
)

STARTING = "TLS/TLS-C requested, starting TLS handshake"
UNABLE = "unable to accept TLS connection"
FAILED = "TLS/TLS-C negotiation failed on control channel"
NAMES = "Acceptable client certificate CA names"
NO_NAMES = "No client certificate CA names sent"


def text_of(server: RunningServer) -> str:
    """The TLSLog, once the handshake's last line is there."""
    server.wait_for_log(FAILED)
    return "\n".join(server.tls_log())


def test_how_can_i_require_that_only_tlsv1_2_be_allowed(ftps_server: ServerFactory, tmp_path: Path) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSProtocol TLSv1.2"])
    assert "Protocol  : TLSv1.2" in s_client(server, tmp_path, "-tls1_2")
    with server.client().begin() as client:
        assert client.control.version == "TLSv1.2", "a client that can do 1.3 is brought down to it"
    failed_auth(server, client_context(server.authority, version="TLSv1.3"))
    assert "perhaps client requested disabled TLS protocol version:" in text_of(server)


def test_how_can_i_require_that_only_tlsv1_2_be_allowed_in_global_for_all_hosts(
    directory: ServerFiles, ftps_certificates: Certificates
) -> None:
    """In a <Global> section it holds for every host."""
    leaf = ftps_certificates.server
    body = (
        f"DefaultAddress 127.0.0.1\n<Global>\n  TLSRSACertificateFile {leaf.certificate}\n"
        f"  TLSRSACertificateKeyFile {leaf.key}\n"
        f"  TLSCertificateChainFile {leaf.chain}\n  TLSLog {directory.tls_log}\n  TLSEngine on\n"
        "  # Only allow TLSv1.2 for any of our FTPS vhosts\n  TLSProtocol TLSv1.2\n</Global>\n"
        "<VirtualHost 127.0.0.2>\n  ServerName other\n  Port PORT\n</VirtualHost>\n"
    )
    with serving(body, directory, ftps_certificates, address="0.0.0.0") as server:
        for address in ("127.0.0.1", "127.0.0.2"):
            for version, works in (("TLSv1.2", True), ("TLSv1.3", False)):
                context = client_context(server.authority, version=version)
                with ScriptedClient(address, server.port, context=context) as client:
                    client.connect()
                    with contextlib.nullcontext() if works else pytest.raises(ssl.SSLError):
                        client.auth()


def test_how_come_sslv2_is_not_supported(
    directory: ServerFiles, ftps_certificates: Certificates
) -> None:
    """No word of TLSProtocol means it, and an SSLv2 hello ends in a refusal."""
    said = refusal(
        ServerConfig(ftps_certificates.server, tls=["TLSProtocol SSLv2"]), directory,
        ftps_certificates.authority_file)
    assert "unknown protocol: 'SSLv2'" in said


SSLV2_HELLO = bytes.fromhex("802e0100020015000000100100800300800700c0060040020080040080") + bytes(19)


def test_how_come_sslv2_is_not_supported_hello(ftps_server: ServerFactory) -> None:
    server = ftps_server()
    with server.client(tls=False) as client:
        client.connect()
        client.expect(234, "AUTH TLS")
        client.control.socket.sendall(SSLV2_HELLO)
        answer = b"".join(iter(lambda: client.control.socket.recv(4096), b""))
    assert b"421 TLS handshake failed" in answer
    assert UNABLE in text_of(server)


def test_my_ftps_client_is_failing_to_connect_unknown_protocol(ftps_server: ServerFactory) -> None:
    """The answer's example: the server has TLSv1.1 and TLSv1.2, the client TLSv1 (`s_client -tls1`)."""
    server = ftps_server(tls=["TLSRequired on", "TLSProtocol TLSv1.1 TLSv1.2"])
    failed_auth(server, old_client(server.authority, ssl.TLSVersion.TLSv1))
    log = text_of(server)
    in_order(server.tls_log(), STARTING, f"{UNABLE}: protocol error:", "(1) error:", FAILED)
    assert f"{UNABLE}: perhaps client requested disabled TLS protocol version: SSLv3 TLSv1 TLSv1.3" in log


def test_my_ftps_client_is_failing_to_connect_wrong_version_number(ftps_server: ServerFactory) -> None:
    """The same mismatch under OpenSSL's other name: a version between two that are on."""
    server = ftps_server(tls=["TLSRequired on", "TLSProtocol TLSv1 TLSv1.3"])
    context = client_context(server.authority, version="TLSv1.2")
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    failed_auth(server, context)
    log = text_of(server)
    assert "wrong version number" in log
    assert f"{UNABLE}: perhaps client requested disabled TLS protocol version: SSLv3 TLSv1.1 TLSv1.2" in log


def test_my_ftps_client_is_failing_to_connect_cure(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSProtocol TLSv1 TLSv1.1 TLSv1.2"])
    context = old_client(server.authority, ssl.TLSVersion.TLSv1)
    with server.client(context=context).begin() as client:
        assert client.control.version == "TLSv1"


def test_why_would_i_see_a_no_shared_cipher_error_in_the_tlslog(
    ftps_server: ServerFactory, tmp_path: Path
) -> None:
    """First reason: a restrictive TLSCipherSuite. The log names it, and without it the client gets in."""
    server = ftps_server(
        tls=["TLSRequired on", "TLSProtocol TLSv1.2", "TLSCipherSuite ECDHE-RSA-CHACHA20-POLY1305"])
    output = s_client(server, tmp_path, "-tls1_2", "-cipher", "AES256-GCM-SHA384")
    assert "alert handshake failure" in output, "and this is what its client sees"
    log = text_of(server)
    in_order(server.tls_log(), STARTING, f"{UNABLE}: protocol error:", "no shared cipher", FAILED)
    assert "client does not support any cipher from 'TLSCipherSuite ECDHE-RSA-CHACHA20-POLY1305" in log
    relaxed = ftps_server(tls=["TLSRequired on"])
    assert "Cipher is AES256-GCM-SHA384" in s_client(
        relaxed, tmp_path, "-tls1_2", "-cipher", "AES256-GCM-SHA384")


def test_why_would_i_see_a_no_shared_cipher_error_tls13(ftps_server: ServerFactory, tmp_path: Path) -> None:
    server = ftps_server(tls=["TLSCipherSuite TLSv1.3 TLS_CHACHA20_POLY1305_SHA256", "TLSProtocol TLSv1.3"])
    s_client(server, tmp_path, "-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384")
    assert "no shared cipher" in text_of(server)
    assert "any cipher from 'TLSCipherSuite TLSv1.3 TLS_CHACHA20_POLY1305_SHA256' (see" in text_of(server)


@pytest.mark.parametrize("place", ["server config", "global"])
def test_why_would_i_see_a_no_shared_cipher_error_certificates_outside_of_the_virtual_host(
    directory: ServerFiles, ftps_certificates: Certificates, place: str
) -> None:
    """Second reason: the certificate is in "server config" and does not count for a <VirtualHost>.

    ftpsd names the missing certificate instead: a notice at start and 431 to AUTH; <Global> is the cure.
    """
    leaf = ftps_certificates.server
    lines = (
        f"TLSRSACertificateFile {leaf.certificate}\nTLSRSACertificateKeyFile {leaf.key}\n"
        f"TLSCertificateChainFile {leaf.chain}\n"
    )
    placed = f"<Global>\n{lines}</Global>\n" if place == "global" else lines
    body = (
        f"DefaultAddress 127.0.0.1\nTLSEngine on\n{placed}TLSLog {directory.tls_log}\n"
        "<VirtualHost 127.0.0.2>\n  ServerName other\n"
        f"  Port PORT\n  TLSEngine on\n  TLSLog {directory.tls_log}\n</VirtualHost>\n"
    )
    with serving(body, directory, ftps_certificates, address="0.0.0.0") as server:
        for address, expected in (("127.0.0.1", 234), ("127.0.0.2", 234 if place == "global" else 431)):
            with ScriptedClient(address, server.port) as client:
                client.connect()
                client.expect(expected, "AUTH TLS")
        if place != "global":
            in_order(server.tls_log(), "Unable to accept AUTH TLS due to lack of certificates")
            notice = "TLSEngine is on but no certificate is configured; AUTH will be refused (431)"
            assert notice in server.wait_for_log(notice, log="system")


def test_my_ftps_client_has_trouble_connecting_received_eof(ftps_server: ServerFactory) -> None:
    """A device in between (here: the client) ends the connection once the handshake has begun."""
    server = ftps_server()
    failed_auth(server, None)
    log = text_of(server)
    in_order(server.tls_log(), STARTING, f"{UNABLE}: received EOF that violates protocol", FAILED)
    assert "usually this indicates an FTP-aware router, NAT, or firewall interfering" in log


def test_my_ftps_client_has_trouble_connecting_cure_no_cert_request(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tls_version: str, tmp_path: Path
) -> None:
    """Clients that choke on a CertificateRequest (Transmit, Fetch): NoCertRequest sends none."""
    trusted = f"TLSCACertificateFile {ftps_certificates.authority_file}"
    asking = ftps_server(tls=["TLSRequired on", trusted])
    assert NAMES in s_client(asking, tmp_path, flag(tls_version))
    silent = ftps_server(tls=["TLSRequired on", trusted, "TLSOptions NoCertRequest"])
    output = s_client(silent, tmp_path, flag(tls_version), "-msg")
    assert NO_NAMES in output
    assert "CertificateRequest" not in output
    with silent.client(tls_version).begin() as client:
        client.store("STOR up.txt", b"up")


def test_where_can_i_find_a_list_of_clients_that_support_ftps_known_issue(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tls_version: str
) -> None:
    """A client without a certificate that is asked for one sends none (RFC 2246 7.4.6), and is let in."""
    server = ftps_server(
        tls=["TLSRequired on", f"TLSCACertificateFile {ftps_certificates.authority_file}"])
    with server.client(tls_version).begin() as client:
        client.store("STOR up.txt", b"up")
    assert not any("Client: " in line for line in server.tls_log())


def test_i_am_having_trouble_connecting_sslv3_alert_handshake_failure(
    ftps_server: ServerFactory, tmp_path: Path
) -> None:
    """Cause a: no cipher in common. The client sees the alert, the TLSLog says why."""
    server = ftps_server(tls=["TLSProtocol TLSv1.2", "TLSCipherSuite AES256-GCM-SHA384"])
    output = s_client(server, tmp_path, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
    assert "alert handshake failure" in output
    assert "no shared cipher" in text_of(server)


def test_i_am_having_trouble_connecting_missing_server_certificate(ftps_server: ServerFactory) -> None:
    """Cause b: no certificate. AUTH is answered with 431 instead of a handshake that must fail."""
    server = ftps_server(without_tls=True, directives=["TLSEngine on"])
    with server.client(tls=False) as client:
        client.connect()
        client.expect(431, "AUTH TLS")
    server.wait_for_log("no certificate is configured", log="system")


@pytest.mark.parametrize("text", ["", "no PEM at all\n"])
def test_i_am_having_trouble_connecting_badly_formatted_certificate_file(
    directory: ServerFiles, ftps_certificates: Certificates, text: str
) -> None:
    """A badly formatted file is found at start, not by clients."""
    bad = directory.directory / "bad.pem"
    bad.write_text(text)
    tls = [f"TLSRSACertificateFile {bad}", f"TLSRSACertificateKeyFile {ftps_certificates.server.key}"]
    said = refusal(
        ServerConfig(ftps_certificates.server, tls=tls), directory, ftps_certificates.authority_file)
    assert f"'{bad}' does not exist or does not contain a certificate" in " ".join(said.split())


def test_i_have_configured_my_server_and_filezilla_says_gnutls_error(
    ftps_server: ServerFactory, tmp_path: Path
) -> None:
    """The answer: an error that has nothing to do with TLS; the server's other logs have it.

    GnuTLS (lftp links it) meets no such error where all is well, and what fails for another reason is said
    in an FTP reply under TLS and in the log, not by a broken TLS stream.
    """
    server = ftps_server(tls=["TLSRequired on"])
    server.give("hello.txt", b"hello")
    opening = f"open -u alice,secret ftp://localhost:{server.port}"
    fine = lftp(server, tmp_path, "set ftp:ssl-force yes", opening, "cls", "cat hello.txt")
    assert "hello.txt" in fine.stdout
    assert "hello" in fine.stdout.splitlines()[-1]
    opening = opening.replace("secret", "wrong")
    wrong = lftp(server, tmp_path, "set ftp:ssl-force yes", opening, "cls")
    assert "530" in wrong.stderr
    assert "GnuTLS" not in fine.stderr + wrong.stderr
    assert any("alice" in line for line in server.system_log())


def test_filezilla_gnutls_handshake_an_unexpected_tls_packet_was_received(
    ftps_server: ServerFactory, tmp_path: Path
) -> None:
    """ftps:// (TLS at once) where the server greets in clear first; ftp:// with AUTH TLS (ftpes) is right."""
    server = ftps_server(tls=["TLSRequired on"])
    server.give("hello.txt", b"hello")
    login = ["-u", "alice:secret", "--cacert", str(server.authority), "--max-time", "10", "-sS"]
    address = f"localhost:{server.port}/hello.txt"
    wrong = run(["curl", *login, f"ftps://{address}"], tmp_path, check=False)
    assert wrong.returncode == 35, "curl: a problem occurred somewhere in the handshake"
    right = run(["curl", *login, "--ssl-reqd", f"ftp://{address}"], tmp_path)
    assert right.stdout == "hello"


def test_filezilla_ftps_url_is_right_for_implicit_hosts(ftps_server: ServerFactory, tmp_path: Path) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSOptions UseImplicitSSL"])
    server.give("hello.txt", b"hello")
    login = ["-u", "alice:secret", "--cacert", str(server.authority), "--max-time", "10", "-sS"]
    right = run(["curl", *login, f"ftps://localhost:{server.port}/hello.txt"], tmp_path)
    assert right.stdout == "hello"


@pytest.mark.parametrize("setting", ["set ftp:ssl-allow yes", "set ftp:ssl-force yes"])
def test_i_am_trying_to_use_lftp_but_it_fails_to_connect(
    ftps_server: ServerFactory, tmp_path: Path, setting: str
) -> None:
    server = ftps_server(tls=["TLSRequired on"])
    server.give("hello.txt", b"hello")
    done = lftp(server, tmp_path, setting, f"open -u alice,secret localhost:{server.port}", "cls")
    assert "hello.txt" in done.stdout, done.stderr
    in_order(server.tls_log(), STARTING, "connection accepted")


def test_i_am_trying_to_use_lftp_with_ftps_url(ftps_server: ServerFactory, tmp_path: Path) -> None:
    """ftps:// fails on an explicit host as in the question; ssl-force refuses to go on in clear."""
    server = ftps_server(tls=["TLSRequired on"])
    wrong = lftp(server, tmp_path, f"open -u alice,secret ftps://localhost:{server.port}", "cls")
    assert wrong.returncode != 0
    plain = ftps_server(without_tls=True)
    opening = f"open -u alice,secret localhost:{plain.port}"
    refused: subprocess.CompletedProcess[str] = lftp(plain, tmp_path, "set ftp:ssl-force yes", opening, "cls")
    assert refused.returncode != 0
    assert not any("login" in line and "success" in line for line in plain.system_log())


def test_s_client_verify_error_is_of_no_concern_a_client_that_minds_is_named(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path
) -> None:
    """s_client's "verify error" of the seeds' example is of no concern; a client that minds is named."""
    server = ftps_server()
    assert "unable to get local issuer certificate" in s_client(server, tmp_path, flag(tls_version))
    other = Authority.create("someone else").write(tmp_path / "other.pem")
    context = trusting(server, other)
    context.maximum_version = ssl.TLSVersion[tls_version.replace(".", "_")]
    failed_auth(server, context)
    assert "client does not trust the issuer of this server's certificate" in text_of(server)

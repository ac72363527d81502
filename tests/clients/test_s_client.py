"""What `openssl s_client -starttls ftp` shows an administrator: the chain and the acceptable CA names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ftpsd.testing.plugin import Certificates, ServerFactory
from tests.clients.base import run

pytestmark = pytest.mark.client
NAMES = "Acceptable client certificate CA names"
NO_NAMES = "No client certificate CA names sent"
ROOT_NAME = re.compile(r"^O ?= ?ftpsd tests, CN ?= ?ftpsd test root$", re.MULTILINE)


def shown(port: int, authority: Path, work: Path, version: str, *more: str) -> str:
    """The output of s_client for one handshake."""
    flag = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}[version]
    command = [
        "openssl", "s_client", "-starttls", "ftp", "-connect", f"127.0.0.1:{port}", "-showcerts", flag,
        "-CAfile", str(authority), *more,
    ]
    return run(command, work, text="QUIT\n").stdout


def test_the_chain_is_shown_and_verifies(
    ftps_server: ServerFactory, tls_version: str, tmp_path: Path,
) -> None:
    server = ftps_server()
    output = shown(server.port, server.authority, tmp_path, tls_version)
    assert output.count("-----BEGIN CERTIFICATE-----") == 2, "the leaf and the intermediate"
    assert "Verify return code: 0 (ok)" in output
    assert NO_NAMES in output


@pytest.mark.parametrize("verify", ["off", "optional"])
def test_the_acceptable_ca_names_are_sent(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tls_version: str, tmp_path: Path,
    verify: str,
) -> None:
    trusted = f"TLSCACertificateFile {ftps_certificates.authority_file}"
    server = ftps_server(tls=["TLSRequired on", trusted, f"TLSVerifyClient {verify}"])
    output = shown(server.port, server.authority, tmp_path, tls_version)
    assert NAMES in output
    assert ROOT_NAME.search(output.partition(NAMES)[2])
    assert "Verify return code: 0 (ok)" in output


def test_no_cert_request_sends_none(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tls_version: str, tmp_path: Path,
) -> None:
    trusted = f"TLSCACertificateFile {ftps_certificates.authority_file}"
    server = ftps_server(tls=["TLSRequired on", trusted, "TLSOptions NoCertRequest"])
    output = shown(server.port, server.authority, tmp_path, tls_version)
    assert NO_NAMES in output
    assert NAMES not in output


def test_a_client_certificate_can_be_demanded(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tls_version: str, tmp_path: Path,
) -> None:
    trusted = f"TLSCACertificateFile {ftps_certificates.authority_file}"
    server = ftps_server(tls=["TLSRequired on", trusted, "TLSVerifyClient on"])
    client = ftps_certificates.client
    own = ("-cert", str(client.certificate), "-key", str(client.key))
    assert "Verify return code: 0 (ok)" in shown(server.port, server.authority, tmp_path, tls_version, *own)
    server.wait_for_log("Client: ")
    command = ["openssl", "s_client", "-starttls", "ftp", "-connect", f"127.0.0.1:{server.port}", "-quiet"]
    done = run(command, tmp_path, text="USER alice\n", check=False)
    assert "331" not in done.stdout
    server.wait_for_log("client did not provide certificate")

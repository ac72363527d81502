"""A server that has its certificate from an ACME server (Pebble), and sessions that notice nothing."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpsd.testing.ca import Authority
from ftpsd.testing.client import client_context
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.server.harness import until
from tests.tls.acme.pebble import Pebble, pebble

SECONDS = 40.0


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Pebble]:
    place = tmp_path / "pebble"
    place.mkdir()
    with pebble(place) as server:
        yield server


def trusted(server: RunningServer, context: ssl.SSLContext) -> bool:
    """Whether a new session gets a certificate that the client trusts: an old worker may still accept one."""
    with server.client(context=context) as client:
        client.connect()
        try:
            client.auth()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_a_provisional_certificate_is_replaced_while_sessions_are_on(
    ftps_server: ServerFactory, acme: Pebble, tmp_path: Path, tls_version: str,
) -> None:
    provisional = Authority.create("localhost", kind="p256")
    files = provisional.identity.write(tmp_path, "server")
    server = ftps_server(certificate=files, directives=[
        f"ACMEServer {acme.url}", f"ACMECACertificateFile {acme.authority}", "ACMEAgreeToTerms on",
        f"ACMEAccountKeyFile {tmp_path}/account.key", "ACMENames localhost",
        f"ACMEChallenge http-01 127.0.0.1:{acme.http_port}"])
    own = tmp_path / "own.pem"
    own.write_bytes(files.certificate.read_bytes())
    first = server.client(context=client_context(own, version=tls_version)).begin()
    server.wait_for_log("is new (localhost", log="system", timeout=SECONDS)
    server.wait_for_log(f"ACME: certificate '{files.certificate}' is there", log="system", timeout=SECONDS)
    root = tmp_path / "root.pem"
    root.write_bytes(acme.root())
    context = client_context(root, version=tls_version)
    until(lambda: trusted(server, context), "the certificate of the ACME server")
    with server.client(context=context).begin() as second:
        assert second.store("STOR file", b"to the new certificate").code == 226
        assert first.retrieve("RETR file") == b"to the new certificate"
        second.quit()
    first.quit()

"""TLSVerifyDepth: what its entry in the reference says of ProFTPD."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpsd.testing.client import ConnectionEnded, ScriptedClient, client_context
from ftpsd.testing.plugin import Certificates, ServerFactory

pytestmark = [pytest.mark.peer, pytest.mark.root]


@pytest.mark.parametrize(("depth", "ours", "theirs"), [(0, False, True), (1, False, True), (2, True, True)])
def test_a_client_below_an_intermediate_authority(
    ftps_server: ServerFactory, proftpd_server: ServerFactory, ftps_certificates: Certificates, tmp_path: Path,
    tls_version: str, depth: int, ours: bool, theirs: bool,
) -> None:
    client = ftps_certificates.authority.intermediate("clients").leaf("client").write(tmp_path, "client")
    assert client.chain is not None
    shown = tmp_path / "shown.pem"
    shown.write_bytes(client.certificate.read_bytes() + client.chain.read_bytes())
    authority = ftps_certificates.authority_file
    tls = [
        "TLSRequired on", "TLSVerifyClient on", f"TLSCACertificateFile {authority}", f"TLSVerifyDepth {depth}"]
    for factory, expected in ((ftps_server, ours), (proftpd_server, theirs)):
        context = client_context(authority, version=tls_version, certificate=shown, key=client.key)
        server = factory(tls=tls)
        with server.client(context=context) as session:
            assert is_let_in(session) == expected
        if not expected:
            server.wait_for_log("certificate chain too long")


def is_let_in(session: ScriptedClient) -> bool:
    """Under TLS 1.3 the client hears of a refusal after its own handshake."""
    session.connect()
    session.expect(234, "AUTH TLS")
    try:
        session.handshake()
        session.expect(331, "USER alice")
    except (OSError, ConnectionEnded):
        return False
    return True

"""What a client hears of a certificate's status from ProFTPD and from ftpsd, by what the responder says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ftpsd.testing.ca import Files
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.session.test_stapling import FLAGS, status
from tests.tls.stapling.rig import certificate, issuer, responding

pytestmark = [pytest.mark.peer, pytest.mark.root]

FETCHED = ("stapling OCSP response from", "no OCSP response to staple")


@pytest.mark.parametrize(
    ("mode", "lines", "must", "proftpd", "ftpsd"),
    [
        ("good", (), False, "good", "good"),
        ("no-nonce", (), False, "good", "good"),
        ("revoked", (), False, "revoked", "revoked"),
        ("unknown", (), False, "unknown", "trylater"),  # some clients refuse it: see `tls.stapling.fetching`
        ("later", (), False, "trylater", "trylater"),
        ("nonce", (), False, "trylater", "trylater"),
        ("nonce", ("TLSStaplingOptions NoNonce",), False, "good", "good"),
        ("outdated", (), False, "trylater", "trylater"),
        ("500", ("TLSStaplingOptions NoFakeTryLater",), False, "none", "none"),
        ("500", ("TLSStaplingOptions NoFakeTryLater",), True, "trylater", "trylater"),
    ],
)
def test_same_status(
    proftpd_server: ServerFactory, ftps_server: ServerFactory, tmp_path: Path, mode: str, lines: tuple[str, ...],
    must: bool, proftpd: str, ftpsd: str,
) -> None:
    with responding(mode) as responder:
        files = certificate(key="rsa", url=responder.url, must=must).write(tmp_path, "server")
        (tmp_path / "root.pem").write_bytes(issuer().certificate_pem)
        heard = []
        for start in (proftpd_server, ftps_server):
            server = _started(start, files, lines, tmp_path)
            heard.append(status(server, FLAGS["TLSv1.3"]))
        assert heard == [proftpd, ftpsd]


def _started(start: ServerFactory, files: Files, lines: tuple[str, ...], directory: Path) -> RunningServer:
    """With the response ready, where it is fetched ahead."""
    authority = f"TLSCACertificateFile {directory / 'root.pem'}"
    server = start(tls=["TLSRequired off", "TLSStapling on", authority, *lines], certificate=files)
    server.authority = directory / "root.pem"
    deadline = time.monotonic() + 20
    while server.kind == "ftpsd" and not any(text in line for line in server.tls_log() for text in FETCHED):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return server

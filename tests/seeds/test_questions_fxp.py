"""The seeds' question about site-to-site transfers: in clear, refused under TLS, and secure with SSCN."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpsd.testing.ca import Files
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer
from tests.seeds.support import NO_REUSE, lftp


def fxp(source: ScriptedClient, target: ScriptedClient) -> tuple[int, int]:
    """A site-to-site transfer: the final codes of RETR and STOR."""
    address = target.expect(227, "PASV").text.partition("(")[2].partition(")")[0]
    source.expect(200, f"PORT {address}")
    target.send_line("STOR copy.txt")
    source.send_line("RETR hello.txt")
    finals = []
    for client in (source, target):
        reply = client.read_reply()
        finals.append(client.read_reply().code if reply.code == 150 else reply.code)
    return finals[0], finals[1]


def two_sites(ftps_server: ServerFactory, *tls: str) -> tuple[RunningServer, RunningServer]:
    """Servers with different addresses that let transfers go to others than the client."""
    found = []
    for address in ("127.0.0.1", "127.0.0.2"):
        found.append(ftps_server(
            tls=[*tls, "TLSTimeoutHandshake 2"], directives=["AllowForeignAddress on"], address=address))
        found[-1].give("hello.txt", b"hello")
    return found[0], found[1]


def begun(server: RunningServer, auth: str | None) -> ScriptedClient:
    """A session in clear or after AUTH with this word; no PROT."""
    client = server.client(tls=auth is not None)
    client.connect()
    if auth is not None:
        client.auth(auth)
    client.login()
    client.expect(200, "TYPE I")
    return client


@pytest.mark.parametrize("auth", [None, "TLS"])
def test_why_does_mod_tls_break_fxp_transfers_not_in_clear(
    ftps_server: ServerFactory, auth: str | None
) -> None:
    """Where neither TLSRequired nor AUTH TLS-P asks for private data, site-to-site works, unencrypted."""
    one, other = two_sites(ftps_server, "TLSRequired off")
    assert fxp(begun(one, auth), begun(other, auth)) == (226, 226)
    assert (other.home() / "copy.txt").read_bytes() == b"hello"


def test_why_does_mod_tls_break_fxp_transfers_tlsrequired_data(ftps_server: ServerFactory) -> None:
    one, other = two_sites(ftps_server, "TLSRequired data")
    assert fxp(begun(one, "TLS"), begun(other, "TLS")) == (522, 522)


def test_why_does_mod_tls_break_fxp_transfers_auth_tls_p(ftps_server: ServerFactory) -> None:
    """Two servers that both wait for a client's handshake: the opening of the data connection fails."""
    one, other = two_sites(ftps_server, "TLSRequired off", "TLSOptions NoSessionReuseRequired")
    assert fxp(begun(one, "TLS-P"), begun(other, "TLS-P")) == (425, 425)
    for server in (one, other):
        server.wait_for_log("unable to open data connection: TLS negotiation failed")
    assert any("TLS negotiation timed out (2 seconds)" in line for line in one.tls_log() + other.tls_log())


def test_why_does_mod_tls_break_fxp_transfers_foreign_addresses_are_refused(
    ftps_server: ServerFactory
) -> None:
    server = ftps_server(tls=["TLSRequired off"])
    client = begun(server, None)
    client.expect(500, "PORT 127,0,0,2,200,200")


SECURE = [
    "set ftp:ssl-force yes", "set ftp:ssl-protect-data yes", "set ftp:ssl-protect-fxp yes", "set ftp:use-fxp yes",
    "set ftp:fxp-force yes", "set ftp:ssl-copy-sid no",
]


@pytest.fixture
def leaf(ftps_certificates: Certificates, tmp_path: Path) -> Files:
    """A certificate for both servers, with their addresses: TLSVerifyServer compares them."""
    made = ftps_certificates.authority.leaf("fxp", alternatives=("localhost", "127.0.0.1", "127.0.0.2"))
    return made.write(tmp_path, "fxp")


def secured(
    start: ServerFactory, leaf: Files, certificates: Certificates, address: str, *tls: str
) -> RunningServer:
    """A server that may be the client of another one: which has no session of its that it could resume."""
    server = start(
        tls=["TLSRequired on", NO_REUSE, f"TLSCACertificateFile {certificates.authority_file}", *tls],
        directives=["AllowForeignAddress on"], address=address, certificate=leaf)
    server.give("hello.txt", b"hello")
    return server


def transferred(one: RunningServer, other: RunningServer, work: Path, *, passive_source: bool) -> str:
    """lftp has one server send to the other; what it says."""
    settings = [*SECURE, f"set ftp:fxp-passive-source {'yes' if passive_source else 'no'}"]
    source = f"ftp://alice:secret@{one.address}:{one.port}/hello.txt"
    target = f"ftp://alice:secret@{other.address}:{other.port}/copy.txt"
    done = lftp(one, work, *settings, f"get {source} -o {target}")
    return done.stderr + done.stdout


def is_client(server: RunningServer) -> bool:
    """Whether the server was the TLS client of a data connection."""
    return any("making TLS connection for data connection" in line for line in server.tls_log())


@pytest.mark.parametrize("passive_source", [False, True])
def test_why_does_mod_tls_break_fxp_transfers_secure_with_sscn(
    ftps_server: ServerFactory, ftps_certificates: Certificates, leaf: Files, tmp_path: Path, passive_source: bool
) -> None:
    """lftp drives two ftpsd; the one that is told SSCN ON shakes hands as the client and verifies the other."""
    one = secured(ftps_server, leaf, ftps_certificates, "127.0.0.1", "TLSVerifyServer on")
    other = secured(ftps_server, leaf, ftps_certificates, "127.0.0.2", "TLSVerifyServer on")
    said = transferred(one, other, tmp_path, passive_source=passive_source)
    assert (other.home() / "copy.txt").read_bytes() == b"hello", said
    assert is_client(one) != is_client(other)


@pytest.mark.root
@pytest.mark.peer
@pytest.mark.parametrize("sender", ["ftpsd", "proftpd"])
def test_why_does_mod_tls_break_fxp_transfers_secure_with_sscn_and_a_real_proftpd(
    ftps_server: ServerFactory, proftpd_server: ServerFactory, ftps_certificates: Certificates, leaf: Files,
    tmp_path: Path, sender: str,
) -> None:
    ours = secured(ftps_server, leaf, ftps_certificates, "127.0.0.1", "TLSVerifyServer on")
    theirs = secured(
        proftpd_server, leaf, ftps_certificates, "127.0.0.2", "TLSVerifyServer NoReverseDNS")
    one, other = (ours, theirs) if sender == "ftpsd" else (theirs, ours)
    said = transferred(one, other, tmp_path, passive_source=False)
    assert (other.home() / "copy.txt").read_bytes() == b"hello", said


def test_why_does_mod_tls_break_fxp_transfers_tlsverifyserver_is_needed(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tmp_path: Path
) -> None:
    """A server whose certificate names neither its address nor its name is refused by the other one."""
    other_name = ftps_certificates.authority.leaf("other.example", alternatives=("other.example",))
    stranger = other_name.write(tmp_path, "other")
    one = secured(ftps_server, stranger, ftps_certificates, "127.0.0.1")
    other = secured(ftps_server, stranger, ftps_certificates, "127.0.0.2")
    lftp(one, tmp_path, "set ssl:check-hostname no", *SECURE,
         f"get ftp://alice:secret@{one.address}:{one.port}/hello.txt"
         f" -o ftp://alice:secret@{other.address}:{other.port}/copy.txt")
    copy = other.home() / "copy.txt"
    assert not copy.exists() or copy.read_bytes() == b""
    refusals = [line for line in one.tls_log() + other.tls_log() if "unable to verify" in line]
    assert refusals
    assert "server certificate" in refusals[0]

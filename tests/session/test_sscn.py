"""SSCN and FXP: files from server to server, secured and in clear (semantics.md 2.6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpsd.testing.ca import Files
from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import Certificates, ServerFactory
from ftpsd.testing.server import RunningServer

BODY = bytes(range(256)) * 3000
SECURE = ("TLSRequired on", "TLSOptions NoSessionReuseRequired")
FOREIGN = ["AllowForeignAddress on"]


@pytest.fixture
def leaf(ftps_certificates: Certificates, tmp_path: Path) -> Files:
    """A certificate that bears the servers' address."""
    made = ftps_certificates.authority.leaf("localhost", alternatives=("localhost", "127.0.0.1"))
    return made.write(tmp_path, "fxp")


def start(factory: ServerFactory, leaf: Files, certificates: Certificates, *tls: str) -> RunningServer:
    return factory(
        tls=[*SECURE, f"TLSCACertificateFile {certificates.authority_file}", "TLSVerifyServer on", *tls],
        directives=FOREIGN, certificate=leaf)


@pytest.mark.parametrize(("command", "code", "text"), [
    ("SSCN", 200, "SSCN:SERVER METHOD"), ("SSCN ON", 200, "SSCN:CLIENT METHOD"),
    ("SSCN OFF", 200, "SSCN:SERVER METHOD"), ("SSCN on", 501, "SSCN: Invalid argument"),
    ("SSCN x", 501, "SSCN: Invalid argument"), ("SSCN ON OFF", 504, "SSCN: Invalid argument"),
])
def test_replies(ftps_server: ServerFactory, command: str, code: int, text: str) -> None:
    with ftps_server().client().begin() as client:
        assert client.expect(code, command).text == text


def test_state_is_remembered_and_needs_tls_and_login(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired off"])
    with server.client(tls=False) as client:
        client.expect(220)
        client.expect(530, "SSCN ON")
        client.login()
        client.expect(500, "SSCN ON")
    with server.client().begin() as client:
        client.expect(200, "SSCN ON")
        assert client.expect(200, "SSCN").text == "SSCN:CLIENT METHOD"


def test_listings_stay_in_server_method(ftps_server: ServerFactory, tls_version: str) -> None:
    server = ftps_server()
    server.give("hello.txt", b"hello")
    with server.client(tls_version).begin() as client:
        client.expect(200, "SSCN ON")
        for command in ("LIST", "NLST", "MLSD"):
            assert b"hello.txt" in client.retrieve(command)
        client.expect(200, "SSCN OFF")
        assert client.retrieve("RETR hello.txt") == b"hello"


def passive_port(client: ScriptedClient) -> str:
    text = client.expect(227, "PASV").text
    return text[text.index("(") + 1:text.index(")")]


def fxp(source: ScriptedClient, target: ScriptedClient, *, listens: ScriptedClient) -> tuple[int, int]:
    """Moves `some` from `source` to `up` on `target`, one of which listens; the final codes."""
    other = target if listens is source else source
    other.expect(200, f"PORT {passive_port(listens)}")
    target.send_line("STOR up")
    source.send_line("RETR some")
    results = []
    for client in (source, target):
        reply = client.read_reply()
        results.append(client.read_reply().code if reply.code == 150 else reply.code)
    return results[0], results[1]


@pytest.mark.parametrize("client_side", ["source", "target"])
@pytest.mark.parametrize("listening", ["source", "target"])
def test_between_two_ftpsd(
    ftps_server: ServerFactory, ftps_certificates: Certificates, leaf: Files, tls_version: str, client_side: str,
    listening: str,
) -> None:
    one, two = (start(ftps_server, leaf, ftps_certificates) for _ in range(2))
    one.give("some", BODY)
    with one.client(tls_version).begin() as source, two.client(tls_version).begin() as target:
        (source if client_side == "source" else target).expect(200, "SSCN ON")
        assert fxp(source, target, listens=source if listening == "source" else target) == (226, 226)
        source.quit()
        target.quit()
    assert (two.home() / "up").read_bytes() == BODY
    log = (one if client_side == "source" else two).tls_log()
    assert any("making TLS connection for data connection" in line for line in log)
    assert any("Server: " in line and "localhost" in line for line in log)
    assert any(" connection created, using cipher " in line for line in log)


@pytest.mark.parametrize("client_side", ["ftpsd", "proftpd"])
@pytest.mark.parametrize("upload", [True, False])
def test_with_a_real_proftpd(
    ftps_server: ServerFactory, proftpd_server: ServerFactory, ftps_certificates: Certificates, leaf: Files,
    tls_version: str, client_side: str, upload: bool,
) -> None:
    ours = start(ftps_server, leaf, ftps_certificates)
    theirs = start(proftpd_server, leaf, ftps_certificates)
    sender, receiver = (ours, theirs) if upload else (theirs, ours)
    sender.give("some", BODY)
    with sender.client(tls_version).begin() as source, receiver.client(tls_version).begin() as target:
        we, they = (source, target) if upload else (target, source)
        (we if client_side == "ftpsd" else they).expect(200, "SSCN ON")
        assert fxp(source, target, listens=they) == (226, 226)
    assert (receiver.home() / "up").read_bytes() == BODY


def test_a_server_without_its_address_in_the_certificate_is_refused(
    ftps_server: ServerFactory, ftps_certificates: Certificates, tls_version: str, tmp_path: Path
) -> None:
    nameless = ftps_certificates.authority.leaf("localhost", alternatives=("localhost",)).write(tmp_path, "leaf")
    authority = f"TLSCACertificateFile {ftps_certificates.authority_file}"
    for verify, ok in (("NoReverseDNS", False), ("off", True)):
        one = ftps_server(tls=[*SECURE, authority, f"TLSVerifyServer {verify}"], directives=FOREIGN)
        two = ftps_server(tls=[*SECURE, authority], directives=FOREIGN, certificate=nameless)
        one.give("some", BODY)
        with one.client(tls_version).begin() as source, two.client(tls_version).begin() as target:
            source.expect(200, "SSCN ON")
            assert fxp(source, target, listens=target) == ((226, 226) if ok else (425, 426))
        if not ok:
            one.wait_for_log("unable to verify '127.0.0.1' server certificate: ")


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_server_that_does_not_prove_itself_is_sent_no_end_of_an_upload(
    ftps_server: ServerFactory, ftps_certificates: Certificates, leaf: Files, tls_version: str, elsewhere: bool,
) -> None:
    """A clean end would be a 226 there for nothing; a client at that address is to see one, and the 425."""
    authority = f"TLSCACertificateFile {ftps_certificates.authority_file}"
    one = ftps_server(directives=FOREIGN, certificate=leaf)
    address = "127.0.0.2" if elsewhere else "127.0.0.1"
    two = ftps_server(tls=[*SECURE, authority], directives=FOREIGN, certificate=leaf, address=address)
    one.give("some", BODY)
    with one.client(tls_version).begin() as source, two.client(tls_version).begin() as target:
        target.expect(200, "SSCN ON")
        assert fxp(source, target, listens=source) == (425, 426 if elsewhere else 226)
    one.wait_for_log("client did not reuse SSL session, rejecting data connection")


def test_in_clear(ftps_server: ServerFactory) -> None:
    one = ftps_server(tls=["TLSRequired off"], directives=FOREIGN)
    two = ftps_server(tls=["TLSRequired off"], directives=FOREIGN)
    one.give("some", BODY)
    with one.client().begin() as source, two.client().begin() as target:
        source.protect("C")
        target.protect("C")
        assert fxp(source, target, listens=target) == (226, 226)
    assert (two.home() / "up").read_bytes() == BODY

"""Client certificates against the running server: who is let in, and who needs no password."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from ftpsd.testing.ca import Identity
from ftpsd.testing.client import ConnectionEnded, ScriptedClient
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer
from tests.tls import pki
from tests.tls.pki import DAY, Draft

ROOT = pki.authority("Clients", None)
OID = "1.3.6.1.4.1.99999.2"


@dataclass
class Desk:
    """Starts servers that trust ROOT, and clients with certificates."""

    factory: ServerFactory
    directory: Path

    def server(self, *tls: str, directives: tuple[str, ...] = (), users: tuple[User, ...] = (User(),)
               ) -> RunningServer:
        trusted = self.directory / "root.pem"
        trusted.write_bytes(ROOT.certificate_pem)
        return self.factory(
            tls=["TLSRequired on", f"TLSCACertificateFile {trusted}", *tls], directives=directives,
            users=users)

    def context(self, server: RunningServer, version: str, shown: Identity | None) -> ssl.SSLContext:
        context = server.context(version)
        if shown is not None:
            path = self.directory / f"client-{shown.certificate.serial_number:x}.pem"
            path.write_bytes(shown.certificate_pem + shown.key_pem())
            context.load_cert_chain(path)
        return context

    def client(self, server: RunningServer, version: str, shown: Identity | None) -> ScriptedClient:
        return server.client(version, context=self.context(server, version, shown))


@pytest.fixture
def desk(ftps_server: ServerFactory, tmp_path: Path) -> Desk:
    return Desk(ftps_server, tmp_path)


def end_of(client: ScriptedClient) -> str:
    """What a client sees whose certificate is refused in the handshake: at once, or with its next read."""
    client.connect()
    try:
        client.auth()
        reply = client.command("USER alice")
    except (ssl.SSLError, ConnectionError, ConnectionEnded, AssertionError):
        return "broken"
    return str(reply.code)


REVOKED = "client certificate failed verification: certificate revoked"


def test_a_certificate_is_let_in_until_it_is_revoked(desk: Desk, tls_version: str) -> None:
    shown, other = Draft().sign(ROOT), Draft(names=("other",)).sign(ROOT)
    lists = desk.directory / "crl.pem"
    lists.write_bytes(pki.crl(ROOT))
    server = desk.server("TLSVerifyClient on", f"TLSCARevocationFile {lists}")
    server.give("hello.txt", b"hello")
    with desk.client(server, tls_version, shown).begin() as client:
        assert client.retrieve("RETR hello.txt") == b"hello"
        server.wait_for_log("Client: CN = client")
        server.wait_for_log("CA CRL: Issuer: CN = Clients, lastUpdate: ")
        lists.write_bytes(pki.crl(ROOT, shown) * 2)
        assert end_of(desk.client(server, tls_version, shown)) == "broken"
        server.wait_for_log(REVOKED)
        server.wait_for_log("TLS/TLS-C negotiation failed on control channel")
        assert client.retrieve("RETR hello.txt") == b"hello", "who is in stays in"
    with desk.client(server, tls_version, other).begin() as client:
        assert client.retrieve("RETR hello.txt") == b"hello"


def test_who_shows_nothing(desk: Desk, tls_version: str) -> None:
    server = desk.server("TLSVerifyClient on")
    assert end_of(desk.client(server, tls_version, None)) == "broken"
    server.wait_for_log("client did not provide certificate, but one is required via 'TLSVerifyClient on'")


def test_ocsp_at_work(desk: Desk, tls_version: str) -> None:
    answers = pki.Answers(ROOT, ROOT)
    with pki.responder(ca=answers) as address:
        good = Draft(responders=(f"{address}/ca/good",)).sign(ROOT)
        revoked = Draft(responders=(f"{address}/ca/revoked",)).sign(ROOT)
        server = desk.server("TLSVerifyClient optional", "TLSVerifyOrder ocsp")
        with desk.client(server, tls_version, good).begin() as client:
            client.quit()
        server.wait_for_log("client cert 'CN = client' has 'good' (0) status according to OCSP responder at ")
        assert end_of(desk.client(server, tls_version, revoked)) == "broken"
        server.wait_for_log("client cert 'CN = client' has 'revoked' status due to: keyCompromise")
        server.wait_for_log(REVOKED)


def test_an_address_that_is_not_the_clients_ends_in_421(desk: Desk, tls_version: str) -> None:
    server = desk.server("TLSVerifyClient on", "TLSOptions iPAddressRequired dNSNameRequired")
    right, wrong = Draft(san=("127.0.0.1",)).sign(ROOT), Draft(san=("127.0.0.2",)).sign(ROOT)
    with desk.client(server, tls_version, right).begin() as client:
        client.expect(257, "PWD")
    server.wait_for_log("client cert iPAddress SAN matches client IP '127.0.0.1'")
    server.wait_for_log("reverse DNS off, disabling TLSOption dNSNameRequired")
    with desk.client(server, tls_version, wrong) as client:
        client.connect()
        client.auth()
        assert client.expect(421).text == "TLS handshake failed [client-cert-name]"
        client.expect_end()
    server.wait_for_log("client cert iPAddress SANs do not match client IP '127.0.0.1'")
    server.wait_for_log("TLS/TLS-C negotiation failed on control channel")


def test_control_and_data_show_the_same_certificate(desk: Desk, tls_version: str) -> None:
    server = desk.server("TLSVerifyClient on", "TLSOptions NoSessionReuseRequired")
    server.give("hello.txt", b"hello")
    shown, other = Draft().sign(ROOT), Draft(names=("other",)).sign(ROOT)
    with desk.client(server, tls_version, shown).begin() as client:
        connection = client.data()
        client.expect(150, "RETR hello.txt")
        own, client.context = client.context, desk.context(server, tls_version, other)
        connection.handshake(reuse=False)
        client.context = own
        assert client.expect(425).text == (
            "Unable to build data connection: the client certificate is not that of the control connection "
            "[data-certificate-mismatch]")
        server.wait_for_log("unable to open data connection: control/data certificate mismatch")
        assert client.retrieve("RETR hello.txt") == b"hello"


# ---- no password

def utf8(text: str) -> x509.UnrecognizedExtension:
    octets = text.encode()
    return x509.UnrecognizedExtension(ObjectIdentifier(OID), bytes([0x0C, len(octets)]) + octets)


@pytest.mark.parametrize(
    ("directive", "shown", "user", "line"),
    [
        ("CommonName", Draft(names=("bob", "alice")), "alice",
         "matched client cert CommonName 'alice' to user 'alice'"),
        ("EmailSubjAltName", Draft(san=("al@example.org",)), "al@example.org",
         "matched client cert Email SubjAltName 'al@example.org' to user 'al@example.org'"),
        (OID, Draft(more=((utf8("alice"), False),)), "alice",
         f"matched client cert {OID} extension 'alice' to user 'alice'"),
    ],
)
def test_tls_user_name(
    desk: Desk, tls_version: str, directive: str, shown: Draft, user: str, line: str
) -> None:
    server = desk.server(f"TLSUserName {directive}", users=(User(user), User("carol")))
    server.give("hello.txt", b"hello", user=user)
    with desk.client(server, tls_version, shown.sign(ROOT)) as client:
        client.connect()
        client.auth()
        assert client.command("USER carol").code == 331
        assert str(client.command(f"USER {user}")) == f"232 User {user} logged in"
        assert str(client.command(f"USER {user}")) == f"230 User {user} logged in"
        assert str(client.command("USER carol")) == "501 Reauthentication not supported"
        client.protect()
        client.expect(200, "TYPE I")
        assert client.retrieve("RETR hello.txt") == b"hello"
    server.wait_for_log(line)
    server.wait_for_log(f"TLS/X509 TLSUserName '{directive}' check successful for user '{user}'")
    server.wait_for_log(f"TLS/X509 TLSUserName '{directive}' check failed for user 'carol'")
    server.wait_for_log(f"USER {user}: Login successful.", log="system")


def test_a_client_that_sends_pass_all_the_same(desk: Desk, tls_version: str) -> None:
    server = desk.server("TLSUserName CommonName")
    with desk.client(server, tls_version, Draft(names=("alice",)).sign(ROOT)) as client:
        client.connect()
        client.auth()
        client.expect(232, "USER alice")
        assert str(client.command("PASS whatever")) == "230 User alice logged in"
        assert client.command("PASS whatever").code == 503
        client.expect(257, "PWD")


def test_the_password_still_counts_where_the_certificate_does_not(desk: Desk, tls_version: str) -> None:
    server = desk.server("TLSUserName CommonName", "TLSOptions AllowDotLogin")
    for shown in (None, Draft(names=("Alice",)).sign(ROOT), Draft(names=("alice",)).sign(),
                  Draft(names=("alice",), first=-2 * DAY, last=-DAY).sign(ROOT)):
        with desk.client(server, tls_version, shown) as client:
            client.connect()
            client.auth()
            client.expect(331, "USER alice")
            client.expect(530, "PASS wrong")
            client.expect(331, "USER alice")
            client.expect(230, "PASS secret")


def test_nobody_without_an_account_is_let_in(desk: Desk, tls_version: str) -> None:
    server = desk.server("TLSUserName CommonName")
    with desk.client(server, tls_version, Draft(names=("mallory",)).sign(ROOT)) as client:
        client.connect()
        client.auth()
        client.expect(331, "USER mallory")
        client.expect(530, "PASS secret")


def test_rules_that_hold_for_everybody(desk: Desk, tls_version: str) -> None:
    """A user whom RequireValidShell keeps out hears of it as everybody does: after PASS."""
    server = desk.server(
        "TLSUserName CommonName", directives=("RequireValidShell on",),
        users=(User(shell="/bin/no-shell"),))
    with desk.client(server, tls_version, Draft(names=("alice",)).sign(ROOT)) as client:
        client.connect()
        client.auth()
        client.expect(331, "USER alice")
        client.expect(530, "PASS secret")
    server.wait_for_log("Invalid shell", log="system")


@pytest.mark.parametrize("code", [232, 230])
def test_the_administrators_words_stand_at_232_too(desk: Desk, tls_version: str, code: int) -> None:
    server = desk.server("TLSUserName CommonName", directives=('AccessGrantMsg "Hello %u"',))
    shown = Draft(names=("alice",)).sign(ROOT) if code == 232 else None
    with desk.client(server, tls_version, shown) as client:
        client.connect()
        client.auth()
        assert str(client.login()) == f"{code} Hello alice"


def test_access_tables_hold_for_certificates_too(desk: Desk, tls_version: str) -> None:
    tables = desk.directory / "nobody"
    tables.write_text("ALL: ALL\n")
    server = desk.server(
        "TLSUserName CommonName", "TLSOptions AllowDotLogin", users=(User(), User("bob")), directives=(
            "WrapEngine on", f"WrapUserTables alice file:/nonexistent file:{tables}",
            'WrapDenyMsg "Not from there, %u"'))
    for shown, user in ((Draft(names=("alice",)).sign(ROOT), "alice"), (Draft(names=("whoever",)).sign(), "alice"),
                        (Draft(names=("bob",)).sign(ROOT), "bob")):
        server.give(".tlslogin", shown.certificate_pem).chmod(0o600)
        with desk.client(server, tls_version, shown) as client:
            client.connect()
            client.auth()
            reply = str(client.command(f"USER {user}"))
            if user == "bob":
                assert reply == "232 User bob logged in"
                continue
            assert reply == "530 Not from there, alice"
            client.expect_end()
    server.wait_for_log("USER alice (Login failed): access tables deny login [wrap-denied]", log="system")


def test_a_certificate_leads_a_member_of_an_anonymous_group_into_his_home_alone(
    desk: Desk, tls_version: str
) -> None:
    server = desk.server("TLSUserName CommonName", directives=("AnonymousGroup alice",))
    server.give("hello.txt", b"hello")
    with desk.client(server, tls_version, Draft(names=("alice",)).sign(ROOT)) as client:
        client.connect()
        client.auth()
        assert str(client.command("USER alice")) == "232 Anonymous access granted, restrictions apply"
        assert str(client.command("PWD")) == '257 "/" is the current directory'
        client.expect(250, "CWD /../..")
        client.protect()
        client.expect(200, "TYPE I")
        assert client.retrieve("RETR hello.txt") == b"hello"
        client.expect(550, f"RETR {server.home()}/hello.txt")


def test_dot_login(desk: Desk, tls_version: str) -> None:
    """Certificates that no authority of ours has signed: the user himself vouches for them."""
    shown, other = Draft(names=("whoever",)).sign(), Draft(names=("whoever",), key="other").sign()
    server = desk.server("TLSOptions AllowDotLogin")
    with desk.client(server, tls_version, shown) as client:
        client.connect()
        client.auth()
        client.expect(331, "USER alice")
    path = server.home() / ".tlslogin"
    server.wait_for_log(f".tlslogin check: unable to open '{path}': No such file or directory")
    server.give(".tlslogin", other.certificate_pem + shown.certificate_pem).chmod(0o600)
    with desk.client(server, tls_version, shown).begin() as client:
        client.expect(257, "PWD")
    server.wait_for_log("TLS/X509 .tlslogin check successful for user 'alice'")
    server.give(".tlslogin", other.certificate_pem)
    with desk.client(server, tls_version, shown) as client:
        client.connect()
        client.auth()
        client.expect(331, "USER alice")
    server.wait_for_log(".tlslogin local/remote certificate MISMATCH")
    server.wait_for_log("TLS/X509 .tlslogin check failed for user 'alice'")


def test_dot_login_is_no_way_to_read_others_files(desk: Desk, tls_version: str) -> None:
    shown = Draft(names=("whoever",)).sign()
    server = desk.server("TLSOptions AllowDotLogin")
    elsewhere = desk.directory / "elsewhere.pem"
    elsewhere.write_bytes(shown.certificate_pem)
    path = server.home() / ".tlslogin"
    path.symlink_to(elsewhere)
    with desk.client(server, tls_version, shown) as client:
        client.connect()
        client.auth()
        client.expect(331, "USER alice")
        server.wait_for_log(".tlslogin check: unable to open")
        path.unlink()
        os.mkfifo(path)
        client.expect(331, "USER alice")
        server.wait_for_log("not a regular file")


def test_a_certificate_counts_under_tls_only(desk: Desk, tls_version: str) -> None:
    """AUTH forgets the USER before it, as whom the certificate might not let anybody in."""
    server = desk.factory(tls=["TLSRequired off", "TLSUserName CommonName",
                               f"TLSCACertificateFile {_root(desk)}"])
    with desk.client(server, tls_version, Draft(names=("alice",)).sign(ROOT)) as client:
        client.connect()
        client.expect(331, "USER alice")
        client.auth()
        client.expect(503, "PASS whatever")
        client.expect(232, "USER alice")
        client.expect(257, "PWD")


def _root(desk: Desk) -> Path:
    path = desk.directory / "root.pem"
    path.write_bytes(ROOT.certificate_pem)
    return path

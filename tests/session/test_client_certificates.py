"""Client certificates against the running server: who is let in, and who needs no password."""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID, ObjectIdentifier

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


PARTNER = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://example.org/partner/alice")])
RULE = "$1 uri spiffe://example.org/partner/([a-z]+)"
SPIFFE = f"TLSUserRule {RULE}"


def test_rules_say_whose_a_certificate_is(desk: Desk, tls_version: str) -> None:
    server = desk.server(SPIFFE, "TLSUserRule carol CN carol-laptop", users=(User(), User("carol")))
    with desk.client(server, tls_version, Draft(more=((PARTNER, False),)).sign(ROOT)) as client:
        client.connect()
        client.auth()
        client.expect(331, "USER carol")
        assert str(client.command("USER alice")) == "232 User alice logged in"
        client.expect(257, "PWD")
    server.wait_for_log("check failed for user 'carol': the client cert is that of 'alice'")
    server.wait_for_log(f"TLS/X509 TLSUserRule '{RULE}' check successful for user 'alice'")
    for shown in (None, Draft(more=((PARTNER, False),)).sign(), Draft(names=("carol",)).sign(ROOT),
                  Draft(more=((PARTNER, False),), first=-2 * DAY, last=-DAY).sign(ROOT)):
        with desk.client(server, tls_version, shown) as client:
            client.connect()
            client.auth()
            client.expect(331, "USER alice")
            client.expect(530, "PASS wrong")


def tries(desk: Desk, server: RunningServer, version: str, shown: Identity | None, user: str, password: str) -> int:
    """The code of the reply that decides about a login."""
    with desk.client(server, version, shown) as client:
        client.connect()
        client.auth()
        first = client.command(f"USER {user}").code
        return first if first != 331 else client.command(f"PASS {password}").code


def test_who_needs_a_certificate_and_who_a_password(desk: Desk, tls_version: str) -> None:
    server = desk.server(
        "TLSUserName CommonName", SPIFFE, "TLSUserLogin both", "TLSUserLogin certificate bob",
        "TLSUserLogin either carol", users=(User(), User("bob"), User("carol")))
    own = {name: Draft(names=(name,)).sign(ROOT) for name in ("bob", "carol")}
    own["alice"] = Draft(more=((PARTNER, False),)).sign(ROOT)
    expected = {  # without a certificate, with somebody else's, with the own one; with that one and a wrong password
        "alice": [530, 530, 230, 530], "bob": [530, 530, 232, 232], "carol": [230, 230, 232, 232]}
    for user, codes in expected.items():
        other = own["bob" if user == "carol" else "carol"]
        shown = [(None, "secret"), (other, "secret"), (own[user], "secret"), (own[user], "wrong")]
        assert [tries(desk, server, tls_version, one, user, password) for one, password in shown] == codes
        assert tries(desk, server, tls_version, None, user, "wrong") == 530
    wants = "TLSUserLogin both wants a certificate of the user's beside the password"
    server.wait_for_log(f"USER alice (Login failed): {wants} [login-certificate-needed]", log="system")
    wants = "TLSUserLogin certificate wants a certificate, no password"
    server.wait_for_log(f"USER bob (Login failed): {wants}", log="system")


def test_an_alias_is_no_way_round_a_certificate(desk: Desk, tls_version: str) -> None:
    server = desk.server(
        "TLSUserName CommonName", "TLSUserLogin certificate alice", directives=("UserAlias al alice",))
    assert tries(desk, server, tls_version, None, "al", "secret") == 530
    assert tries(desk, server, tls_version, None, "alice", "secret") == 530
    assert tries(desk, server, tls_version, Draft(names=("al",)).sign(ROOT), "al", "-") == 232


def test_the_example_of_the_page(desk: Desk, tls_version: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "accounts.md").read_text("utf-8")
    found = re.search(r"^## With a certificate$.*?^```\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert found is not None
    authority = pki.authority("Partner CA", None, parts=((NameOID.ORGANIZATION_NAME, "Example"),))
    shown = {
        "alice": Draft(more=((PARTNER, False),)).sign(authority),
        "bob": Draft(names=("bob",), parts=((NameOID.ORGANIZATIONAL_UNIT_NAME, "Transfers"),)).sign(authority),
        "carol": Draft().sign(authority),
    }
    trusted = desk.directory / "partners.pem"
    trusted.write_bytes(authority.certificate_pem)
    fingerprint = shown["carol"].certificate.fingerprint(hashes.SHA256()).hex(":")
    text = found[1].replace("/etc/ftpsd", str(desk.directory))
    text = re.sub("(?<=fingerprint ).*", fingerprint.upper(), text)
    server = desk.factory(tls=["TLSRequired on", *text.splitlines()], users=[User(name) for name in shown])
    for user, code in (("alice", 230), ("bob", 230), ("carol", 232)):
        assert tries(desk, server, tls_version, shown[user], user, "secret") == code
        other = shown["bob" if user != "bob" else "alice"]
        assert tries(desk, server, tls_version, other, user, "secret") == 530


def test_neither_TLS_that_has_ended_nor_none_is_a_certificate(desk: Desk, tls_version: str) -> None:
    server = desk.factory(
        tls=["TLSRequired off", "TLSUserName CommonName", "TLSUserLogin both",
             f"TLSCACertificateFile {_root(desk)}"], users=(User(),))
    with desk.client(server, tls_version, None) as client:
        client.connect()
        client.expect(331, "USER alice")
        client.expect(530, "PASS secret")
    with desk.client(server, tls_version, Draft(names=("alice",)).sign(ROOT)) as client:
        client.connect()
        client.auth()
        client.expect(331, "USER alice")
        client.expect(230, "PASS secret")


def test_anonymous_logins_need_no_certificate(desk: Desk, tls_version: str) -> None:
    """But where they take a password."""
    server = desk.server("TLSUserName CommonName", "TLSUserLogin certificate", directives=(
        "<Anonymous ~guest>", "UserAlias anonymous guest", "User guest", "</Anonymous>",
        "<Anonymous ~shared>", "User shared", "AnonRequirePassword on", "</Anonymous>"),
        users=(User(), User("guest"), User("shared")))
    assert tries(desk, server, tls_version, None, "anonymous", "me@example.org") == 230
    assert tries(desk, server, tls_version, None, "alice", "secret") == 530
    own = Draft(names=("shared",)).sign(ROOT)
    shown = [(None, "secret"), (Draft(names=("alice",)).sign(ROOT), "secret"), (own, "wrong"), (own, "secret")]
    found = [tries(desk, server, tls_version, one, "shared", password) for one, password in shown]
    assert found == [530, 530, 530, 230]


def test_guests_of_a_section_need_their_own_certificates(desk: Desk, tls_version: str) -> None:
    """AuthUsingAlias: the password is the guest's, and so is what TLSUserLogin says; the section's User is nobody."""
    server = desk.server(
        "TLSUserName CommonName", "TLSOptions AllowDotLogin", "TLSUserLogin both", "TLSUserLogin either bob shared",
        directives=("<Anonymous ~shared>", "User shared", "UserAlias * shared", "AnonRequirePassword on",
                    "AuthUsingAlias on", "</Anonymous>"),
        users=(User(), User("bob"), User("shared")))
    own, other = (Draft(names=(name,), key=name).sign(ROOT) for name in ("alice", "bob"))
    path = server.home("shared") / ".tlslogin"
    path.write_bytes(other.certificate_pem)
    path.chmod(0o644)
    server.home("shared").chmod(0o755)
    assert [tries(desk, server, tls_version, one, "alice", "secret") for one in (None, other, own)] == [530, 530, 230]
    server.wait_for_log("check failed for user 'alice'")
    assert tries(desk, server, tls_version, own, "alice", "wrong") == 530
    assert [tries(desk, server, tls_version, None, "bob", word) for word in ("wrong", "secret")] == [530, 230]


@pytest.mark.parametrize("name", ["both ALICE", "both bob,Alice"])
def test_another_spelling_is_no_way_round_a_certificate(desk: Desk, tls_version: str, name: str) -> None:
    server = desk.server("TLSUserName CommonName", f"TLSUserLogin {name}", users=(User(), User("carol")))
    assert tries(desk, server, tls_version, None, "alice", "secret") == 530
    assert tries(desk, server, tls_version, None, "carol", "secret") == 230


def test_a_certificate_in_the_home_and_a_password(desk: Desk, tls_version: str) -> None:
    server = desk.server("TLSOptions AllowDotLogin", "TLSUserLogin both")
    own = Draft(names=("x",)).sign()
    path = server.home() / ".tlslogin"
    path.write_bytes(own.certificate_pem)
    path.chmod(0o644)
    server.home().chmod(0o755)
    shown = [(None, "secret"), (Draft(names=("y",), key="y").sign(), "secret"), (own, "wrong"), (own, "secret")]
    found = [tries(desk, server, tls_version, one, "alice", password) for one, password in shown]
    assert found == [530, 530, 530, 230]


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


@pytest.mark.parametrize(("directives", "reply"), [
    (("AuthAliasOnly on", "UserAlias ally alice"), 530),
    (("<Anonymous ~alice>", "User alice", "AnonRequirePassword on", "</Anonymous>"), 230),
    (("<Limit LOGIN>", "DenyUser alice", "</Limit>"), 530),
    (("Protocols ftp",), 530),
], ids=["no alias", "anonymous", "limit", "protocols"])
def test_a_certificate_opens_no_other_way_in(
    desk: Desk, tls_version: str, directives: tuple[str, ...], reply: int,
) -> None:
    """Who may log in, and under which name, is not for a certificate to say: its bearer hears what all others do."""
    server = desk.server("TLSUserName CommonName", "TLSOptions AllowDotLogin", directives=directives)
    shown = Draft(names=("alice",)).sign(ROOT)
    server.give(".tlslogin", shown.certificate_pem).chmod(0o600)
    with desk.client(server, tls_version, shown) as client:
        client.connect()
        client.auth()
        if directives == ("Protocols ftp",):  # what ends a login that was right ends this one
            client.expect(530, "USER alice")
            client.expect_end()
            return
        client.expect(331, "USER alice")
        client.expect(530, "PASS wrong")
        client.expect(331, "USER alice")
        client.expect(reply, "PASS secret")


def test_an_alias_may_be_what_the_certificate_says(desk: Desk, tls_version: str) -> None:
    server = desk.server("TLSUserName CommonName", directives=("AuthAliasOnly on", "UserAlias ally alice"))
    with desk.client(server, tls_version, Draft(names=("ally",)).sign(ROOT)) as client:
        client.connect()
        client.auth()
        assert str(client.command("USER ally")) == "232 User ally logged in"


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


@pytest.mark.parametrize("shown", [
    Draft(names=("whoever",), first=-2 * DAY, last=-DAY).sign(),
    Draft(names=("whoever",), first=DAY, last=2 * DAY).sign(),
    Draft(names=("whoever",), first=-2 * DAY, last=-DAY).sign(ROOT),
], ids=["expired", "not yet valid", "expired, of an authority"])
def test_dot_login_with_a_certificate_whose_time_is_not_now(desk: Desk, tls_version: str, shown: Identity) -> None:
    server = desk.server("TLSOptions AllowDotLogin")
    server.give(".tlslogin", shown.certificate_pem).chmod(0o600)
    with desk.client(server, tls_version, shown) as client:
        client.connect()
        client.auth()
        client.expect(331, "USER alice")
        client.expect(530, "PASS wrong")


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

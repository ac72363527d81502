"""Name-based virtual hosts: SNI, HOST and ALPN (semantics.md 2.19, RFC 7151)."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ftpsd.testing.client import ConnectionEnded, ScriptedClient
from ftpsd.testing.configs import ServerConfig, ServerFiles
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer, server_directory, start_ftpsd
from tests.tls.test_hello import client_hello, fragmented

HOSTS = """
<VirtualHost 127.0.0.1>
  ServerName "Second"
  Port PORT
  ServerAlias two.example.org *.wild.example.org
  AuthUserFile BASE/passwd
  AuthGroupFile BASE/group
  AuthOrder mod_auth_file.c
  RequireValidShell off
  DefaultRoot ~
  AllowOverwrite on
  TLSEngine on
  TLSLog BASE/tls.log
  TLSProtocol TLSv1.2 TLSv1.3
  TLSRequired on
  TLSCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256
  TLSECCertificateFile CERTIFICATE
  TLSECCertificateKeyFile KEY
  SECOND
</VirtualHost>
<VirtualHost 127.0.0.1>
  ServerName "Third"
  Port PORT
  ServerAlias plain.example.org
</VirtualHost>
"""


@dataclass(frozen=True)
class Named(ServerConfig):
    """Two more hosts on the port of the server config."""

    def text(self, files: ServerFiles) -> str:
        return super().text(files).replace("PORT", str(self.port))


@contextlib.contextmanager
def serving(
    certificates: Certificates, *, hosts: str = HOSTS, second: str = "", tls: tuple[str, ...] = (),
    required: str = "off",
) -> Iterator[RunningServer]:
    with server_directory() as files:
        leaf = certificates.authority.leaf("two.example.org", alternatives=("two.example.org",), kind="p256")
        written = leaf.write(files.directory, "two")
        hosts = hosts.replace("CERTIFICATE", str(written.certificate)).replace("KEY", str(written.key))
        config = Named(
            certificates.server, tls=(f"TLSRequired {required}", *tls),
            directives=("ServerAlias localhost one.example.org",), sections=hosts.replace("SECOND", second),
        )
        server = start_ftpsd(config, files, certificates.authority_file)
        try:
            server.give("hello.txt", b"hello")
            yield server
        finally:
            server.stop()


@pytest.fixture
def server(ftps_certificates: Certificates) -> Iterator[RunningServer]:
    with serving(ftps_certificates) as running:
        yield running


def client_for(server: RunningServer, name: str, version: str | None = None) -> ScriptedClient:
    client = server.client(version)
    client.name = name
    return client


def certificate_name(client: ScriptedClient) -> str:
    assert client.control.tls is not None
    found = client.control.tls.getpeercert()
    assert found is not None
    return str(found["subject"])


def test_sni_changes_certificate_ciphers_and_host(server: RunningServer, tls_version: str) -> None:
    with client_for(server, "two.example.org", tls_version).begin() as client:
        assert "two.example.org" in certificate_name(client)
        assert client.control.tls is not None
        cipher = client.control.tls.cipher()
        assert cipher is not None
        assert tls_version == "TLSv1.3" or cipher[0] == "ECDHE-ECDSA-AES128-GCM-SHA256"
        assert "Second" in str(client.command("STAT"))
        client.expect(534, "PROT C")
        for _ in range(3):
            assert client.retrieve("RETR hello.txt") == b"hello"
            client.store("STOR up", b"up")
        client.quit()


def test_sessions_do_not_cross_hosts(server: RunningServer, tls_version: str) -> None:
    with client_for(server, "two.example.org", tls_version).begin() as first:
        first.expect(200, "NOOP")
        with client_for(server, "localhost", tls_version) as second:
            second.context = first.context
            second.connect()
            second.expect(234, "AUTH TLS")
            second.handshake(session=first.next_session())
            assert not second.control.resumed


def test_data_connections_ignore_sni(server: RunningServer, tls_version: str) -> None:
    with client_for(server, "two.example.org", tls_version).begin() as client:
        client.name = "nobody.example.org"
        assert client.retrieve("RETR hello.txt") == b"hello"


def test_a_wildcard_alias(server: RunningServer) -> None:
    with server.client(tls=False) as client:
        client.expect(220)
        assert "(Second)" in client.expect(220, "HOST a.wild.example.org").text


REFUSED = [
    ("nobody.example.org", "UNRECOGNIZED_NAME",
     "no matching server found for client-sent SNI 'nobody.example.org', rejecting SSL/TLS connection"),
    ("plain.example.org", "UNRECOGNIZED_NAME", "TLSEngine not enabled for SNI 'plain.example.org', rejecting client"),
]


@pytest.mark.parametrize(("name", "alert", "line"), REFUSED)
def test_names_that_are_not_served(
    server: RunningServer, tls_version: str, name: str, alert: str, line: str
) -> None:
    with client_for(server, name, tls_version) as client:
        client.connect()
        client.expect(234, "AUTH TLS")
        with pytest.raises(ssl.SSLError) as caught:
            client.handshake()
        assert alert in str(caught.value)
    server.wait_for_log(line)
    server.wait_for_log("TLS/TLS-C negotiation failed on control channel")


def test_sni_must_be_what_host_said(server: RunningServer) -> None:
    with client_for(server, "localhost") as client:
        client.connect()
        client.expect(220, "HOST two.example.org")
        client.expect(234, "AUTH TLS")
        with pytest.raises(ssl.SSLError, match="ACCESS_DENIED"):
            client.handshake()
    server.wait_for_log(
        "warning: SNI 'localhost' does not match HOST 'two.example.org', rejecting SSL/TLS connection")


LIMITED = HOSTS + """
<Limit WRITE>
  DenyAll
</Limit>
"""


@pytest.mark.parametrize("early", [True, False])
def test_sni_takes_no_login_to_another_host(ftps_certificates: Certificates, tls_version: str, early: bool) -> None:
    """AllowPerUser: a login keeps the rules of the host that it was for."""
    with serving(ftps_certificates, hosts=LIMITED, tls=("TLSOptions AllowPerUser",)) as server:
        with client_for(server, "two.example.org", tls_version) as client:
            client.connect()
            client.login()
            client.expect(550, "MKD new")
            client.expect(234, "AUTH TLS")
            with pytest.raises(ssl.SSLError, match="ACCESS_DENIED"):
                client.handshake()
        server.wait_for_log(
            "SNI 'two.example.org' names another server than the one logged in to, rejecting SSL/TLS connection")
        with client_for(server, "localhost", tls_version) as client:
            client.connect()
            if early:
                client.login()
            client.auth()
            if not early:
                client.login()
            client.protect()
            client.expect(550, "STOR up")
            assert client.retrieve("RETR hello.txt") == b"hello"


@pytest.mark.parametrize(("own", "other", "private"), [
    ("off", "!data", False), ("!data", "off", True), ("off", "off", True), ("!data", "ctrl+!data", False)])
def test_the_host_of_the_name_says_whether_data_is_private(
    ftps_certificates: Certificates, tls_version: str, own: str, other: str, private: bool
) -> None:
    """AUTH SSL makes data connections private where PROT P could."""
    hosts = HOSTS.replace("TLSRequired on", f"TLSRequired {other}")
    with serving(ftps_certificates, hosts=hosts, required=own) as server, client_for(
        server, "two.example.org", tls_version) as client:
        client.connect()
        client.auth("SSL")
        client.login()
        client.private_data = private
        assert client.retrieve("RETR hello.txt") == b"hello"
        client.expect(200 if private else 534, "PROT P")


def test_host_then_the_same_sni(server: RunningServer, tls_version: str) -> None:
    with client_for(server, "two.example.org", tls_version) as client:
        client.connect()
        assert "(Second)" in client.expect(220, "HOST TWO.example.org").text
        client.auth()
        assert "(Second)" in client.expect(220, "HOST two.example.org").text
        client.expect(504, "HOST one.example.org")
        client.login()
        client.protect()
        assert client.retrieve("RETR hello.txt") == b"hello"
        client.expect(503, "HOST two.example.org")


def without_names(server: RunningServer, version: str | None = None) -> ssl.SSLContext:
    context = server.context(version)
    context.check_hostname = False
    return context


def test_host_chooses_the_certificate_of_a_client_without_sni(server: RunningServer) -> None:
    with server.client(context=without_names(server)) as client:
        client.name = "127.0.0.1"
        client.connect()
        client.expect(220, "HOST two.example.org")
        client.auth()
        assert "two.example.org" in certificate_name(client)
        client.expect(503, "HOST two.example.org")


def test_ignore_sni(ftps_certificates: Certificates) -> None:
    with serving(ftps_certificates, tls=("TLSOptions IgnoreSNI",)) as server, server.client(
        context=without_names(server)) as client:
        client.name = "two.example.org"
        client.begin()
        assert "localhost" in certificate_name(client)
        assert client.retrieve("RETR hello.txt") == b"hello"


def test_without_named_hosts_any_name_will_do(ftps_certificates: Certificates) -> None:
    with server_directory() as files:
        server = start_ftpsd(ServerConfig(ftps_certificates.server), files, ftps_certificates.authority_file)
        try:
            with server.client(context=without_names(server)) as client:
                client.name = "nobody.example.org"
                client.begin()
        finally:
            server.stop()


@pytest.mark.parametrize(("address", "served"), [("127.0.0.2", True), ("127.0.0.1", False)])
def test_names_count_only_where_a_host_has_one(
    ftps_certificates: Certificates, tls_version: str, address: str, served: bool
) -> None:
    """Any name will do at an address of which no host has a name, whatever names there are at others."""
    named = f"<VirtualHost {address}>\nPort PORT\nServerAlias two.example.org\n</VirtualHost>\n"
    with server_directory() as files:
        config = Named(ftps_certificates.server, sections=named)
        server = start_ftpsd(config, files, ftps_certificates.authority_file)
        try:
            context = server.context(tls_version)
            context.check_hostname = False
            with server.client(context=context) as client:
                client.name = "nobody.example.org"
                with contextlib.nullcontext() if served else pytest.raises((OSError, ConnectionEnded)):
                    client.begin()
        finally:
            server.stop()


@pytest.mark.parametrize(("name", "greeting"), [("nobody.example.org", "Test Server"), ("localhost", "Second")])
def test_names_of_addresses_choose_and_bind_nobody(
    ftps_certificates: Certificates, tls_version: str, name: str, greeting: str
) -> None:
    """ProFTPD 1.3.8 serves a client whose SNI is none of the names in <VirtualHost> and DefaultAddress."""
    second = HOSTS[:HOSTS.index("</VirtualHost>")].replace("127.0.0.1", "localhost").replace("CERTIFICATE", "FILE")
    second = second.replace("  ServerAlias two.example.org *.wild.example.org\n", "").replace("  SECOND\n", "")
    with server_directory() as files:
        leaf = ftps_certificates.authority.leaf("localhost", kind="p256").write(files.directory, "second")
        second = second.replace("FILE", str(leaf.certificate)).replace("KEY", str(leaf.key))
        config = Named(ftps_certificates.server, sections=f"{second}</VirtualHost>\n")
        server = start_ftpsd(config, files, ftps_certificates.authority_file)
        try:
            with server.client(context=without_names(server, tls_version)) as client:
                client.name = name
                client.begin()
                assert client.control.version == tls_version
                assert greeting in client.expect(211, "STAT").lines[0]
        finally:
            server.stop()


@pytest.mark.parametrize(("command", "code", "text"), [
    ("HOST", 500, "'HOST' not understood"), ("HOST a b", 500, "'HOST' not understood"),
    ("HOST nobody.example.org", 504, "nobody.example.org: Unknown hostname provided"),
    ("HOST 127.0.0.1", 220, "HOST command successful"), ("HOST [::1]", 220, "HOST command successful"),
    ("HOST [127.0.0.1]", 501, "[127.0.0.1]: Invalid IPv6 address provided"),
    ("HOST two.example.org:21", 501, "two.example.org:21: Invalid hostname provided"),
])
def test_host_as_proftpd_answers(server: RunningServer, command: str, code: int, text: str) -> None:
    with server.client(tls=False) as client:
        client.expect(220)
        assert client.expect(code, command).text == text


def test_host_changes_the_policy(server: RunningServer) -> None:
    with server.client(tls=False) as client:
        client.expect(220)
        client.expect(331, "USER alice")
        client.expect(220, "HOST two.example.org")
        client.expect(550, "PASS secret")
        client.expect(220, "HOST plain.example.org")
        client.expect(500, "AUTH TLS")


def test_another_host_forgets_user(ftps_certificates: Certificates) -> None:
    """PASS would get around what the new host says of that user at USER."""
    second = "IfSessionOptions PerUnauthenticatedUser\nTLSRequired off\n<IfUser alice>\nTLSRequired on\n</IfUser>"
    with serving(ftps_certificates, hosts=HOSTS.replace("  TLSRequired on\n", ""), second=second) as server, \
            server.client(tls=False) as client:
        client.expect(220)
        client.expect(331, "USER alice")
        client.expect(220, "HOST two.example.org")
        assert client.expect(503, "PASS secret").text == "Login with USER first"
        client.expect(331, "USER alice")
        client.expect(550, "PASS secret")
        client.expect(220, "HOST two.example.org")
        client.expect(550, "PASS secret")
        client.expect(220, "HOST localhost")
        client.expect(331, "USER alice")
        client.expect(220, "HOST one.example.org")
        client.expect(230, "PASS secret")


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_hello_in_pieces(server: RunningServer, size: int) -> None:
    """Small segments and small records: the name is found all the same."""
    with socket.create_connection((server.address, server.port), 10) as sock:
        assert sock.recv(4096).startswith(b"220")
        sock.sendall(b"AUTH TLS\r\n")
        assert sock.recv(4096).startswith(b"234")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        data = fragmented(client_hello("nobody.example.org"), 100)
        for at in range(0, len(data), size):
            sock.sendall(data[at:at + size])
        assert sock.recv(7) == b"\x15\x03\x03\x00\x02\x02\x70"
        assert sock.recv(4096).startswith(b"421")
    server.wait_for_log("no matching server found for client-sent SNI 'nobody.example.org'")


def test_a_hello_that_never_ends(ftps_certificates: Certificates) -> None:
    with serving(ftps_certificates, tls=("TLSTimeoutHandshake 1",)) as server, socket.create_connection(
        (server.address, server.port), 10
    ) as sock:
        assert sock.recv(4096).startswith(b"220")
        sock.sendall(b"AUTH TLS\r\n")
        assert sock.recv(4096).startswith(b"234")
        sock.sendall(client_hello("two.example.org")[:50])
        assert sock.recv(4096).startswith(b"421")
        server.wait_for_log("TLS negotiation timed out (1 seconds)")


@pytest.mark.parametrize(("offered", "chosen"), [(["ftp"], "ftp"), (["http/1.1", "ftp"], "ftp"), ([], None)])
def test_alpn(server: RunningServer, tls_version: str, offered: list[str], chosen: str | None) -> None:
    context = server.context(tls_version)
    if offered:
        context.set_alpn_protocols(offered)
    with server.client(context=context).begin() as client:
        assert client.control.tls is not None
        assert client.control.tls.selected_alpn_protocol() == chosen


def test_foreign_alpn_is_refused_unless_alpn_is_off(
    ftps_certificates: Certificates, tls_version: str
) -> None:
    for line, refused in (("TLSNextProtocol on", True), ("TLSNextProtocol off", False)):
        with serving(ftps_certificates, tls=(line,)) as server:
            context = server.context(tls_version)
            context.set_alpn_protocols(["h2", "http/1.1"])
            with server.client(context=context) as client:
                client.connect()
                client.expect(234, "AUTH TLS")
                if not refused:
                    client.handshake()
                    continue
                with pytest.raises((ssl.SSLError, ConnectionEnded)):
                    client.handshake()



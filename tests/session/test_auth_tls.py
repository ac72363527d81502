"""How TLS begins on the control connection, what it protects from then on, and how its beginning fails."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest

from ftpsd.testing.client import ScriptedClient, client_context
from ftpsd.testing.plugin import Certificates
from tests.native.openssl_support import renegotiation_is_told
from tests.session.hosts import Hosts, serving
from tests.session.talk import converse

TLS = "TLSEngine on\n@CERTIFICATE@\nTLSRequired off\nTLSLog @HOME@/../{name}.log\n"
FORBIDDEN = "534 Unwilling to accept security parameters [prot-refused]"


def host(name: str, *lines: str) -> str:
    """A host with TLS and a TLSLog of its own; a line of its own comes before ours of the same name."""
    own = {line.split()[0] for line in lines}
    usual = [line for line in TLS.format(name=name).splitlines() if line.split()[0] not in own]
    return "\n".join([*lines, *usual])


NAMES = (
    ("off", "TLSRequired off"), ("data", "TLSRequired data"), ("nodata", "TLSRequired !data"),
    ("ctrl", "TLSRequired ctrl+!data"), ("auth", "TLSRequired auth"),
)
HOSTS = {name: host(name, *lines) for name, *lines in NAMES} | {
    "implicit": host("implicit", "TLSOptions UseImplicitSSL"),
    "implicit-nodata": host("implicit-nodata", "TLSOptions UseImplicitSSL", "TLSRequired !data"),
    "implicit-bare": "TLSEngine on\nTLSOptions UseImplicitSSL\nTLSLog @HOME@/../implicit-bare.log",
    "bare": "TLSEngine on\nTLSRequired off\nTLSLog @HOME@/../bare.log",
    "ciphers": host("ciphers", "TLSProtocol TLSv1.2", "TLSCipherSuite ECDHE-RSA-AES256-GCM-SHA384"),
    "disabled": host("disabled", "TLSProtocol TLSv1.2"),
    "impatient": host("impatient", "TLSTimeoutHandshake 1"),
    "closed": host("closed"),
    "vanished": host("vanished"),
    "single": host("single", "TLSRequired data"),
    "garbage": host("garbage"),
    "verify": host("verify", "TLSVerifyClient on", "TLSCACertificateFile @HOME@/../root.pem"),
    "depth": host("depth", "TLSVerifyClient on", "TLSVerifyDepth 0", "TLSCACertificateFile @HOME@/../root.pem"),
}


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """One host per way to configure TLS."""
    root = str(ftps_certificates.authority_file)
    named = {name: lines.replace("@HOME@/../root.pem", root) for name, lines in HOSTS.items()}
    with serving(ftps_certificates, named, own_tls=True) as running:
        running.server.give("file.txt", b"hello")
        yield running


# -- AUTH, PBSZ, PROT


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize(("word", "echoed", "private"), [
    ("TLS", "TLS", False), ("tls", "TLS", False), ("TLS-C", "TLS-C", False), ("SSL", "SSL", True),
    ("TLS-P", "TLS-P", True), ("ssl", "SSL", True), ("TLS x", "TLS", False),
])
def test_words_of_auth(hosts: Hosts, version: str, word: str, echoed: str, private: bool) -> None:
    with hosts.client("off", version) as client:
        client.connect()
        assert client.auth(word).text == f"AUTH {echoed} successful"
        converse(client, """
            AUTH TLS => 503 Unwilling to accept second AUTH [auth-twice]
            PBSZ 0 => 200 PBSZ 0 successful
            USER alice => 331 Password required for alice
            PASS secret => 230 User alice logged in
        """)
        client.private_data = private
        assert client.retrieve("RETR file.txt") == b"hello"
        client.private_data = False
        client.expect(200, "PROT C")
        assert client.retrieve("RETR file.txt") == b"hello"
        client.protect()
        assert client.retrieve("RETR file.txt") == b"hello"
        client.quit()


def test_what_the_log_says_of_a_session(hosts: Hosts) -> None:
    with hosts.client("single", "TLSv1.3").begin() as client:
        converse(client, f"PROT C => {FORBIDDEN}\nAUTH TLS => 503 Unwilling to accept second AUTH [auth-twice]")
        client.retrieve("RETR file.txt")
        client.retrieve("RETR file.txt")
        client.quit()
    log = hosts.log("single")
    expected = [
        "TLS/TLS-C requested, starting TLS handshake",
        *(["client supports secure renegotiations"] if renegotiation_is_told("TLSv1.3") else []),
        "TLSv1.3 connection accepted, using cipher TLS_AES_256_GCM_SHA384 (256 bits)",
        "Protection set to Private",
        "PROT: unwilling to accept security parameter (C), declining [prot-refused]",
        "Unwilling to accept AUTH after AUTH for this session [auth-twice]",
        "client reused SSL session for data connection",
        "TLSv1.3 data connection accepted, using cipher TLS_AES_256_GCM_SHA384 (256 bits, resumed session)",
        "client reused SSL session for data connection",
    ]
    found = [line.replace("reused TLS session", "reused SSL session") for line in log]
    assert found == expected


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_what_prot_and_a_transfer_may_be(hosts: Hosts, version: str) -> None:
    """For each TLSRequired a sample of: PROT C, PROT P, then LIST with what is in force."""
    needed = "522 SSL/TLS required on the data channel [tls-required-data]"
    clear, private = "200 Protection set to Clear", "200 Protection set to Private"
    cases = (
        ("off", "", clear, private, True), ("data", needed, FORBIDDEN, private, True),
        ("nodata", "", clear, FORBIDDEN, False), ("ctrl", "", clear, FORBIDDEN, False),
        ("auth", "", clear, private, True),
    )
    for name, refused, after_c, after_p, ends_private in cases:
        with hosts.client(name, version) as client:
            client.connect()
            client.auth()
            client.login()
            if refused:
                converse(client, f"LIST => {refused}")
            converse(client, f"PROT C => {after_c}\nPROT P => {after_p}")
            client.private_data = ends_private
            assert client.retrieve("RETR file.txt") == b"hello", name
            client.quit()


def test_before_tls(hosts: Hosts) -> None:
    with hosts.connected("ctrl") as client:
        converse(client, "PWD => 550 SSL/TLS required on the control channel [tls-required-control]")
    with hosts.connected("auth") as client:
        converse(client, """
            NOOP => 200 NOOP command successful
            USER alice => 550 SSL/TLS required on the control channel [tls-required-control]
            PASS secret => 550 SSL/TLS required on the control channel [tls-required-control]
            PWD => 530 Please login with USER and PASS
        """)
    with hosts.logged_in("data") as client:
        converse(client, """
            PWD => 257 "/" is the current directory
            LIST => 522 SSL/TLS required on the data channel [tls-required-data]
            STAT file.nothere => 450 file.nothere: No such file or directory
        """)
    hosts.wait_for("auth", "SSL/TLS required but absent for authentication, denying USER command")
    hosts.wait_for("ctrl", "SSL/TLS required but absent on control channel, denying PWD command")


def test_without_certificates(hosts: Hosts) -> None:
    with hosts.connected("bare") as client:
        assert "AUTH TLS" in str(client.command("FEAT"))
        converse(client, """
            AUTH TLS => 431 Necessary security resource unavailable [no-certificate]
            AUTH SSL => 431 Necessary security resource unavailable [no-certificate]
            PBSZ 0 => 500 PBSZ not understood
            PROT P => 500 PROT not understood
            CCC => 530 Please login with USER and PASS
            USER alice => 331 Password required for alice
            PASS secret => 230 User alice logged in
            AUTH TLS => 431 Necessary security resource unavailable [no-certificate]
        """)
    hosts.wait_for("bare", "Unable to accept AUTH TLS due to lack of certificates")


# -- implicit TLS


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_implicit_tls(hosts: Hosts, version: str) -> None:
    with hosts.client("implicit", version) as client:
        client.connect(implicit=True)
        converse(client, """
            AUTH TLS => 503 Unwilling to accept second AUTH [auth-twice]
            USER alice => 331 Password required for alice
            PASS secret => 230 User alice logged in
        """)
        assert client.retrieve("RETR file.txt") == b"hello"
        client.protect()
        assert client.retrieve("RETR file.txt") == b"hello"
        client.protect("C")
        assert client.retrieve("RETR file.txt") == b"hello"
        client.quit()
    with hosts.client("implicit-nodata", version) as client:
        client.connect(implicit=True)
        client.login()
        client.private_data = False
        assert client.retrieve("RETR file.txt") == b"hello"
    assert hosts.log("implicit")[0] == "TLSOption UseImplicitSSL in effect, starting SSL/TLS handshake"


def test_implicit_tls_with_clients_and_hosts_that_cannot(hosts: Hosts) -> None:
    with hosts.client("implicit") as client:
        client.send(b"USER alice\r\n")
        assert client.expect(421).text == "TLS handshake failed [not-tls]"
        client.expect_end()
    hosts.wait_for("implicit", "implicit SSL/TLS negotiation failed on control channel")
    with hosts.client("implicit-bare") as client:
        assert client.read_reply().code in (421, 431)
        client.expect_end()


# -- handshakes that fail


def begin(hosts: Hosts, name: str, context: ssl.SSLContext | None = None) -> ScriptedClient:
    """A client that has got its 234."""
    client = hosts.client(name)
    client.context = context or hosts.server.context()
    client.connect()
    client.expect(234, "AUTH TLS")
    return client


def refused_in_clear(client: ScriptedClient, code: str) -> None:
    """Alerts may come first; then the 421 in clear with the reason `code`, and the end."""
    received = b""
    client.control.socket.settimeout(10)
    try:
        while chunk := client.control.socket.recv(4096):
            received += chunk
    except ConnectionResetError:
        pass
    assert received.endswith(f"421 TLS handshake failed [{code}]\r\n".encode()), received


UNABLE = "unable to accept TLS connection: "
FAILED = "TLS/TLS-C negotiation failed on control channel"


def test_no_shared_cipher(hosts: Hosts) -> None:
    context = client_context(hosts.server.authority, version="TLSv1.2")
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    with begin(hosts, "ciphers", context) as client:
        client.control.begin_tls(context)
        refused_in_clear(client, "no-shared-cipher")
    log = hosts.wait_for("ciphers", FAILED)
    assert log[:2] == ["TLS/TLS-C requested, starting TLS handshake", UNABLE + "protocol error: "]
    assert log[2].startswith("(1) error:0A0000C1:SSL routines::no shared cipher")
    assert log[3].startswith(
        UNABLE + "client does not support any cipher from 'TLSCipherSuite ECDHE-RSA-AES256-GCM-SHA384")
    assert log[3].endswith("for full list)")


def test_disabled_protocol(hosts: Hosts) -> None:
    context = client_context(hosts.server.authority, version="TLSv1.3")
    with begin(hosts, "disabled", context) as client:
        client.control.begin_tls(context)
        refused_in_clear(client, "protocol-disabled")
    log = hosts.wait_for("disabled", FAILED)
    assert any("unsupported protocol" in line for line in log)
    assert UNABLE + "perhaps client requested disabled TLS protocol version: SSLv3 TLSv1 TLSv1.1 TLSv1.3" in log


def test_an_end_in_the_middle(hosts: Hosts) -> None:
    with begin(hosts, "closed") as client:
        assert client.context is not None
        client.control.begin_tls(client.context)
        client.control.socket.shutdown(socket.SHUT_WR)
        refused_in_clear(client, "handshake-eof")
    log = hosts.wait_for("closed", FAILED)
    assert UNABLE + "received EOF that violates protocol" in log
    with begin(hosts, "vanished") as client:
        client.close("rst")
    log = hosts.wait_for("vanished", FAILED)
    assert any(line.startswith(UNABLE) for line in log)


def test_what_is_no_tls(hosts: Hosts) -> None:
    with begin(hosts, "garbage") as client:
        client.send(b"USER alice\r\n")
        refused_in_clear(client, "not-tls")
    log = hosts.wait_for("garbage", FAILED)
    assert log[2].startswith("(1) error:0A00010B:SSL routines::wrong version number")
    assert log[3] == UNABLE + "what the client sent is not TLS"


def test_a_handshake_that_takes_too_long(hosts: Hosts) -> None:
    with begin(hosts, "impatient") as client:
        refused_in_clear(client, "handshake-timeout")
    assert hosts.wait_for("impatient", FAILED) == [
        "TLS/TLS-C requested, starting TLS handshake", "TLS negotiation timed out (1 seconds)",
        "unable to accept TLS connection: the client asked for TLS and sent no TLS hello",
        f"{FAILED} [handshake-timeout]",
    ]


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_client_certificates_that_are_missing_or_too_deep(
    hosts: Hosts, ftps_certificates: Certificates, version: str
) -> None:
    own = ftps_certificates.client
    cases = (
        ("verify", client_context(hosts.server.authority, version=version),
         "client did not provide certificate, but one is required via 'TLSVerifyClient on'"),
        ("depth", client_context(
            hosts.server.authority, version=version, certificate=own.certificate, key=own.key),
         "certificate chain too long"),
    )
    for name, context, reason in cases:
        with begin(hosts, name, context) as client:
            client.control.begin_tls(context)
            with pytest.raises((ssl.SSLError, ConnectionError)):  # noqa: PT012 (1.3: after the handshake)
                client.control.finish_tls()
                client.control.read()
        log = hosts.wait_for(name, FAILED)
        assert any(reason in line for line in log), log
    context = client_context(
        hosts.server.authority, version=version, certificate=own.certificate, key=own.key)
    with begin(hosts, "verify", context) as client:
        client.handshake()
        client.expect(200, "NOOP")
    assert any(line.startswith("Client: ") for line in hosts.log("verify"))

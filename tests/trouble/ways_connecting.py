"""How troubles with connecting, with policies and with starts are made."""

from __future__ import annotations

import contextlib
import socket
import ssl

import pytest

from ftpsd import settings
from ftpsd.native import _openssl
from ftpsd.session.service import Service
from ftpsd.testing.client import ConnectionEnded
from ftpsd.testing.configs import ServerConfig
from ftpsd.testing.server import RunningServer, server_directory
from tests.seeds.support import failed_auth, flag, s_client
from tests.seeds.test_questions_secrets import fips_module
from tests.trouble.stage import BOTH, CLIENTS, Scene, way

IMPATIENT = "TLSTimeoutHandshake 1"


@way("plain-client")
def plain_client(scene: Scene) -> None:
    server = scene.server("TLSRequired on")
    with server.client(tls=False) as client:
        client.connect()
        scene.say("reply", client.command("USER alice"))


@way("implicit-client", *BOTH)
def implicit_client(scene: Scene) -> None:
    server = scene.server("TLSRequired on")
    with socket.create_connection((server.address, server.port), 10) as sock, contextlib.suppress(ssl.SSLError):
        scene.context(server).wrap_socket(sock, server_hostname="localhost").close()
        pytest.fail("the handshake cannot succeed")


@way("explicit-client-at-990")
def explicit_client_at_990(scene: Scene) -> None:
    server = scene.server("TLSRequired on", "TLSOptions UseImplicitSSL", IMPATIENT)
    with server.client(tls=False) as client:
        scene.say("reply", client.read_reply())


@way("disabled-version", *BOTH)
def disabled_version(scene: Scene) -> None:
    (other,) = set(BOTH) - {scene.version}
    server = scene.server("TLSRequired on", f"TLSProtocol {other}")
    scene.handshake(server, scene.context(server))


@way("sslv2")
def sslv2(scene: Scene) -> None:
    config = ServerConfig(scene.stage.certificates.server, tls=["TLSProtocol SSLv2"])
    scene.say("start", scene.stage.refused(config))
    scene.check_text("Include @/base.conf\nInclude @/tls.conf\nTLSProtocol SSLv2\n")


CIPHERS = {
    "TLSv1.2": (("TLSProtocol TLSv1.2", "TLSCipherSuite ECDHE-RSA-CHACHA20-POLY1305"), ("-cipher",
    "AES256-GCM-SHA384")),
    "TLSv1.3": (("TLSProtocol TLSv1.3", "TLSCipherSuite TLSv1.3 TLS_CHACHA20_POLY1305_SHA256"),
                ("-ciphersuites", "TLS_AES_256_GCM_SHA384")),
}


@way("no-shared-cipher", *BOTH)
def no_shared_cipher(scene: Scene) -> None:
    ours, theirs = CIPHERS[scene.version]
    server = scene.server("TLSRequired on", *ours)
    assert "handshake failure" in s_client(server, scene.stage.directory, flag(scene.version), *theirs)


@way("no-certificate")
def no_certificate(scene: Scene) -> None:
    server = scene.server(without_tls=True, directives=["TLSEngine on"], sections="TLSLog BASE/tls.log\n")
    with server.client(tls=False) as client:
        client.connect()
        scene.say("reply", client.command("AUTH TLS"))
    scene.check("cert-of-a-virtual-host-missing")


@way("bad-certificate-file")
def bad_certificate_file(scene: Scene) -> None:
    bad = scene.stage.file("bad.pem", b"no PEM at all\n")
    tls = [f"TLSRSACertificateFile {bad}", f"TLSRSACertificateKeyFile {scene.stage.certificates.server.key}"]
    scene.say("start", scene.stage.refused(ServerConfig(scene.stage.certificates.server, tls=tls)))
    scene.check("cert-no-certificate-in-it")


@way("eof")
def eof(scene: Scene) -> None:
    """A device on the way, here the client, ends the connection once the handshake has begun."""
    failed_auth(scene.server("TLSRequired on"), None)


@way("asked-for-certificate", *BOTH)
def asked_for_certificate(scene: Scene) -> None:
    """The client says hello, reads the server's answer with the question, and goes."""
    trusted = scene.stage.file("clients.pem", CLIENTS.certificate_pem)
    server = scene.server("TLSRequired on", f"TLSCACertificateFile {trusted}")
    with server.client(tls=False) as client:
        client.connect()
        client.expect(234, "AUTH TLS")
        client.control.begin_tls(scene.context(server))
        assert client.control.socket.recv(1 << 16)
        client.control.socket.shutdown(socket.SHUT_WR)
        while client.control.socket.recv(1 << 16):
            pass


@way("gnutls-8-9", *BOTH)
def gnutls(scene: Scene) -> None:
    server = scene.server("TLSRequired on", users=["alice", "homeless"])
    with contextlib.suppress(FileNotFoundError):
        server.home("homeless").rmdir()
    with scene.client(server) as client:
        client.connect()
        client.auth()
        client.expect(331, "USER homeless")
        client.expect(530, "PASS secret")


@way("silent-client")
def silent_client(scene: Scene) -> None:
    server = impatient(scene)
    with server.client(tls=False) as client:
        client.connect()
        client.expect(234, "AUTH TLS")
        client.expect(421)


def impatient(scene: Scene, address: str = "127.0.0.1") -> RunningServer:
    """A server that waits for handshakes no longer than a second, and lets servers talk to each other."""
    return scene.server(
        "TLSRequired off", "TLSOptions NoSessionReuseRequired", IMPATIENT, directives=["AllowForeignAddress on"],
        address=address)


@way("cannot-enforce-both")
def cannot_enforce_both(scene: Scene) -> None:
    tls = ["TLSRequired on", "TLSOptions AllowPerUser"]
    scene.say("start", scene.stage.refused(ServerConfig(scene.stage.certificates.server, tls=tls)))
    scene.check("config-per-user-conflict")


@way("per-user")
def per_user(scene: Scene) -> None:
    server = scene.server(
        "TLSOptions AllowPerUser", "TLSRequired off", sections="<IfUser alice>\nTLSRequired on\n</IfUser>\n")
    with server.client(tls=False) as client:
        client.connect()
        client.expect(331, "USER alice")
        scene.say("reply", client.command("PASS secret"))
        with pytest.raises(ConnectionEnded):
            client.command("NOOP")


@way("auth-too-late")
def auth_too_late(scene: Scene) -> None:
    server = scene.server("TLSRequired off")
    with server.client(tls=False) as client:
        client.connect()
        client.login()
        client.expect(534, "AUTH TLS")


@way("ftps-not-allowed")
def ftps_not_allowed(scene: Scene) -> None:
    server = scene.server("TLSRequired off", directives=["Protocols ftps"])
    with server.client(tls=False) as client:
        client.connect()
        client.expect(331, "USER alice")
        client.expect(530, "PASS secret")


@way("fips")
def fips(scene: Scene) -> None:
    if fips_module().exists():
        pytest.skip("this OpenSSL has its FIPS provider: nothing fails")
    config = ServerConfig(scene.stage.certificates.server)
    scene.say("start", scene.stage.refused(config, "-D", "TLS_USE_FIPS"))


@way("header-mismatch")
def header_mismatch(scene: Scene) -> None:
    scene.patch.setattr(_openssl, "header_version", lambda: "OpenSSL 3.9.1 1 Jan 2030")
    with server_directory() as files:
        ServerConfig(scene.stage.certificates.server, port=2121).write(files)
        service = Service(settings.load(str(files.configuration)))
        try:
            service.prepare()
            scene.say("system log", "\n".join(service.notices))
        finally:
            service.close()


@way("wrong-password", *BOTH)
def wrong_password(scene: Scene) -> None:
    server = scene.server("TLSRequired on")
    with scene.client(server) as client:
        client.connect()
        client.auth()
        for user, password in (("alice", "wrong"), ("nobody-here", "secret")):
            client.expect(331, f"USER {user}")
            scene.say("reply", client.command(f"PASS {password}"))


@way("shell")
def shell(scene: Scene) -> None:
    server = strict(scene)
    line = (server.files.directory / "passwd").read_text().replace("/bin/sh", "/bin/nonsense")
    (server.files.directory / "passwd").write_text(line)
    with scene.client(server) as client:
        client.connect()
        client.auth()
        client.expect(331, "USER alice")
        client.expect(530, "PASS secret")
    scene.check("auth-file-odd-users")


def strict(scene: Scene) -> RunningServer:
    return scene.server("TLSRequired on", directives=["RequireValidShell on", "MaxClientsPerHost 1"])


@way("too-many")
def too_many(scene: Scene) -> None:
    server = scene.server("TLSRequired on", directives=["MaxClientsPerHost 1"])
    with scene.client(server).begin(), scene.client(server) as second:
        second.connect()
        second.auth()
        reply = second.command("USER alice")
        scene.say("reply", second.command("PASS secret") if reply.code == 331 else reply)


@way("permission")
def permission(scene: Scene) -> None:
    server = scene.server("TLSRequired on", sections="EventLog BASE/events.json\n")
    closed = server.home() / "closed"
    if not closed.exists():
        server.give_directory("closed")
    closed.chmod(0o500)
    with scene.client(server).begin() as client:
        client.send_line("STOR closed/up")
        scene.say("reply", client.read_reply())
    closed.chmod(0o700)

"""How troubles with data connections and transfers are made."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from typing import Any

import pytest

from ftpsd.testing.client import ScriptedClient, parse_epsv
from ftpsd.testing.ports import free_port
from ftpsd.testing.server import RunningServer
from tests.diag.probe.ask import ask
from tests.diag.probe.fake import FakeServer, Faults
from tests.seeds.support import NO_REUSE
from tests.seeds.test_questions_fxp import begun, fxp
from tests.session.inprocess import one_session, system_log
from tests.trouble.stage import BOTH, Scene, way
from tests.trouble.ways_connecting import impatient


def usual(scene: Scene) -> RunningServer:
    return scene.server("TLSRequired on")


def transfer(scene: Scene, client: ScriptedClient, command: str, text: bytes | None = None) -> None:
    """A transfer whose data connection stays in clear; the reply behind the 150."""
    stream = client.data().establish()
    client.expect(150, command)
    if text is not None:
        stream.write(text)
    scene.say("reply", client.read_reply())


@way("not-resumed", *BOTH)
def not_resumed(scene: Scene) -> None:
    with scene.client(usual(scene)).begin() as client:
        connection = client.data()
        client.expect(150, "LIST")
        with contextlib.suppress(OSError):
            connection.handshake(reuse=False).read_all()
        scene.say("reply", client.read_reply())


def probed(scene: Scene, port: int, **options: Any) -> None:
    authority = scene.stage.certificates.authority_file
    _, verdicts = ask(port, authority, ciphers=False, directory="/", **options)
    for verdict in verdicts:
        scene.say("probe", f"[{verdict.code}] {verdict.text}")


def fake(scene: Scene, faults: Faults) -> None:
    files = scene.stage.written("fake", scene.stage.certificates.authority.leaf("localhost"))
    server = FakeServer(files.certificate, files.key, faults)
    try:
        probed(scene, server.port)
    finally:
        server.close()


@way("tickets-run-dry")
def tickets_run_dry(scene: Scene) -> None:
    fake(scene, Faults())


@way("close-notify")
def close_notify(scene: Scene) -> None:
    fake(scene, Faults(bare_ends=True))


@way("after-a-large-file")
def after_a_large_file(scene: Scene) -> None:
    scene.check("session-cache-short")


@way("prot-clear", *BOTH)
def prot_clear(scene: Scene) -> None:
    with scene.client(usual(scene)).begin() as client:
        scene.say("reply", client.command("PROT C"))


@way("no-prot", *BOTH)
def no_prot(scene: Scene) -> None:
    with scene.client(usual(scene)) as client:
        client.connect()
        client.auth()
        client.login()
        client.data()
        scene.say("reply", client.command("LIST"))


@way("hang-on-list", *BOTH)
def hang_on_list(scene: Scene) -> None:
    with scene.client(impatient(scene)).begin() as client:
        transfer(scene, client, "LIST")


@way("plain-data", *BOTH)
def plain_data(scene: Scene) -> None:
    server = usual(scene)
    with scene.client(server).begin() as client:
        transfer(scene, client, "STOR plain.txt", b"plain text, no handshake")
    assert not (server.home() / "plain.txt").exists()


def never_connected(scene: Scene, *directives: str, peer: str | None = None) -> None:
    """A client that does not come to the passive port; `peer` is where the session believes it to be."""
    scene.patch.setattr("ftpsd.session.transfer.CONNECT_TIMEOUT", 0.2)
    with one_session(directives) as served:
        client = served.client
        client.connect()
        client.login()
        client.expect(227, "PASV")
        if peer is not None:
            scene.patch.setattr(type(served.session()), "peer", peer)
        scene.say("reply", client.command("LIST"))
        client.expect(200, "NOOP")
        scene.say("system log", system_log(served))


@way("firewall")
def firewall(scene: Scene) -> None:
    never_connected(scene)


@way("nat")
def nat(scene: Scene) -> None:
    never_connected(scene, "MasqueradeAddress 10.0.0.5", peer="203.0.113.9")
    scene.check("masquerade-private")
    server = scene.server("TLSRequired on", directives=["MasqueradeAddress 10.0.0.5"])
    probed(scene, server.port, timeout=3.0)


@way("ccc", *BOTH)
def ccc(scene: Scene) -> None:
    with scene.client(usual(scene)).begin() as client:
        scene.say("reply", client.command("CCC"))


@way("active-behind-nat", *BOTH)
def active_behind_nat(scene: Scene) -> None:
    with scene.client(usual(scene)).begin() as client:
        scene.say("reply", client.command("PORT 192,168,1,2,200,200"))


@way("active-refused", *BOTH)
def active_refused(scene: Scene) -> None:
    port = free_port()
    with scene.client(usual(scene)).begin() as client:
        client.expect(200, f"PORT 127,0,0,1,{port // 256},{port % 256}")
        scene.say("reply", client.command("LIST"))


@way("ports-exhausted")
def ports_exhausted(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = scene.server("TLSRequired on", directives=[f"PassivePorts {port} {port}"])
        with scene.client(server).begin() as client:
            scene.say("reply", client.command("PASV"))


@way("foreign-peer", *BOTH)
def foreign_peer(scene: Scene) -> None:
    server = usual(scene)
    with scene.client(server).begin() as client:
        port = parse_epsv(client.expect(229, "EPSV").text)
        with socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0)):
            client.send_line("LIST")
            server.wait_for_log("127.0.0.2", log="system")


def two(scene: Scene, word: str) -> None:
    """A transfer in clear or without SSCN between two servers; the last replies of both."""
    servers = [impatient(scene, address) for address in ("127.0.0.1", "127.0.0.2")]
    with begun(servers[0], word) as source, begun(servers[1], word) as target:
        assert fxp(source, target) == (425, 425)
        for client in (source, target):
            scene.say("reply", client.transcript[-1].removeprefix("< "))


@way("fxp-without-sscn")
def fxp_without_sscn(scene: Scene) -> None:
    two(scene, "TLS-P")


@way("fxp-demanded", *BOTH)
def fxp_demanded(scene: Scene) -> None:
    server = scene.server("TLSRequired on", directives=["AllowForeignAddress on"])
    with scene.client(server) as client:
        client.connect()
        client.auth()
        client.login()
        client.expect(200, "PORT 127,0,0,2,200,200")
        scene.say("reply", client.command("RETR hello.txt"))


@way("fxp-unverified", *BOTH)
def fxp_unverified(scene: Scene) -> None:
    """The server is told to be the client of another one, whose authority it does not know."""
    server = scene.server("TLSRequired on", NO_REUSE, "TLSVerifyServer on")
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = scene.stage.certificates.server
    other.load_cert_chain(files.certificate, files.key)
    with scene.client(server).begin() as client:
        client.expect(200, "SSCN ON")
        stream = client.data().establish()
        client.expect(150, "RETR hello.txt")
        with contextlib.suppress(OSError):
            other.wrap_socket(stream.socket, server_side=True).close()
        client.expect(425)


@way("renegotiation", "TLSv1.2")
def renegotiation(scene: Scene) -> None:
    server = scene.server("TLSRequired on", "TLSRenegotiate data 256 timeout 1 required on")
    os.truncate(server.give("large"), 64_000_000)
    with scene.client(server).begin() as client:
        connection = client.data()
        client.expect(150, "RETR large")
        stream = connection.handshake()
        server.wait_for_log("requested TLS renegotiation timed out on data channel", timeout=10)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            stream.read_all()
        connection.close("rst")
        scene.say("reply", client.read_reply())
    scene.check("renegotiation-risky")


@way("truncated", *BOTH)
def truncated(scene: Scene) -> None:
    with scene.client(usual(scene)).begin() as client:
        connection = client.data()
        client.expect(150, "STOR cut")
        connection.handshake().write(b"half of it")
        connection.close("fin")
        scene.say("reply", client.read_reply())

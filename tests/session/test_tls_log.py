"""The TLSLog's text for every handshake outcome (semantics.md 2.15): the whole log of a session, line by line."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from ftpsd.testing.client import ConnectionEnded, ScriptedClient, client_context
from ftpsd.testing.plugin import Certificates, ServerFactory
from tests.native.openssl_support import renegotiation_is_told
from tests.session.hosts import Hosts, serving

UNABLE = "unable to accept TLS connection: "
STARTING = "TLS/TLS-C requested, starting TLS handshake"
RENEGOTIATIONS = "client supports secure renegotiations"
CIPHERS = {"TLSv1.2": "ECDHE-RSA-AES256-GCM-SHA384", "TLSv1.3": "TLS_AES_256_GCM_SHA384"}
CLOSE_NOTIFY = b"\x15\x03\x03\x00\x02\x01\x00"
JUNK_RECORD = b"\x17\x03\x03\x00\x20" + b"\0" * 32


def failed(code: str, word: str = "TLS/TLS-C") -> str:
    """The last line of a handshake that failed, with the code that `ftpsd explain` knows."""
    return rf"{word} negotiation failed on control channel \[{code}\]"


def accepted(version: str, resumed: str = "") -> str:
    return rf"{version} connection accepted, using cipher {CIPHERS[version]} \(256 bits{resumed}\)"


@dataclass(frozen=True)
class Outcome:
    """What a client does after the greeting, and all that the TLSLog then says (regular expressions).

    `last`: the line to wait for where it is not the last of `lines`.
    """

    name: str
    act: Callable[[ScriptedClient], object]
    lines: tuple[str, ...]
    version: str = "TLSv1.3"
    host: tuple[str, ...] = ()
    certificate: bool = False
    ciphers: str | None = None


def shake_hands(client: ScriptedClient) -> None:
    client.auth()
    client.expect(200, "NOOP")


def resume(client: ScriptedClient) -> None:
    """A second control connection goes on with the TLS session of the first."""
    client.auth()
    client.expect(200, "NOOP")
    with ScriptedClient(client.host, client.port, context=client.context) as second:
        second.connect()
        second.expect(234, "AUTH TLS")
        second.handshake(session=client.control.session)
        second.expect(200, "NOOP")


def begin(client: ScriptedClient) -> ssl.SSLContext:
    """AUTH, and no handshake yet."""
    client.expect(234, "AUTH TLS")
    assert client.context is not None
    return client.context


def leave(client: ScriptedClient) -> None:
    client.expect(234, "AUTH TLS-P")
    client.close("fin")


def wait(client: ScriptedClient) -> None:
    begin(client)
    read_away(client)


def end_tls_at_once(client: ScriptedClient) -> None:
    """close_notify in the middle of a handshake."""
    client.control.begin_tls(begin(client))
    client.control.write_raw(CLOSE_NOTIFY)
    read_away(client)


def end_at_once(client: ScriptedClient) -> None:
    begin(client)
    client.control.socket.shutdown(socket.SHUT_WR)
    read_away(client)


def reset(client: ScriptedClient) -> None:
    begin(client)
    client.close("rst")


def say_something_else(client: ScriptedClient) -> None:
    client.expect(234, "AUTH TLS")
    client.control.write_raw(b"USER alice\r\n")
    read_away(client)


def offer(client: ScriptedClient) -> None:
    """A ClientHello, and whatever comes of it."""
    context = begin(client)
    with contextlib.suppress(ssl.SSLError, OSError):
        client.control.start_tls(context)
        read_away(client)


def break_records(client: ScriptedClient) -> None:
    """A record that does not decrypt, on a connection that stands."""
    client.auth()
    client.expect(200, "NOOP")
    client.control.write_raw(JUNK_RECORD)
    read_away(client)


def break_the_end_of_tls(client: ScriptedClient) -> None:
    """CCC, and then neither close_notify nor a command, but a record that does not decrypt."""
    client.auth()
    client.login()
    client.expect(200, "CCC")
    client.control.write_raw(JUNK_RECORD)
    read_away(client)


def old_hello(client: ScriptedClient) -> None:
    """A ClientHello of TLS 1.0, as old clients send it."""
    begin(client)
    body = b"\x03\x01" + bytes(32) + b"\0" + b"\0\x04\x00\x2f\x00\x35" + b"\x01\0"
    hello = b"\x01" + len(body).to_bytes(3, "big") + body
    client.control.write_raw(b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello)
    read_away(client)


def read_away(client: ScriptedClient) -> None:
    with contextlib.suppress(ConnectionError, ConnectionEnded, ssl.SSLError):
        while client.control.socket.recv(4096):
            pass


DISABLED = "perhaps client requested disabled TLS protocol version: "
OUTCOMES = [
    *(Outcome(f"success under {version}", shake_hands, (STARTING, RENEGOTIATIONS, accepted(version)), version)
      for version in CIPHERS),
    *(Outcome(f"resumed under {version}", resume, (
        STARTING, RENEGOTIATIONS, accepted(version), STARTING, RENEGOTIATIONS,
        accepted(version, ", resumed session"), "client reused previous TLS session for control connection"), version)
      for version in CIPHERS),
    *(Outcome(f"certificate under {version}", shake_hands, (
        STARTING, RENEGOTIATIONS, "Client: O = ftpsd tests, CN = alice", accepted(version)), version,
        ("TLSVerifyClient on", "TLSCACertificateFile ROOT"), certificate=True) for version in CIPHERS),
    Outcome("timeout", wait, (
        STARTING, r"TLS negotiation timed out \(1 seconds\)", UNABLE + "the client asked for TLS and sent no TLS hello",
        failed("handshake-timeout")), host=("TLSTimeoutHandshake 1",)),
    Outcome("TLS closed", end_tls_at_once, (
        STARTING, UNABLE + "TLS connection closed", failed("handshake-closed")), "TLSv1.2"),
    Outcome("EOF", end_at_once, (
        STARTING, UNABLE + "received EOF that violates protocol",
        UNABLE + "usually this indicates an FTP-aware router, NAT, or firewall interfering with the TLS handshake",
        failed("handshake-eof"))),
    Outcome("reset", reset, (
        STARTING, UNABLE + r"system call error: \[104\] Connection reset by peer", failed("handshake-reset"))),
    Outcome("no TLS", say_something_else, (
        STARTING, UNABLE + "protocol error: ", r"\(1\) error:0A00010B:SSL routines::wrong version number.*",
        UNABLE + "what the client sent is not TLS", failed("not-tls"))),
    Outcome("disabled version", offer, (
        STARTING, UNABLE + "protocol error: ", r"\(1\) error:0A000102:SSL routines::unsupported protocol.*",
        UNABLE + DISABLED + "SSLv3 TLSv1 TLSv1.1 TLSv1.3", failed("protocol-disabled")), host=("TLSProtocol TLSv1.2",)),
    Outcome("old version", old_hello, (
        STARTING, UNABLE + "protocol error: ", r"\(1\) error:0A000102:SSL routines::unsupported protocol.*",
        UNABLE + DISABLED + "SSLv3 TLSv1 TLSv1.1", failed("protocol-disabled"))),
    Outcome("no shared cipher", offer, (
        STARTING, UNABLE + "protocol error: ", r"\(1\) error:0A0000C1:SSL routines::no shared cipher.*",
        UNABLE + "client does not support any cipher from 'TLSCipherSuite ECDHE-RSA-AES256-GCM-SHA384:!EXPORT' "
        r"\(see `openssl ciphers .*` for full list\)", failed("no-shared-cipher")),
        "TLSv1.2", ("TLSProtocol TLSv1.2", "TLSCipherSuite ECDHE-RSA-AES256-GCM-SHA384"),
        ciphers="ECDHE-RSA-AES128-GCM-SHA256"),
    *(Outcome(f"no certificate under {version}", offer, (
        STARTING, UNABLE + "protocol error: ",
        r"\(1\) error:0A0000C7:SSL routines::peer did not return a certificate.*",
        UNABLE + "client did not provide certificate, but one is required via 'TLSVerifyClient on'",
        failed("client-cert-missing")),
        version, ("TLSVerifyClient on", "TLSCACertificateFile ROOT")) for version in CIPHERS),
    *(Outcome(f"panic under {version}", break_records, (
        STARTING, RENEGOTIATIONS, accepted(version), "panic: SSL_ERROR_SSL: ", r"\(1\) error:.*",
        "unexpected OpenSSL error, disconnecting"), version) for version in CIPHERS),
    Outcome("shutdown", break_the_end_of_tls, (
        STARTING, RENEGOTIATIONS, accepted("TLSv1.3"), "received CCC, clearing control channel protection",
        "SSL_shutdown error: ", r"\(1\) error:0A0001.*")),
    Outcome("second AUTH", lambda client: (client.auth(), client.expect(503, "AUTH TLS")), (
        STARTING, RENEGOTIATIONS, accepted("TLSv1.3"),
        r"Unwilling to accept AUTH after AUTH for this session \[auth-twice\]")),
    Outcome("AUTH SSL", lambda client: (client.auth("SSL"), client.expect(200, "NOOP")), (
        "SSL/TLS-P requested, starting TLS handshake", RENEGOTIATIONS, accepted("TLSv1.3"))),
    Outcome("AUTH SSL that fails", leave, (
        "SSL/TLS-P requested, starting TLS handshake", UNABLE + "received EOF that violates protocol",
        UNABLE + "usually this indicates.*", failed("handshake-eof", "SSL/TLS-P"))),
    Outcome("unknown mechanism", lambda client: client.expect(504, "AUTH GSSAPI"), (
        r"AUTH GSSAPI unsupported, declining \[auth-unknown-mechanism\]",)),
    Outcome("AUTH after login", lambda client: (client.login(), client.expect(534, "AUTH TLS")), (
        "Unwilling to accept AUTH after USER/PASS authentication for this session unless AllowPerUser TLSOption is "
        r"used \[auth-after-login\]",)),
]


def key(name: str) -> str:
    """The host of an outcome, and the name of its log."""
    return re.sub("[^a-z0-9]", "-", name.lower())


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    """A host, with a TLSLog of its own, for every outcome."""
    named = {}
    for one in OUTCOMES:
        lines = [line.replace("ROOT", str(ftps_certificates.authority_file)) for line in one.host]
        name = key(one.name)
        named[name] = "\n".join([
            *lines, "TLSEngine on", "TLSRequired off", f"TLSLog @HOME@/../{name}.log", "@CERTIFICATE@"])
    with serving(ftps_certificates, named, own_tls=True) as running:
        yield running


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: str(outcome.name))
def test_what_the_log_says(hosts: Hosts, ftps_certificates: Certificates, outcome: Outcome) -> None:
    own = ftps_certificates.client if outcome.certificate else None
    context = client_context(
        ftps_certificates.authority_file, version=outcome.version, certificate=own.certificate if own else None,
        key=own.key if own else None)
    if outcome.ciphers is not None:
        context.set_ciphers(outcome.ciphers)
    client = hosts.client(key(outcome.name))
    client.context = context
    with client:
        client.connect()
        outcome.act(client)
        lines = [line for line in outcome.lines if line != RENEGOTIATIONS or renegotiation_is_told(outcome.version)]
        log = hosts.wait_for_lines(key(outcome.name), len(lines))
    log = [line for line in log if not re.match(r"\([2-9]\) ", line)]  # how many rows depends on OpenSSL's version
    assert len(log) == len(lines), log
    for line, pattern in zip(log, lines, strict=True):
        assert re.fullmatch(pattern, line), log


def test_what_a_line_begins_with(hosts: Hosts) -> None:
    """`YYYY-MM-DD HH:MM:SS,mmm mod_tls/VERSION[PID]: `, rows of the error queue are indented."""
    with hosts.client(key("no TLS")) as client:
        client.connect()
        say_something_else(client)
        hosts.wait_for_lines(key("no TLS"), 5)
    lines = (hosts.server.files.directory / f"{key('no TLS')}.log").read_text().splitlines()
    prefix = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} mod_tls/[\d.]+\[\d+\]: "
    assert all(re.match(f"{prefix}|  \\(1\\) ", line) for line in lines)


def test_the_trace_channel_tls(ftps_server: ServerFactory, tls_version: str) -> None:
    """Trace, TraceLog, TraceOptions: the lines of the TLSLog at level 5, more of handshakes beyond that."""
    server = ftps_server(
        sections="TraceLog BASE/trace.log\nTrace tls:1-9 command:7\nTraceOptions -Timestamp +ConnIPs\n")
    context = server.context(tls_version)
    context.set_alpn_protocols(["ftp"])
    server.give("some", b"some")
    with server.client(context=context).begin() as client:
        client.retrieve("RETR some")
        client.quit()
    path = server.files.directory / "trace.log"
    deadline = time.monotonic() + 10
    while "dispatching CMD command 'QUIT'" not in path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    head = re.compile(rf"\[\d+\] \(client 127\.0\.0\.1, server 127\.0\.0\.1:{server.port}\) <([a-z]+:\d+)>: (.*)")
    found = [match.groups() for match in map(head.fullmatch, path.read_text().splitlines()) if match is not None]
    for channel, text in (
        ("tls:5", STARTING), ("tls:5", "received SNI 'localhost'"),
        ("tls:5", "no name-based <VirtualHost> configured, ignoring SNI 'localhost'"), ("tls:9", "ALPN selected: ftp"),
        ("tls:5", "client reused TLS session for data connection"),
        ("command:7", "dispatching CMD command 'RETR some'"),
    ):
        assert (channel, text) in found, found
    assert not any(channel == "tls:17" for channel, _ in found)

"""The control connection in clear, under TLS, and in clear again after CCC, with every habit of clients."""

from __future__ import annotations

import functools
import socket
import ssl
import time
from collections.abc import Callable

import pytest

from ftpsd.native._openssl import Connection, TLSError
from ftpsd.settings.values import Renegotiate
from ftpsd.testing.ca import Authority
from ftpsd.tls.channel import ControlChannel, HandshakeFailed
from tests.native.openssl_support import renegotiation_is_told
from tests.tls.rig import TIMEOUT, VERSIONS, Files, Pair, background, build, client_context, hierarchy

every_version = pytest.mark.parametrize("version", VERSIONS)


def plain() -> tuple[ControlChannel, socket.socket]:
    server, client = socket.socketpair()
    return ControlChannel(server), client


def test_in_clear() -> None:
    channel, client = plain()
    with client:
        assert channel.recv_available(10) is None
        assert not channel.has_pending()
        assert not channel.offer_ticket()
        assert not channel.update_keys()
        client.send(b"NOOP\r\n")
        assert channel.recv_available(4) == b"NOOP"
        assert channel.recv(10, TIMEOUT) == b"\r\n"
        channel.send(b"200 OK\r\n")
        assert client.recv(100) == b"200 OK\r\n"
        with pytest.raises(TimeoutError):
            channel.recv(10, 0.01)
        client.shutdown(socket.SHUT_WR)
        assert channel.recv(10, TIMEOUT) == b""
        assert channel.recv_available(10) == b""
        assert channel.clear_tls(TIMEOUT)
        channel.close()
        channel.close()
        assert client.recv(10) == b""


def test_sending_has_a_deadline() -> None:
    channel, client = plain()
    with client:
        with pytest.raises(TimeoutError):
            channel.send(b"x" * 10_000_000, 0.05)
        channel.close()


@every_version
def test_sending_under_tls_has_a_deadline(files: Files, version: str) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))
        with pytest.raises(TLSError) as caught:
            pair.channel.send(b"x" * 10_000_000, 0.05)
        assert caught.value.kind == "timeout"


def test_sending_much() -> None:
    channel, client = plain()
    with client, background(lambda: channel.send(b"x" * 3_000_000, TIMEOUT)) as done:
        received = 0
        while received < 3_000_000:
            received += len(client.recv(100_000))
        done.result(TIMEOUT)
    channel.close()


@every_version
def test_under_tls(files: Files, version: str) -> None:
    with Pair(build(files)) as pair:
        report = pair.start_tls(client_context(version))
        assert (report.version, report.resumed, report.client) == (version, False, None)
        accepted = f"{version} connection accepted, using cipher {report.cipher} ({report.bits} bits)"
        told = ("client supports secure renegotiations",) if renegotiation_is_told(version) else ()
        assert report.lines == (*told, accepted)
        assert pair.channel.recv_available(100) is None
        pair.tls.write(b"USER a\r\nPASS b\r\n", TIMEOUT)
        assert pair.channel.recv(6, TIMEOUT) == b"USER a"
        assert pair.channel.has_pending()
        assert pair.channel.recv(100, TIMEOUT) == b"\r\nPASS b\r\n"
        assert not pair.channel.has_pending()
        assert pair.channel.session_connection is pair.channel.connection


@every_version
def test_end_with_close_notify(files: Files, version: str) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))
        pair.tls.close_notify()
        assert pair.channel.recv(10, TIMEOUT) == b""


@every_version
def test_end_without_close_notify(files: Files, version: str) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))
        pair.client_socket.shutdown(socket.SHUT_WR)
        assert pair.channel.recv(10, TIMEOUT) == b""


@every_version
def test_close_says_so(files: Files, version: str) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))
        pair.channel.send(b"221 Goodbye.\r\n")
        pair.channel.close()
        assert pair.tls.read(100, TIMEOUT) == b"221 Goodbye.\r\n"
        assert pair.tls.read(100, TIMEOUT) == b""
        assert pair.channel.connection is None


def test_close_reads_away_what_came_so_that_the_last_reply_arrives(files: Files) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as client:
            channel = ControlChannel(listener.accept()[0])
            client.sendall(b"NOOP\r\n" * 100)
            channel.send(b"421 Bye\r\n")
            while channel.recv_available(1) is None:
                pass
            channel.close()
            assert client.recv(100) == b"421 Bye\r\n"
            assert client.recv(100) == b""


Attack = Callable[[socket.socket], None]


@pytest.mark.parametrize(
    ("attack", "reason", "line"),
    [
        (lambda sock: sock.send(b"GET / HTTP/1.0\r\n\r\n"), "not-tls",
         "unable to accept TLS connection: client speaks HTTP, not TLS"),
        (lambda sock: sock.send(b"USER a\r\nPASS b\r\n"), "not-tls",
         "unable to accept TLS connection: what the client sent is not TLS"),
        (lambda sock: sock.shutdown(socket.SHUT_WR), "handshake-eof",
         "unable to accept TLS connection: usually this indicates an FTP-aware router, NAT, or firewall "
         "interfering with the TLS handshake"),
        (lambda sock: sock.send(b"\x16\x03\x01"), "handshake-timeout",
         "unable to accept TLS connection: the client asked for TLS and sent no TLS hello"),
        (lambda sock: None, "handshake-timeout",
         "unable to accept TLS connection: the client asked for TLS and sent no TLS hello"),
    ],
)
def test_failed_handshake_leaves_a_clear_channel(
    files: Files, attack: Attack, reason: str, line: str
) -> None:
    with Pair(build(files)) as pair:
        attack(pair.client_socket)
        with pytest.raises(HandshakeFailed) as caught:
            pair.channel.start_tls(pair.host, 0.05 if "timeout" in reason else TIMEOUT, b"i" * 32)
        assert caught.value.reason == reason
        assert caught.value.lines[-1] == line
        assert ("TLS negotiation timed out (300 seconds)" in caught.value.lines) is ("timeout" in reason)
        assert pair.channel.connection is None
        pair.channel.send(b"421 TLS handshake failed\r\n")
        pair.channel.close()
        pair.client_socket.setblocking(True)
        received = b""
        while data := pair.client_socket.recv(1000):
            received += data
        assert received.endswith(b"421 TLS handshake failed\r\n")


@every_version
def test_no_common_cipher(files: Files, version: str) -> None:
    if version == "TLSv1.2":
        host, ours = build(files), "ECDHE-RSA-AES128-GCM-SHA256"
        client = client_context(version)
        client.set_ciphers(ours)
    else:
        host = build(files)
        host.context.set_ciphersuites("TLS_AES_256_GCM_SHA384")
        client = client_context(version)
        client.set_ciphersuites("TLS_AES_128_GCM_SHA256")
    with Pair(host) as pair:
        tls = Connection(client, pair.client_socket.fileno(), server=False)
        assert tls.handshake_step() == "read"
        with pytest.raises(HandshakeFailed) as caught:
            pair.channel.start_tls(host, TIMEOUT, b"i" * 32)
        assert caught.value.reason == "no-shared-cipher"
        named, command = {
            "TLSv1.2": (host.ciphers, host.ciphers),
            "TLSv1.3": ("TLSv1.3 TLS_AES_256_GCM_SHA384", "-s -tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384"),
        }[version]
        assert caught.value.lines == (
            "unable to accept TLS connection: protocol error: \n"
            "  (1) error:0A0000C1:SSL routines::no shared cipher",
            f"unable to accept TLS connection: client does not support any cipher from 'TLSCipherSuite "
            f"{named}' (see `openssl ciphers {command}` for full list)",
        )


def test_disabled_version(files: Files) -> None:
    host = build(files, protocol=frozenset({"TLSv1.3"}))
    with Pair(host) as pair:
        tls = Connection(client_context("TLSv1.2"), pair.client_socket.fileno(), server=False)
        assert tls.handshake_step() == "read"
        with pytest.raises(HandshakeFailed) as caught:
            pair.channel.start_tls(host, TIMEOUT, b"i" * 32)
        assert caught.value.reason == "protocol-disabled"
        assert caught.value.lines[-1].endswith("disabled TLS protocol version: SSLv3 TLSv1 TLSv1.1 TLSv1.2")


@every_version
def test_client_that_does_not_trust_us(files: Files, version: str) -> None:
    stranger = client_context(version, trust=Authority.create("Other"))
    with Pair(build(files)) as pair:
        tls = Connection(stranger, pair.client_socket.fileno(), server=False)
        with background(lambda: tls.handshake(TIMEOUT)) as done:
            with pytest.raises(HandshakeFailed) as caught:
                pair.channel.start_tls(pair.host, TIMEOUT, b"i" * 32)
            with pytest.raises(TLSError):
                done.result(TIMEOUT)
        assert caught.value.reason == "server-cert-untrusted"
        hint = "client does not trust the issuer of this server's certificate"
        assert caught.value.lines[-1] == f"unable to accept TLS connection: {hint}"


@pytest.mark.parametrize(
    ("offer", "accepted"), [((b"ftp",), True), ((b"h2", b"ftp"), True), ((b"h2",), False)]
)
@every_version
def test_alpn(files: Files, version: str, offer: tuple[bytes, ...], accepted: bool) -> None:
    client = client_context(version)
    client.set_alpn(offer)
    with Pair(build(files)) as pair:
        if accepted:
            pair.start_tls(client)
            assert pair.tls.alpn == b"ftp"
            return
        tls = Connection(client, pair.client_socket.fileno(), server=False)
        assert tls.handshake_step() == "read"
        with pytest.raises(HandshakeFailed) as caught:
            pair.channel.start_tls(pair.host, TIMEOUT, b"i" * 32)
        assert caught.value.reason == "foreign-alpn"


def test_alpn_is_ignored_with_next_protocol_off(files: Files) -> None:
    client = client_context()
    client.set_alpn((b"h2",))
    with Pair(build(files, next_protocol=False)) as pair:
        pair.start_tls(client)
        assert pair.tls.alpn == b""


@every_version
def test_python_s_own_client(files: Files, version: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=hierarchy().root.pem.decode())
    only = ssl.TLSVersion.TLSv1_2 if version == "TLSv1.2" else ssl.TLSVersion.TLSv1_3
    context.minimum_version = context.maximum_version = only
    with Pair(build(files)) as pair:
        pair.client_socket.setblocking(True)
        wrap = functools.partial(context.wrap_socket, pair.client_socket, suppress_ragged_eofs=False)
        with background(wrap) as done:
            report = pair.channel.start_tls(pair.host, TIMEOUT, b"i" * 32)
            client = done.result(TIMEOUT)
        with client:
            assert client.version() == report.version == version
            pair.channel.send(b"220\r\n")
            assert client.recv(100) == b"220\r\n"
            pair.channel.close()
            assert client.recv(100) == b""


# --- CCC: after its 200 was sent inside TLS -----------------------------------------------------------------


def sends_close_notify_and_waits(pair: Pair) -> None:
    assert pair.tls.shutdown(TIMEOUT, wait_peer=True)
    pair.client_socket.send(b"PASV\r\n")


def sends_close_notify_and_goes_on(pair: Pair) -> None:
    pair.tls.close_notify()
    pair.client_socket.send(b"PASV\r\n")


def waits_for_ours(pair: Pair) -> None:
    assert pair.tls.read(100, TIMEOUT) == b""
    pair.tls.close_notify()
    pair.client_socket.send(b"PASV\r\n")


def goes_on_in_clear(pair: Pair) -> None:
    pair.client_socket.send(b"PASV\r\n")


def goes_on_in_clear_with_telnet(pair: Pair) -> None:
    pair.client_socket.send(b"\xff\xf4PASV\r\n")


def sends_data_first(pair: Pair) -> None:
    pair.tls.write(b"NOOP\r\n" * 100, TIMEOUT)
    pair.tls.close_notify()
    pair.client_socket.send(b"PASV\r\n")


@pytest.mark.parametrize(
    "habit",
    [
        sends_close_notify_and_waits, sends_close_notify_and_goes_on, waits_for_ours, goes_on_in_clear,
        goes_on_in_clear_with_telnet, sends_data_first,
    ],
)
@every_version
def test_ccc(files: Files, version: str, habit: Callable[[Pair], None]) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))
        assert pair.exchange(b"200 Clearing\r\n") == b"200 Clearing\r\n"
        with background(lambda: habit(pair)) as done:
            assert pair.channel.clear_tls(TIMEOUT)
            done.result(TIMEOUT)
        received = b""
        while not received.endswith(b"\n"):
            received += pair.channel.recv(100, TIMEOUT)
        assert received.removeprefix(b"\xff\xf4") == b"PASV\r\n"
        pair.channel.send(b"227 Entering\r\n")
        pair.client_socket.setblocking(True)
        answer = pair.client_socket.recv(1000)
        if habit not in (sends_close_notify_and_goes_on, sends_data_first):
            assert answer == b"227 Entering\r\n"
        assert pair.channel.connection is None
        assert pair.channel.session_connection is not None


@every_version
def test_ccc_client_that_makes_its_move_late(files: Files, version: str) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))
        assert pair.channel.clear_tls(0.01)
        assert pair.tls.read(100, TIMEOUT) == b""
        assert pair.channel.recv_available(100) is None
        pair.tls.close_notify()
        assert pair.channel.recv_available(100) is None
        pair.client_socket.send(b"NOOP\r\n")
        assert pair.channel.recv_available(100) == b"NOOP\r\n"
        pair.client_socket.close()
        assert pair.channel.recv_available(100) == b""


@every_version
def test_ccc_client_that_goes(files: Files, version: str) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))
        pair.client_socket.close()
        assert not pair.channel.clear_tls(TIMEOUT)


@every_version
def test_ccc_client_that_floods(files: Files, version: str) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))

        def flood() -> None:
            with pytest.raises(TLSError):
                pair.tls.write(b"NOOP\r\n" * 1_000_000, TIMEOUT)

        with background(flood) as done:
            assert not pair.channel.clear_tls(TIMEOUT)
            pair.channel.close()
            done.result(TIMEOUT)


@every_version
def test_data_after_ccc_needs_no_proof(files: Files, version: str) -> None:
    context = client_context(version)
    with Pair(build(files)) as pair:
        pair.start_tls(context)
        session = pair.tls.get_session()
        assert pair.channel.clear_tls(0.01)
        data, _ = pair.connect_data(context, None)
        assert data.prove(ccc_used=True).ok
        resumed, client = pair.connect_data(context, session)
        assert client.resumed
        assert resumed.prove(ccc_used=False).ok


# --- renegotiation and key updates --------------------------------------------------------------------------


def step_renegotiation(pair: Pair) -> None:
    """Renegotiates from the client, both sides read until it is through or breaks."""
    pair.tls.renegotiate()
    for _ in range(50):
        assert pair.channel.recv_available(100) is None
        assert pair.tls.read_available(100) is None
        if not pair.tls.renegotiating():
            return
    raise AssertionError("renegotiation does not end")


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        (None, False), (Renegotiate(refused=True), False), (Renegotiate(ctrl=60), False),
        (Renegotiate(required=False), True),
    ],
)
def test_renegotiation_by_the_client(files: Files, setting: Renegotiate | None, allowed: bool) -> None:
    with Pair(build(files, renegotiate=setting)) as pair:
        pair.start_tls(client_context("TLSv1.2"))
        if allowed:
            step_renegotiation(pair)
            assert pair.exchange(b"200\r\n") == b"200\r\n"
            return
        with pytest.raises(TLSError) as caught:
            step_renegotiation(pair)
        assert caught.value.kind == "renegotiation"
        assert pair.channel.failure_lines(caught.value) == (
            "warning: client-initiated session renegotiation detected, aborting connection",
        )


def test_key_update_flood_ends_the_connection(files: Files) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context("TLSv1.3"))

        def flood() -> None:
            for _ in range(200):
                pair.tls.key_update(False)
                pair.tls.flush(TIMEOUT)
                pair.channel.recv_available(100)

        with pytest.raises(TLSError) as caught:
            flood()
        assert caught.value.kind == "renegotiation"
        assert pair.channel.failure_lines(caught.value) == (
            "warning: client sends too many TLS key updates, aborting connection",
        )


@every_version
def test_broken_record(files: Files, version: str) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))
        pair.client_socket.send(b"NOOP\r\n")
        with pytest.raises(TLSError) as caught:
            pair.channel.recv(10, TIMEOUT)
        first, last = pair.channel.failure_lines(caught.value)
        errors = "error:0A00010B:SSL routines::wrong version number", "error:0A0001BB:SSL routines::bad record type"
        assert first.startswith(tuple(f"panic: SSL_ERROR_SSL: \n  (1) {error}" for error in errors))
        assert last == "unexpected OpenSSL error, disconnecting"


def test_some_key_updates_are_fine(files: Files) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context("TLSv1.3"))
        for _ in range(100):
            pair.tls.key_update(True)
            pair.tls.write(b"NOOP\r\n", TIMEOUT)
            assert pair.channel.recv(100, TIMEOUT) == b"NOOP\r\n"
            assert pair.exchange(b"200\r\n") == b"200\r\n"


@every_version
def test_our_key_update(files: Files, version: str) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))
        assert pair.channel.update_keys() is (version == "TLSv1.3")
        assert pair.exchange(b"200\r\n") == b"200\r\n"
        assert pair.tls.key_updates_by_peer == (1 if version == "TLSv1.3" else 0)
        pair.tls.write(b"NOOP\r\n", TIMEOUT)
        assert pair.channel.recv(100, TIMEOUT) == b"NOOP\r\n"


def test_our_key_update_behind_a_queued_ticket(files: Files) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context("TLSv1.3"))
        assert pair.exchange(b"200\r\n") == b"200\r\n"
        pair.tls.take_sessions()
        assert pair.channel.offer_ticket()
        assert pair.channel.update_keys()
        assert pair.exchange(b"227\r\n") == b"227\r\n"
        assert len(pair.tls.take_sessions()) == 1
        assert pair.tls.key_updates_by_peer == 1


@every_version
def test_ticket_before_a_transfer(files: Files, version: str) -> None:
    with Pair(build(files)) as pair:
        pair.start_tls(client_context(version))
        pair.tls.take_sessions()
        for _ in range(5):
            assert pair.channel.offer_ticket() is (version == "TLSv1.3")
            assert pair.exchange(b"227\r\n") == b"227\r\n"
            assert len(pair.tls.take_sessions()) == (1 if version == "TLSv1.3" else 0)


def test_waiting_is_bounded_by_the_deadline(files: Files) -> None:
    with Pair(build(files)) as pair:
        started = time.monotonic()
        with pytest.raises(HandshakeFailed):
            pair.channel.start_tls(pair.host, 0.05, b"i" * 32)
        assert time.monotonic() - started < TIMEOUT

"""Connections: how they read, write, end, renegotiate, and what they cost."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from ftpsd.native._openssl import (
    CACHE_SMALLEST_SIZE,
    Connection,
    OpenSSLError,
    SharedCache,
    TLSError,
    wait_readable,
)
from tests.native.openssl_support import (
    TIMEOUT,
    TLS12,
    TLS13,
    Pair,
    client_context,
    connect,
    connected,
    newest_session,
    read_exactly,
    server_context,
    socket_pair,
)

protocols = pytest.mark.parametrize("protocol", [TLS12, TLS13])
SHORT = 0.05
RESET_ON_CLOSE = bytes([1, 0, 0, 0, 0, 0, 0, 0])


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    sock.close()


def kind_of(act: Callable[[], object]) -> str:
    with pytest.raises(TLSError) as caught:
        act()
    return caught.value.kind


# ---- reading and writing


@protocols
def test_before_and_after_the_handshake(protocol: str) -> None:
    near, far = socket_pair()
    with near, far:
        server = Connection(server_context(), far.fileno())
        client = Connection(client_context(protocol), near.fileno(), server=False)
        assert (server.version, server.cipher, server.bits, server.resumed) == ("", "", 0, False)
        assert (server.session_id, server.peer_certificate, server.handshake_done) == (b"", None, False)
        assert server.fileno() == far.fileno()
        assert client.handshake_step() == "read"
        waiter = threading.Thread(target=server.handshake, args=(TIMEOUT,))
        waiter.start()
        client.handshake(TIMEOUT)
        client.write(b"go", TIMEOUT)
        waiter.join()
        assert server.version == client.version == protocol
        assert server.handshake_done
        assert server.secure_renegotiation or protocol == TLS13
        assert server.keys_for_export("x", 20) == client.keys_for_export("x", 20)


@protocols
def test_read_gives_what_is_there(protocol: str) -> None:
    with connected(server_context(), client_context(protocol)) as pair:
        assert pair.server.read_available(100) is None
        pair.client.write(b"0123456789", TIMEOUT)
        assert pair.server.read(4, TIMEOUT) == b"0123"
        assert pair.server.pending() == 6
        assert pair.server.has_pending()
        assert pair.server.read_available(100) == b"456789"
        assert pair.server.pending() == 0
        assert pair.server.read_available(100) is None
        with pytest.raises(ValueError, match="positive"):
            pair.server.read(0, TIMEOUT)


@protocols
def test_large_write_needs_a_reader(protocol: str) -> None:
    payload = os.urandom(6_000_000)
    with connected(server_context(), client_context(protocol)) as pair:
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(read_exactly(pair.client, len(payload))))
        reader.start()
        pair.server.write(memoryview(payload), TIMEOUT)
        reader.join()
        assert got == [payload]
        pair.server.write(b"", TIMEOUT)


@protocols
def test_write_times_out_when_nobody_reads(protocol: str) -> None:
    with connected(server_context(), client_context(protocol)) as pair:
        assert kind_of(lambda: pair.server.write(bytes(30_000_000), SHORT)) == "timeout"


# ---- how a connection ends


def end_properly(pair: Pair) -> None:
    pair.client.shutdown(TIMEOUT, wait_peer=False)


def end_properly_and_close(pair: Pair) -> None:
    pair.client.shutdown(TIMEOUT, wait_peer=False)
    pair.client_socket.close()


def end_by_fin(pair: Pair) -> None:
    pair.client_socket.shutdown(socket.SHUT_WR)


def end_by_reset(pair: Pair) -> None:
    reset(pair.client_socket)


def end_by_injection(pair: Pair) -> None:
    pair.client_socket.send(b"USER injected\r\n")


def end_by_forgery(pair: Pair) -> None:
    pair.client_socket.send(b"\x17\x03\x03\x00\x20" + bytes(32))


def end_by_silence(pair: Pair) -> None:
    pair.client_socket.getpeername()


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (end_properly, ""), (end_properly_and_close, ""), (end_by_fin, "eof"), (end_by_reset, "reset"),
        (end_by_injection, "protocol"), (end_by_forgery, "protocol"), (end_by_silence, "timeout"),
    ],
)
@protocols
def test_end_is_told_after_the_last_byte(end: Callable[[Pair], None], kind: str, protocol: str) -> None:
    with connected(server_context(), client_context(protocol)) as pair:
        pair.client.write(b"last words", TIMEOUT)
        end(pair)
        assert pair.server.read(100, TIMEOUT) == b"last words"
        if not kind:
            assert pair.server.read(100, TIMEOUT) == b""
            assert pair.server.read_available(100) == b""
            return
        assert kind_of(lambda: pair.server.read(100, SHORT)) == kind
        if kind != "timeout":
            assert kind_of(lambda: pair.server.read(100, SHORT)) == (kind if kind == "eof" else "protocol"), "for good"
            assert pair.server.shutdown(TIMEOUT, wait_peer=True) is False


@protocols
def test_a_peer_that_closes_its_half_is_told_no_error_and_gets_close_notify(protocol: str) -> None:
    with connected(server_context(), client_context(protocol)) as pair:
        end_by_fin(pair)
        assert kind_of(lambda: pair.server.read(100, TIMEOUT)) == "eof"
        assert pair.server.alert_sent is None
        pair.server.write(b"226", TIMEOUT)
        assert pair.server.shutdown(TIMEOUT, wait_peer=True) is False
        assert kind_of(lambda: pair.server.read(100, TIMEOUT)) == "eof"
        assert pair.server.close_notify() is True
        pair.server_socket.shutdown(socket.SHUT_WR)
        assert pair.client.read(100, TIMEOUT) == b"226"
        assert pair.client.read(100, TIMEOUT) == b""
        assert pair.client_socket.recv(1) == b"", "close_notify came once"


@pytest.mark.parametrize("read_first", [True, False])
@protocols
def test_a_fin_behind_our_close_notify_is_told_apart_from_theirs(read_first: bool, protocol: str) -> None:
    with connected(server_context(), client_context(protocol)) as pair:
        if not read_first:
            assert pair.server.shutdown(TIMEOUT, wait_peer=False) is False
        end_by_fin(pair)
        assert kind_of(lambda: pair.server.read(100, TIMEOUT)) == "eof"
        assert pair.server.shutdown(TIMEOUT, wait_peer=True) is False
        assert kind_of(lambda: pair.server.read(100, TIMEOUT)) == "eof"


@pytest.mark.parametrize("size", [1, 4, 5, 6, 12, -1])
@protocols
def test_a_fin_within_a_record_is_a_broken_connection(size: int, protocol: str) -> None:
    with connected(server_context(), client_context(protocol)) as pair:
        record = b"\x17\x03\x03\x00\x20" + bytes(32)
        pair.client_socket.sendall(record[:size])
        end_by_fin(pair)
        assert kind_of(lambda: pair.server.read(100, TIMEOUT)) == "reset"


@protocols
def test_errors_carry_their_cause(protocol: str) -> None:
    with connected(server_context(), client_context(protocol)) as pair:
        end_by_injection(pair)
        with pytest.raises(TLSError, match=r"wrong version number|bad record type") as caught:
            pair.server.read(1, TIMEOUT)
        assert caught.value.queue[0].text in (
            "error:0A00010B:SSL routines::wrong version number", "error:0A0001BB:SSL routines::bad record type")
        assert pair.server.alert_sent is not None
    with connected(server_context(), client_context(protocol)) as pair:
        end_by_reset(pair)
        with pytest.raises(TLSError, match="Connection reset by peer") as caught:
            pair.server.read(1, TIMEOUT)
        assert caught.value.errno == 104


@protocols
def test_writing_to_a_peer_that_has_gone(protocol: str) -> None:
    with connected(server_context(), client_context(protocol)) as pair:
        reset(pair.client_socket)
        assert kind_of(lambda: pair.server.write(b"x", TIMEOUT)) == "reset"


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda near: near.close(), "eof"),
        (lambda near: near.getpeername(), "timeout"),
        (lambda near: near.send(b"GET / HTTP/1.1\r\n\r\n"), "protocol"),
        (reset, "reset"),
    ],
)
def test_handshakes_that_fail(act: Callable[[socket.socket], object], kind: str) -> None:
    near, far = socket_pair()
    with near, far:
        server = Connection(server_context(), far.fileno())
        act(near)
        with pytest.raises(TLSError) as caught:
            server.handshake(SHORT)
        assert caught.value.kind == kind
        if kind == "protocol":
            assert caught.value.queue[0].reason == "http request"
        assert server.shutdown(TIMEOUT, wait_peer=True) is False
        assert server.close_notify() is False


def test_handshake_ends_with_close_notify() -> None:
    near, far = socket_pair()
    with near, far:
        server = Connection(server_context(), far.fileno())
        assert Connection(client_context(TLS12), near.fileno(), server=False).handshake_step() == "read"
        near.send(b"\x15\x03\x03\x00\x02\x01\x00")
        assert kind_of(lambda: server.handshake(TIMEOUT)) == "closed"


@protocols
def test_plain_text_goes_on_after_both_shutdowns(protocol: str) -> None:
    with connected(server_context(), client_context(protocol)) as pair:
        assert pair.server.shutdown(TIMEOUT, wait_peer=False) is False
        assert pair.client.read(1, TIMEOUT) == b""
        assert pair.client.shutdown(TIMEOUT, wait_peer=True) is True
        pair.client_socket.send(b"plain command")
        assert pair.server.shutdown(TIMEOUT, wait_peer=True) is True
        assert wait_readable([pair.server_socket.fileno()], TIMEOUT) == [0]
        assert pair.server_socket.recv(100) == b"plain command"
        pair.server_socket.send(b"plain reply")
        assert wait_readable([pair.client_socket.fileno()], TIMEOUT) == [0]
        assert pair.client_socket.recv(100) == b"plain reply"


@protocols
def test_shutdown_throws_away_late_data(protocol: str) -> None:
    with connected(server_context(), client_context(protocol)) as pair:
        pair.client.write(b"late" * 1000, TIMEOUT)
        pair.client.shutdown(TIMEOUT, wait_peer=False)
        assert pair.server.shutdown(TIMEOUT, wait_peer=True) is True


@protocols
def test_shutdown_never_waits_beyond_its_deadline(protocol: str) -> None:
    with connected(server_context(), client_context(protocol)) as pair:
        start = time.monotonic()
        assert pair.server.shutdown(SHORT, wait_peer=True) is False
        assert SHORT <= time.monotonic() - start < 5
        pair.client_socket.shutdown(socket.SHUT_WR)
        assert pair.server.shutdown(TIMEOUT, wait_peer=True) is False


def test_shutdown_sends_a_queued_ticket_first() -> None:
    with connected(server_context(), client_context(TLS13)) as pair:
        pair.send_to_client(b"x")
        pair.client.take_sessions()
        assert pair.server.new_session_ticket()
        assert pair.server.close_notify()
        assert pair.client.read(1, TIMEOUT) == b""
        assert len(pair.client.take_sessions()) == 1


# ---- renegotiation and key updates


@pytest.mark.parametrize("allowed", [False, True])
def test_renegotiation_by_the_client(allowed: bool) -> None:
    server, client = server_context(), client_context(TLS12)
    server.set_options(renegotiation=allowed)
    client.set_options(renegotiation=True)
    with connected(server, client) as pair:
        pair.client.renegotiate()
        if not allowed:
            assert kind_of(lambda: pair.server.read(1, TIMEOUT)) == "renegotiation"
            assert pair.server.renegotiations_by_peer == 1
            return
        pair.client.renegotiating()
        finish_renegotiation(pair)
        assert pair.server.renegotiations_by_peer == 1
        assert pair.server.renegotiations == 1


def finish_renegotiation(pair: Pair) -> None:
    until = time.monotonic() + TIMEOUT
    while not (pair.server.renegotiations and pair.client.renegotiations):
        assert time.monotonic() < until
        assert pair.server.read_available(1) is None
        assert pair.client.read_available(1) is None
    assert pair.send_to_client(b"after") == b"after"
    assert pair.send_to_server(b"after") == b"after"


@pytest.mark.parametrize("allowed", [False, True])
def test_renegotiation_by_the_server_needs_no_leave(allowed: bool) -> None:
    server, client = server_context(), client_context(TLS12)
    server.set_options(renegotiation=allowed)
    client.set_options(renegotiation=True)
    with connected(server, client) as pair:
        pair.server.renegotiate()
        assert pair.server.renegotiating()
        finish_renegotiation(pair)
        assert not pair.server.renegotiating()
        assert pair.server.renegotiations_by_peer == 0
        pair.client.renegotiate()
        if not allowed:
            assert kind_of(lambda: pair.server.read(1, TIMEOUT)) == "renegotiation"


def test_renegotiation_is_not_for_tls13() -> None:
    with connected(server_context(), client_context(TLS13)) as pair, pytest.raises(OpenSSLError):
        pair.server.renegotiate()


def test_key_update_is_only_for_tls13() -> None:
    with connected(server_context(), client_context(TLS12)) as pair, pytest.raises(OpenSSLError):
        pair.server.key_update(True)


def test_key_update_both_ways() -> None:
    with connected(server_context(), client_context(TLS13)) as pair:
        pair.server.key_update(True)
        assert pair.send_to_client(b"one") == b"one"
        assert pair.send_to_server(b"two") == b"two"
        assert pair.server.key_updates_by_peer == 1
        assert pair.server.renegotiations == 0


def test_flood_of_key_updates_ends_the_connection() -> None:
    with connected(server_context(), client_context(TLS13)) as pair:
        for _ in range(100):
            pair.client.key_update(False)
            pair.client.flush(TIMEOUT)
        assert kind_of(lambda: pair.server.read(1, TIMEOUT)) == "renegotiation"
        assert pair.server.key_updates_by_peer < 40


def test_key_updates_between_data_are_no_flood() -> None:
    with connected(server_context(), client_context(TLS13)) as pair:
        for _ in range(100):
            pair.client.key_update(False)
            assert pair.send_to_server(b"x") == b"x"
        assert pair.server.key_updates_by_peer == 100


# ---- callbacks, signals, forks, threads


@protocols
def test_info_and_message_callbacks(protocol: str) -> None:
    server = server_context()
    states: list[str] = []
    messages: list[tuple[bool, int, int]] = []
    server.set_info_callback(lambda connection, where, value, state: states.append(state))
    server.set_message_callback(
        lambda connection, sent, version, kind, data: messages.append((sent, kind, data[0] if data else -1))
    )
    with connected(server, client_context(protocol)):
        assert any("client hello" in state for state in states)
        assert (False, 22, 1) in messages
        assert (True, 22, 2) in messages
        count = len(messages)
        server.set_message_callback(None)
    with connected(server, client_context(protocol)):
        assert len(messages) == count


def test_signal_handlers_run_while_waiting() -> None:
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        near.send(b"woken")

    near, far = socket_pair()
    before = signal.signal(signal.SIGALRM, note)
    try:
        with near, far:
            signal.setitimer(signal.ITIMER_REAL, SHORT)
            assert wait_readable([far.fileno()], TIMEOUT) == [0]
            assert caught == [signal.SIGALRM]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_raising_signal_handler_interrupts_a_read() -> None:
    class Interrupt(Exception):
        pass

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with connected(server_context(), client_context()) as pair:
            signal.setitimer(signal.ITIMER_REAL, SHORT)
            with pytest.raises(Interrupt):
                pair.server.read(1, TIMEOUT)
            assert pair.send_to_server(b"still alive") == b"still alive"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_wait_readable() -> None:
    near, far = socket_pair()
    with near, far:
        assert wait_readable([far.fileno(), near.fileno()], SHORT) == []
        near.send(b"x")
        assert wait_readable([near.fileno(), far.fileno()], TIMEOUT) == [1]
        far.close()
        assert wait_readable([near.fileno()], TIMEOUT) == [0]
        assert wait_readable([], SHORT) == []


@protocols
def test_a_child_process_leaves_the_parents_connection_alone(protocol: str) -> None:
    pair = connect(server_context(), client_context(protocol))
    child = os.fork()
    if child == 0:
        try:
            pair.server = pair.client
            gc.collect()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert pair.send_to_client(b"unharmed") == b"unharmed"
    assert pair.send_to_server(b"unharmed") == b"unharmed"
    pair.close()


def test_handshakes_in_many_threads_share_a_context() -> None:
    server, client = server_context("rsa"), client_context()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                with connected(server, client) as pair:
                    session = newest_session(pair)
                    with connected(server, client, session=session, control=pair.server) as data:
                        assert data.server.proof_of(pair.server) == "ok"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def footprint() -> tuple[int, int]:
    """(open descriptors, resident bytes) of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE")


@protocols
def test_two_thousand_handshakes_leave_nothing_behind(protocol: str) -> None:
    server, client = server_context(), client_context(protocol)
    server.use_cache(SharedCache(CACHE_SMALLEST_SIZE))
    def round_of(count: int) -> None:
        for _ in range(count // 2):
            with connected(server, client) as pair:
                session = newest_session(pair)
                with connected(server, client, session=session, control=pair.server) as data:
                    assert data.server.resumed

    round_of(200)
    gc.collect()
    before = footprint()
    round_of(1000)
    gc.collect()
    after = footprint()
    assert after[0] == before[0]
    assert after[1] - before[1] < 3_000_000

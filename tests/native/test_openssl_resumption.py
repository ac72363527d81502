"""Who may resume what: tickets, session ids, and the proof that a data connection belongs to its control."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ftpsd.native._openssl import (
    CACHE_SMALLEST_SIZE,
    Connection,
    Context,
    Session,
    SharedCache,
    library_version,
    random_bytes,
)
from tests.native.openssl_support import (
    TIMEOUT,
    TLS12,
    TLS13,
    Pair,
    client_context,
    client_leaf,
    connect,
    connected,
    newest_session,
    root,
    server_context,
    session_count,
    socket_pair,
)

MODES = [(TLS12, False), (TLS12, True), (TLS13, False), (TLS13, True)]
modes = pytest.mark.parametrize(("protocol", "tickets12"), MODES)
NEW_SESSION_TICKET = 4
AT_ONCE = 1 if library_version().split()[1] >= "3.2" else -10
"""Seconds after which a session is over; from OpenSSL 3.2 on they cannot be negative."""


def serving(tickets12: bool = False) -> Context:
    server = server_context()
    server.set_options(tickets12=tickets12)
    return server


@contextmanager
def control_of(server: Context, client: Context, session: Session | None = None) -> Iterator[Pair]:
    with connected(server, client, session=session, identity=random_bytes(32)) as pair:
        yield pair


@contextmanager
def accepting(server: Context, client: Context, session: Session) -> Iterator[Connection]:
    """The server's side of a control connection whose client has offered `session`."""
    near, far = socket_pair()
    with near, far:
        accepted = Connection(server, far.fileno(), identity=random_bytes(32))
        offered = Connection(client, near.fileno(), server=False)
        offered.set_session(session)
        offered.handshake_step()
        yield accepted


@modes
def test_data_connection_proves_its_control(protocol: str, tickets12: bool) -> None:
    server, client = serving(tickets12), client_context(protocol)
    with control_of(server, client) as control:
        session = newest_session(control)
        assert session.has_ticket is (protocol == TLS13 or tickets12)
        with connected(server, client, session=session, control=control.server) as data:
            assert data.server.resumed
            assert data.client.resumed
            assert data.server.ticket_identity == control.server.identity
            assert data.server.proof_of(control.server) == "ok"
            assert data.server.same_session_as(control.server)
            assert data.server.role == "data"


@modes
def test_data_connection_without_a_session(protocol: str, tickets12: bool) -> None:
    server, client = serving(tickets12), client_context(protocol)
    with control_of(server, client) as control:
        with connected(server, client, control=control.server) as data:
            assert not data.server.resumed
            assert data.server.ticket_identity == b""
            assert data.server.proof_of(control.server) == "not-resumed"


@modes
def test_session_of_another_control_is_detected(protocol: str, tickets12: bool) -> None:
    server, client = serving(tickets12), client_context(protocol)
    with control_of(server, client) as one, control_of(server, client) as two:
        stolen = newest_session(one)
        with connected(server, client, session=stolen, control=two.server) as data:
            expected = "not-resumed" if protocol == TLS12 and not tickets12 else "other-session"
            assert data.server.proof_of(two.server) == expected
            assert not data.server.same_session_as(two.server)


def test_a_chosen_session_id_proves_nothing() -> None:
    """A TLS 1.2 client with a ticket picks the session id that both sides then show (RFC 5077 3.4)."""
    server, client = serving(tickets12=True), client_context(TLS12)
    id_server = serving()
    id_server.use_ticket_keys(server.ticket_keys)
    with control_of(id_server, client) as victim, control_of(server, client) as attacker:
        target = victim.server.session_id
        assert len(target) == 32
        ticket = newest_session(attacker)
        der = ticket.to_der()
        assert der.count(ticket.id) == 1
        forged = Session.from_der(der.replace(ticket.id, target))
        with connected(server, client, session=forged, control=victim.server) as data:
            assert data.server.session_id == target
            assert data.server.proof_of(victim.server) == "other-session"


@modes
def test_two_hundred_data_connections_in_one_session(protocol: str, tickets12: bool) -> None:
    """A client that uses each TLS 1.3 ticket once lives on the fresh one before each transfer."""
    server, client = serving(tickets12), client_context(protocol)
    with control_of(server, client) as control:
        control.send_to_client(b"230")
        spare = control.client.take_sessions()
        for turn in range(200):
            if protocol == TLS13:
                assert control.server.new_session_ticket()
                control.send_to_client(b"227")
                spare += control.client.take_sessions()
            session = spare.pop(0) if protocol == TLS13 else spare[0]
            data = connect(server, client, session=session, control=control.server)
            assert data.errors == (None, None)
            assert data.server.proof_of(control.server) == "ok", turn
            data.close()


@modes
def test_unclean_end_of_a_data_connection_evicts_nothing(protocol: str, tickets12: bool) -> None:
    server, client = serving(tickets12), client_context(protocol)
    with control_of(server, client) as control:
        session = newest_session(control)
        for end in (cut_without_close_notify, cut_by_reset, cut_by_alert, cut_in_the_handshake):
            with connected(server, client, session=session, control=control.server) as data:
                assert data.server.proof_of(control.server) == "ok", end
                end(data)
        with control_of(server, client, session=session) as again:
            assert again.server.resumed


def cut_without_close_notify(data: Pair) -> None:
    data.client_socket.close()
    with pytest.raises(OSError, match=r".") as caught:
        raise_as_os_error(lambda: data.server.read(10, TIMEOUT))
    assert str(caught.value) == "eof"


def cut_by_reset(data: Pair) -> None:
    data.client_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    data.client_socket.close()
    with pytest.raises(OSError, match="reset"):
        raise_as_os_error(lambda: data.server.read(10, TIMEOUT))


def cut_by_alert(data: Pair) -> None:
    data.client_socket.send(b"\x17\x03\x03\x00\x20" + bytes(32))
    with pytest.raises(OSError, match="protocol"):
        raise_as_os_error(lambda: data.server.read(10, TIMEOUT))


def cut_in_the_handshake(data: Pair) -> None:
    data.server_socket.close()


def raise_as_os_error(act: Callable[[], object]) -> None:
    from ftpsd.native._openssl import TLSError

    try:
        act()
    except TLSError as error:
        raise OSError(error.kind) from error


@modes
def test_age_never_refuses_a_data_connection(protocol: str, tickets12: bool) -> None:
    """The session is over, if not before it begins then soon; the control connection lives longer."""
    server, client = serving(tickets12), client_context(protocol)
    server.set_session_timeout(AT_ONCE)
    with control_of(server, client) as control:
        session = newest_session(control)
        session.timeout = 1000
        until = time.monotonic() + TIMEOUT
        while control.server.session_lifetime >= 0:
            assert time.monotonic() < until
            time.sleep(0.01)
        with control_of(server, client, session=session) as again:
            assert not again.server.resumed
        with connected(server, client, session=session, control=control.server) as data:
            assert data.server.proof_of(control.server) == "ok"


@modes
def test_a_control_connection_that_resumes_another_takes_on_its_identity(protocol: str, tickets12: bool) -> None:
    server, client = serving(tickets12), client_context(protocol)
    with control_of(server, client) as one:
        old = newest_session(one)
        old_identity = one.server.identity
    with control_of(server, client, session=old) as two:
        assert two.server.resumed
        assert two.server.ticket_identity == old_identity
        assert two.server.identity == old_identity
        fresh = newest_session(two)
        with connected(server, client, session=fresh, control=two.server) as data:
            assert data.server.proof_of(two.server) == "ok"
        if protocol == TLS13 or tickets12:
            with connected(server, client, session=old, control=two.server) as data:
                assert data.server.proof_of(two.server) == "ok"
        with control_of(server, client) as three:
            assert three.server.identity != old_identity


@pytest.mark.parametrize("protocol", [TLS12, TLS13])
@pytest.mark.parametrize("tickets12", [False, True])
@pytest.mark.parametrize("ceiling", [TLS12, TLS13])
def test_tickets12_rules_only_tls12(protocol: str, tickets12: bool, ceiling: str) -> None:
    server = server_context(protocols=(TLS12, TLS13) if ceiling == TLS13 else (TLS12,))
    server.set_options(tickets12=tickets12)
    client = client_context() if protocol == TLS13 else client_context(TLS12)
    with control_of(server, client) as control:
        session = newest_session(control)
        spoken = min(protocol, ceiling)
        assert control.server.version == spoken
        assert session.has_ticket is (spoken == TLS13 or tickets12)
        if spoken == TLS13:
            assert len(session.ticket) > 100, "a stateless ticket holds the session"


@pytest.mark.parametrize("resume", [True, False])
@modes
def test_no_ticket_on_data_connections(protocol: str, tickets12: bool, resume: bool) -> None:
    server = serving(tickets12)
    client = client_context(protocol)
    seen: list[int] = []

    def listen(connection: Connection, sent: bool, version: int, kind: int, data: bytes) -> None:
        if not sent and kind == 22:
            seen.append(data[0])

    client.set_message_callback(listen)
    with control_of(server, client) as control:
        session = newest_session(control)
        tickets = 2 if protocol == TLS13 else 1 if tickets12 else 0
        assert seen.count(NEW_SESSION_TICKET) == tickets
        seen.clear()
        with connected(
            server, client, session=session if resume else None, control=control.server
        ) as data:
            assert not data.server.new_session_ticket()
            assert data.send_to_client(b"payload") == b"payload"
            assert data.server.shutdown(TIMEOUT, wait_peer=False) is False
            assert data.client.read(1, TIMEOUT) == b""
            assert seen.count(NEW_SESSION_TICKET) == 0
            assert data.server.resumed is resume


def test_data_connections_are_never_stored() -> None:
    server, client = serving(), client_context(TLS12)
    with control_of(server, client) as control:
        assert session_count(server) == 1
        with connected(server, client, control=control.server) as data:
            assert session_count(server) == 1
            session = data.client.get_session()
        with connected(server, client, session=session, control=control.server) as data:
            assert not data.server.resumed
        with control_of(server, client, session=session) as other:
            assert not other.server.resumed


def test_fatal_alert_forgets_the_control_session() -> None:
    server, client = serving(), client_context(TLS12)
    with control_of(server, client) as control:
        assert session_count(server) == 1
        cut_by_alert(control)
        assert session_count(server) == 0


def test_vanished_control_connection_keeps_its_session() -> None:
    server, client = serving(), client_context(TLS12)
    with control_of(server, client) as control:
        session = newest_session(control)
        control.client_socket.close()
    del control
    with control_of(server, client, session=session) as again:
        assert again.server.resumed


def test_sessions_are_found_by_every_context_of_a_cache() -> None:
    """Two workers have contexts of their own, and one cache."""
    cache = SharedCache(CACHE_SMALLEST_SIZE)
    one, two, client = serving(), serving(), client_context(TLS12)
    for server in (one, two):
        server.use_cache(cache)
    with control_of(one, client) as control:
        session = newest_session(control)
    with control_of(two, client, session=session) as again:
        assert again.server.resumed
        assert again.server.ticket_identity == control.server.identity
    cache.sweep(0, 1.0, all=True)
    with control_of(two, client, session=session) as again:
        assert not again.server.resumed
    facts = cache.facts()
    assert facts.counters[:3] == (1, 1, 2)


def test_without_a_cache_no_session_is_kept() -> None:
    server, client = serving(), client_context(TLS12)
    server.use_cache(None)
    with control_of(server, client) as control:
        assert session_count(server) == 0
        with connected(server, client, session=newest_session(control), control=control.server) as data:
            assert data.server.proof_of(control.server) == "ok"
        with control_of(server, client, session=newest_session(control)) as again:
            assert not again.server.resumed


@pytest.mark.parametrize("change", [
    lambda der: b"", lambda der: der[:-1], lambda der: b"\x30\x80" + der[2:], lambda der: bytes(len(der)),
    lambda der: bytes(70_000),
])
def test_hostile_entries_cost_a_full_handshake(change: Callable[[bytes], bytes]) -> None:
    keeper = Keeper()
    server, client = serving(), client_context(TLS12)
    server.use_keeper(keeper, sealed=True)
    with control_of(server, client) as control:
        session = newest_session(control)
    keeper.entries = {key: change(value) for key, value in keeper.entries.items()}
    with control_of(server, client, session=session) as again:
        assert not again.server.resumed


class Keeper:
    """A cache in Python."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}
        self.expires: dict[bytes, float] = {}

    def store(self, key: bytes, value: bytes, expires: float, /) -> None:
        self.entries[key] = value
        self.expires[key] = expires

    def fetch(self, key: bytes, /) -> bytes | None:
        return self.entries.get(key)

    def delete(self, key: bytes, /) -> None:
        self.entries.pop(key, None)


def test_a_cache_in_python() -> None:
    keeper = Keeper()
    server, client = serving(), client_context(TLS12)
    server.set_session_timeout(77)
    server.use_keeper(keeper, sealed=True)
    with control_of(server, client) as control:
        session = newest_session(control)
        assert list(keeper.entries) == [session.id]
        assert keeper.expires[session.id] == pytest.approx(time.time() + 77, abs=5)
        keeper.entries[b"asked for by a data connection"] = b""
        with connected(server, client, session=session, control=control.server) as data:
            assert data.server.proof_of(control.server) == "ok"
    with control_of(server, client, session=session) as again:
        assert again.server.resumed
        cut_by_alert(again)
    assert session.id not in keeper.entries


def test_an_entry_under_another_id_is_not_resumed() -> None:
    keeper = Keeper()
    server, client = serving(), client_context(TLS12)
    server.use_keeper(keeper, sealed=True)
    with control_of(server, client) as control:
        mine = newest_session(control)
    with control_of(server, client) as control:
        other = newest_session(control)
    keeper.entries[mine.id] = keeper.entries[other.id]
    with control_of(server, client, session=mine) as again:
        assert not again.server.resumed


@pytest.mark.parametrize("sealed", [True, False])
def test_who_can_write_to_a_cache_cannot_vouch_for_a_certificate(sealed: bool) -> None:
    keeper = Keeper()
    server, client = serving(), client_context(TLS12)
    server.use_keeper(keeper, sealed=sealed)
    server.add_trusted(root().pem)
    server.set_verify("request")
    client.use_certificate(client_leaf().pem)
    client.use_private_key(client_leaf().key_pem())
    with control_of(server, client) as control:
        assert control.server.peer_certificate is not None
        session = newest_session(control)
    with control_of(server, client, session=session) as again:
        assert again.server.resumed is sealed


def test_what_a_cache_in_python_raises_comes_out_of_the_handshake() -> None:
    class Broken(Keeper):
        def fetch(self, key: bytes, /) -> bytes | None:
            raise RuntimeError("a defect")

    server, client = serving(), client_context(TLS12)
    with control_of(server, client) as control:
        session = newest_session(control)
    server.use_keeper(Broken(), sealed=True)
    with accepting(server, client, session) as accepted, pytest.raises(RuntimeError, match="a defect"):
        accepted.handshake(TIMEOUT)


def test_session_id_context_separates_hosts() -> None:
    one, two, client = serving(), serving(), client_context(TLS13)
    two.use_ticket_keys(one.ticket_keys)
    one.set_session_id_context(b"1")
    two.set_session_id_context(b"2")
    with control_of(one, client) as control:
        session = newest_session(control)
        pair = connect(two, client, session=session)
        assert not pair.server.resumed
        pair.close()


@modes
@pytest.mark.parametrize("kept_by", ["memory", "python"])
def test_sessions_of_certificates_are_resumed_by_leave(protocol: str, tickets12: bool, kept_by: str) -> None:
    """On control connections; and nobody is asked about those without a certificate."""
    server, client, asked = serving(tickets12), client_context(protocol), list[bytes]()
    leave = True

    def may(connection: Connection, certificate: bytes) -> bool:
        asked.append(certificate)
        return leave

    if kept_by == "python":
        server.use_keeper(Keeper(), sealed=True)
    server.add_trusted(root().pem)
    server.set_verify("request")
    server.set_resume_callback(may)
    with control_of(server, client) as control:
        session = newest_session(control)
    with control_of(server, client, session=session) as again:
        assert again.server.resumed
    assert asked == []
    client.use_certificate(client_leaf().pem)
    client.use_private_key(client_leaf().key_pem())
    with control_of(server, client) as control:
        session = newest_session(control)
    for leave in (True, False):
        with control_of(server, client, session=session) as again:
            assert again.server.resumed is leave
            assert again.server.peer_certificate == client_leaf().der
            session, before = newest_session(again), len(asked)
            with connected(server, client, session=session, control=again.server) as data:
                assert data.server.proof_of(again.server) == "ok"
            assert len(asked) == before
    assert set(asked) == {client_leaf().der}
    server.set_resume_callback(None)
    with control_of(server, client, session=session) as again:
        assert again.server.resumed


@modes
def test_what_the_resume_callback_raises_comes_out_of_the_handshake(protocol: str, tickets12: bool) -> None:
    def may(connection: Connection, certificate: bytes) -> bool:
        raise LookupError("a defect")

    server, client = serving(tickets12), client_context(protocol)
    server.add_trusted(root().pem)
    server.set_verify("request")
    client.use_certificate(client_leaf().pem)
    client.use_private_key(client_leaf().key_pem())
    with control_of(server, client) as control:
        session = newest_session(control)
    server.set_resume_callback(may)
    with accepting(server, client, session) as accepted, pytest.raises(LookupError, match="a defect"):
        accepted.handshake(TIMEOUT)


@modes
def test_client_certificate_survives_resumption(protocol: str, tickets12: bool) -> None:
    server, client = serving(tickets12), client_context(protocol)
    server.add_trusted(root().pem)
    server.set_verify("require")
    client.use_certificate(client_leaf().pem)
    client.use_private_key(client_leaf().key_pem())
    with control_of(server, client) as control:
        session = newest_session(control)
        with connected(server, client, session=session, control=control.server) as data:
            assert data.server.proof_of(control.server) == "ok"
            assert data.server.peer_certificate == control.server.peer_certificate == client_leaf().der


def test_new_session_ticket_is_only_for_tls13_controls() -> None:
    for protocol, possible in ((TLS12, False), (TLS13, True)):
        with control_of(serving(), client_context(protocol)) as control:
            control.send_to_client(b"x")
            control.client.take_sessions()
            assert control.server.new_session_ticket() is possible
            assert control.client.new_session_ticket() is False
            control.server.flush(TIMEOUT)
            control.send_to_client(b"y")
            assert len(control.client.take_sessions()) == int(possible)
    with pytest.raises(TypeError):
        Session()


def test_number_of_tickets_and_statistics() -> None:
    server, client = serving(), client_context(TLS13)
    server.set_num_tickets(5)
    with control_of(server, client) as control:
        control.send_to_client(b"x")
        assert len(control.client.take_sessions()) == 5
    counters = server.statistics()
    assert counters["accepts"] == counters["accepts_finished"] == 1
    assert counters["resumed"] == 0


def test_session_as_a_client_keeps_it() -> None:
    server, client = serving(), client_context(TLS13)
    server.set_session_timeout(77)
    with control_of(server, client) as control:
        assert abs(control.server.session_lifetime - 77) <= 2
        session = newest_session(control)
        assert session.version == TLS13
        assert session.resumable
        assert session.lifetime_hint == 77
        session.created = 1000
        session.timeout = 10
        copy = Session.from_der(session.to_der())
        assert (copy.created, copy.timeout, copy.ticket) == (1000, 10, session.ticket)


def test_tickets_of_a_handshake_are_not_held_back() -> None:
    """They share a segment; then nothing on the connection waits for more."""
    with connected(serving(), client_context(TLS13)) as pair:
        waiting = pair.client_socket.recv(1 << 16, socket.MSG_PEEK)
        sizes = []
        while waiting:
            sizes.append(int.from_bytes(waiting[3:5], "big"))
            waiting = waiting[5 + sizes[-1]:]
        assert len(sizes) == 2
        assert pair.server_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK) == 0


@pytest.mark.skipif(importlib.util.find_spec("_testcapi") is None, reason="this Python cannot run out of memory")
def test_sessions_are_taken_once_however_memory_runs_out() -> None:
    """In a process of its own, in which freed memory is overwritten."""
    said = subprocess.run(
        [sys.executable, "-m", "tests.native.out_of_memory", "sessions"], capture_output=True, text=True,
        timeout=4 * TIMEOUT, check=False, env={**os.environ, "MALLOC_PERTURB_": "165"})
    assert (said.returncode, said.stderr) == (0, "")
    failures, *taken = said.stdout.split()
    assert int(failures) > 1
    assert taken == ["2", "[]"]

"""The proof of session reuse with real handshakes: TLS 1.2 with ids, TLS 1.2 with tickets, TLS 1.3."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest

from ftpsd.settings.values import SessionCache
from ftpsd.tls import reuse
from ftpsd.tls.data import DataTLS, HandshakeFailed
from tests.tls.rig import Files, Pair, build, client_context

MODES = [("TLSv1.2", False), ("TLSv1.2", True), ("TLSv1.3", False)]
modes = pytest.mark.parametrize(("version", "tickets"), MODES)


@modes
def test_resumed_from_the_control_connection(files: Files, version: str, tickets: bool) -> None:
    context = client_context(version)
    with Pair(build(files, session_tickets=tickets)) as pair:
        report = pair.start_tls(context)
        assert not report.resumed
        data, client = pair.connect_data(context, pair.newest_session())
        proof = data.prove(ccc_used=False)
        assert (proof.ok, proof.lines) == (True, (reuse.REUSED,))
        assert client.resumed
        assert client.take_sessions() == []
        assert data.accepted_line() == (
            f"{version} data connection accepted, using cipher {report.cipher} "
            f"({report.bits} bits, resumed session)"
        )


@modes
def test_full_handshake_is_refused(files: Files, version: str, tickets: bool) -> None:
    context = client_context(version)
    with Pair(build(files, session_tickets=tickets)) as pair:
        pair.start_tls(context)
        data, _ = pair.connect_data(context, None)
        proof = data.prove(ccc_used=False)
        assert (proof.ok, proof.lines) == (False, (reuse.NOT_REUSED,))
        assert data.prove(ccc_used=True).ok
        assert data.prove(ccc_used=False, options=frozenset({"NoSessionReuseRequired"})).ok


@modes
def test_another_control_connection_s_session_is_refused(files: Files, version: str, tickets: bool) -> None:
    context = client_context(version)
    host = build(files, session_tickets=tickets)
    with Pair(host, b"1" * 32) as first, Pair(host, b"2" * 32) as second:
        first.start_tls(context)
        second.start_tls(context)
        data, client = second.connect_data(context, first.newest_session())
        proof = data.prove(ccc_used=False)
        assert not proof.ok
        expected = (reuse.REUSED, reuse.NOT_FROM_CONTROL) if client.resumed else (reuse.NOT_REUSED,)
        assert proof.lines == expected
        assert client.resumed is (tickets or version == "TLSv1.3")


@modes
def test_control_connection_may_resume_an_earlier_one(files: Files, version: str, tickets: bool) -> None:
    context = client_context(version)
    host = build(files, session_tickets=tickets)
    with Pair(host, b"1" * 32) as first, Pair(host, b"2" * 32) as second:
        first.start_tls(context)
        earlier = first.newest_session()
        report = second.start_tls(context, earlier)
        assert report.resumed
        assert report.lines[-1] == "client reused previous TLS session for control connection"
        for session in (second.newest_session(), earlier):
            data, client = second.connect_data(context, session)
            assert client.resumed
            assert data.prove(ccc_used=False).ok


@modes
def test_control_connections_that_resumed_one_another_are_one_client(
    files: Files, version: str, tickets: bool
) -> None:
    """Whichever session such a client presents; whoever resumed none of them is another."""
    context = client_context(version)
    host = build(files, session_tickets=tickets)
    with Pair(host, b"1" * 32) as first, Pair(host, b"2" * 32) as second, Pair(host, b"3" * 32) as third:
        first.start_tls(context)
        assert second.start_tls(context, first.newest_session()).resumed
        assert third.start_tls(context, second.newest_session()).resumed
        for one, other in ((first, second), (first, third), (second, third), (third, first)):
            data, client = one.connect_data(context, other.newest_session())
            assert client.resumed
            assert data.prove(ccc_used=False).ok
        with Pair(host, b"4" * 32) as stranger:
            stranger.start_tls(context)
            for one, other in ((first, stranger), (stranger, third)):
                data, client = one.connect_data(context, other.newest_session())
                assert not data.prove(ccc_used=False).ok


@modes
def test_not_demanded_without_a_cache(files: Files, version: str, tickets: bool) -> None:
    context = client_context(version)
    host = build(files, session_tickets=tickets, session_cache=SessionCache("off", 0))
    assert not host.reuse_required
    with Pair(host) as pair:
        pair.start_tls(context)
        data, _ = pair.connect_data(context, None)
        assert data.prove(ccc_used=False).ok


@modes
def test_many_transfers_with_single_use_tickets(files: Files, version: str, tickets: bool) -> None:
    context = client_context(version)
    with Pair(build(files, session_tickets=tickets)) as pair:
        pair.start_tls(context)
        kept = pair.newest_session()
        for _ in range(50):
            offered = pair.channel.offer_ticket()
            assert offered is (version == "TLSv1.3")
            pair.exchange(b"227 Entering Passive Mode\r\n")
            session = pair.newest_session() if version == "TLSv1.3" else kept
            data, client = pair.connect_data(context, session)
            assert client.resumed
            assert data.prove(ccc_used=False).ok
            data.close()


@modes
def test_unclean_end_of_a_data_connection_spoils_nothing(files: Files, version: str, tickets: bool) -> None:
    context = client_context(version)
    with Pair(build(files, session_tickets=tickets)) as pair:
        pair.start_tls(context)
        session = pair.newest_session()
        for _ in range(3):
            data, client = pair.connect_data(context, session)
            assert client.resumed
            assert data.prove(ccc_used=False).ok
            del client, data


def test_age_does_not_matter_while_the_control_connection_lives(files: Files) -> None:
    """Sessions that live one second are resumed after more than two: the one thing here that takes time."""
    with ExitStack() as stack:
        known = []
        for version, tickets in MODES:
            context = client_context(version)
            host = build(files, session_tickets=tickets, session_cache=SessionCache("internal", 1))
            pair = stack.enter_context(Pair(host))
            pair.start_tls(context)
            session = pair.newest_session()
            session.timeout = 1000
            known.append((pair, context, session))
        time.sleep(2.1)
        for pair, context, session in known:
            session.created = int(time.time()) - 1  # the client believes it fresh and offers it
            data, client = pair.connect_data(context, session)
            assert client.resumed
            assert data.prove(ccc_used=False).ok
            assert not pair.connect_data(context, None)[1].resumed


@modes
def test_failed_handshake_has_lines(files: Files, version: str, tickets: bool) -> None:
    with Pair(build(files, session_tickets=tickets)) as pair:
        pair.start_tls(client_context(version))
        server, client = socket.socketpair()
        with server, client:
            data = DataTLS(server, pair.host, pair.channel)
            assert data.handshake_step() == "read"
            client.send(b"USER anonymous\r\nPASS x@y\r\n")
            with pytest.raises(HandshakeFailed) as caught:
                data.handshake_step()
        assert caught.value.reason == "not-tls"
        expected = "unable to accept TLS connection: protocol error: \n  (1) error:"
        assert caught.value.lines[0].startswith(expected)

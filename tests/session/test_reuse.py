"""Data connections have to resume the control connection's TLS session (DESIGN.md 5.2, semantics.md 2.7)."""

from __future__ import annotations

import pytest

from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer

NOT_REUSED = (
    "client did not reuse SSL session, rejecting data connection (see the NoSessionReuseRequired TLSOptions "
    "parameter)"
)
FROM_ELSEWHERE = "client did not reuse SSL session from control channel, rejecting data connection"
UNABLE = "Unable to build data connection:"
REFUSED = f"{UNABLE} TLS session of the control connection was not reused [data-not-resumed]"
FOREIGN = f"{UNABLE} TLS session of another control connection was reused [data-wrong-session]"
TICKETS = ["TLSSessionTickets on", "TLSSessionTickets off"]


def start(ftps_server: ServerFactory, *tls: str) -> RunningServer:
    server = ftps_server(tls=["TLSRequired on", *tls])
    server.give("hello.txt", b"hello")
    return server


@pytest.mark.parametrize("tickets", TICKETS)
def test_a_connection_that_does_not_resume_is_refused_with_150_and_425(
    ftps_server: ServerFactory, tls_version: str, tickets: str
) -> None:
    server = start(ftps_server, tickets)
    with server.client(tls_version).begin() as client:
        connection = client.data()
        client.expect(150, "RETR hello.txt")
        connection.handshake(reuse=False)
        assert client.expect(425).text == REFUSED
        assert client.retrieve("RETR hello.txt") == b"hello"
    assert any(line.endswith(NOT_REUSED) for line in server.tls_log())
    server.wait_for_log("unable to open data connection: TLS negotiation failed")


@pytest.mark.parametrize("tickets", TICKETS)
def test_a_session_of_another_control_connection_is_refused(
    ftps_server: ServerFactory, tls_version: str, tickets: str
) -> None:
    server = start(ftps_server, tickets)
    with server.client(tls_version).begin() as first, server.client(
        tls_version, context=first.context).begin() as second:
        connection = second.data()
        second.expect(150, "RETR hello.txt")
        connection.handshake(session=first.next_session())
        by_id = tls_version == "TLSv1.2" and tickets.endswith("off")  # ids of others are not even looked up
        assert second.expect(425).text == (REFUSED if by_id else FOREIGN)
        assert second.retrieve("RETR hello.txt") == b"hello"
        assert first.retrieve("RETR hello.txt") == b"hello"
    log = "\n".join(server.tls_log())
    assert FROM_ELSEWHERE in log or NOT_REUSED in log


@pytest.mark.parametrize("reuse", [False, True])
def test_no_session_reuse_required_takes_both(
    ftps_server: ServerFactory, tls_version: str, reuse: bool
) -> None:
    server = start(ftps_server, "TLSOptions NoSessionReuseRequired")
    with server.client(tls_version).begin() as client:
        connection = client.data()
        client.expect(150, "RETR hello.txt")
        stream = connection.handshake(reuse=reuse)
        assert stream.read_all() == b"hello"
        connection.close()
        client.expect(226)


@pytest.mark.parametrize("tickets", TICKETS)
def test_two_hundred_transfers_with_a_client_that_uses_every_ticket_once(
    ftps_server: ServerFactory, tls_version: str, tickets: str
) -> None:
    server = start(ftps_server, tickets)
    single_use = tls_version == "TLSv1.3"
    with server.client(tls_version, single_use=single_use).begin() as client:
        for number in range(100):
            assert client.retrieve("RETR hello.txt") == b"hello"
            client.store(f"STOR up{number % 7}", b"x" * number)


@pytest.mark.parametrize("tickets", TICKETS)
@pytest.mark.parametrize("ending", ["fin", "rst"])
def test_an_unclean_end_of_a_data_connection_evicts_no_session(
    ftps_server: ServerFactory, tls_version: str, tickets: str, ending: str
) -> None:
    server = start(ftps_server, tickets)
    with server.client(tls_version).begin() as client:
        for _ in range(3):
            connection = client.data()
            client.expect(150, "RETR hello.txt")
            stream = connection.handshake()
            assert stream.resumed
            assert stream.read_all() == b"hello"
            connection.close("fin" if ending == "fin" else "rst")
            client.expect(226)


def test_the_handshake_may_come_before_the_command(ftps_server: ServerFactory, tls_version: str) -> None:
    server = start(ftps_server)
    with server.client(tls_version).begin() as client:
        for _ in range(3):
            stream = client.data().handshake()
            client.expect(150, "RETR hello.txt")
            assert stream.read_all() == b"hello"
            stream.close()
            client.expect(226)


def test_a_failed_early_handshake_is_425_after_150(ftps_server: ServerFactory, tls_version: str) -> None:
    server = start(ftps_server)
    with server.client(tls_version).begin() as client:
        stream = client.data().establish()
        stream.write(b"this is no ClientHello at all")
        client.expect(200, "NOOP")
        client.expect(150, "RETR hello.txt")
        assert client.expect(425).text == f"{UNABLE} TLS handshake failed [not-tls]"
        assert client.retrieve("RETR hello.txt") == b"hello"


def test_no_ticket_travels_on_a_data_connection(ftps_server: ServerFactory) -> None:
    server = start(ftps_server)
    with server.client("TLSv1.3").begin() as client:
        connection = client.data()
        client.expect(150, "STOR up.txt")
        stream = connection.handshake()
        stream.write(b"x")
        client.expect(200, "NOOP")
        assert not select_readable(stream.socket.fileno())
        connection.close("notify-nowait")
        client.expect(226)


def select_readable(descriptor: int) -> bool:
    import select

    return bool(select.select([descriptor], [], [], 0)[0])


def test_a_new_control_connection_may_resume_and_is_bound_to_itself(
    ftps_server: ServerFactory, tls_version: str
) -> None:
    server = ftps_server(tls=["TLSRequired on", "TLSSessionTickets on"], directives=["Workers 1"])
    server.give("hello.txt", b"hello")
    with server.client(tls_version).begin() as first:
        assert first.retrieve("RETR hello.txt") == b"hello"
        session = first.next_session()
        context = first.context
    with server.client(tls_version, context=context) as second:
        second.connect()
        second.expect(234, "AUTH TLS")
        second.handshake(session=session)
        assert second.control.resumed
        second.login()
        second.protect()
        assert second.retrieve("RETR hello.txt") == b"hello"
    assert any("resumed session" in line for line in server.tls_log())


@pytest.mark.parametrize("tickets", TICKETS)
def test_a_client_may_mix_up_the_sessions_of_its_control_connections(
    ftps_server: ServerFactory, tls_version: str, tickets: str
) -> None:
    """rclone and others keep one store of sessions for all: whichever was the last is presented on any of them."""
    server = ftps_server(tls=["TLSRequired on", *tickets.splitlines()], directives=["Workers 2"])
    server.give("hello.txt", b"hello")
    with server.client(tls_version).begin() as first, server.client(tls_version, context=first.context) as second:
        second.connect()
        second.expect(234, "AUTH TLS")
        second.handshake(session=first.next_session())
        second.login()
        second.protect()
        for one, other in ((first, second), (second, first)):
            connection = one.data()
            one.expect(150, "RETR hello.txt")
            assert connection.handshake(session=other.next_session()).read_all() == b"hello"
            connection.close()
            one.expect(226)

"""Connections that a proxy hands on: to the last byte of the header, and not one further; and who is let in."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Iterator

import pytest

from ftpsd.data.channel import DataChannel, Stage
from ftpsd.data.endpoints import DataSocket, SocketTuning, Stranger
from ftpsd.data.proxied import HeaderReader, NoHeader, ProxiedListener
from ftpsd.ftp.proxyheader import LONGEST, WrongHeader
from ftpsd.reasons.codes import Code
from ftpsd.settings.proxy import ProxySettings, trust
from ftpsd.tls.data import DataTLS
from tests.data.support import DEADLINE, push
from tests.session.proxies import DATAGRAM, LOCAL, one, two

EITHER = frozenset({1, 2})
CLIENT, PROXY = "192.0.2.7", "127.0.0.1"
HEADERS = [one(CLIENT), two(CLIENT), two(CLIENT, tlvs=b"\4\1\0" + bytes(256)), b"PROXY UNKNOWN\r\n", LOCAL]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname(), 5)
        far, _ = listener.accept()
    with near, far:
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield near, far


def await_input(sock: socket.socket) -> None:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    assert poll.poll(DEADLINE)


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("behind", [b"", b"USER alice\r\n", b"\x16\x03\x01\x02\x00", two("192.0.2.9")])
def test_what_follows_in_the_same_segment_stays_there(
    pair: tuple[socket.socket, socket.socket], header: bytes, behind: bytes,
) -> None:
    near, far = pair
    near.sendall(header + behind)
    await_input(far)
    found = HeaderReader(far, EITHER).step()
    assert found is not None
    assert found.length == len(header)
    near.shutdown(socket.SHUT_WR)
    assert far.recv(1000) == behind


@pytest.mark.parametrize("header", HEADERS[:2] + HEADERS[3:])
def test_a_header_may_come_a_byte_at_a_time(pair: tuple[socket.socket, socket.socket], header: bytes) -> None:
    near, far = pair
    reader = HeaderReader(far, EITHER)
    for place, byte in enumerate(header):
        assert reader.step() is None
        assert reader.begun is (place > 0)
        near.sendall(bytes([byte]))
        await_input(far)
    assert reader.step() is not None


@pytest.mark.parametrize(("start", "silent"), [(b"", True), (b"P", False), (two(CLIENT)[:20], False)])
@pytest.mark.parametrize("reset", [False, True])
def test_the_end_before_the_header_has(
    pair: tuple[socket.socket, socket.socket], start: bytes, silent: bool, reset: bool,
) -> None:
    near, far = pair
    reader = HeaderReader(far, EITHER)
    if start:
        near.sendall(start)
        await_input(far)
        assert reader.step() is None
    if reset:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    near.close()
    await_input(far)
    with pytest.raises(NoHeader) as caught:
        reader.step()
    assert caught.value.silent is silent


def test_no_more_than_a_header_is_ever_kept(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    near.sendall(two(CLIENT)[:14] + b"\xff\xff" + bytes(LONGEST))
    await_input(far)
    with pytest.raises(WrongHeader, match="65535 bytes"):
        HeaderReader(far, EITHER).step()


def no_tls(sock: DataSocket) -> DataTLS:
    raise AssertionError("TLS was not expected")


def listening(*, peer: str = CLIENT, timeout: int = 60) -> DataChannel:
    proxies = ProxySettings(engine=True, trust=trust([PROXY]), timeout=timeout)
    listener = ProxiedListener("127.0.0.1", peer, None, SocketTuning(), lambda address: address == "192.0.2.8", proxies)
    return DataChannel(listener, no_tls, SocketTuning())


@pytest.fixture
def channel() -> Iterator[DataChannel]:
    found = listening()
    yield found
    found.close()


def call(channel: DataChannel, data: bytes, origin: str = PROXY) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", channel.port), 5, (origin, 0))
    sock.sendall(data)
    return sock


def settle(channel: DataChannel) -> None:
    """Until somebody was let in or turned away."""
    while channel.stage is Stage.LISTENING and not channel.strangers:
        push(channel)


@pytest.mark.parametrize("header", [one(CLIENT), two(CLIENT), one("192.0.2.8"), two("::ffff:192.0.2.7")])
def test_the_client_comes_through_the_proxy(channel: DataChannel, header: bytes) -> None:
    with call(channel, header + b"data"):
        settle(channel)
        assert (channel.stage, channel.strangers) == (Stage.CONNECTED, [])
        assert channel.socket is not None
        assert channel.socket.library.recv(100) == b"data"
        assert channel.leads_to("192.0.2.8" if b"192.0.2.8" in header else CLIENT)
        assert not channel.leads_to(PROXY)


def test_a_header_in_pieces(channel: DataChannel) -> None:
    header = two(CLIENT)
    with call(channel, header[:5]) as sock:
        push(channel)
        assert (channel.stage, channel.strangers) == (Stage.LISTENING, [])
        assert channel.patience > time.monotonic()
        sock.sendall(header[5:])
        settle(channel)
        assert channel.stage is Stage.CONNECTED
        assert channel.patience == float("inf")


def turned_away(sock: socket.socket) -> None:
    with sock, contextlib.suppress(ConnectionResetError):
        assert sock.recv(1) == b""


BAD = {
    one("192.0.2.9"): Stranger("192.0.2.9"),
    two("192.0.2.9"): Stranger("192.0.2.9"),
    two("2001:db8::7"): Stranger("2001:db8::7"),
    b"\x16\x03\x01": Stranger(
        PROXY, "wrong PROXY header: a TLS handshake came in its place", Code.PROXY_HEADER_WRONG),
    DATAGRAM: Stranger(PROXY, "wrong PROXY header: it tells of datagrams", Code.PROXY_HEADER_WRONG),
}


@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_others_are_turned_away_and_the_client_still_comes(channel: DataChannel, data: bytes) -> None:
    stranger = call(channel, data)
    settle(channel)
    assert channel.strangers == [BAD[data]]
    turned_away(stranger)
    channel.strangers.clear()
    with call(channel, two(CLIENT)):
        settle(channel)
        assert channel.stage is Stage.CONNECTED


def test_a_header_counts_from_proxies_alone(channel: DataChannel) -> None:
    stranger = call(channel, two(CLIENT), "127.0.0.2")
    settle(channel)
    assert channel.strangers == [Stranger("127.0.0.2")]
    turned_away(stranger)


@pytest.mark.parametrize("data", [b"", LOCAL, b"PROXY UNKNOWN\r\n", one(PROXY)])
def test_looks_at_the_servers_health_are_not_worth_a_word(channel: DataChannel, data: bytes) -> None:
    call(channel, data).close()
    with call(channel, two(CLIENT)):
        settle(channel)
        assert (channel.stage, channel.strangers) == (Stage.CONNECTED, [])


def test_the_proxys_own_session_has_data_connections_of_its_own() -> None:
    channel = listening(peer=PROXY)
    with contextlib.closing(channel), call(channel, LOCAL):
        settle(channel)
        assert channel.stage is Stage.CONNECTED
        assert channel.leads_to(PROXY)


@pytest.mark.parametrize("start", [b"", two(CLIENT)[:20]])
def test_who_is_silent_is_waited_for_a_while_and_holds_nothing(start: bytes) -> None:
    channel = listening(timeout=1)
    with contextlib.closing(channel):
        silent = call(channel, start)
        push(channel)
        while time.monotonic() < channel.patience < float("inf"):
            select.select([], [], [], channel.patience - time.monotonic())
        channel.advance(False)
        assert channel.strangers == [
            Stranger(PROXY, "no PROXY header: none came in time", Code.PROXY_HEADER_MISSING)]
        turned_away(silent)
        with call(channel, two(CLIENT)):
            channel.strangers.clear()
            settle(channel)
            assert channel.stage is Stage.CONNECTED


def test_closing_lets_go_of_who_was_asked(channel: DataChannel) -> None:
    silent = call(channel, b"PROXY")
    push(channel)
    channel.close()
    turned_away(silent)

"""TLS on data connections over TCP: both directions, and how each side ends."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest

from ftpsd.native._openssl import Connection, Context, Pump, wait_readable
from ftpsd.tls.data import MOST_DISCARDED, DataTLS
from tests.tls.rig import TIMEOUT, VERSIONS, Files, Pair, background, build, client_context, shake

every_version = pytest.mark.parametrize("version", VERSIONS)
PAYLOAD = os.urandom(300_000)


class TCP:
    """A data connection over TCP, resumed from the pair's control connection."""

    def __init__(self, pair: Pair, context: Context) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client_socket = socket.create_connection(listener.getsockname())
            self.server_socket = listener.accept()[0]
        self.client_socket.setblocking(False)
        self.data = DataTLS(self.server_socket, pair.host, pair.channel)
        self.client = Connection(context, self.client_socket.fileno(), server=False)
        self.client.set_session(pair.newest_session())
        shake(self.data, self.client)
        assert self.data.prove(ccc_used=False).ok

    def await_client(self) -> None:
        """Until something from the client has arrived."""
        assert wait_readable([self.server_socket.fileno()], TIMEOUT)

    def __enter__(self) -> TCP:
        return self

    def __exit__(self, *exception: object) -> None:
        self.client_socket.close()
        self.server_socket.close()


def read_all(client: Connection) -> bytes:
    received = bytearray()
    while data := client.read(65536, TIMEOUT):
        received += data
    return bytes(received)


@every_version
def test_download(files: Files, version: str) -> None:
    context = client_context(version)
    with Pair(build(files)) as pair:
        pair.start_tls(context)
        with TCP(pair, context) as tcp, background(lambda: read_all(tcp.client)) as received:
            pump = Pump(
                direction="send", source=PAYLOAD, sock=tcp.server_socket.fileno(), tls=tcp.data.connection
            )
            assert pump.run() == "done"
            assert tcp.data.send_close_notify() == "done"
            assert tcp.data.send_close_notify() == "done"
            tcp.server_socket.shutdown(socket.SHUT_WR)
            assert received.result(TIMEOUT) == PAYLOAD
            assert tcp.data.peer_close_style() is None
            tcp.client.close_notify()
            tcp.await_client()
            assert tcp.data.peer_close_style() == "notify"


@every_version
def test_the_end_of_a_download_waits_for_room(files: Files, version: str) -> None:
    context = client_context(version)
    with Pair(build(files)) as pair:
        pair.start_tls(context)
        with TCP(pair, context) as tcp:
            sent = fill(tcp.server_socket)
            for _ in range(2):
                assert tcp.data.send_close_notify() == "write"
            tcp.client_socket.settimeout(TIMEOUT)
            while sent > 0:
                sent -= len(tcp.client_socket.recv(min(sent, 65536)))
            assert tcp.data.send_close_notify() == "done"
            assert tcp.client.read(10, TIMEOUT) == b""


@every_version
def test_the_end_of_a_download_that_cannot_be_told(files: Files, version: str) -> None:
    context = client_context(version)
    with Pair(build(files)) as pair:
        pair.start_tls(context)
        with TCP(pair, context) as tcp:
            tcp.client_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            tcp.client_socket.close()
            tcp.await_client()
            with pytest.raises(ConnectionResetError):
                tcp.data.send_close_notify()


def fill(sock: socket.socket) -> int:
    """Sends until there is no room; how many bytes that took."""
    sent = 0
    while True:
        try:
            sent += sock.send(bytes(65536))
        except BlockingIOError:
            try:
                sent += sock.send(b"x")
            except BlockingIOError:
                return sent


@every_version
def test_a_client_that_never_ends_is_read_in_bounded_steps_and_given_up(files: Files, version: str) -> None:
    context = client_context(version)
    with Pair(build(files)) as pair:
        pair.start_tls(context)
        with TCP(pair, context) as tcp:
            tcp.data.send_close_notify()
            written = calls = 0
            with pytest.raises(ConnectionAbortedError, match="too much data"):  # noqa: PT012
                while written <= 2 * MOST_DISCARDED:
                    tcp.client.write(bytes(60_000), TIMEOUT)
                    written += 60_000
                    tcp.await_client()
                    assert tcp.data.peer_close_style() is None
                    calls += 1
            assert calls >= MOST_DISCARDED // (64 * 1024) - 1


@every_version
def test_download_that_failed_does_not_look_complete(files: Files, version: str) -> None:
    context = client_context(version)
    with Pair(build(files)) as pair:
        pair.start_tls(context)
        with TCP(pair, context) as tcp:
            tcp.data.connection.write(PAYLOAD[:1000], TIMEOUT)
            tcp.data.close()
            tcp.server_socket.close()
            assert tcp.client.read(1000, TIMEOUT) == PAYLOAD[:1000]
            with pytest.raises(Exception, match="read") as caught:
                tcp.client.read(1000, TIMEOUT)
            assert getattr(caught.value, "kind", None) == "eof"


@every_version
def test_client_that_ends_with_a_fin_or_breaks(files: Files, version: str) -> None:
    context = client_context(version)
    with Pair(build(files)) as pair:
        pair.start_tls(context)
        with TCP(pair, context) as tcp:
            tcp.client.write(b"chatter", TIMEOUT)
            assert tcp.data.connection.read(100, TIMEOUT) == b"chatter"
            tcp.client_socket.shutdown(socket.SHUT_WR)
            tcp.await_client()
            assert tcp.data.peer_close_style() == "fin"
        with TCP(pair, context) as tcp:
            tcp.client_socket.send(b"not a TLS record")
            tcp.await_client()
            with pytest.raises(ConnectionResetError):
                tcp.data.peer_close_style()


@every_version
def test_upload_by_a_client_that_never_reads(files: Files, version: str, tmp_path: Path) -> None:
    """With tickets on the data connection the client's close would send RST and cut the upload."""
    context = client_context(version)
    target = tmp_path / "upload"
    with Pair(build(files)) as pair:
        pair.start_tls(context)
        for notify in (True, False):
            with TCP(pair, context) as tcp, target.open("wb") as file:

                def upload(tcp: TCP = tcp, notify: bool = notify) -> None:
                    tcp.client.write(PAYLOAD, TIMEOUT)
                    if notify:
                        tcp.client.close_notify()
                    tcp.client_socket.close()

                with background(upload) as done:
                    pump = Pump(
                        direction="receive", source=file.fileno(), sock=tcp.server_socket.fileno(),
                        tls=tcp.data.connection,
                    )
                    assert pump.run() == ("done" if notify else "eof")
                    done.result(TIMEOUT)
            assert target.read_bytes() == PAYLOAD


@every_version
def test_empty_transfer(files: Files, version: str) -> None:
    context = client_context(version)
    with Pair(build(files)) as pair:
        pair.start_tls(context)
        with TCP(pair, context) as tcp:
            tcp.data.send_close_notify()
            assert tcp.client.read(10, TIMEOUT) == b""
            assert tcp.client.alert_received is None


@every_version
def test_handshake_before_the_control_connection_asks_for_it(files: Files, version: str) -> None:
    """A client may begin at once (clients.md 2): the steps wait for nothing."""
    context = client_context(version)
    with Pair(build(files)) as pair:
        pair.start_tls(context)
        server, client = socket.socketpair()
        with server, client:
            data = DataTLS(server, pair.host, pair.channel)
            assert data.handshake_step() == "read"
            assert data.handshake_step() == "read"


def test_different_client_certificates_are_refused(files: Files) -> None:
    host = build(files, ca_certificate_file=files.authorities, options=frozenset({"NoSessionReuseRequired"}))
    with Pair(host) as pair:
        ours = client_context(certificate=True)
        pair.start_tls(ours)
        data, _ = pair.connect_data(ours, None)
        assert data.prove(ccc_used=False).ok
        data, _ = pair.connect_data(client_context(), None)
        assert data.prove(ccc_used=False).ok
        other = client_context(certificate=True, name="somebody else")
        data, _ = pair.connect_data(other, None)
        assert data.prove(ccc_used=False).reason == "data-certificate-mismatch"

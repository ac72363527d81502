"""The pump's first stage: handshake and proof of reuse, in one call with the data where nobody has to be asked."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from ftpsd.native._openssl import Connection, Pump, Session
from tests.native.openssl_support import (
    TIMEOUT,
    TLS12,
    TLS13,
    Pair,
    client_context,
    connected,
    newest_session,
    read_exactly,
    server_context,
    socket_pair,
)

PAYLOAD = b"some bytes" * 1000
versions = pytest.mark.parametrize("version", [TLS12, TLS13])


@dataclass
class Arriving:
    """A data connection that has come and has not shaken hands: our end, and the peer's."""

    control: Pair
    near: socket.socket
    far: socket.socket
    ours: Connection
    session: Session

    def pump(
        self, direction: Literal["send", "receive"], source: int | bytes, *, proves: bool = True,
        patience: float = TIMEOUT, watched: int = -1,
    ) -> Pump:
        return Pump(
            direction=direction, source=source, sock=self.far.fileno(), tls=self.ours, finish=True, stall=TIMEOUT,
            secure=time.monotonic() + patience, proves=self.control.server if proves else None, control=watched,
        )

    def peer(self, session: Session | None) -> Connection:
        """The client's end, which offers `session`."""
        connection = Connection(self.control.client.context, self.near.fileno(), server=False)
        if session is not None:
            connection.set_session(session)
        return connection


@contextmanager
def arriving(version: str) -> Iterator[Arriving]:
    server = server_context()
    with connected(server, client_context(version)) as control:
        near, far = socket_pair()
        with near, far:
            ours = Connection(server, far.fileno(), role="data", control=control.server)
            yield Arriving(control, near, far, ours, newest_session(control))


def in_thread(
    arrival: Arriving, session: Session | None, upload: bytes | None = None,
) -> tuple[threading.Thread, list[bytes]]:
    """The client: shakes hands, sends `upload` and its end, or reads to the end."""
    got: list[bytes] = []

    def run() -> None:
        peer = arrival.peer(session)
        peer.handshake(TIMEOUT)
        if upload is None:
            got.append(read_exactly(peer, len(PAYLOAD)))
            got.append(peer.read(1, TIMEOUT))
        else:
            peer.write(upload, TIMEOUT)
            peer.shutdown(TIMEOUT, wait_peer=False)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, got


@versions
def test_a_download_in_one_call(version: str) -> None:
    with arriving(version) as arrival:
        thread, got = in_thread(arrival, arrival.session)
        pump = arrival.pump("send", PAYLOAD)
        states = [pump.securing]
        before = time.monotonic()
        assert pump.run() == "done"
        thread.join(TIMEOUT)
        assert got == [PAYLOAD, b""]
        assert [*states, pump.securing] == [True, False]
        assert pump.finished
        assert before <= pump.begun <= time.monotonic()


@versions
def test_an_upload_in_one_call(version: str, tmp_path: Path) -> None:
    with arriving(version) as arrival, open(tmp_path / "up", "w+b") as file:
        thread, _ = in_thread(arrival, arrival.session, PAYLOAD)
        pump = arrival.pump("receive", file.fileno())
        assert pump.run() == "done"
        thread.join(TIMEOUT)
        assert (tmp_path / "up").read_bytes() == PAYLOAD


@versions
@pytest.mark.parametrize("why", ["not resumed", "nobody to compare with"])
def test_stops_where_somebody_has_to_judge(version: str, why: str) -> None:
    with arriving(version) as arrival:
        resumes = why != "not resumed"
        thread, got = in_thread(arrival, arrival.session if resumes else None)
        pump = arrival.pump("send", PAYLOAD, proves=not resumes)
        assert pump.run() == "secured"
        assert not pump.securing
        assert pump.begun == 0
        assert pump.bytes == 0
        assert arrival.ours.resumed is resumes
        assert pump.run() == "done", "the judge has let it go on"
        thread.join(TIMEOUT)
        assert got == [PAYLOAD, b""]


@versions
def test_the_session_of_another_control_connection_proves_nothing(version: str) -> None:
    with arriving(version) as arrival, connected(
        arrival.control.server.context, arrival.control.client.context) as other:
        thread, _ = in_thread(arrival, newest_session(other), PAYLOAD)
        pump = arrival.pump("receive", 0)
        assert pump.run() == "secured"
        assert arrival.ours.proof_of(arrival.control.server) != "ok"
        thread.join(TIMEOUT)


def test_a_peer_that_says_nothing() -> None:
    with arriving(TLS13) as arrival:
        pump = arrival.pump("send", PAYLOAD, patience=0.05)
        assert pump.run() == "late"
        assert pump.securing
        assert pump.error is None
        assert pump.run() == "late", "that is the end"


@pytest.mark.parametrize("what", ["noise", "end", "reset"])
def test_a_handshake_that_fails(what: str) -> None:
    with arriving(TLS12) as arrival:
        if what == "noise":
            arrival.near.send(b"this is no ClientHello at all")
        elif what == "reset":
            arrival.near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        if what != "noise":
            arrival.near.close()
        pump = arrival.pump("receive", 0)
        assert pump.run() == "handshake"
        assert pump.securing
        assert pump.error is not None
        assert pump.error.kind == {"noise": "protocol", "end": "eof", "reset": "reset"}[what]


@versions
def test_the_control_connection_is_heard_in_the_handshake_and_it_goes_on(version: str) -> None:
    watched, talks = socket_pair()
    with arriving(version) as arrival, watched, talks:
        talks.send(b"NOOP")
        pump = arrival.pump("send", PAYLOAD, watched=watched.fileno())
        assert pump.run() == "control"
        assert pump.securing
        assert watched.recv(100) == b"NOOP"
        thread, got = in_thread(arrival, arrival.session)
        assert pump.run() == "done"
        thread.join(TIMEOUT)
        assert got == [PAYLOAD, b""]


def test_an_abort_in_the_handshake_ends_the_data() -> None:
    """Where the control connection is watched, its end is what wakes the pump up; the data sees the abort."""
    watched, talks = socket_pair()
    with arriving(TLS13) as arrival, watched, talks:
        thread, _ = in_thread(arrival, arrival.session, b"")
        pump = arrival.pump("receive", 0, watched=watched.fileno())
        pump.abort()
        assert pump.run() == "aborted"
        assert pump.bytes == 0
        thread.join(TIMEOUT)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_an_abort_ends_a_handshake_beside_which_nothing_is_watched(when: str) -> None:
    """A client that has sent more commands than are kept is not listened to, and may keep silent here, too."""
    with arriving(TLS13) as arrival:
        pump = arrival.pump("receive", 0)
        aborting = threading.Timer(0.1, pump.abort)
        if when == "before":
            pump.abort()
        else:
            aborting.start()
        began = time.monotonic()
        assert pump.run() == "aborted"
        assert time.monotonic() - began < TIMEOUT / 2
        assert pump.securing
        assert pump.error is None
        aborting.cancel()


def test_a_pump_that_is_refused_its_arguments_closes_nothing() -> None:
    """What is not a pump yet has no descriptor of its own, and 0 is somebody's."""
    kept = os.dup(0)
    try:
        reader, writer = os.pipe()
        os.dup2(reader, 0)
        for wrong in ({"limit": 1 << 63}, {"expected": -1}, {"rate": "much"}):
            with pytest.raises((OverflowError, TypeError)):
                Pump(direction="receive", source=0, sock=reader, **wrong)
            assert os.fstat(0).st_ino == os.fstat(reader).st_ino
        os.close(reader)
        os.close(writer)
    finally:
        os.dup2(kept, 0)
        os.close(kept)

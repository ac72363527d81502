"""The pump: every byte, every end, both directions, plain and TLS, watched and interrupted."""

from __future__ import annotations

import errno
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.native._openssl import Connection, Pump, TLSError, answer_promptly
from tests.native.openssl_support import (
    TIMEOUT,
    TLS12,
    TLS13,
    client_context,
    command_waiting,
    connect,
    server_context,
    socket_pair,
)

CHANNELS = ["plain", TLS12, TLS13]
channels = pytest.mark.parametrize("channel", CHANNELS)
tls_channels = pytest.mark.parametrize("channel", [TLS12, TLS13])
MEGABYTE = 1 << 20
RESET_ON_CLOSE = bytes([1, 0, 0, 0, 0, 0, 0, 0])


@dataclass
class Wire:
    """A data connection as both ends see it: ours for the pump, the peer's for the test."""

    sock: socket.socket
    tls: Connection | None
    peer_socket: socket.socket
    peer: Connection | None

    def peer_sends(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.write(data, TIMEOUT)
            return
        self.peer_socket.settimeout(TIMEOUT)
        self.peer_socket.sendall(data)

    def peer_ends(self) -> None:
        if self.peer is not None:
            self.peer.shutdown(TIMEOUT, wait_peer=False)
        self.peer_socket.shutdown(socket.SHUT_WR)

    def peer_reads(self, size: int = 65536) -> bytes:
        """Some bytes; b"" at a proper end."""
        if self.peer is not None:
            return self.peer.read(size, TIMEOUT)
        self.peer_socket.settimeout(TIMEOUT)
        return self.peer_socket.recv(size)

    def peer_reads_all(self) -> bytes:
        return b"".join(iter(self.peer_reads, b""))

    def we_end(self) -> None:
        if self.tls is not None:
            self.tls.shutdown(TIMEOUT, wait_peer=False)
        else:
            self.sock.shutdown(socket.SHUT_WR)

    def peer_resets(self) -> None:
        self.peer_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.peer_socket.close()

    def pump(
        self, direction: Literal["send", "receive"], source: int | bytes, *, control: int = -1,
        offset: int | None = None, limit: int = -1, ascii: bool = False, rate: float = 0.0, burst: int = 0,
        stall: float = TIMEOUT, sendfile: bool = True, expected: int = 0,
    ) -> Pump:
        return Pump(
            direction=direction, source=source, sock=self.sock.fileno(), tls=self.tls, control=control,
            offset=offset, limit=limit, ascii=ascii, rate=rate, burst=burst, stall=stall,
            sendfile=sendfile, expected=expected,
        )


@contextmanager
def wire(channel: str) -> Iterator[Wire]:
    if channel == "plain":
        near, far = socket_pair()
        with near, far:
            yield Wire(far, None, near, None)
        return
    server, client = server_context(), client_context(channel)
    control = connect(server, client)
    pair = connect(server, client, session=control.client.get_session(), control=control.server)
    assert pair.errors == (None, None)
    try:
        yield Wire(pair.server_socket, pair.server, pair.client_socket, pair.client)
    finally:
        pair.close()
        control.close()


@contextmanager
def file_of(content: bytes = b"") -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        file.seek(0)
        yield file


def content_of(file: IO[bytes]) -> bytes:
    return os.pread(file.fileno(), 1 << 30, 0)


def time_slice() -> int:
    """Nanoseconds that the calling thread may run at a stretch; 0: the kernel does not say."""
    try:
        said = re.search(r"^se\.slice\s*:\s*(\d+)", Path("/proc/thread-self/sched").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(said[1]) if said else 0


@pytest.fixture
def usual_schedule() -> Iterator[None]:
    """SCHED_OTHER for this thread and those that it starts, however the whole run is scheduled (`chrt --batch`)."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        pytest.skip("who may not leave SCHED_IDLE sees no difference")
    yield
    os.sched_setscheduler(0, policy, parameters)


class Running:
    """A pump in a thread of its own."""

    def __init__(self, pump: Pump, run: Callable[[Pump], str] = Pump.run) -> None:
        self.pump = pump
        self._run_pump = run
        self.result = ""
        self.policy_afterwards = -1
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.result = self._run_pump(self.pump)
        self.policy_afterwards = os.sched_getscheduler(0)

    def policy(self) -> int:
        """How the thread that runs the pump is scheduled now."""
        assert self._thread.native_id is not None
        return os.sched_getscheduler(self._thread.native_id)

    def join(self) -> str:
        self._thread.join(2 * TIMEOUT)
        assert not self._thread.is_alive(), "the pump hangs"
        return self.result

    def wait_for(self, size: int) -> None:
        until = time.monotonic() + TIMEOUT
        while self.pump.bytes < size:
            assert time.monotonic() < until
            time.sleep(0.001)


@channels
@pytest.mark.usefixtures("usual_schedule")
def test_a_pump_is_batch_work_from_the_first_megabyte_to_its_end(channel: str) -> None:
    with wire(channel) as link, file_of() as file:
        running = Running(link.pump("receive", file.fileno()))
        link.peer_sends(b"x" * 1000)
        running.wait_for(1000)
        assert running.policy() == os.SCHED_OTHER
        for _ in range(48):
            link.peer_sends(b"x" * 65536)
        until = time.monotonic() + TIMEOUT
        while running.policy() != os.SCHED_BATCH:
            assert time.monotonic() < until
            time.sleep(0.001)
        link.peer_ends()
        assert running.join() == "done"
        assert running.policy_afterwards == os.SCHED_OTHER


@channels
@pytest.mark.parametrize(("waits", "times"), [(True, 16), (False, 0)])
def test_a_pump_gives_way_while_a_command_waits(channel: str, waits: bool, times: int) -> None:
    """… but not for ever to one that nobody reads: of some forty looks the first sixteen count."""
    with command_waiting(waits), wire(channel) as link, file_of() as file:
        running = Running(link.pump("receive", file.fileno()))
        for _ in range(12):
            link.peer_sends(b"x" * MEGABYTE)
        link.peer_ends()
        assert running.join() == "done"
        assert running.pump.gave_way == times


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_a_pump_leaves_its_processor_while_it_moves_much() -> None:
    """In a process of its own, as it is for good."""
    command = [sys.executable, "-m", "tests.native.confined"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=4 * TIMEOUT, check=False)
    every = len(os.sched_getaffinity(0))
    assert (said.stdout.split(), said.stderr) == (["1", "1", str(every), "done", "1"], "")


@pytest.mark.skipif(not time_slice(), reason="this kernel has no time slices of a thread's own")
@pytest.mark.usefixtures("usual_schedule")
def test_a_thread_that_answers_promptly_is_no_less_prompt_after_its_pump() -> None:
    with wire("plain") as link, file_of() as file:
        pump = link.pump("receive", file.fileno())
        slices: list[int] = []

        def live() -> None:
            answer_promptly()
            slices.append(time_slice())
            pump.run()
            slices.append(time_slice())

        thread = threading.Thread(target=live)
        thread.start()
        link.peer_sends(b"x" * 4 * MEGABYTE)
        link.peer_ends()
        thread.join(4 * TIMEOUT)
    assert slices == [100_000, 100_000] != [time_slice()] * 2


def test_a_server_that_is_batch_work_as_a_whole_stays_so() -> None:
    """As systemd's CPUSchedulingPolicy=batch makes it."""
    with wire("plain") as link, file_of() as file:
        pump = link.pump("receive", file.fileno())
        policies: list[int] = []

        def live() -> None:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            answer_promptly()
            policies.append(os.sched_getscheduler(0))
            pump.run()
            policies.append(os.sched_getscheduler(0))

        thread = threading.Thread(target=live)
        thread.start()
        link.peer_sends(b"x" * 4 * MEGABYTE)
        link.peer_ends()
        thread.join(4 * TIMEOUT)
    assert policies == [os.SCHED_BATCH, os.SCHED_BATCH]


# ---- everything arrives


@channels
@pytest.mark.parametrize("offset", [None, 0, 1000])
def test_send_eight_megabytes(channel: str, offset: int | None) -> None:
    payload = random.Random(1).randbytes(8 * MEGABYTE)
    chunks = random.Random(2)
    with wire(channel) as link, file_of(payload) as file:
        sending = Running(link.pump("send", file.fileno(), offset=offset))
        got = bytearray()
        while len(got) < len(payload) - (offset or 0):
            got += link.peer_reads(chunks.choice([1, 7, 100, 5000, 65536, 300_000]))
        assert sending.join() == "done"
        link.we_end()
        assert link.peer_reads() == b""
        assert got == payload[offset or 0:]
        assert sending.pump.bytes == sending.pump.file_bytes == len(got)
        assert sending.pump.error is None


@tls_channels
@pytest.mark.parametrize(
    ("size", "rate", "nagle"), [(10_000, 0, False), (MEGABYTE, 0, True), (MEGABYTE, 100 * MEGABYTE, False)])
def test_records_that_follow_each_other_fill_segments(channel: str, size: int, rate: int, nagle: bool) -> None:
    with wire(channel) as link, file_of(bytes(size)) as file:
        link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sending = Running(Pump(
            direction="send", source=file.fileno(), sock=link.sock.fileno(), tls=link.tls, offset=0, rate=rate,
            stall=TIMEOUT, expected=size, finish=True))
        assert len(link.peer_reads_all()) == size
        assert sending.join() == "done"
        assert link.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == (not nagle)


@channels
@pytest.mark.parametrize("offset", [None, 0, 1000])
def test_receive_eight_megabytes(channel: str, offset: int | None) -> None:
    payload = random.Random(3).randbytes(8 * MEGABYTE)
    chunks = random.Random(4)
    with wire(channel) as link, file_of() as file:
        receiving = Running(link.pump("receive", file.fileno(), offset=offset))
        rest = memoryview(payload)
        while rest:
            size = chunks.choice([1, 7, 100, 5000, 65536, 300_000])
            link.peer_sends(bytes(rest[:size]))
            rest = rest[size:]
        link.peer_ends()
        assert receiving.join() == "done"
        assert content_of(file)[offset or 0:] == payload
        assert receiving.pump.bytes == receiving.pump.file_bytes == len(payload)


@channels
@pytest.mark.parametrize("payload", [b"", b"x", b"listing\r\n" * 50_000])
def test_send_a_buffer(channel: str, payload: bytes) -> None:
    with wire(channel) as link:
        sending = Running(link.pump("send", payload))
        got = bytearray()
        while len(got) < len(payload):
            got += link.peer_reads()
        assert sending.join() == "done"
        link.we_end()
        assert link.peer_reads() == b""
        assert got == payload


def test_send_a_buffer_from_an_offset() -> None:
    with wire("plain") as link:
        assert link.pump("send", b"0123456789", offset=7).run() == "done"
        assert link.peer_reads() == b"789"


@channels
def test_empty_files(channel: str) -> None:
    with wire(channel) as link, file_of() as file:
        pump = link.pump("send", file.fileno())
        assert pump.run() == "done"
        assert pump.run() == "done", "an ended pump says the same again"
        link.peer_ends()
        assert link.pump("receive", file.fileno()).run() == "done"
        assert content_of(file) == b""


def test_send_from_a_pipe() -> None:
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, b"from a pipe")
        os.close(write_end)
        with wire("plain") as link:
            assert link.pump("send", read_end).run() == "done"
            assert link.peer_reads() == b"from a pipe"
    finally:
        os.close(read_end)


# ---- ASCII


def to_wire(data: bytes) -> bytes:
    out = bytearray()
    for index, byte in enumerate(data):
        if byte == 10 and (index == 0 or data[index - 1] != 13):
            out.append(13)
        out.append(byte)
    return bytes(out)


def to_file(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


line_soup = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc", b"\r\r\n", b"\0", b"word " * 30]), max_size=60
).map(b"".join)


@given(data=line_soup, repeat=st.sampled_from([1, 1, 1, 3000]))
@settings(max_examples=120, deadline=None)
def test_ascii_send(data: bytes, repeat: int) -> None:
    data = data * repeat
    with wire("plain") as link, file_of(data) as file:
        sending = Running(link.pump("send", file.fileno(), ascii=True))
        expected = to_wire(data)
        got = bytearray()
        while len(got) < len(expected):
            got += link.peer_reads()
        assert sending.join() == "done"
        assert got == expected
        assert (sending.pump.bytes, sending.pump.file_bytes) == (len(expected), len(data))


@given(pieces=st.lists(line_soup.filter(bool), max_size=6), repeat=st.sampled_from([1, 1, 1, 500]))
@settings(max_examples=120, deadline=None)
def test_ascii_receive(pieces: list[bytes], repeat: int) -> None:
    with wire("plain") as link, file_of() as file:
        receiving = Running(link.pump("receive", file.fileno(), ascii=True))
        for piece in pieces * repeat:
            link.peer_sends(piece)
        link.peer_ends()
        assert receiving.join() == "done"
        data = b"".join(pieces * repeat)
        assert content_of(file) == to_file(data)
        assert (receiving.pump.bytes, receiving.pump.file_bytes) == (len(data), len(to_file(data)))


@channels
def test_ascii_a_byte_at_a_time(channel: str) -> None:
    data = b"one\r\ntwo\r\r\nthree\rfour\n\r\n\r"
    with wire(channel) as link, file_of() as file:
        receiving = Running(link.pump("receive", file.fileno(), ascii=True, offset=0))
        for index in range(len(data)):
            link.peer_sends(data[index:index + 1])
            receiving.wait_for(index + 1)
        link.peer_ends()
        assert receiving.join() == "done"
        assert content_of(file) == to_file(data)


def test_ascii_of_a_buffer() -> None:
    with wire(TLS13) as link:
        assert link.pump("send", b"a\nb\r\nc", ascii=True).run() == "done"
        link.we_end()
        assert link.peer_reads_all() == b"a\r\nb\r\nc"


# ---- limits, rates, stalls


@channels
@pytest.mark.parametrize(
    ("size", "limit", "stop", "kept"),
    [
        (100, 100, "done", 100), (99, 100, "done", 99), (101, 100, "limit", 100), (0, 0, "done", 0),
        (1, 0, "limit", 0),
    ],
)
def test_receive_limit(channel: str, size: int, limit: int, stop: str, kept: int) -> None:
    with wire(channel) as link, file_of() as file:
        if size:
            link.peer_sends(b"x" * size)
        link.peer_ends()
        pump = link.pump("receive", file.fileno(), limit=limit)
        assert pump.run() == stop
        assert len(content_of(file)) == pump.file_bytes == kept


@channels
@pytest.mark.parametrize("ascii", [False, True])
def test_send_limit(channel: str, ascii: bool) -> None:
    with wire(channel) as link, file_of(b"0123456789" * 10) as file:
        pump = link.pump("send", file.fileno(), limit=25, offset=5, ascii=ascii)
        assert pump.run() == "limit"
        link.we_end()
        assert link.peer_reads_all() == (b"0123456789" * 10)[5:30]


@channels
def test_rate_of_sending(channel: str) -> None:
    """200 kB at 400 kB/s, of which an eighth of a second is free: not under 0.3 s."""
    with wire(channel) as link, file_of(bytes(200_000)) as file:
        start = time.monotonic()
        sending = Running(link.pump("send", file.fileno(), rate=400_000))
        got = 0
        while got < 200_000:
            got += len(link.peer_reads())
        assert sending.join() == "done"
        assert time.monotonic() - start > 0.3


@channels
def test_rate_of_receiving(channel: str) -> None:
    with wire(channel) as link, file_of() as file:
        start = time.monotonic()
        receiving = Running(link.pump("receive", file.fileno(), rate=400_000))
        link.peer_sends(bytes(200_000))
        link.peer_ends()
        assert receiving.join() == "done"
        assert time.monotonic() - start > 0.3
        assert len(content_of(file)) == 200_000


@channels
def test_burst_is_free(channel: str) -> None:
    """At ten bytes a second only the burst can arrive at all within the test's time."""
    with wire(channel) as link:
        pump = link.pump("send", bytes(100_000), rate=10, burst=100_000)
        assert pump.run() == "done"


@channels
def test_a_slow_rate_is_no_stall(channel: str) -> None:
    with wire(channel) as link:
        pump = link.pump("send", bytes(30), rate=100, stall=0.02)
        assert pump.run() == "done"


@channels
@pytest.mark.parametrize("direction", ["send", "receive"])
def test_stalled_peer(channel: str, direction: Literal["send", "receive"]) -> None:
    with wire(channel) as link, file_of() as file:
        os.ftruncate(file.fileno(), 64 * MEGABYTE)
        start = time.monotonic()
        pump = link.pump(direction, file.fileno(), stall=0.1)
        assert pump.run() == "stalled"
        assert time.monotonic() - start >= 0.1


def until_it_stops(pump: Pump) -> str:
    """Runs a pump whose control connection always has input."""
    stop, deadline = "control", time.monotonic() + TIMEOUT
    while stop == "control":
        assert time.monotonic() < deadline
        stop = pump.run()
    return stop


@channels
@pytest.mark.parametrize("direction", ["send", "receive"])
def test_a_control_connection_that_always_has_input_hides_no_stall(
    channel: str, direction: Literal["send", "receive"]
) -> None:
    ours, clients = socket.socketpair()
    with ours, clients, wire(channel) as link, file_of() as file:
        os.ftruncate(file.fileno(), 64 * MEGABYTE)
        clients.send(b"NOOP\r\n")
        start = time.monotonic()
        assert until_it_stops(link.pump(direction, file.fileno(), stall=0.1, control=ours.fileno())) == "stalled"
        assert time.monotonic() - start >= 0.1


@channels
@pytest.mark.parametrize("rate", [0.0, 2_000_000.0])
def test_where_data_moves_there_is_no_stall_whatever_the_control_connection_does(channel: str, rate: float) -> None:
    payload = random.randbytes(MEGABYTE)
    ours, clients = socket.socketpair()
    with ours, clients, wire(channel) as link, file_of() as file:
        clients.send(b"NOOP\r\n")
        receiving = Running(
            link.pump("receive", file.fileno(), stall=0.3, rate=rate, control=ours.fileno()), until_it_stops)
        link.peer_sends(payload)
        link.peer_ends()
        assert receiving.join() == "done"
        assert content_of(file) == payload


def test_bytes_reset_the_stall() -> None:
    with wire("plain") as link, file_of() as file:
        receiving = Running(link.pump("receive", file.fileno(), stall=1.5))
        for count in range(8):
            link.peer_sends(b"x")
            receiving.wait_for(count + 1)
            time.sleep(0.25)
        link.peer_ends()
        assert receiving.join() == "done"


# ---- abort and control


@channels
@pytest.mark.parametrize("direction", ["send", "receive"])
def test_abort_from_another_thread(channel: str, direction: Literal["send", "receive"]) -> None:
    with wire(channel) as link, file_of() as file:
        os.ftruncate(file.fileno(), 64 * MEGABYTE)
        running = Running(link.pump(direction, file.fileno(), offset=0))
        if direction == "receive":
            link.peer_sends(b"kept")
            running.wait_for(4)
        else:
            running.wait_for(1)
        running.pump.abort()
        assert running.join() == "aborted"
        assert running.pump.run() == "aborted"
        if direction == "receive":
            assert content_of(file)[:4] == b"kept"


def test_abort_before_the_run() -> None:
    with wire("plain") as link:
        pump = link.pump("send", b"x")
        pump.abort()
        assert pump.run() == "aborted"
        assert pump.bytes == 0


@channels
@pytest.mark.parametrize("offset", [None, 0])
def test_control_interrupts_sending_and_no_byte_is_lost(channel: str, offset: int | None) -> None:
    payload = random.Random(5).randbytes(8 * MEGABYTE)
    ours, clients = socket.socketpair()
    got = bytearray()

    def read() -> None:
        while len(got) < len(payload):
            got.extend(link.peer_reads(300_000))
            if len(got) // MEGABYTE != (len(got) - 1) // MEGABYTE or random.random() < 0.1:
                clients.send(b"!")

    with ours, clients, wire(channel) as link, file_of(payload) as file:
        pump = link.pump("send", file.fileno(), control=ours.fileno(), offset=offset)
        clients.send(b"STAT\r\n")
        assert pump.run() == "control"
        assert pump.bytes == 0
        ours.recv(100)
        reader = threading.Thread(target=read)
        reader.start()
        stops = ["control"]
        while stops[-1] == "control":
            stops.append(pump.run())
            if stops[-1] == "control":
                assert ours.recv(1000)
        reader.join()
        assert stops[-1] == "done"
        assert got == payload


@channels
@pytest.mark.parametrize("ascii", [False, True])
def test_control_interrupts_receiving_and_no_byte_is_lost(channel: str, ascii: bool) -> None:
    payload = b"line of text\r\n" * 200_000
    ours, clients = socket.socketpair()

    def write() -> None:
        for start in range(0, len(payload), 100_001):
            link.peer_sends(payload[start:start + 100_001])
            clients.send(b"!")
        link.peer_ends()

    with ours, clients, wire(channel) as link, file_of() as file:
        pump = link.pump("receive", file.fileno(), control=ours.fileno(), offset=0, ascii=ascii)
        writer = threading.Thread(target=write)
        writer.start()
        stop = "control"
        while stop == "control":
            stop = pump.run()
            if stop == "control":
                assert ours.recv(1000)
        writer.join()
        assert stop == "done"
        assert content_of(file) == (to_file(payload) if ascii else payload)


def test_control_that_ends_is_an_interruption_and_can_be_let_go() -> None:
    ours, clients = socket.socketpair()
    with ours, wire("plain") as link, file_of() as file:
        pump = link.pump("receive", file.fileno(), control=ours.fileno())
        clients.close()
        assert pump.run() == "control"
        pump.control = -1
        assert pump.control == -1
        link.peer_sends(b"last")
        link.peer_ends()
        assert pump.run() == "done"
        assert content_of(file) == b"last"


# ---- ends


@channels
def test_reset_keeps_what_came_before(channel: str) -> None:
    with wire(channel) as link, file_of() as file:
        receiving = Running(link.pump("receive", file.fileno()))
        link.peer_sends(b"x" * 300_000)
        receiving.wait_for(300_000)
        link.peer_resets()
        assert receiving.join() == "reset"
        assert receiving.pump.errno == errno.ECONNRESET
        assert content_of(file) == b"x" * 300_000
        assert (receiving.pump.error is not None) == (channel != "plain")
        assert receiving.pump.error is None or receiving.pump.error.kind == "reset"


@tls_channels
def test_fin_without_close_notify(channel: str) -> None:
    with wire(channel) as link, file_of() as file:
        link.peer_sends(b"truncated?")
        link.peer_socket.shutdown(socket.SHUT_WR)
        pump = link.pump("receive", file.fileno())
        assert pump.run() == "eof"
        assert pump.error is not None
        assert pump.error.kind == "eof"
        assert content_of(file) == b"truncated?"
        assert link.tls is not None
        assert link.tls.alert_sent is None, "a client that has closed its half only is told no error"
        assert link.tls.close_notify()
        assert link.peer_reads() == b""


@tls_channels
def test_injected_plain_text(channel: str) -> None:
    with wire(channel) as link, file_of() as file:
        link.peer_sends(b"good")
        link.peer_socket.send(b"injected in plain text")
        pump = link.pump("receive", file.fileno())
        assert pump.run() == "tls"
        assert isinstance(pump.error, TLSError)
        assert pump.error.kind == "protocol"
        assert pump.error.queue[0].reason in ("wrong version number", "bad record type")
        assert content_of(file) == b"good"


@channels
def test_reset_while_sending(channel: str) -> None:
    with wire(channel) as link, file_of() as file:
        os.ftruncate(file.fileno(), 256 * MEGABYTE)
        sending = Running(link.pump("send", file.fileno()))
        sending.wait_for(1)
        link.peer_resets()
        assert sending.join() == "reset"
        assert sending.pump.errno in (errno.ECONNRESET, errno.EPIPE)


@channels
def test_peer_that_closes_its_sending_half_gets_everything(channel: str) -> None:
    payload = random.Random(6).randbytes(16 * MEGABYTE)
    with wire(channel) as link, file_of(payload) as file:
        link.peer_ends()
        sending = Running(link.pump("send", file.fileno()))
        got = bytearray()
        while len(got) < len(payload):
            got += link.peer_reads()
        assert sending.join() == "done"
        assert got == payload


@channels
def test_peer_that_talks_while_it_should_listen(channel: str) -> None:
    payload = random.Random(7).randbytes(16 * MEGABYTE)
    with wire(channel) as link, file_of(payload) as file:
        link.peer_sends(b"what?" * 1000)
        if channel == TLS13 and link.peer is not None:
            link.peer.key_update(True)
            link.peer.flush(TIMEOUT)
        sending = Running(link.pump("send", file.fileno()))
        got = bytearray()
        while len(got) < len(payload):
            got += link.peer_reads()
        assert sending.join() == "done"
        assert got == payload


def blocked(running: Running) -> None:
    """Waits until the pump has filled every buffer on the way."""
    running.wait_for(1)
    before = -1
    while running.pump.bytes != before:
        before = running.pump.bytes
        time.sleep(0.1)


@pytest.mark.parametrize("updates", [1, 2, 5])
def test_key_updates_while_a_record_is_half_written(updates: int) -> None:
    """The peer gets at least one for all that it asked for (RFC 8446, section 4.6.3)."""
    payload = random.Random(9).randbytes(32 * MEGABYTE)
    with wire(TLS13) as link, file_of(payload) as file:
        assert link.peer is not None
        assert link.tls is not None
        sending = Running(link.pump("send", file.fileno()))
        blocked(sending)
        for _ in range(updates):
            link.peer.key_update(True)
            link.peer.flush(TIMEOUT)
        got = bytearray()
        while len(got) < len(payload):
            got += link.peer_reads()
        assert sending.join() == "done"
        assert got == payload
        # OpenSSL 3.5 keeps the last of several that it has read ahead until more comes, which never does here
        assert updates - 1 <= link.tls.key_updates_by_peer <= updates
        assert 1 <= link.peer.key_updates_by_peer <= updates


def test_answers_to_requests_of_ours_are_no_flood() -> None:
    payload = random.Random(12).randbytes(64 * MEGABYTE)
    with wire(TLS13) as link, file_of(payload) as file:
        assert link.tls is not None
        assert link.peer is not None
        pump = link.pump("send", file.fileno())
        got = bytearray()
        for turn in range(1, 61):
            pump.pause(at=turn * 65536)
            assert pump.run() == "paused"
            link.tls.key_update(True)
            while len(got) < pump.bytes:
                got += link.peer_reads()
        pump.pause()
        sending = Running(pump)
        blocked(sending)
        while len(got) < len(payload):
            got += link.peer_reads()
        assert sending.join() == "done"
        assert got == payload
        assert link.tls.key_updates_by_peer > 40


def test_key_updates_of_a_peer_that_gets_data_are_no_flood() -> None:
    payload = random.Random(14).randbytes(48 * MEGABYTE)
    with wire(TLS13) as link, file_of(payload) as file:
        assert link.tls is not None
        assert link.peer is not None
        sending = Running(link.pump("send", file.fileno()))
        got = bytearray()
        for turn in range(1, 4):
            blocked(sending)
            for _ in range(20):
                link.peer.key_update(False)
                link.peer.flush(TIMEOUT)
            while len(got) < turn * 12 * MEGABYTE:
                got += link.peer_reads()
        while len(got) < len(payload):
            got += link.peer_reads()
        assert sending.join() == "done"
        assert got == payload
        assert link.tls.key_updates_by_peer == 60


def test_more_key_updates_than_were_asked_for_are_a_flood() -> None:
    with wire(TLS13) as link, file_of(random.Random(13).randbytes(32 * MEGABYTE)) as file:
        assert link.tls is not None
        assert link.peer is not None
        link.tls.key_update(True)
        pump = link.pump("send", file.fileno())
        sending = Running(pump)
        blocked(sending)
        for _ in range(60):
            link.peer.key_update(False)
            link.peer.flush(TIMEOUT)
        assert sending.join() == "tls"
        assert pump.error is not None
        assert pump.error.kind == "renegotiation"


def test_renegotiation_while_sending() -> None:
    payload = random.Random(10).randbytes(32 * MEGABYTE)
    server, client = server_context(), client_context(TLS12)
    client.set_options(renegotiation=True)
    control = connect(server, client)
    pair = connect(server, client, control=control.server)
    link = Wire(pair.server_socket, pair.server, pair.client_socket, pair.client)
    try:
        pair.server.renegotiate()
        sending = Running(link.pump("send", payload))
        blocked(sending)
        got = bytearray()
        while len(got) < len(payload):
            got += link.peer_reads()
        assert sending.join() == "done"
        assert got == payload
        assert pair.server.renegotiations == 1
    finally:
        pair.close()
        control.close()


@tls_channels
def test_alert_while_sending(channel: str) -> None:
    with wire(channel) as link, file_of() as file:
        os.ftruncate(file.fileno(), 256 * MEGABYTE)
        sending = Running(link.pump("send", file.fileno()))
        sending.wait_for(1)
        link.peer_socket.send(b"\x17\x03\x03\x00\x20" + bytes(32))
        assert sending.join() == "tls"
        assert sending.pump.error is not None
        assert sending.pump.error.kind == "protocol"


@pytest.mark.parametrize("behind", [b"", b"data"])
def test_flood_of_key_updates(behind: bytes) -> None:
    """OpenSSL reads ahead on data connections, so what comes behind the flood is read in the same call."""
    with wire(TLS13) as link, file_of() as file:
        assert link.peer is not None
        for _ in range(60):
            link.peer.key_update(False)
            link.peer.flush(TIMEOUT)
        if behind:
            link.peer_sends(behind)
        pump = link.pump("receive", file.fileno())
        assert pump.run() == "tls"
        assert pump.error is not None
        assert pump.error.kind == "renegotiation"


# ---- files that fail


@channels
def test_full_disk(channel: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with wire(channel) as link:
            link.peer_sends(b"does not fit")
            link.peer_ends()
            pump = link.pump("receive", full)
            assert pump.run() == "file"
            assert pump.errno == errno.ENOSPC
            assert pump.error is None
    finally:
        os.close(full)


@channels
@pytest.mark.parametrize("ascii", [False, True])
def test_file_that_cannot_be_read(channel: str, ascii: bool, tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with wire(channel) as link:
            pump = link.pump("send", directory, ascii=ascii)
            assert pump.run() == "file"
            assert pump.errno == errno.EISDIR
    finally:
        os.close(directory)


def test_file_opened_for_the_wrong_direction(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    with path.open("ab") as file, wire("plain") as link:
        pump = link.pump("send", file.fileno(), offset=0)
        assert pump.run() == "file"
        assert pump.errno == errno.EBADF


# ---- what it refuses, what it costs


def test_arguments() -> None:
    near, far = socket.socketpair()
    with near, far:
        with pytest.raises(ValueError, match="blocking mode"):
            Pump(direction="send", source=b"", sock=near.fileno())
        near.setblocking(False)
        with pytest.raises(ValueError, match="direction"):
            Pump(direction="both", source=b"", sock=near.fileno())  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="received into"):
            Pump(direction="receive", source=b"", sock=near.fileno())


def test_one_run_at_a_time() -> None:
    with wire("plain") as link, file_of() as file:
        running = Running(link.pump("receive", file.fileno()))
        link.peer_sends(b"x")
        running.wait_for(1)
        with pytest.raises(RuntimeError, match="running"):
            running.pump.run()
        link.peer_ends()
        assert running.join() == "done"


@channels
def test_two_pumps_face_to_face(channel: str) -> None:
    """Neither could end if one held the GIL: each waits for the other, and for this thread to read along."""
    payload = random.Random(8).randbytes(16 * MEGABYTE)
    with wire(channel) as link, file_of(payload) as source, file_of() as sink:
        receiver = Pump(
            direction="receive", source=sink.fileno(), sock=link.peer_socket.fileno(), tls=link.peer,
            stall=TIMEOUT,
        )
        receiving = Running(receiver)
        sending = Running(link.pump("send", source.fileno()))
        assert sending.join() == "done"
        link.we_end()
        assert receiving.join() == "done"
        assert content_of(sink) == payload


def test_pumps_leave_no_descriptor() -> None:
    with wire("plain") as link, file_of(b"x") as file:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            assert link.pump("send", file.fileno(), offset=0).run() == "done"
        assert len(os.listdir("/proc/self/fd")) == before


def test_pauses_for_new_keys_while_sending() -> None:
    payload = random.Random(11).randbytes(8 * MEGABYTE)
    with wire(TLS13) as link:
        assert link.tls is not None
        assert link.peer is not None
        pump = link.pump("send", payload)
        pump.pause(at=MEGABYTE)
        sending = Running(pump)
        got = bytearray()
        until = time.monotonic() + TIMEOUT
        while not sending.result or len(got) < pump.bytes:
            got += link.peer.read_available(65536) or b""
            assert time.monotonic() < until
        assert sending.join() == "paused"
        assert MEGABYTE <= pump.bytes < 2 * MEGABYTE
        link.tls.key_update(True)
        rest = Running(pump)
        while len(got) < len(payload):
            got += link.peer_reads()
        assert rest.join() == "done"
        assert got == payload
        assert link.peer.key_updates_by_peer == 1


def test_pauses_at_a_time_while_nothing_comes() -> None:
    with wire(TLS13) as link, file_of() as file:
        pump = link.pump("receive", file.fileno())
        pump.pause(time=time.monotonic() + 0.05)
        assert pump.run() == "paused"
        pump.abort()
        assert pump.run() == "aborted"


# ---- progress


@channels
def test_progress_is_kept_where_others_can_see_it(channel: str) -> None:
    shared = bytearray(16)
    with wire(channel) as link, file_of(bytes(MEGABYTE)) as file, memoryview(shared)[8:] as progress:
        pump = Pump(direction="send", source=file.fileno(), sock=link.sock.fileno(), tls=link.tls, progress=progress)
        sending = Running(pump)
        got = 0
        while got < MEGABYTE:
            got += len(link.peer_reads())
            assert int.from_bytes(shared[8:], sys.byteorder) <= pump.bytes
        assert sending.join() == "done"
        assert shared == bytes(8) + MEGABYTE.to_bytes(8, sys.byteorder)
        del pump, sending


@pytest.mark.parametrize("wrong", [memoryview(bytearray(7)), memoryview(bytearray(16))[1:9], memoryview(bytes(8))])
def test_progress_must_be_eight_aligned_writable_bytes(wrong: memoryview) -> None:
    with wire("plain") as link, pytest.raises((ValueError, BufferError)):
        Pump(direction="send", source=b"", sock=link.sock.fileno(), progress=wrong)


@pytest.mark.parametrize("expected", [10, 20, 30])
def test_a_file_is_sent_whole_whatever_was_expected_of_it(expected: int) -> None:
    with wire("plain") as link, file_of(b"0123456789" * 2) as file:
        assert link.pump("send", file.fileno(), offset=0, sendfile=False, expected=expected).run() == "done"
        assert link.peer_reads() == b"0123456789" * 2


def test_a_pump_that_waits_for_nothing_makes_no_descriptor() -> None:
    with wire("plain") as link, file_of(b"small") as file:
        before = len(os.listdir("/proc/self/fd"))
        pump = link.pump("send", file.fileno(), offset=0, sendfile=False, expected=5)
        assert pump.run() == "done"
        assert len(os.listdir("/proc/self/fd")) == before

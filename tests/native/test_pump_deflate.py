"""The pump in MODE Z: what travels is one zlib stream, whose end and faults are known."""

from __future__ import annotations

import gzip
import os
import random
import socket
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.native._openssl import Pump
from tests.native.openssl_support import TIMEOUT, command_waiting
from tests.native.test_pump import CHANNELS, MEGABYTE, Running, Wire, content_of, file_of, wire

channels = pytest.mark.parametrize("channel", CHANNELS)
TEXT = b"a line of text\n" * 100_000
NOISE = random.Random(6).randbytes(MEGABYTE)


def pump(
    line: Wire, direction: Literal["send", "receive"], source: int | bytes, *, level: int = 6, ascii: bool = False,
    limit: int = -1, offset: int | None = None, control: int = -1, rate: float = 0.0, burst: int = 0,
    progress: memoryview | None = None,
) -> Pump:
    return Pump(
        direction=direction, source=source, sock=line.sock.fileno(), tls=line.tls, control=control, offset=offset,
        limit=limit, ascii=ascii, rate=rate, burst=burst, stall=TIMEOUT, deflate=level, progress=progress,
    )


def inflated(stream: bytes) -> bytes:
    """What a whole zlib stream holds; fails when it is not whole, or goes on."""
    decompressor = zlib.decompressobj()
    data = decompressor.decompress(stream)
    assert decompressor.eof
    assert not decompressor.unused_data
    return data


def sent(content: bytes, *, level: int = 6, ascii: bool = False, offset: int = 0, limit: int = -1) -> bytes:
    """The stream that comes out on a plain wire."""
    with wire("plain") as line, file_of(content) as file:
        running = Running(pump(line, "send", file.fileno(), level=level, ascii=ascii, offset=offset, limit=limit))
        body, decompressor = b"", zlib.decompressobj()
        while not decompressor.eof:
            body += (piece := line.peer_reads())
            decompressor.decompress(piece)
        assert running.join() == "done"
        line.we_end()
        return body + line.peer_reads_all()


def received(chunks: Sequence[bytes], *, ascii: bool = False, limit: int = -1) -> tuple[str, bytes, Pump]:
    """(why the pump stopped, the file, the pump) after the peer has sent `chunks` and ended."""
    with wire("plain") as line, file_of() as file:
        running = Running(pump(line, "receive", file.fileno(), offset=0, ascii=ascii, limit=limit))
        try:
            for chunk in chunks:
                line.peer_sends(chunk)
            line.peer_ends()
        except OSError:
            pass  # the pump has stopped and nobody reads any more
        return running.join(), content_of(file), running.pump


@channels
@pytest.mark.parametrize("content", [b"", b"x", TEXT, NOISE], ids=["empty", "byte", "text", "noise"])
def test_download(channel: str, content: bytes) -> None:
    with wire(channel) as line, file_of(content) as file:
        running = Running(pump(line, "send", file.fileno(), offset=0))
        body = b""
        decompressor = zlib.decompressobj()
        while not decompressor.eof:
            piece = line.peer_reads()
            body += decompressor.decompress(piece)
        assert running.join() == "done"
        line.we_end()
        assert line.peer_reads() == b""
        assert body == content
        assert running.pump.file_bytes == len(content)
        assert (running.pump.bytes < len(content) / 10) == (content == TEXT)


@channels
@pytest.mark.parametrize("content", [b"", b"x", TEXT, NOISE], ids=["empty", "byte", "text", "noise"])
def test_upload(channel: str, content: bytes) -> None:
    stream = zlib.compress(content)
    with wire(channel) as line, file_of() as file:
        running = Running(pump(line, "receive", file.fileno(), offset=0))
        line.peer_sends(stream)
        line.peer_ends()
        assert running.join() == "done"
        assert content_of(file) == content
        assert (running.pump.bytes, running.pump.file_bytes) == (len(stream), len(content))


@pytest.mark.parametrize("direction", ["send", "receive"])
def test_what_is_compressed_to_little_is_batch_work_too(direction: Literal["send", "receive"]) -> None:
    """It gives way to a command that waits: it takes a processor for long without moving much over the wire."""
    content = bytes(12 << 20)
    with command_waiting(True), wire("plain") as line, file_of(content if direction == "send" else b"") as file:
        running = Running(pump(line, direction, file.fileno(), offset=0))
        if direction == "receive":
            line.peer_sends(zlib.compress(content))
            line.peer_ends()
        assert running.join() == "done"
        assert running.pump.bytes < 1 << 20
        assert running.pump.gave_way == 16


@pytest.mark.parametrize("level", range(-1, 10))
def test_every_level_is_a_level(level: int) -> None:
    stream = sent(TEXT[:5000], level=level)
    assert inflated(stream) == TEXT[:5000]
    assert (len(stream) > 5000) == (level == 0)


@pytest.mark.parametrize("level", [-2, 10])
def test_there_are_no_other_levels(level: int) -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        with pytest.raises(ValueError):
            Pump(direction="send", source=b"", sock=near.fileno(), deflate=level)


def test_a_download_begins_where_it_is_told_and_ends_at_its_limit() -> None:
    assert inflated(sent(b"0123456789", offset=4)) == b"456789"
    assert inflated(sent(b"0123456789", offset=2, limit=3)) == b"234"


def test_bytes_of_a_listing_are_sent_without_a_file() -> None:
    with wire("plain") as line:
        body = b"line\r\n" * 5000
        running = Running(pump(line, "send", body, ascii=True))
        assert running.join() == "done"
        line.we_end()
        assert inflated(line.peer_reads_all()) == body


def test_text_is_converted_inside_the_stream() -> None:
    lines = b"one\ntwo\r\nthree\rfour\n" * 20_000
    assert inflated(sent(lines, ascii=True)) == lines.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    wired = b"one\r\ntwo\rthree\r\n\r" * 20_000
    stop, stored, _ = received([zlib.compress(wired)], ascii=True)
    assert (stop, stored) == ("done", wired.replace(b"\r\n", b"\n"))


def test_an_upload_byte_by_byte() -> None:
    stream = zlib.compress(b"hello world" * 30)
    stop, stored, _ = received([bytes([byte]) for byte in stream])
    assert (stop, stored) == ("done", b"hello world" * 30)


def test_gzip_will_do() -> None:
    stop, stored, _ = received([gzip.compress(TEXT)])
    assert (stop, stored) == ("done", TEXT)


@pytest.mark.parametrize("lost", [1, 4, 5, 20, -1])
def test_an_upload_that_ends_before_its_stream_is_cut(lost: int) -> None:
    stream = zlib.compress(NOISE[:5000])
    stop, stored, _ = received([stream[:-lost] if lost > 0 else b""])
    assert stop == "cut"
    assert NOISE.startswith(stored)


def test_what_is_no_stream_is_broken() -> None:
    stop, stored, broken = received([b"no zlib stream at all, but long enough to be looked at"])
    assert (stop, stored) == ("inflate", b"")
    assert broken.fault == "incorrect header check"
    raw = zlib.compressobj(wbits=-15)
    assert received([raw.compress(TEXT) + raw.flush()])[0] == "inflate"


def test_a_wrong_checksum_is_broken() -> None:
    stream = zlib.compress(TEXT)
    stop, stored, broken = received([stream[:-1] + bytes([stream[-1] ^ 1])])
    assert (stop, broken.fault) == ("inflate", "incorrect data check")
    assert TEXT.startswith(stored)


@pytest.mark.parametrize("together", [True, False])
def test_what_comes_behind_the_end_is_broken(together: bool) -> None:
    stream = zlib.compress(b"whole")
    chunks = [stream + b"more"] if together else [stream, b"more"]
    stop, stored, broken = received(chunks)
    assert (stop, stored) == ("inflate", b"whole")
    assert "behind the end" in broken.fault


def test_a_dictionary_is_not_asked_for() -> None:
    compressor = zlib.compressobj(zdict=b"hello world")
    stop, _, broken = received([compressor.compress(b"hello world") + compressor.flush()])
    assert (stop, broken.fault) == ("inflate", "a dictionary is needed")


def test_what_a_stream_swells_to_is_bounded() -> None:
    bomb = zlib.compress(bytes(64 * MEGABYTE), 9)
    assert len(bomb) < 70_000
    stop, stored, stopped = received([bomb], limit=1_000_000)
    assert (stop, len(stored), stopped.file_bytes) == ("limit", 1_000_000, 1_000_000)
    assert received([zlib.compress(bytes(1000))], limit=1000)[0] == "done"


def test_a_stream_that_swells_is_interrupted() -> None:
    """The wire carries little, the file much: commands are looked for by what is stored."""
    watched, client = socket.socketpair()
    bomb = zlib.compress(bytes(256 * MEGABYTE), 9)
    with watched, client, wire("plain") as line, file_of() as file:
        client.send(b"ABOR\r\n")
        running = Running(pump(line, "receive", file.fileno(), offset=0, control=watched.fileno()))
        assert running.join() == "control"
        watched.recv(100)
        again = Running(running.pump)
        line.peer_sends(bomb)
        client.send(b"ABOR\r\n")
        assert again.join() == "control"
        assert running.pump.file_bytes < 256 * MEGABYTE


def test_a_file_that_shrinks_to_nothing_is_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "zeros"
    with path.open("wb") as file:
        file.truncate(4096 * MEGABYTE)
    watched, client = socket.socketpair()
    with watched, client, wire("plain") as line, path.open("rb") as file:
        running = Running(pump(line, "send", file.fileno(), offset=0, control=watched.fileno()))
        line.peer_reads()
        client.send(b"ABOR\r\n")
        assert running.join() == "control"
        assert running.pump.file_bytes < 4096 * MEGABYTE
        running.pump.abort()
        assert running.pump.run() == "aborted"


def test_the_rate_is_that_of_the_wire() -> None:
    with wire("plain") as line, file_of(TEXT) as file:
        slow = pump(line, "send", file.fileno(), offset=0, rate=1.0, burst=100_000)
        running = Running(slow)
        assert running.join() == "done"  # 1.5 MB become some kilobytes, all of them free
        assert slow.bytes < 100_000 < slow.file_bytes


def test_progress_is_that_of_the_file() -> None:
    shown = memoryview(bytearray(8))
    with wire("plain") as line, file_of(TEXT) as file:
        running = Running(pump(line, "send", file.fileno(), offset=0, progress=shown))
        assert running.join() == "done"
    assert int.from_bytes(shown, "little") == len(TEXT)


def test_a_full_disk_is_told() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with wire("plain") as line:
            running = Running(pump(line, "receive", full))
            line.peer_sends(zlib.compress(TEXT))
            assert running.join() == "file"
            assert running.pump.errno == 28
    finally:
        os.close(full)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=3000), st.integers(0, 9), st.booleans(), st.data())
def test_there_and_back(content: bytes, level: int, text: bool, data: st.DataObject) -> None:
    stream = sent(content, level=level, ascii=text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    stop, stored, _ = received([chunk for chunk in chunks if chunk], ascii=text)
    assert stop == "done"
    assert stored == (content.replace(b"\r\n", b"\n") if text else content)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=400), st.data())
def test_no_damage_passes(content: bytes, data: st.DataObject) -> None:
    stream = bytearray(zlib.compress(content))
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at] ^= data.draw(st.integers(1, 255))
    stop, stored, _ = received([bytes(stream)])
    assert stop in ("inflate", "cut") or stored == content  # bits that mean nothing may change

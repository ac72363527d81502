"""The pump sends a listing whose lines are written on the way: the same bytes as when it is written at once."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftpsd.native._openssl import Pump
from ftpsd.native._system import FACT_NAMES, Listing
from tests.native.openssl_support import TIMEOUT, socket_pair
from tests.native.test_pump import CHANNELS, Running, Wire, wire

channels = pytest.mark.parametrize("channel", CHANNELS)
MANY = 5_000
WAYS: dict[str, dict[str, Any]] = {
    "list": {"form": "list"},
    "backwards": {"form": "list", "reverse": True, "sort": "size"},
    "windows": {"form": "list", "dos": True},
    "names": {"form": "nlst", "prefix": b"there/"},
    "facts": {"form": "mlsd", "facts": FACT_NAMES},
    "few": {"form": "list", "limit": 1_800},
    "not all": {"form": "nlst", "keep": lambda name, link: name != b"directory"},
    "none": {"form": "nlst", "keep": lambda name, link: False},
}


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    """Descriptor of a directory with entries of three kinds."""
    (tmp_path / "file").write_bytes(b"x" * 10_000)
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("file")
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def listing(fd: int, count: int = MANY, **options: object) -> Listing:
    """`count` lines: the same few entries under many names, so that no directory must be filled."""
    kinds = (b"file", b"directory", b"link", b"file", b"file")
    names = [kinds[number % len(kinds)] for number in range(count)]
    shown = [b"name %d %s" % (number, b"y" * (number % 90)) for number in range(count)]
    return Listing(fd, names=names, shown=shown, **options)  # type: ignore[arg-type]


def pump(link: Wire, source: Listing, *, control: int = -1, deflate: int | None = None, rate: float = 0) -> Pump:
    return Pump(
        direction="send", source=source, sock=link.sock.fileno(), tls=link.tls, control=control, stall=TIMEOUT,
        deflate=deflate, rate=rate, burst=100_000, finish=True)


@channels
@pytest.mark.parametrize("way", WAYS)
def test_every_line_arrives_once(directory: int, channel: str, way: str) -> None:
    source = listing(directory, **WAYS[way])
    whole = source.body
    with wire(channel) as link:
        running = Running(pump(link, source))
        assert link.peer_reads_all() == whole
        assert running.join() == "done"
        assert running.pump.finished
        assert running.pump.bytes == running.pump.file_bytes == len(whole)
    assert whole.count(b"\r\n") == source.entries
    assert len(whole) > 2 * 65536 or way in ("few", "none")
    assert source.body == whole


@channels
def test_a_listing_is_compressed_under_mode_z(directory: int, channel: str) -> None:
    source = listing(directory)
    with wire(channel) as link:
        running = Running(pump(link, source, deflate=6))
        stream = link.peer_reads_all()
        assert running.join() == "done"
    assert zlib.decompress(stream) == source.body


@channels
def test_a_command_in_the_middle_stops_it_and_it_goes_on(directory: int, channel: str) -> None:
    """… though the peer reads nothing until then, so that a record may be half written."""
    source = listing(directory, 100_000)
    near, far = socket_pair()
    with near, far, wire(channel) as link:
        running = Running(pump(link, source, control=far.fileno()))
        running.wait_for(65536)
        near.sendall(b"NOOP\r\n")
        assert running.join() == "control"
        assert far.recv(100) == b"NOOP\r\n"
        again = Running(running.pump)
        assert link.peer_reads_all() == source.body
        assert again.join() == "done"


def test_a_limited_rate_loses_nothing(directory: int) -> None:
    source = listing(directory)
    with wire("plain") as link:
        running = Running(pump(link, source, rate=2e6))
        assert link.peer_reads_all() == source.body
        assert running.join() == "done"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 30_000), max_size=12))
def test_lines_of_any_length_stand_across_the_edges_of_buffers(directory: int, lengths: list[int]) -> None:
    shown = [b"%d" % number + b"z" * length for number, length in enumerate(lengths)]
    source = Listing(directory, form="nlst", names=[b"file"] * len(shown), shown=shown, sort="none")
    with wire("plain") as link:
        running = Running(pump(link, source))
        assert link.peer_reads_all() == b"".join(name + b"\r\n" for name in shown)
        assert running.join() == "done"


def test_a_line_that_fits_into_no_buffer_is_an_error(directory: int) -> None:
    source = Listing(directory, form="nlst", names=[b"file"] * 2, shown=[b"a", b"b" * 70_000])
    with wire("plain") as link:
        running = Running(pump(link, source))
        assert running.join() == "file"
        assert running.pump.errno == errno.EFBIG
        link.we_end()
        assert link.peer_reads_all() == b"a\r\n"


def test_nothing_is_received_into_a_listing(directory: int) -> None:
    with wire("plain") as link, pytest.raises(ValueError, match="only a file can be received into"):
        Pump(direction="receive", source=listing(directory, 1), sock=link.sock.fileno())


def test_what_is_no_source_is_refused() -> None:
    class Odd:
        pull = b"no capsule"

    with wire("plain") as link, pytest.raises(ValueError, match="PyCapsule"):
        Pump(direction="send", source=Odd(), sock=link.sock.fileno())  # type: ignore[arg-type]

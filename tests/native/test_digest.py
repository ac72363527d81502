"""Digest: every algorithm, every part of a file, interrupted and continued."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.native._openssl import Digest, OpenSSLError
from tests.native.openssl_support import command_waiting

DATA = random.Random(7).randbytes(9_000_000)
ALGORITHMS = ("crc32", "md5", "sha1", "sha256", "sha512")


def expected(algorithm: str, data: bytes) -> str:
    return f"{zlib.crc32(data):08x}" if algorithm == "crc32" else hashlib.new(algorithm, data).hexdigest()


@pytest.fixture(scope="module")
def file() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write(DATA)
        file.flush()
        yield file


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("start", "end"), [(0, len(DATA)), (0, 0), (5, 6), (1, 8_999_999), (4 << 20, 8 << 20)])
def test_parts(file: IO[bytes], algorithm: str, start: int, end: int) -> None:
    file.seek(3)
    digest = Digest(algorithm, start=start)
    assert digest.run(file.fileno(), end) == "done"
    assert digest.position == end
    assert digest.hexdigest() == expected(algorithm, DATA[start:end])
    assert file.seek(0, os.SEEK_CUR) == 3, "the file's own offset is not touched"


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(ALGORITHMS), st.integers(0, len(DATA)), st.integers(0, 100_000))
def test_any_part(file: IO[bytes], algorithm: str, start: int, size: int) -> None:
    end = min(len(DATA), start + size)
    digest = Digest(algorithm, start=start)
    assert digest.run(file.fileno(), end) == "done"
    assert digest.hexdigest() == expected(algorithm, DATA[start:end])


def test_input_and_time_interrupt_it(file: IO[bytes]) -> None:
    near, far = socket.socketpair()
    with near, far:
        far.send(b"x")
        digest = Digest("sha256")
        stops = []
        while (stop := digest.run(file.fileno(), len(DATA), control=near.fileno())) != "done":
            stops.append((stop, digest.position))
        assert stops == [("control", 4 << 20), ("control", 8 << 20)]
        assert digest.hexdigest() == expected("sha256", DATA)
    digest = Digest("crc32")
    assert digest.run(file.fileno(), len(DATA), until=time.monotonic()) == "paused"
    assert digest.run(file.fileno(), len(DATA), until=time.monotonic() + 60) == "done"
    assert digest.hexdigest() == expected("crc32", DATA)


@pytest.mark.parametrize(("waits", "times"), [(True, 16), (False, 0)])
def test_it_gives_way_while_a_command_waits(file: IO[bytes], waits: bool, times: int) -> None:
    """After the first 4 MiB, and for a while."""
    digest = Digest("sha256")
    with command_waiting(waits):
        assert digest.run(file.fileno(), len(DATA)) == "done"
    assert digest.gave_way == times


def test_a_file_that_is_shorter_or_cannot_be_read(file: IO[bytes]) -> None:
    assert Digest("md5").run(file.fileno(), len(DATA) + 1) == "short"
    broken = Digest("md5")
    fd = os.open("/", os.O_RDONLY)
    try:
        assert broken.run(fd, 1) == "file"
        assert broken.errno == 21
    finally:
        os.close(fd)


def test_what_does_not_exist() -> None:
    with pytest.raises(OpenSSLError, match="no digest"):
        Digest("crc33")


def test_it_ends_once(file: IO[bytes]) -> None:
    digest = Digest("md5")
    digest.hexdigest()
    with pytest.raises(RuntimeError):
        digest.hexdigest()
    with pytest.raises(RuntimeError):
        digest.run(file.fileno(), 1)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_a_long_one_leaves_its_processor() -> None:
    """In a process of its own, as keeping to a processor is for good."""
    command = [sys.executable, "-m", "tests.native.confined_digest"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    every = len(os.sched_getaffinity(0))
    assert (said.stdout.split(), said.stderr) == (["1", str(every), "control", "1"], "")

"""The control connection's lines: a client that never stops sending keeps nobody from anything else."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ftpsd.session.control import Control


class Endless:
    """A channel that always has more; `pending`: bytes that poll knows nothing of."""

    def __init__(self, data: bytes, pending: int = 0) -> None:
        self.data, self.pending = data, pending
        self.reads = self.sent = 0

    def recv_available(self, size: int) -> bytes:
        self.reads += 1
        self.pending = max(0, self.pending - size)
        assert self.reads < 1000, "it is read for ever"
        return (self.data * size)[:size]

    def has_pending(self) -> bool:
        return self.pending > 0

    def send(self, data: bytes, timeout: float) -> None:
        self.sent += 1


@pytest.fixture
def control() -> Iterator[Control]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Control(ours, 512)


@pytest.mark.parametrize("data", [b"x", b"\xff\xf1", b"\xff\xfb\x01"], ids=["no line end", "Telnet", "options"])
def test_what_never_ends_is_left_now_and_then(
    control: Control, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    channel = Endless(data)
    monkeypatch.setattr(control, "channel", channel)
    control.pull()
    assert channel.reads <= 64
    assert channel.sent <= 1
    assert not control.waiting
    assert not control.ended


def test_what_poll_cannot_see_is_not_left(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Endless(b"x", pending=200_000)
    monkeypatch.setattr(control, "channel", channel)
    control.pull()
    assert channel.pending == 0

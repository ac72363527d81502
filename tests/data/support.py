"""What tests of data connections share."""

from __future__ import annotations

import select

from ftpsd.data.channel import DataChannel

DEADLINE = 5000
"""Milliseconds that a step may take."""


def push(channel: DataChannel, *, private: bool = False) -> None:
    """One step, once there is something to do."""
    interest = channel.interest(private)
    assert interest is not None
    poll = select.poll()
    poll.register(*interest)
    assert poll.poll(DEADLINE)
    channel.advance(private)

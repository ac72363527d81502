"""What a session is doing, as everybody else may see it."""

from __future__ import annotations

import enum


class Phase(enum.IntEnum):
    """The numbers are those on the scoreboard."""

    CONNECTED = 1
    """Nobody has logged in yet."""
    IDLE = 2
    """Logged in, between two transfers."""
    SENDING = 3
    """A download or a listing."""
    RECEIVING = 4
    """An upload."""

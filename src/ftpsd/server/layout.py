"""What lies where on the scoreboard (the machine's byte order, packed).

====================  ========================================================================
offset                what
====================  ========================================================================
0                     header: magic, slot count, slot size, worker rows, limit, pid, started
4096                  worker rows: pid, accepting, sessions now, sessions in all, pulse
4096 + rows           state map, one byte per slot: 0 free, 1 busy
… + slots             the slots: `SLOT` below
====================  ========================================================================
"""

from __future__ import annotations

import itertools
import struct

from ftpsd.access.occupancy import KEY_SIZE

MAGIC = b"FTPSDSB3"
SLOTS = 32_768
WORKERS = 1_024

HEADER = struct.Struct("=8sIIIIId")
LIMIT = struct.Struct("=I")
LIMIT_AT = 8 + 3 * 4
# MaxConnectionRate: number, seconds; connections since, the moment (monotonic clock)
RATE = struct.Struct("=II")
RATE_AT = 64
ARRIVALS = struct.Struct("=Qd")
ARRIVALS_AT = RATE_AT + RATE.size
# Slots whose place in the file is allocated
SPACE = struct.Struct("=I")
SPACE_AT = ARRIVALS_AT + ARRIVALS.size
# What whoever looks should know: UTF-8, a line each, zeros behind it
WARNINGS_AT, WARNINGS_SIZE = 512, 2048
WORKER = struct.Struct("=IIIIQ")
ACCEPTING, SESSIONS, SERVED = 1, 2, 4
"""Which word of a worker's row."""
PULSE = struct.Struct("=Q")
ROW_SIZE = 32
WORKERS_AT = 4096
MAP_AT = WORKERS_AT + WORKERS * ROW_SIZE
SLOTS_AT = MAP_AT + SLOTS
SLOT_SIZE = 1024
FILE_SIZE = SLOTS_AT + SLOTS * SLOT_SIZE

# sequence, pid, process start, opened, changed, bytes, phase, ports, addresses, user, command
SLOT = struct.Struct("=IIQddQBxHH46s46s64s160s")
SEQUENCE = struct.Struct("=I")
CHANGED = struct.Struct("=d")
SEQUENCE_AT, OPENED_AT, CHANGED_AT, BYTES_AT, PHASE_AT = 0, 16, 24, 32, 40
ENDS = struct.Struct("=HH46s46s")
ENDS_AT = 42
"""Ports and addresses of peer and server."""
USER_AT, COMMAND_AT = 138, 202
USER_SIZE, COMMAND_SIZE = 64, 160
# What is written seldom: session id, protocol, class, server name, directory, name of the peer, then the transfer
# under way: its bytes so far and in all, and the thread.
DESCRIPTION = struct.Struct("=16s8s32s64s160s64sQQI")
DESCRIPTION_AT = 384
_PART_SIZES = (16, 8, 32, 64, 160, 64)
PARTS = tuple(zip(itertools.accumulate(_PART_SIZES, initial=DESCRIPTION_AT), _PART_SIZES, strict=False))
"""Where each of its texts begins, and how long it may be."""
TRANSFERRED_AT = DESCRIPTION_AT + sum(_PART_SIZES)
SIZE_AT = TRANSFERRED_AT + 8
THREAD_AT = SIZE_AT + 8
# What limits count: standing, then the keys of host, address, user, class and command.
HOLDING = struct.Struct(f"=B7x{KEY_SIZE}s{KEY_SIZE}s{KEY_SIZE}s{KEY_SIZE}s{KEY_SIZE}s")
HOLDING_AT = 768
HELD_COMMAND_AT = HOLDING_AT + 8 + 4 * KEY_SIZE


def pack_text(text: str, size: int) -> bytes:
    """A field of `size` bytes: as much of `text` as fits, zeros behind it."""
    return text.encode("utf-8", "surrogateescape")[:size].ljust(size, b"\0")


def unpack_text(raw: bytes) -> str:
    """The text of a field."""
    return raw.rstrip(b"\0").decode("utf-8", "replace")

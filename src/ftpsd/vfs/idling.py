"""What an idle session costs: memory that its thread has used and does not need while the client says nothing."""

from __future__ import annotations

import contextlib
from typing import Final

from ftpsd.native import _system

_ARENAS: Final = 2
_LARGE: Final = 128 * 1024


def prepare_process() -> None:
    """Once per process, before it starts threads: how memory is given out to thousands of them."""
    _system.tune_allocator(_ARENAS, _LARGE)
    _system.keep_frames()


def settle() -> None:
    """The calling thread has nothing to do: its stack gives back what lies below."""
    with contextlib.suppress(OSError):
        _system.release_stack()

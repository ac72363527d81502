"""What the process is called: the program that was typed, not the interpreter that runs it.

The kernel takes the short name (`pgrep -x`, `killall`) from the script, but the command line begins with the
interpreter, and `pidof proftpd`, as Debian's init script asks, looks there. So the words behind it are moved to the
beginning of that memory, where they are what they would be in a program of the machine's own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Collection

_ARGUMENTS = slice(45, 47)
"""Where the words begin and end, in /proc/self/stat behind the name (proc(5): arg_start, arg_end)."""


def hide_interpreter(programs: Collection[str]) -> None:
    """Takes the interpreter out of the command line of a script that is called like one of `programs`.

    Harmless where it cannot be done: then the process is found by its short name alone.
    """
    with contextlib.suppress(OSError, ValueError):
        with open("/proc/self/cmdline", "rb") as stream:
            line = stream.read()
        with open("/proc/self/stat", "rb") as stream:
            start, end = map(int, stream.read().rpartition(b")")[2].split()[_ARGUMENTS])
        before = len(sys.orig_argv) - len(sys.argv)
        words = line.split(b"\0", before)[-1]
        script = os.path.basename(os.fsdecode(words.partition(b"\0")[0]))
        if before > 0 and script in programs and start and end - start == len(line):
            ctypes.memmove(start, words.ljust(len(line), b"\0"), len(line))

"""`trace user|host|session name [-t seconds]`: what sessions do, live, into the pipe that came with the request."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from ftpsd.ctl.actions.base import Answer, Failed, Office, Request
from ftpsd.server.orders import Watch

KINDS = ("user", "host", "session")
SECONDS, MOST_SECONDS = 300, 3600


def watch(office: Office, request: Request) -> Answer:
    """Raises `Failed` where the request has no pipe: ftpdctl sends none."""
    kind, *rest = request.words
    names, seconds = _timed(rest)
    if len(names) != 1:
        raise Failed(f"trace {kind}: say one {kind}")
    if request.fd is None:
        raise Failed(f"trace {kind}: only ftpsctl can show that")
    if not stat.S_ISFIFO(os.fstat(request.fd).st_mode):
        raise Failed(f"trace {kind}: what came with the request is no pipe")
    office.supervisor.command(Watch(kind, names[0], float(seconds)), [request.fd])
    return Answer.of(f"trace: {kind} '{names[0]}' for {seconds} second{'' if seconds == 1 else 's'}")


def _timed(words: Sequence[str]) -> tuple[list[str], int]:
    """`-t seconds` in front or behind."""
    left = list(words)
    if "-t" not in left:
        return left, SECONDS
    at = left.index("-t")
    number = left[at + 1] if at + 1 < len(left) else ""
    if not number.isdecimal() or not 1 <= int(number) <= MOST_SECONDS:
        raise Failed(f"trace: '{number}' is not a number of seconds from 1 to {MOST_SECONDS}")
    del left[at : at + 2]
    return left, int(number)

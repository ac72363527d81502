"""The digest of a part of an open file: remembered, or computed while the control connection is watched."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from ftpsd.errors import Refusal
from ftpsd.reasons.codes import Code
from ftpsd.session import errors
from ftpsd.session.labour import Labour
from ftpsd.session.state import Session
from ftpsd.vfs.digests import Digest, OpenSSLError, state


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` up to `end` (excluded) of the file `fd`, which the client calls `shown`."""

    fd: int
    shown: str
    start: int
    end: int


def digest(session: Session, algorithm: str, part: Part, labour: Labour) -> str:
    """In hexadecimal digits. Raises `Refusal` and what `Labour.attend` raises."""
    rules, memory = session.settings.digest.cache, session.service.digests
    key = (state(part.fd), algorithm, part.start, part.end)
    begun = time.time()
    found = memory.get(key, rules.age) if rules.size else None
    if found is not None:
        return found
    found = _computed(algorithm, part, labour)
    if rules.size and state(part.fd) == key[0]:
        memory.put(key, found, rules.size, begun=begun)
    return found


def _computed(algorithm: str, part: Part, labour: Labour) -> str:
    try:
        work = Digest(algorithm, start=part.start)
        while (stop := work.run(part.fd, part.end, control=labour.control, until=labour.until)) != "done":
            if stop == "file":
                raise errors.refusal(OSError(work.errno, os.strerror(work.errno)), part.shown, 451)
            if stop == "short":
                raise Refusal(450, f"{part.shown}: the file has become shorter", Code.DIGEST_CHANGED)
            labour.attend(work.position - part.start, part.end - part.start)
        return work.hexdigest()
    except OpenSSLError:
        raise Refusal(504, f"{algorithm}: Hash algorithm not available", Code.PARAMETER_UNSUPPORTED) from None

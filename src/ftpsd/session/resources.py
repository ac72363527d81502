"""RLimitCPU, RLimitMemory and RLimitOpenFiles.

A session is a thread: what the kernel bounds is its process, the worker, which serves many. So `daemon` bounds each
worker, and of a session only what can be told for a thread, its processor time, is looked at between commands.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence

from ftpsd.errors import SessionEnded
from ftpsd.reasons.codes import Code
from ftpsd.session.state import Session
from ftpsd.settings.login_values import UNLIMITED, ResourceLimit
from ftpsd.settings.logins import LoginSettings


def _kinds(logins: LoginSettings) -> tuple[tuple[str, int, Sequence[ResourceLimit]], ...]:
    return (
        ("RLimitCPU", resource.RLIMIT_CPU, logins.rlimit_cpu),
        ("RLimitMemory", resource.RLIMIT_AS, logins.rlimit_memory),
        ("RLimitOpenFiles", resource.RLIMIT_NOFILE, logins.rlimit_open_files),
    )


def notices(logins: LoginSettings) -> tuple[str, ...]:
    """What is to be said at start: bounds that hold for something else than they would in ProFTPD."""
    found = []
    for name, kind, limits in _kinds(logins):
        if kind == resource.RLIMIT_CPU:
            continue
        for limit in limits:
            if limit.scope == "session":
                found.append(f"{name} session has no effect: a session is a thread; `daemon` bounds a worker process")
            elif limit.scope == "both":
                found.append(f"{name} without scope holds for each worker process, which serves many sessions")
    return tuple(found)


def bound_worker(logins: LoginSettings, note: Callable[[str], None]) -> None:
    """Bounds the calling process; what cannot be done is noted. RLimitCPU without scope is of sessions alone, as a
    worker that had used up a session's time would be killed with everybody's.
    """
    for name, kind, limits in _kinds(logins):
        scopes = ("daemon",) if kind == resource.RLIMIT_CPU else ("daemon", "both")
        limit = next((limit for limit in limits if limit.scope in scopes), None)
        if limit is None or any(other.scope == "none" for other in limits):
            continue
        soft, hard = resource.getrlimit(kind)
        most = hard if limit.hard is None else _amount(limit.hard, hard)
        try:
            resource.setrlimit(kind, (_amount(limit.soft, most), most))
        except (OSError, ValueError) as error:
            note(f"notice: {name} cannot be set (it stays at {soft}): {error}")


def _amount(value: int, most: int) -> int:
    return most if value == UNLIMITED else value


def session_seconds(logins: LoginSettings) -> float | None:
    """Processor time that a session may use; None: any."""
    if any(limit.scope == "none" for limit in logins.rlimit_cpu):
        return None
    limits = (limit.soft for limit in logins.rlimit_cpu if limit.scope in ("session", "both"))
    seconds = next(limits, UNLIMITED)
    return None if seconds == UNLIMITED else float(seconds)


def check(session: Session) -> None:
    """Raises `SessionEnded` (421) when the session's thread has used more than RLimitCPU allows."""
    most = session_seconds(session.settings.logins)
    if most is not None and time.thread_time() > most:
        raise SessionEnded(Code.RESOURCE_LIMIT, 421, "RLimitCPU reached, closing control connection")

"""Acts on what `access.occupancy` and `access.sizes` decide: takes places on the scoreboard, and gives them back.

A session that nothing bounds writes down whom it is (for those that are bounded) and asks nobody.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from ftpsd.access import sizes
from ftpsd.access.occupancy import (
    NOTHING,
    Exceeded,
    Holding,
    Judge,
    Standing,
    host_key,
    judge_connection,
    judge_login,
    judge_transfer,
    key,
)
from ftpsd.access.sizes import Pace
from ftpsd.auth.account import Account
from ftpsd.errors import Refusal, SessionEnded
from ftpsd.log import events
from ftpsd.reasons.codes import Code
from ftpsd.session import banning, delays
from ftpsd.session.state import Session, SlotView
from ftpsd.settings.model import Host, Settings
from ftpsd.settings.values import Bound, SessionTimeout, SizeBound, TransferRate

PATIENCE = 0.2
"""Seconds in which somebody who has left, but whose session has not noticed yet, may still go before others are
refused."""
_PAUSE = 0.05


def _take(slot: SlotView, holding: Holding, judge: Judge) -> Exceeded | None:
    deadline = time.monotonic() + PATIENCE
    while (verdict := slot.take(holding, judge)) is not None and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    return verdict


def connect(slot: SlotView, host: Host, settings: Settings, address: str) -> Exceeded | None:
    """MaxConnectionsPerHost: takes a connection's place, or says what is in the way."""
    bound: Bound | None = settings.bounds.max_connections_per_host
    if bound is None:
        return None
    me = Holding(Standing.CONNECTED, host_key(host), key(address))
    return _take(slot, me, judge_connection(bound, me))


def log_in(session: Session, settings: Settings, account: Account, *, anonymous: bool) -> None:
    """Takes a login's place. Raises `SessionEnded` (530) where there is none."""
    client_class = next(iter(session.classes)) if session.classes else None
    me = Holding(
        Standing.LOGGED_IN, session.runtime.key, key(session.peer), key(account.name),
        key(client_class) if client_class is not None else NOTHING)
    judge = judge_login(settings.bounds, me, client_class=client_class, anonymous=anonymous)
    session.holding = me
    if judge is None:
        session.slot.hold(me)
        return
    exceeded = _take(session.slot, me, judge)
    if exceeded is not None:
        text = f"Connection refused ({exceeded.log})"
        session.log.emit(events.LoginFailed(account.name, exceeded.reason, session.login.attempts + 1, text))
        raise SessionEnded(exceeded.reason, 530, exceeded.text)


def counts_transfers(session: Session, settings: Settings) -> bool:
    """Whether transfers need a place (`transferring`)."""
    bounds = settings.bounds
    return session.holding is not None and bool(bounds.max_transfers_per_host or bounds.max_transfers_per_user)


@contextlib.contextmanager
def transferring(session: Session, settings: Settings, name: str) -> Iterator[None]:
    """Has a transfer's place while it lasts. Raises `Refusal` (451), when entered, where there is none."""
    assert session.holding is not None
    me = session.holding._replace(command=key(name))
    judge = judge_transfer(settings.bounds, me, name)
    if judge is None:
        yield
        return
    exceeded = _take(session.slot, me, judge)
    if exceeded is not None:
        raise Refusal(451, exceeded.text, exceeded.reason)
    try:
        yield
    finally:
        session.slot.give_back_transfer()


def largest(session: Session, lines: tuple[SizeBound, ...]) -> int | None:
    """Bytes that a file may have for the session's user; None: any number."""
    line = sizes.bound_of(session.concerning(lines))
    return None if line is None else line.size


def pace(session: Session, lines: tuple[TransferRate, ...], command: str) -> TransferRate | None:
    """The TransferRate for the command; None: as fast as it goes."""
    return sizes.pace_of(session.concerning(lines), command)


def longest(session: Session, lines: tuple[SessionTimeout, ...]) -> int:
    """TimeoutSession of the session's user in seconds; 0: none."""
    line = sizes.nearest(session.concerning(lines))
    return 0 if line is None else line.seconds


def check_password_size(session: Session, password: str) -> str | None:
    """MaxPasswordSize: what the log says of a password that is too long; None: it is not."""
    most = session.settings.bounds.max_password_size
    size = len(password.encode("utf-8", "surrogateescape"))
    return None if size <= most else f"password of {size} bytes exceeds MaxPasswordSize ({most})"


def keep_pace(session: Session) -> None:
    """MaxCommandRate: a command beyond it waits. Raises `SessionEnded` when the session is to end meanwhile."""
    rate = session.settings.bounds.max_command_rate
    if rate is None:
        return
    if session.pace is None or session.pace.rate != rate:
        session.pace = Pace(rate)
    delay = session.pace.delay(time.monotonic())
    if delay <= 0:
        return
    within = f"{rate.number} cmds/{rate.seconds} sec{'' if rate.seconds == 1 else 's'}"
    if session.bans is not None:
        banning.note(session, ("MaxCommandRate",))
    session.log.emit(events.Happened("core.max-command-rate"))
    session.log.emit(events.Debug(
        0, f"MaxCommandRate ({within}) exceeded, injecting processing delay of {delay * 1000:.0f} ms"))
    delays.pause(session, delay)


def free_at(session: Session) -> float:
    """MaxCommandRate: from when a command would not have to wait (monotonic seconds; 0: at any time)."""
    rate, pace = session.settings.bounds.max_command_rate, session.pace
    return pace.free_at if rate is not None and pace is not None and pace.rate == rate else 0.0


def too_large(session: Session, directive: str, size: int, path: str) -> None:
    """Says in the log what was too large."""
    real = session.fs.real_path(path)
    reason = Code.STORE_TOO_LARGE if directive == "MaxStoreFileSize" else Code.RETRIEVE_TOO_LARGE
    session.log.emit(events.Notice(f"{directive} ({size} bytes) reached: aborting transfer of '{real}'", reason=reason))

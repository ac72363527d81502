"""Bounds in number and time. Times are seconds, 0 means none."""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings import bound_parsers
from ftpsd.settings.arguments import Duration, OptionalInteger, Special
from ftpsd.settings.declaration import HOST, LOGIN, ROOT, Combine, directive
from ftpsd.settings.values import SessionTimeout


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """MaxInstances and the timeouts."""

    max_instances: int | None = directive(
        "MaxInstances", OptionalInteger(1, 2**31 - 1), None, contexts=ROOT, good=("30", "none"),
        bad=("0", "many"),
        combine=Combine.LAST,
        doc="Sessions at the same time in the whole server; a connection beyond is closed at once.",
        default_text="none",
    )
    timeout_idle: int = directive(
        "TimeoutIdle", Duration(), 600, contexts=LOGIN, good=("900", "20m", "0"), bad=("", "soon", "-5"),
        doc="Seconds without a command or transfer after which the session ends.",
    )
    timeout_login: int = directive(
        "TimeoutLogin", Duration(), 300, module="mod_auth", good=("60", "2min"), bad=("never",),
        doc="Seconds that a client may take to log in.",
    )
    timeout_no_transfer: int = directive(
        "TimeoutNoTransfer", Duration(), 300, module="mod_xfer", contexts=LOGIN, good=("600",), bad=("x",),
        doc="Seconds without a transfer or listing after which the session ends.",
    )
    timeout_stalled: int = directive(
        "TimeoutStalled", Duration(), 3600, module="mod_xfer", contexts=LOGIN, good=("600",), bad=("x",),
        doc="Seconds without a byte after which a transfer is given up and the session ends.",
    )
    timeout_session: tuple[SessionTimeout, ...] = directive(
        "TimeoutSession", Special("seconds [user|group|class expression]", bound_parsers.session_timeout), (),
        module="mod_auth", contexts=LOGIN, combine=Combine.APPEND, default_text="0",
        good=("3600", "8h", "3600 user fred"), bad=("", "x", "3600 user", "3600 host fred"),
        doc="Seconds after login when the session ends whatever it does. A line for the user counts before one for his"
        " group, that before one for his class, that before one for all.",
    )
    timeout_linger: int = directive(
        "TimeoutLinger", Duration(), 10, contexts=HOST, good=("30",), bad=("x",),
        doc="Seconds that closing a connection may take.",
    )
    timeout_ident: int = directive(
        "TimeoutIdent", Duration(), 10, contexts=HOST, module="mod_ident", good=("5",), bad=("x",),
        doc="Seconds that an ident lookup may take.",
    )

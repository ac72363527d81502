"""Events in the words that administrators and log watchers know. Pure: an event in, lines out.

The words of the system log are ProFTPD's (fail2ban's filters match on them), those of the TLSLog mod_tls's;
where neither has any, ours say who, what and why.
"""

from __future__ import annotations

from ftpsd.log import events
from ftpsd.log.escape import escape, escape_rows, shorten
from ftpsd.log.events import Event, Level, Origin
from ftpsd.reasons.codes import Code

_LONGEST_FIELD = 1024

_TIMEOUTS = {
    "TimeoutIdle": "Client session idle timeout, disconnected",
    "TimeoutLogin": "Login timeout exceeded, disconnected",
    "TimeoutNoTransfer": "FTP no transfer timeout, disconnected",
    "TimeoutSession": "FTP session timed out, disconnected",
    "TimeoutStalled": "Data transfer stall timeout, disconnected",
}
_TIMER_REASONS: dict[str, str] = {
    Code.TIMEOUT_IDLE: "TimeoutIdle", Code.TIMEOUT_LOGIN: "TimeoutLogin",
    Code.TIMEOUT_NO_TRANSFER: "TimeoutNoTransfer", Code.TIMEOUT_SESSION: "TimeoutSession",
    Code.TIMEOUT_STALLED: "TimeoutStalled",
}

_UNSAID = frozenset({
    Code.RENEGOTIATION_BY_CLIENT, Code.RENEGOTIATION_TIMEOUT, Code.CONTROL_TLS_ERROR, Code.CCC_SHUTDOWN_FAILED,
    Code.NO_CERTIFICATE,
})
"""Ends of sessions that no other event has told the system log of."""

SystemLine = tuple[Level, str]

IN_SYSTEM_LOG: frozenset[type[Event]] = frozenset({
    events.SessionOpened, events.SessionClosed, events.LoginSucceeded, events.LoginFailed,
    events.LoginAttemptsExceeded, events.HostileInput, events.TimedOut, events.Notice,
    events.DataConnectionRefused, events.CommandDenied, events.TransferEnded, events.HandshakeFailed,
})
"""The events that `system_lines` has words for (others: [])."""

IN_DEBUG_LOG: frozenset[type[Event]] = frozenset({
    events.Debug, events.CommandReceived, events.ReplySent, events.CommandDenied, events.DataConnectionRefused,
    events.SessionClosed,
})
"""The events that `debug_lines` has words for."""

IN_TLS_LOG: frozenset[type[Event]] = frozenset({
    events.TLSNote, events.TLSNegotiation, events.HandshakeSucceeded, events.HandshakeFailed, events.CommandDenied,
    events.DataConnectionRefused,
})
"""The events that `tls_lines` has words for."""

IN_TRACE: frozenset[type[Event]] = IN_TLS_LOG | {
    events.Trace, events.CommandReceived, events.ReplySent, events.Debug,
}
"""The events that `trace_lines` has words for."""


def deflate_line(event: Event) -> str | None:
    """What the DeflateLog gets of an event."""
    if not isinstance(event, events.Deflated):
        return None
    sizes = (event.file_bytes, event.wire_bytes)
    saved = 100 * (1 - event.wire_bytes / event.file_bytes) if event.file_bytes else 0.0
    word, (before, after) = ("deflated", sizes) if event.direction == "send" else ("inflated", sizes[::-1])
    fault = f", then: {event.fault}" if event.fault else ""
    return f"{word} {before} bytes to {after} bytes ({saved:.2f}% compression){fault}"


def is_login(event: Event) -> bool:
    """Whether the event belongs to the facility of logins (AUTHPRIV)."""
    return isinstance(event, events.LoginSucceeded | events.LoginFailed | events.LoginAttemptsExceeded)


def system_lines(event: Event, origin: Origin) -> list[SystemLine]:
    """What the system log gets of an event; [] for most."""
    return [(level, escape(text)) for level, text in _system(event, origin)]


def _system(event: Event, origin: Origin) -> list[SystemLine]:
    match event:
        case events.SessionOpened():
            return [(Level.INFO, "FTP session opened.")]
        case events.SessionClosed():
            return [*_ending(event), (Level.INFO, "FTP session closed.")]
        case events.LoginSucceeded():
            word = "ANON" if event.anonymous else "USER"
            return [(Level.INFO, f"{word} {_field(event.user)}: Login successful.")]
        case events.LoginFailed():
            return [(Level.NOTICE, f"{_login_failed(event)} [{event.reason}]")]
        case events.LoginAttemptsExceeded():
            text = f"Maximum login attempts ({event.limit}) exceeded, connection refused"
            return [(Level.NOTICE, f"{text} [{Code.LOGIN_ATTEMPTS_EXCEEDED}]")]
        case events.HostileInput():
            return [(Level.WARNING, f"{_hostile(event)} [{event.reason}]")]
        case events.TimedOut():
            return [(Level.INFO, _timed_out(event.timer))]
        case events.Notice():
            return [(event.level, event.text)]
    return _system_refusals(event, origin)


def _system_refusals(event: Event, origin: Origin) -> list[SystemLine]:
    match event:
        case events.DataConnectionRefused() if event.reason in events.ADDRESS_REASONS:
            return [(Level.NOTICE, line) for line in _with_code(event.lines, event.reason)]
        case events.CommandDenied() if not event.tls and event.reason not in events.ADDRESS_REASONS:
            return [(Level.NOTICE, line) for line in _with_code(event.lines, event.reason)]
        case events.TransferEnded() if not event.complete:
            who = f"user {_field(event.user or origin.user)}"
            detail = f": {event.detail}" if event.detail else ""
            return [(Level.NOTICE, f"notice: {who}: aborting transfer{detail} [{event.reason}]")]
        case events.HandshakeFailed():
            text = f"TLS handshake failed on the {event.channel} connection [{event.reason}]"
            return [(Level.NOTICE, text)]
    return []


def debug_lines(event: Event) -> list[tuple[int, str]]:
    """(debug level, text) of what only DebugLevel shows."""
    match event:
        case events.Debug():
            return [(event.level, escape(event.text))]
        case events.CommandReceived():
            return [(4, escape(f"received command '{_field(event.text)}'"))]
        case events.ReplySent():
            return [(5, escape(f"sent reply: {event.code} {_field(event.text)}"))]
        case events.CommandDenied():
            reply = f"{event.code} {_field(event.text)}"
            return [(3, escape(f"{event.command} denied: {reply} [{event.reason}]"))]
        case events.DataConnectionRefused():
            return [(3, f"data connection refused [{event.reason}]")]
        case events.SessionClosed():
            end = f"session ended [{event.reason}] after {event.seconds:.1f} s {event.detail}"
            return [(2, escape(end.rstrip()))]
    return []


def tls_lines(event: Event) -> tuple[str, ...]:
    """What the TLSLog gets of an event; a line may have several rows."""
    match event:
        case events.TLSNote() | events.TLSNegotiation():
            lines = event.lines
        case events.HandshakeSucceeded():
            lines = event.lines
        case events.HandshakeFailed():
            lines = _with_code(event.lines, event.reason)
        case events.CommandDenied() if event.tls:
            lines = _with_code(event.lines, event.reason)
        case events.DataConnectionRefused() if event.reason not in events.ADDRESS_REASONS:
            lines = _with_code(event.lines, event.reason)
        case _:
            return ()
    return tuple(escape_rows(line) for line in lines)


def _with_code(lines: tuple[str, ...], reason: Code) -> tuple[str, ...]:
    """`lines` with the reason code behind the last one."""
    return (*lines[:-1], f"{lines[-1]} [{reason}]") if lines else ()


def trace_lines(event: Event) -> list[tuple[str, int, str]]:
    """(channel, level, text) of what a TraceLog gets."""
    match event:
        case events.Trace():
            return [(event.channel, event.level, escape(event.text))]
        case events.CommandReceived():
            return [("command", 7, escape(f"dispatching CMD command '{_field(event.text)}'"))]
        case events.ReplySent():
            return [("response", 1, escape(f"{event.code} {_field(event.text)}"))]
        case events.Debug():
            return [("debug", event.level, escape(event.text))]
    return [("tls", 5, line) for line in tls_lines(event)]


def _field(text: str) -> str:
    return shorten(text, _LONGEST_FIELD)


def _ending(event: events.SessionClosed) -> list[SystemLine]:
    if event.reason in _UNSAID:
        return [(Level.NOTICE, f"FTP session ended by an error [{event.reason}]")]
    timer = _TIMER_REASONS.get(event.reason)
    return [] if timer is None else [(Level.INFO, f"{_timed_out(timer)} [{event.reason}]")]


def _timed_out(timer: str) -> str:
    return _TIMEOUTS.get(timer, f"{timer} exceeded, disconnected")


def _hostile(event: events.HostileInput) -> str:
    if event.reason == Code.IMPLICIT_AT_EXPLICIT:
        return "client began TLS without AUTH, as for implicit TLS; this port is for explicit TLS, disconnecting"
    if event.reason == Code.PROXY_HEADER_UNEXPECTED:
        return (f"client sent a PROXY header ({_field(event.word)}) where none is believed (ProxyProtocolEngine, "
                f"ProxyProtocolTrust), disconnecting [{event.reason}]")
    return f"client sent {event.protocol} command '{_field(event.word)}', disconnecting"


_WHOLE_LINES = ("USER ", "ANON ", "SECURITY VIOLATION: ")
"""How what is said of a failed login begins if nothing is to stand before it: filters look there."""


def _login_failed(event: events.LoginFailed) -> str:
    if event.detail.startswith(_WHOLE_LINES):
        return event.detail
    return f"USER {_field(event.user)} (Login failed): {event.detail or event.reason}"

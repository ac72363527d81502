"""What happened, as typed values.

Code emits an event once; sinks turn it into the TLSLog's line, the system log's line, xferlog, trace, counters. `reason`
is the stable code of the kind of event; where one kind has several causes the event carries `cause`, a stable code
too (words with hyphens), which is what explanations, metrics and JSON key on. Events hold text as it came from the
client; sinks escape it. Nothing secret ever goes into an event.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import ClassVar, Literal


class Level(IntEnum):
    """syslog's severities (RFC 5424)."""

    EMERG = 0
    ALERT = 1
    CRIT = 2
    ERR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


Channel = Literal["control", "data"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose event it is. Server-wide events have an empty `peer`.

    session_id    a short unique word
    peer, port    the client's address and port
    peer_name     its name by reverse DNS, or the address when UseReverseDNS is off
    local, local_port  the server's end of the control connection
    server_name   ServerName of the host that serves the session; `host` its FQDN (what log lines show)
    host_id       `Host.id` of the configuration, selects the log files
    user          the login name once known; `anonymous_password` what an anonymous user gave as such
    """

    session_id: str = ""
    peer: str = ""
    host: str = ""
    user: str = ""
    peer_name: str = ""
    port: int = 0
    local: str = ""
    local_port: int = 0
    server_name: str = ""
    host_id: int = 0

    def with_user(self, user: str) -> Origin:
        return replace(self, user=user)

    @property
    def peer_shown(self) -> str:
        """`name[address]`, as ProFTPD's log lines show a client."""
        return f"{self.peer_name or self.peer}[{self.peer}]"


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    reason: ClassVar[str] = "event"


@dataclass(frozen=True, slots=True)
class Counters:
    """What a session did."""

    commands: int = 0
    files_sent: int = 0
    files_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


@dataclass(frozen=True, slots=True)
class SessionOpened(Event):
    """A client was accepted; `implicit`: TLS begins before the greeting."""

    reason: ClassVar[str] = "session-opened"
    implicit: bool = False


@dataclass(frozen=True, slots=True)
class SessionClosed(Event):
    """The session is over. `cause`: "quit", "peer-closed", "idle-timeout", "login-timeout", … ; `seconds` it lasted."""

    reason: ClassVar[str] = "session-closed"
    cause: str
    counters: Counters = field(default_factory=Counters)
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CommandReceived(Event):
    """`text`: the line as `Command.loggable` gives it, without secrets."""

    reason: ClassVar[str] = "command"
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplySent(Event):
    reason: ClassVar[str] = "reply"
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class CommandDenied(Event):
    """A refusal (`errors.Refusal`): its reply, its cause, and its lines, which go to the TLSLog when `tls`."""

    reason: ClassVar[str] = "command-denied"
    command: str
    code: int
    text: str
    cause: str
    lines: tuple[str, ...] = ()
    tls: bool = True


@dataclass(frozen=True, slots=True)
class TLSNegotiation(Event):
    """A handshake begins: `TLS/TLS-C requested, starting TLS handshake`."""

    reason: ClassVar[str] = "tls-negotiation"
    channel: Channel
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandshakeSucceeded(Event):
    """`lines` are what mod_tls would log (empty for every data connection but a session's first)."""

    reason: ClassVar[str] = "tls-handshake-succeeded"
    channel: Channel
    version: str
    cipher: str
    bits: int
    resumed: bool
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandshakeFailed(Event):
    """`cause`: "tls-timeout", "tls-eof", "tls-no-shared-cipher", … ; `lines` as semantics 2.15."""

    reason: ClassVar[str] = "tls-handshake-failed"
    channel: Channel
    cause: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataConnectionRefused(Event):
    """A data connection that was turned away. `cause`: "no-session-reuse", "foreign-peer", … ; `lines` for the TLSLog."""

    reason: ClassVar[str] = "data-connection-refused"
    cause: str
    lines: tuple[str, ...] = ()
    peer: str = ""


@dataclass(frozen=True, slots=True)
class DataAddressRefused(Event):
    """PORT or EPRT named an address that is not the client's, or a port below 1024 (RFC 2577)."""

    reason: ClassVar[str] = "data-address-refused"
    command: str
    argument: str
    cause: Literal["low-port", "foreign-address"]
    port: int = 0


@dataclass(frozen=True, slots=True)
class LoginSucceeded(Event):
    """`method`: "password", "certificate", "anonymous"; `password_shown`: the anonymous user's e-mail address."""

    reason: ClassVar[str] = "login-succeeded"
    user: str
    anonymous: bool = False
    method: str = "password"
    email: str = ""


LoginFailure = Literal[
    "no-such-user", "wrong-password", "no-shell", "root-login", "ftpusers", "denied", "name-too-long",
    "account-expired", "password-expired", "account-disabled", "home-missing", "tls-required", "error",
]


@dataclass(frozen=True, slots=True)
class LoginFailed(Event):
    """`detail` explains what `cause` alone does not; `attempts` failed logins in this session with this one."""

    reason: ClassVar[str] = "login-failed"
    user: str
    cause: LoginFailure
    attempts: int = 1
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LoginAttemptsExceeded(Event):
    """MaxLoginAttempts reached: the session ends."""

    reason: ClassVar[str] = "login-attempts-exceeded"
    limit: int


@dataclass(frozen=True, slots=True)
class TransferEnded(Event):
    """A RETR, STOR, STOU or APPE is over.

    path        the real path (as xferlog shows it)
    direction   "out" (download), "in" (upload) or "deleted"
    transferred payload bytes; `seconds` from the first to the last byte
    complete    `cause` is the outcome's stable code otherwise
    ascii       TYPE A
    """

    reason: ClassVar[str] = "transfer-ended"
    command: str
    path: str
    direction: Literal["in", "out", "deleted"]
    transferred: int
    seconds: float
    complete: bool
    cause: str = "transfer-complete"
    ascii: bool = False
    user: str = ""
    anonymous: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HostileInput(Event):
    """Somebody speaks another protocol. `protocol`: "HTTP", "SMTP", "TLS"; `word` what gave it away."""

    reason: ClassVar[str] = "hostile-input"
    protocol: str
    word: str


@dataclass(frozen=True, slots=True)
class TimedOut(Event):
    """`timer`: the directive, "TimeoutIdle", "TimeoutLogin" …; `seconds` its value."""

    reason: ClassVar[str] = "timed-out"
    timer: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """A line for the system log."""

    reason: ClassVar[str] = "notice"
    text: str
    level: Level = Level.NOTICE


@dataclass(frozen=True, slots=True)
class TLSNote(Event):
    """Lines for the TLSLog (a line may have several rows)."""

    reason: ClassVar[str] = "tls-note"
    lines: tuple[str, ...]

    def __init__(self, *lines: str) -> None:
        object.__setattr__(self, "lines", lines)


@dataclass(frozen=True, slots=True)
class Debug(Event):
    """A line of debug level 1 to 10 (DebugLevel, `-d`)."""

    reason: ClassVar[str] = "debug"
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Trace(Event):
    """A line for the TraceLog: `channel` such as "tls", "data", "auth", `level` 1 to 20."""

    reason: ClassVar[str] = "trace"
    channel: str
    level: int
    text: str

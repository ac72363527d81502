"""What happened, as typed values.

Code emits an event once; sinks turn it into the TLSLog's line, the system log's line, xferlog, trace,
counters. `kind` is the stable code of the kind of event; where one kind has several causes the event
carries `reason`, a stable code too (words with hyphens), which is what explanations, metrics and JSON key
on (`reason_of`). Events hold text as it came from the client; sinks escape it. Nothing secret ever goes
into an event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Literal, NamedTuple

from ftpsd.reasons.codes import Code, Good
from ftpsd.settings.logging import LoggingSettings


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


class Origin(NamedTuple):
    """Whose event it is. Server-wide events have an empty `peer`.

    session_id    a short unique word
    peer, port    the client's address and port
    peer_name     its name by reverse DNS, or the address when UseReverseDNS is off
    local, local_port  the server's end of the control connection
    host          the fully qualified name of the host that serves the session (what log lines show)
    server_name   its ServerName
    host_id       its `Host.id` in the configuration, selects the log files
    user          the login name once known; `logged_in`, `anonymous` and the `email` given as password
    secure        TLS protects, or has protected, the control connection
    ident         what the client's ident server calls its user, "" where it does not say; None: IdentLookups is off
    logging       the settings in force for the session, where they are not its host's (<Anonymous>, <IfUser>)
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
    logged_in: bool = False
    anonymous: bool = False
    email: str = ""
    secure: bool = False
    ident: str | None = None
    logging: LoggingSettings | None = None

    def after(self, event: Event) -> Origin:
        """The origin of what comes after `event`: logins and handshakes change it."""
        match event:
            case LoginSucceeded():
                return self._replace(
                    user=event.user, logged_in=True, anonymous=event.anonymous, email=event.email)
            case HandshakeSucceeded(channel="control"):
                return self._replace(secure=True)
        return self

    @property
    def peer_shown(self) -> str:
        """`name[address]`, as ProFTPD's log lines show a client."""
        return f"{self.peer_name or self.peer}[{self.peer}]"


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    kind: ClassVar[str] = "event"


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

    kind: ClassVar[str] = "session-opened"
    implicit: bool = False


@dataclass(frozen=True, slots=True)
class SessionClosed(Event):
    """The session is over.

    `reason`: "quit", "client-disconnected", "timeout-idle" …; `seconds` it lasted; `detail` for
    the log.
    """

    kind: ClassVar[str] = "session-closed"
    reason: Code | Good
    counters: Counters = field(default_factory=Counters)
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CommandReceived(Event):
    """`text`: the line as `Command.loggable` gives it, without secrets."""

    kind: ClassVar[str] = "command"
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplySent(Event):
    kind: ClassVar[str] = "reply"
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class CommandDenied(Event):
    """A refusal (`errors.Refusal`): its reply, reason and lines, which go to the TLSLog when `tls`."""

    kind: ClassVar[str] = "command-denied"
    command: str
    code: int
    text: str
    reason: Code
    lines: tuple[str, ...] = ()
    tls: bool = True


@dataclass(frozen=True, slots=True)
class TLSNegotiation(Event):
    """A handshake begins: `TLS/TLS-C requested, starting TLS handshake`."""

    kind: ClassVar[str] = "tls-negotiation"
    channel: Channel
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandshakeSucceeded(Event):
    """`lines` are what mod_tls would log (empty for every data connection but a session's first)."""

    kind: ClassVar[str] = "tls-handshake-succeeded"
    channel: Channel
    version: str
    cipher: str
    bits: int
    resumed: bool
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientCertificate(Event):
    """A client showed a certificate; `verified`: nothing is wrong with it. A rejected one is a failed
    handshake ("tls-client-…")."""

    kind: ClassVar[str] = "tls-client-certificate"
    subject: str
    verified: bool


@dataclass(frozen=True, slots=True)
class HandshakeFailed(Event):
    """`reason`: "handshake-timeout", "handshake-eof", "no-shared-cipher", … ; `lines` as semantics 2.15."""

    kind: ClassVar[str] = "tls-handshake-failed"
    channel: Channel
    reason: Code
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataConnectionRefused(Event):
    """A data connection, or an address for one, that was turned away.

    `lines` go to the TLSLog, or to the system log when `reason` is about addresses (`ADDRESS_REASONS`).
    """

    kind: ClassVar[str] = "data-connection-refused"
    reason: Code
    lines: tuple[str, ...] = ()
    peer: str = ""


@dataclass(frozen=True, slots=True)
class LoginSucceeded(Event):
    """A login. `method`: "password", "certificate", "anonymous"; `email`: an anonymous user's password,
    where it need not be that of an account.
    """

    kind: ClassVar[str] = "login-succeeded"
    user: str
    anonymous: bool = False
    method: str = "password"
    email: str = ""


@dataclass(frozen=True, slots=True)
class LoginFailed(Event):
    """A failed login; `attempts` of this session with this one.

    `detail`: the line for the system log, as ProFTPD words it (`auth` knows it).
    """

    kind: ClassVar[str] = "login-failed"
    user: str
    reason: Code
    attempts: int = 1
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LoginAttemptsExceeded(Event):
    """MaxLoginAttempts reached: the session ends."""

    kind: ClassVar[str] = "login-attempts-exceeded"
    limit: int


@dataclass(frozen=True, slots=True)
class TransferEnded(Event):
    """A RETR, STOR, STOU or APPE is over.

    path        the real path (as xferlog shows it)
    direction   "out" (download) or "in" (upload)
    transferred bytes of the file (TYPE A: without what the conversion adds); `seconds` from the first to the last
    complete    `reason` is the outcome's stable code otherwise
    ascii       TYPE A
    """

    kind: ClassVar[str] = "transfer-ended"
    command: str
    path: str
    direction: Literal["in", "out"]
    transferred: int
    seconds: float
    complete: bool
    reason: Code | Good = Good.TRANSFER_COMPLETE
    ascii: bool = False
    user: str = ""
    anonymous: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Deflated(Event):
    """A transfer in MODE Z is over: bytes of the file and on the wire; `fault`: what was wrong with what came."""

    kind: ClassVar[str] = "deflated"
    direction: Literal["send", "receive"]
    file_bytes: int
    wire_bytes: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class HostileInput(Event):
    """Somebody speaks another protocol. `protocol`: "HTTP", "SMTP", "TLS", "PROXY"; `word` what gave it away."""

    kind: ClassVar[str] = "hostile-input"
    protocol: str
    word: str
    reason: Code = Code.FOREIGN_PROTOCOL


@dataclass(frozen=True, slots=True)
class TimedOut(Event):
    """`timer`: the directive, "TimeoutIdle", "TimeoutLogin" …; `seconds` its value."""

    kind: ClassVar[str] = "timed-out"
    timer: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """A line for the system log."""

    kind: ClassVar[str] = "notice"
    text: str
    level: Level = Level.NOTICE
    reason: Code | Good = Good.NOTICE


def of_server(text: str, reason: Code | None) -> Notice:
    """What a server that we use (a database, Redis) has come to; an error, with its code, where there is a reason."""
    return Notice(text) if reason is None else Notice(f"{text} [{reason}]", Level.ERR, reason)


@dataclass(frozen=True, slots=True, init=False)
class TLSNote(Event):
    """Lines for the TLSLog; a line may have several rows (the library's error queue)."""

    kind: ClassVar[str] = "tls-note"
    lines: tuple[str, ...]

    def __init__(self, *lines: str) -> None:
        object.__setattr__(self, "lines", lines)


ModuleLog = Literal["ban", "wrap", "quota"]


@dataclass(frozen=True, slots=True)
class ModuleNote(Event):
    """A line for the log of a module: BanLog, WrapLog, QuotaLog."""

    kind: ClassVar[str] = "module-note"
    module: ModuleLog
    text: str


@dataclass(frozen=True, slots=True)
class Happened(Event):
    """Something of which nothing but SQLLogOnEvent hears; `name` is ProFTPD's name of the event."""

    kind: ClassVar[str] = "happened"
    name: str


@dataclass(frozen=True, slots=True)
class FileDeleted(Event):
    """DELE removed a file of `size` bytes; `path` is the real path (xferlog's direction `d`); `ascii`: TYPE A."""

    kind: ClassVar[str] = "file-deleted"
    path: str
    size: int = 0
    ascii: bool = False


@dataclass(frozen=True, slots=True)
class Debug(Event):
    """A line of debug level 1 to 10 (DebugLevel, `-d`)."""

    kind: ClassVar[str] = "debug"
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Trace(Event):
    """A line for the TraceLog: `channel` such as "tls", "data", "auth", `level` 1 to 20."""

    kind: ClassVar[str] = "trace"
    channel: str
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class TLSMessages(Event):
    """Messages and states of a session's TLS, for whoever traces it live."""

    kind: ClassVar[str] = "tls-messages"
    lines: tuple[str, ...] = ()


ADDRESS_REASONS = frozenset({
    Code.DATA_NOT_CONNECTED, Code.NAT_PRIVATE_ADDRESS, Code.ACTIVE_REFUSED, Code.ACTIVE_UNREACHABLE,
    Code.PORT_BELOW_1024, Code.ADDRESS_MISMATCH, Code.DATA_FOREIGN_PEER, Code.PASSIVE_PORTS_EXHAUSTED,
    Code.PROXY_HEADER_MISSING, Code.PROXY_HEADER_WRONG, Code.SERVER_EXHAUSTED,
})
"""Reasons of `DataConnectionRefused` without a bearing on TLS: their lines go to the system log."""


def reason_of(event: Event) -> str:
    """The stable code that explains the event: its reason, or its kind where it has but one."""
    reason = getattr(event, "reason", None)
    return reason if isinstance(reason, str) else event.kind

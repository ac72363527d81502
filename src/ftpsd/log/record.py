"""What an ExtendedLog (or a log in Redis or a database) can say of one command.

A session makes a `Record` only when some such log is configured, and fills in what costs nothing; what would take
a system call (real paths, sizes, counters of the network) is a function, asked by the formats that want it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ftpsd.log.events import Event
from ftpsd.settings.redis_logs import Extra, RedisLog

Status = Literal["success", "failed", "cancelled", "timeout"]


@dataclass(slots=True)
class Transfer:
    """What went over a data connection: payload bytes and the seconds that they took."""

    transferred: int
    seconds: float
    stalled: bool = False


@dataclass(slots=True)
class Record:
    """One command and its answer; the ends of a session are the commands CONNECT and EXIT.

    command, line, arguments  as the client sent them, without secrets
    classes       ExtendedLog's; a command that nobody knows has none
    code, text    the last reply's; 0 before one came
    reason        the code of what went wrong (`reasons.codes`); "": nothing
    seconds       from the command to its last reply
    path          the virtual path that the command names; None: none
    directory     it is a directory's (`%d`, `%D`); `changes`: it is moved, changed or removed (`%F`)
    size          bytes of a deleted file
    moves         the command has a data connection; `transfer`: what went over it
    offset        where in the file the transfer began; `existed`: an upload to a file that was there before
    port          of the data connection
    user, uid …   who is logged in; `login_name`: the argument of USER
    cwd           the current directory (virtual)
    notes, environment  session notes; variables beyond the server's own, None where UnsetEnv took one away
    network       bytes received and sent on all connections of the session
    """

    command: str
    line: str = ""
    arguments: str = ""
    classes: frozenset[str] = frozenset()
    code: int = 0
    text: str = ""
    seconds: float = 0.0
    path: str | None = None
    directory: bool = False
    changes: bool = False
    size: int | None = None
    moves: bool = False
    transfer: Transfer | None = None
    aborts: bool = False
    ascii: bool = False
    offset: int = 0
    existed: bool = False
    port: int | None = None
    renamed_from: str | None = None
    end_reason: str = ""
    user: str | None = None
    login_name: str | None = None
    group: str | None = None
    uid: int = 0
    gid: int = 0
    cwd: str = "/"
    client_class: str | None = None
    protocol: str = "ftp"
    notes: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str | None] = field(default_factory=dict)
    real_path: Callable[[str], str] = str
    file_size: Callable[[str], int | None] = lambda path: None
    network: Callable[[], tuple[int, int]] = lambda: (0, 0)
    server_dns: Callable[[], str] = str
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        return 200 <= self.code < 400

    @property
    def status(self) -> Status | None:
        """How the transfer ended; None: the command is none."""
        if self.aborts:
            return "cancelled"
        if not self.moves:
            return None
        if self.succeeded:
            return "success"
        return "timeout" if self.transfer is not None and self.transfer.stalled else "failed"


@dataclass(frozen=True, slots=True)
class CommandDone(Event):
    """A command was answered, or the session began or ended; only where an ExtendedLog may want to know."""

    kind: ClassVar[str] = "command-done"
    record: Record


@dataclass(frozen=True, slots=True)
class CommandForRedis(Event):
    """The same, for the `logs` in Redis that want the command where it happened; only where there may be some."""

    kind: ClassVar[str] = "command-for-redis"
    record: Record
    logs: tuple[RedisLog, ...]
    extras: tuple[Extra, ...]

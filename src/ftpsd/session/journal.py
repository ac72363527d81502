"""What logs of commands get to know: one record for every command, and for the beginning and end of the session.

A session has a journal only where the configuration has an ExtendedLog, RedisLogOnCommand, RedisLogOnEvent or SQLLog;
without one nothing here runs. A record begins when the command has been read and is handed on when its reply has been
sent, so that no client waits for a log. Commands that are answered during a transfer lie inside the transfer's: hence
the stack.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftpsd.data import traffic
from ftpsd.data.outcomes import End, Outcome
from ftpsd.errors import Refusal
from ftpsd.ftp import digests, listing, paths
from ftpsd.ftp.commands import Command, PathArgument
from ftpsd.ftp.parsing import parse_site
from ftpsd.ftp.replies import Reply
from ftpsd.log.record import CommandDone, Record, Transfer
from ftpsd.reasons.codes import Code, Good
from ftpsd.session import redislogs

if TYPE_CHECKING:
    from ftpsd.session.state import Session

CONNECT, EXIT = "CONNECT", "EXIT"

_END_REASONS: dict[str, str] = {
    Good.QUIT: "Quit", Code.CLIENT_DISCONNECTED: "Read EOF from client", Code.SERVER_STOPPING: "Server shutting down",
    Code.TIMEOUT_IDLE: "Timeout exceeded: TimeoutIdle", Code.TIMEOUT_LOGIN: "Timeout exceeded: TimeoutLogin",
    Code.TIMEOUT_NO_TRANSFER: "Timeout exceeded: TimeoutNoTransfer",
    Code.TIMEOUT_SESSION: "Timeout exceeded: TimeoutSession",
    Code.TIMEOUT_STALLED: "Timeout exceeded: TimeoutStalled",
    Code.LOGIN_ATTEMPTS_EXCEEDED: "Configured policy: Denied by MaxLoginAttempts",
}
"""ProFTPD's words for the end of a session; other ends are told by their reason code."""


@dataclass(slots=True)
class _Entry:
    """A command that is being carried out."""

    record: Record
    command: Command | None
    began: float
    final: bool = False
    """Whether its last reply has been sent."""


@dataclass(slots=True)
class Journal:
    """The records of one session."""

    session: Session
    to_redis: bool = False
    """Whether some host has logs in Redis."""
    _open: list[_Entry] = field(default_factory=list)
    _interrupting: _Entry | None = None
    _received: int = 0
    _sent: int = 0

    # -- what the session tells

    def begin(self, command: Command) -> None:
        """A command line has been read."""
        self._open.append(_Entry(self._of_command(command), command, time.monotonic()))

    def interrupted(self, command: Command) -> None:
        """ABOR came during a transfer: the second of the replies to come will be its own."""
        self._interrupting = _Entry(self._of_command(command), command, time.monotonic())

    def replied(self, reply: Reply) -> None:
        """A reply has been sent."""
        entry = self._open[-1] if self._open else None
        if entry is not None and entry.final:
            entry = self._interrupting
        if entry is None:
            return
        entry.record.code, entry.record.text = reply.code, reply.text
        entry.final = reply.code >= 200

    def because(self, reason: Code | Good) -> None:
        """Why the command is refused, or what went wrong with it."""
        if self._open and isinstance(reason, Code):
            self._open[-1].record.reason = reason

    def moved(self, outcome: Outcome, sock: socket.socket | None) -> None:
        """A transfer is over, and `sock` still open."""
        if self._open:
            record = self._open[0].record
            record.transfer = Transfer(outcome.transferred, outcome.seconds, outcome.end is End.STALLED)
            record.reason = outcome.reason if isinstance(outcome.reason, Code) else ""
        if sock is not None:
            received, sent = traffic.carried(sock)
            self._received += received
            self._sent += sent

    def named(self, path: str) -> None:
        """The path that the command really is about (STOU chooses one)."""
        if self._open:
            self._open[0].record.path = path

    def renaming(self, source: str) -> None:
        """RNTO gives the virtual path `source` another name."""
        if self._open:
            self._open[0].record.renamed_from = source

    def removed(self, size: int) -> None:
        """A file of `size` bytes was deleted."""
        if self._open:
            self._open[0].record.size = size

    def finish(self) -> None:
        """The reply of the command begun last has been sent."""
        if self._open:
            self._done(self._open.pop())
        if not self._open and self._interrupting is not None:
            interrupting, self._interrupting = self._interrupting, None
            self._done(interrupting)

    def connected(self) -> None:
        """The session begins."""
        self._pseudo(Record(CONNECT, classes=frozenset({CONNECT})))

    def ended(self, reason: Code | Good) -> None:
        """The session is over; `reason` is its stable code."""
        while self._open:
            self.finish()
        self._pseudo(Record(
            EXIT, classes=frozenset({EXIT}), end_reason=_END_REASONS.get(reason, reason),
            reason=reason if isinstance(reason, Code) else ""))

    # -- records

    def _pseudo(self, record: Record) -> None:
        self._done(_Entry(record, None, time.monotonic()))

    def _of_command(self, command: Command) -> Record:
        session, spec = self.session, command.spec
        hidden = spec is not None and spec.secret and command.argument
        record = Record(
            command.name, command.loggable, "(hidden)" if hidden else command.argument,
            spec.log_classes if spec is not None else frozenset(), login_name=session.login.user,
        )
        if spec is None:
            return record
        if spec.name == "SITE":
            record.command = f"SITE {command.argument.split(' ')[0].upper()}"
        record.moves, record.aborts = spec.data is not None, spec.aborts_transfer
        record.ascii = session.parameters.ascii
        record.directory = spec.names_directory
        record.changes = (spec.data is not None and not spec.listing) or "WRITE" in spec.log_classes
        if session.store is not None:
            record.path = _path(session, command)
        if spec.data is not None:
            record.port = session.data.port if session.data is not None else None
            self._before_transfer(record, command)
        return record

    def _before_transfer(self, record: Record, command: Command) -> None:
        """Where it begins, and whether there is something to be overwritten; both are gone afterwards."""
        spec = command.spec
        assert spec is not None
        if spec.listing:
            return
        record.offset = self.session.parameters.start
        if spec.data == "receive" and record.path is not None:
            size = self._size(record.path)
            record.existed = size is not None
            if spec.appends:
                record.offset = size or 0

    def _done(self, entry: _Entry) -> None:
        session, record = self.session, entry.record
        wanted = any(log.classes.wants(record.classes) for log in session.settings.logging.extended_logs)
        sql = session.sql if session.sql is not None and session.sql.logs(record) else None
        shipped = redislogs.wanted(session, record) if self.to_redis else None
        if not wanted and sql is None and shipped is None:
            return
        record.seconds = time.monotonic() - entry.began
        if entry.command is not None and entry.command.spec is not None:
            self._after(record, entry.command)
        self._complete(record)
        if wanted:
            session.log.emit(CommandDone(record))
        if shipped is not None:
            session.log.emit(shipped)
        if sql is not None:
            sql.log(record)

    def moment(self) -> Record:
        """What is known of the session now, without a command."""
        record = Record("", login_name=self.session.login.named)
        self._complete(record)
        return record

    def _complete(self, record: Record) -> None:
        session = self.session
        self._who(record)
        record.notes, record.environment = session.notes, self._environment()
        record.network = self._network
        record.server_dns = self._server_dns
        if session.store is not None:
            record.real_path, record.file_size = session.store.real_path, self._size

    def _after(self, record: Record, command: Command) -> None:
        session, spec = self.session, command.spec
        assert spec is not None
        if spec.opens_data_address and session.data is not None:
            record.port = session.data.port
        if record.path is None and session.store is not None and "DIRS" in spec.log_classes:
            record.path = session.cwd  # PWD, CDUP

    def _who(self, record: Record) -> None:
        session = self.session
        account = session.login.account
        record.login_name = session.login.user or record.login_name
        record.uid, record.gid = session.runtime.worker
        if account is not None:
            record.user, record.uid, record.gid = account.name, account.uid, account.gid
            record.group = session.runtime.authenticator.names.group(account.gid)
        record.cwd = session.cwd
        record.protocol = "ftps" if session.tls.mechanism else "ftp"
        classes = session.service.configuration.classes
        record.client_class = next((one.name for one in classes if one.name in session.classes), None)

    def _environment(self) -> Mapping[str, str | None]:
        session = self.session
        core = session.settings.core
        if not core.set_env and not core.unset_env:
            return session.variables
        found: dict[str, str | None] = dict(session.variables)
        found.update((one.key, one.value) for one in core.set_env)
        found.update((name, None) for name in core.unset_env)
        return found

    def _server_dns(self) -> str:
        session = self.session
        if not session.host.settings.core.use_reverse_dns:
            return session.ends.local
        return session.service.names.of(session.ends.local) or session.ends.local

    def _network(self) -> tuple[int, int]:
        received, sent = self.session.control.carried()
        return self._received + received, self._sent + sent

    def _size(self, path: str) -> int | None:
        try:
            return self.session.fs.stat(path).st_size
        except OSError:
            return None


def _path(session: Session, command: Command) -> str | None:
    """The virtual path that a command's argument names."""
    spec = command.spec
    assert spec is not None
    if spec.name == "SITE":
        site, inner = parse_site(command.argument)
        named = inner.word_and_path[1] if site is not None and site.path is PathArgument.AFTER_WORD else ""
    elif spec.path is PathArgument.AFTER_WORD:
        named = command.word_and_path[1]
    elif spec.path is PathArgument.AFTER_OPTIONS:
        named = listing.split(command.argument)[1] or ("." if spec.listing else "")
    elif spec.path is PathArgument.BEFORE_RANGE:
        named = digests.split(command.argument)[0]
    elif spec.path is PathArgument.WHOLE:
        named = command.argument or ("." if spec.listing else "")
    else:
        return None
    try:
        return paths.resolve(session.cwd, named, session.home) if named else None
    except Refusal:
        return None

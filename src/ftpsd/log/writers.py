"""The sinks: what becomes of an event, and where it is written.

Each keeps no state but its open files, may be called by any thread, and gets the time from an injectable
clock (seconds since the epoch). Which host's file is meant says `Origin.host_id`.
"""

from __future__ import annotations

import sys
import syslog
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ftpsd.log import stamps, texts, wtmp, xferlog
from ftpsd.log.escape import escape
from ftpsd.log.events import (
    Deflated,
    Event,
    FileDeleted,
    Level,
    LoginSucceeded,
    ModuleLog,
    ModuleNote,
    Origin,
    SessionClosed,
    TransferEnded,
)
from ftpsd.log.files import LogFile, LogFiles
from ftpsd.log.identity import DEFLATE_MODULE, MODULES, PROGRAM, TLS_MODULE, short_hostname, writer_id
from ftpsd.settings.logging import LEVELS, LoggingSettings
from ftpsd.settings.values import TraceChannel

Clock = Callable[[], float]
_ALL_PARTS = frozenset({"Hostname", "Timestamp", "VirtualHost"})


class FileSink:
    """Base of the sinks that write to files of a common `LogFiles`."""

    def __init__(self, files: LogFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock

    @property
    def capped(self) -> bool:
        return True

    @property
    def hears(self) -> frozenset[type[Event]] | None:
        return None

    def reopen(self) -> list[str]:
        return self._files.reopen()

    def close(self) -> None:
        self._files.close()


class TLSLogSink(FileSink):
    """`2026-11-21 10:29:46,770 mod_tls/2.9.2[PID]: text`, one file per host (TLSLog)."""

    def __init__(self, files: LogFiles, hosts: Mapping[int, LogFile], clock: Clock) -> None:
        super().__init__(files, clock)
        self._hosts = hosts

    def __str__(self) -> str:
        return "TLSLog"

    @property
    def hears(self) -> frozenset[type[Event]]:
        return texts.IN_TLS_LOG if self._hosts else frozenset()

    def emit(self, event: Event, origin: Origin) -> None:
        lines = texts.tls_lines(event)
        file = self._hosts.get(origin.host_id)
        if not lines or file is None:
            return
        head = f"{stamps.milliseconds(self._clock())} {TLS_MODULE}[{writer_id()}]: "
        for line in lines:
            file.write(head + line)


class ModuleLogSink(FileSink):
    """`2026-11-21 16:52:54,551 mod_ban/0.8[PID]: text` (BanLog, WrapLog, QuotaLog), by module and host."""

    def __init__(self, files: LogFiles, logs: Mapping[tuple[ModuleLog, int], LogFile], clock: Clock) -> None:
        super().__init__(files, clock)
        self._logs = logs

    def __str__(self) -> str:
        return "the log of a module"

    @property
    def hears(self) -> frozenset[type[Event]]:
        return frozenset({ModuleNote})

    def emit(self, event: Event, origin: Origin) -> None:
        if not isinstance(event, ModuleNote):
            return
        file = self._logs.get((event.module, origin.host_id))
        if file is not None:
            head = f"{stamps.milliseconds(self._clock())} {MODULES[event.module]}[{writer_id()}]: "
            file.write(head + escape(event.text))


@dataclass(frozen=True, slots=True)
class SystemTarget:
    """Where a host's system log lines go: to `file`, else to syslog when `use_syslog`, else nowhere."""

    settings: LoggingSettings
    file: LogFile | None = None
    use_syslog: bool = False


def threshold(settings: LoggingSettings) -> int:
    """The least important severity that SyslogLevel lets through."""
    return LEVELS.index(settings.syslog_level)


def system_entry(
    origin: Origin, text: str, now: float, program: str = PROGRAM, options: frozenset[str] = _ALL_PARTS,
) -> str:
    """A line of a system log file; `options` are LogOptions."""
    time = f"{stamps.milliseconds(now)} " if "Timestamp" in options else ""
    name = f"{short_hostname()} " if "Hostname" in options else ""
    if "RoleBasedProcessLabels" in options:
        program = "session" if origin.peer else "daemon"
    return f"{time}{name}{program}[{writer_id()}]{_behind(program_message(origin, text, options))}"


def _behind(message: str) -> str:
    """What follows `program[id]`: a blank before words, none before a colon."""
    return message if message.startswith(":") else f" {message}"


def program_message(origin: Origin, text: str, options: frozenset[str] = _ALL_PARTS) -> str:
    """What follows the program's name: `SERVER (PEER): text`; server-wide without a peer."""
    server = (escape(origin.host) or short_hostname()) if "VirtualHost" in options else ""
    peer = f"({escape(origin.peer_shown)})" if origin.peer else ""
    return f"{' '.join(filter(None, (server, peer)))}: {text}"


def system_message(origin: Origin, text: str, options: frozenset[str] = _ALL_PARTS) -> str:
    """As `program_message`, for syslog, which puts the colon behind the program's name itself."""
    return program_message(origin, text, options).removeprefix(": ")


class SystemLogSink(FileSink):
    """SystemLog, ServerLog or syslog, filtered by SyslogLevel and DebugLevel."""

    def __init__(
        self, files: LogFiles, hosts: Mapping[int, SystemTarget], clock: Clock, *, program: str = PROGRAM,
        debug_level: int | None = None, debugs: bool = True, by_path: Mapping[str, LogFile] | None = None,
    ) -> None:
        """`debug_level`: the command line's, over DebugLevel. `debugs`: some DebugLevel is over 0. `by_path`: the
        SystemLogs of conditional sections.
        """
        super().__init__(files, clock)
        self._hosts = hosts
        self._by_path = by_path or {}
        self._debugs = debugs if debug_level is None else debug_level > 0
        self._program = program
        self._debug_level = debug_level

    def __str__(self) -> str:
        return "SystemLog"

    def set_debug_level(self, level: int) -> None:
        self._debug_level, self._debugs = level, level > 0

    @property
    def hears(self) -> frozenset[type[Event]]:
        if not self._by_path and not any(target.file or target.use_syslog for target in self._hosts.values()):
            return frozenset()
        return texts.IN_SYSTEM_LOG | texts.IN_DEBUG_LOG if self._debugs else texts.IN_SYSTEM_LOG

    def emit(self, event: Event, origin: Origin) -> None:
        target = self._hosts.get(origin.host_id) or self._hosts.get(0)
        if target is None:
            return
        settings = origin.logging or target.settings
        if settings.system_log != target.settings.system_log:
            target = self._of_section(target, settings.system_log)
        most = threshold(settings)
        for level, text in self._lines(event, origin, settings):
            if level <= most:
                self._write(target, event, origin, level, text)

    def _of_section(self, host: SystemTarget, path: str | None) -> SystemTarget:
        """Where lines of a session go whose <IfClass> (or its kin) has a SystemLog; to the host's if it has no file."""
        if path is None:
            return SystemTarget(host.settings)
        file = self._by_path.get(path)
        return SystemTarget(host.settings, file) if file is not None else host

    def _lines(self, event: Event, origin: Origin, settings: LoggingSettings) -> list[texts.SystemLine]:
        lines = texts.system_lines(event, origin)
        wanted = settings.debug_level if self._debug_level is None else self._debug_level
        if wanted:
            lines += [(Level.DEBUG, text) for level, text in texts.debug_lines(event) if level <= wanted]
        return lines

    def _write(self, target: SystemTarget, event: Event, origin: Origin, level: Level, text: str) -> None:
        settings = target.settings
        options = settings.log_options
        if target.file is not None:
            target.file.write(system_entry(origin, text, self._clock(), self._program, options))
        elif target.use_syslog:
            syslog.syslog(level | _facility(settings, event), system_message(origin, text, options))


def _facility(settings: LoggingSettings, event: Event) -> int:
    if settings.syslog_facility == "DAEMON" and texts.is_login(event):
        return syslog.LOG_AUTHPRIV
    facility: int = getattr(syslog, f"LOG_{settings.syslog_facility}", syslog.LOG_DAEMON)
    return facility


class StderrSink:
    """What a server in the foreground says on standard error.

    System log lines, and debug lines up to a level.
    """

    capped = False

    def __init__(self, clock: Clock, *, program: str = PROGRAM, debug_level: int = 0) -> None:
        self._clock = clock
        self._program = program
        self._debug_level = debug_level

    def __str__(self) -> str:
        return "standard error"

    @property
    def hears(self) -> frozenset[type[Event]]:
        return texts.IN_SYSTEM_LOG | texts.IN_DEBUG_LOG if self._debug_level else texts.IN_SYSTEM_LOG

    def set_debug_level(self, level: int) -> None:
        self._debug_level = level

    def emit(self, event: Event, origin: Origin) -> None:
        lines = [text for _, text in texts.system_lines(event, origin)]
        lines += [text for level, text in texts.debug_lines(event) if level <= self._debug_level]
        now = self._clock()
        if lines:
            entries = [system_entry(origin, text, now, self._program) for text in lines]
            sys.stderr.write("\n".join(entries) + "\n")
            sys.stderr.flush()

    def reopen(self) -> list[str]:
        return []

    def close(self) -> None:
        """Standard error stays open."""


class DeflateLogSink(FileSink):
    """`2026-11-21 10:29:46,770 mod_deflate/0.6[PID]: RETR …`, one file per host (DeflateLog)."""

    def __init__(self, files: LogFiles, hosts: Mapping[int, LogFile], clock: Clock) -> None:
        super().__init__(files, clock)
        self._hosts = hosts

    def __str__(self) -> str:
        return "DeflateLog"

    @property
    def hears(self) -> frozenset[type[Event]]:
        return frozenset({Deflated})

    def emit(self, event: Event, origin: Origin) -> None:
        file = self._hosts.get(origin.host_id)
        line = texts.deflate_line(event)
        if file is not None and line is not None:
            file.write(f"{stamps.milliseconds(self._clock())} {DEFLATE_MODULE}[{writer_id()}]: {line}")


class TransferLogSink(FileSink):
    """xferlog lines, to the TransferLog in force for the session."""

    def __init__(
        self, files: LogFiles, hosts: Mapping[int, LoggingSettings], by_path: Mapping[str, LogFile],
        clock: Clock,
    ) -> None:
        super().__init__(files, clock)
        self._hosts = hosts
        self._by_path = by_path

    def __str__(self) -> str:
        return "TransferLog"

    @property
    def hears(self) -> frozenset[type[Event]]:
        return frozenset({TransferEnded, FileDeleted}) if self._by_path else frozenset()

    def emit(self, event: Event, origin: Origin) -> None:
        now = self._clock()
        line = xferlog.line(event, origin, now)
        settings = origin.logging or self._hosts.get(origin.host_id)
        if line is None or settings is None or settings.transfer_log is None:
            return
        file = self._by_path.get(settings.transfer_log)
        if file is not None:
            file.write(line)


class TraceSink(FileSink):
    """`2026-11-21 10:48:59,248 [PID] <channel:level>: text` (TraceLog, Trace, TraceOptions)."""

    capped = False

    def __init__(
        self, files: LogFiles, file: LogFile, hosts: Mapping[int, LoggingSettings], clock: Clock, *, some: bool = False,
    ) -> None:
        """`some`: sections have a Trace, for some sessions."""
        super().__init__(files, clock)
        self._file = file
        self._hosts = hosts
        self._some = some

    def __str__(self) -> str:
        return "TraceLog"

    @property
    def hears(self) -> frozenset[type[Event]]:
        asked = self._some or any(settings.trace for settings in self._hosts.values())
        return texts.IN_TRACE if asked else frozenset()

    def emit(self, event: Event, origin: Origin) -> None:
        settings = origin.logging or self._hosts.get(origin.host_id)
        if settings is None or not settings.trace:
            return
        for channel, level, text in texts.trace_lines(event):
            if traced(settings.trace, channel, level):
                head = _trace_head(origin, self._clock(), settings.trace_options)
                self._file.write(f"{head}<{channel}:{level}>: {text}")


def _trace_head(origin: Origin, now: float, options: frozenset[str]) -> str:
    time = ends = ""
    if "Timestamp" in options:
        stamp = stamps.milliseconds(now)
        time = (stamp if "TimestampMillis" in options else stamp.partition(",")[0]) + " "
    if "ConnIPs" in options and origin.peer:
        ends = f"(client {origin.peer}, server {origin.local}:{origin.local_port}) "
    return f"{time}[{writer_id()}] {ends}"


def traced(rules: tuple[TraceChannel, ...], channel: str, level: int) -> bool:
    """Whether Trace asks for messages of `channel` at `level`; DEFAULT is for channels without a rule."""
    own = [rule for rule in rules if rule.channel.lower() == channel]
    own = own or [rule for rule in rules if rule.channel.upper() == "DEFAULT"]
    return any(rule.low <= level <= rule.high for rule in own)


class WtmpSink:
    """Logins and logouts to wtmp (WtmpLog)."""

    capped = False

    def __init__(self, file: LogFile, hosts: Mapping[int, LoggingSettings], clock: Clock) -> None:
        self._file = file
        self._hosts = hosts
        self._clock = clock

    def __str__(self) -> str:
        return "wtmp"

    @property
    def hears(self) -> frozenset[type[Event]]:
        return frozenset({LoginSucceeded, SessionClosed})

    def emit(self, event: Event, origin: Origin) -> None:
        login = isinstance(event, LoginSucceeded)
        if not login and not (isinstance(event, SessionClosed) and origin.logged_in):
            return
        settings = origin.logging or self._hosts.get(origin.host_id)
        if settings is None or not settings.wtmp_log:
            return
        self._file.append(wtmp.record(
            login=login, line=f"ftpd{origin.session_id}", user=origin.user,
            host=origin.peer_name or origin.peer, address=origin.peer, pid=writer_id(), now=self._clock(),
        ))

    def reopen(self) -> list[str]:
        return []

    def close(self) -> None:
        self._file.close()

"""From the logging directives to open sinks."""

from __future__ import annotations

import syslog
import time
from collections.abc import Callable, Iterator
from typing import Any

from ftpsd.errors import ConfigError
from ftpsd.log import extended, wtmp
from ftpsd.log.bus import Sink
from ftpsd.log.events import ModuleLog
from ftpsd.log.extended import ExtendedLogSink
from ftpsd.log.files import LogFile, LogFileError, LogFiles
from ftpsd.log.identity import PROGRAM
from ftpsd.log.journal import SOCKET as JOURNAL
from ftpsd.log.journal import Journal
from ftpsd.log.jsonlog import EventLogSink
from ftpsd.log.writers import (
    Clock,
    DeflateLogSink,
    ModuleLogSink,
    StderrSink,
    SystemLogSink,
    SystemTarget,
    TLSLogSink,
    TraceSink,
    TransferLogSink,
    WtmpSink,
)
from ftpsd.settings.logformat import TargetKind
from ftpsd.settings.logging import SYSLOG, LoggingSettings
from ftpsd.settings.model import Configuration, Host, Settings

_XFERLOG_MODE = 0o644


def open_sinks(
    configuration: Configuration, *, clock: Clock = time.time, program: str = PROGRAM,
    debug_level: int | None = None, stderr: bool = False, wtmp_path: str = wtmp.PATH,
    journal_path: str = JOURNAL,
) -> tuple[list[Sink], list[str]]:
    """The sinks of a configuration, and notices about logs that cannot be written.

    Before the fork, with the rights to create the files. A TLSLog, ServerLog or TransferLog that cannot be
    opened is a notice (semantics of mod_tls); a SystemLog or TraceLog that cannot be opened is a
    `ConfigError`, as in ProFTPD. `debug_level` is the command line's `-d`; `stderr`: foreground, also write
    to standard error.
    """
    opener = _Opener(configuration)
    sinks: list[Sink] = []
    try:
        hosts = opener.system_targets()
        sinks.append(SystemLogSink(
            opener.files, hosts, clock, program=program, debug_level=debug_level,
            debugs=_debugs(configuration), by_path=opener.system_logs()))
        sinks.append(TLSLogSink(opener.files, opener.tls_logs(), clock))
        sinks.append(TransferLogSink(opener.files, opener.settings(), opener.transfer_logs(), clock))
        trace = opener.trace_log()
    except ConfigError:
        opener.files.close()
        raise
    deflate = opener.deflate_logs()
    if deflate:
        sinks.append(DeflateLogSink(opener.files, deflate, clock))
    if trace is not None:
        some = any(opener.of_sections("trace"))
        sinks.append(TraceSink(opener.files, trace, opener.settings(), clock, some=some))
    if extended.wanted(configuration):
        sinks.append(ExtendedLogSink(
            opener.files, configuration, opener.extended_logs(), clock, program=program,
            journal=opener.journal(journal_path),
        ))
    event_log = opener.event_log()
    if event_log is not None:
        sinks.append(EventLogSink(opener.files, event_log, clock))
    modules = opener.module_logs()
    if modules:
        sinks.append(ModuleLogSink(opener.files, modules, clock))
    sinks += _wtmp_sink(opener, clock, wtmp_path)
    if stderr:
        sinks.append(StderrSink(clock, program=program, debug_level=debug_level or 0))
    if any(target.use_syslog for target in hosts.values()) or opener.to("syslog"):
        syslog.openlog(program, syslog.LOG_PID | syslog.LOG_NDELAY, syslog.LOG_DAEMON)
    return sinks, opener.notices


def _debugs(configuration: Configuration) -> bool:
    """Whether any host, section or condition asks for debugging messages."""
    for host in configuration.hosts:
        if any(each.logging.debug_level for each in (host.settings, *(one.settings for one in host.anonymous))):
            return True
        if any(_of_sections(host, "debug_level")):
            return True
    return False


def _of_sections(host: Host, name: str) -> Iterator[Any]:
    """What <IfClass> sections and their kin say of a logging setting; None, `none`, is left out."""
    return (change.value for change in host.changes_for_some("logging", name) if change.value is not None)


def _wtmp_sink(opener: _Opener, clock: Clock, path: str) -> list[Sink]:
    settings = opener.settings()
    fd = wtmp.open_wtmp(path) if any(each.wtmp_log for each in settings.values()) else None
    return [] if fd is None else [WtmpSink(LogFile(path, fd), settings, clock)]


class _Opener:
    """Opens the files of a configuration, once per path, and collects what went wrong."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self.files = LogFiles()
        self.notices: list[str] = []

    @property
    def _main(self) -> LoggingSettings:
        return self._configuration.hosts[0].settings.logging

    def settings(self) -> dict[int, LoggingSettings]:
        return {host.id: host.settings.logging for host in self._configuration.hosts}

    def system_targets(self) -> dict[int, SystemTarget]:
        main = self._main
        file = None
        if main.system_log is not None and main.system_log != SYSLOG:
            file = self._required("SystemLog", main.system_log)
        targets = {}
        for host in self._configuration.hosts:
            own = host.settings.logging
            server_log = self._optional("ServerLog", own.server_log, own) if own.server_log else None
            targets[host.id] = SystemTarget(own, server_log or file, main.system_log == SYSLOG)
        return targets

    def of_sections(self, name: str) -> Iterator[Any]:
        """What conditional sections say of a logging setting."""
        return (value for host in self._configuration.hosts for value in _of_sections(host, name))

    def system_logs(self) -> dict[str, LogFile]:
        """The SystemLogs of conditional sections, by path."""
        return {path: self._required("SystemLog", path) for path in self.of_sections("system_log") if path != SYSLOG}

    def tls_logs(self) -> dict[int, LogFile]:
        return self._of_hosts("TLSLog", lambda settings: settings.tls.log)

    def deflate_logs(self) -> dict[int, LogFile]:
        return self._of_hosts("DeflateLog", lambda settings: settings.deflate.log)

    def _of_hosts(self, directive: str, path_in: Callable[[Settings], str | None]) -> dict[int, LogFile]:
        logs = {}
        for host in self._configuration.hosts:
            path = path_in(host.settings)
            file = self._optional(directive, path, host.settings.logging) if path else None
            if file is not None:
                logs[host.id] = file
        return logs

    def transfer_logs(self) -> dict[str, LogFile]:
        logs = {}
        for path in dict.fromkeys(_transfer_log_paths(self._configuration)):
            file = self._optional("TransferLog", path, self._main, mode=_XFERLOG_MODE)
            if file is not None:
                logs[path] = file
        return logs

    def to(self, kind: TargetKind) -> bool:
        """Whether an ExtendedLog goes there."""
        return any(log.kind == kind for host in self._configuration.hosts for log in extended.logs_of(host))

    def extended_logs(self) -> dict[str, LogFile]:
        logs: dict[str, LogFile] = {}
        for host in self._configuration.hosts:
            for log in extended.logs_of(host):
                file = None
                if log.kind == "stdout" or log.kind == "stderr":
                    file = self.files.stream(log.kind)
                elif log.kind == "file" and log.key not in logs:
                    file = self._optional("ExtendedLog", log.path, host.settings.logging)
                if file is not None:
                    logs[log.key] = file
        return logs

    def module_logs(self) -> dict[tuple[ModuleLog, int], LogFile]:
        """BanLog, WrapLog and QuotaLog, by host."""
        logs: dict[tuple[ModuleLog, int], LogFile] = {}
        for host in self._configuration.hosts:
            wanted: tuple[tuple[ModuleLog, str, str | None], ...] = (
                ("ban", "BanLog", self._configuration.hosts[0].settings.bans.log),
                ("wrap", "WrapLog", host.settings.wrap.log), ("quota", "QuotaLog", host.settings.quotas.log),
            )
            for module, directive, path in wanted:
                file = self._optional(directive, path, host.settings.logging) if path else None
                if file is not None:
                    logs[module, host.id] = file
        return logs

    def event_log(self) -> LogFile | None:
        """The file of EventLog, or standard output."""
        target = self._main.event_log
        if target in ("stdout", "stderr"):
            return self.files.stream("stdout" if target == "stdout" else "stderr")
        return self._optional("EventLog", target, self._main) if target else None

    def journal(self, path: str) -> Journal | None:
        """The journal where an ExtendedLog wants it."""
        if not self.to("journal"):
            return None
        try:
            return Journal(path)
        except OSError as error:
            self.notices.append(f"notice: unable to open the journal '{path}' for ExtendedLog: {error.strerror}")
            return None

    def trace_log(self) -> LogFile | None:
        path = self._main.trace_log
        return self._required("TraceLog", path) if path else None

    def _required(self, directive: str, path: str) -> LogFile:
        try:
            return self.files.get(path, allow_symlink=self._main.allow_log_symlinks)
        except LogFileError as error:
            raise ConfigError(
                f"unable to open {directive} '{path}': {error}", directive=directive,
                remedy="Name a file in an existing directory that only the server may write to, or 'none'.",
            ) from None

    def _optional(
        self, directive: str, path: str, settings: LoggingSettings, *, mode: int = 0o640
    ) -> LogFile | None:
        try:
            return self.files.get(path, mode=mode, allow_symlink=settings.allow_log_symlinks)
        except LogFileError as error:
            what = f"{directive}: {error} ('{path}')"  # mod_tls's words, which name no file, come first
            if directive != "TLSLog":
                what = f"{directive} '{path}': {error}"
            self.notices.append(f"notice: unable to open {what}")
            return None


def _transfer_log_paths(configuration: Configuration) -> Iterator[str]:
    for host in configuration.hosts:
        for settings in (host.settings, *(section.settings for section in host.anonymous)):
            if settings.logging.transfer_log is not None:
                yield settings.logging.transfer_log
        yield from _of_sections(host, "transfer_log")

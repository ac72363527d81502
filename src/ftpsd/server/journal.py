"""What the server itself has to say: starts, ends, reloads, notices, dead workers."""

from __future__ import annotations

import time

from ftpsd.log.bus import EventLog, Sink
from ftpsd.log.events import Notice
from ftpsd.log.files import LogFile, LogFileError, LogFiles
from ftpsd.log.identity import PROGRAM
from ftpsd.log.jsonlog import EventLogSink
from ftpsd.log.writers import StderrSink, SystemLogSink, SystemTarget
from ftpsd.reasons.codes import Code, Good
from ftpsd.settings import Configuration
from ftpsd.settings.logging import SYSLOG, LoggingSettings


class Journal:
    """Lines for the administrator: on standard error where `stderr`, and in SystemLog and EventLog. Never fails."""

    def __init__(self, *, stderr: bool, program: str = PROGRAM) -> None:
        self._program = program
        self._console = EventLog([StderrSink(time.time, program=program)] if stderr else [])
        self._log = EventLog()
        self._files = LogFiles()

    def open(self, configuration: Configuration) -> None:
        """Write to the SystemLog of `configuration` from now on; where it cannot be opened, nowhere."""
        old, self._files = self._files, LogFiles()
        settings = configuration.hosts[0].settings.logging
        self._log.replace([self._system_log(settings), *self._event_log(settings)])
        old.close()

    def _event_log(self, settings: LoggingSettings) -> list[Sink]:
        target = settings.event_log
        if target is None:
            return []
        try:
            if target in ("stdout", "stderr"):
                file = self._files.stream("stdout" if target == "stdout" else "stderr")
            else:
                file = self._files.get(target, allow_symlink=settings.allow_log_symlinks)
        except LogFileError:
            return []
        return [EventLogSink(self._files, file, time.time)]

    def _system_log(self, settings: LoggingSettings) -> Sink:
        use_syslog = settings.system_log == SYSLOG
        file: LogFile | None = None
        if settings.system_log is not None and not use_syslog:
            try:
                file = self._files.get(settings.system_log, allow_symlink=settings.allow_log_symlinks)
            except LogFileError:
                file = None
        target = SystemTarget(settings, file, use_syslog)
        return SystemLogSink(self._files, {0: target}, time.time, program=self._program)

    def say(self, text: str, *, console: bool = True, reason: Code | Good = Good.NOTICE) -> None:
        """One message, an entry for each of its lines, to the log and the console. `reason` is for programs."""
        for line in text.splitlines():
            if console:
                self._console.emit(Notice(line))
            self._log.emit(Notice(line, reason=reason))

    def reopen(self) -> None:
        """The log was moved away: write to a new one."""
        for notice in self._files.reopen():
            self.say(notice)

    def close(self) -> None:
        """Close the log."""
        self._log.close()
        self._files.close()

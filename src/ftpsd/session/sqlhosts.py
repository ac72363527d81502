"""The databases of a configuration, and what is said of them: system log and SQLLogFile."""

from __future__ import annotations

import time

from ftpsd.auth.sqlaccounts import SqlAccounts
from ftpsd.log import events, stamps
from ftpsd.log.bus import EventLog, Sink
from ftpsd.log.escape import escape
from ftpsd.log.events import Event, Origin
from ftpsd.log.files import LogFileError, LogFiles
from ftpsd.log.identity import writer_id
from ftpsd.log.writers import Clock, FileSink
from ftpsd.reasons.codes import Code
from ftpsd.session.sql import EventSink
from ftpsd.settings.model import Configuration, Host
from ftpsd.settings.sql import SQLSettings
from ftpsd.sql.queries import NamedQueries
from ftpsd.sql.setup import Databases


class _LogFile(FileSink):
    """SQLLogFile. Hears no event; it is a sink so that it is reopened and closed like all logs."""

    def __str__(self) -> str:
        return "SQLLogFile"

    def __init__(self, files: LogFiles, paths: list[str], clock: Clock) -> None:
        super().__init__(files, clock)
        self._paths = paths

    @property
    def hears(self) -> frozenset[type[Event]]:
        return frozenset()

    def emit(self, event: Event, origin: Origin) -> None:
        """Hears none."""

    def say(self, text: str) -> None:
        """A line in every file."""
        for path in self._paths:
            line = f"{stamps.milliseconds(self._clock())} mod_sql[{writer_id()}]: {escape(text)}"
            self._files.get(path).write(line)


class SqlHosts:
    """For `Service`: databases, accounts and sinks of all hosts."""

    def __init__(self, configuration: Configuration, log: EventLog) -> None:
        """Raises `ConfigError`; connects to nothing."""
        self._configuration = configuration
        self._log = log
        self._file: _LogFile | None = None
        self._databases = Databases(configuration, self._report)

    def queries(self, host: Host) -> NamedQueries | None:
        """The queries of a host; None: it has no database."""
        return self._databases.of(host)

    def accounts(self, host: Host) -> SqlAccounts | None:
        """The accounts of a host; None: its database has none, or there is none."""
        queries, settings = self._databases.of(host), host.settings
        if queries is None or "auth" not in settings.sql.engine:
            return None
        return SqlAccounts(settings.sql, settings.sql_passwords, queries)

    def sinks(self) -> tuple[list[Sink], list[str]]:
        """SQLLogOnEvent and SQLLogFile where they are configured, and notices about files that cannot be opened."""
        sinks: list[Sink] = []
        heard = {
            host.id: (host.settings.sql, queries) for host in self._configuration.hosts
            if (queries := self.queries(host)) is not None and _logs_events(host.settings.sql)
        }
        if heard:
            sinks.append(EventSink(heard))
        notices: list[str] = []
        self._file = self._opened(notices)
        if self._file is not None:
            sinks.append(self._file)
        return sinks, notices

    def _opened(self, notices: list[str]) -> _LogFile | None:
        files, paths = LogFiles(), []
        for host in self._configuration.hosts:
            path, logging = host.settings.sql.log_file, host.settings.logging
            if path is None or path in paths or self.queries(host) is None:
                continue
            try:
                files.get(path, allow_symlink=logging.allow_log_symlinks)
                paths.append(path)
            except LogFileError as error:
                notices.append(f"notice: unable to open SQLLogFile '{path}': {error}")
        return _LogFile(files, paths, time.time) if paths else None

    def start(self) -> None:
        """In a worker, with its rights."""
        self._databases.start()

    def settle(self, seconds: float) -> None:
        """See `Databases.settle`."""
        self._databases.settle(seconds)

    def close(self) -> None:
        self._databases.close()

    def _report(self, text: str, reason: Code | None) -> None:
        self._log.emit(events.of_server(text, reason))
        if self._file is not None:
            self._file.say(f"{text} [{reason}]" if reason is not None else text)


def _logs_events(settings: SQLSettings) -> bool:
    return "log" in settings.engine and bool(settings.event_logs)

"""ExtendedLog: a line for every command of the chosen classes, to files, syslog, the journal, standard output."""

from __future__ import annotations

import syslog
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ftpsd.log import formats
from ftpsd.log.escape import escape
from ftpsd.log.events import Event, Origin
from ftpsd.log.files import LogFile, LogFiles
from ftpsd.log.identity import PROGRAM
from ftpsd.log.journal import Journal, field_name
from ftpsd.log.record import CommandDone, Record
from ftpsd.log.writers import Clock, FileSink
from ftpsd.settings.logformat import DEFAULT, JSON, ExtendedLog, LogFormat
from ftpsd.settings.logging import LEVELS, LoggingSettings
from ftpsd.settings.model import Configuration, Host


@dataclass(frozen=True, slots=True)
class Compiled:
    """A format as functions: of a line, and of the members of a journal entry."""

    line: formats.Line
    members: formats.Members


def compile_format(name: str | None, known: Iterable[LogFormat]) -> Compiled:
    """The format that an ExtendedLog names; None: the default one."""
    if name is None:
        return _of_text(DEFAULT)
    own = {one.name: one for one in reversed(tuple(known))}  # the first of a name counts
    bare = name.removeprefix(f"{JSON}:")
    if bare in own and bare == name:
        return _of_text(own[name])
    if name == JSON:
        return Compiled(formats.json_line(formats.JSON_FIELDS), formats.members(formats.JSON_FIELDS))
    chosen = own.get(bare, DEFAULT)
    if bare == name:
        return _of_text(chosen)
    fields = formats.fields_of(chosen)
    return Compiled(formats.json_line(fields), formats.members(fields))


def _of_text(chosen: LogFormat) -> Compiled:
    return Compiled(formats.line(chosen), formats.members(formats.fields_of(chosen)))


def logs_of(host: Host) -> Iterator[ExtendedLog]:
    """Every ExtendedLog that a session of `host` may come to have."""
    yield from host.settings.logging.extended_logs
    for section in host.anonymous:
        yield from section.settings.logging.extended_logs
    for conditional in host.conditionals:
        for change in conditional.changes:
            if (change.group, change.field) == ("logging", "extended_logs"):
                yield from change.value


def wanted(configuration: Configuration) -> bool:
    """Whether any session may have an ExtendedLog."""
    return any(True for host in configuration.hosts for _ in logs_of(host))


class ExtendedLogSink(FileSink):
    """Writes the records that sessions make."""

    capped = False

    def __init__(
        self, files: LogFiles, configuration: Configuration, by_key: Mapping[str, LogFile], clock: Clock, *,
        journal: Journal | None = None, program: str = PROGRAM,
    ) -> None:
        """`by_key`: the open files (and standard output) by `ExtendedLog.key`."""
        super().__init__(files, clock)
        self._by_key = by_key
        self._journal = journal
        self._program = program
        self._hosts = {host.id: host.settings.logging for host in configuration.hosts}
        facility = configuration.hosts[0].settings.logging.syslog_facility
        self._facility: int = getattr(syslog, f"LOG_{facility}", syslog.LOG_DAEMON)
        self._compiled = {
            (host.id, log.format): compile_format(log.format, host.settings.logging.log_formats)
            for host in configuration.hosts for log in logs_of(host)
        }

    def __str__(self) -> str:
        return "ExtendedLog"

    @property
    def hears(self) -> frozenset[type[Event]]:
        return frozenset({CommandDone})

    def emit(self, event: Event, origin: Origin) -> None:
        assert isinstance(event, CommandDone)
        settings = origin.logging or self._hosts.get(origin.host_id) or LoggingSettings()
        for log in settings.extended_logs:
            if log.classes.wants(event.record.classes):
                self._write(log, event.record, origin)

    def _write(self, log: ExtendedLog, record: Record, origin: Origin) -> None:
        compiled = self._compiled[origin.host_id, log.format]
        now = self._clock()
        if log.kind == "syslog":
            line = compiled.line(record, origin, now)
            syslog.syslog(LEVELS.index(log.level) | self._facility, line)
        elif log.kind == "journal":
            self._to_journal(log, compiled, record, origin, now)
        else:
            file = self._by_key.get(log.key)
            if file is not None:
                file.write(compiled.line(record, origin, now))

    def _to_journal(
        self, log: ExtendedLog, compiled: Compiled, record: Record, origin: Origin, now: float,
    ) -> None:
        if self._journal is None:
            return
        fields = {
            "MESSAGE": compiled.line(record, origin, now), "PRIORITY": str(LEVELS.index(log.level)),
            "SYSLOG_IDENTIFIER": self._program,
        }
        for label, value in compiled.members(record, origin, now).items():
            fields[field_name(label)] = escape(str(value))
        self._journal.send(fields)

    def close(self) -> None:
        super().close()
        if self._journal is not None:
            self._journal.close()

"""What is written down, and where."""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings import logformat, parsers
from ftpsd.settings.arguments import Boolean, Integer, OneOf, OptionalPath, Special
from ftpsd.settings.declaration import CONNECTION, HOST, LOGIN, PROCESS, ROOT, Combine, Context, directive
from ftpsd.settings.logformat import ExtendedLog, LogFormat
from ftpsd.settings.values import TraceChannel

SYSLOG = "syslog"
"""Value of `system_log` that is no path: the log goes to syslog."""

LEVELS = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
FACILITIES = ("AUTH", "AUTHPRIV", "CRON", "DAEMON", "KERN", "LPR", "MAIL", "NEWS", "USER", "UUCP",
              "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7")



LOG_OPTIONS = ("Hostname", "Timestamp", "VirtualHost", "RoleBasedProcessLabels")
TRACE_OPTIONS = ("ConnIPs", "Timestamp", "TimestampMillis")


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    """Logs. A path is absolute; None: not written."""

    system_log: str | None = directive(
        "SystemLog", OptionalPath(), SYSLOG, contexts=PROCESS | Context.CONDITIONAL, module="mod_log",
        good=("/var/log/ftpsd.log", "none"), bad=("ftpsd.log", ""), default_text="syslog",
        doc="File for what otherwise goes to syslog; in an <IfClass> and its kin for their sessions alone (`none`:"
        " nothing is written of them).",
    )
    server_log: str | None = directive(
        "ServerLog", OptionalPath(), None, contexts=HOST, module="mod_log",
        good=("/var/log/host.log", "none"), bad=("host.log",),
        doc="SystemLog of one host.",
    )
    syslog_level: str = directive(
        "SyslogLevel", OneOf(LEVELS), "debug", contexts=HOST | Context.ANONYMOUS, module="mod_log",
        good=("notice", "WARN"), bad=("loud",),
        doc="Messages less important than this are not written.",
    )
    syslog_facility: str = directive(
        "SyslogFacility", OneOf(FACILITIES), "DAEMON", contexts=ROOT, module="mod_log",
        good=("LOCAL3", "auth"), bad=("LOCAL9",), doc="syslog's facility.",
    )
    debug_level: int = directive(
        "DebugLevel", Integer(0, 10, "level"), 0, contexts=HOST, good=("5",), bad=("11", "all"),
        doc="Debugging messages in the system log, 0 (none) to 10 (all).",
    )
    trace_log: str | None = directive(
        "TraceLog", OptionalPath(), None, contexts=PROCESS, good=("/var/log/ftpsd-trace.log",),
        bad=("trace.log",),
        doc="File of trace messages; which ones, Trace says.",
    )
    trace: tuple[TraceChannel, ...] = directive(
        "Trace", Special("[session] channel:level …", parsers.trace), (), contexts=CONNECTION, combine=Combine.APPEND,
        good=("DEFAULT:10", "tls:20 command:1-7", "DEFAULT:5 tls:0", "session DEFAULT:10"),
        bad=("", "tls", "tls:9-3", "session"),
        doc="Trace messages of a channel up to a level (0: none), or within two levels; DEFAULT is for channels"
        " that are not named. `session` may stand before them and changes nothing: all is traced in sessions.",
    )
    transfer_log: str | None = directive(
        "TransferLog", OptionalPath(), None, contexts=LOGIN, module="mod_log",
        good=("/var/log/xferlog", "none"), bad=("xferlog",),
        doc="File with a line per transfer in the form xferlog(5).",
    )
    wtmp_log: bool = directive(
        "WtmpLog", Special("on|off|none", parsers.wtmp_log), True, contexts=LOGIN, good=("off", "on", "NONE"),
        bad=("wtmp",),
        doc="Logins and logouts are written to wtmp where the server may.",
    )
    allow_log_symlinks: bool = directive(
        "AllowLogSymlinks", Boolean(), False, contexts=HOST, module="mod_log", good=("on",), bad=("some",),
        doc="A log file may be a symbolic link.",
    )
    log_formats: tuple[LogFormat, ...] = directive(
        "LogFormat", Special('name "format"', logformat.log_format), (), contexts=Context.SERVER | Context.GLOBAL,
        combine=Combine.BY_KEY, module="mod_log", good=('short "%a %u %m %s"', 'timed "%{%F %T}t %R %r"'),
        bad=("", "short", 'x "%{bogus}"', 'x "100%"'), default_text='default "%h %l %u %t \\"%r\\" %s %b"',
        doc="A format for ExtendedLog and for logs in Redis, by its name. docs/logs.md lists the variables.",
    )
    extended_logs: tuple[ExtendedLog, ...] = directive(
        "ExtendedLog", Special(
            "/path|syslog:level|journal:level|stdout|stderr [class,… [format]]", logformat.extended_log),
        (), contexts=LOGIN, combine=Combine.BY_KEY, module="mod_log",
        good=(
            "/var/log/ftp.log", "/var/log/ftp.log READ,WRITE", "syslog:info ALL,!MISC default", "stdout ALL,EXIT json"),
        bad=("", "ftp.log", "syslog:loud ALL", "/var/log/ftp.log BOGUS", "/var/log/ftp.log !READ"),
        doc="A line for every command of the named classes (AUTH, INFO, DIRS, READ, WRITE, MISC, SEC, EXIT,"
        " CONNECT; ALL is all but the last two; `!` excludes), in a LogFormat, or as JSON with the format `json`"
        " or `json:NAME`. Standard output and error and the journal are ftpsd's own.",
    )
    event_log: str | None = directive(
        "EventLog", Special("/path|stdout|stderr|none", logformat.event_log), None, contexts=ROOT, module="mod_ftpsd",
        good=("/var/log/ftpsd.json", "stdout", "none"), bad=("", "events.json"),
        doc="What happens (sessions, logins, handshakes, refusals, transfers) as JSON objects, one on each line."
        " ftpsd's own.",
    )
    log_options: frozenset[str] = directive(
        "LogOptions", Special("±option …", parsers.switches("LogOption", LOG_OPTIONS, LOG_OPTIONS[:3])),
        frozenset(LOG_OPTIONS[:3]), module="mod_log", good=("-Hostname -Timestamp", "+RoleBasedProcessLabels"),
        bad=("", "-Everything"), default_text="+Hostname +Timestamp +VirtualHost",
        doc="What a line of a SystemLog or ServerLog begins with: this machine's name, the time, the server's name,"
        " `daemon` or `session` in place of the program's name.",
    )
    trace_options: frozenset[str] = directive(
        "TraceOptions", Special("±option …", parsers.switches("TraceOption", TRACE_OPTIONS, TRACE_OPTIONS[1:])),
        frozenset(TRACE_OPTIONS[1:]), good=("+ConnIPs", "-TimestampMillis"), bad=("", "+Everything"),
        default_text="+Timestamp +TimestampMillis",
        doc="What a line of the TraceLog begins with: the time, with milliseconds, both ends of the connection.",
    )

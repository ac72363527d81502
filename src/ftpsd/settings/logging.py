"""What is written down, and where."""

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings import parsers
from ftpsd.settings.arguments import Boolean, Integer, OneOf, OptionalPath, Special
from ftpsd.settings.declaration import HOST, LOGIN, ROOT, Combine, Context, directive
from ftpsd.settings.values import TraceChannel

SYSLOG = "syslog"
"""Value of `system_log` that is no path: the log goes to syslog."""

LEVELS = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
FACILITIES = ("AUTH", "AUTHPRIV", "CRON", "DAEMON", "KERN", "LPR", "MAIL", "NEWS", "USER", "UUCP",
              "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7")


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    """Logs. A path is absolute; None: not written."""

    system_log: str | None = directive(
        "SystemLog", OptionalPath(), SYSLOG, contexts=ROOT, module="mod_log",
        good=("/var/log/ftpsd.log", "none"), bad=("ftpsd.log", ""), default_text="syslog",
        doc="File for what otherwise goes to syslog.",
    )
    server_log: str | None = directive(
        "ServerLog", OptionalPath(), None, contexts=Context.SERVER | Context.VHOST, module="mod_log",
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
        "TraceLog", OptionalPath(), None, contexts=ROOT, good=("/var/log/ftpsd-trace.log",),
        bad=("trace.log",),
        doc="File of trace messages; which ones, Trace says.",
    )
    trace: tuple[TraceChannel, ...] = directive(
        "Trace", Special("channel:level …", parsers.trace), (), contexts=HOST, combine=Combine.APPEND,
        good=("DEFAULT:10", "tls:20 command:1-7"), bad=("", "tls", "tls:9-3"),
        doc="Trace messages of a channel up to a level, or within two levels.",
    )
    transfer_log: str | None = directive(
        "TransferLog", OptionalPath(), None, contexts=HOST | Context.ANONYMOUS, module="mod_log",
        good=("/var/log/xferlog", "none"), bad=("xferlog",),
        doc="File with a line per transfer in the form xferlog(5).",
    )
    wtmp_log: bool = directive(
        "WtmpLog", Boolean("on|off"), True, contexts=LOGIN, good=("off", "on"), bad=("wtmp",),
        doc="Logins and logouts are written to wtmp where the server may.",
    )
    allow_log_symlinks: bool = directive(
        "AllowLogSymlinks", Boolean(), False, contexts=HOST, module="mod_log", good=("on",), bad=("some",),
        doc="A log file may be a symbolic link.",
    )

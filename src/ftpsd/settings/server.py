"""The process as a whole."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings import parsers
from ftpsd.settings.arguments import Boolean, Integer, OneOf, OptionalPath, Special, Text
from ftpsd.settings.declaration import HOST, ROOT, Combine, Context, directive
from ftpsd.settings.values import HostPort

STANDALONE, INETD = "standalone", "inetd"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What concerns all hosts: read from server config."""

    server_type: str = directive(
        "ServerType", OneOf((STANDALONE, INETD)), STANDALONE, contexts=ROOT, good=("standalone", "inetd"),
        bad=("", "cgi", "standalone inetd"), combine=Combine.LAST,
        doc="How connections come: standalone: the server listens. inetd: inetd, xinetd or systemd (Accept=yes) starts"
        " ftpsd for each connection, which is its standard input or descriptor 3 (LISTEN_FDS); it serves that one and"
        " ends. Then there is no PidFile and no control socket; MaxInstances, MaxConnectionRate, Workers and"
        " MetricsAddress have no effect; limits count across processes by the ScoreboardFile: where it cannot be used"
        " nobody is served (`none`: each process counts itself alone). See docs/operation.md. Every connection pays for"
        " the start of a program: prefer standalone, which systemd can start with the first connection, too.",
    )
    user: str | None = directive(
        "User", Text("name"), None, contexts=HOST | Context.ANONYMOUS, good=("nobody",), bad=("", "a b"),
        doc="Account of the processes before login; in <Anonymous> the account of the login.",
    )
    group: str | None = directive(
        "Group", Text("name"), None, contexts=HOST | Context.ANONYMOUS, good=("nogroup",), bad=("", "a b"),
        doc="Group of the processes before login; in <Anonymous> the group of the login.",
    )
    pid_file: str | None = directive(
        "PidFile", OptionalPath(), "/run/ftpsd.pid", contexts=ROOT, good=("/run/ftp.pid",), bad=("ftp.pid",),
        combine=Combine.LAST, doc="File with the supervisor's process id.",
    )
    scoreboard_file: str | None = directive(
        "ScoreboardFile", OptionalPath(), "/run/ftpsd.scoreboard", contexts=ROOT,
        good=("/run/ftp.scoreboard", "none", "off"), bad=("scoreboard",),
        combine=Combine.LAST,
        doc="File in which sessions are kept; one that cannot be used is a notice and the server has one"
        " in memory.",
    )
    shut_message_file: str | None = directive(
        "ShutMessageFile", OptionalPath(), "/etc/shutmsg", contexts=ROOT, module="mod_ftpsd",
        good=("/run/ftpsd/shutmsg", "none"), bad=("shutmsg", ""), combine=Combine.LAST,
        doc="File that announces a shutdown, as `ftpsd shut` and ftpshut write it: from a time on nobody new comes in,"
        " from another on sessions are ended. A directive of ftpsd's own.",
    )
    use_ipv6: bool = directive(
        "UseIPv6", Boolean(), True, contexts=ROOT, good=("off",), bad=("4",),
        combine=Combine.LAST, doc="Listen on IPv6 addresses too.",
    )
    socket_bind_tight: bool = directive(
        "SocketBindTight", Boolean(), False, contexts=ROOT, good=("on",), bad=("all",),
        combine=Combine.LAST, doc="A socket for each host's own address, instead of one for each port.",
    )
    tcp_backlog: int = directive(
        "TCPBackLog", Integer(1, 65535), 128, contexts=ROOT, good=("1024",), bad=("0", "x"),
        combine=Combine.LAST, doc="Connections that the kernel keeps until they are accepted.",
    )
    workers: int = directive(
        "Workers", Special("auto|number", parsers.workers), 0, contexts=ROOT, module="mod_ftpsd",
        good=("auto", "4"), bad=("0", "some"), default_text="auto",
        combine=Combine.LAST,
        doc="Worker processes; auto (0): one for each CPU core, and each keeps to its own (transfers that move much may"
        " run on any). With another number they run where the system puts them. A directive of ftpsd's own.",
    )
    metrics_address: HostPort | None = directive(
        "MetricsAddress", Special("address:port|none", parsers.metrics_address), None, contexts=ROOT,
        module="mod_ftpsd", combine=Combine.LAST, good=("127.0.0.1:9810", "[::1]:9810", "none"),
        bad=("", "9810", "localhost", "127.0.0.1:0", "host.example:9810"),
        doc="Where Prometheus finds what the server counts (http://address:port/metrics), in clear and for everybody"
        " who can connect: choose a loopback address, or one that only the monitoring reaches. Needs the library"
        " prometheus-client. ftpsd's own.",
    )

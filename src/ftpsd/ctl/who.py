"""Who is on, as ftpwho, ftpcount and ftptop show it. Pure: entries of the scoreboard and the time come in.

Nothing that a client (or its name server) says can look like something else here: control characters never come
through, and blanks in what stands in front of other columns are shown as `\\x20`.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ftpsd.ftp.phase import Phase
from ftpsd.log.escape import escape, shorten
from ftpsd.server.scoreboard import Entry, Scoreboard

NOBODY = "(none)"
_LONGEST = {"user": 32, "location": 160, "command": 160}
_LABEL = re.compile(":(?= |$)")
_TRANSFERS = (Phase.SENDING, Phase.RECEIVING)


@dataclass(frozen=True, slots=True)
class Report:
    """A server and its sessions, oldest first. Times are seconds since the epoch. `pid` is 0 where each session is a
    process of its own (ServerType inetd). `warnings`: what is wrong with it."""

    pid: int
    started: float
    entries: tuple[Entry, ...]
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, board: Scoreboard) -> Report:
        """What a scoreboard shows now."""
        entries = tuple(sorted(board.entries(), key=lambda entry: (entry.opened, entry.index)))
        return cls(*board.supervisor, entries, board.warnings)

    def of_server(self, name: str | None) -> Report:
        """Only the sessions of the host with this ServerName; None: all."""
        if name is None:
            return self
        return dataclasses.replace(self, entries=tuple(each for each in self.entries if each.server == name))

    def packed(self) -> list[str]:
        """The same as lines for a program on the other side of the control socket."""
        head = [self.pid, self.started, *self.warnings]
        return [json.dumps(head), *(json.dumps(dataclasses.astuple(each)) for each in self.entries)]

    @classmethod
    def unpacked(cls, lines: Iterable[str]) -> Report:
        """From `packed` lines. Raises `ValueError`."""
        try:
            (pid, started, *warnings), *rows = (json.loads(line) for line in lines)
            return cls(int(pid), float(started), tuple(_entry(row) for row in rows), tuple(map(str, warnings)))
        except (TypeError, LookupError) as error:
            raise ValueError(f"not a list of sessions: {error}") from None


def _entry(row: list[Any]) -> Entry:
    named = dict(zip((field.name for field in dataclasses.fields(Entry)), row, strict=True))
    return Entry(**{**named, "phase": Phase(named["phase"])})


# ---- parts of lines


def duration(seconds: float) -> str:
    """`  0m2s`, `  1h2m`, `  3d4h`."""
    whole = max(0, int(seconds))
    if whole < 3600:
        return f"{whole // 60:3}m{whole % 60}s"
    if whole < 86_400:
        return f"{whole // 3600:3}h{whole % 3600 // 60}m"
    return f"{whole // 86_400:3}d{whole % 86_400 // 3600}h"


def uptime(seconds: float) -> str:
    """`up for 0 min`, `up for 2 days 3 hrs 4 min`."""
    minutes = max(0, int(seconds)) // 60
    days, hours = minutes // 1440, minutes % 1440 // 60
    parts = [f"{days} day{'' if days == 1 else 's'}"] if days else []
    parts += [f"{hours} hr{'' if hours == 1 else 's'}"] if days or hours else []
    return "up for " + " ".join([*parts, f"{minutes % 60} min"])


def _word(text: str, limit: int = 64) -> str:
    """Text in front of other text: neither blanks nor what looks like a label."""
    word = escape(shorten(text, limit)).replace(" ", "\\x20")
    return f"{word[:-1]}\\x3a" if word.endswith(":") else word


def user(entry: Entry) -> str:
    """Who it is; who has only said so is nobody."""
    return NOBODY if entry.phase is Phase.CONNECTED or not entry.user else _word(entry.user, _LONGEST["user"])


def percent(entry: Entry) -> str:
    """How much of a download is done: `24`; `` where that is not known."""
    if entry.phase is not Phase.SENDING or not entry.size:
        return ""
    return str(min(100, entry.transferred * 100 // entry.size))


def rate(entry: Entry, now: float) -> float:
    """KiB per second of the transfer under way."""
    return entry.transferred / 1024 / max(now - entry.changed, 0.001) if entry.phase in _TRANSFERS else 0.0


def command(entry: Entry) -> str:
    """The command of a transfer."""
    return escape(shorten(entry.command, _LONGEST["command"]))


def client(entry: Entry) -> str:
    """`name [address]`."""
    return f"{_word(entry.peer_name or entry.peer)} [{entry.peer}]"


def local(entry: Entry) -> str:
    """`address:port`."""
    address = f"[{entry.local}]" if ":" in entry.local else entry.local
    return f"{address}:{entry.local_port}"


# ---- ftpwho


def who(report: Report, now: float, *, verbose: bool, outform: str | None, server: str | None) -> list[str]:
    """What ftpwho prints. `outform`: None, `oneline`, `compat`."""
    lines = [
        f"standalone FTP daemon [{report.pid}], {uptime(now - report.started)}" if report.pid else "inetd FTP daemon:"]
    if server is not None:
        lines.append(f"ftpsd Server '{escape(server)}'")
    shown = report.of_server(server).entries
    for entry in shown:
        first = _compat(entry, now) if outform == "compat" else _line(entry, now)
        more = _details(entry, now) if verbose else []
        if outform == "oneline":
            lines.append(" ".join([_LABEL.sub(r"\\x3a", first), *more]))
        else:
            lines += [first, *(f"\t{detail}" for detail in more), *([""] if more else [])]
    lines += _classes(shown) or ["no users connected"]
    return lines + [f"warning: {escape(text)}" for text in report.warnings]


def _line(entry: Entry, now: float) -> str:
    head = f"{entry.thread or entry.pid:5} {user(entry):<8} [{duration(now - entry.opened)}]"
    if entry.phase is Phase.CONNECTED:
        return f"{head} (authenticating)"
    if entry.phase is Phase.IDLE:
        return f"{head} {duration(now - entry.changed)} idle"
    done = percent(entry)
    return f"{head} {f'({done:>3}%)' if done else '(n/a)'} {command(entry)}"


def _compat(entry: Entry, now: float) -> str:
    number = f"{entry.thread or entry.pid:5}"
    if entry.phase is Phase.CONNECTED:
        return f"{number} -"
    since = duration(now - entry.changed).strip()
    if entry.phase is Phase.IDLE:
        return f"{number} {since:<6} idle"
    done = percent(entry)
    return f"{number} {since:<6} {f'({done}%) ' if done else ''}{command(entry)}"


def _details(entry: Entry, now: float) -> list[str]:
    found = [f"KB/s: {rate(entry, now):.2f}"] if entry.phase in _TRANSFERS else []
    found += [f"client: {client(entry)}", f"server: {local(entry)} ({_named(entry.server)})"]
    found.append(f"protocol: {_word(entry.protocol)}")
    if entry.phase is not Phase.CONNECTED:
        found.append(f"location: {_word(entry.location, _LONGEST['location'])}")
    if entry.client_class:
        found.append(f"class: {_word(entry.client_class)}")
    found.append(f"session: {_word(entry.session)}")
    return found


def _named(server: str) -> str:
    """ServerName is the administrator's."""
    return escape(server)


def _classes(entries: Iterable[Entry]) -> list[str]:
    counted = Counter(entry.client_class or NOBODY for entry in entries)
    return [
        f"Service class {_word(name):<20} - {count:3} user{'' if count == 1 else 's'}"
        for name, count in sorted(counted.items())
    ]


def count(report: Report, *, server: str | None) -> list[str]:
    """What ftpcount prints."""
    lines = [f"Master ftpsd process {report.pid}:" if report.pid else "inetd FTP connections:"]
    if server is not None:
        lines.append(f"ftpsd Server '{escape(server)}'")
    return lines + (_classes(report.of_server(server).entries) or ["0 users"])


# ---- JSON


def as_json(report: Report, now: float, *, server: str | None) -> dict[str, Any]:
    """What ftpwho prints as JSON. Texts are as clients gave them: JSON's own escapes make them harmless."""
    warnings = {"warnings": list(report.warnings)} if report.warnings else {}
    server_object: dict[str, Any] = {"server_type": "inetd", "started_ms": 0}
    if report.pid:
        server_object = {"server_type": "standalone", "pid": report.pid, "started_ms": int(report.started * 1000)}
    return {
        "server": server_object | warnings,
        "connections": [_object(entry, now) for entry in report.of_server(server).entries],
    }


def _object(entry: Entry, now: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        "pid": entry.thread or entry.pid, "connected_since_ms": int(entry.opened * 1000),
        "remote_name": entry.peer_name or entry.peer, "remote_address": entry.peer, "local_address": entry.local,
        "local_port": entry.local_port, "session": entry.session, "server_name": entry.server,
    }
    if entry.phase is Phase.CONNECTED:
        found["authenticating"] = True
    else:
        found["user"] = entry.user
    found |= {"class": entry.client_class} if entry.client_class else {}
    found["protocol"] = entry.protocol
    if entry.phase is not Phase.CONNECTED:
        found["location"] = entry.location
    return found | dict(_activity(entry, now))


def _activity(entry: Entry, now: float) -> Mapping[str, Any]:
    if entry.phase is Phase.CONNECTED:
        return {"idling": True}
    if entry.phase is Phase.IDLE:
        return {"idling": True, "idle_since_ms": int(entry.changed * 1000)}
    name, _, arguments = entry.command.partition(" ")
    done = percent(entry)
    return {
        "command": name, "command_args": arguments,
        "downloading" if entry.phase is Phase.SENDING else "uploading": True,
        **({"transfer_completed": done} if done else {}), "transfer_bytes": entry.transferred,
        "transfer_duration_ms": max(0, int((now - entry.changed) * 1000)),
    }


# ---- ftptop

STATES = {Phase.CONNECTED: "A", Phase.IDLE: "I", Phase.SENDING: "D", Phase.RECEIVING: "U"}


def top(report: Report, now: float, *, clock: str, rates: bool, states: frozenset[str], width: int) -> list[str]:
    """The lines of one refresh: `states` of `STATES` are shown, `rates`: speeds instead of commands."""
    kinds = Counter(STATES[entry.phase] for entry in report.entries)
    lines = [
        f"ftptop: {clock}, {uptime(now - report.started)}",
        f"{len(report.entries)} Total FTP Sessions: {kinds['D']} downloading, {kinds['U']} uploading,"
        f" {kinds['I']} idle", "",
        _columns("PID", "S", "USER", "CLIENT", "SERVER", "KB/s" if rates else "TIME", "DONE" if rates else "COMMAND"),
    ]
    for entry in report.entries:
        if STATES[entry.phase] in states:
            lines.append(_row(entry, now, rates=rates))
    return [line[:width] for line in lines]


def _row(entry: Entry, now: float, *, rates: bool) -> str:
    what = {Phase.CONNECTED: "(authenticating)", Phase.IDLE: "idle"}.get(entry.phase) or command(entry)
    last = (f"{rate(entry, now):.1f}", f"{percent(entry) or '-'}{'%' if percent(entry) else ''}") if rates else (
        duration(now - entry.opened).strip(), what)
    peer = _word(entry.peer_name or entry.peer, 22)
    return _columns(str(entry.thread or entry.pid), STATES[entry.phase], user(entry)[:12], peer, local(entry), *last)


def _columns(pid: str, state: str, name: str, peer: str, server: str, time: str, rest: str) -> str:
    return f"{pid:<7} {state} {name:<12} {peer:<22} {server:<21} {time:<8} {rest}".rstrip()

"""The same session against a real ProFTPD and against ftpsd: do their logs say the same, field by field?

Both servers have one ExtendedLog with every variable that ProFTPD 1.3.8 knows, and a TransferLog. Each script is a
session of its own; its lines are those with the client's port. What names a moment or a machine (times, ports,
directories) is replaced by a word; everything else must be equal, or a `FieldDifference` says why it is not.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ftpsd.testing.server import RunningServer
from tests.peer.compare import Recorder, Script, Step, furnish

SEPARATOR = "^"
FIELDS = {
    "a": "%a", "A": "%A", "b": "%b", "d": "%d", "D": "%D", "E": "%E", "f": "%f", "F": "%F", "g": "%g", "h": "%h",
    "H": "%H", "I": "%I", "J": "%J", "l": "%l", "L": "%L", "m": "%m", "O": "%O", "p": "%p", "P": "%P", "r": "%r",
    "R": "%R", "s": "%s", "S": "%S", "t": "%t", "T": "%T", "u": "%u", "U": "%U", "v": "%v", "V": "%V", "w": "%w",
    "year": "%{%Y}t", "env": "%{SITE}e", "absent": "%{NOT_THERE}e", "basename": "%{basename}", "epoch": "%{epoch}",
    "modified": "%{file-modified}", "offset": "%{file-offset}", "size": "%{file-size}", "gid": "%{gid}",
    "uid": "%{uid}", "iso8601": "%{iso8601}", "microsecs": "%{microsecs}", "millisecs": "%{millisecs}",
    "protocol": "%{protocol}", "port": "%{remote-port}", "failure": "%{transfer-failure}",
    "transfer-ms": "%{transfer-millisecs}", "data-port": "%{transfer-port}", "status": "%{transfer-status}",
    "type": "%{transfer-type}", "note": "%{note:TLS_PROTOCOL}", "cipher": "%{note:TLS_CIPHER}", "ftps": "%{note:FTPS}",
    "tls env": "%{TLS_CIPHER_KEYSIZE_USED}e", "no note": "%{note:NOT_THERE}",
}
SHAPES = {
    "p": r"\d+", "P": r"\d+", "R": r"\d+", "t": r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]",
    "T": r"\d+\.\d{3}", "year": r"\d{4}", "epoch": r"\d{10}", "iso8601": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}",
    "microsecs": r"\d{6}", "millisecs": r"\d{3}", "port": r"\d+", "transfer-ms": r"\d+", "data-port": r"\d{4,5}",
    "O": r"\d+",
}
"""What is compared by its form only."""

SECTIONS = f"""
LogFormat everything "{SEPARATOR.join(FIELDS.values())}"
ExtendedLog BASE/rows ALL,EXIT everything
SetEnv SITE here
<Anonymous BASE/homes/alice>
  User bob
  UserAlias anonymous bob
  AnonRequirePassword off
</Anonymous>
"""

Row = dict[str, str]


@dataclass(frozen=True)
class FieldDifference:
    """Where our log says something else: command, field, both values (regular expressions), and why.

    The field `line`: we log a command that ProFTPD does not (`ours` is its code). `TransferLog`: all lines of a
    session.
    """

    command: str
    fields: str
    theirs: str
    ours: str
    why: str

    def explains(self, command: str, name: str, theirs: str, ours: str) -> bool:
        """Whether it is about this field of a line."""
        patterns = ((self.command, command), (self.fields, name), (self.theirs, theirs), (self.ours, ours))
        return all(re.fullmatch(pattern, text, re.DOTALL) for pattern, text in patterns)


@dataclass(frozen=True)
class LogScript:
    """A session whose logs are compared; `shapes` are further fields that are compared by their form only."""

    name: str
    steps: Sequence[Step]
    start: Literal["connected", "plain", "tls", "private"] = "plain"
    differences: Sequence[FieldDifference] = ()
    ending: Literal["quit", "drop"] = "quit"
    shapes: frozenset[str] = frozenset()


@dataclass
class Logs:
    """What one server wrote about one session."""

    rows: list[Row]
    transfers: list[list[str]]


class EndedEarly(Exception):
    """A session whose log has no end: so ProFTPD's after both SSCN and CCC, or when its client goes right after CCC,
    always or now and then.
    """


def session(server: RunningServer, script: LogScript) -> Logs:
    """Runs the script and reads what was logged of it."""
    _tidy(server, script)
    before = len(_lines(server.files.transfer_log))
    rows_before = len(_lines(server.files.directory / "rows"))
    with server.client() as client:
        client.timeout = 20
        port = client.control.socket.getsockname()[1]
        Recorder(client).run(Script(script.name, script.steps, script.start))
        if script.ending == "quit":
            client.command("QUIT")
    rows = _rows_of(server, port, rows_before)
    transfers = [_transfer(line, server) for line in _lines(server.files.transfer_log)[before:]]
    return Logs([_normal(row, server, script.shapes) for row in rows], transfers)


def peers(server: RunningServer, script: LogScript, tries: int = 4) -> Logs | None:
    """The same of a ProFTPD, tried again when its log has no end; None: it never had one."""
    for _ in range(tries):
        try:
            return session(server, script)
        except EndedEarly:
            continue
    return None


def _tidy(server: RunningServer, script: LogScript) -> None:
    for entry in server.home().iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    furnish(server, Script(script.name, script.steps))
    with server.give("huge.bin").open("ab") as file:
        file.truncate(64 << 20)


def _lines(path: Path) -> list[str]:
    return path.read_bytes().decode("utf-8", "backslashreplace").split("\n")[:-1] if path.exists() else []


def _rows_of(server: RunningServer, port: int, before: int) -> list[Row]:
    """Those behind the first `before`: an earlier session may have had the same port. Raises `EndedEarly`."""
    deadline = time.monotonic() + 10
    while True:
        rows = [dict(zip(FIELDS, line.split(SEPARATOR), strict=True))
                for line in _lines(server.files.directory / "rows")[before:]]
        rows = [row for row in rows if row["port"] == str(port)]
        if rows and rows[-1]["m"] == "EXIT":
            return rows
        if time.monotonic() > deadline:
            raise EndedEarly([row["r"] for row in rows])
        time.sleep(0.02)


def _normal(row: Row, server: RunningServer, shapes: frozenset[str]) -> Row:
    found = {}
    for name, value in row.items():
        shape = SHAPES.get(name)
        shown = "SHAPE" if shape is not None and re.fullmatch(shape, value) else value
        shown = shown.replace(str(server.files.directory), "BASE")
        shown = re.sub(r"\bftp[0-9A-Za-z_]{6}\b", "UNIQUE", shown)
        if name in ("f", "D"):
            shown = shown.removesuffix("/")  # ProFTPD writes the root of a session with a slash behind it
        if name == "S":
            shown = re.sub(r"\(\|\|\|\d+\|\)|\(\d+,\d+,\d+,\d+,\d+,\d+\)|\d{14}", "MOMENT", shown)
        if name in ("S", "failure"):
            shown = re.sub(r" \[[a-z0-9-]+\]$", "", shown)  # our reason code
        if name in ("r", "J"):
            shown = re.sub(r"127,0,0,1,\d+,\d+|\|1\|127.0.0.1\|\d+\|", "ADDRESS", shown)
        cut = name == "b" and row["s"] == "426"
        if (cut or name in shapes or (name == "I" and row["protocol"] == "ftps")) and shown.isdigit():
            shown = "SHAPE"  # how far a cut transfer came is chance; handshakes differ
        found[name] = shown
    return found


def _transfer(line: str, server: RunningServer) -> list[str]:
    """The fields of an xferlog line, without time and duration, and without the size of what is incomplete."""
    match = re.fullmatch(r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} \d+ (.*)", line)
    assert match is not None, line
    text = match[1].replace(str(server.files.directory), "BASE")
    fields = re.sub(r"\bftp[0-9A-Za-z_]{6}\b", "UNIQUE", text).split(" ")
    if fields[-1] == "i":
        fields[1] = "SHAPE"
    return fields


def compare(theirs: Logs, ours: Logs, script: LogScript) -> list[str]:
    """What differs without being documented; documented differences that do not occur, too."""
    problems: list[str] = []
    seen: set[FieldDifference] = set()
    our_rows = []
    for row in ours.rows:
        extra = [known for known in script.differences if known.explains(row["r"], "line", "", row["s"])]
        seen.update(extra)
        our_rows += [] if extra else [row]
    left, right = [row["m"] for row in theirs.rows], [row["m"] for row in our_rows]
    if left != right:
        return [f"other commands:\n  ProFTPD: {left}\n  ftpsd:   {right}"]
    for their_row, our_row in zip(theirs.rows, our_rows, strict=True):
        command = our_row["r"] or our_row["m"]
        for name in FIELDS:
            one, other = their_row[name], our_row[name]
            if one == other or (name == "I" and _nearly(one, other)):
                continue
            found = [known for known in script.differences if known.explains(command, name, one, other)]
            seen.update(found)
            if not found:
                problems.append(f"{command!r} {FIELDS[name]}: ProFTPD {one!r}, ftpsd {other!r}")
    problems += _compare_transfers(theirs, ours, script, seen)
    problems += [f"does not occur any more: {known}" for known in script.differences if known not in seen]
    return problems


def _nearly(one: str, other: str) -> bool:
    """The kernel counts the end of every connection as a byte, too, and may tell that a moment late."""
    return one.isdigit() and other.isdigit() and abs(int(one) - int(other)) <= 3


def _compare_transfers(
    theirs: Logs, ours: Logs, script: LogScript, seen: set[FieldDifference],
) -> list[str]:
    if theirs.transfers == ours.transfers:
        return []
    one, other = (" / ".join(" ".join(line) for line in logs.transfers) for logs in (theirs, ours))
    found = [known for known in script.differences if known.explains("", "TransferLog", one, other)]
    seen.update(found)
    return [] if found else [f"TransferLog:\n  ProFTPD: {one}\n  ftpsd:   {other}"]


r"""LogFormat's variables: from a record to the words of a line, or to a JSON object.

Every variable has one function that tells its value (None: it has none here); what a line shows instead of None is
beside it in the table. A format is compiled once into a list of functions, one for each part.

Nothing that a client sends can forge a line: control characters and what commands a terminal become `\n`, `\x1b` …;
between quotes of the format, quotes and backslashes get a backslash; JSON is pure ASCII.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

import ftpsd
from ftpsd.log import stamps
from ftpsd.log.escape import escape
from ftpsd.log.events import Origin
from ftpsd.log.identity import writer_id
from ftpsd.log.jsontext import json_text
from ftpsd.log.record import Record
from ftpsd.settings.logformat import VARIABLES, Field, LogFormat

Value = str | int | float | bool | None
Meaning = Callable[[Record, Origin, float], Value]
Line = Callable[[Record, Origin, float], str]

_ABORTED = "Transfer aborted. "


def _last_part(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _directory(record: Record, origin: Origin, now: float) -> Value:
    if not record.directory or record.path is None:
        return record.cwd
    return _last_part(record.path)


def _directory_path(record: Record, origin: Origin, now: float) -> Value:
    return record.real_path(record.path) if record.directory and record.path is not None else None


def _file(record: Record, origin: Origin, now: float) -> Value:
    return record.real_path(record.path) if record.path is not None else None


def _basename(record: Record, origin: Origin, now: float) -> Value:
    return (_last_part(record.path) or "/") if record.path is not None else None


def _transfer_path(record: Record, origin: Origin, now: float) -> Value:
    moved = record.transfer is not None or not record.moves
    return record.path if record.changes and moved else None


def _bytes(record: Record, origin: Origin, now: float) -> Value:
    return record.transfer.transferred if record.transfer is not None else record.size


def _file_size(record: Record, origin: Origin, now: float) -> Value:
    if record.transfer is None or record.path is None or not record.changes or not record.succeeded:
        return None
    return record.file_size(record.path)


def _failure(record: Record, origin: Origin, now: float) -> Value:
    failed = record.status in ("failed", "timeout") and record.code
    return record.text.removeprefix(_ABORTED) if failed else None


def _milliseconds(record: Record, origin: Origin, now: float) -> Value:
    return round(record.transfer.seconds * 1000) if record.transfer is not None else None


def _speed(record: Record, origin: Origin, now: float) -> Value:
    transfer = record.transfer
    if transfer is None or transfer.seconds <= 0:
        return None
    return round(transfer.transferred / transfer.seconds / 1024, 2)


def _local_time(record: Record, origin: Origin, now: float) -> Value:
    return stamps.common_log(now)


_MEANINGS: Mapping[str, Meaning] = {
    "remote_ip": lambda record, origin, now: origin.peer,
    "anon_password": lambda record, origin, now: origin.email if origin.anonymous and origin.email else None,
    "bytes_sent": _bytes,
    "connection_class": lambda record, origin, now: record.client_class,
    "dir_name": _directory,
    "dir_path": _directory_path,
    "session_end_reason": lambda record, origin, now: record.end_reason or None,
    "file": _file,
    "transfer_path": _transfer_path,
    "group": lambda record, origin, now: record.group,
    "remote_dns": lambda record, origin, now: origin.peer_name or origin.peer,
    "server_ip": lambda record, origin, now: origin.local,
    "session_bytes_rcvd": lambda record, origin, now: record.network()[0],
    "command_params": lambda record, origin, now: record.arguments or None,
    "identd_user": lambda record, origin, now: origin.ident or None,
    "local_ip": lambda record, origin, now: origin.local,
    "command": lambda record, origin, now: record.command,
    "session_bytes_sent": lambda record, origin, now: record.network()[1],
    "local_port": lambda record, origin, now: origin.local_port,
    "pid": lambda record, origin, now: writer_id(),
    "raw_command": lambda record, origin, now: record.line or None,
    "response_time": lambda record, origin, now: round(record.seconds * 1000),
    "response_code": lambda record, origin, now: record.code or None,
    "response_msg": lambda record, origin, now: record.text if record.code else None,
    "local_time": _local_time,
    "transfer_secs": lambda record, origin, now: round(record.transfer.seconds, 3) if record.transfer else None,
    "user": lambda record, origin, now: record.user,
    "original_user": lambda record, origin, now: record.login_name,
    "server_name": lambda record, origin, now: origin.server_name,
    "server_dns": lambda record, origin, now: record.server_dns(),
    "rename_from": lambda record, origin, now: record.renamed_from,
    "basename": _basename,
    "epoch": lambda record, origin, now: int(now),
    "file_modified": lambda record, origin, now: record.existed and record.transfer is not None,
    "file_offset": lambda record, origin, now: record.offset if record.transfer and record.changes else None,
    "file_size": _file_size,
    "gid": lambda record, origin, now: record.gid,
    "timestamp": lambda record, origin, now: stamps.milliseconds(now),
    "microsecs": lambda record, origin, now: int(now % 1 * 1_000_000),
    "millisecs": lambda record, origin, now: int(now % 1 * 1000),
    "protocol": lambda record, origin, now: record.protocol,
    "reason": lambda record, origin, now: record.reason or None,
    "remote_port": lambda record, origin, now: origin.port,
    "session_id": lambda record, origin, now: origin.session_id,
    "transfer_failure": _failure,
    "transfer_millisecs": _milliseconds,
    "transfer_port": lambda record, origin, now: record.port,
    "transfer_speed": _speed,
    "transfer_status": lambda record, origin, now: record.status,
    "transfer_type": lambda record, origin, now: ("ASCII" if record.ascii else "binary") if record.moves else None,
    "uid": lambda record, origin, now: record.uid,
    "server_version": lambda record, origin, now: ftpsd.__version__,
}

_EMPTY = ""
_ABSENT = {
    "anon_password": "UNKNOWN", "identd_user": "UNKNOWN", "dir_path": _EMPTY, "session_end_reason": _EMPTY,
    "command_params": _EMPTY, "raw_command": _EMPTY, "env": _EMPTY, "note": _EMPTY,
}
"""What a line shows of a variable without a value; `-` where it is not here."""

_NUMBERS: Mapping[str, str] = {"transfer_secs": ".3f", "transfer_speed": ".2f", "microsecs": "06d", "millisecs": "03d"}


def meaning(field: Field) -> Meaning:
    """The function that tells the value of a variable."""
    match field.key:
        case "env":
            return _environment(field.argument)
        case "note":
            return lambda record, origin, now: record.notes.get(field.argument)
        case "time":
            return lambda record, origin, now: time.strftime(field.argument, time.localtime(now))
    return _MEANINGS[field.key]


def _environment(name: str) -> Meaning:
    def value(record: Record, origin: Origin, now: float) -> Value:
        return record.environment[name] if name in record.environment else os.environ.get(name)

    return value


def plain(field: Field, absent: str | None = None) -> Line:
    """A function that tells what a line shows of a variable, before anything is escaped. `absent` stands for a value
    that is not there (None: what a line shows then)."""
    value, form = meaning(field), _NUMBERS.get(field.key, "")
    absent = _ABSENT.get(field.key, "-") if absent is None else absent

    def text(record: Record, origin: Origin, now: float) -> str:
        found = value(record, origin, now)
        if found is None:
            return absent
        if isinstance(found, bool):
            return "true" if found else "false"
        return found if isinstance(found, str) else format(found, form)

    return text


def _shown(field: Field) -> Line:
    text = plain(field)
    if not field.quoted:
        return lambda record, origin, now: escape(text(record, origin, now))
    return lambda record, origin, now: escape(
        text(record, origin, now).replace("\\", "\\\\").replace('"', '\\"'))


def line(chosen: LogFormat) -> Line:
    """A function that makes the line of a record."""
    parts: list[Line] = [_literal(part) if isinstance(part, str) else _shown(part) for part in chosen.parts]
    return lambda record, origin, now: "".join([part(record, origin, now) for part in parts])


def words(parts: tuple[str | Field, ...]) -> Line:
    """A function that makes a text of a record in which nothing stands for what is not there, and nothing is
    escaped."""
    found = [_literal(part) if isinstance(part, str) else plain(part, "") for part in parts]
    return lambda record, origin, now: "".join([part(record, origin, now) for part in found])


def _literal(text: str) -> Line:
    return lambda record, origin, now: text


_NOT_IN_JSON = frozenset({
    "local_time", "microsecs", "millisecs", "epoch", "basename", "dir_name", "dir_path", "transfer_millisecs",
    "transfer_speed", "server_version", "env", "note", "time", "group", "file_offset", "local_ip", "server_dns",
    "command_params",
})
"""What the format `json` leaves out, as it says nothing that the others do not."""

JSON_FIELDS = (
    Field("timestamp"), *(Field(key) for key in VARIABLES if key not in _NOT_IN_JSON | {"timestamp"}),
    Field("note", "TLS_PROTOCOL"), Field("note", "TLS_CIPHER"),
)
"""The members of an object of the format `json`, in order; those without a value are not there."""


def fields_of(chosen: LogFormat) -> tuple[Field, ...]:
    """The variables of a format."""
    return tuple(part for part in chosen.parts if isinstance(part, Field))


Members = Callable[[Record, Origin, float], dict[str, Value]]


def members(fields: tuple[Field, ...]) -> Members:
    """A function that tells the values of a record by their names in JSON."""
    meanings = [(field.label, meaning(field)) for field in fields]

    def found(record: Record, origin: Origin, now: float) -> dict[str, Value]:
        pairs = ((label, value(record, origin, now)) for label, value in meanings)
        return {label: utf8(value) for label, value in pairs if value is not None}

    return found


def json_line(fields: tuple[Field, ...]) -> Line:
    """A function that makes a JSON object of a record, on one line and in ASCII."""
    found = members(fields)
    return lambda record, origin, now: json_text(found(record, origin, now))


def utf8(value: Value) -> Value:
    r"""Bytes of a file name that are no UTF-8 as `\xff`: JSON has no words for them."""
    if not isinstance(value, str):
        return value
    try:
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a surrogate pair, which no bytes of a client become
        return value.encode("utf-8", "backslashreplace").decode()

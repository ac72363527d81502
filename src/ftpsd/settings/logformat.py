r"""LogFormat and ExtendedLog: their grammars, and the table of all variables.

A format is text with variables: `%m`, `%{transfer-status}`, `%{%Y-%m-%d}t`, `%{NAME}e`, `%{note:NAME}`. It is taken
apart once, here; `log.formats` makes functions of the parts. What a client sends can stand anywhere in a line, so a
variable knows whether it stands between quotes: there, quotes and backslashes of its value are escaped.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ftpsd.settings.arguments import NONE_WORDS, ArgumentError, absolute_path, want

TargetKind = Literal["file", "syslog", "journal", "stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: `key` names it in JSON, `spelling` is how a format writes it (without `%`)."""

    key: str
    spelling: str
    doc: str


@dataclass(frozen=True, slots=True)
class Field:
    """A variable in a format. `argument`: the name of the environment variable or note, or strftime's format."""

    key: str
    argument: str = ""
    quoted: bool = False

    @property
    def label(self) -> str:
        """Its name in a JSON object; mod_redis of ProFTPD uses the same ones."""
        return f"{_PREFIXES[self.key]}:{self.argument}" if self.key in _PREFIXES else self.key


@dataclass(frozen=True, slots=True)
class LogFormat:
    """A LogFormat by its name; text and fields in order."""

    name: str
    parts: tuple[str | Field, ...]

    @property
    def key(self) -> str:
        return self.name


_PREFIXES = {"env": "ENV", "note": "NOTE"}

_TABLE = (
    ("a", "remote_ip", "address of the client"),
    ("A", "anon_password", "password of an anonymous login (an e-mail address); UNKNOWN for others"),
    ("b", "bytes_sent", "bytes that the command moved; - if it moves none"),
    ("c", "connection_class", "the client's <Class>, or -"),
    ("d", "dir_name", "last part of the directory that the command names; of other commands the current directory"),
    ("D", "dir_path", "real path of the directory that the command names; empty for other commands"),
    ("E", "session_end_reason", "why the session ended (class EXIT)"),
    ("f", "file", "real path of the file or directory that the command names"),
    ("F", "transfer_path", "that path as the client sees it, for commands that move or change files"),
    ("g", "group", "primary group of the user"),
    ("h", "remote_dns", "name of the client by reverse DNS, else its address"),
    ("H", "server_ip", "address of the host that serves the session"),
    ("I", "session_bytes_rcvd", "bytes received from the network in this session, those of TLS included"),
    ("J", "command_params", "arguments of the command"),
    ("l", "identd_user", "what the client's ident server says, or UNKNOWN"),
    ("L", "local_ip", "address that the client connected to"),
    ("m", "command", "the command: RETR, SITE CHMOD, and CONNECT and EXIT for the ends of a session"),
    ("O", "session_bytes_sent", "bytes sent to the network in this session, those of TLS included"),
    ("p", "local_port", "port that the client connected to"),
    ("P", "pid", "id of the session's thread, as in the other logs"),
    ("r", "raw_command", "the command line; passwords are hidden"),
    ("R", "response_time", "milliseconds from the command to its last reply"),
    ("s", "response_code", "code of the last reply"),
    ("S", "response_msg", "text of the last reply"),
    ("t", "local_time", "local time as [21/Nov/2026:13:39:05 +0000]"),
    ("T", "transfer_secs", "seconds that the transfer took, with milliseconds"),
    ("u", "user", "the account that is logged in, or -"),
    ("U", "original_user", "the name that USER gave"),
    ("v", "server_name", "ServerName"),
    ("V", "server_dns", "DNS name of the server"),
    ("w", "rename_from", "RNTO: what RNFR named"),
    ("{basename}", "basename", "last part of %f"),
    ("{epoch}", "epoch", "seconds since 1970"),
    ("{file-modified}", "file_modified", "true when an upload changed a file that was there before, else false"),
    ("{file-offset}", "file_offset", "where in the file the transfer began (bytes)"),
    ("{file-size}", "file_size", "bytes of the file after a transfer that succeeded, or -"),
    ("{gid}", "gid", "id of the user's primary group"),
    ("{iso8601}", "timestamp", "local time as 2026-11-21 13:39:05,543"),
    ("{microsecs}", "microsecs", "microseconds of the time, six digits"),
    ("{millisecs}", "millisecs", "milliseconds of the time, three digits"),
    ("{protocol}", "protocol", "ftp or ftps"),
    ("{reason}", "reason", "code of what went wrong, as `ftpsd explain` knows it, or - (ftpsd's own)"),
    ("{remote-port}", "remote_port", "port of the client"),
    ("{session-id}", "session_id", "a word that no other session has (ftpsd's own)"),
    ("{transfer-failure}", "transfer_failure", "why the transfer failed, or -"),
    ("{transfer-millisecs}", "transfer_millisecs", "milliseconds that the transfer took, or -"),
    ("{transfer-port}", "transfer_port", "port of the data connection: ours if passive, the client's if active"),
    ("{transfer-speed}", "transfer_speed", "KiB per second of the transfer, or -"),
    ("{transfer-status}", "transfer_status", "success, failed, cancelled, timeout, or -"),
    ("{transfer-type}", "transfer_type", "binary, ASCII, or -"),
    ("{uid}", "uid", "id of the user"),
    ("{version}", "server_version", "version of ftpsd"),
    ("{note:NAME}", "note", "a session note: TLS_PROTOCOL, TLS_CIPHER, … (docs/logs.md)"),
    ("{NAME}e", "env", "an environment variable: SetEnv's, those of StdEnvVars, the server's; also %{env:NAME}"),
    ("{format}t", "time", "local time in strftime(3)'s format; also %{time:format}"),
)
VARIABLES: Mapping[str, Variable] = MappingProxyType(
    {key: Variable(key, spelling, doc) for spelling, key, doc in _TABLE})
"""Every variable by its JSON key, in the order of the documentation."""

_BY_LETTER = {one.spelling: one.key for one in VARIABLES.values() if len(one.spelling) == 1}
_BY_WORD = {one.spelling[1:-1]: one.key for one in VARIABLES.values() if re.fullmatch("{[a-z0-9-]+}", one.spelling)}
_BY_WORD |= {"rename-from": "rename_from", "group": "group", "uuid": "session_id"}
SCANNER = re.compile(r"%(?:\{([^{}]*)\}([et])?|(.)|$)", re.DOTALL)
"""Everything in a format that begins with `%`."""

_UNESCAPED_QUOTE = re.compile(r'(?<!\\)(?:\\\\)*"')


def parse_format(text: str) -> tuple[str | Field, ...]:
    """The parts of a format; raises `ArgumentError` for what is no variable."""
    parts: list[str | Field] = []
    literal, end, quoted = "", 0, False
    for match in SCANNER.finditer(text):
        literal += text[end:match.start()]
        end = match.end()
        if match[3] == "%":
            literal += "%"
            continue
        field, rest = field_of(match)
        quoted ^= len(_UNESCAPED_QUOTE.findall(literal)) % 2 == 1
        parts += [literal] if literal else []
        parts.append(Field(field.key, field.argument, quoted))
        literal = rest
    literal += text[end:]
    return (*parts, literal) if literal else tuple(parts)


def field_of(match: re.Match[str]) -> tuple[Field, str]:
    """The variable of a `SCANNER` match, and what of the match is text behind it; raises `ArgumentError`."""
    word, suffix, letter = match[1], match[2] or "", match[3]
    if letter is not None:
        if letter in _BY_LETTER:
            return Field(_BY_LETTER[letter]), ""
        raise _unknown(match[0])
    if word is None:
        raise ArgumentError("a '%' at the end of the format", remedy="Write %% for a percent sign.")
    if word in _BY_WORD:
        return Field(_BY_WORD[word]), suffix
    kind, colon, name = word.partition(":")
    if colon and name and kind in ("env", "note", "time"):
        return Field(kind, name), suffix
    if suffix == "e" and word:
        return Field("env", word), ""
    if suffix == "t" and "%" in word:
        return Field("time", word), ""
    raise _unknown(match[0])


def _unknown(shown: str) -> ArgumentError:
    close = difflib.get_close_matches(shown.strip("%{}"), _BY_WORD, n=1) if shown.startswith("%{") else []
    remedy = f"Did you mean %{{{close[0]}}}? " if close else ""
    return ArgumentError(
        f"unknown variable '{shown}'",
        remedy=f"{remedy}ProFTPD would write it as text; for that, write %{shown}.",
    )


def log_format(words: Sequence[str]) -> tuple[LogFormat, ...]:
    """`name "format"`."""
    want(words, 2, 2)
    return (LogFormat(words[0], parse_format(words[1])),)


DEFAULT = LogFormat("default", parse_format('%h %l %u %t "%r" %s %b'))
"""The Common Log Format, for an ExtendedLog that names no format."""

JSON = "json"
"""Name of the format that writes every variable with a value as a JSON object; `json:NAME` those of a LogFormat."""


def remedy(name: str, formats: Iterable[LogFormat]) -> str | None:
    """What to do about `name` that none of `formats` has, nor a format that is always there; None: one has it."""
    known = {one.name for one in formats} | {DEFAULT.name, JSON}
    return None if name in known else f"There are {', '.join(sorted(known))}; define another with LogFormat."


CLASSES = ("AUTH", "INFO", "DIRS", "READ", "WRITE", "MISC", "SEC", "EXIT", "CONNECT")
_SYNONYMS = {"SECURE": "SEC", "DISCONNECT": "EXIT"}
_OF_SFTP = frozenset({"SSH", "SFTP"})
"""mod_sftp's: known, and no command of ours is in them."""

CLASS_WORDS = frozenset({"ALL", *CLASSES, *_SYNONYMS, *_OF_SFTP})
"""Every word that names classes of commands."""


@dataclass(frozen=True, slots=True)
class Classes:
    """Which commands are logged. `everything`: ALL, which means unknown commands too, but neither EXIT nor CONNECT."""

    everything: bool = False
    included: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()

    def wants(self, classes: frozenset[str]) -> bool:
        """Whether a command of these classes is logged; one that is excluded by any of them is not."""
        if not self.excluded.isdisjoint(classes):
            return False
        if self.everything and classes.isdisjoint({"EXIT", "CONNECT"}):
            return True
        return not self.included.isdisjoint(classes)


@dataclass(frozen=True, slots=True)
class ExtendedLog:
    """One ExtendedLog: `path` for a file, `level` (syslog's word) for syslog and journal; `format` by its name."""

    kind: TargetKind
    path: str = ""
    level: str = "info"
    classes: Classes = Classes(everything=True)
    format: str | None = None

    @property
    def key(self) -> str:
        """What is written to: a section's log takes the place of an inherited one to the same place."""
        return self.path or f"{self.kind}:{self.level}"


_LEVELS = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")


def extended_log(words: Sequence[str]) -> tuple[ExtendedLog, ...]:
    """`path|syslog:level|journal:level|stdout|stderr [class,!class… [format]]`."""
    want(words, 1, 3)
    kind, path, level = _target(words[0])
    chosen = classes(words[1]) if len(words) > 1 else Classes(everything=True)
    return (ExtendedLog(kind, path, level, chosen, words[2] if len(words) > 2 else None),)


def event_log(words: Sequence[str]) -> str | None:
    """`/path`, `stdout`, `stderr` or `none`."""
    want(words, 1, 1)
    if words[0].lower() in NONE_WORDS:
        return None
    return words[0] if words[0] in ("stdout", "stderr") else absolute_path(words[0])


def _target(word: str) -> tuple[TargetKind, str, str]:
    scheme, colon, level = word.partition(":")
    if colon and scheme in ("syslog", "journal"):
        if level.lower() not in _LEVELS:
            raise ArgumentError(f"unknown syslog level: '{level}'", remedy=f"It is one of {', '.join(_LEVELS)}.")
        return ("syslog" if scheme == "syslog" else "journal"), "", level.lower()
    if word in ("stdout", "stderr"):
        return ("stdout" if word == "stdout" else "stderr"), "", "info"
    if not word.startswith("/"):
        raise ArgumentError(
            f"relative paths not allowed: '{word}'",
            remedy="Write an absolute path, syslog:level, journal:level, stdout or stderr.")
    return "file", absolute_path(word), "info"


def classes(text: str) -> Classes:
    """Words with commas, bars or blanks between them, `!` before those that are excluded."""
    everything, included, excluded = False, set[str](), set[str]()
    for word in re.split("[,| ]", text):
        name = word.removeprefix("!").upper()
        name = _SYNONYMS.get(name, name)
        if name not in CLASSES and name not in ("ALL", "NONE") and name not in _OF_SFTP:
            raise ArgumentError(f"invalid log class in '{text}'", remedy=f"Classes are ALL, {', '.join(CLASSES)}.")
        if word.startswith("!"):
            excluded |= set(CLASSES) if name == "ALL" else {name}
        elif name == "ALL":
            everything = True
        elif name == "NONE":
            everything, included = False, set()
        else:
            included.add(name)
    if excluded and not everything and not included:
        raise ArgumentError(f"'{text}' logs nothing", remedy=f"Write ALL,{text}.")
    return Classes(everything, frozenset(included), frozenset(excluded))

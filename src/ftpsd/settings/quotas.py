"""Quotas: where limits and tallies stand, and what counts (mod_quotatab)."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ftpsd.settings.arguments import ArgumentError, Boolean, OneOf, OptionalPath, Path, Special, boolean, want
from ftpsd.settings.declaration import HOST, directive
from ftpsd.settings.regexes import Regex

SCAN_ON_LOGIN = "ScanOnLogin"
TYPES = ("user", "group", "class", "all")


class QuotaTable(NamedTuple):
    """Where a table is: `info` is a path, or the names of queries separated by slashes."""

    source: Literal["file", "sql"]
    info: str

    @property
    def queries(self) -> tuple[str, ...]:
        """The names of its SQLNamedQuery."""
        return tuple(filter(None, self.info.split("/")))


class QuotaDefault(NamedTuple):
    """The limit of who has none in the table: bytes and files uploaded, downloaded, transferred (0: unlimited)."""

    type: str
    per_session: bool
    hard: bool
    bytes_in: float
    bytes_out: float
    bytes_xfer: float
    files_in: float
    files_out: float
    files_xfer: float


def _table(queries: int) -> Special[QuotaTable]:
    def parse(words: Sequence[str]) -> QuotaTable:
        want(words, 1, 1)
        source, colon, info = words[0].partition(":")
        if not colon:
            raise ArgumentError("badly formatted parameter", remedy="Write file:/path or sql:/query.")
        if source.lower() == "file":
            if not info.startswith("/"):
                raise ArgumentError(f"absolute path required: '{info}'")
            return QuotaTable("file", info)
        if source.lower() != "sql":
            raise ArgumentError(f"unsupported table type: '{source}'", remedy="It is file or sql.")
        table = QuotaTable("sql", info)
        if len(table.queries) != queries:
            shown = "/".join(("SELECT", "UPDATE", "INSERT")[:queries])
            raise ArgumentError(
                f"'{info}' names {len(table.queries)} queries",
                remedy=f"Write sql:/{shown}, each the name of a SQLNamedQuery.")
        return table

    return Special("file:/path|sql:/query…", parse)


def default(words: Sequence[str]) -> QuotaDefault:
    """`type per-session hard|soft bytes bytes bytes files files files`: uploaded, downloaded, transferred."""
    want(words, 9, 9)
    if words[0].lower() not in TYPES:
        raise ArgumentError(f"unknown quota type '{words[0]}'", remedy=f"It is one of {', '.join(TYPES)}.")
    per_session = boolean(words[1])
    if per_session is None:
        raise ArgumentError(f"expected Boolean per-session parameter: '{words[1]}'")
    if words[2].lower() not in ("hard", "soft"):
        raise ArgumentError(f"expected 'soft' or 'hard' limit-type parameter: '{words[2]}'")
    for word in words[3:]:
        if not re.fullmatch(r"-?\d{1,15}(\.\d+)?", word, re.ASCII):
            raise ArgumentError(f"'{word}' is not a number")
    amounts = [max(0.0, float(word)) for word in words[3:]]
    return QuotaDefault(words[0].lower(), per_session, words[2].lower() == "hard", *amounts)


def exclude_filter(words: Sequence[str]) -> Regex | None:
    """A regular expression, or `none`."""
    want(words, 1, 1)
    return None if words[0].lower() == "none" else Regex(words[0])


def options(words: Sequence[str]) -> frozenset[str]:
    """`ScanOnLogin`."""
    want(words, 1)
    for word in words:
        if word.lower() != SCAN_ON_LOGIN.lower():
            raise ArgumentError(f"unknown QuotaOption '{word}'", remedy=f"It is {SCAN_ON_LOGIN}.")
    return frozenset({SCAN_ON_LOGIN})


@dataclass(frozen=True, slots=True)
class QuotaSettings:
    """Limits and tallies. None: there is none."""

    engine: bool = directive(
        "QuotaEngine", Boolean(), False, contexts=HOST, module="mod_quotatab", good=("on", "off"), bad=("", "maybe"),
        doc="Whether there are quotas.",
    )
    limit_table: QuotaTable | None = directive(
        "QuotaLimitTable", _table(1), None, contexts=HOST, module="mod_quotatab",
        good=("file:/etc/ftpsd/limit.tab", "sql:/get-limit"),
        bad=("", "/etc/limit.tab", "file:limit.tab", "ldap:x", "sql:/", "sql:/a/b"),
        doc="The table of limits. A file is made and changed with `ftpsd quota`, or by ProFTPD's ftpquota; a query"
        " returns name, type, per-session, hard or soft, bytes and files uploaded, downloaded, transferred.",
    )
    tally_table: QuotaTable | None = directive(
        "QuotaTallyTable", _table(3), None, contexts=HOST, module="mod_quotatab",
        good=("file:/var/lib/ftpsd/tally.tab", "sql:/get-tally/update-tally/insert-tally"),
        bad=("", "file:tally.tab", "sql:/get-tally", "sql:/a/b/c/d"),
        doc="The table of what is used. Queries: one returns name, type and the six numbers, one adds to them (six"
        " numbers, name, type), one makes a record (name, type, six numbers).",
    )
    default: QuotaDefault | None = directive(
        "QuotaDefault", Special(
            "user|group|class|all per-session hard|soft bytes-in bytes-out bytes-xfer files-in files-out files-xfer",
            default),
        None, contexts=HOST, module="mod_quotatab", good=("user false hard 10485760 0 0 0 0 0",),
        bad=("", "user", "host false hard 1 0 0 0 0 0", "user maybe hard 1 0 0 0 0 0", "user false loose 1 0 0 0 0 0",
             "user false hard x 0 0 0 0 0"),
        default_text="none", doc="The limit of who has none in the table; 0 is no bound.",
    )
    directory_tally: bool = directive(
        "QuotaDirectoryTally", Boolean(), False, contexts=HOST, module="mod_quotatab", good=("on",), bad=("", "x"),
        doc="Directories count as files: made ones are added, removed ones are given back.",
    )
    display_units: str = directive(
        "QuotaDisplayUnits", OneOf(("b", "Kb", "Mb", "Gb")), "b", contexts=HOST, module="mod_quotatab",
        good=("Mb", "kb"), bad=("", "Tb"), doc="The unit in which clients are told of bytes.",
    )
    exclude_filter: Regex | None = directive(
        "QuotaExcludeFilter", Special("regular-expression|none", exclude_filter), None, contexts=HOST,
        module="mod_quotatab", good=(r"\.tmp$", "none"), bad=("", "(", "a b"),
        doc="Files whose real path matches count not at all.",
    )
    lock: str | None = directive(
        "QuotaLock", Path(), None, contexts=HOST, module="mod_quotatab", good=("/run/ftpsd/quota.lock",),
        bad=("", "quota.lock"), default_text="none",
        doc="A file whose lock is held while a tally of sql: is changed. Without it one of this server's is, which"
        " other servers with the same database, and other processes of ServerType inetd, do not see.",
    )
    log: str | None = directive(
        "QuotaLog", OptionalPath(), None, contexts=HOST, module="mod_quotatab",
        good=("/var/log/ftpsd-quota.log", "none"), bad=("", "quota.log"),
        doc="File that says which limits were reached.",
    )
    options: frozenset[str] = directive(
        "QuotaOptions", Special("option …", options), frozenset(), contexts=HOST, module="mod_quotatab",
        good=(SCAN_ON_LOGIN,), bad=("", "ScanNever"), default_text="none",
        doc="ScanOnLogin: at login the files of the user below the directory in which he begins are counted, and his"
        " tally of uploads is set to that. With QuotaDirectoryTally directories are counted, too.",
    )
    show: bool = directive(
        "QuotaShowQuotas", Boolean(), True, contexts=HOST, module="mod_quotatab", good=("off",), bad=("", "x"),
        doc="Whether SITE QUOTA answers.",
    )

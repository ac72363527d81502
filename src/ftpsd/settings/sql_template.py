r"""SQL with ProFTPD's variables, taken apart so that no value ever becomes part of the statement.

An administrator writes what ProFTPD would paste together: `userid = '%U' AND host = '%a'`, `name LIKE '%%,%{0},%%'`,
`uid = %{0}`. Here each variable becomes a *bound parameter*. Where it stands between quotes, the whole literal is the
parameter, quotes and all that stands beside it included: `'%u@%v'` is one parameter with three parts. So whatever a
client sends (quotes, backslashes, NULs), the database sees a value, and the statement is the administrator's.

Quotes are read as SQL has them: a doubled one is a quote. What MySQL would read otherwise (`\'`) is told, and refused
for such a database. A literal between double quotes (MySQL's) is taken for text, too, where a variable stands in it.
Variables are those of LogFormat (`settings.logformat`), and `%{0}`, `%{1}` … for what the caller of a query gives. `%%`
is a percent sign, and so is one that nothing follows that could be a variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from ftpsd.settings.arguments import ArgumentError
from ftpsd.settings.logformat import SCANNER, Field, field_of

MOST_NUMBERED = 99


@dataclass(frozen=True, slots=True)
class Numbered:
    """`%{0}` …: what the caller gives at that place."""

    index: int


@dataclass(frozen=True, slots=True)
class Result:
    """`%{name}` in SQLShowInfo: the first value that the named query returns."""

    query: str


Part = str | Field | Numbered | Result


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound parameter: its parts, put together when the statement is run. `quoted`: it stood between quotes."""

    parts: tuple[Part, ...]
    quoted: bool


@dataclass(frozen=True, slots=True)
class Template:
    """SQL text and bound parameters in order. Text is the administrator's, as it is sent. `otherwise`: the place that
    MySQL would read otherwise than it is read here ("": none), so that no parameter may stand behind it.
    """

    pieces: tuple[str | Bound, ...]
    otherwise: str = field(default="", compare=False)

    def __add__(self, other: Template) -> Template:
        return Template((*self.pieces, *other.pieces), self.otherwise or other.otherwise)

    @property
    def parts(self) -> Iterator[Part]:
        """All parts of all parameters."""
        return (part for piece in self.pieces if isinstance(piece, Bound) for part in piece.parts)


def text(*pieces: str | Bound) -> Template:
    """A template made of pieces."""
    return Template(pieces)


_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|%(?:\{[^{}]*\}[et]?|[^'"]|$)|[^'"%]+|.""", re.DOTALL)


def parse(sql: str) -> Template:
    """The template that an administrator wrote; raises `ArgumentError` for an unknown variable or a NUL."""
    if "\0" in sql:
        raise ArgumentError("a NUL in an SQL statement")
    pieces: list[str | Bound] = []
    for token in _TOKEN.findall(sql):
        pieces += _literal(token) if token[0] in "'\"" and len(token) > 1 else _outside(token)
    return Template(tuple(_joined(pieces)), _read_otherwise(sql))


_MYSQL = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`|--(?=\s|$)[^\n]*|\#[^\n]*|/\*.*?(?:\*/|$)|.""",
    re.DOTALL)
_LONGEST_SHOWN = 40


def _read_otherwise(sql: str) -> str:
    """Where MySQL begins to read a statement otherwise: a backslash takes a quote its meaning there, and quotes mean
    nothing in comments and between backticks. Its driver writes values into the text, quotes and all, so that a
    parameter which does not stand where we think would become part of the statement.
    """
    ours = [match.span() for match in _TOKEN.finditer(sql) if match[0][0] in "'\""]
    theirs = [match.span() for match in _MYSQL.finditer(sql) if match[0][0] in "'\""]
    for mine, other in zip_longest(ours, theirs, fillvalue=(len(sql), len(sql))):
        if mine != other or mine[1] == mine[0] + 1:
            begin = min(mine, other)[0]
            return sql[begin:begin + _LONGEST_SHOWN]
    apart = (match[0] for match in _MYSQL.finditer(sql) if len(match[0]) > 1 and match[0][0] in "`-#/")
    return next((one[:_LONGEST_SHOWN] for one in apart if any(not isinstance(part, str) for part in parts_of(one))), "")


def _literal(token: str) -> list[str | Bound]:
    quote = token[0]
    parts = parts_of(token[1:-1].replace(quote * 2, quote))
    if any(not isinstance(part, str) for part in parts):
        return [Bound(parts, quoted=True)]
    inner = "".join(part for part in parts if isinstance(part, str))
    return [quote + inner.replace(quote, quote * 2) + quote]


def _outside(token: str) -> list[str | Bound]:
    return [part if isinstance(part, str) else Bound((part,), quoted=False) for part in parts_of(token)]


def _joined(pieces: Sequence[str | Bound]) -> Iterator[str | Bound]:
    waiting = ""
    for piece in pieces:
        if isinstance(piece, str):
            waiting += piece
            continue
        if waiting:
            yield waiting
            waiting = ""
        yield piece
    if waiting:
        yield waiting


def parts_of(written: str, *, results: bool = False) -> tuple[Part, ...]:
    """Text and variables in order; `results`: a word that is no variable is the name of a query (SQLShowInfo)."""
    parts: list[Part] = []
    literal, end = "", 0
    for match in SCANNER.finditer(written):
        literal += written[end:match.start()]
        end = match.end()
        found, rest = _variable(match, results)
        if found is None:
            literal += rest
            continue
        parts += [literal] if literal else []
        parts.append(found)
        literal = rest
    literal += written[end:]
    return (*parts, literal) if literal else tuple(parts)


def _variable(match: re.Match[str], results: bool) -> tuple[Part | None, str]:
    """A variable (None: it is none) and the text that belongs behind it."""
    shown, word = match[0], match[1]
    if shown == "%%":
        return None, "%"
    if word is None and not (len(shown) == 2 and shown[1].isalnum()):
        return None, shown
    if word is not None and re.fullmatch("[0-9]{1,2}", word):
        return Numbered(int(word)), match[2] or ""
    try:
        return field_of(match)
    except ArgumentError as error:
        if results and word:
            return Result(word), match[2] or ""
        raise ArgumentError(error.text, remedy=f"For a percent sign write %{shown}.") from None

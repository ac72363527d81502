"""From templates to statements, and the statements of accounts and groups. Pure.

A `Statement` is text with places for parameters, and how each parameter is made; `bind` makes them. Text comes from
the configuration alone. Variables that the administrator left without quotes, as for numbers, are bound as numbers
where they are some, and as NULL where they have no value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ftpsd.settings.logformat import Field
from ftpsd.settings.sql import SQLSettings
from ftpsd.settings.sql_parsers import GroupColumns, PrimaryKey, UserColumns
from ftpsd.settings.sql_template import Bound, Numbered, Part, Template, text
from ftpsd.sql.errors import Failed

Value = str | int | None


class Values(Protocol):
    """What the variables of LogFormat are at the moment."""

    def value(self, field: Field) -> Value:
        """None: it has none."""

    def shown(self, field: Field) -> str:
        """As text, `-` or the like for none."""


class Nothing:
    """Nobody is there: no variable has a value."""

    def value(self, field: Field) -> Value:
        return None

    def shown(self, field: Field) -> str:
        return "-"


NOTHING = Nothing()


@dataclass(frozen=True, slots=True)
class Statement:
    """`sql` with places for `parameters`; a place is `?`, `%s` … as `render` was told."""

    sql: str
    parameters: tuple[Bound, ...]


def render(template: Template, place: str) -> Statement:
    """`place` is how the driver writes a parameter; with `%s` percent signs of the text are doubled for it."""
    doubled = "%" in place
    parts = [
        place if isinstance(piece, Bound) else piece.replace("%", "%%") if doubled else piece
        for piece in template.pieces
    ]
    return Statement("".join(parts), tuple(piece for piece in template.pieces if isinstance(piece, Bound)))


def bind(statement: Statement, numbered: Sequence[Value], values: Values) -> tuple[Value, ...]:
    """The parameters of a statement. Raises `Failed` for a `%{n}` that nobody gives."""
    return tuple(_bound(parameter, numbered, values) for parameter in statement.parameters)


def _bound(parameter: Bound, numbered: Sequence[Value], values: Values) -> Value:
    if parameter.quoted:
        return storable("".join(_shown(part, numbered, values) for part in parameter.parts))
    value = _value(parameter.parts[0], numbered, values)
    return as_number(storable(value)) if isinstance(value, str) else value


def _shown(part: Part, numbered: Sequence[Value], values: Values) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Field):
        return values.shown(part)
    value = _value(part, numbered, values)
    return "" if value is None else str(value)


def _value(part: Part, numbered: Sequence[Value], values: Values) -> Value:
    if isinstance(part, Field):
        return values.value(part)
    if isinstance(part, Numbered):
        if part.index >= len(numbered):
            raise Failed(f"nothing is given for %{{{part.index}}}")
        return numbered[part.index]
    raise AssertionError(part)


_NUMBER = re.compile("-?(0|[1-9][0-9]{0,17})")


def as_number(value: str) -> Value:
    """A whole number where the text is one, as it would be without quotes around it."""
    return int(value) if _NUMBER.fullmatch(value) else value


def storable(value: str) -> str:
    r"""`value` as every database takes it: NULs and bytes that are no UTF-8 become `\x00`, `\xff`."""
    try:
        clean = value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        clean = value.encode("utf-8", "backslashreplace").decode()
    return clean.replace("\0", "\\x00")


def askable(name: str) -> bool:
    """Whether a name can be that of somebody in a database at all."""
    return bool(name) and storable(name) == name


# -- accounts and groups

_FIRST = Bound((Numbered(0),), quoted=True)
_ID = Bound((Numbered(0),), quoted=False)


def _where(condition: Sequence[str | Bound], more: Template | None) -> Template:
    where = text(" WHERE (", *condition, ")")
    return where + text(" AND (") + more + text(")") if more is not None else where


def _select_user(columns: UserColumns) -> str:
    named = (columns.name, columns.password, columns.uid, columns.gid, columns.home, columns.shell)
    return f"SELECT {', '.join(column or 'NULL' for column in named)} FROM {columns.table}"


def user_by_name(columns: UserColumns, more: Template | None) -> Template:
    """Name, password, uid, gid, home and shell of the user `%{0}`."""
    return text(_select_user(columns)) + _where([f"{columns.name} = ", _FIRST], more)


def user_by_id(columns: UserColumns, more: Template | None) -> Template | None:
    """The same for the uid `%{0}`; None where there is no column for it."""
    if columns.uid is None:
        return None
    return text(_select_user(columns)) + _where([f"{columns.uid} = ", _ID], more)


def _select_group(columns: GroupColumns) -> str:
    return f"SELECT {columns.name}, {columns.gid}, {columns.members} FROM {columns.table}"


def group_by_name(columns: GroupColumns, more: Template | None) -> Template:
    """Name, gid and members of the group `%{0}`."""
    return text(_select_group(columns)) + _where([f"{columns.name} = ", _FIRST], more)


def group_by_id(columns: GroupColumns, more: Template | None) -> Template:
    """The same for the gid `%{0}`."""
    return text(_select_group(columns)) + _where([f"{columns.gid} = ", _ID], more)


ESCAPE = "!"
_PATTERNS = (("", ",%"), ("%,", ""), ("%,", ",%"), ("%, ", ""), ("%, ", ",%"), ("", " ,%"))


def groups_of(columns: GroupColumns, more: Template | None, *, normalized: bool) -> Template:
    """The groups of the user `%{0}`, for LIKE also as `%{1}` (`for_like`).

    `normalized`: a row has one member. Otherwise LIKE finds more than it should (it knows no case in some databases),
    and whoever asks looks at the members himself.
    """
    condition: list[str | Bound] = [f"{columns.members} = ", _FIRST]
    if not normalized:
        for before, behind in _PATTERNS:
            pattern = Bound((*filter(None, (before,)), Numbered(1), *filter(None, (behind,))), quoted=True)
            condition += [f" OR {columns.members} LIKE ", pattern, f" ESCAPE '{ESCAPE}'"]
    return text(_select_group(columns)) + _where(condition, more)


def for_like(name: str) -> str:
    """`name` as a pattern that only it fits, with `ESCAPE`."""
    return re.sub(f"[%_{ESCAPE}]", lambda match: ESCAPE + match[0], name)


def primary_key_of_user(settings: SQLSettings, key: PrimaryKey) -> Template | None:
    """What SQLUserPrimaryKey means for the user `%{0}`; None: its own query says."""
    columns = settings.user_info
    if not key.column or not isinstance(columns, UserColumns):
        return None
    return text(f"SELECT {key.column} FROM {columns.table}") + _where(
        [f"{columns.name} = ", _FIRST], settings.user_where)


def primary_key_of_group(settings: SQLSettings, key: PrimaryKey) -> Template | None:
    """What SQLGroupPrimaryKey means for the group `%{0}`; None: its own query says."""
    columns = settings.group_info
    if not key.column or not isinstance(columns, GroupColumns):
        return None
    return text(f"SELECT {key.column} FROM {columns.table}") + _where(
        [f"{columns.name} = ", _FIRST], settings.group_where)


def members_of(field: str | None) -> frozenset[str]:
    """The names in a field of members."""
    return frozenset(filter(None, (name.strip() for name in (field or "").split(","))))

"""`ftpsd quota`: makes, shows and changes quota tables in files (those of ProFTPD's ftpquota)."""

from __future__ import annotations

import re
import struct
from typing import Any

import click

TYPES = ("user", "group", "class", "all")
_SIZE = re.compile(r"(\d{1,15})\s*(b|kb|mb|gb|tb)?", re.IGNORECASE)
_FACTORS = {"": 1, "b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40}


class _Size(click.ParamType[int]):
    """Bytes: `1048576`, `10Mb`."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(str(value))
        if found is None:
            self.fail(f"'{value}' is no number of bytes; write for example 500Mb", param, ctx)
        return int(found[1]) * _FACTORS[(found[2] or "").lower()]


_PATH = click.argument("path", type=click.Path(dir_okay=False))
_TYPE = click.argument("kind", metavar="user|group|class|all", type=click.Choice(TYPES, case_sensitive=False))
_NAME = click.argument("name", default="")


@click.group("quota", no_args_is_help=False, short_help="Make, show and change quota tables")
def command() -> None:
    """Make, show and change the tables of QuotaLimitTable and QuotaTallyTable that are files."""


@command.command("create")
@click.argument("kind", metavar="limit|tally", type=click.Choice(("limit", "tally"), case_sensitive=False))
@_PATH
def create(kind: str, path: str) -> int:
    """Make an empty table of limits, or of tallies."""
    from ftpsd.guard import quotafile

    try:
        quotafile.create(path, quotafile.LIMITS if kind == "limit" else quotafile.TALLIES)
    except OSError as error:
        raise click.ClickException(f"cannot make '{path}': {error.strerror}") from None
    return 0


@command.command("show")
@_PATH
@click.option("--units", type=click.Choice(("b", "Kb", "Mb", "Gb"), case_sensitive=False), default="b")
def show(path: str, units: str) -> int:
    """Show all records of a table."""
    from ftpsd.access.quotas import FIELDS, UNITS
    from ftpsd.log.escape import escape

    word, size = UNITS[units.lower()]
    limits, tallies = _read(path)
    for limit in limits:
        kind = f"{'hard' if limit.hard else 'soft'} limit{' of each session' if limit.per_session else ''}"
        _show(escape(limit.key.name), limit.key.type, kind, dict(zip(FIELDS, limit.amounts, strict=True)), word, size)
    for key, amounts in tallies:
        _show(escape(key.name), key.type, "tally", dict(zip(FIELDS, amounts, strict=True)), word, size)
    return 0


@command.command("set")
@_PATH
@_TYPE
@_NAME
@click.option("--soft", is_flag=True, help="The one file that reaches the limit may pass it.")
@click.option("--per-session", is_flag=True, help="Each session has the limit for itself.")
@click.option("--bytes-in", type=_Size(), default=0, help="Bytes uploaded; 0: unlimited.")
@click.option("--bytes-out", type=_Size(), default=0, help="Bytes downloaded.")
@click.option("--bytes-xfer", type=_Size(), default=0, help="Bytes up- and downloaded.")
@click.option("--files-in", type=click.IntRange(0, 2**32 - 1), default=0, help="Files uploaded.")
@click.option("--files-out", type=click.IntRange(0, 2**32 - 1), default=0, help="Files downloaded.")
@click.option("--files-xfer", type=click.IntRange(0, 2**32 - 1), default=0, help="Files up- and downloaded.")
def set_(path: str, kind: str, name: str, soft: bool, per_session: bool, **numbers: int) -> int:
    """Make or change a limit, or say what a tally is."""
    from ftpsd.access.quotas import Amounts, Limit

    key, table = _key(kind, name), _open(path)
    amounts = Amounts(
        float(numbers["bytes_in"]), float(numbers["bytes_out"]), float(numbers["bytes_xfer"]),
        numbers["files_in"], numbers["files_out"], numbers["files_xfer"])
    try:
        if hasattr(table, "put"):
            table.put(Limit(key, amounts, per_session, not soft))
        elif soft or per_session:
            raise click.ClickException("--soft and --per-session are for limits, and this is a table of tallies")
        else:
            table.change(key, lambda _: amounts)
    except (ValueError, _errors()) as error:
        raise click.ClickException(str(error)) from None
    finally:
        table.close()
    return 0


@command.command("delete")
@_PATH
@_TYPE
@_NAME
def delete(path: str, kind: str, name: str) -> int:
    """Take a record out of a table."""
    key, table = _key(kind, name), _open(path)
    try:
        removed = table.remove(key)
    except _errors() as error:
        raise click.ClickException(str(error)) from None
    finally:
        table.close()
    if not removed:
        raise click.ClickException(f"'{path}' has no record for {kind} {name}".rstrip())
    return 0


def _errors() -> type[Exception]:
    from ftpsd.sql.turns import TableError

    return TableError


def _key(kind: str, name: str) -> Any:
    from ftpsd.access.quotas import Key, QuotaType

    if (kind == "all") is bool(name):
        raise click.UsageError("all has no name" if name else f"whose? `{kind} NAME`")
    return Key(QuotaType(kind), name)


def _open(path: str) -> Any:
    """The table at `path`, of whichever kind."""
    from ftpsd.guard.quotafile import LIMITS, LimitFile, TallyFile

    try:
        with open(path, "rb") as stream:
            head = stream.read(4)
    except OSError as error:
        raise click.ClickException(f"cannot open '{path}': {error.strerror}") from None
    limits = len(head) == 4 and struct.unpack("=i", head)[0] == LIMITS
    return LimitFile(path, writable=True) if limits else TallyFile(path, directive="QuotaTallyTable")


def _read(path: str) -> tuple[list[Any], list[Any]]:
    table = _open(path)
    try:
        return (table.all(), []) if hasattr(table, "put") else ([], table.all())
    except _errors() as error:
        raise click.ClickException(str(error)) from None
    finally:
        table.close()


def _show(name: str, kind: str, what: str, amounts: dict[Any, float], word: str, size: int) -> None:
    unlimited = "0" if what == "tally" else "unlimited"
    shown = []
    for field, value in amounts.items():
        number = f"{value / size:.2f} {word}" if field.startswith("bytes") else f"{int(value)} files"
        shown.append(number if value > 0 else unlimited)
    print(f"{kind} {name}".rstrip() + f" ({what})")
    for verb, in_bytes, in_files in zip(("uploaded", "downloaded", "transferred"), shown[:3], shown[3:], strict=True):
        print(f"  {verb}: {in_bytes}, {in_files}")

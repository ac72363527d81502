"""`ftpsd explain CODE`: what a reason code means and how it is mended."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from ftpsd.reasons.codes import Code
    from ftpsd.reasons.reason import Reason
    from ftpsd.reasons.trouble import Trouble

_WORD = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_CODE = re.compile(r"\[([a-z0-9]+(?:-[a-z0-9]+)*)\]")
_HINTS = 3
_WIDEST = 100
"""Columns; longer lines are hard to read."""


@click.command("explain", short_help="Explain a reason code, or the codes in a line of a log")
@click.argument("words", nargs=-1, metavar="[CODE | LINE OF A LOG]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(words: tuple[str, ...], as_json: bool) -> int:
    """Explain CODE: what happened, why, and how it is mended on the server and on the client.

    A whole line of a log, a reply, or what a client or another server says will do as well: 'GnuTLS error -110',
    'no shared cipher'. For a bare 425, or a word or two, the codes that it may be are listed. Without anything: all.
    """
    from ftpsd.cli.searching import candidates
    from ftpsd.reasons.codes import Good
    from ftpsd.reasons.table import TABLE

    text = " ".join(words)
    if text.strip("[]") in set(Good):
        said = f"{text.strip('[]')}\n  Nothing is wrong: logs say so of what went well, or needs no explanation."
        click.echo("[]" if as_json else said)
        return 0
    troubles = _troubles(text) if words else []
    codes = list(TABLE) if not words else _codes(text) if not troubles else list(
        dict.fromkeys(code for each in troubles for code in each.codes))
    offered = [] if codes or troubles else candidates(text)
    if not (codes or troubles or offered):
        raise _nothing_like(text)
    if troubles and not as_json:
        _show_troubles(troubles)
    elif as_json:
        shown = offered or [TABLE[code] for code in codes]
        click.echo(json.dumps([dataclasses.asdict(reason) for reason in shown], indent=2))
    elif words and codes:
        _show([TABLE[code] for code in codes])
    else:
        _list(offered or list(TABLE.values()))
        if offered:
            click.echo("\nPerhaps one of these: the log, and mostly the reply, has the code in brackets.\n"
                       "`ftpsd explain CODE` says more.")
    return 0


def _list(reasons: list[Reason]) -> None:
    for reason in reasons:
        click.echo(f"{reason.code}\n    {reason.what}")


def _troubles(text: str) -> list[Trouble]:
    """The questions that `text`, which names no code, belongs to: by what other programs say, or by our logs' lines.

    A sign that is part of a longer one in `text` does not count: that a client's certificate has expired is nothing
    about the server's.
    """
    from ftpsd.reasons.spelling import familiar
    from ftpsd.reasons.table import TABLE
    from ftpsd.reasons.troubles import TROUBLES

    if any(word in set(TABLE) for word in _CODE.findall(text)):
        return []
    said = familiar(text.casefold())
    signs = {each.key: set(_signs(each, text, said)) for each in TROUBLES}
    shown = set().union(*signs.values())
    plain = {sign for sign in shown if not any(sign in other for other in shown - {sign})}
    return [each for each in TROUBLES if signs[each.key] & plain]


def _signs(trouble: Trouble, text: str, said: str) -> Iterator[str]:
    """Of that trouble, in `text`; `said` is that in the words and the case that symptoms are compared in."""
    yield from (symptom.casefold() for symptom in trouble.symptoms if symptom.casefold() in said)
    yield from (
        sight.text.casefold() for sight in trouble.sights
        if sight.place in ("TLSLog", "system log", "start") and sight.matches(text))


def _show_troubles(troubles: list[Trouble]) -> None:
    from rich.text import Text

    console = _console()
    for number, trouble in enumerate(troubles):
        if number:
            console.print()
        console.print(Text(trouble.question, style="bold"))
        console.print(Text(_filled(trouble.cure, console.width)), soft_wrap=True)
        for code in trouble.codes:
            console.print(f"  More: ftpsd explain {code}", markup=False)


def _codes(text: str) -> list[Code]:
    """The codes in `text`, in square brackets or, where there are none, bare."""
    from ftpsd.reasons.table import TABLE

    for pattern in (_CODE, _WORD):
        found = [code for word in re.findall(pattern, text) for code in TABLE if code == word]
        if found:
            return list(dict.fromkeys(found))
    return []


def _nothing_like(text: str) -> click.ClickException:
    from ftpsd.reasons.table import TABLE

    alike = difflib.get_close_matches(text.strip("[]").lower(), list(TABLE), _HINTS)
    hint = f"did you mean {' or '.join(alike)}?" if alike else "`ftpsd explain` lists all codes."
    return click.ClickException(f"there is no reason code in '{text}'\n  {hint}")


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, emoji=False)


def _show(reasons: list[Reason]) -> None:
    console = _console()
    for number, reason in enumerate(reasons):
        if number:
            console.print()
        for part in _parts(reason, console.width):
            console.print(part, soft_wrap=True)


def _parts(reason: Reason, width: int) -> Iterator[Text]:
    from rich.text import Text

    from ftpsd.reasons.words import used_in

    words = used_in(reason.what, *reason.causes, *reason.confirm, *reason.server, *reason.client)
    yield Text(reason.code, style="bold red")
    yield Text(_filled(reason.what, width))
    for title, entries in (
        ("Why, the likeliest first", reason.causes), ("How to find out", reason.confirm),
        ("On the server", reason.server), ("On the client", reason.client), ("How it shows", reason.shown),
        ("Words", tuple(f"{word}: {meaning}" for word, meaning in words.items())),
    ):
        if entries:
            yield Text(f"\n{title}", style="bold")
            for number, entry in enumerate(entries, 1):
                mark = f"{number}." if entries is reason.causes and len(entries) > 1 else "-"
                yield Text(_filled(entry, width, f"{mark} "))


def _filled(text: str, width: int, mark: str = "") -> str:
    """A paragraph for that many columns, its further lines below the text behind the mark."""
    import textwrap

    return textwrap.fill(
        text, min(width, _WIDEST), initial_indent=f"  {mark}", subsequent_indent=" " * (2 + len(mark)),
        break_long_words=False, break_on_hyphens=False)

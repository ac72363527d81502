"""`ftpsd help DIRECTIVE`, and `ftpsd help COMMAND` for those who expect that."""

from __future__ import annotations

import re
import shutil
import textwrap

import click

_WIDEST = 100
"""Columns; longer lines are hard to read."""
_FACT = re.compile(r"[A-Z][A-Za-z]+: +")
"""What begins a line of facts: `Context:   `."""


@click.command("help", short_help="Explain a directive")
@click.argument("directive", required=False)
def command(directive: str | None) -> int:
    """Explain DIRECTIVE: syntax, where it may stand, default, what it does.

    The name of a command shows that command's help. Without anything: the names of all directives.
    """
    from ftpsd.settings import manual, registry

    if directive is None:
        names = [declaration.name for declaration in registry.DIRECTIVES.values()]
        names += [f"<{section}>" for section in registry.SECTIONS]
        click.echo(_filled("  ".join(names)))
        return 0
    text = manual.help(directive)
    if text is None and _shown_command(directive):
        return 0
    if text is None:
        hint = manual.did_you_mean(directive) or "`ftpsd help` lists all directives."
        raise click.ClickException(f"there is no directive or section '{directive}'\n  {hint}")
    for line in text.splitlines():
        fact = _FACT.match(line)
        click.echo(_filled(line, " " * len(fact[0]) if fact is not None else ""))
    return 0


def _shown_command(name: str) -> bool:
    """Shows the help of the sub-command `name`; False if there is none."""
    program = click.get_current_context().find_root()
    if not isinstance(program.command, click.Group) or name not in program.command.list_commands(program):
        return False
    program.command.main([name, "--help"], prog_name=program.info_name, standalone_mode=False)
    return True


def _filled(text: str, indent: str = "") -> str:
    """A line for a terminal's columns (80 where there is none); no word is broken."""
    width = min(shutil.get_terminal_size().columns - 1, _WIDEST)
    return textwrap.fill(
        text, max(width, len(indent) + 1), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)

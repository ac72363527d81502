"""`ftpsd help DIRECTIVE`, and `ftpsd help COMMAND` for those who expect that."""

from __future__ import annotations

import re
import shutil
import textwrap

import click

_WIDEST = 100
"""Columns; longer lines are hard to read."""
_FACT = re.compile(r"[A-Z][A-Za-z]+: {2,}")
"""What begins a line of facts: `Context:   `."""
_LABEL = r"(?:[A-Za-z`]+, )*[A-Za-z`]+: "
_ITEM = re.compile(rf"(?<=[.)]) (?={_LABEL})")
"""Between two options that a text explains one after the other."""


@click.command("help", short_help="Explain a directive")
@click.argument("directive", required=False)
def command(directive: str | None) -> int:
    """Explain DIRECTIVE: syntax, where it may stand, default, what it does.

    The name of a command of ftpsd's shows that command's help, one of FTP's (STOR) what it is, one of a module
    (mod_tls) its directives. Without anything: the names of all directives.
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
    text = text or _of_module(directive.lower().removesuffix(".c")) or _of_ftp_command(directive.upper())
    if text is None:
        hint = _of_option(directive) or manual.did_you_mean(directive) or "`ftpsd help` lists all directives."
        raise click.ClickException(f"there is no directive or section '{directive}'\n  {hint}")
    for line in text.splitlines():
        fact = _FACT.match(line)
        items = [line] if fact is not None else _ITEM.split(line)
        indent = " " * len(fact[0]) if fact is not None else "  " * (len(items) > 1)
        for item in items:
            click.echo(_filled(item, indent))
    return 0


def _of_option(word: str) -> str | None:
    """Which directives explain `word` as one of their own; None: none does."""
    from ftpsd.settings import registry

    label = re.compile(rf"(?:^|[ `]){re.escape(word)}`?(?:: |, [A-Za-z`, ]+: )", re.IGNORECASE)
    found = [each.name for each in registry.DIRECTIVES.values() if label.search(each.doc)]
    return f"It is a word for {' and '.join(found)}: `ftpsd help {found[0]}`." if found else None


def _shown_command(name: str) -> bool:
    """Shows the help of the sub-command `name`; False if there is none."""
    program = click.get_current_context().find_root()
    if not isinstance(program.command, click.Group) or name not in program.command.list_commands(program):
        return False
    program.command.main([name, "--help"], prog_name=program.info_name, standalone_mode=False)
    return True


def _of_module(name: str) -> str | None:
    """What there is of a module of ProFTPD's; None if it is not known."""
    from ftpsd.settings import modules, registry

    if name in modules.OTHERS and f"{name}.c" not in registry.MODULES:
        return (
            f"ftpsd does not have {name}: take its directives out, or put them between <IfModule {name}.c> and "
            "</IfModule>.")
    if f"{name}.c" not in registry.MODULES:
        return None
    names = [declaration.name for declaration in registry.DIRECTIVES.values() if declaration.module == name]
    return f"{name} is part of ftpsd.\n\n" + ("  ".join(names) if names else "It has no directives.")


def _of_ftp_command(name: str) -> str | None:
    """What a command of FTP's does and what `<Limit>` and ExtendedLog call it; None if there is none."""
    from ftpsd.ftp.commands import COMMANDS

    spec = COMMANDS.get(name)
    if spec is None:
        return None
    groups, classes = (" ".join(sorted(each)) or "none" for each in (spec.limit_groups, spec.log_classes))
    rfc = f"RFC {spec.rfc}" if spec.rfc[:1].isdigit() else spec.rfc
    facts = f"Source:    {rfc}\nLimit:     {groups}\nLog:       {classes}"
    return f"{spec.name} {spec.syntax}".rstrip() + f"\n\nFTP command: {spec.help}.\n\n{facts}"


def _filled(text: str, indent: str = "") -> str:
    """A line for a terminal's columns (80 where there is none); no word is broken."""
    width = min(shutil.get_terminal_size().columns - 1, _WIDEST)
    return textwrap.fill(
        text, max(width, len(indent) + 1), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)

"""`ftpsd help DIRECTIVE`."""

from __future__ import annotations

import textwrap

import click

WIDTH = 79


@click.command("help", short_help="Explain a directive")
@click.argument("directive", required=False)
def command(directive: str | None) -> int:
    """Explain DIRECTIVE: syntax, where it may stand, default, what it does. Without one: all names."""
    from ftpsd.settings import manual, registry

    if directive is None:
        names = [declaration.name for declaration in registry.DIRECTIVES.values()]
        names += [f"<{section}>" for section in registry.SECTIONS]
        click.echo(textwrap.fill("  ".join(names), WIDTH, break_on_hyphens=False))
        return 0
    text = manual.help(directive)
    if text is None:
        hint = manual.did_you_mean(directive) or "`ftpsd help` lists all directives."
        raise click.ClickException(f"there is no directive or section '{directive}'\n  {hint}")
    click.echo(text)
    return 0

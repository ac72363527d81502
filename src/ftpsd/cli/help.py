"""`ftpsd help DIRECTIVE`."""

from __future__ import annotations

import click


@click.command("help", short_help="Explain a directive")
@click.argument("directive", required=False)
def command(directive: str | None) -> int:
    """Explain DIRECTIVE: syntax, where it may stand, default, what it does. Without one: all names."""
    from ftpsd import settings

    click.echo(settings.help(directive) if directive else settings.help_index())
    return 0

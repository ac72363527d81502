"""`ftpsd count`, also called ftpcount: how many sessions there are, by class."""

from __future__ import annotations

import click

from ftpsd.cli import board
from ftpsd.ctl.who import count


@click.command("count", short_help="Show how many are on")
@board.options
def command(server: str | None, file: str | None, config: str | None) -> int:
    """Show how many sessions there are, by class."""
    print("\n".join(count(board.Board(file, config).read(), server=server)))
    return 0

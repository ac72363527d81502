"""`ftpsd who`, also called ftpwho: the sessions of a running server."""

from __future__ import annotations

import json
import time

import click

from ftpsd.cli import board
from ftpsd.ctl.who import as_json, who

FORMS = ("compat", "oneline", "json")


@click.command("who", short_help="Show who is on")
@board.options
@click.option("-v", "--verbose", is_flag=True, help="Show more of each session.")
@click.option("-o", "--outform", metavar="FORM", help=f"Another output format: {', '.join(FORMS)}.")
def command(server: str | None, file: str | None, config: str | None, verbose: bool, outform: str | None) -> int:
    """Show who is on, for how long, and what each session does."""
    if outform is not None and outform not in FORMS:
        raise click.UsageError(f"unknown outform value: '{outform}'")
    report, now = board.Board(file, config).read(), time.time()
    if outform == "json":
        print(json.dumps(as_json(report, now, server=server), indent=2))
    else:
        print("\n".join(who(report, now, verbose=verbose, outform=outform, server=server)))
    return 0

"""`ftpsd check`: what is wrong with a configuration, what it says, and what it would do."""

from __future__ import annotations

import json

import click

from ftpsd.errors import ConfigError

_CANNOT = 2


@click.command("check", short_help="Say what is wrong with a configuration, and what it would do")
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("-c", "--config", type=click.Path(dir_okay=False), help="The same as FILE.")
@click.option("-D", "--define", "defines", multiple=True, help="Define a name for <IfDefine>.")
@click.option("--no-notes", is_flag=True, help="Only errors and warnings.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    file: str | None, config: str | None, defines: tuple[str, ...], no_notes: bool, as_json: bool,
) -> int:
    """Look at the configuration FILE and everything that it names, without starting a server.

    The exit status is 0 when all is well, 1 for warnings, 2 for errors.
    """
    from ftpsd.diag import check, render
    from ftpsd.server.options import Options
    from ftpsd.tls.startup import enable_fips

    try:
        enable_fips(defines)
        path = Options(config=file or config).config_path()
    except ConfigError as error:
        click.echo(str(error), err=True)
        return _CANNOT
    report = check.check(path, defines=defines)
    if as_json:
        click.echo(json.dumps(render.for_programs(report), indent=2))
    else:
        from rich.console import Console

        render.for_people(report, Console(highlight=False, emoji=False, soft_wrap=False), notes=not no_notes)
    return report.status

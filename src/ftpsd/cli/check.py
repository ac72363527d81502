"""`ftpsd check`: what is wrong with a configuration, what it says, and what it would do."""

from __future__ import annotations

import json
from typing import Any

import click

from ftpsd.errors import ConfigError

_CANNOT = 2
_UNWRAPPED = 10_000
"""Columns where there is no terminal: a path that is broken over two lines is found by no script."""


@click.command("check", short_help="Say what is wrong with a configuration, and what it would do")
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("-c", "--config", type=click.Path(dir_okay=False), help="The same as FILE.")
@click.option("-D", "--define", "defines", multiple=True, help="Define a name for <IfDefine>.")
@click.option("--explain", metavar="DIRECTIVE", help="Show its value for every host, and the lines that set it.")
@click.option("--policy", metavar="QUESTION", help="Show what would happen to a client, and which rule decides: "
              "'user alice from 10.1.2.3 tls=no STOR /in/x'.")
@click.option("--no-notes", is_flag=True, help="Only errors and warnings.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    file: str | None, config: str | None, defines: tuple[str, ...], explain: str | None, policy: str | None,
    no_notes: bool, as_json: bool,
) -> int:
    """Look at the configuration FILE and everything that it names, without starting a server.

    Without FILE it is /etc/ftpsd.conf or, where that is not there, ProFTPD's.

    The exit status is 0 when all is well, 1 for warnings, 2 for errors (and for a command line that
    makes no sense). With --policy: 0 if the client may, 1 if not.
    """
    from ftpsd.server.options import Options
    from ftpsd.tls.startup import enable_fips

    try:
        enable_fips(defines)
        path = Options(config=file or config).config_path()
    except ConfigError as error:
        click.echo(str(error), err=True)
        return _CANNOT
    if explain is not None:
        return _explain(path, defines, explain, as_json)
    if policy is not None:
        return _policy(path, defines, policy, as_json)
    if not as_json and not (file or config):
        click.echo(f"Checking {path}")
    return _check(path, defines, notes=not no_notes, as_json=as_json)


def _console() -> Any:
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNWRAPPED
    return console


def _print(value: object) -> None:
    click.echo(json.dumps(value, indent=2))


def _check(path: str, defines: tuple[str, ...], *, notes: bool, as_json: bool) -> int:
    from ftpsd.diag import check, render

    report = check.check(path, defines=defines)
    if as_json:
        _print(render.for_programs(report))
    else:
        render.for_people(report, _console(), notes=notes)
    return report.status


def _explain(path: str, defines: tuple[str, ...], name: str, as_json: bool) -> int:
    from ftpsd.diag import answers, effective
    from ftpsd.diag.machine import Machine
    from ftpsd.diag.reading import read
    from ftpsd.settings import manual
    from ftpsd.settings.registry import DIRECTIVES

    declaration = DIRECTIVES.get(name.lower())
    if declaration is None:
        hint = manual.did_you_mean(name) or "`ftpsd help` lists all directives."
        click.echo(f"there is no directive '{name}'\n  {hint}", err=True)
        return _CANNOT
    if not declaration.field:
        click.echo(f"{declaration.name} sets nothing; `ftpsd help {declaration.name}` says why.")
        return 0
    reading = read(path, defines=defines, resolve=Machine().resolve)
    _complain(reading.errors)
    found = effective.explain(reading, declaration)
    if as_json:
        _print(answers.explanation_for_programs(found, declaration.name))
    else:
        answers.explanation(found, declaration.name, _console())
    return _CANNOT if reading.errors else 0


def _complain(errors: tuple[ConfigError, ...]) -> None:
    for error in errors:
        click.echo(str(error), err=True)


def _policy(path: str, defines: tuple[str, ...], text: str, as_json: bool) -> int:
    from ftpsd.diag import answers, question, whatif
    from ftpsd.settings import load

    try:
        steps = whatif.answer(load(path, defines=defines), question.understand(text))
    except (ConfigError, question.BadQuestion) as error:
        click.echo(str(error), err=True)
        return _CANNOT
    if as_json:
        _print(answers.policy_for_programs(steps))
    else:
        answers.policy(steps, _console())
    return 0 if whatif.allowed(steps) else 1

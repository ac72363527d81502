"""`ftpsd init`: a directory with everything that a server needs, checked, and what is left to do."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

import click

from ftpsd.errors import ConfigError

if TYPE_CHECKING:
    from ftpsd.cli.new_site import Acme, Made, Plan

PORT, PORT_WITHOUT_ROOT = 21, 2121
_COMMAND = "{program} -n -c {config}"


@click.command("init", short_help="Write a configuration to begin with")
@click.argument("directory", type=click.Path())
@click.option("--name", "names", multiple=True, metavar="NAME",
              help="How clients call this machine; may be given several times.")
@click.option("--port", type=click.IntRange(1, 65535), help=f"Default: {PORT}, without root {PORT_WITHOUT_ROOT}.")
@click.option("--user", metavar="NAME", help="Make a first user, with a password that is shown once.")
@click.option("--stdin", is_flag=True, help="Read the user's password from standard input.")
@click.option("--acme", is_flag=True, help="Get the certificate from an ACME server, and renew it.")
@click.option("--acme-server", metavar="URL", default="letsencrypt", show_default=True)
@click.option("--agree", is_flag=True, help="You agree to the ACME server's terms of service.")
@click.option("--contact", metavar="MAIL", help="Mail address for the ACME server.")
def command(
    directory: str, names: tuple[str, ...], port: int | None, user: str | None, stdin: bool, acme: bool,
    acme_server: str, agree: bool, contact: str | None,
) -> int:
    """Write a commented configuration into DIRECTORY, which must not exist yet (or be empty), and check it.

    TLS is on and required. The certificate is self-signed at first. The exit status is 0 when the server would start.
    """
    from ftpsd.auth.editing import EditError
    from ftpsd.cli import new_site

    if stdin and user is None:
        raise click.UsageError("--stdin is the password of --user: which user is meant?")
    plan = new_site.Plan(
        os.path.abspath(directory), names or (_own_name(),), port or (PORT if os.getuid() == 0 else PORT_WITHOUT_ROOT),
        user, sys.stdin.readline().rstrip("\r\n") if stdin else None,
        new_site.Acme(acme_server, contact, agree) if acme else None)
    _check(plan.names, plan.acme)
    try:
        made = new_site.make(plan)
    except OSError as error:
        where = error.filename or directory
        remedy = "Run it as root?" if isinstance(error, PermissionError) else "Nothing was written."
        raise ConfigError(f"unable to write '{where}': {error.strerror}", remedy=remedy) from None
    except (EditError, ValueError) as error:
        raise ConfigError(f"user '{user}': {error}") from None
    return _tell(plan, made)


def _own_name() -> str:
    name = socket.getfqdn()
    return name if "." in name and not name.endswith((".arpa", ".localdomain")) else "localhost"


def _check(names: tuple[str, ...], acme: Acme | None) -> None:
    """Names that cannot stand where they should."""
    from ftpsd.settings import certificates
    from ftpsd.settings.addresses import is_ip
    from ftpsd.settings.arguments import ArgumentError

    for name in names:
        if acme is None and is_ip(name):
            continue
        try:
            certificates.acme_names([name])
        except ArgumentError as error:
            raise ConfigError(str(error), remedy=error.remedy) from None
    if acme is not None and all("." not in name for name in names):
        raise ConfigError(
            "an ACME server certifies public names only", remedy="Say --name with the name that clients connect to.")


def _tell(plan: Plan, made: Made) -> int:
    """What was done, what is wrong with it, and what is left to do; the exit status."""
    from ftpsd.cli import naming, new_site
    from ftpsd.diag import check
    from ftpsd.diag.finding import Severity

    click.echo(f"{made.config} is written.")
    if made.password is not None:
        click.echo(f"User {plan.user}, password {made.password} (it is shown only now)")
    click.echo(f"The certificate is self-signed; its SHA-256 fingerprint is\n  {made.fingerprint}")
    report = check.check(made.config)
    found = [each for each in report.all() if each.severity is not Severity.NOTE]
    for finding in found:
        click.echo(f"{finding.severity.word}: {finding.text} [{finding.code}]\n  {finding.remedy}")
    if not found:
        click.echo("It was checked: nothing is wrong with it.")
    click.echo("\nLeft to do:")
    for number, line in enumerate(new_site.left_to_do(plan), 1):
        click.echo(f"{number:2}. {line}")
    click.echo(f"\nThen: {_COMMAND.format(program=naming.program(), config=made.config)}")
    return 1 if report.status == Severity.ERROR.value else 0

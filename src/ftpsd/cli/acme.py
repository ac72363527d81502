"""`ftpsd acme`: get certificates of an ACME server, and renew those that are due."""

from __future__ import annotations

import json

import click

from ftpsd.errors import ConfigError


@click.command("acme", short_help="Get and renew certificates (ACME)")
@click.option("-c", "--config", type=click.Path(dir_okay=False), help="The configuration file.")
@click.option("-D", "--define", "defines", multiple=True, help="Define a name for <IfDefine>.")
@click.option("--force", is_flag=True, help="Also certificates that are not due.")
@click.option("--scheduled", is_flag=True, hidden=True, help="For the server: patient, and in JSON.")
def command(config: str | None, defines: tuple[str, ...], force: bool, scheduled: bool) -> int:
    """Get the certificates for ACMENames that are missing or due, and write them into the files of the configuration.

    A server that runs serves them by itself, and renews them, too: this is for the first time, and for trying. The
    exit status is 0 when nothing failed, else 1.
    """
    from ftpsd.server.options import Options, load
    from ftpsd.tls.acme import setup

    configuration = load(Options(config=config, defines=defines))
    if not setup.wants(configuration):
        raise ConfigError(
            "nothing to do: no host has ACMENames, or there is no ACMEServer",
            remedy="Write ACMEServer letsencrypt, ACMEAgreeToTerms on, and ACMENames with the names of this host.")
    setup.check(configuration)
    from ftpsd.tls.acme import running

    def say(text: str) -> None:
        click.echo(json.dumps({"text": text}) if scheduled else text)

    outcome = running.run(configuration, say, force=force, patient=scheduled)
    for failure in outcome.failures:
        if scheduled:
            click.echo(json.dumps({"text": str(failure), "reason": failure.code}))
        else:
            click.echo(f"fatal: {failure}", err=True)
    if scheduled:
        click.echo(json.dumps({"again": outcome.again}))
    elif not outcome.obtained and not outcome.failures:
        click.echo("no certificate is due")
    return 1 if outcome.failures else 0

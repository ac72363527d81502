"""`ftpsd probe`: what an FTPS server does, any server, and what will trouble its users."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftpsd.diag.probe.lab import Options
    from ftpsd.diag.probe.wire import Wires
    from ftpsd.tls.client import Credential

_PASSWORD = "FTPSD_PROBE_PASSWORD"
_UNWRAPPED = 10_000
"""Columns where there is no terminal, as for `ftpsd check`."""
_TARGET = re.compile(
    r"(?:(?P<scheme>ftps?|ftpes)://)?(?:\[(?P<ipv6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^:/\[\]@]+))(?::(?P<port>\d{1,5}))?/?"
    r"|(?P<bare>[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:]*)")


@click.command("probe", short_help="Find out what an FTPS server does, and what will trouble its users")
@click.argument("target", metavar="HOST[:PORT]")
@click.option("--user", default="", help="Log in and look at transfers too.")
@click.option("--password-file", type=click.File("r"), help="Its first line is the password; else the environment's "
              f"{_PASSWORD}, else you are asked.")
@click.option("--write", "directory", default="", metavar="DIR", help="Store a small file there, fetch and delete it.")
@click.option("--ca", "authorities", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
              help="Authorities (PEM) to trust in place of the system's.")
@click.option("--cert", "certificate", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
              help="A client's certificate (PEM) to show to servers that ask for one.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
              help="Its key, if that is not in the same file.")
@click.option("--insecure", is_flag=True, help="Send the password although the certificate is not trusted.")
@click.option("--implicit/--explicit", "implicit", default=None, help="TLS first, or AUTH TLS; found out by itself.")
@click.option("--timeout", type=click.FloatRange(0.1, 300), default=10.0, show_default=True, metavar="SECONDS",
              help="The longest wait for any one answer.")
@click.option("--connections", type=click.IntRange(1, 1000), default=250, show_default=True, metavar="NUMBER",
              help="The most connections that are made.")
@click.option("--no-ciphers", is_flag=True, help="Do not ask for each cipher: far fewer connections.")
@click.option("--no-active", is_flag=True, help="Do not try active mode.")
@click.option("--no-notes", is_flag=True, help="Only errors and warnings.")
@click.option("--details", is_flag=True, help="Everything that was observed, too.")
@click.option("--trace", is_flag=True, help="Print what goes over each connection, as ssldump does, to standard error.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    target: str, user: str, password_file: Any, directory: str, authorities: str | None, certificate: str | None,
    key: str | None, insecure: bool, implicit: bool | None, timeout: float, connections: int, no_ciphers: bool,
    no_active: bool, no_notes: bool, details: bool, trace: bool, as_json: bool,
) -> int:
    """Ask the FTPS server at HOST everything that clients depend on, and say what is wrong with it.

    Nothing is changed on the server, except with --write. The exit status is 0 when all is well, 1 for warnings, 2 for
    errors (and for a command line that makes no sense), 3 if no server could be reached.
    """
    from ftpsd.diag.probe.lab import Options
    from ftpsd.diag.probe.trace import Trace
    from ftpsd.diag.probe.wire import Wires

    host, port, scheme = _understood(target)
    password = _password(password_file) if user else ""
    if not all(_is_one_line(text) for text in (user, password, directory)):
        raise click.UsageError("name, password and directory are one line each")
    options = Options(
        host=host, port=port, implicit=scheme if implicit is None else implicit, user=user, password=password,
        insecure=insecure, directory=directory, ciphers=not no_ciphers, active=not no_active)
    wires = Wires(
        timeout=timeout, most=connections, authorities=_read(authorities), credential=_credential(certificate, key))
    _try_out(wires)
    if trace:
        wires.observer = Trace(lambda line: click.echo(line, err=True))
    return _report(options, wires, as_json=as_json, notes=not no_notes, details=details)


def _understood(target: str) -> tuple[str, int, bool | None]:
    """Host, port (0: not said), and whether TLS comes first (None: not said)."""
    match = _TARGET.fullmatch(target.strip())
    if match is None or int(match["port"] or 0) > 65535:
        raise click.UsageError(f"'{target}' is no HOST, HOST:PORT or [ADDRESS]:PORT")
    scheme = {"ftps": True, "ftpes": False}.get(match["scheme"] or "")
    return match["ipv6"] or match["host"] or match["bare"], int(match["port"] or 0), scheme


def _password(file: Any) -> str:
    """From the file, the environment or the terminal; never from the command line, which others can read."""
    if file is not None:
        return str(file.readline()).rstrip("\r\n")
    told = os.environ.get(_PASSWORD)
    if told is not None:
        return told
    if not _has_terminal():
        raise click.UsageError(
            f"there is no terminal to ask for the password; name a --password-file, or put it into {_PASSWORD}")
    return str(click.prompt("Password", hide_input=True, err=True))


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return sys.stdin.isatty()
    return True


def _is_one_line(text: str) -> bool:
    """Whether it can be an argument of a command: what follows a line's end would be another command."""
    return not {"\r", "\n", "\0"} & set(text)


def _credential(certificate: str | None, key: str | None) -> Credential | None:
    from ftpsd.tls.client import Credential

    if certificate is None:
        return None
    return Credential(_read(certificate), _read(key or certificate))


def _try_out(wires: Wires) -> None:
    """Raises `click.UsageError` for files that hold no certificate or key, rather than with every handshake."""
    from ftpsd.tls.client import Offer, OpenSSLError, context

    try:
        context(Offer(), authorities=wires.authorities, credential=wires.credential)
    except OpenSSLError as error:
        raise click.UsageError(f"--ca, --cert or --key: {error}") from None


def _read(path: str | None) -> bytes:
    return Path(path).read_bytes() if path is not None else b""


def _report(options: Options, wires: Wires, *, as_json: bool, notes: bool, details: bool) -> int:
    from datetime import UTC, datetime

    from ftpsd.diag.probe import judge, render
    from ftpsd.diag.probe.run import probe

    with _progress(traced=wires.observer is not None) as progress:
        facts = probe(options, wires, progress)
    verdicts = judge.decide(facts, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps(render.for_programs(facts, verdicts), indent=2))
    else:
        render.for_people(facts, verdicts, _console(), notes=notes, details=details)
    return judge.status(facts, verdicts)


def _console(*, stderr: bool = False) -> Any:
    from rich.console import Console

    console = Console(highlight=False, emoji=False, stderr=stderr)
    if not console.is_terminal:
        console.width = _UNWRAPPED
    return console


@contextlib.contextmanager
def _progress(*, traced: bool) -> Iterator[Callable[[str], None]]:
    """Says which step is being done: in the trace, else on a terminal only, and not into the report."""
    console = _console(stderr=True)
    if traced:
        yield lambda name: click.echo(f"# {name}", err=True)
        return
    if not console.is_terminal:
        yield lambda name: None
        return
    with console.status("") as status:
        yield lambda name: status.update(f"{name} …")



"""`ftpsd demo`: a server to try clients on, with its own CA, certificate, user and directory."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator

import click

from ftpsd.cli import demo_site
from ftpsd.tls import directories

FIRST_PORT = 2121


@click.command("demo", short_help="Serve a throw-away directory and say how to connect")
@click.option("--directory", type=click.Path(file_okay=False), help="Where (default: temporary)")
@click.option("--port", type=click.IntRange(1, 65535), help=f"Default: the first free from {FIRST_PORT}")
def command(directory: str | None, port: int | None) -> int:
    """Serve a throw-away directory over TLS until Ctrl-C.

    Makes a certificate authority, a certificate for localhost, 127.0.0.1 and ::1, and a user with a random
    password, and prints the lines to paste into curl, lftp and FileZilla. Only this machine can connect.
    """
    from ftpsd.server import supervisor
    from ftpsd.server.options import Options

    with _place(directory) as base:
        site = demo_site.make(base, port or demo_site.free_port(FIRST_PORT))
        announce = functools.partial(click.echo, demo_site.how_to_connect(site))
        return supervisor.run(Options(config=site.config, foreground=True, quiet=True), announce=announce)


@contextlib.contextmanager
def _place(directory: str | None) -> Iterator[str]:
    """The demonstration's directory: the given one, made where needed and kept, or one that goes away."""
    if directory is not None:
        directories.make(directory, 0o755)
        yield os.path.abspath(directory)
        return
    base = tempfile.mkdtemp(prefix="ftpsd-demo-")
    try:
        os.chmod(base, 0o755)
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


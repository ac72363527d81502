"""`ftpsd shut`, also called ftpshut: announces a shutdown to all sessions and to those who want to connect.

The server looks at the file that this writes every other second. It does not end by itself: stop it when its sessions
are gone.
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime

import click

from ftpsd.access.closing import DENY_MINUTES, DISCONNECT_MINUTES, plan
from ftpsd.errors import ConfigError


def _path(file: str | None, config: str | None) -> str:
    from ftpsd.server.options import Options, load
    from ftpsd.settings.server import ServerSettings

    if file is not None:
        return file
    try:
        path = load(Options(config=config)).server.shut_message_file
    except ConfigError:
        if config is not None:
            raise
        path = ServerSettings().shut_message_file
    if path is None:
        raise click.ClickException("the configuration says ShutMessageFile none: the server looks at no file")
    return path


@click.command(
    "shut", short_help="Announce a shutdown, or call it off", context_settings={"allow_interspersed_args": False})
@click.option("-R", "remove", is_flag=True, help="Call the shutdown off.")
@click.option(
    "-l", "deny", type=click.IntRange(0, 5999), default=DENY_MINUTES, metavar="MIN",
    help=f"Minutes before the shutdown from which on nobody new comes in; {DENY_MINUTES} by default.")
@click.option(
    "-d", "disconnect", type=click.IntRange(0, 5999), default=DISCONNECT_MINUTES, metavar="MIN",
    help=f"Minutes before the shutdown at which sessions are ended; {DISCONNECT_MINUTES} by default.")
@click.option("-f", "--file", metavar="FILE", help="The file to write, instead of ShutMessageFile.")
@click.option("-c", "--config", metavar="FILE", help="The configuration that names the file.")
@click.help_option("-h", "--help")
@click.argument("when", required=False)
@click.argument("message", nargs=-1)
def command(
    remove: bool, deny: int, disconnect: int, file: str | None, config: str | None, when: str | None,
    message: tuple[str, ...],
) -> int:
    """Announce a shutdown: WHEN is `now`, `+minutes` or `HHMM` (today or, if that is past, tomorrow).

    In the message %s is the time of the shutdown, %r of the last login, %d of the end of sessions, %T now, %U the
    user, %C the directory, %R the client, %L the server.
    """
    _check_order(message)
    path = _path(file, config)
    if remove:
        return _remove(path)
    if when is None:
        raise click.UsageError("say when: now, +minutes or HHMM")
    try:
        closing = plan(when, datetime.now(), deny=deny, disconnect=disconnect, message=" ".join(message))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _write(path, closing.text())
    return 0


def _check_order(message: tuple[str, ...]) -> None:
    """An option behind the time would be part of the message, and `-c FILE` there the shutdown of another server."""
    for param in click.get_current_context().command.params:
        if isinstance(param, click.Option) and (late := set(param.opts) & set(message)):
            raise click.UsageError(
                f"{late.pop()} stands behind the time: write options before it, or the message as one word in quotes")


def _remove(path: str) -> int:
    try:
        os.unlink(path)
    except OSError as error:
        raise click.ClickException(f"error removing '{path}': {error.strerror}") from None
    print(f"{path} removed")
    return 0


def _write(path: str, text: str) -> None:
    """All of it or nothing: the server may be reading."""
    draft = f"{path}.{os.getpid()}"
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        try:
            with open(fd, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            os.rename(draft, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise
    except OSError as error:
        raise click.ClickException(f"error writing '{path}': {error.strerror}") from None

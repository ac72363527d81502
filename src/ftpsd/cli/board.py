"""Where `who`, `count` and `top` get what they show: the ScoreboardFile, or (without one) the control socket."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import click

from ftpsd.ctl.who import Report
from ftpsd.errors import ConfigError

HINT = "(Perhaps you need to specify the ScoreboardFile with -f, or the configuration with -c?)"


class Board:
    """Reads the sessions again and again. Raises `click.ClickException` when there is nothing to be read."""

    def __init__(self, file: str | None, config: str | None) -> None:
        self._path, self._socket = (file, None) if file is not None else _from_configuration(config)

    def read(self) -> Report:
        """Who is on now."""
        return _from_file(self._path) if self._path is not None else _from_socket(self._socket or "")


def _from_configuration(config: str | None) -> tuple[str | None, str | None]:
    from ftpsd.server.options import Options, load
    from ftpsd.settings.server import ServerSettings

    try:
        host = load(Options(config=config)).hosts[0]
    except ConfigError:
        if config is not None:
            raise
        return ServerSettings().scoreboard_file, None
    return host.settings.server.scoreboard_file, host.settings.controls.socket


def _from_file(path: str) -> Report:
    from ftpsd.server.scoreboard import Scoreboard

    try:
        board = Scoreboard.open(path)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}\n{HINT}") from None
    except ValueError as error:
        raise click.ClickException(f"scoreboard is corrupted or old: {error}") from None
    try:
        report = Report.of(board)
    finally:
        board.close()
    if report.pid and not os.path.exists(f"/proc/{report.pid}"):
        print(f"notice: there is no process {report.pid}: '{path}' is what a dead server left", file=sys.stderr)
    return report


def _from_socket(path: str) -> Report:
    from ftpsd.ctl.client import Unreachable, ask

    try:
        answer = ask(path, ["sessions"])
        return Report.unpacked(answer.texts)
    except (Unreachable, ValueError) as error:
        raise click.ClickException(
            f"there is no ScoreboardFile, and no control socket: {error}\n(Is the server running? ScoreboardFile or "
            "ControlsSocket in its configuration is what is read.)") from None


def options(command: Callable[..., int]) -> Callable[..., int]:
    """The options that all three have."""
    for option in (
        click.option("-S", "--server", metavar="NAME", help="Only sessions of the host with this ServerName."),
        click.option("-f", "--file", metavar="FILE", help="The scoreboard file."),
        click.option("-c", "--config", metavar="FILE", help="The configuration that names the scoreboard file."),
        click.help_option("-h", "--help"),
    ):
        command = option(command)
    return command

"""ProFTPD's daemon options, declared once: for `ftpsd` itself and for `ftpsd run`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

OPTIONS = (
    click.Option(["-h", "--help", "show_help"], is_flag=True, help="Say this and exit"),
    click.Option(["-N", "--nocollision"], is_flag=True, help="Accepted; servers may share a port anyway"),
    click.Option(
        ["-n", "--nodaemon"], is_flag=True, help="Stay in the foreground, messages go to standard error"
    ),
    click.Option(["-q", "--quiet"], is_flag=True, help="No messages on standard error in the foreground"),
    click.Option(
        ["-d", "--debug"], type=click.IntRange(0, 10), metavar="[level]",
        help="Debugging messages, 0 (none) to 10 (all)",
    ),
    click.Option(
        ["-D", "--define", "defines"], multiple=True, metavar="[definition]",
        help="Define a name for <IfDefine>",
    ),
    click.Option(["-c", "--config"], metavar="[config-file]", help="Read this configuration file"),
    click.Option(
        ["-p", "--persistent"], type=click.Choice(["0", "1"]), metavar="[0|1]",
        help="Accepted; account files are always read anew",
    ),
    click.Option(["-l", "--list", "list_modules"], is_flag=True, help="List ProFTPD's modules that we have"),
    click.Option(["-S", "--serveraddr"], metavar="[address]", help="Address of server config"),
    click.Option(["-t", "--configtest"], is_flag=True, help="Check the configuration and exit"),
    click.Option(["-V", "--settings"], is_flag=True, help="Print what this ftpsd can do and exit"),
    click.Option(["-v", "--version"], count=True, help="Print the version and exit; -vv: modules too"),
    click.Option(["--version-status"], is_flag=True, help="The same as -vv"),
    click.Option(["-4", "--ipv4"], is_flag=True, help="Listen on IPv4 only"),
    click.Option(["-6", "--ipv6"], is_flag=True, help="Listen on IPv6 too, whatever UseIPv6 says"),
)


def merged(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """Options given before (`outer`) and after `run` (`inner`, which wins)."""
    return {name: inner.get(name) or value for name, value in outer.items()}


def usage(program: str, subcommands: Mapping[str, str]) -> str:
    """The text of -h, in ProFTPD's shape."""
    lines = [f"usage: {program} [options]"]
    for option in OPTIONS:
        short, *long = option.opts
        argument = f" {option.metavar}" if option.metavar else ""
        lines.append(f" {short}{argument}{''.join(f', {name}' for name in long)}\n     {option.help}")
    lines.append(f"\nor: {program} command ...")
    lines += [f" {name}\n     {text}" for name, text in subcommands.items()]
    return "\n".join(lines)

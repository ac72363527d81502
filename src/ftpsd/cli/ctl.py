"""`ftpsd ctl`, `ftpsctl` and, by a symbolic link, `ftpdctl`: asks the running server through its control socket.

Options and output are ftpdctl's. Its exit status too when called by its name: 0 whenever the server has answered.
By other names a request that was refused or failed is 1.
"""

from __future__ import annotations

import os
import sys

import click

from ftpsd.errors import ConfigError

USAGE = """\
usage: {program} [options] action [...]
  -h\tdisplays this message
  -s\tspecify an alternate local socket
  -c\tspecify the configuration file that names the socket
  -v\tdisplays more verbose information
"""
DROP_IN = "ftpdctl"
FORMS = {
    "kick": "kick user|host|class|session [-n N] NAME …",
    "ban": "ban user|host|class [-d HH:MM:SS] NAME … | ban info [-v]",
    "permit": "permit user|host|class NAME …|*",
    "status": "status all|ADDRESS#PORT …", "down": "down all|ADDRESS#PORT …", "up": "up all|ADDRESS#PORT …",
    "debug": "debug level [N]", "get": "get directives | get config NAME …",
    "config": "config set ADDRESS:PORT NAME WORDS | config remove …",
    "dns": "dns on|off | dns cache clear", "scoreboard": "scoreboard clean",
    "trace": "trace CHANNEL:LEVEL … | trace info | trace user|host|session NAME [-t SECONDS]",
    "tls": "tls sesscache|ocspcache info [-v]|clear|remove",
    "rmctrl": "rmctrl NAME", "insctrl": "insctrl NAME",
}
"""How actions that need more words are asked for, as docs/operation.md says."""

WATCHED = ("user", "host", "session")
"""What `trace` shows live, through a pipe that goes with the request."""


def socket_path(config: str | None) -> str:
    """ControlsSocket of the configuration; its default where there is no usable configuration and none was named."""
    from ftpsd.server.options import Options, load
    from ftpsd.settings.controls import ControlsSettings

    try:
        return load(Options(config=config)).hosts[0].settings.controls.socket
    except ConfigError:
        if config is not None:
            raise
        return ControlsSettings().socket


@click.command(
    "ctl", short_help="Ask the running server to do something", add_help_option=False,
    context_settings={"allow_interspersed_args": False},
)
@click.option("-h", "--help", "show_help", is_flag=True)
@click.option("-s", "--socket", "path")
@click.option("-c", "--config")
@click.option("-v", "--verbose", is_flag=True)
@click.argument("words", nargs=-1)
@click.pass_context
def command(
    ctx: click.Context, show_help: bool, path: str | None, config: str | None, verbose: bool, words: tuple[str, ...],
) -> int:
    """Ask the running server to do something: `ftpsd ctl help` lists what."""
    program = ctx.find_root().info_name or "ftpsctl"
    if show_help:
        print(USAGE.format(program=ctx.command_path))
        return 0
    if not words:
        raise click.UsageError("missing required action; `help` lists them")
    if path is not None and not path.startswith("/"):
        raise click.UsageError("alternate socket path must be an absolute path")
    chosen = path if path is not None else socket_path(config)
    return _ask(program, chosen, words, prefix="" if ctx.parent else f"{program}: ", verbose=verbose)


def _ask(program: str, path: str, words: tuple[str, ...], *, prefix: str, verbose: bool) -> int:
    from ftpsd.ctl.client import Unreachable, ask
    from ftpsd.log.escape import escape

    if verbose:
        print(f"{prefix}contacting server using '{path}'")
    live = len(words) > 1 and words[0] == "trace" and words[1] in WATCHED
    reader, writer = os.pipe() if live else (None, None)
    try:
        answer = ask(path, words, fd=writer)
    except Unreachable as error:
        print(f"{program}: {error}", file=sys.stderr)
        if program != DROP_IN:
            print("  no server answers there: start it, or say with -c FILE or -s SOCKET which one is meant",
                  file=sys.stderr)
        return 1
    finally:
        if writer is not None:
            os.close(writer)
    for line in answer.texts:
        text = line.lstrip("\t")  # the server indents so
        print(f"{prefix}{line[: len(line) - len(text)]}{escape(text)}")
    if answer.status == 0 and reader is not None:
        return _copy(reader)
    if answer.status == 0 or program == DROP_IN:
        return 0
    hint = _hint(answer.texts, words[0])
    if hint is not None:
        print(f"  {hint}", file=sys.stderr)
    return 1


def _hint(said: tuple[str, ...], action: str) -> str | None:
    """What to do about a refusal; None: it says so itself."""
    if said == ("access denied",):
        return _who_allows(action)
    if said == ("unsupported action requested",):
        return "`help` lists the actions"
    if action in FORMS and any("missing required" in line or "missing parameters" in line for line in said):
        return f"write: {FORMS[action]}"
    return None


def _copy(reader: int) -> int:
    """Shows what comes until nobody writes any more; the server has escaped it."""
    sys.stdout.flush()
    while chunk := os.read(reader, 65_536):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    return 0


def _who_allows(name: str) -> str:
    """What to write into the configuration."""
    from ftpsd.ctl.actions import ACTIONS
    from ftpsd.ctl.endpoint import user_name

    action = ACTIONS.get(name)
    directives = {
        "core": "ControlsACLs", "admin": "AdminControlsACLs", "tls": "TLSControlsACLs", "ban": "BanControlsACLs",
    }
    user = user_name(os.getuid())
    if action is None or action.acl is None:
        return f"ControlsSocketACL says who may connect: `ControlsSocketACL allow user {user}`"
    what = "all" if action.acl == "tls" else name
    return (
        f"the configuration has to allow it: `{directives[action.acl]} {what} allow user {user}`"
        " (and ControlsSocketACL, where there is one)"
    )

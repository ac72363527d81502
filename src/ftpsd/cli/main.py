"""`ftpsd`: ProFTPD's daemon options, and sub-commands.

Everything beyond the arguments is imported when it is needed, so that `ftpsd -v` answers at once.
"""

from __future__ import annotations

import errno
import functools
import gc
import importlib
import io
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ftpsd.cli import about, options
from ftpsd.errors import ConfigError

if TYPE_CHECKING:
    from ftpsd.server.options import Options

SUBCOMMANDS = {
    "run": "Start the server: the same as no command",
    "init": "Write a configuration to begin with, check it, and say what is left to do",
    "demo": "Serve a throw-away directory with throw-away certificates and say how to connect",
    "passwd": "Make and change entries of an AuthUserFile",
    "check": "Say what is wrong with a configuration, and what it would do",
    "acme": "Get and renew certificates of an ACME server",
    "help": "Explain a directive",
    "explain": "Explain a reason code, or the codes in a line of a log",
    "probe": "Find out what an FTPS server does, and what will trouble its users",
    "quota": "Make, show and change quota tables",
    "otp": "Give a user a secret for one-time passwords",
    "ctl": "Ask the running server to do something, through its control socket",
    "who": "Show who is on",
    "count": "Show how many are on",
    "top": "Show who is on, continuously",
    "shut": "Announce a shutdown, or call it off",
}


PERSONAS = {
    "ftpsctl": "ctl", "ftpdctl": "ctl", "ftpwho": "who", "ftpcount": "count", "ftptop": "top", "ftpshut": "shut",
}
"""ProFTPD's programs: called by their names (symbolic links) we are the sub-command."""

SENSELESS = 2
"""The exit status where a command line makes no sense: an unknown option, a word that is missing."""

_DROP_INS = about.DROP_INS | (PERSONAS.keys() - {"ftpsctl"})
"""Names under which that is 1, as it is for ProFTPD's programs."""

_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EPIPE})
_UNNAMED = frozenset({"", "__main__.py", "main.py"})
"""What `python -m` puts where a program's name stands."""


class _Program(click.Group):
    """Sub-commands are modules of this package, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "run":
            return RUN
        if cmd_name not in SUBCOMMANDS:
            return None
        command = importlib.import_module(f"ftpsd.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in SUBCOMMANDS:
            raise click.UsageError(_unknown(args[0]), ctx)
        return super().resolve_command(ctx, args)


def _unknown(word: str) -> str:
    import difflib

    alike = difflib.get_close_matches(word, SUBCOMMANDS, 1)
    hint = f"; did you mean {alike[0]}?" if alike else ""
    return f"unknown parameter: '{word}'{hint} (commands: {', '.join(SUBCOMMANDS)})"


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the program; ends the process with 0, or with another status and one message on standard error."""
    program = os.path.basename(sys.argv[0])
    if program in _UNNAMED:
        program = "ftpsd"
    _say_anything()
    if program in PERSONAS:
        _be(program, arguments)
    try:
        status = _status(PROGRAM, arguments, program)
    except click.UsageError as error:
        if error.ctx is None or error.ctx.command in (PROGRAM, RUN):
            _shield()
        asked = error.ctx.command_path if error.ctx is not None else program
        print(f"fatal: {error.format_message()}\n  `{asked} --help` lists the options", file=sys.stderr)
        status = _failed(error, program)
    except click.ClickException as error:
        print(f"fatal: {error.format_message()}", file=sys.stderr)
        status = 1
    sys.exit(status)


def _say_anything() -> None:
    """No text is an error, whatever the terminal's character set: configurations and names are made of bytes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace" if stream.encoding.lower() == "utf-8" else "replace")


def _status(command: click.Command, arguments: list[str] | None, program: str) -> int:
    """The exit status of `command`. Raises `click.ClickException`, whose words depend on the program."""
    try:
        status = command.main(arguments, prog_name=program, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, click.Abort):
        return 130
    except OSError as error:
        if error.filename is not None:  # the machine's fault, not ours
            print(f"fatal: {error.filename}: {error.strerror}", file=sys.stderr)
            return 1
        if error.errno not in _UNWRITABLE:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left would fail at the exit again
        if error.errno != errno.EPIPE:
            print(f"fatal: cannot write the output: {error.strerror}", file=sys.stderr)
        return 1
    return status if isinstance(status, int) else 0


def _be(program: str, arguments: list[str] | None) -> NoReturn:
    """Be one of ProFTPD's programs, whose errors begin with its name."""
    command = importlib.import_module(f"ftpsd.cli.{PERSONAS[program]}").command
    try:
        status = _status(command, arguments, program)
    except click.ClickException as error:
        print(f"{program}: {error.format_message()}", file=sys.stderr)
        status = _failed(error, program)
    sys.exit(status)


def _failed(error: click.ClickException, program: str) -> int:
    return SENSELESS if isinstance(error, click.UsageError) and program not in _DROP_INS else 1


def _program(**given: Any) -> int:
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is None:
        return _act(ctx, given)
    if ctx.invoked_subcommand != "run" and any(given.values()):
        name = ctx.invoked_subcommand
        raise click.UsageError(f"options before '{name}' are the server's; those of {name} stand behind it", ctx)
    ctx.obj = given
    return 0


def _run(**given: Any) -> int:
    ctx = click.get_current_context()
    return _act(ctx, options.merged(ctx.obj, given))


def _act(ctx: click.Context, given: Mapping[str, Any]) -> int:
    program = ctx.find_root().info_name or "ftpsd"
    if given["show_help"]:
        print(options.usage(program, SUBCOMMANDS))
    elif given["version"] > 1 or given["version_status"]:
        print(about.version_status(program))
    elif given["version"]:
        print(about.version(program))
    elif given["list_modules"]:
        print(about.modules())
    elif given["settings"]:
        print(about.compile_time_settings(program))
    elif given["configtest"]:
        return _check(_server_options(given, program))
    else:
        return _serve(given, program)
    return 0


def _serve(given: Mapping[str, Any], program: str) -> int:
    gc.disable()  # nothing that is imported or configured becomes garbage; the supervisor enables it
    _shield()
    from ftpsd.cli.title import hide_interpreter
    from ftpsd.ctl.server import ControlServer
    from ftpsd.metrics.tally import Tally
    from ftpsd.server import exporting, renewing, supervisor

    hide_interpreter({"ftpsd", program})
    chosen, tally = _server_options(given, program), Tally()
    renewal = functools.partial(renewing.Renewing, renewing.program(chosen))
    return supervisor.run(
        chosen, attendances=(ControlServer, functools.partial(exporting.exporter, tally), renewal), tally=tally)


def _shield() -> None:
    """Nothing that a server says gets to a client, not even of one that inetd starts with wrong options."""
    from ftpsd.server import handed

    handed.fill()
    handed.shield(os.environ)


def _check(server_options: Options) -> int:
    from ftpsd.server import supervisor

    chosen = "" if server_options.config is not None else f" {server_options.config_path()}"
    print(f"Checking syntax of configuration file{chosen}", flush=True)
    for notice in supervisor.check(server_options):
        if not server_options.quiet:
            print(notice, file=sys.stderr)
    print("Syntax check complete.")
    return 0


def _server_options(given: Mapping[str, Any], program: str) -> Options:
    from ftpsd.log.identity import PROGRAM
    from ftpsd.server.options import DROP_IN, Options

    ipv6 = False if given["ipv4"] else True if given["ipv6"] else None
    return Options(
        config=given["config"], foreground=given["nodaemon"], quiet=given["quiet"], debug=given["debug"],
        defines=tuple(given["defines"]), listen=given["serveraddr"], ipv6=ipv6,
        program=DROP_IN if program in about.DROP_INS else PROGRAM,
    )


PROGRAM = _Program(
    "ftpsd", callback=_program, params=list(options.OPTIONS), invoke_without_command=True,
    no_args_is_help=False, add_help_option=False,
)
RUN = click.Command("run", callback=_run, params=list(options.OPTIONS), add_help_option=False)


if __name__ == "__main__":
    main()

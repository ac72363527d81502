"""Takes apart the lines that clients send, by the command table.

A line is parsed in two steps. The verb is what stands before the first blank, in any case. The argument of
a path command is everything behind exactly one blank, since file names may begin and end with blanks; all
others take words.
"""

from __future__ import annotations

from ftpsd.ftp.commands import COMMANDS, SITE_COMMANDS, Argument, Command, Engine, PathArgument, SiteSpec
from ftpsd.ftp.replies import Reply

_KEEPS_BLANKS = (PathArgument.WHOLE, PathArgument.AFTER_OPTIONS, PathArgument.BEFORE_RANGE)


def parse(text: str) -> Command:
    """The command on one line (without its line end). A line that begins with a blank has no verb."""
    return _FREQUENT.get(text) or _parse(text)


def _parse(text: str) -> Command:
    name, _, rest = text.partition(" ")
    if name not in COMMANDS:
        if "\t" in name:
            name, _, rest = text.partition("\t")
        name = name.upper() if name.isascii() else name
    spec = COMMANDS.get(name)
    if not rest:
        return Command(name, "", spec, text)
    keeps_blanks = spec is not None and (spec.verbatim or spec.path in _KEEPS_BLANKS)
    argument = rest if keeps_blanks else rest.lstrip(" \t")
    if not argument.strip() and not (spec is not None and spec.verbatim):
        argument = ""
    return Command(name, argument, spec, text)


_FREQUENT = {
    line: _parse(line)
    for line in ("AUTH TLS", "PBSZ 0", "PROT P", "PWD", "QUIT", "NOOP", "SYST", "FEAT", "CDUP", "TYPE A", "TYPE I",
                 "PASV", "EPSV", "LIST", "MLSD")
}
"""What every client sends, and rightly: taken apart once."""


def argument_error(command: Command) -> Reply | None:
    """The reply to a wrong number of arguments, or None when the number is right."""
    spec = command.spec
    if spec is None or command.text in _FREQUENT:
        return None
    if spec.argument is Argument.NONE:
        wrong = bool(command.argument)
    else:
        missing = not command.argument and spec.argument is Argument.REQUIRED
        wrong = missing or (spec.most_words is not None and len(command.words) > spec.most_words)
    if not wrong and spec.path is PathArgument.AFTER_WORD:
        wrong = not command.word_and_path[1]
    if not wrong:
        return None
    code, text = spec.wrong_argument
    shown = command.text.rstrip()
    return Reply(code, text.format(text=shown, name=spec.name))


def site_argument_error(spec: SiteSpec, command: Command) -> Reply | None:
    """The reply to a SITE command with too few words, or None."""
    if len(command.words) >= spec.words:
        return None
    shown = command.text.rstrip() if spec.engine is Engine.ALWAYS else spec.name
    return Reply(500, f"'SITE {shown}' not understood")


def parse_site(argument: str) -> tuple[SiteSpec | None, Command]:
    """The SITE command in SITE's argument; the command's `spec` is None, its `text` the argument."""
    verb, _, rest = argument.partition(" ")
    name = verb.upper()
    return SITE_COMMANDS.get(name), Command(name, rest.lstrip(" "), None, argument)

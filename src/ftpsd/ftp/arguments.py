"""Where in a command's argument its path stands."""

from __future__ import annotations

from ftpsd.ftp import digests, listing
from ftpsd.ftp.commands import Command, CommandSpec, PathArgument, SiteSpec


def written_path(command: Command, spec: CommandSpec | SiteSpec) -> str:
    """The path in the argument as the client wrote it; "" when there is none. `spec` is that of the command."""
    match spec.path:
        case PathArgument.WHOLE:
            return command.argument
        case PathArgument.AFTER_WORD:
            return command.word_and_path[1]
        case PathArgument.AFTER_OPTIONS:
            return listing.split(command.argument)[1] or ""
        case PathArgument.BEFORE_RANGE:
            return digests.split(command.argument)[0]
    return ""

"""What the command table says about access control: how <Limit>, PathAllowFilter and PathDenyFilter look at a command.

A command is judged by a place: the current directory, or what its path means. `reply` is the answer to whoever may not
use it there; `{name}` in it is the command, `{argument}` its argument, `{shown}` the path as the client wrote it.

Codes and texts are ProFTPD 1.3.8's. Commands that it does not look at (TYPE, ABOR, QUIT …) are here covered by a
<Limit> that names them, and by nothing else: not by ALL (`by_all`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Judged(Enum):
    """The place that decides whether a command may be used."""

    CURRENT = "the current directory"
    ABOVE = "the directory above"
    LEADS = "what the path leads to"
    ENTRY = "the entry that the path names"
    HANDLER = "more than the table says"


NOT_PERMITTED = (550, "{shown}: Operation not permitted")
DENIED = (550, "{shown}: Permission denied")
ABSENT = (550, "{shown}: No such file or directory")


@dataclass(frozen=True, slots=True)
class Limiting:
    """How <Limit> sees one command.

    place           what it is judged by
    reply           the answer when it is refused
    by_all          <Limit ALL> covers it
    by_word         <Limit NAME_WORD> does, WORD being its first word (OPTS_MLST)
    of_place        DenyAll outside of <Limit> covers it
    existing_first  what is not there is answered as such, whatever the limits are
    fixed           the path that it means whatever its argument is
    path_filter     PathAllowFilter and PathDenyFilter look at the path as written, or at the whole path
    filter_reply    the answer when one of those refuses it
    """

    place: Judged = Judged.CURRENT
    reply: tuple[int, str] = (550, "{name}: Operation not permitted")
    by_all: bool = False
    by_word: bool = False
    of_place: bool = True
    existing_first: bool = False
    fixed: str | None = None
    path_filter: Literal["none", "argument", "path"] = "none"
    filter_reply: tuple[int, str] = (550, "{argument}: Forbidden filename")


RAW_ONLY = Limiting(of_place=False)


def here(code: int, text: str, *, by_all: bool = True) -> Limiting:
    """Judged by the current directory."""
    return Limiting(reply=(code, text), by_all=by_all)


def entry(reply: tuple[int, str]) -> Limiting:
    """What makes, removes or renames an entry of a directory."""
    return Limiting(Judged.ENTRY, reply, by_all=True, path_filter="argument")


def leads(
    reply: tuple[int, str] = NOT_PERMITTED, *, existing_first: bool = False,
    path_filter: Literal["none", "argument", "path"] = "none",
) -> Limiting:
    """What is done with that to which a path leads."""
    return Limiting(
        Judged.LEADS, reply, by_all=True, existing_first=existing_first, path_filter=path_filter)


UNABLE = (550, "Unable to handle command")
OF_HANDLER = Limiting(Judged.HANDLER, by_all=True)
OF_HANDLER_RAW = Limiting(Judged.HANDLER)
CHDIR = Limiting(Judged.LEADS, ABSENT, by_all=True, existing_first=True)

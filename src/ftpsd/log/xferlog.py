"""The TransferLog's format, xferlog(5): one line per file, fourteen fields between blanks.

    Sat Nov 21 10:29:46 2026 0 client 1000 /srv/a.txt b _ o r joe ftps 0 * c time                     s
    host   bytes path      type, action, direction, access, user, service, ident, *, status

The path is the real one; blanks and control characters in any field become `_`, since the format knows no
quoting. The 0 is 1 where IdentLookups is on, whatever the client's ident server said; the field behind it is `*` where
that named nobody.
"""

from __future__ import annotations

from ftpsd.log import stamps
from ftpsd.log.escape import one_word
from ftpsd.log.events import Event, FileDeleted, Origin, TransferEnded

_DIRECTIONS = {"in": "i", "out": "o"}


def line(event: Event, origin: Origin, now: float) -> str | None:
    """The line of a transfer or deletion that ended at `now` (seconds since the epoch).

    None for other events.
    """
    match event:
        case TransferEnded():
            return _line(
                origin, now, seconds=event.seconds, size=event.transferred, path=event.path,
                mode="a" if event.ascii else "b", direction=_DIRECTIONS[event.direction],
                complete=event.complete,
            )
        case FileDeleted():
            return _line(
                origin, now, seconds=0, size=event.size, path=event.path,
                mode="a" if event.ascii else "b", direction="d", complete=True,
            )
    return None


def _line(
    origin: Origin, now: float, *, seconds: float, size: int, path: str, mode: str, direction: str,
    complete: bool,
) -> str:
    fields = (
        stamps.xferlog(now), str(round(seconds)), one_word(origin.peer_name or origin.peer), str(size),
        one_word(path), mode, "_", direction, "a" if origin.anonymous else "r",
        one_word(origin.email if origin.anonymous and origin.email else origin.user),
        "ftps" if origin.secure else "ftp", "0" if origin.ident is None else "1", one_word(origin.ident or "*"),
        "c" if complete else "i",
    )
    return " ".join(fields)

"""How a transfer ended, as a value, and what follows from it.

The end of the data is a fact that the transport states and that nobody may guess: an upload whose TLS stream
was cut looks, byte for byte, like a shorter file. So the pump reports why it stopped, `classify` turns that
into an `End`, and reply, log line and the fate of the partial file are decided here, without I/O.

A plain FIN on a TLS upload (no close_notify) is the one end that has two honest readings: a truncation, or
one of the clients that never send close_notify. `UploadEnd` (the setting) and what this client's *earlier*
data connections did decide; an upload is never its own evidence.
"""

from __future__ import annotations

import errno as errors
import os
from collections.abc import Iterable
from enum import Enum
from typing import Literal, NamedTuple

from ftpsd.reasons.codes import Code, Good, marked
from ftpsd.reasons.system import code_of
from ftpsd.settings.transfer import UploadEnd

CloseStyle = Literal["notify", "fin"]


class End(Enum):
    """Why a transfer stopped; the value is the stable reason code (see `Outcome.reason`)."""

    COMPLETE = Good.TRANSFER_COMPLETE
    ABORTED = Code.TRANSFER_ABORTED
    VANISHED = Code.CONTROL_CONNECTION_LOST
    RESET = Code.DATA_RESET
    TRUNCATED = Code.DATA_TRUNCATED
    STALLED = Code.DATA_STALLED
    TLS_ERROR = Code.DATA_TLS_ERROR
    DEFLATE_BROKEN = Code.DEFLATE_BROKEN
    DEFLATE_CUT = Code.DEFLATE_CUT
    FILE_ERROR = Code.FILE_ERROR
    ENDED = Code.TRANSFER_CUT
    STORE_TOO_LARGE = Code.STORE_TOO_LARGE
    QUOTA_REACHED = Code.QUOTA_REACHED
    RETRIEVE_TOO_LARGE = Code.RETRIEVE_TOO_LARGE


_COMPLETE = End.COMPLETE


class Outcome(NamedTuple):
    """One finished transfer: `transferred` payload bytes in `seconds`; `errno` when a file system said no."""

    end: End
    transferred: int = 0
    seconds: float = 0.0
    errno: int = 0
    detail: str = ""

    @property
    def complete(self) -> bool:
        return self.end is _COMPLETE

    @property
    def reason(self) -> Code | Good:
        """The stable reason code: the end's, or what the file system said."""
        return code_of(self.errno) if self.end is End.FILE_ERROR else self.end.value


def accepts_plain_fin(policy: UploadEnd, earlier: Iterable[CloseStyle]) -> bool:
    """Whether a TLS upload that ended with a FIN and no close_notify counts as complete.

    `earlier` holds how the client closed the data connections of this session on which it only *received*.
    """
    if policy == "lenient":
        return True
    if policy == "strict":
        return False
    seen = frozenset(earlier)
    return seen == {"fin"}


def classify(stop: str, *, receiving: bool, fin_accepted: bool) -> End:
    """The meaning of the pump's last word (see `native._openssl.Pump.run`)."""
    if stop == "eof":
        return End.COMPLETE if receiving and fin_accepted else End.TRUNCATED
    if stop == "limit" and receiving:
        return End.STORE_TOO_LARGE
    return _ENDS[stop]


_ENDS = {
    "done": End.COMPLETE,
    "limit": End.COMPLETE,
    "aborted": End.ABORTED,
    "reset": End.RESET,
    "stalled": End.STALLED,
    "tls": End.TLS_ERROR,
    "inflate": End.DEFLATE_BROKEN,
    "cut": End.DEFLATE_CUT,
    "file": End.FILE_ERROR,
}

_NO_SPACE = frozenset({errors.ENOSPC})
_OVER_LIMIT = frozenset({errors.EDQUOT, errors.EFBIG})


def reply_for(outcome: Outcome) -> tuple[int, str]:
    """The reply that ends the transfer command (RFC 959 section 4.2; ProFTPD's words)."""
    if outcome.end is _COMPLETE:
        return 226, "Transfer complete"
    code, text = _reply(outcome)
    return code, marked(text, outcome.reason)


def _reply(outcome: Outcome) -> tuple[int, str]:
    match outcome.end:
        case End.FILE_ERROR:
            return file_error_code(outcome.errno), f"Transfer aborted. {os.strerror(outcome.errno)}"
        case End.STORE_TOO_LARGE:
            return 552, "Transfer aborted. File too large"
        case End.QUOTA_REACHED:
            return 552, "Transfer aborted. Disk quota exceeded"
        case End.RETRIEVE_TOO_LARGE:
            return 426, "Transfer aborted. Operation not permitted"
        case End.TRUNCATED:
            return 426, "Transfer aborted. Data connection closed without TLS close_notify"
        case End.STALLED:
            return 426, "Transfer aborted. Data connection stalled"
        case End.TLS_ERROR:
            return 426, "Transfer aborted. TLS error on the data connection"
        case End.DEFLATE_BROKEN:
            return 451, "Transfer aborted. The compressed data is broken"
        case End.DEFLATE_CUT:
            return 426, "Transfer aborted. Data connection closed before the end of the compressed data"
        case _:
            return 426, "Transfer aborted. Data connection closed"


def file_error_code(number: int) -> int:
    """The reply's code for what a file system said (errno) while a file was being written."""
    if number in _NO_SPACE:
        return 452
    return 552 if number in _OVER_LIMIT else 451


def keeps_partial(outcome: Outcome, *, hidden: bool, delete_aborted: bool | None) -> bool:
    """Whether the file of an upload that did not complete stays.

    DeleteAbortedStores decides where it is set; without it a hidden store is discarded (the visible file
    was never touched) and a direct one is kept, so that the client can resume it with REST or APPE.
    """
    if outcome.complete:
        return True
    return not (hidden if delete_aborted is None else delete_aborted)
